"""Event arguments: tagging with a trigger that the encoder is told of and that a translation must not lose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from isogloss import Backbone, Example
from isogloss.tasks import EventArguments, Marked, task_from_config

RAW = {
    "text": "my uncle sold the red bread",
    "trigger": [9, 13, "TRADE"],
    "arguments": [[18, 27, "GOODS"], [0, 8, "SELLER"]],
}
TASK = EventArguments(labels=("GOODS", "SELLER"))


def example(**changes: Any) -> Example:
    return Example(id="1", lang="eng", fields=EventArguments.parse(RAW | changes))


@pytest.mark.parametrize("max_length", [10, 12, 128])
def test_the_trigger_follows_every_window_and_only_the_sentence_is_labelled(
    max_length: int, tiny_backbone: Path
) -> None:
    tokenizer = Backbone.load(str(tiny_backbone)).tokenizer()
    encoded = TASK.encode([example()], tokenizer, max_length=max_length, labelled=True)
    assert (len(encoded.features) > 1) == (max_length < 64)
    told = tokenizer("TRADE: sold", add_special_tokens=False)["input_ids"]
    for feature, pairs in zip(encoded.features, encoded.notes, strict=True):
        border = feature["input_ids"].index(tokenizer.eos_token_id)
        trigger = feature["input_ids"][border + 2 : -1]
        assert trigger == told
        assert all(label == -100 for label in feature["labels"][border:])
        assert all(0 < piece < border for _, piece in pairs)


def test_the_trigger_changes_the_input(tiny_backbone: Path) -> None:
    tokenizer = Backbone.load(str(tiny_backbone)).tokenizer()
    one, other = (
        TASK.encode([example(trigger=trigger)], tokenizer, max_length=128, labelled=False).features[0]["input_ids"]
        for trigger in ([9, 13, "TRADE"], [0, 2, "TRADE"])
    )
    assert one != other


def test_the_answer_and_the_trigger_are_spans_of_a_translation() -> None:
    fields = example().fields
    assert TASK.marked(fields)["text"].spans == ((0, 8, "SELLER"), (9, 13, "trigger:TRADE"), (18, 27, "GOODS"))
    assert TASK.marked(TASK.unlabelled(fields))["text"].spans == ((9, 13, "trigger:TRADE"),)
    assert TASK.remade(fields, TASK.marked(fields)) == fields
    blind = TASK.unlabelled(fields)
    assert TASK.remade(blind, TASK.marked(blind)) == blind
    moved = Marked(text="vendeu pão", spans=((0, 6, "trigger:TRADE"), (7, 10, "GOODS")))
    made = TASK.remade(fields, {"text": moved})
    assert (made["trigger"], made["gold"]) == ((0, 6, "TRADE"), ((7, 10, "GOODS"),))


def test_a_translation_without_the_trigger_is_none() -> None:
    with pytest.raises(ValueError, match="trigger of the event TRADE"):
        TASK.remade(example().fields, {"text": Marked(text="pão", spans=((0, 3, "GOODS"),))})


def test_an_argument_that_overlaps_the_trigger_is_not_carried() -> None:
    fields = example(arguments=[[0, 13, "SELLER"], [18, 27, "GOODS"]]).fields
    assert TASK.marked(fields)["text"].spans == ((9, 13, "trigger:TRADE"), (18, 27, "GOODS"))


def test_answers_are_role_spans_alone() -> None:
    fields = TASK.unlabelled(example().fields)
    value = [[0, 8, "SELLER"]]
    marked = TASK.answer_marked(fields, value)
    assert marked["text"].spans == ((0, 8, "SELLER"),)
    with_trigger = Marked(text=RAW["text"], spans=((0, 8, "SELLER"), (9, 13, "trigger:TRADE")))
    assert TASK.answer_from(fields, [], {"text": with_trigger}) == value


def test_two_events_of_a_sentence_are_two_inputs_of_one_text() -> None:
    one, other = example().fields, example(trigger=[0, 2, "MEET"]).fields
    assert TASK.texts(one) == TASK.texts(other)
    assert TASK.text(one) != TASK.text(other)
    assert task_from_config(TASK.config()) == TASK
