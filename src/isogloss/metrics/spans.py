"""Labelled spans: IOB2 tags to spans and back, and strict span precision, recall and F1.

A span counts only if start, end and type all agree. On tags the scores equal those of ``seqeval`` with mode="strict"
and scheme=IOB2, micro-averaged; overlapping or nested spans, which tags cannot write, are scored the same way.

Shape letters: R resamples, N items.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from isogloss.errors import DataError
from isogloss.metrics.weights import Floats, Weights, as_weights, ratio

Span = tuple[int, int, str]
"""Start, end (exclusive) and type."""


def spans_of(tags: Sequence[str]) -> list[Span]:
    """The spans of one sequence of IOB2 tags, in order.

    Strict: only B-X opens a span, and only I-X of the same type directly behind prolongs it; any other I-X belongs to
    no span. A bare ``B`` or ``I`` has the type ``_``.

    Raises:
        DataError: a tag is neither ``O`` nor begins with ``B-`` or ``I-``.
    """
    spans: list[Span] = []
    for position, tag in enumerate(tags):
        prefix, kind = _split(tag)
        if prefix == "B":
            spans.append((position, position + 1, kind))
        elif prefix == "I" and spans and spans[-1][1:] == (position, kind):
            spans[-1] = (spans[-1][0], position + 1, kind)
    return spans


def repair(tags: Sequence[str]) -> list[str]:
    """The same tags with every I-X that continues nothing turned into B-X, so that strict reading loses no span.

    Raises:
        DataError: as ``spans_of``.
    """
    repaired: list[str] = []
    previous = ""  # the type of the span the last tag was in
    for tag in tags:
        prefix, kind = _split(tag)
        repaired.append(f"B-{kind}" if prefix == "I" and kind != previous else tag)
        previous = kind
    return repaired


def tags_of(spans: Collection[Span], length: int) -> list[str]:
    """IOB2 tags of a sequence of ``length`` tokens: the inverse of ``spans_of``.

    Raises:
        ValueError: a span is empty or leaves the sequence, or two spans overlap.
    """
    tags = ["O"] * length
    for start, end, kind in spans:
        if not 0 <= start < end <= length:
            raise ValueError(f"Span ({start}, {end}, {kind!r}) is empty or leaves a sequence of {length} tokens.")
        if any(tag != "O" for tag in tags[start:end]):
            raise ValueError(f"Span ({start}, {end}, {kind!r}) overlaps another; tags can hold only disjoint spans.")
        tags[start:end] = [f"B-{kind}"] + [f"I-{kind}"] * (end - start - 1)
    return tags


def span_scores(
    gold: Sequence[Collection[Span]], pred: Sequence[Collection[Span]], weights_RN: Weights
) -> dict[str, Floats]:
    """Micro-averaged strict scores of the spans of N items; a span given twice for an item counts once.

    Returns ``span_f1``, ``precision`` and ``recall``, each R values in [0, 1]. Without predicted spans precision is
    0.0, without gold spans recall is 0.0, without either F1 is 0.0; a resample of total weight 0 is nan.

    Raises:
        ValueError: gold, predictions and weights do not have the same number of items.
    """
    weights = as_weights(weights_RN, gold, pred)
    pairs = [(set(g), set(p)) for g, p in zip(gold, pred, strict=True)]
    counts_N3 = np.array([(len(g & p), len(g), len(p)) for g, p in pairs], dtype=np.float64).reshape(-1, 3)
    hits_R, gold_R, pred_R = (weights @ counts_N3).T
    scores = {
        "span_f1": ratio(2 * hits_R, gold_R + pred_R, empty=0.0),
        "precision": ratio(hits_R, pred_R, empty=0.0),
        "recall": ratio(hits_R, gold_R, empty=0.0),
    }
    for values_R in scores.values():
        values_R[weights.sum(axis=1) == 0] = np.nan
    return scores


def _split(tag: str) -> tuple[str, str]:
    """Prefix and type of a tag; ``O`` has the type ''."""
    if tag == "O":
        return "O", ""
    prefix, _, kind = tag.partition("-")
    if prefix not in ("B", "I"):
        raise DataError(f"Tag {tag!r} is not IOB2", fix="Write O, B-TYPE or I-TYPE")
    return prefix, kind or "_"
