"""Question answering: rows, windows, answers from logits, and what a translation carries."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from isogloss import Backbone, Example
from isogloss.metrics import ones
from isogloss.nets.pointing import choices_of, logits_of, pointing_loss
from isogloss.tasks import Marked, QuestionAnswering
from isogloss.tasks.qa import LONGEST

PLAIN = QuestionAnswering(labels=("answer",))
OPEN = QuestionAnswering(labels=("answer", "none"))
CONTEXT = "the girl saw the red bread"


@pytest.fixture(scope="module")
def tokenizer(tiny_backbone: Path) -> Any:
    return Backbone.load(str(tiny_backbone)).tokenizer()


def asked(answers: Any = ("bread",), context: str = CONTEXT, question: str = "a red thing") -> Example:
    raw = {"context": context, "question": question, "answers": answers}
    return Example(id="1", lang="eng", fields=QuestionAnswering.parse(raw))


@pytest.mark.parametrize(
    "answers",
    [
        ["the"],
        "the",
        [{"text": "the"}],
        [{"text": "the", "answer_start": 0}],
        [{"text": "the", "start": 0}, {"text": "the", "start": 0}],
        [["the", 0]],
        {"text": ["the"], "answer_start": [0]},
    ],
)
def test_answers_may_be_written_in_several_ways(answers: Any) -> None:
    assert asked(answers).fields["answers"] == (("the", 0),)


def test_a_wrong_place_is_said_with_the_right_one_and_the_question() -> None:
    raw = {"id": "q7", "context": CONTEXT, "question": "?", "answers": [{"text": "the", "answer_start": 11}]}
    with pytest.raises(ValueError, match=r"question 'q7': the answer 'the' .* not start at character 11 .* but at 13"):
        QuestionAnswering.parse(raw)


def test_impossible_questions_have_no_answers() -> None:
    raw = {"context": CONTEXT, "question": "?", "answers": ["the"], "is_impossible": True}
    fields = QuestionAnswering.parse(raw)
    assert fields["answers"] == ()
    example = Example(id="1", lang="eng", fields=fields)
    assert QuestionAnswering.from_data([asked()]) == PLAIN
    assert QuestionAnswering.from_data([asked(), example]) == OPEN


@pytest.mark.parametrize("max_length", [24, 40, 64])
def test_labels_are_the_pieces_of_the_first_answer_where_it_is_whole(max_length: int, tokenizer: Any) -> None:
    context = "nobody carried a cheap hammer " * 6 + "the old king painted " + "the heavy plough " * 6
    example = asked(["the old king", "plough"], context=context)
    encoded = PLAIN.encode([example], tokenizer, max_length=max_length, labelled=True)
    start, end = context.index("the old king"), context.index("the old king") + len("the old king")
    assert len(encoded.features) > 1
    whole = 0
    for feature, offsets in zip(encoded.features, encoded.notes, strict=True):
        assert len(feature["input_ids"]) <= max_length
        first, last = feature["labels"]
        if (first, last) != (0, 0):
            whole += 1
            assert (offsets[first][0], offsets[last][1]) == (start, end)
        else:
            spots = [spot for spot in offsets if spot]
            assert spots[0][0] > start or spots[-1][1] < end
    assert whole


def test_every_window_has_the_question_and_together_they_have_the_context(tokenizer: Any) -> None:
    example = asked(["needle"], context="the farmer sold the heavy needle " * 20, question="nobody sold")
    encoded = PLAIN.encode([example], tokenizer, max_length=40, labelled=False)
    head = tokenizer("nobody sold")["input_ids"]
    assert all(feature["input_ids"][: len(head)] == head for feature in encoded.features)
    seen = {c for offsets in encoded.notes for spot in offsets if spot for c in range(*spot)}
    context = example.fields["context"]
    assert seen == {i for i, c in enumerate(context) if not c.isspace()}
    assert encoded.truncated == 0


def test_a_question_longer_than_half_the_window_is_cut(tokenizer: Any) -> None:
    encoded = PLAIN.encode([asked(question="nobody found the old king " * 50)], tokenizer, max_length=32, labelled=True)
    assert encoded.truncated == 1
    assert max(len(feature["input_ids"]) for feature in encoded.features) <= 32


def best_of(logits_T2: np.ndarray, offsets: list[Any]) -> float:
    """The best score by trying every pair."""
    there = [place for place, spot in enumerate(offsets) if spot]
    return max(logits_T2[a, 0] + logits_T2[b, 1] for a in there for b in there if a <= b < a + LONGEST)


@given(seed=st.integers(0, 10_000))
def test_the_best_pair_is_found(seed: int, tokenizer: Any) -> None:
    """With no more pieces than starts and ends that are kept, nothing better can have been missed."""
    example = asked(["a"], context="a saw")
    encoded = PLAIN.encode([example], tokenizer, max_length=64, labelled=False)
    logits = np.random.default_rng(seed).normal(size=(len(encoded.notes[0]), 2))
    (prediction,) = PLAIN.decode([logits], encoded, [example])
    value = prediction.value
    assert example.fields["context"][value["start"] : value["end"]] == value["text"] != ""
    first = next(i for i, spot in enumerate(encoded.notes[0]) if spot and spot[0] == value["start"])
    last = next(i for i, spot in enumerate(encoded.notes[0]) if spot and spot[1] == value["end"])
    assert logits[first, 0] + logits[last, 1] == pytest.approx(best_of(logits, encoded.notes[0]))
    assert 0 < prediction.score <= 1


class TestSilence:
    """No answer."""

    def decoded(self, task: QuestionAnswering, cls: float, tokenizer: Any) -> Any:
        example = asked()
        encoded = task.encode([example], tokenizer, max_length=64, labelled=True)
        logits = np.zeros((len(encoded.notes[0]), 2))
        start, end = encoded.features[0]["labels"]
        logits[start, 0] = logits[end, 1] = 5
        logits[0] = cls
        return task.decode([logits], encoded, [example])[0].value

    def test_is_kept_where_the_first_piece_scores_higher(self, tokenizer: Any) -> None:
        assert self.decoded(OPEN, 6, tokenizer) == {"text": "", "start": None, "end": None}
        assert self.decoded(OPEN, 4, tokenizer) == {"text": "bread", "start": 21, "end": 26}

    def test_is_not_known_to_a_system_that_never_saw_it(self, tokenizer: Any) -> None:
        assert self.decoded(PLAIN, 6, tokenizer)["text"] == "bread"

    def test_is_all_there_is_in_an_empty_context(self, tokenizer: Any) -> None:
        example = Example(id="1", lang="eng", fields={"context": " ", "question": "a thing"})
        encoded = PLAIN.encode([example], tokenizer, max_length=64, labelled=False)
        logits = [np.zeros((len(offsets), 2)) for offsets in encoded.notes]
        assert PLAIN.decode(logits, encoded, [example])[0].value["start"] is None

    def test_needs_the_least_sure_window(self, tokenizer: Any) -> None:
        example = asked(context="the red bread " + "nobody carried the hammer " * 10, answers=["bread"])
        encoded = OPEN.encode([example], tokenizer, max_length=40, labelled=True)
        logits = []
        for feature in encoded.features:
            row = np.zeros((len(feature["input_ids"]), 2))
            row[feature["labels"], [0, 1]] = 5
            logits.append(row)
        assert OPEN.decode(logits, encoded, [example])[0].value["text"] == "bread"


class TestTranslation:
    """What a translation carries."""

    def test_nothing_changes_if_nothing_does(self) -> None:
        for example in (asked(), asked([]), asked(["red bread", "girl"])):
            made = PLAIN.remade(example.fields, PLAIN.marked(example.fields))
            assert set(made["answers"]) == set(example.fields["answers"])
            assert {**made, "answers": ()} == {**example.fields, "answers": ()}

    def test_overlapping_answers_give_way_to_the_first(self) -> None:
        assert PLAIN.marked(asked(["red bread", "bread", "girl"]).fields)["context"].spans == (
            (4, 8, "answer"),
            (17, 26, "answer"),
        )

    def test_an_answer_that_is_lost_is_not_one_that_is_not_there(self) -> None:
        lost = {"question": Marked(text="?"), "context": Marked(text="x")}
        with pytest.raises(ValueError, match="not in the context"):
            PLAIN.remade(asked().fields, lost)
        assert PLAIN.remade(asked([]).fields, lost)["answers"] == ()

    def test_answers_go_and_come_back(self) -> None:
        fields = PLAIN.unlabelled(asked().fields)
        value = {"text": "girl", "start": 4, "end": 8}
        marked = PLAIN.answer_marked(fields, value)
        assert marked["context"].spans == ((4, 8, "answer"),)
        assert PLAIN.answer_from(fields, {"text": "x", "start": 0, "end": 1}, marked) == value
        silent = PLAIN.answer_marked(fields, {"text": "", "start": None, "end": None})
        assert PLAIN.answer_from(fields, value, silent) == {"text": "", "start": None, "end": None}


def test_scores_take_the_best_gold_answer_in_the_language_of_the_example() -> None:
    example = asked(["the red bread", "girl"])
    values = [{"text": "red bread", "start": 17, "end": 26}]
    assert {k: float(*v) for k, v in PLAIN.scores([example], values, ones(1)).items()} == {"f1": 1, "exact_match": 1}


class TestLoss:
    """The loss of starts and ends."""

    def output(self, mask: torch.Tensor) -> Any:
        generator = torch.Generator().manual_seed(0)
        start, end = torch.randn(2, *mask.shape, generator=generator)
        return SimpleNamespace(start_logits=start, end_logits=end)

    def test_is_the_mean_cross_entropy_and_blind_to_padding(self) -> None:
        mask = torch.tensor([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]])
        output, labels = self.output(mask), torch.tensor([[1, 2], [0, 5]])
        model: Any = lambda **_: output  # noqa: E731
        loss = pointing_loss(model, {"attention_mask": mask, "labels": labels})
        expected = [
            torch.nn.functional.cross_entropy(side[row, : mask[row].sum()][None], labels[row, k][None])
            for row in range(2)
            for k, side in enumerate((output.start_logits, output.end_logits))
        ]
        assert loss.item() == pytest.approx(torch.stack(expected).mean().item())

    def test_leaves_other_networks_alone(self) -> None:
        logits = torch.randn(2, 3)
        output = SimpleNamespace(logits=logits)
        assert logits_of(output) is logits
        assert choices_of(output, torch.ones(2, 4)) is logits
