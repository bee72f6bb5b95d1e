"""Few-shot training: joint batches, joint loss, and what the ledger says of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import isogloss
from isogloss import Problem, System
from isogloss.errors import RecipeError, ResourceError
from isogloss.methods.objective.few_shot import FewShot, joint_loss
from isogloss.recipes import catalogue, resolve

FAST = {"cross_entropy.epochs": "2", "cross_entropy.min_steps": "0", "few_shot.updates": "4", "few_shot.snapshots": "2"}
KINDS = ("classification", "pair_labels", "pair_scores", "spans", "words", "qa", "event_arguments")
DIRECT = catalogue()["direct"]


def with_few(
    tiny_problem: Callable[..., Problem], tiny_data: Callable[[str], Any], kind: str = "classification"
) -> Problem:
    """Eight labels of each target, of items that no test has."""
    rows = tiny_data(kind)["test"]
    few = {lang: [row | {"id": f"few-{row['id']}"} for row in rows[lang][:8]] for lang in ("yor", "rus")}
    test = {lang: rows[lang][8:] for lang in rows}
    return tiny_problem(kind, few=few, test=test)


@pytest.fixture
def problem(tiny_problem: Callable[..., Problem], tiny_data: Callable[[str], Any]) -> Problem:
    return with_few(tiny_problem, tiny_data)


def network(logits: torch.Tensor) -> Any:
    return lambda **inputs: SimpleNamespace(logits=logits)


class TestLoss:
    """The mean of the languages' own means."""

    def test_of_labels(self) -> None:
        logits = torch.randn(5, 3)
        labels, groups = torch.tensor([0, 1, 2, 0, 1]), torch.tensor([0, 0, 0, 1, 1])
        mean = torch.nn.functional.cross_entropy
        expected = (mean(logits[:3], labels[:3]) + mean(logits[3:], labels[3:])) / 2
        found = joint_loss(network(logits), {"input_ids": labels, "labels": labels, "group": groups})
        assert found == pytest.approx(expected.item(), abs=1e-6)
        assert found != pytest.approx(mean(logits, labels).item(), abs=1e-6)

    def test_of_tokens_without_padding(self) -> None:
        logits = torch.randn(3, 4, 2)
        labels = torch.tensor([[0, 1, -100, -100], [1, 1, 1, 0], [0, -100, -100, -100]])
        groups = torch.tensor([2, 2, 5])
        mean = torch.nn.functional.cross_entropy
        first = mean(logits[:2].flatten(0, 1), labels[:2].flatten(), ignore_index=-100)
        second = mean(logits[2], labels[2], ignore_index=-100)
        found = joint_loss(network(logits), {"labels": labels, "group": groups})
        assert found == pytest.approx(((first + second) / 2).item(), abs=1e-6)

    def test_of_numbers(self) -> None:
        logits, labels = torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([0.0, 0.0, 0.0])
        found = joint_loss(network(logits), {"labels": labels, "group": torch.tensor([0, 0, 1])})
        assert found == pytest.approx(((1 + 4) / 2 + 16) / 2)


def test_every_update_has_rows_of_every_language() -> None:
    part = FewShot(zero_shot=DIRECT, updates=7, source_batch=5, few_batch=3)
    features = [{"group": group} for group in [0] * 20 + [1] * 4 + [2] * 2]
    plan = part._batches(1)(features, 3)
    assert len(plan) == 7
    for batch in plan:
        groups = [features[row]["group"] for row in batch]
        assert [groups.count(group) for group in (0, 1, 2)] == [5, 3, 2]
    rows = [row for batch in plan[:4] for row in batch if features[row]["group"] == 0]
    assert sorted(rows) == list(range(20))  # in turn: none comes twice before all have come
    assert part._batches(1)(features, 3) == plan
    assert part._batches(1)(features, 4) != plan


@pytest.mark.parametrize("kind", KINDS)
def test_every_task_learns_from_a_few(
    kind: str,
    tiny_problem: Callable[..., Problem],
    tiny_data: Callable[[str], Any],
    tiny_backbone: Path,
    tmp_path: Path,
) -> None:
    problem = with_few(tiny_problem, tiny_data, kind)
    out = tmp_path / "run"
    system, report = isogloss.transfer(
        problem, "direct", few_shot=3, settings=FAST, backbone=str(tiny_backbone), precision="fp32", out=out
    )
    assert report.recipe == "direct+few-shot"
    assert (report.regime, report.tier) == ("few-shot", "6 target labels")
    assert report.resources["few"] == {"yor": 3, "rus": 3}
    assert report.resources["train"] == {"eng": 32}
    assert report.leaks["total"] == 0
    assert [row["recipe"] for row in report.nested] == ["direct+few-shot", "direct"]
    again, repeated = isogloss.transfer(problem, str(out / "recipe.toml"), backbone=str(tiny_backbone))
    assert repeated.settings == report.settings
    texts = problem.task.hide(problem.test["yor"])
    langs = ["yor"] * len(texts)
    expected = system.predict_examples(texts, langs=langs)
    assert again.predict_examples(texts, langs=langs) == expected
    assert System.from_pretrained(out).predict_examples(texts, langs=langs) == expected


def test_the_labels_are_drawn_by_the_seed(problem: Problem, tiny_backbone: Path) -> None:
    reports = [
        isogloss.transfer(problem, few_shot=2, settings=FAST, seeds=[seed], backbone=str(tiny_backbone))[1]
        for seed in (1, 1, 2)
    ]
    assert reports[0].scores == reports[1].scores
    part = FewShot(zero_shot=DIRECT, shots=2)
    drawn = [
        [example.id for example in part._drawn(problem, "yor", SimpleNamespace(seed=seed))] for seed in (1, 1, 2)  # type: ignore[arg-type]
    ]  # fmt: skip
    assert drawn[0] == drawn[1] != drawn[2]


def test_more_labels_than_there_are_is_one_sentence(problem: Problem, tiny_backbone: Path) -> None:
    with pytest.raises(ResourceError, match=r"few/yor has 8 labelled examples, not 9\. Add some, or give --few-shot 8"):
        isogloss.transfer(problem, few_shot=9, settings=FAST, backbone=str(tiny_backbone))


def test_it_goes_on_top_of_any_recipe() -> None:
    frozen = resolve("frozen+few-shot")
    assert isinstance(frozen.objective, FewShot)
    assert frozen.objective.zero_shot == catalogue()["frozen"]
    assert resolve("few-shot", few_shot=5).settings()["few_shot"]["shots"] == 5
    assert resolve("direct", few_shot=5) == resolve("direct+few-shot", few_shot=5)
    deep = resolve("direct", few_shot=5, settings={"cross_entropy.epochs": "3", "few_shot.updates": "7"})
    assert deep.settings()["cross_entropy"]["epochs"] == 3
    assert deep.settings()["few_shot"]["zero_shot"] == "direct"
    assert deep.settings()["few_shot"]["updates"] == 7
    assert catalogue()["direct"].learns_by.epochs == 5  # type: ignore[attr-defined]
    with pytest.raises(RecipeError, match="does not fit"):
        resolve("direct", few_shot=-1)
