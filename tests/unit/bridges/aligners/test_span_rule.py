"""From linked words to a span: stray links, punctuation, gaps, ties."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isogloss.bridges.aligners.spans import is_punctuation, span_of
from isogloss.languages import units

TEXT = "in the United States of America , said Kori ."
UNITS = units(TEXT)
WORDS = [TEXT[start:end] for start, end in UNITS]


def found(*words: str, **options: object) -> str | None:
    span = span_of([WORDS.index(word) for word in words], UNITS, TEXT, **options)  # type: ignore[arg-type]
    return None if span is None else TEXT[slice(*span)]


def test_the_largest_group_survives_a_stray_link() -> None:
    assert found("United", "States", "Kori") == "United States"
    assert found("United", "States", "Kori", rule="min_max") == "United States of America , said Kori"


def test_a_gap_of_one_word_is_bridged_whatever_the_width_of_the_groups() -> None:
    assert found("United", "States", "America") == "United States of America"
    assert found("United", "States", "America", gap=0) == "United States"
    assert found("in", "the", "States", "of", "America") == "in the United States of America"
    assert found("the", "America", gap=3) == "the United States of America"
    assert found("the", "America", gap=2) == "America"


def test_equal_groups_go_by_characters_then_by_place() -> None:
    assert found("the", "America") == "America"
    assert span_of([0, 4], [(n, n + 1) for n in range(5)], "abcde") == (0, 1)


def test_punctuation_is_no_part_of_a_span_but_of_a_gap() -> None:
    assert found("America", ",") == "America"
    assert found(",", ".") is None
    assert found("America", ",", "said") == "America , said"
    assert found() is None


@pytest.mark.parametrize(("word", "is_it"), [(",", True), ("«", True), ("……", True), ("。", True), ("、", True),
                                             ("%", False), ("％", False), ("&", False), ("$", False), ("a.", False),
                                             ("٪", True)])  # fmt: skip
def test_what_counts_as_punctuation(word: str, is_it: bool) -> None:
    assert is_punctuation(word) is is_it


@given(st.sets(st.integers(0, 19), max_size=12), st.integers(0, 4))
def test_the_span_is_the_hull_of_linked_words_without_a_large_gap(linked: set[int], gap: int) -> None:
    text = " ".join("abcdefghijklmnopqrst")
    places = units(text)
    span = span_of(linked, places, text, gap=gap)
    whole = span_of(linked, places, text, rule="min_max")
    assert (span is None) == (not linked)
    if span is None or whole is None:
        assert whole is None
        return
    inside = sorted(word for word in linked if span[0] <= places[word][0] and places[word][1] <= span[1])
    assert (places[inside[0]][0], places[inside[-1]][1]) == span
    assert all(b - a - 1 <= gap for a, b in pairwise(inside))
    assert whole[0] <= span[0] < span[1] <= whole[1]
    assert span_of(sorted(linked, reverse=True), places, text, gap=gap) == span
    # Every group that could be made is at most as large.
    for start in linked:
        group = {start}
        while grown := {w for w in linked - group if min(abs(w - g) for g in group) <= gap + 1}:
            group |= grown
        assert len(group) <= len(inside)
