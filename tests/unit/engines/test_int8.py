"""What eight bits do to weights, to activations and to the averaging layer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from isogloss import Problem, System
from isogloss.engines.int8 import integers, quantise

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")


@given(arrays(np.float32, (5, 7), elements=st.floats(-1e4, 1e4, width=32)), st.sampled_from([0, 1]))
def test_no_value_is_further_from_its_weight_than_half_a_step(weights: np.ndarray, axis: int) -> None:
    values, scale = integers(weights, axis)
    assert values.dtype == np.int8
    assert np.all(np.abs(values * scale - weights) <= scale * (0.5 + 1e-4) + 1e-30)


def product_graph(weights: np.ndarray) -> onnx.ModelProto:
    from onnx import TensorProto, helper, numpy_helper

    depth, width = weights.shape
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", "length", depth])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", "length", width])],
        [numpy_helper.from_array(weights, "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def test_a_piece_is_not_touched_by_a_loud_neighbour() -> None:
    """One scale for the batch would lose the quiet row beside the loud one; a scale for each piece does not."""
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(16, 8)).astype(np.float32)
    model = product_graph(weights)
    quantise(model, activations=True)
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    quiet = rng.normal(size=(1, 1, 16)).astype(np.float32)
    alone = session.run(None, {"x": quiet})[0]
    beside = session.run(None, {"x": np.concatenate([quiet, 1e4 * quiet, 0 * quiet], axis=1)})[0]
    assert np.array_equal(alone[0, 0], beside[0, 0])
    assert np.abs(alone[0, 0] - (quiet @ weights)[0, 0]).max() < 0.1
    assert np.array_equal(beside[0, 2], np.zeros(8))


def test_weights_alone_are_stored_in_a_quarter() -> None:
    weights = np.random.default_rng(0).normal(size=(256, 256)).astype(np.float32)
    model = product_graph(weights)
    before = len(model.SerializeToString())
    quantise(model, activations=False)
    assert len(model.SerializeToString()) < 0.3 * before
    assert [node.op_type for node in model.graph.node] == ["DequantizeLinear", "MatMul"]


def test_the_averaging_layer_has_no_matrix_left(
    untrained: Callable[..., System], tiny_problem: Callable[..., Problem], tmp_path: Path
) -> None:
    """Its weights are 16384 and 0: quantised beside others, or rounded, the mean would be lost."""
    from isogloss.engines.graph import write_network
    from isogloss.nets.mean_pooling import SCALE, append_mean_pooling, has_mean_pooling

    system = untrained(tiny_problem("classification").task)
    assert system.base is not None
    append_mean_pooling(system.base.model.base_model)
    write_network("onnx", system.base.model, system.base.tokenizer, tmp_path, int8=False)
    assert has_mean_pooling(system.base.model.base_model)  # put back afterwards
    graph = onnx.load(tmp_path / "model.onnx").graph
    arrays_ = [onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer]
    assert not [a for a in arrays_ if a.ndim == 2 and np.abs(a).max() >= SCALE]
    products = [n for n in graph.node if n.op_type == "MatMul" and n.input[1] in {t.name for t in graph.initializer}]
    assert len(products) == 2 * 6  # two layers of query, key, value, output and two of feed-forward


def test_a_processor_without_vnni_is_spoken_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path, tiny_backbone: Path
) -> None:
    import shutil

    import torch

    from isogloss.engines import load_engine

    model = product_graph(np.eye(4, dtype=np.float32))
    shutil.copy2(tiny_backbone / "config.json", tmp_path / "config.json")
    (tmp_path / "model.onnx.data").touch()
    for int8 in (False, True):
        if int8:
            quantise(model, activations=True)
        onnx.save(model, tmp_path / "model.onnx")
        for flags, warned in (({"architecture": "x86_64"}, int8), ({"architecture": "aarch64"}, False),
                              ({"architecture": "x86_64", "avx_vnni": True}, False)):  # fmt: skip
            caplog.clear()
            monkeypatch.setattr(torch.cpu, "get_capabilities", lambda flags=flags: flags)
            with caplog.at_level(logging.WARNING, "isogloss"):
                load_engine("onnx", tmp_path)
            assert ("VNNI" in caplog.text) == warned
