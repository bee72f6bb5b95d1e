"""Spans and their scores equal seqeval's strict IOB2, also on illegal tags; tags and spans round-trip."""

from __future__ import annotations

import time
import warnings
from collections import Counter

import numpy as np
import pytest
from seqeval.metrics.v1 import precision_recall_fscore_support
from seqeval.scheme import IOB2, Tokens

from isogloss.errors import DataError
from isogloss.metrics import Span, interval, ones, repair, resamples, span_scores, spans_of, tags_of

LABELS = ["O", *(f"{prefix}-{kind}" for prefix in "BI" for kind in ("PER", "LOC", "ORG"))]


def random_corpus(rng: np.random.Generator, items: int) -> tuple[list[list[str]], list[list[str]]]:
    """Gold and predicted tags, illegal ones included; the prediction keeps a random share of gold."""
    keep, outside = rng.random(), rng.choice([0.0, 0.3, 0.7])
    gold, pred = [], []
    for _ in range(items):
        length = int(rng.integers(1, 9))
        sides = [
            ["O" if rng.random() < outside else LABELS[rng.integers(len(LABELS))] for _ in range(length)] for _ in "gp"
        ]
        gold.append(sides[0])
        pred.append([g if rng.random() < keep else p for g, p in zip(*sides, strict=True)])
    silent = rng.random()  # a corpus now and then without gold or without predicted spans
    if silent < 0.1:
        gold = [["O"] * len(tags) for tags in gold]
    if 0.05 < silent < 0.15:
        pred = [["O"] * len(tags) for tags in pred]
    return gold, pred


def seqeval_scores(gold: list[list[str]], pred: list[list[str]]) -> tuple[float, float, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # undefined precision or recall
        precision, recall, f1, _ = precision_recall_fscore_support(gold, pred, scheme=IOB2, average="micro")
    return float(f1), float(precision), float(recall)


def ours(gold: list[list[str]], pred: list[list[str]], weights_RN: np.ndarray) -> np.ndarray:
    scores = span_scores([spans_of(tags) for tags in gold], [spans_of(tags) for tags in pred], weights_RN)
    return np.stack([scores["span_f1"], scores["precision"], scores["recall"]], axis=1)


def test_scores_equal_seqeval_on_ten_thousand_sequences() -> None:
    rng = np.random.default_rng(0)
    sizes = [1] * 200 + [5] * 360 + [40] * 200
    assert sum(sizes) == 10_000
    empty: Counter[tuple[bool, bool]] = Counter()
    partial = 0
    for size in sizes:
        gold, pred = random_corpus(rng, size)
        expected = seqeval_scores(gold, pred)
        np.testing.assert_allclose(ours(gold, pred, ones(size))[0], expected, atol=1e-12)
        empty[not any(map(spans_of, gold)), not any(map(spans_of, pred))] += 1
        partial += 0 < expected[0] < 1
    # The comparison is only worth something if the corpora are varied: every kind of 0/0, and mostly none.
    assert len(empty) == 4
    assert min(empty.values()) > 20
    assert partial > len(sizes) / 2


def test_resampled_scores_equal_seqeval_on_repeated_items() -> None:
    gold, pred = random_corpus(np.random.default_rng(1), 20)
    weights_RN = resamples({"eng": [str(n) for n in range(20)]}, count=30)["eng"]
    for row, got in zip(weights_RN, ours(gold, pred, weights_RN), strict=True):
        again = [[tags for tags, k in zip(side, row, strict=True) for _ in range(k)] for side in (gold, pred)]
        np.testing.assert_allclose(got, seqeval_scores(*again), atol=1e-12)


def test_spans_equal_seqeval_entities() -> None:
    for tags in random_corpus(np.random.default_rng(2), 500)[0]:
        expected = [(entity.start, entity.end, entity.tag) for entity in Tokens(tags, IOB2).entities]
        assert spans_of(tags) == expected


def test_an_inside_tag_that_continues_nothing_is_no_span() -> None:
    assert spans_of(["I-PER", "I-PER"]) == []
    assert spans_of(["B-PER", "I-LOC", "I-PER"]) == [(0, 1, "PER")]
    assert spans_of(["B-PER", "O", "I-PER"]) == [(0, 1, "PER")]
    assert spans_of(["B-PER", "B-PER", "I-PER"]) == [(0, 1, "PER"), (1, 3, "PER")]
    assert spans_of(["B-work-of-art", "I-work-of-art"]) == [(0, 2, "work-of-art")]
    assert spans_of(["B", "I", "O"]) == [(0, 2, "_")]
    assert spans_of([]) == []


@pytest.mark.parametrize("tag", ["S-PER", "PER", "", "b-PER", "BPER"])
def test_other_schemes_are_refused(tag: str) -> None:
    with pytest.raises(DataError, match="is not IOB2"):
        spans_of(["O", tag])
    with pytest.raises(DataError, match="is not IOB2"):
        repair([tag])


def test_repair_opens_a_span_where_one_was_missing() -> None:
    tags = ["I-PER", "I-PER", "O", "I-LOC", "I-PER", "B-ORG", "I-ORG", "I-LOC"]
    assert repair(tags) == ["B-PER", "I-PER", "O", "B-LOC", "B-PER", "B-ORG", "I-ORG", "B-LOC"]


def test_repair_leaves_nothing_outside_and_legal_tags_alone() -> None:
    for tags in random_corpus(np.random.default_rng(3), 300)[0]:
        repaired = repair(tags)
        assert sum(end - start for start, end, _ in spans_of(repaired)) == sum(tag != "O" for tag in tags)
        assert repair(repaired) == repaired
        assert set(spans_of(tags)) <= set(spans_of(repaired))
        assert tags_of(spans_of(repaired), len(tags)) == repaired


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([(0, 2, "PER"), (1, 3, "LOC")], "overlaps"),
        ([(0, 2, "PER"), (0, 2, "PER")], "overlaps"),
        ([(1, 1, "PER")], "empty or leaves"),
        ([(-1, 1, "PER")], "empty or leaves"),
        ([(2, 4, "PER")], "empty or leaves"),
    ],
)
def test_spans_that_tags_cannot_hold_are_refused(spans: list[Span], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tags_of(spans, 3)


def test_zero_by_zero_is_zero_and_weight_zero_is_nan() -> None:
    rows = np.array([[1, 0], [0, 1], [0, 0]])
    scores = span_scores([[], [(0, 1, "PER")]], [[], []], rows)
    for name in ("span_f1", "precision", "recall"):
        np.testing.assert_array_equal(scores[name], [0.0, 0.0, np.nan])
    assert np.isnan(span_scores([], [], ones(0))["span_f1"]).tolist() == [True]


def test_nested_spans_count_and_repeated_ones_count_once() -> None:
    gold = [[(0, 3, "ORG"), (1, 2, "LOC")]]
    scores = span_scores(gold, [[(1, 2, "LOC"), (1, 2, "LOC"), (0, 3, "PER")]], ones(1))
    assert {name: values.tolist() for name, values in scores.items()} == {
        "span_f1": [0.5],
        "precision": [0.5],
        "recall": [0.5],
    }


def test_perfect_predictions_on_a_thousand_items_in_under_a_second() -> None:
    rng = np.random.default_rng(4)
    spans = [[(s, s + 2, "PER") for s in range(0, int(rng.integers(2, 20)), 3)] for _ in range(1000)]
    weights_RN = resamples({"eng": [str(n) for n in range(1000)]})["eng"]
    start = time.perf_counter()
    scores = span_scores(spans, spans, weights_RN)
    assert time.perf_counter() - start < 1.0
    assert all(interval(values) == (1.0, 1.0) for values in scores.values())
