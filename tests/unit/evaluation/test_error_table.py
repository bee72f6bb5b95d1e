"""Error tables: exact on small cases, counts that add up on any spans, texts cut with offsets that still hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isogloss.evaluation.errors import SPAN_KINDS, TEXT_LIMIT, classify_spans, error_table, frequent_confusions
from isogloss.example import Example
from isogloss.tasks import Classification, Pair, QuestionAnswering, Tagging

LABELLING = Classification(labels=("neg", "pos"))
SPANS = Tagging(labels=("LOC", "PER"))
Spans = list[tuple[int, int, str]]


def example(number: int | str, **fields: Any) -> Example:
    return Example(id=str(number), lang="eng", fields=fields)


def sentences(*items: tuple[str, Spans]) -> list[Example]:
    return [example(i, text=text, gold=tuple(gold), units=(), tags=()) for i, (text, gold) in enumerate(items)]


def test_labels() -> None:
    gold = ["pos", "pos", "neg", "neg", "neg"]
    predicted = ["pos", "neg", "neg", "pos", "pos"]
    table = error_table(LABELLING, [example(i, text=f"text {i}", label=g) for i, g in enumerate(gold)], predicted)
    assert table["confusion"] == {"labels": ["neg", "pos"], "counts": [[1, 2], [1, 1]]}
    assert table["examples"] == [
        {"id": "1", "text": "text 1", "gold": "pos", "predicted": "neg"},
        {"id": "3", "text": "text 3", "gold": "neg", "predicted": "pos"},
        {"id": "4", "text": "text 4", "gold": "neg", "predicted": "pos"},
    ]


def test_a_gold_label_outside_the_label_set_gets_a_row_of_its_own() -> None:
    table = error_table(LABELLING, [example(0, text="a", label="mixed")], ["neg"])
    assert table["confusion"] == {"labels": ["neg", "pos", "mixed"], "counts": [[0, 0, 0], [0, 0, 0], [1, 0, 0]]}


def test_pairs_show_both_texts() -> None:
    table = error_table(Pair(labels=("no", "yes")), [example(0, text_a="a", text_b="b", label="yes")], ["no"])
    assert table["examples"] == [{"id": "0", "text": "a", "text_b": "b", "gold": "yes", "predicted": "no"}]


def test_a_regression_has_no_errors_to_show() -> None:
    task = Pair(labels=(), metric="spearman")
    assert error_table(task, [example(0, text_a="a", text_b="b", score=1.0)], [0.3]) == {}


def test_words() -> None:
    task = Tagging(labels=("ADJ", "NOUN", "VERB"), kind="words", metric="accuracy")
    examples = [
        example(0, text="old dogs", units=((0, 3), (4, 8)), tags=("ADJ", "NOUN")),
        example(1, text="run run", units=((0, 3), (4, 7)), tags=("VERB", "NOUN")),
    ]
    predictions = [[[0, 3, "ADJ"], [4, 8, "VERB"]], [[0, 3, "NOUN"], [4, 7, "VERB"]]]
    table = error_table(task, examples, predictions)
    assert table["confusion"]["counts"] == [[1, 0, 0], [0, 0, 2], [0, 1, 0]]
    assert table["frequent"] == [
        {"gold": "NOUN", "predicted": "VERB", "count": 2},
        {"gold": "VERB", "predicted": "NOUN", "count": 1},
    ]


def test_only_the_most_frequent_confusions_are_listed() -> None:
    size = 6
    labels = [f"t{i}" for i in range(size)]
    counts = [[1 + g * size + p for p in range(size)] for g in range(size)]
    top = frequent_confusions({"labels": labels, "counts": counts})
    assert len(top) == 12
    assert top[0] == {"gold": "t5", "predicted": "t4", "count": 35}
    assert [cell["count"] for cell in top] == sorted((cell["count"] for cell in top), reverse=True)


def test_spans() -> None:
    gold: Spans = [(0, 4, "PER"), (5, 9, "PER"), (10, 14, "LOC"), (15, 19, "LOC")]
    predicted = [[0, 4, "PER"], [5, 9, "LOC"], [10, 13, "LOC"], [20, 24, "PER"]]
    right = [[0, 4, "PER"]]
    examples = sentences(("aaaa bbbb cccc dddd eeee", gold), ("aaaa", [(0, 4, "PER")]))
    table = error_table(SPANS, examples, [predicted, right])
    assert table["spans"] == {"correct": 2, "wrong_type": 1, "wrong_border": 1, "missed": 1, "spurious": 1}
    assert table["examples"] == [
        {"id": "0", "text": "aaaa bbbb cccc dddd eeee", "gold": [list(s) for s in gold], "predicted": predicted}
    ]


@st.composite
def disjoint_spans(draw: st.DrawFn) -> Spans:
    borders = sorted(draw(st.sets(st.integers(0, 40), max_size=12)))
    pairs = list(zip(borders[::2], borders[1::2], strict=False))
    return [(start, end, draw(st.sampled_from(["PER", "LOC"]))) for start, end in pairs]


@given(disjoint_spans(), disjoint_spans())
def test_every_gold_span_is_counted_once(gold: Spans, predicted: Spans) -> None:
    counts = classify_spans(gold, predicted)
    assert sum(counts[kind] for kind in SPAN_KINDS[:4]) == len(gold)
    assert counts["correct"] == len(set(gold) & set(predicted))
    touching = sum(any(p[0] < g[1] and g[0] < p[1] for g in gold) for p in predicted)
    assert counts["spurious"] == len(predicted) - touching
    swapped = classify_spans(predicted, gold)
    assert (swapped["correct"], swapped["wrong_type"]) == (counts["correct"], counts["wrong_type"])
    assert (swapped["missed"], swapped["spurious"]) == (counts["spurious"], counts["missed"])


@given(disjoint_spans())
def test_a_perfect_prediction_has_no_examples(gold: Spans) -> None:
    table = error_table(SPANS, sentences(("x" * 50, gold)), [[list(span) for span in gold]])
    assert table["examples"] == []
    assert table["spans"] == dict.fromkeys(SPAN_KINDS, 0) | {"correct": len(gold)}


@given(st.integers(0, 900), st.integers(1, 12), st.booleans())
def test_offsets_hold_in_a_long_text_that_is_cut(start: int, length: int, spaces: bool) -> None:
    text = "".join(" " if spaces and i % 7 == 0 else chr(0x4E00 + i) for i in range(1000))
    span = (start, start + length, "LOC")
    (row,) = error_table(SPANS, sentences((text, [span])), [[]])["examples"]
    assert len(row["text"]) <= TEXT_LIMIT
    assert [row["text"][s:e] for s, e, _ in row["gold"]] == [text[start : start + length]]


def test_a_span_across_the_cut_is_cut_too() -> None:
    examples = sentences(("x" * 900, [(0, 5, "PER"), (5, 900, "LOC")]))
    (row,) = error_table(SPANS, examples, [[(5, 900, "LOC")]])["examples"]
    assert row["text"] == "x" * 298 + "…"
    assert row["gold"] == [[0, 5, "PER"], [5, 298, "LOC"]]


@pytest.mark.parametrize("texts", [["short"] * 100, ["long " * 100] * 100])
def test_examples_are_spread_over_the_file_and_always_the_same(texts: Sequence[str]) -> None:
    examples = [example(i, text=text, label="neg") for i, text in enumerate(texts)]
    chosen = [int(row["id"]) for row in error_table(LABELLING, examples, ["pos"] * 100)["examples"]]
    assert len(chosen) == 8
    assert max(b - a for a, b in zip([0, *chosen], [*chosen, 99], strict=True)) <= 15
    assert chosen == [int(row["id"]) for row in error_table(LABELLING, examples, ["pos"] * 100)["examples"]]


def test_short_texts_are_preferred() -> None:
    texts = ["long " * 100 if i % 2 else "short" for i in range(40)]
    examples = [example(i, text=text, label="neg") for i, text in enumerate(texts)]
    table = error_table(LABELLING, examples, ["pos"] * 40)
    assert {row["text"] for row in table["examples"]} == {"short"}


def test_answers_are_right_missed_invented_or_wrong_at_their_borders() -> None:
    context = "Ada Lo met Ada Lo in Rome in 1903."
    task = QuestionAnswering(labels=("answer", "none"))
    golds = (["Rome"], ["Rome"], ["Ada Lo"], ["Rome", "1903"], [])
    examples = [
        Example(
            id=str(n),
            lang="eng",
            fields=QuestionAnswering.parse({"context": context, "question": f"{n}?", "answers": gold}),
        )
        for n, gold in enumerate(golds)
    ]
    none = {"text": "", "start": None, "end": None}
    predictions = [
        {"text": "Rome", "start": 21, "end": 25},
        none,
        {"text": "Ada Lo", "start": 11, "end": 17},  # the same words elsewhere
        {"text": "in 1903", "start": 26, "end": 33},
        {"text": "Ada", "start": 0, "end": 3},
    ]
    table = error_table(task, examples, predictions)
    assert table["spans"] == {"correct": 2, "wrong_type": 0, "wrong_border": 1, "missed": 1, "spurious": 1}
    assert [(row["id"], row["text_b"], row["gold"], row["predicted"]) for row in table["examples"]] == [
        ("1", "1?", [[21, 25, "answer"]], []),
        ("3", "3?", [[29, 33, "answer"]], [[26, 33, "answer"]]),
        ("4", "4?", [], [[0, 3, "answer"]]),
    ]
