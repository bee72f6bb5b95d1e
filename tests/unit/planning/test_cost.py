from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from isogloss import Backbone, Problem
from isogloss.commands import plan as plan_of
from isogloss.errors import DataError
from isogloss.planning.cost import training_seconds


@pytest.mark.parametrize("kind", ["classification", "spans", "pair_scores"])
def test_a_few_updates_tell_the_time_of_all(
    tiny_problem: Callable[..., Problem], tiny_backbone: Path, kind: str
) -> None:
    seconds = training_seconds(tiny_problem(kind), Backbone.load(str(tiny_backbone)))
    assert 0.05 < seconds < 600  # 150 updates of a tiny network


def test_without_training_data_there_is_nothing_to_time(
    tiny_problem: Callable[..., Problem], tiny_backbone: Path
) -> None:
    with pytest.raises(DataError, match="no training data"):
        training_seconds(replace(tiny_problem("classification"), train={}), Backbone.load(str(tiny_backbone)))


def test_the_plan_reads_text_with_the_encoders_own_tokenizer(
    tiny_problem: Callable[..., Problem], tiny_backbone: Path
) -> None:
    problem = tiny_problem("classification")
    own = {lang: ["a red loaf of bread"] * 30 for lang in problem.targets}
    found = plan_of(problem, backbone=str(tiny_backbone), texts=own, cost=True)
    assert found.seconds is not None
    assert found.land.pieces > 0
    assert found.to_json()["seconds"] == found.seconds
