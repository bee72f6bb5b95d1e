"""OpenVINO."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from isogloss.engines.base import Engine, package

if TYPE_CHECKING:
    import numpy as np

GROUP = "128"
"""Channels of an activation that share a scale where OpenVINO quantises activations as it runs (int8 networks only)."""


class OpenVinoEngine(Engine):
    """A network for OpenVINO on the processor, in float32 arithmetic unless its weights are int8.

    How it quantises activations depends on the shape of the batch, so that it is given one input at a time: then
    nothing else can change an answer, and nothing is spent on padding.
    """

    name: ClassVar[str] = "openvino"
    files: ClassVar[tuple[str, ...]] = ("model.xml", "model.bin")
    pieces_per_batch: ClassVar[int] = 1
    precision: ClassVar[str] = "f32"

    def open(self, threads: int) -> None:
        core = package("openvino").Core()
        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": self.precision,  # the default is bf16 where the processor has it
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": GROUP,
        }
        compiled = core.compile_model(core.read_model(self.folder / "model.xml"), "CPU", settings)
        self.request: Any = compiled.create_infer_request()

    def run(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        logits: np.ndarray = self.request.infer(dict(inputs))["logits"]
        return logits.copy()  # the request's own memory is written over by the next call
