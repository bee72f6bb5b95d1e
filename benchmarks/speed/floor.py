"""The floor under a training example: the operations that it cannot do without, at the rate of the matrix unit.

An operation is a multiplication or an addition, so that a multiply-add counts twice. Matrix products alone are counted,
and no padding.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

ROWS = 640
"""Rows of the measured products: a batch of 16 texts of 40 pieces."""


def operations(length: int, *, hidden: int, ffn: int, layers: int, labels: int, embeddings_train: bool) -> int:
    """Operations of the matrix products for one text of ``length`` pieces, forward and backward.

    Backward takes twice the operations of forward: a product for the gradient of each factor. Under frozen embeddings
    the first layer owes no gradient to its input.
    """
    attended = 4 * length**2 * hidden  # scores, and the mean of the values
    weighted = 2 * length * (4 * hidden**2 + 2 * hidden * ffn)
    head = 2 * hidden * (hidden + labels)  # pooler and classifier read one position
    total = 3 * (layers * (attended + weighted) + head)
    if not embeddings_train:
        total -= 2 * length * 3 * hidden**2
    return total


def matrix_rates(hidden: int, ffn: int, *, repeats: int = 7, calls: int = 20) -> dict[str, dict[str, float]]:
    """Operations per second of the products of a layer, by number format and shape; ``layer`` is their mix.

    The best of ``repeats`` timings of ``calls`` products each, with the threads that torch is set to.
    """
    import torch

    shapes = {(hidden, hidden): 4, (hidden, ffn): 1, (ffn, hidden): 1}
    rates: dict[str, dict[str, float]] = {}
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        rates[name], best = {}, {}
        for inner, outer in shapes:
            rows, weights = torch.randn(ROWS, inner).to(dtype), torch.randn(outer, inner).to(dtype)
            timings = []
            with torch.inference_mode():
                torch.nn.functional.linear(rows, weights)
                for _ in range(repeats):
                    started = time.perf_counter()
                    for _ in range(calls):
                        torch.nn.functional.linear(rows, weights)
                    timings.append((time.perf_counter() - started) / calls)
            best[inner, outer] = min(timings)
            rates[name][f"[{ROWS}x{inner}]x[{inner}x{outer}]"] = 2 * ROWS * inner * outer / min(timings)
        done = sum(2 * ROWS * inner * outer * times for (inner, outer), times in shapes.items())
        rates[name]["layer"] = done / sum(best[shape] * times for shape, times in shapes.items())
    return rates


def shares(
    lengths: Sequence[int],
    shape: Mapping[str, int],
    sides: Mapping[str, Mapping[str, Any]],
    rates: Mapping[str, Mapping[str, float]],
) -> dict[str, dict[str, Any]]:
    """For each side the floor of its own network and number format, and the share of that rate which it reaches.

    Args:
        lengths: pieces of the training texts.
        shape: hidden, ffn, layers, labels.
        sides: ``embeddings_train``, ``precision`` and the measured ``examples_per_second``.
        rates: what :func:`matrix_rates` returns.
    """
    table = {}
    for side, facts in sides.items():
        how = {"embeddings_train": facts["embeddings_train"]}
        work = fmean(operations(length, **shape, **how) for length in lengths)
        seconds = work / rates[facts["precision"]]["layer"]
        table[side] = {
            **how,
            "precision": facts["precision"],
            "operations_per_example": work,
            "floor_seconds_per_example": seconds,
            "seconds_per_example": 1 / facts["examples_per_second"],
            "share_of_matrix_rate": facts["examples_per_second"] * seconds,
        }
    return table
