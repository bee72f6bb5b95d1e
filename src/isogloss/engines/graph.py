"""A torch network as ONNX or OpenVINO files."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isogloss.engines.base import package
from isogloss.engines.int8 import quantise
from isogloss.errors import ResourceError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

OPSET = 18
PACKAGES = {"onnx": ("onnx", "onnxscript", "onnxruntime"), "openvino": ("onnx", "onnxscript", "openvino")}


def write_network(
    engine: str, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path, *, int8: bool
) -> None:
    """Write a network's config and its files for an engine into an empty folder.

    The engine is ``onnx`` or ``openvino``, which is converted from the ONNX graph of the former. ``int8`` quantises
    matrices and embedding tables (see ``isogloss.engines.int8``).

    Raises:
        ResourceError: a package is not installed, or torch cannot trace the network.
    """
    check_packages(engine)
    import onnx

    folder.mkdir(parents=True, exist_ok=True)
    model.config.save_pretrained(folder)
    network = folder / "model.onnx"
    _trace(model, tokenizer, network)
    if int8:
        graph = onnx.load(network)
        quantise(graph, activations=engine == "onnx")
        for path in (network, folder / "model.onnx.data"):
            path.unlink()
        onnx.save_model(graph, network, save_as_external_data=True, location="model.onnx.data")
        del graph
    if engine == "openvino":
        openvino = package("openvino")
        openvino.save_model(openvino.convert_model(network), folder / "model.xml", compress_to_fp16=False)
        for path in (network, folder / "model.onnx.data"):
            path.unlink()


def check_packages(engine: str) -> None:
    """Raises ResourceError if a package that writing for an engine takes is not installed."""
    for name in PACKAGES[engine]:
        package(name)


def _trace(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, path: Path) -> None:
    """Both dimensions of the inputs, batch and length, stay free; weights go to a file beside, which can be mapped."""
    import torch

    from isogloss.nets.pointing import with_logits

    batch = tokenizer(["isogloss", "a line on the map"], padding=True, return_tensors="pt")
    inputs = {key: value for key, value in batch.items() if key in tokenizer.model_input_names}
    free = torch.export.Dim.DYNAMIC
    with _silence(), torch.no_grad():
        try:
            program: Any = torch.onnx.export(
                with_logits(model.eval()),
                kwargs=inputs,
                dynamo=True,
                dynamic_shapes={key: {0: free, 1: free} for key in inputs},
                output_names=["logits"],
                opset_version=OPSET,
                verbose=False,
            )
        except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0].rstrip(".")
            raise ResourceError(
                f"torch cannot write {type(model).__name__} as ONNX: {reason}", fix="Use --format torch"
            ) from error
        program.save(path, external_data=True)


@contextmanager
def _silence() -> Iterator[None]:
    """The exporter's warnings speak to torch's developers."""
    talkers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [talker.level for talker in talkers]
    for talker in talkers:
        talker.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for talker, level in zip(talkers, levels, strict=True):
            talker.setLevel(level)
