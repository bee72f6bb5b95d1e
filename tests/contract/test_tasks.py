"""What every task promises: rows to model inputs and logits back to answers, whatever the kind of prediction."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isogloss import Backbone, Example, Problem
from isogloss.errors import DataError
from isogloss.metrics import ones
from isogloss.problem import make_examples
from isogloss.readers import Row
from isogloss.tasks import (
    TASKS,
    Encoded,
    EventArguments,
    Prediction,
    QuestionAnswering,
    Tagging,
    Task,
    find_task,
    task_from_config,
)
from isogloss.tasks.tagging import IGNORED

KINDS = ("classification", "pair_labels", "pair_scores", "spans", "words", "qa", "event_arguments")
LANGS = ("eng", "yor", "rus")
LONGEST = 64
MOST = 1000
"""More pieces than any text here has."""


@pytest.fixture(scope="module")
def tokenizer(tiny_backbone: Path) -> Any:
    return Backbone.load(str(tiny_backbone)).tokenizer()


@pytest.fixture(params=KINDS)
def problem(request: pytest.FixtureRequest, tiny_problem: Callable[..., Problem]) -> Problem:
    return tiny_problem(request.param)


def perfect_logits(encoded: Encoded, outputs: int, *, points: bool = False) -> list[np.ndarray]:
    """The logits of a network that has learnt its labels by heart: 9 for the right class, 0 elsewhere.

    One that ``points`` has learnt the places of the first and the last piece.
    """
    logits = []
    for feature in encoded.features:
        target = feature["labels"]
        if points:
            logits.append(9.0 * (np.arange(len(feature["input_ids"]))[:, None] == np.array(target)))
            continue
        if isinstance(target, float):
            logits.append(np.array([target]))
            continue
        rows = np.zeros((len(target) if isinstance(target, list) else 1, outputs))
        for place, label in enumerate(target if isinstance(target, list) else [target]):
            if label != IGNORED:
                rows[place, label] = 9
        logits.append(rows if isinstance(target, list) else rows[0])
    return logits


def tagged(text_or_tokens: str | list[str], tags: list[str]) -> Example:
    tokens = text_or_tokens.split() if isinstance(text_or_tokens, str) else text_or_tokens
    return Example(id="1", lang="eng", fields=Tagging.parse({"tokens": tokens, "tags": tags}))


def test_the_invented_problems_cover_every_task(tiny_problem: Callable[..., Problem]) -> None:
    assert {tiny_problem(kind).task.name for kind in KINDS} == set(TASKS)


@pytest.mark.parametrize("lang", LANGS)
def test_perfect_logits_give_perfect_scores(problem: Problem, tokenizer: Any, lang: str) -> None:
    task, examples = problem.task, problem.test[lang]
    encoded = task.encode(examples, tokenizer, max_length=LONGEST, labelled=True)
    logits = perfect_logits(encoded, len(task.outputs), points=isinstance(task, QuestionAnswering))
    predictions = task.decode(logits, encoded, examples)
    assert len(predictions) == len(examples)
    scores = task.scores(examples, [prediction.value for prediction in predictions], ones(len(examples)))
    assert {name: float(*values) for name, values in scores.items()} == dict.fromkeys(task.metrics, 1.0)
    assert all(0.99 < prediction.score <= 1 for prediction in predictions)


def test_wrong_logits_do_not(problem: Problem, tokenizer: Any) -> None:
    task, examples = problem.task, problem.test["eng"]
    encoded = task.encode(examples, tokenizer, max_length=LONGEST, labelled=True)
    points = isinstance(task, QuestionAnswering)
    logits = [-row for row in perfect_logits(encoded, len(task.outputs), points=points)]
    values = [prediction.value for prediction in task.decode(logits, encoded, examples)]
    assert task.scores(examples, values, ones(len(examples)))[task.metric][0] < 0.7


@pytest.mark.parametrize("max_length", [8, 16, 64])
def test_no_input_is_longer_than_asked_for(problem: Problem, tokenizer: Any, max_length: int) -> None:
    task, examples = problem.task, [*problem.train["eng"], *problem.test["rus"]]
    encoded = task.encode(examples, tokenizer, max_length=max_length, labelled=True)
    assert max(len(feature["input_ids"]) for feature in encoded.features) <= max_length
    assert set(encoded.owner) == set(range(len(examples)))
    if isinstance(task, EventArguments | QuestionAnswering):
        assert (encoded.truncated > 0) == (max_length < 64)  # windows too, but the trigger or question may be cut
    elif isinstance(task, Tagging):
        assert encoded.truncated == 0  # long texts are read in windows, nothing is lost
    else:
        full = task.encode(examples, tokenizer, max_length=10**6, labelled=False)
        assert encoded.truncated == sum(len(feature["input_ids"]) > max_length for feature in full.features)


def test_labels_fit_their_inputs(problem: Problem, tokenizer: Any) -> None:
    task, examples = problem.task, problem.train["eng"]
    labelled = task.encode(examples, tokenizer, max_length=LONGEST, labelled=True)
    blind = task.encode(examples, tokenizer, max_length=LONGEST, labelled=False)
    for feature, unlabelled in zip(labelled.features, blind.features, strict=True):
        labels = feature.pop("labels")
        assert feature == unlabelled
        if isinstance(task, QuestionAnswering):
            start, end = labels
            assert 0 < start <= end < len(feature["input_ids"]) - 1
        elif isinstance(labels, list):
            assert len(labels) == len(feature["input_ids"])
            assert {IGNORED, *range(len(task.outputs))} >= set(labels)
        else:
            assert labels in range(len(task.outputs)) or isinstance(labels, float)


@pytest.mark.parametrize("max_length", [8, MOST])
@pytest.mark.parametrize("kind", ["spans", "words"])
def test_a_tag_stands_on_the_first_piece_of_its_word_and_goes_on_over_the_others(
    kind: str, max_length: int, tiny_problem: Callable[..., Problem], tokenizer: Any
) -> None:
    """In a window that begins in the middle of a word too: what is seen of it there is no beginning."""
    task = tiny_problem(kind).task
    windowed = 0
    long_words = tagged(["remrafoehto"] * 20, [{"spans": "B-WHO", "words": "NOUN"}[kind]] * 20)
    for example in (*tiny_problem(kind).test["yor"], long_words):
        text, units = example.fields["text"], example.fields["units"]
        encoded = task.encode([example], tokenizer, max_length=max_length, labelled=True)
        windowed += len(encoded.features) > 1
        windows = tokenizer(
            text, truncation=True, max_length=max_length, stride=min(64, max_length // 4),
            return_overflowing_tokens=True, return_offsets_mapping=True,
        )["offset_mapping"]  # fmt: skip
        for offsets, feature in zip(windows, encoded.features, strict=True):
            pieces = tokenizer.convert_ids_to_tokens(feature["input_ids"])
            for piece, (start, end), label in zip(pieces, offsets, feature["labels"], strict=True):
                if piece in ("<s>", "</s>", "▁"):
                    assert label == IGNORED
                    continue
                begin = start + len(text[start:end]) - len(text[start:end].lstrip())
                owner = next(n for n, (a, b) in enumerate(units) if a <= begin < b)
                tag = example.fields["tags"][owner]
                if kind == "spans" and begin > units[owner][0]:
                    tag = tag.replace("B-", "I-")
                assert task.outputs[label] == tag
    assert bool(windowed) == (max_length == 8)


def test_labels_do_not_change_what_is_predicted(problem: Problem, tokenizer: Any) -> None:
    """Prediction encodes without labels: examples that have none give the same inputs."""
    task = problem.task
    kept = {"text", "text_a", "text_b", "units", "question", "context", "trigger"}
    bare = [
        Example(id=example.id, lang="und", fields={name: example.fields[name] for name in kept & example.fields.keys()})
        for example in problem.test["yor"]
    ]
    full = task.encode(problem.test["yor"], tokenizer, max_length=LONGEST, labelled=False)
    assert task.encode(bare, tokenizer, max_length=LONGEST, labelled=False).features == full.features


def test_a_task_survives_its_config(problem: Problem) -> None:
    assert task_from_config(problem.task.config()) == problem.task


def test_no_examples_no_predictions(problem: Problem, tokenizer: Any) -> None:
    encoded = problem.task.encode([], tokenizer, max_length=LONGEST, labelled=True)
    assert encoded.features == encoded.owner == []
    assert problem.task.decode([], encoded, []) == []


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("name", sorted(TASKS))
@pytest.mark.parametrize("raw", [{}, {"text": 1}, {"text_a": "a", "text_b": None}, {"tokens": "abc"}, {"tokens": [""]}])
def test_a_row_that_is_no_row_is_refused_in_a_sentence(name: str, raw: dict[str, Any], labelled: bool) -> None:
    with pytest.raises(DataError) as error:
        make_examples(TASKS[name], [Row(3, raw)], lang="eng", split="train", place="here", labelled=labelled)
    assert str(error.value).startswith("here:3: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("classification", {"text": "a", "label": ""}),
        ("classification", {"text": "a", "label": 0.5}),
        ("classification", {"text": "a", "label": None}),
        ("pair", {"text_a": "a", "text_b": "b", "score": "high"}),
        ("pair", {"text_a": "a", "text_b": "b", "score": float("nan")}),
        ("pair", {"text_a": "a", "text_b": "b", "score": "inf"}),
        ("tagging", {"tokens": ["a", "b"], "tags": ["O"]}),
        ("tagging", {"tokens": ["a"], "tags": [1]}),
        ("tagging", {"text": "ab", "spans": [[0, 3, "X"]]}),
        ("tagging", {"text": "ab", "spans": [[1, 1, "X"]]}),
        ("tagging", {"text": "abc", "spans": [[0, 2, "X"], [1, 3, "Y"]]}),
        ("tagging", {"text": "abc", "spans": 7}),
        ("qa", {"context": "abc", "question": "?", "answers": 7}),
        ("qa", {"context": "abc", "question": "?", "answers": ["d"]}),
        ("qa", {"context": "abc", "question": "?", "answers": [""]}),
        ("qa", {"context": "abc", "question": "?", "answers": [{"text": "b", "answer_start": 0}]}),
        ("qa", {"context": "abc", "question": "?", "answers": [{"text": "b", "answer_start": "1"}]}),
        ("qa", {"context": "abc", "question": "?", "answers": {"text": ["b"], "answer_start": []}}),
        ("qa", {"context": "abc", "question": "?"}),
        ("event_arguments", {"text": "abc", "trigger": [0, 1, "X"]}),
        ("event_arguments", {"text": "abc", "trigger": [0, 4, "X"], "arguments": []}),
        ("event_arguments", {"text": "abc", "trigger": [0, 1, "X"], "arguments": [[0, 2, "A"], [1, 3, "B"]]}),
    ],
)
def test_a_label_that_is_no_label_is_refused(name: str, raw: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"column '|span|there are"):
        TASKS[name].parse(raw)


@pytest.mark.parametrize("label", [0, 1, True, "x"])
def test_labels_of_any_plain_type_are_taken_by_their_spelling(label: object) -> None:
    assert TASKS["classification"].parse({"text": "a", "label": label})["label"] == str(label)


def test_an_unknown_task_is_named_with_the_nearest() -> None:
    with pytest.raises(DataError, match=r"Did you mean 'tagging'"):
        find_task("taging")


class TestWindows:
    """Texts longer than the encoder."""

    @pytest.mark.parametrize("kind", ["spans", "words"])
    @pytest.mark.parametrize("max_length", [16, 64])
    def test_every_word_of_a_long_text_gets_its_own_answer(self, kind: str, max_length: int, tokenizer: Any) -> None:
        words = [("girl", "soup", "hammer", "carried", "xyzzyxyzzy")[n * n % 5] + "a" * (n % 3) for n in range(5000)]
        cycle = ("O", "B-X", "I-X", "B-Y", "O") if kind == "spans" else ("A", "B", "C")
        example = tagged(words, [cycle[n % len(cycle)] for n in range(5000)])
        task = Tagging.from_data([example])
        encoded = task.encode([example], tokenizer, max_length=max_length, labelled=True)
        assert len(encoded.features) > 5000 / max_length
        assert {unit for pairs in encoded.notes for unit, _ in pairs} == set(range(5000))
        (prediction,) = task.decode(perfect_logits(encoded, len(task.outputs)), encoded, [example])
        assert task.scores([example], [prediction.value], ones(1))[task.metric][0] == 1
        if kind == "words":
            assert [(start, end) for start, end, _ in prediction.value] == list(example.fields["units"])

    def test_a_word_is_read_in_the_window_that_shows_more_around_it(self, tokenizer: Any) -> None:
        example = tagged(["girl"] * 100, ["A", "B"] * 50)
        task = Tagging.from_data([example])
        encoded = task.encode([example], tokenizer, max_length=32, labelled=False)
        assert len(encoded.features) > 1
        seen: dict[int, list[tuple[int, int]]] = {}
        for window, pairs in enumerate(encoded.notes):
            for unit, piece in pairs:
                margin = min(piece, len(encoded.features[window]["input_ids"]) - 1 - piece)
                seen.setdefault(unit, []).append((margin, window))
        assert any(len(places) > 1 for places in seen.values())
        # Each window answers A or B throughout, by turns: the answer tells which window was read.
        logits = [
            np.tile([9.0, 0.0] if window % 2 == 0 else [0.0, 9.0], (len(feature["input_ids"]), 1))
            for window, feature in enumerate(encoded.features)
        ]
        (prediction,) = task.decode(logits, encoded, [example])
        for unit, places in seen.items():
            widest = max(margin for margin, _ in places)
            assert prediction.value[unit][2] in {"AB"[window % 2] for margin, window in places if margin == widest}


class TestBareBoundaries:
    """A piece that is only a word boundary says nothing and is told nothing."""

    TEXT = "我喜欢红色的面包"

    def test_the_tokenizer_makes_one_before_chinese(self, tokenizer: Any) -> None:
        encoded = tokenizer(self.TEXT, return_offsets_mapping=True)
        assert tokenizer.convert_ids_to_tokens(encoded["input_ids"])[1:3] == ["▁", "我"]
        assert encoded["offset_mapping"][1] == (0, 1)  # it claims the character that follows it

    def test_it_is_neither_labelled_nor_read(self, tokenizer: Any) -> None:
        example = tagged(list(self.TEXT), list("ABABABAB"))
        assert example.fields["text"] == self.TEXT
        task: Task = Tagging.from_data([example])
        encoded = task.encode([example], tokenizer, max_length=LONGEST, labelled=True)
        labels = encoded.features[0]["labels"]
        assert labels == [IGNORED, IGNORED, *([0, 1] * 4), IGNORED]
        assert encoded.notes == [[(unit, unit + 2) for unit in range(8)]]
        (prediction,) = task.decode(perfect_logits(encoded, 2), encoded, [example])
        assert prediction.value == [[n, n + 1, "AB"[n % 2]] for n in range(8)]

    @pytest.mark.parametrize("text", ["", " ", "\u200b", "\u2060\u2060"])
    def test_a_text_without_words_has_an_answer_all_the_same(self, text: str, tokenizer: Any) -> None:
        task = Tagging(labels=("X",))
        example = Example(id="1", lang="und", fields=Tagging.parse({"text": text}, labelled=False))
        encoded = task.encode([example], tokenizer, max_length=LONGEST, labelled=False)
        logits = [np.zeros((len(feature["input_ids"]), 3)) for feature in encoded.features]
        assert task.decode(logits, encoded, [example]) == [Prediction(value=[], score=1.0)]
