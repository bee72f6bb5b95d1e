"""ONNX Runtime."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from isogloss.engines.base import Engine, package
from isogloss.engines.int8 import PROPERTY

if TYPE_CHECKING:
    import numpy as np

log = logging.getLogger("isogloss")


class OnnxEngine(Engine):
    """A network for ONNX Runtime. Its int8 graphs quantise every piece by itself, so that batches change nothing."""

    name: ClassVar[str] = "onnx"
    files: ClassVar[tuple[str, ...]] = ("model.onnx", "model.onnx.data")
    pieces_per_batch: ClassVar[int] = 512

    def open(self, threads: int) -> None:
        runtime = package("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session: Any = runtime.InferenceSession(
            self.folder / "model.onnx", options, providers=["CPUExecutionProvider"]
        )
        if PROPERTY in self.session.get_modelmeta().custom_metadata_map and not multiplies_int8_exactly():
            log.warning(
                "This processor has no VNNI instructions: sums of 8-bit products may overflow, so that answers differ "
                "from those measured at the export. Export without --int8 for it."
            )

    def run(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        logits: np.ndarray = self.session.run(["logits"], dict(inputs))[0]
        return logits


def multiplies_int8_exactly() -> bool:
    """Whether ONNX Runtime's products of unsigned by signed bytes are exact here: on x86 that takes VNNI or AMX."""
    import torch

    flags = torch.cpu.get_capabilities()
    there = any(flags.get(name) for name in ("avx512_vnni", "avx_vnni", "amx_int8"))
    return bool(there) or not str(flags.get("architecture", "")).startswith(("x86", "i"))
