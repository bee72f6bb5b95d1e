"""CODEC: positions, choice, and that the target stays what it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isogloss.bridges.base import Parallel, Scored, Translation, Translator
from isogloss.bridges.projectors.codec import Candidate, Codec, choose, likely_openings, move_left
from isogloss.bridges.projectors.template import Template
from isogloss.errors import ResourceError

END = 0


class Copier(Translator):
    """A translator between two languages of the same words: it expects each piece of the source, in order.

    Pieces are characters, a space being one of its own where ``words`` is false, else words and punctuation. What
    comes next is probable with 0.9; the rest is spread by a seeded draw, so that no two places are alike.
    """

    id, version = "copier", "1"
    abilities = frozenset({"score", "decode"})

    def __init__(self, *, both_ways: bool = True) -> None:
        self.both_ways, self.known, self.scored = both_ways, {"<end>": END}, 0

    def serves(self, source: str, target: str) -> bool:
        return self.both_ways or (source, target) == ("aaa", "bbb")

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, best: int = 1
    ) -> list[tuple[Translation, ...]]:
        return [(Translation(text=text.upper()),) for text in texts]

    def decoder(self, source: str, target: str) -> Any:
        return self

    end = END

    def pieces(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        ids, offsets, start = [], [], 0
        for token in text.replace(" ", " \0").split("\0"):
            if bare := token.rstrip(" "):
                ids.append(self.known.setdefault(bare.lower(), len(self.known)))
                offsets.append((start, start + len(bare)))
            start += len(token)
        return ids, offsets

    def begin(self, source_text: str) -> Any:
        return [(tuple(self.pieces(source_text)[0]), ())]

    def step(self, state: Any, pieces_N: Sequence[int] | None) -> tuple[np.ndarray, Any]:
        if pieces_N is not None:
            state = [(source, (*prefix, piece)) for (source, prefix), piece in zip(state, pieces_N, strict=True)]
        return np.stack([self.log_probs(*one) for one in state]), state

    def select(self, state: Any, rows: Sequence[int]) -> Any:
        return [state[row] for row in rows]

    def log_probs(self, source: tuple[int, ...], prefix: tuple[int, ...]) -> np.ndarray:
        probs = np.random.default_rng((len(prefix), *prefix[-2:])).random(200)
        expected = source[len(prefix)] if len(prefix) < len(source) else END
        probs = 0.1 * probs / probs.sum()
        probs[expected] += 0.9
        return np.log(probs).astype(np.float32)

    def score(self, pairs: Sequence[tuple[str, str]], source: str, target: str) -> list[Scored]:
        self.scored += len(pairs)
        results = []
        for text, translation in pairs:
            given_ids, (ids, offsets) = tuple(self.pieces(text)[0]), self.pieces(translation)
            values = [self.log_probs(given_ids, tuple(ids[:n]))[piece] for n, piece in enumerate([*ids, END])]
            results.append(Scored(log_probs=np.array(values), offsets=tuple(offsets)))
        return results


SENTENCE = Parallel(
    source="yes John Smith met Ann", spans=((4, 14, "PER"), (19, 22, "PER")), target="yes John Smith met Ann"
)


@pytest.mark.parametrize("mode", ["exact", "heuristic", "greedy"])
@pytest.mark.parametrize("boundaries", ["words", "pieces"])
@pytest.mark.parametrize("setting", ["train", "test"])
@pytest.mark.parametrize("prune", [True, False])
def test_finds_spans_where_the_translator_expects_them(mode: Any, boundaries: Any, setting: Any, prune: bool) -> None:
    codec = Codec(spaced=True, mode=mode, boundaries=boundaries, setting=setting, prune=prune)
    (projection,) = codec([SENTENCE], Copier(), "aaa", "bbb")
    assert projection.spans == SENTENCE.spans
    assert projection.complete
    assert all(0 < outcome.score <= 1 for outcome in projection.outcomes)


@settings(max_examples=40, deadline=None)
@given(
    words=st.lists(st.sampled_from(["ana", "[", "]", "*", "(", '"', "de", "são", ",", "x"]), max_size=7),
    source=st.lists(st.sampled_from(["ana", "de", "x", "[", "y"]), min_size=1, max_size=5),
    data=st.data(),
    mode=st.sampled_from(["exact", "heuristic", "greedy"]),
    empty=st.booleans(),
    spaced=st.booleans(),
)
def test_the_target_stays_whatever_it_holds(
    words: list[str], source: list[str], data: st.DataObject, mode: Any, empty: bool, spaced: bool
) -> None:
    start = data.draw(st.integers(0, len(source) - 1))
    end = data.draw(st.integers(start + 1, len(source)))
    text, target = " ".join(source), " ".join(words)
    span = (len(" ".join([*source[:start], ""])), len(" ".join(source[:end])), "T")
    item = Parallel(source=text, spans=(span,), target=target)
    (projection,) = Codec(mode=mode, empty=empty, spaced=spaced)([item], Copier(), "aaa", "bbb")
    assert projection.target == target
    for first, last, label in projection.spans:
        assert label == "T"
        # Whole words, and nothing but them.
        assert target[first:last].split() == target[first:last].split(" ")
        assert (first, last) == Template.of(item, Copier()).snapped((first, last))
    assert (projection.outcomes[0].reason == "ok") == bool(projection.spans)


def test_only_what_the_settings_ask_for_is_scored() -> None:
    translator = Copier()
    Codec(prune=False, rerank=False)([SENTENCE], translator, "aaa", "bbb")
    assert translator.scored == 0
    Codec(rerank=False)([SENTENCE], translator, "aaa", "bbb")
    assert translator.scored == 3
    one_way = Copier(both_ways=False)
    assert Codec(spaced=True)([SENTENCE], one_way, "aaa", "bbb")[0].complete
    assert one_way.scored == 3


def test_an_empty_target_loses_its_spans_with_a_reason() -> None:
    item = Parallel(source="John", spans=((0, 4, "PER"),), target=" ")
    assert [outcome.reason for outcome in Codec()([item], Copier(), "aaa", "bbb")[0].outcomes] == ["empty"]
    assert Codec()([], Copier(), "aaa", "bbb") == []


def test_a_translator_without_probabilities_is_refused() -> None:
    with pytest.raises(ResourceError, match="no translator"):
        Codec()([SENTENCE], None, "aaa", "bbb")
    mute = Copier()
    mute.abilities = frozenset({"score"})
    with pytest.raises(ResourceError, match="copier"):
        Codec()([SENTENCE], mute, "aaa", "bbb")


class TestOpenings:
    def test_seeds_and_their_neighbours(self) -> None:
        change = np.array([0.2, 0.0, 0.0, -0.7, 0.1, 0.05, 0.0, 0.0, 0.3, 0.4, 0.0])
        assert likely_openings(change, 0.5, 0.1, 5) == {0, 3, 4, 8}
        assert likely_openings(change, 0.5, 0.1, 1) == {3, 4}
        assert likely_openings(change, 0.8, 0.1, 5) == frozenset()

    def test_are_moved_to_the_left(self) -> None:
        assert move_left([1, 3, 4, 9], [2, 4, 6]) == {2, 4, 6}
        assert move_left([1], [2]) == frozenset()


class TestTemplate:
    def test_words_of_the_data_bound_the_markers(self) -> None:
        class Letters(Copier):
            def pieces(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
                return list(range(len(text))), [(n, n + 1) for n in range(len(text))]

        item = Parallel(source="", spans=(), target="da Cruz,", target_units=((0, 1), (1, 2), (3, 7), (7, 8)))
        template = Template.of(item, Letters())
        # The space before a word is where its opening goes, not the letter after it.
        assert template.openings == {0, 1, 2, 7}
        assert template.closings == {1, 2, 7, 8}
        assert template.span(2, 7) == (3, 7)
        assert template.span(2, 2) == template.span(2, 3) == (0, 0)
        assert template.snapped((4, 5)) == (3, 7)


def candidate(text: str, log_prob: float, nll: float | None, likeness: float) -> Candidate:
    return Candidate(span=(0, len(text)), text=text, log_prob=log_prob, nll=nll, likeness=likeness)


class TestChoice:
    def test_very_alike_wins_and_ties_go_by_nll(self) -> None:
        found = [candidate("a", -1, 9, 0.6), candidate("b", -2, 4, 0.95), candidate("c", -3, 3, 0.95)]
        assert choose(found, "train") == 2
        assert choose(found[:2], "train") == 1

    def test_within_the_best_place_the_lower_nll_wins(self) -> None:
        found = [candidate("o rei Ana", -1, 4, 0.6), candidate("rua", -2, 1, 0.6), candidate("Ana", -3, 2, 0.6)]
        assert choose(found, "train") == choose(found, "test") == 2
        assert choose([candidate("Ana", -1, 2, 0.6), candidate("An", -2, 3, 0.6)], "train") == 0

    def test_neither_alike_nor_probable_is_out_in_training_data_only(self) -> None:
        found = [candidate("rua", -1, 7, 0.2)]
        assert choose(found, "train") is None
        assert choose(found, "test") == 0
        assert choose([candidate("rua", -1, None, 0.2)], "train") == 0
