"""ONNX Runtime."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from isogloss.engines.base import Engine, package

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

    def run(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        logits: np.ndarray = self.session.run(["logits"], dict(inputs))[0]
        return logits
