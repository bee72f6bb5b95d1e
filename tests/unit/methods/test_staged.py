"""Training in stages: which rows, how often, in which order, with one label set, and what the ledger says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import isogloss
from isogloss import Backbone, Example, Problem, Recipe, System
from isogloss.errors import ResourceError
from isogloss.methods.objective.cross_entropy import CrossEntropy
from isogloss.methods.objective.staged import Regime, Staged
from isogloss.methods.weights.last import Last
from isogloss.recipes import resolve

FAST: dict[str, Any] = {"source_epochs": 1, "target_epochs": 2, "upsample": 3, "snapshots": 2}
REGIMES: tuple[Regime, ...] = ("target", "source_then_target", "joint")
WHO, PLACE = ("Ann", "Bob", "Eve", "Kim"), ("Rome", "Oslo", "Bonn", "Nice")
AI = "eng-x-ai"


def sentence(who: str, place: str, kind: str, name: str) -> dict[str, Any]:
    text = f"{who} saw {place}"
    spans = [[0, len(who), "person"], [len(who) + 5, len(text), kind]]
    return {"id": f"{name}-{who}-{place}", "text": text, "spans": spans}


def raw(lines: Sequence[str]) -> tuple[Example, ...]:
    return tuple(Example(id=f"{AI}/unlabelled/{n}", lang=AI, fields={"text": line}) for n, line in enumerate(lines))


@pytest.fixture
def problem() -> Problem:
    """A general source with person and place, a domain with person and lab, open so that the few widen the set."""
    pairs = [(who, place) for who in WHO for place in PLACE]
    return Problem.from_data(
        task="tagging", source="eng", targets=AI, open_labels=True,
        train={"eng": [sentence(*pair, "place", "train") for pair in pairs[:8]]},
        few={AI: [sentence(*pair, "lab", "few") for pair in pairs[8:12]]},
        test={AI: [sentence(*pair, "lab", "test") for pair in pairs[12:]]},
    )  # fmt: skip


@pytest.fixture
def phases(monkeypatch: pytest.MonkeyPatch, problem: Problem) -> Callable[[Regime], list[Any]]:
    """The phases that a regime hands on."""
    network: Any = SimpleNamespace(model=lambda task: None, tokenizer=lambda: None)

    def of(regime: Regime) -> list[Any]:
        seen: list[Any] = []
        monkeypatch.setattr(
            "isogloss.train.train_phases", lambda model, tokenizer, task, phases, run: seen.extend(phases)
        )
        Staged(regime=regime, **FAST)(network, problem, SimpleNamespace())  # type: ignore[arg-type]
        return seen

    return of


class TestPhases:
    def test_source_then_target(self, phases: Callable[[Regime], list[Any]], problem: Problem) -> None:
        first, second = phases("source_then_target")
        assert (first.name, first.epochs, tuple(first.examples)) == ("source", 1, problem.train["eng"])
        assert (second.name, second.epochs, tuple(second.examples)) == ("target", 2, problem.few[AI])
        assert second.roles == {AI: "few"}

    def test_target_alone(self, phases: Callable[[Regime], list[Any]], problem: Problem) -> None:
        (only,) = phases("target")
        assert (only.epochs, tuple(only.examples)) == (2, problem.few[AI])

    def test_joint_has_each_source_row_once_and_each_target_row_so_many_times(
        self, phases: Callable[[Regime], list[Any]], problem: Problem
    ) -> None:
        (only,) = phases("joint")
        counts = Counter(example.id for example in only.examples)
        assert counts == {e.id: 1 for e in problem.train["eng"]} | {e.id: 3 for e in problem.few[AI]}
        rows = [row for batch in only.plan([{"input_ids": [0]}] * len(only.examples), 1) for row in batch]
        assert Counter(only.examples[row].id for row in rows) == counts  # one epoch


class TestLabels:
    def test_one_set_in_which_a_shared_name_has_one_output(self, problem: Problem, tiny_backbone: Path) -> None:
        assert problem.task.labels == ("lab", "person", "place")
        tokenizer = Backbone.load(str(tiny_backbone)).tokenizer()
        rows = [problem.train["eng"][0], problem.few[AI][0]]
        encoded = problem.task.encode(rows, tokenizer, max_length=32, labelled=True)
        source, target = ({*feature["labels"]} for feature in encoded.features)
        names = problem.task.outputs
        assert len(set(names)) == len(names) == 7
        assert {names[i] for i in source & target if i >= 0} >= {"O", "B-person"}
        assert {names[i] for i in target - source if i >= 0} >= {"B-lab"}
        assert {names[i] for i in source - target if i >= 0} >= {"B-place"}


@pytest.mark.parametrize("regime", REGIMES)
def test_every_regime_runs_and_the_ledger_knows_its_labels(
    regime: Regime, problem: Problem, tiny_backbone: Path, tmp_path: Path
) -> None:
    recipe = Recipe(name="staged", objective=Staged(regime=regime, **FAST), weights=Last())
    system, report = isogloss.transfer(
        problem, recipe, backbone=str(tiny_backbone), precision="fp32", out=tmp_path / "run"
    )
    assert (report.regime, report.tier) == ("few-shot", "4 target labels")
    assert report.resources["few"] == {AI: 4}
    assert report.resources.get("train") == (None if regime == "target" else {"eng": 8})
    assert report.leaks["total"] == 0
    texts = problem.task.hide(problem.test[AI])
    expected = system.predict_examples(texts, langs=[AI] * len(texts))
    assert System.from_pretrained(tmp_path / "run").predict_examples(texts, langs=[AI] * len(texts)) == expected


def test_the_target_alone_trains_as_plain_fine_tuning_on_it(problem: Problem, tiny_backbone: Path) -> None:
    same: dict[str, Any] = {"learning_rate": 1e-3, "snapshots": 1}
    moved = Problem.from_data(
        task="tagging", source="eng", targets=AI, labels=problem.task.labels,
        train={"eng": [problem.task.row(e.fields) for e in problem.few[AI]]},
        test={AI: [problem.task.row(e.fields) for e in problem.test[AI]]},
    )  # fmt: skip
    staged = Recipe(name="a", objective=Staged(regime="target", target_epochs=2, **same), weights=Last())
    plain = Recipe(name="b", objective=CrossEntropy(epochs=2, min_steps=0, **same), weights=Last())
    one, _ = isogloss.transfer(problem, staged, backbone=str(tiny_backbone), precision="fp32")
    other, _ = isogloss.transfer(moved, plain, backbone=str(tiny_backbone), precision="fp32")
    assert one.base is not None
    assert other.base is not None
    theirs = other.base.model.state_dict()
    assert all((value == theirs[name]).all() for name, value in one.base.model.state_dict().items())


def test_only_the_target_regime_does_without_source_labels(problem: Problem, tiny_backbone: Path) -> None:
    alone = Problem.from_data(
        task="tagging", source="eng", targets=AI,
        few={AI: [problem.task.row(e.fields) for e in problem.few[AI]]},
        test={AI: [problem.task.row(e.fields) for e in problem.test[AI]]},
    )  # fmt: skip
    assert alone.task.labels == ("lab", "person")
    for regime in REGIMES:
        recipe = Recipe(name="staged", objective=Staged(regime=regime, **FAST), weights=Last())
        if regime == "target":
            assert isogloss.transfer(alone, recipe, backbone=str(tiny_backbone))[1].tier == "4 target labels"
        else:
            with pytest.raises(ResourceError, match="needs labelled training data of the source language"):
                isogloss.transfer(alone, recipe, backbone=str(tiny_backbone))


def test_settings_change_the_regime_and_with_it_the_needs() -> None:
    recipe = Recipe(name="staged", objective=Staged(), weights=Last())
    assert recipe.needs == ("few", "train")
    assert recipe.set({"staged.regime": "joint"}).needs == ("few", "train")
    assert recipe.set({"staged.regime": "target"}).needs == ("few",)


def test_the_recipe_of_crossner_goes_from_text_to_scores(tiny_backbone: Path, problem: Problem) -> None:
    lines = [f"{who} saw {place} on day {n} of the year ." for n, (who, place) in enumerate(product(WHO, PLACE))]
    given = replace(problem, unlabelled={AI: raw(lines)})
    settings = {"staged.source_epochs": "1", "staged.target_epochs": "1", "select_text.names": "day",
                "continued_pretraining.epochs": "1", "continued_pretraining.head_steps": "2"}  # fmt: skip
    recipe = resolve("crossner-dapt", settings=settings)
    assert recipe.needs == ("few", "train", "unlabelled")
    _, report = isogloss.transfer(given, recipe, backbone=str(tiny_backbone), precision="fp32")
    assert report.tier == "4 target labels"
    assert report.resources["adapt"][AI] == 16
    joint = resolve("crossner-dapt", settings={"staged.regime": "joint", "select_text.level": "domain"})
    assert joint.settings()["staged"]["regime"] == "joint"
