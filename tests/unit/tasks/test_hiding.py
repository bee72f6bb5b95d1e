"""What a system is shown of a labelled example."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from isogloss import Problem
from isogloss.tasks import Tagging

KINDS = {
    "classification": {"text"},
    "pair_labels": {"text_a", "text_b"},
    "pair_scores": {"text_a", "text_b"},
    "spans": {"text", "units"},
    "words": {"text", "units"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_input_is_left(kind: str, tiny_problem: Callable[..., Problem]) -> None:
    problem = tiny_problem(kind)
    example = replace(problem.test["yor"][0], views={"rus": problem.test["rus"][0]})
    (hidden,) = problem.task.hide([example])
    assert hidden.fields.keys() == hidden.views["rus"].fields.keys() == KINDS[kind]
    assert hidden.fields.items() <= example.fields.items()
    assert (hidden.id, hidden.lang, hidden.place) == (example.id, example.lang, example.place)
    assert problem.task.text(hidden.fields) == problem.task.text(example.fields)
    assert problem.task.labels_in(example.fields) or kind == "pair_scores"


def test_gold_spans_are_no_input() -> None:
    fields = Tagging.parse({"text": "Anna left", "spans": [[0, 4, "PER"]]})
    assert "gold" in fields
    assert Tagging(labels=("PER",)).unlabelled(fields) == {"text": "Anna left", "units": ((0, 4), (5, 9))}
