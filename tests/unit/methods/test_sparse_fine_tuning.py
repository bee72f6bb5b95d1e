"""The part: its two trainings, what may learn in them, and a loss of one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from transformers import PreTrainedModel

import isogloss
from isogloss import Backbone, Problem, Recipe
from isogloss.errors import RecipeError
from isogloss.flow import fit
from isogloss.methods.objective.sparse_fine_tuning import SparseFineTuning
from isogloss.run import Run
from isogloss.train import Trained
from isogloss.train.trainable import in_head

FAST: dict[str, Any] = {"epochs": 2, "first_epochs": 1, "min_steps": 0, "learning_rate": 1e-3, "snapshots": 2}


@pytest.fixture
def tuned(tiny_problem: Callable[..., Problem], tiny_backbone: Path, tmp_path: Path) -> Callable[..., Trained]:
    def make(**options: Any) -> Trained:
        transformers.set_seed(1)
        run = Run(flow=fit, folder=tmp_path, quiet=True, checkpoint_seconds=1e9)
        return SparseFineTuning(**FAST | options)(Backbone.load(str(tiny_backbone)), tiny_problem(), run)

    return make


@pytest.mark.parametrize("trains", ["body", "all"])
def test_the_density_is_of_what_may_learn(tuned: Callable[..., Trained], trains: str) -> None:
    result = tuned(density=0.05, trains=trains)
    may = {
        name: parameter.numel()
        for name, parameter in result.model.named_parameters()
        if not in_head(result.model, name) and "LayerNorm" not in name and (trains == "all" or "embeddings" not in name)
    }
    assert result.masks is not None
    assert result.masks.keys() == may.keys()
    assert sum(int(mask.sum()) for mask in result.masks.values()) == round(0.05 * sum(may.values()))


@pytest.mark.parametrize("trains", ["seen", "head"])
def test_what_it_cannot_choose_from_is_refused(tuned: Callable[..., Trained], trains: str) -> None:
    with pytest.raises(RecipeError, match=f"trains = '{trains}'"):
        tuned(trains=trains)


def test_a_loss_of_ones_own_is_that_of_both_trainings(
    tiny_problem: Callable[..., Problem], tiny_backbone: Path, tmp_path: Path
) -> None:
    seen: list[int] = []

    def loss(model: PreTrainedModel, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        seen.append(len(batch["labels"]))
        found: torch.Tensor = model(**batch).loss
        return found

    problem, backbone = tiny_problem(), Backbone.load(str(tiny_backbone))
    run = Run(flow=fit, folder=tmp_path, quiet=True, checkpoint_seconds=1e9)
    part = SparseFineTuning(**FAST)
    part._tune(backbone.model(problem.task), backbone.tokenizer(), problem, run, loss=loss)
    assert sum(seen) == 3 * len(problem.train_examples())


def test_it_goes_through_the_flow(tiny_problem: Callable[..., Problem], tiny_backbone: Path, tmp_path: Path) -> None:
    recipe = Recipe(name="sparse", objective=SparseFineTuning(**FAST))
    system, report = isogloss.transfer(tiny_problem(), recipe, backbone=str(tiny_backbone), out=tmp_path / "run")
    assert report.scores
    assert len(system.predict(["the girl saw the red bread"])) == 1
