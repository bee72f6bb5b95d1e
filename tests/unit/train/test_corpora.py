"""Raw text: what is left out, what is held out, how languages are sampled, and text in the wrong language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isogloss import Problem
from isogloss.errors import DataError
from isogloss.train.corpora import MOST_HELD_OUT, Corpus, check_language, read_corpora, sample_languages

ENGLISH = "All human beings are born free and equal in dignity and rights, says article number {}."
SPANISH = "Todos los seres humanos nacen libres e iguales en dignidad y derechos, dice el texto {}."
lingua = pytest.mark.skipif(find_spec("lingua") is None, reason="the language detector is not installed")


def lines(text: str, count: int = 40) -> list[str]:
    return [text.format(number) for number in range(count)]


@pytest.fixture
def problem(tiny_problem: Callable[..., Problem]) -> Callable[..., Problem]:
    def make(unlabelled: dict[str, list[str]], **changes: Any) -> Problem:
        return tiny_problem(targets=list(unlabelled), unlabelled=unlabelled, test=None, **changes)

    return make


def only(problem: Problem, **options: Any) -> Corpus:
    corpus, *others = read_corpora(problem, languages="targets", **options)
    assert not others
    return corpus


class TestReading:
    def test_short_lines_lines_without_words_and_copies_are_left_out_and_counted(
        self, problem: Callable[..., Problem]
    ) -> None:
        good = lines(ENGLISH)
        bad = ["Too short a line", "1 2 3 4 5 6 7 8", "... ? ! - -- ; : , .", good[3].upper(), good[0] + "!"]
        corpus = only(problem({"yor": [*good, *bad]}))
        assert sorted(e.fields["text"] for e in corpus.examples) == sorted(good)
        assert corpus.left_out == len(bad)

    def test_scripts_without_spaces_have_words_too(self, problem: Callable[..., Problem]) -> None:
        text = [f"我喜欢红色的面包{c}" for c in "天地人日月"]
        assert len(only(problem({"zho": text})).examples) == 5

    @pytest.mark.parametrize(("count", "apart"), [(2, 1), (40, 2), (400, 20), (5000, MOST_HELD_OUT)])
    def test_a_twentieth_is_held_out_all_through_the_file(
        self, problem: Callable[..., Problem], count: int, apart: int
    ) -> None:
        corpus = only(problem({"yor": lines(ENGLISH, count)}))
        assert len(corpus.held_out) == apart
        assert len(corpus.train) == count - apart
        assert len({e.fields["text"] for e in corpus.examples}) == count
        places = [int(e.place.rpartition(":")[2]) for e in corpus.held_out]
        assert places == sorted(set(places))
        assert max(places) > count * 0.45

    def test_the_source_is_represented_by_its_training_texts(self, problem: Callable[..., Problem]) -> None:
        made = problem({"yor": lines(ENGLISH)})
        yor, eng = read_corpora(made, min_words=1)
        assert (yor.lang, eng.lang, yor.raw, eng.raw) == ("yor", "eng", True, False)
        texts = {text for e in made.train["eng"] for text in made.task.texts(e.fields)}
        assert {e.fields["text"] for e in eng.examples} <= texts
        assert all(set(e.fields) == {"text"} for e in eng.examples)

    def test_its_raw_text_comes_first_where_there_is_some(self, tiny_problem: Callable[..., Problem]) -> None:
        made = tiny_problem(unlabelled={"yor": lines(SPANISH), "rus": lines(SPANISH), "eng": lines(ENGLISH)})
        assert [corpus.lang for corpus in read_corpora(made)] == ["yor", "rus", "eng"]
        assert {e.fields["text"] for e in read_corpora(made)[2].examples} == set(lines(ENGLISH))

    def test_tests_are_not_looked_at(self, tiny_problem: Callable[..., Problem]) -> None:
        made = tiny_problem(unlabelled={"yor": lines(SPANISH), "rus": lines(SPANISH)})
        assert made.test
        assert read_corpora(made, min_words=1) == read_corpora(made.blind(), min_words=1)

    def test_a_file_with_nothing_to_train_on_is_named(self, problem: Callable[..., Problem]) -> None:
        with pytest.raises(DataError, match=r"unlabelled\['yor'\]: Of 3 lines in yor 0 .* lower min_words"):
            only(problem({"yor": ["one two", "three", "four"]}))

    def test_a_target_without_text_is_named(self, tiny_problem: Callable[..., Problem]) -> None:
        with pytest.raises(DataError, match=r"no raw text in rus\. Add unlabelled/rus\.txt"):
            read_corpora(tiny_problem(unlabelled={"yor": lines(SPANISH)}))

    def test_the_fingerprint_is_that_of_the_lines(self, problem: Callable[..., Problem]) -> None:
        one, same, other = (only(problem({"yor": lines(ENGLISH, n)})) for n in (40, 40, 41))
        assert one.fingerprint() == same.fingerprint() != other.fingerprint()


class TestLanguage:
    def check(self, made: Problem) -> list[str]:
        said: list[str] = []
        corpus = only(made)
        check_language(corpus, made.spelling(corpus.lang), said.append, part="laft")
        return said

    @pytest.mark.parametrize(
        ("lang", "name", "text"),
        [("amh", "Amharic", ENGLISH), ("yor", "Yoruba", "Все люди рождаются свободными и равными в своих правах {}")],
    )
    def test_another_script_is_refused(self, problem: Callable[..., Problem], lang: str, name: str, text: str) -> None:
        with pytest.raises(DataError, match=rf"0% of the letters are of the script of {name}.*--set laft.check=false"):
            self.check(problem({lang: lines(text)}))

    def test_the_script_in_the_code_counts(self, problem: Callable[..., Problem]) -> None:
        romanised = lines("sabhi manushya janm se svatantra tatha samaan hain {}")
        with pytest.raises(DataError, match="Hindi"):
            self.check(problem({"hin": romanised}))
        self.check(problem({"hin_Latn": romanised}))

    @lingua
    def test_another_language_is_refused(self, problem: Callable[..., Problem]) -> None:
        with pytest.raises(DataError, match=r"3\d of 38 lines look like Spanish \(spa\), not Yoruba \(yor\)"):
            self.check(problem({"yor": lines(SPANISH)}))

    @lingua
    def test_a_language_that_the_detector_does_not_know_is_not(self, problem: Callable[..., Problem]) -> None:
        said = self.check(problem({"pcm": lines(ENGLISH)}))
        assert len(said) == 1
        assert "English (eng)" in said[0]

    @lingua
    @pytest.mark.parametrize("lang", ["spa", "spa_Latn"])
    def test_the_right_language_passes_in_silence(self, problem: Callable[..., Problem], lang: str) -> None:
        assert self.check(problem({lang: lines(SPANISH)})) == []


class TestSampling:
    LANGS = ("a",) * 90 + ("b",) * 10

    def plan(self, **options: Any) -> list[list[int]]:
        return sample_languages([5 + i % 7 for i in range(100)], self.LANGS, batch_size=8, **options)

    def shares(self, plan: list[list[int]]) -> Counter[str]:
        return Counter(self.LANGS[row] for batch in plan for row in batch)

    def test_with_alpha_one_every_epoch_has_every_row_once(self) -> None:
        plan = self.plan(epochs=3)
        for epoch in range(3):
            rows = [row for batch in plan[13 * epoch : 13 * (epoch + 1)] for row in batch]
            assert sorted(rows) == list(range(100))
        assert plan[:13] != plan[13:26]

    @pytest.mark.parametrize(("alpha", "share"), [(1.0, 10), (0.5, 25), (0.0, 50)])
    def test_a_language_has_the_share_of_its_power(self, alpha: float, share: int) -> None:
        assert self.shares(self.plan(alpha=alpha)) == {"a": 100 - share, "b": share}

    def test_rows_of_a_small_language_come_again_in_turn(self) -> None:
        counts = Counter(row for batch in self.plan(alpha=0.0) for row in batch if row >= 90)
        assert counts == dict.fromkeys(range(90, 100), 5)

    def test_so_many_steps_are_so_many(self) -> None:
        for steps in (1, 13, 14, 40):
            assert len(self.plan(steps=steps)) == steps
        assert self.plan(steps=40)[:13] == self.plan(epochs=1)

    def test_the_seed_decides(self) -> None:
        assert self.plan(seed=1) == self.plan(seed=1) != self.plan(seed=2)

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.integers(1, 40), min_size=1, max_size=5), st.floats(0, 1))
    def test_an_epoch_has_as_many_rows_as_there_are(self, counts: list[int], alpha: float) -> None:
        langs = [str(lang) for lang, count in enumerate(counts) for _ in range(count)]
        plan = sample_languages([3] * len(langs), langs, alpha=alpha, batch_size=4)
        rows = [row for batch in plan for row in batch]
        assert len(rows) == len(langs)
        assert all(0 <= row < len(langs) for row in rows)
