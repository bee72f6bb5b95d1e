"""Automata over templates: what they accept, how often, and that nothing but markers is ever added."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from math import comb
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isogloss.bridges.automaton import OneSpan, Tags, prefix_allowed
from isogloss.errors import RecipeError

END = 0
OPEN, CLOSE = (91,), (93,)


def strings(automaton: Any) -> list[tuple[int, ...]]:
    """Everything an automaton accepts, by walking all of it."""
    accepted, waiting = [], [((), automaton.start)]
    while waiting:
        pieces, state = waiting.pop()
        if automaton.accepts(state):
            accepted.append(pieces)
        waiting.extend(((*pieces, piece), after) for piece, after in automaton.next(state).items())
    return accepted


def through_generate(automaton: Any) -> list[tuple[int, ...]]:
    """Everything ``generate`` could write with the automaton as its prefix_allowed_tokens_fn."""
    allowed = prefix_allowed(automaton, END)
    written, waiting = [], [(7,)]
    while waiting:
        ids = waiting.pop()
        for piece in allowed(0, list(ids)):
            written.append(ids[1:]) if piece == END else waiting.append((*ids, piece))
    return written


class TestOneSpan:
    @pytest.mark.parametrize("n", [0, 1, 2, 5, 9])
    def test_has_one_string_for_each_span(self, n: int) -> None:
        found = strings(OneSpan(range(1, n + 1), (OPEN, CLOSE)))
        assert len(found) == len(set(found)) == comb(n + 2, 2)
        assert len(strings(OneSpan(range(1, n + 1), (OPEN, CLOSE), empty=False))) == comb(n + 1, 2)

    @settings(deadline=None)
    @given(
        template=st.lists(st.integers(1, 4), max_size=6),
        opening=st.lists(st.integers(1, 6), min_size=1, max_size=3),
        closing=st.lists(st.integers(1, 6), min_size=1, max_size=3),
        empty=st.booleans(),
    )
    def test_accepts_exactly_the_template_with_markers(
        self, template: list[int], opening: list[int], closing: list[int], empty: bool
    ) -> None:
        """Also where markers read like the template or like each other."""
        automaton = OneSpan(template, (opening, closing), empty=empty)
        expected: dict[tuple[int, ...], set[tuple[int, int]]] = {}
        for i in range(len(template) + 1):
            for j in range(i + (not empty), len(template) + 1):
                string = (*template[:i], *opening, *template[i:j], *closing, *template[j:])
                expected.setdefault(string, set()).add((i, j))
        found = strings(automaton)
        assert Counter(found) == Counter(expected.keys())
        assert {string: set(automaton.read(string)) for string in found} == expected
        # generate must write something: where nothing is accepted, that is the end.
        assert sorted(through_generate(automaton)) == sorted(found or [()])

    @settings(deadline=None)
    @given(n=st.integers(1, 7), data=st.data())
    def test_keeps_to_allowed_positions(self, n: int, data: st.DataObject) -> None:
        positions = st.sets(st.integers(0, n))
        openings, closings = data.draw(positions), data.draw(positions)
        automaton = OneSpan(range(1, n + 1), (OPEN, CLOSE), openings=openings, closings=closings)
        spans = [automaton.read(string)[0] for string in strings(automaton)]
        assert sorted(spans) == sorted((i, j) for i in openings for j in closings if i <= j)

    def test_has_no_dead_ends(self) -> None:
        automaton = OneSpan(range(1, 9), (OPEN, CLOSE), openings=[0, 3, 8], closings=[2, 4], empty=False)
        states = [automaton.start]
        while states:
            state = states.pop()
            assert automaton.next(state) or automaton.accepts(state)
            states.extend(automaton.next(state).values())

    def test_a_marker_without_pieces_is_refused(self) -> None:
        with pytest.raises(RecipeError, match="no pieces"):
            OneSpan([1], ([], [2]))

    def test_a_foreign_string_has_no_reading(self) -> None:
        assert OneSpan([1, 2], (OPEN, CLOSE)).read([1, 91, 2]) == []


def tagged(words: list[list[int]], tags: dict[str, Any]) -> dict[tuple[int, ...], set[Any]]:
    """By brute force: every choice of disjoint, non-empty, tagged spans, as the string it is written as."""
    choices: list[tuple[Any, ...]] = [()]
    for i, j in combinations(range(len(words) + 1), 2):
        choices += [(*one, (i, j, tag)) for one in choices for tag in tags if all(e <= i or j <= s for s, e, _ in one)]
    written: dict[tuple[int, ...], set[Any]] = {}
    for choice in choices:
        string: list[int] = []
        for n in range(len(words) + 1):
            string += [p for _, end, tag in choice if end == n for p in tags[tag][1]]
            string += [p for start, _, tag in choice if start == n for p in tags[tag][0]]
            string += words[n] if n < len(words) else []
        written.setdefault(tuple(string), set()).add(tuple(sorted(choice)))
    return written


class TestTags:
    @pytest.mark.parametrize(("n", "count"), enumerate([1, 2, 5, 13, 34]))
    @pytest.mark.parametrize("size", [1, 3])
    def test_one_tag_gives_every_other_fibonacci_number(self, n: int, count: int, size: int) -> None:
        words = [[10 * w + p for p in range(1, 1 + size)] for w in range(1, n + 1)]
        tags = {"PER": (list(range(100, 100 + size)), list(range(200, 200 + size)))}
        assert len(strings(Tags(words, tags))) == count

    @settings(deadline=None)
    @given(
        words=st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=2), max_size=3),
        shared=st.integers(1, 3),
        closing=st.lists(st.integers(1, 4), min_size=1, max_size=2),
    )
    def test_accepts_exactly_the_tagged_sentences(
        self, words: list[list[int]], shared: int, closing: list[int]
    ) -> None:
        """With tags that share their first piece, with words and with each other."""
        tags = {"A": ([shared, 8], closing), "B": ([shared, 8, 9], [7])}
        automaton = Tags(words, tags)
        expected = tagged(words, tags)
        found = strings(automaton)
        assert Counter(found) == Counter(expected.keys())
        assert {string: set(automaton.read(string)) for string in found} == expected
        assert sorted(through_generate(automaton)) == sorted(found)

    def test_adjacent_spans_with_tags_of_several_pieces(self) -> None:
        automaton = Tags([[1, 2], [3]], {"PER": ([50, 51], [60, 61, 62]), "LOC": ([50, 52], [60, 61, 63])})
        string = (50, 51, 1, 2, 60, 61, 62, 50, 52, 3, 60, 61, 63)
        assert automaton.read(string) == [((0, 1, "PER"), (1, 2, "LOC"))]
        # An open tag is closed by its own closing tag only.
        assert automaton.read((50, 51, 1, 2, 60, 61, 63, 3)) == []

    def test_a_word_without_pieces_is_refused(self) -> None:
        with pytest.raises(RecipeError, match="without pieces"):
            Tags([[1], []], {})


def test_prefix_allowed_goes_by_row() -> None:
    import torch

    allowed = prefix_allowed([Tags([[5]], {}), Tags([[6]], {})], END, skip=2)
    assert allowed(0, torch.tensor([1, 2])) == [5]
    assert allowed(1, torch.tensor([1, 2])) == [6]
    assert allowed(1, torch.tensor([1, 2, 6])) == [END]
    assert allowed(1, torch.tensor([1, 2, 6, END, END])) == [END]
