"""T-Projection: likeness, candidates and assignment."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isogloss.bridges.base import Parallel, Scored, Translation, Translator
from isogloss.bridges.projectors import candidates as module
from isogloss.bridges.projectors.candidates import ngrams, occurrences, pool, prompt, skeleton
from isogloss.bridges.projectors.t_projection import Likeness, TProjection, greedily, optimally
from isogloss.errors import RecipeError, ResourceError
from isogloss.languages.scripts import units


class WordByWord(Translator):
    """Knows a few words; pieces are words, and a word is probable where the source has its translation in place."""

    id, version = "word by word", "1"
    abilities = frozenset({"score"})
    pairs = (("European", "Europeu"), ("Parliament", "Parlamento"), ("John", "João"), ("Lisbon", "Lisboa"))

    def __init__(self, *, both_ways: bool = True) -> None:
        self.both_ways, self.asked = both_ways, []

    def serves(self, source: str, target: str) -> bool:
        return self.both_ways or (source, target) == ("eng", "por")

    def translate(self, texts: Sequence[str], source: str, target: str, *, best: int = 1) -> Any:
        return [(Translation(text=text),) for text in texts]

    def score(self, pairs: Sequence[tuple[str, str]], source: str, target: str) -> list[Scored]:
        self.asked += [(source, target, *pair) for pair in pairs]
        known = {frozenset(pair) for pair in self.pairs}
        results = []
        for text, translation in pairs:
            there = text.split()
            spans = units(translation)
            probs = []
            for number, (start, end) in enumerate(spans):
                word = translation[start:end]
                likely = any(word == one or frozenset((word, one)) in known for one in there)
                probs.append(0.8 if likely else 0.01 + 0.001 * (number % 3))
            probs.append(0.9 if len(spans) == len(there) else 0.1)
            results.append(Scored(log_probs=np.log(probs), offsets=tuple(spans)))
        return results


words = st.lists(
    st.sampled_from(["European", "Parliament", "Parlamento", "Europeu", "de", "x"]), min_size=1, max_size=4
)


class TestLikeness:
    @settings(deadline=None)
    @given(one=words.map(" ".join), other=words.map(" ".join))
    def test_of_a_string_to_itself_is_one_and_sides_do_not_matter(self, one: str, other: str) -> None:
        forth = Likeness(WordByWord(), "eng", "por")
        back = Likeness(WordByWord(), "por", "eng")
        assert forth([(one, one)]) == [1.0]
        assert forth([(one, other)]) == pytest.approx(back([(other, one)]), abs=1e-12)

    def test_by_hand(self) -> None:
        (value,) = Likeness(WordByWord(), "eng", "por")([("John", "x")])
        unlike, itself = (0.01 * 0.9) ** 0.5, (0.8 * 0.9) ** 0.5
        assert value == pytest.approx(unlike / itself, abs=1e-12)

    def test_the_whole_name_is_more_alike_than_a_part(self) -> None:
        whole, part = Likeness(WordByWord(), "eng", "por")(
            [("European Parliament", "Parlamento Europeu"), ("European Parliament", "Parlamento")]
        )
        assert whole > 0.9 > part

    def test_no_pair_of_strings_is_scored_twice(self) -> None:
        translator = WordByWord()
        likeness = Likeness(translator, "eng", "por")
        first = likeness([("John", "João"), ("John", "x"), ("John", "João")])
        assert likeness([("John", "x")]) == [first[1]]
        assert len(translator.asked) == len(set(translator.asked)) == 7


class TestCandidates:
    @settings(deadline=None)
    @given(
        text=st.lists(st.sampled_from(["o", "rei", ",", "Ana", "-", "d'Ávila", "."]), max_size=9).map(" ".join),
        longest=st.integers(1, 4),
    )
    def test_ngrams_are_all_runs_without_punctuation(self, text: str, longest: int) -> None:
        there = units(text)
        expected = []
        for first in range(len(there)):
            for last in range(first, min(first + longest, len(there))):
                if not any(text[slice(*word)] in (",", "-", ".") for word in there[first : last + 1]):
                    expected.append((there[first][0], there[last][1]))
        assert ngrams(text, longest=longest) == expected

    def test_occurrences_are_whole_words_whatever_their_case(self) -> None:
        text = "O Nelson Mandela, e nelson mandela."
        assert occurrences(text, units(text), "Nelson Mandela") == [(2, 16)]
        assert occurrences(text, units(text), "NELSON, Mandela") == [(2, 16), (20, 34)]
        assert occurrences(text, units(text), "Mandel") == []
        assert occurrences(text, units(text), "…") == []

    def test_inside_words_every_word_counts(self) -> None:
        text = "a noNelson Dlamini noNelson uMandela"
        assert occurrences(text, units(text), "Nelson Mandela", inside_words=True) == [(19, 36)]
        assert occurrences(text, units(text), "Nelson Mandela") == []

    def test_prompt_and_pool(self) -> None:
        assert prompt("A b.", ["PER", "LOC"]) == "A b. <PER>None</PER> <LOC>None</LOC>"
        outputs = [
            skeleton(["PER", "LOC"], ["Ana", "Rio"]),
            "<PER>Ana</PER> <LOC>Rio <LOC>Brasil</LOC>",
            "<PER>None</PER>",
        ]
        assert pool(outputs, ["PER", "LOC"]) == {"PER": ["Ana"], "LOC": ["Rio", "Brasil"]}


scores = st.lists(
    st.lists(
        st.tuples(
            st.tuples(st.integers(0, 6), st.integers(1, 3)).map(lambda place: (place[0], sum(place))),
            st.integers(0, 100).map(lambda n: n / 100),
        ),
        max_size=4,
        unique_by=lambda one: one[0],
    ),
    max_size=4,
)


class TestAssignment:
    @settings(deadline=None)
    @given(scored=scores)
    def test_optimal_is_brute_force_and_never_below_greedy(self, scored: Any) -> None:
        def total(chosen: Any) -> float:
            taken = [one for one in chosen if one]
            for n, (one, _) in enumerate(taken):
                assert all(one[1] <= other[0] or other[1] <= one[0] for other, _ in taken[n + 1 :])
            return sum(value for _, value in taken)

        def largest(row: int, taken: tuple[Any, ...]) -> float:
            if row == len(scored):
                return 0.0
            free = [one for one in scored[row] if all(one[0][1] <= s or e <= one[0][0] for s, e in taken)]
            return max([largest(row + 1, taken)] + [value + largest(row + 1, (*taken, span)) for span, value in free])

        for chosen in (greedily(scored), optimally(scored)):
            assert all(one is None or one in row for one, row in zip(chosen, scored, strict=True))
        assert total(optimally(scored)) == pytest.approx(largest(0, ()), abs=1e-9)
        assert total(optimally(scored)) >= total(greedily(scored)) - 1e-9

    @settings(deadline=None)
    @given(data=st.data(), rows=st.integers(1, 5))
    def test_optimal_is_the_hungarian_method_where_nothing_overlaps(self, data: Any, rows: int) -> None:
        from scipy.optimize import linear_sum_assignment

        values = np.array(
            data.draw(st.lists(st.lists(st.integers(1, 99), min_size=6, max_size=6), min_size=rows, max_size=rows))
        )
        scored = [[((2 * n, 2 * n + 1), float(value)) for n, value in enumerate(row)] for row in values]
        row, column = linear_sum_assignment(values, maximize=True)
        assert sum(one[1] for one in optimally(scored) if one) == values[row, column].sum()


ITEM = Parallel(
    source="John saw the European Parliament ; John left Lisbon .",
    spans=((0, 4, "PER"), (13, 32, "ORG"), (35, 39, "PER"), (45, 51, "LOC")),
    target="João viu o Parlamento Europeu ; João saiu de Lisboa .",
)
GOLD = ((0, 4, "PER"), (11, 29, "ORG"), (32, 36, "PER"), (45, 51, "LOC"))


@pytest.mark.parametrize("assignment", ["greedy", "optimal"])
@pytest.mark.parametrize("shortlist", [0, 5])
def test_carries_spans_and_repeated_ones_take_a_place_each(assignment: Any, shortlist: int) -> None:
    (projection,) = TProjection(assignment=assignment, shortlist=shortlist)([ITEM], WordByWord(), "eng", "por")
    assert projection.spans == GOLD
    assert projection.complete
    assert all(0 < outcome.score <= 1 for outcome in projection.outcomes)


def test_a_shortlist_saves_comparisons() -> None:
    asked = []
    for shortlist in (0, 3):
        translator = WordByWord()
        TProjection(shortlist=shortlist)([ITEM], translator, "eng", "por")
        asked.append(len(translator.asked))
    assert asked[1] < asked[0] / 1.4


def test_lost_spans_have_reasons() -> None:
    rain = Parallel(source="John", spans=((0, 4, "PER"),), target="chove muito")
    dots = Parallel(source="John", spans=((0, 4, "PER"),), target="...")
    pair = Parallel(source="John Lisbon", spans=((0, 4, "PER"), (5, 11, "LOC")), target="João")
    results = TProjection(least=0.5)([rain, dots, pair], WordByWord(), "eng", "por")
    assert [[outcome.reason for outcome in one.outcomes] for one in results] == [
        ["low_score"], ["not_found"], ["ok", "overlap"],
    ]  # fmt: skip


def test_what_it_cannot_do_without_is_asked_for() -> None:
    with pytest.raises(ResourceError, match="both directions"):
        TProjection()([ITEM], WordByWord(both_ways=False), "eng", "por")
    with pytest.raises(ResourceError, match="there is none"):
        TProjection()([ITEM], None, "eng", "por")
    with pytest.raises(RecipeError, match="one of the two"):
        TProjection(candidates="generator")


def test_candidates_of_a_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the model writes is pooled and only what occurs in the target is compared, by type."""
    seen = []

    class Tokenizer:
        def __call__(self, text: str, **_: Any) -> dict[str, Any]:
            seen.append(text)
            return {}

        def batch_decode(self, ids: Any, **_: Any) -> list[str]:
            return [
                "<PER>João</PER> <ORG>Parlamento</ORG> <PER>Pedro</PER> <LOC>Lisboa</LOC>",
                "<PER>João</PER> <ORG>parlamento europeu</ORG> <PER>João</PER> <LOC>João</LOC>",
            ]

    model = SimpleNamespace(generate=lambda **settings: range(settings["num_beams"]))

    def load(self: Any, name: str, beams: int) -> None:
        self.beams, self.tokenizer, self.model = beams, Tokenizer(), model

    monkeypatch.setattr(module.Generator, "__init__", load)
    (projection,) = TProjection(candidates="generator", generator="tiny")([ITEM], WordByWord(), "eng", "por")
    assert projection.spans == GOLD
    assert seen == [f"{ITEM.target} <PER>None</PER> <ORG>None</ORG> <PER>None</PER> <LOC>None</LOC>"]
