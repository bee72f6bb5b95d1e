"""Integers of eight bits in an ONNX graph: embedding rows, matrices and, for ONNX Runtime, activations.

Tables that are looked up get a scale for each row, matrices one for each output channel; both are symmetric. Classifier
and pooler (``Gemm`` nodes), attention scores, norms and biases stay in float32.

Activations get a scale for every single piece, computed as the network runs. The usual dynamic quantisation has one for
the whole batch, so that what a sentence is batched with changes its logits; a scale for each piece makes the answer
independent of it, bit for bit, and loses about half as much (measured figures: docs/export.md). Without ``activations``
only the weights are stored as integers, in the form that OpenVINO recognises and computes with as it sees fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

MOST = 127
ZERO = 128
"""What stands for 0 in the unsigned activations: integer kernels multiply unsigned by signed fastest."""
CONTRIB = "com.microsoft"
PROPERTY = "isogloss.activations"
"""Metadata of graphs whose matrix products are computed in integers."""


def quantise(model: ModelProto, *, activations: bool) -> None:
    """Quantise a float32 graph in place.

    Args:
        model: a graph whose large weights are the second input of ``MatMul`` or the first of ``Gather``.
        activations: compute the matrix products in integers (ONNX Runtime's own operator).
    """
    from onnx import helper, numpy_helper

    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer if len(tensor.dims) == 2}
    floats = {name: numpy_helper.to_array(t) for name, t in weights.items() if t.data_type == 1}
    added: dict[str, np.ndarray] = {}
    nodes: list[NodeProto] = []
    scaled: set[str] = set()
    for node in graph.node:
        if node.op_type == "Gather" and node.input[0] in floats:
            nodes += _rows(node, floats[node.input[0]], added)
        elif node.op_type == "MatMul" and node.input[1] in floats and activations:
            if node.input[0] not in scaled:
                scaled.add(node.input[0])
                nodes += _activation(node.input[0], added)
            nodes += _product(node, floats[node.input[1]], added)
        elif node.op_type == "MatMul" and node.input[1] in floats:
            nodes += _stored(node, floats[node.input[1]], added)
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in added.items())
    used = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    if activations:
        helper.set_model_props(model, {PROPERTY: "int8"})
    if activations and not any(entry.domain == CONTRIB for entry in model.opset_import):
        model.opset_import.append(helper.make_opsetid(CONTRIB, 1))


def integers(weights: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric int8 values and their float32 scales; ``axis`` (kept, of size 1) is the one that shares a scale.

    A row or channel of zeros has scale 1. No value is further from its weight than half its scale.
    """
    scale = np.abs(weights).max(axis, keepdims=True) / np.float32(MOST)
    scale = np.where(scale == 0, np.float32(1), scale)
    return np.rint(weights / scale).clip(-MOST, MOST).astype(np.int8), scale


def _rows(node: NodeProto, table_VD: np.ndarray, added: dict[str, np.ndarray]) -> list[NodeProto]:
    from onnx import TensorProto, helper

    table, ids = node.input
    out = node.output[0]
    added[f"{table}.int8"], added[f"{table}.scale"] = integers(table_VD, axis=1)
    return [
        helper.make_node("Gather", [f"{table}.int8", ids], [f"{out}.int8"]),
        helper.make_node("Gather", [f"{table}.scale", ids], [f"{out}.scale"]),
        helper.make_node("Cast", [f"{out}.int8"], [f"{out}.float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{out}.float", f"{out}.scale"], [out]),
    ]


def _activation(x: str, added: dict[str, np.ndarray]) -> list[NodeProto]:
    """Pieces divided by their own scale, as unsigned integers around 128."""
    from onnx import helper

    added |= {
        "int8.last": np.array([-1]),
        "int8.per_step": np.array(1 / MOST, np.float32),
        "int8.least": np.array(1e-12, np.float32),  # a piece of zeros is divided by this
        "int8.one": np.array(1, np.float32),
        "int8.zero": np.array(ZERO, np.uint8),
    }
    return [
        helper.make_node("Abs", [x], [f"{x}.abs"]),
        helper.make_node("ReduceMax", [f"{x}.abs", "int8.last"], [f"{x}.most"], keepdims=1),
        helper.make_node("Mul", [f"{x}.most", "int8.per_step"], [f"{x}.step"]),
        helper.make_node("Max", [f"{x}.step", "int8.least"], [f"{x}.scale"]),
        helper.make_node("Div", [x, f"{x}.scale"], [f"{x}.scaled"]),
        helper.make_node("QuantizeLinear", [f"{x}.scaled", "int8.one", "int8.zero"], [f"{x}.uint8"]),
    ]


def _product(node: NodeProto, weights_DE: np.ndarray, added: dict[str, np.ndarray]) -> list[NodeProto]:
    from onnx import helper

    x, weights = node.input
    out = node.output[0]
    added[f"{weights}.int8"], scale_1E = integers(weights_DE, axis=0)
    added[f"{weights}.scale"] = scale_1E[0]
    product = [f"{x}.uint8", f"{weights}.int8", "int8.one", f"{weights}.scale", "int8.zero"]
    return [
        helper.make_node("MatMulIntegerToFloat", product, [f"{out}.scaled"], domain=CONTRIB),
        helper.make_node("Mul", [f"{out}.scaled", f"{x}.scale"], [out]),
    ]


def _stored(node: NodeProto, weights_DE: np.ndarray, added: dict[str, np.ndarray]) -> list[NodeProto]:
    from onnx import helper

    x, weights = node.input
    added[f"{weights}.int8"], scale_1E = integers(weights_DE, axis=0)
    added[f"{weights}.scale"] = scale_1E[0]
    stored = helper.make_node(
        "DequantizeLinear", [f"{weights}.int8", f"{weights}.scale"], [f"{node.output[0]}.weights"], axis=1
    )
    return [stored, helper.make_node("MatMul", [x, f"{node.output[0]}.weights"], [node.output[0]])]
