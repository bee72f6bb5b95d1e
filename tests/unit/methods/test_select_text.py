"""Text of a domain out of a pool: whole words in any script, exact counts, a proper language model."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isogloss import Problem
from isogloss.errors import RecipeError, ResourceError
from isogloss.methods.data.select_text import Bigrams, Phrases, SelectText, cross_entropy_differences, words_of
from isogloss.recipes import Recipe
from isogloss.train.corpora import check_language, read_corpora

FEW = [
    {"text": "Ann Lee trains a neural network .", "spans": [[0, 7, "person"], [17, 31, "algorithm"]]},
    {"text": "A neural network beats SVM in Rome .", "spans": [[2, 16, "algorithm"], [23, 26, "algorithm"],
                                                               [30, 34, "place"]]},
]  # fmt: skip
POOL = (
    "He met Ann Lee there .",  # a person: known to the source
    "Neural network is what begins this sentence .",
    "A neural networker is nobody .",
    "Roman roads lead to Rome ; SVM does not .",
    "The weather is fine .",
    "They cook a soup .",
)
SPOKEN: list[str] = []
RUN: Any = SimpleNamespace(say_once=SPOKEN.append)


def problem(pool: Sequence[str] = POOL, few: list[dict[str, Any]] = FEW, **changes: Any) -> Problem:
    source = [{"text": "Bob saw Oslo", "spans": [[0, 3, "person"], [8, 12, "place"]]}]
    given: dict[str, Any] = {
        "task": "tagging", "source": "eng", "targets": ["eng-x-ai"], "open_labels": True, "train": {"eng": source},
        "few": {"eng-x-ai": few}, "unlabelled": {"eng-x-ai": pool, "eng": ["A general line ."]},
    }  # fmt: skip
    return Problem.from_data(**given | changes)


def differences(texts: Sequence[str], seed: Sequence[str]) -> list[float]:
    return cross_entropy_differences([*map(words_of, texts)], [*map(words_of, seed)])


def kept(part: SelectText, given: Problem | None = None) -> list[str]:
    given = given or problem()
    return [line.fields["text"] for line in part(given, RUN).unlabelled["eng-x-ai"]]


class TestLevels:
    def test_entity_keeps_lines_with_a_mention(self) -> None:
        assert kept(SelectText(level="entity")) == [POOL[0], POOL[1], POOL[3]]

    def test_task_keeps_lines_with_a_mention_of_a_type_that_the_source_lacks(self) -> None:
        assert kept(SelectText(level="task")) == [POOL[1], POOL[3]]

    def test_task_keeps_lines_with_a_given_name(self) -> None:
        assert kept(SelectText(level="task", names=("soup",))) == [POOL[1], POOL[3], POOL[5]]

    def test_task_keeps_lines_of_given_types(self) -> None:
        assert kept(SelectText(level="task", types=("place",))) == [POOL[3]]
        with pytest.raises(RecipeError, match=r"Unknown type 'plcae'\. Did you mean 'place'\?.* select_text\.types"):
            kept(SelectText(level="task", types=("plcae",)))

    @pytest.mark.parametrize("times", [1, 3])
    def test_integrated_is_entity_once_and_task_so_many_times(self, times: int) -> None:
        entity, task = Counter(kept(SelectText(level="entity"))), Counter(kept(SelectText(level="task")))
        expected = entity + Counter({line: times * count for line, count in task.items()})
        assert Counter(kept(SelectText(level="integrated", upsample=times))) == expected
        assert expected.total() == 3 + 2 * times

    def test_domain_prefers_what_the_labelled_sentences_sound_like(self) -> None:
        few = [{"text": f"the network learns the {word} of the data", "spans": [[4, 11, "algorithm"]]}
               for word in ("mean", "mode", "shape")]  # fmt: skip
        pool = [f"she cooked a {dish} for him on {day}" for dish in ("soup", "stew") for day in ("Monday", "Friday")]
        pool.insert(2, "the network learns the weights of the data")
        assert kept(SelectText(level="domain"), problem(pool, few)) == [pool[2]]

    def test_at_most_so_many_of_each_level_those_with_most_mentions(self) -> None:
        assert kept(SelectText(level="entity", most=1)) == [POOL[3]]
        assert kept(SelectText(level="integrated", most=1, upsample=2)) == [POOL[3], POOL[1], POOL[1]]

    def test_everything_else_of_the_problem_stays(self) -> None:
        given = problem()
        chosen = SelectText(level="task")(given, RUN)
        assert replace(chosen, unlabelled=given.unlabelled) == given
        assert chosen.unlabelled["eng"] == given.unlabelled["eng"]
        assert [line.place for line in chosen.unlabelled["eng-x-ai"]] == [
            given.unlabelled["eng-x-ai"][row].place for row in (1, 3)
        ]

    def test_the_counts_are_said(self) -> None:
        SPOKEN.clear()
        kept(SelectText(upsample=4))
        assert SPOKEN == [
            "Of the 6 lines of unlabelled/eng-x-ai are kept: 3 by entity, 2 by task (4 times), 11 in all."
        ]


class TestTrouble:
    @pytest.mark.parametrize("level", ["domain", "entity", "task", "integrated"])
    def test_nothing_found_is_one_sentence(self, level: Any) -> None:
        lines = ["Nothing here", "or there"]
        with pytest.raises(ResourceError, match=r"None of the 2 lines of unlabelled/eng-x-ai .* at the level '\w+'"):
            kept(SelectText(level=level), problem(lines, [{"text": "x y z", "spans": [[0, 1, "algorithm"]]}]))

    def test_no_type_of_its_own(self) -> None:
        few = [{"text": "Ann ate", "spans": [[0, 3, "person"]]}]
        lines = ["Ann left"]
        assert kept(SelectText(level="entity"), problem(lines, few)) == lines
        with pytest.raises(ResourceError, match="at the level 'task'"):
            kept(SelectText(level="integrated"), problem(lines, few))

    def test_a_task_without_entities_has_a_domain_only(self) -> None:
        rows = [{"text": "a b a b", "label": "x"}, {"text": "a b c", "label": "y"}]
        pool = ["a b a", *(f"d e f {n}" for n in range(9))]
        given = problem(pool, rows, task="classification", train={"eng": rows})
        assert kept(SelectText(level="domain"), given) == ["a b a"]
        with pytest.raises(RecipeError, match=r"'entity' .* this task has none\. Choose .*level=domain"):
            kept(SelectText(level="entity"), given)

    def test_settings(self) -> None:
        recipe = Recipe(name="x", data=(SelectText(),)).set(
            {"select_text.level": "task", "select_text.names": "programming language, metric"}
        )
        assert recipe.data == (SelectText(level="task", names=("programming language", "metric")),)


class TestPhrases:
    @pytest.mark.parametrize(
        ("phrase", "text", "there"),
        [
            ("SVM", "an SVM, here", True),
            ("SVM", "an svm here", False),
            ("SVM", "SVMs", False),
            ("C++", "in C++.", True),
            ("C", "in C++.", True),
            ("deep  learning", "deep learning", True),
            ("deep learning", "Deep learning", True),
            ("deep learning", "Deep Learning", False),
            ("K-means", "the K-means rule", True),
            ("means", "the K-means rule", False),
            ("caf\u00e9", "cafe\u0301 noir", True),
            ("东京", "我在东京工作。", True),
            ("กรุงเทพ", "ฉันอยู่กรุงเทพนาน", True),
            ("Москва", "Из Москвы", False),
            ("אדם", "אדם הלך", True),
            ("", "anything", False),
            (" ", "any thing", False),
        ],
    )  # fmt: skip
    def test_whole_words(self, phrase: str, text: str, there: bool) -> None:
        assert bool(Phrases([phrase]).found_in(words_of(text))) == there

    def test_phrases_that_overlap_are_all_found(self) -> None:
        phrases = Phrases(["New York", "York", "New York Times"])
        assert phrases.found_in(words_of("the New York Times of York")) == {
            ("New", "York"),
            ("York",),
            ("New", "York", "Times"),
        }

    @given(st.lists(st.text("ab ", max_size=6), max_size=6), st.text("ab ", max_size=30))
    def test_is_what_padding_with_spaces_finds(self, phrases: list[str], text: str) -> None:
        words = f" {' '.join(text.split())} "
        forms = {form for p in phrases for form in (p, p[:1].upper() + p[1:]) if p.split()}
        expected = {tuple(p.split()) for p in forms if f" {' '.join(p.split())} " in words}
        assert Phrases(phrases).found_in(words_of(text)) == expected

    def test_is_fast(self) -> None:
        phrases = Phrases(f"Name{i} Surname{i}" for i in range(1000))
        lines = [f"On day {i} we met Name{i % 2000} Surname{i % 2000} in the old town hall ." for i in range(5000)]
        start = time.process_time()
        found = sum(bool(phrases.found_in(words_of(line))) for line in lines)
        assert found == sum(i % 2000 < 1000 for i in range(5000))
        assert time.process_time() - start < 3  # 10^5 lines in a minute at the worst


class TestBigrams:
    TEXTS = ("a b a", "b a c", "a", "")

    @pytest.mark.parametrize("before", ["<s>", "a", "b", "c", "never seen"])
    def test_probabilities_sum_to_one(self, before: str) -> None:
        model = Bigrams([text.split() for text in self.TEXTS], ["a", "b", "d"])
        assert sum(model.probability(word, before) for word in model.vocabulary) == pytest.approx(1, abs=1e-12)

    def test_witten_bell_by_hand(self) -> None:
        # "a b": words a, b, end, once each; the vocabulary has a, b, unknown and the end
        model = Bigrams([["a", "b"]], ["a", "b"])
        alone = (1 + 3 / 4) / (3 + 3)
        assert model.probability("b", "a") == pytest.approx((1 + alone) / 2)
        assert model.probability("a", "b") == pytest.approx(alone / 2)

    def test_no_text_at_all_is_uniform(self) -> None:
        assert Bigrams([], ["a", "b"]).probability("a", "<s>") == pytest.approx(1 / 4)

    def test_text_like_its_own_is_likelier(self) -> None:
        own, other = ["the net learns", "the net runs", "the net learns"], ["a cat ran", "one dog sat", "my cow ate"]
        mine, theirs, new = differences([own[1], other[0], "the net learns"], own)
        assert new < mine < 0 < theirs

    def test_the_same_text_everywhere_has_no_difference(self) -> None:
        texts = ["a b c", "b c a", "a a b"]
        assert differences(texts, texts) == pytest.approx([0, 0, 0], abs=1e-12)


def test_continued_pretraining_reads_a_line_as_often_as_it_was_chosen() -> None:
    pool = [f"{name} is sentence number {n} of a longer text ." for n in range(30) for name in ("Rome", "SVM")]
    chosen = SelectText(upsample=3)(problem(pool), RUN)
    (corpus,) = read_corpora(chosen, languages="targets", min_words=3)
    counts = Counter(line.fields["text"] for line in corpus.train)
    apart = {line.fields["text"] for line in corpus.held_out}
    assert len(apart) == len(corpus.held_out) == 3  # a twentieth of the different lines
    assert counts == {line: 4 if "SVM" in line else 1 for line in pool if line not in apart}
    assert corpus.left_out == 0


def test_a_line_that_is_there_twice_by_accident_is_read_once() -> None:
    twice = problem([f"Rome has line {n % 5} ." for n in range(10)])
    (corpus,) = read_corpora(twice, languages="targets", min_words=3)
    assert len(corpus.examples) == corpus.left_out == 5


@pytest.mark.parametrize(
    ("code", "told"), [("eng-x-ai", False), ("en-x-ai", False), ("deu-x-ai", True), ("x-ai", True)]
)
def test_a_domain_is_in_its_language(code: str, told: bool) -> None:
    pytest.importorskip("lingua")
    lines = [f"The network that we saw on day {n} learns from all of the sentences it has read." for n in range(20)]
    given = problem(lines, targets=[code], unlabelled={code: lines})
    (corpus,) = read_corpora(given, languages="targets")
    said: list[str] = []
    check_language(corpus, code, said.append, part="select_text")
    assert bool(said) == told
