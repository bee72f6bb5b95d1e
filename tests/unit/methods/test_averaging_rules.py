"""Checkpoint averaging and run averaging on real trainings of a tiny encoder."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import isogloss
from isogloss import Backbone, Problem, Recipe, System
from isogloss.flow import fit
from isogloss.methods.objective.cross_entropy import CrossEntropy
from isogloss.methods.weights.checkpoint_averaging import CheckpointAveraging, late, mean_of
from isogloss.methods.weights.last import Last
from isogloss.methods.weights.run_averaging import RunAveraging
from isogloss.recipes import resolve
from isogloss.run import Run
from isogloss.train import Trained
from isogloss.train.keeping import Snapshot

SHORT = CrossEntropy(epochs=4, min_steps=0, learning_rate=1e-3, snapshots=4)
KINDS = ("classification", "pair_labels", "pair_scores", "spans", "words", "qa", "event_arguments")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(flow=fit, folder=tmp_path_factory.mktemp("rules"), quiet=True)


@pytest.fixture(scope="module")
def trained(tiny_problem: Callable[..., Problem], tiny_backbone: Path, run: Run) -> Trained:
    return SHORT(Backbone.load(str(tiny_backbone)), tiny_problem(), run)


def snapshots_of(values: list[float], folder: Path) -> list[Snapshot]:
    for step, value in enumerate(values, start=1):
        save_file({"w": torch.tensor([value])}, folder / f"{step}.safetensors")
    return [Snapshot(step=step, path=folder / f"{step}.safetensors") for step in range(1, len(values) + 1)]


def test_the_window_is_the_late_part(tmp_path: Path) -> None:
    snapshots = snapshots_of([1.0, 2.0, 3.0, 4.0], tmp_path)
    assert [snapshot.step for snapshot in late(snapshots, 0.5)] == [3, 4]
    assert [snapshot.step for snapshot in late(snapshots, 0.0)] == [1, 2, 3, 4]
    assert [snapshot.step for snapshot in late(snapshots, 0.99)] == [4]
    assert mean_of(late(snapshots, 0.5))["w"].item() == 3.5


def test_the_guard_narrows_the_window_and_says_so(
    tmp_path: Path, run: Run, trained: Trained, caplog: pytest.LogCaptureFixture
) -> None:
    """A score that is the weight itself: the early ones drag the mean down, until only the last is left."""
    broken = replace(trained, snapshots=snapshots_of([0.0, 0.0, 0.5, 1.0], tmp_path))

    def score(_: Trained, weights: Any) -> float:
        return float(weights["w"])

    with caplog.at_level(logging.WARNING, logger="isogloss"):
        chosen = CheckpointAveraging(start=0.0, guard=0.1)([broken], score, run)
    assert chosen.weights["w"].item() == 1.0
    assert chosen.how["fell_back"]
    assert chosen.how["first_mean"] == 0.375
    assert "scores 0.375 on source dev, the last one alone 1.000" in caplog.text
    trusting = CheckpointAveraging(start=0.0, guard=1.0)([broken], score, run)
    assert trusting.weights["w"].item() == 0.375
    assert not trusting.how["fell_back"]


def test_one_snapshot_is_the_last(trained: Trained, run: Run) -> None:
    lone = replace(trained, snapshots=trained.snapshots[-1:])
    chosen = CheckpointAveraging()([lone], lambda *_: 0.0, run)
    last = trained.snapshots[-1].load()
    assert all(torch.equal(value, last[name]) for name, value in chosen.weights.items())


def test_no_more_than_one_snapshot_is_in_memory(trained: Trained, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import gc
    import weakref

    alive: list[weakref.ref[torch.Tensor]] = []
    most = 0
    load = Snapshot.load

    def watched(self: Snapshot) -> dict[str, torch.Tensor]:
        nonlocal most
        gc.collect()
        most = max(most, sum(ref() is not None for ref in alive))
        weights = load(self)
        alive.append(weakref.ref(next(iter(weights.values()))))
        return weights

    monkeypatch.setattr(Snapshot, "load", watched)
    mean_of(trained.snapshots * 3)
    assert len(alive) == 12
    assert most <= 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("recipe", ["checkpoint-averaging", "run-averaging"])
def test_every_task_can_be_averaged(
    kind: str, recipe: str, tiny_problem: Callable[..., Problem], tiny_backbone: Path, tmp_path: Path
) -> None:
    settings = {"cross_entropy.epochs": "2", "cross_entropy.min_steps": "0"}
    settings |= {"run_averaging.runs": "2"} if recipe == "run-averaging" else {}
    problem = tiny_problem(kind)
    system, report = isogloss.transfer(
        problem, recipe, backbone=str(tiny_backbone), settings=settings, precision="fp32", out=tmp_path / "run"
    )
    assert report.selection["rule"] == recipe.replace("-", "_")
    assert report.source_basis == "test"
    assert len(report.nested) == 1
    text = problem.task.hide(problem.test["yor"])
    assert System.from_pretrained(tmp_path / "run").predict_examples(text, langs=["yor"] * 12) == (
        system.predict_examples(text, langs=["yor"] * 12)
    )
    again, _ = isogloss.transfer(problem, str(tmp_path / "run" / "recipe.toml"), backbone=str(tiny_backbone))
    assert again.predict_examples(text, langs=["yor"] * 12) == system.predict_examples(text, langs=["yor"] * 12)


class TestRunAveraging:
    """Three runs, their bodies, and the head they share."""

    @pytest.fixture(scope="class")
    def three(
        self, tiny_problem: Callable[..., Problem], tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> list[Trained]:
        """What the flow hands to the rule."""
        seen: list[Trained] = []

        class Spy(RunAveraging):
            def __call__(self, trained: Any, score: Any, run: Run) -> Any:
                seen.extend(trained)
                chosen = super().__call__(trained, score, run)
                seen[0].chosen = chosen  # type: ignore[attr-defined]
                for one in trained:
                    one.kept = [snapshot.load() for snapshot in one.snapshots]
                return chosen

        inner = Run(flow=fit, folder=tmp_path_factory.mktemp("three"), quiet=True)
        recipe = Recipe(name="three", objective=SHORT, weights=Spy(guard=9.0))
        inner.fit(recipe, tiny_problem(), Backbone.load(str(tiny_backbone)))
        assert inner.tokens == sum(one.tokens for one in seen)
        return seen

    def test_later_runs_do_not_train_the_head(self, three: list[Any]) -> None:
        assert len(three) == 3
        heads = [{name for name in one.kept[-1] if "classifier" in name or "pooler" in name} for one in three]
        assert len(heads[0]) == 4
        assert heads[1] == heads[2] == set()

    def test_runs_differ(self, three: list[Any]) -> None:
        name = "bert.encoder.layer.0.output.dense.weight"
        assert not torch.equal(three[0].kept[-1][name], three[1].kept[-1][name])
        assert not torch.equal(three[1].kept[-1][name], three[2].kept[-1][name])

    def test_bodies_are_averaged_and_the_head_is_the_first_runs_last(self, three: list[Any]) -> None:
        chosen = three[0].chosen.weights
        last = three[0].kept[-1]
        assert torch.equal(chosen["classifier.weight"], last["classifier.weight"])
        name = "bert.encoder.layer.1.output.dense.weight"
        expected = torch.stack([weights[name] for one in three for weights in one.kept[2:]]).mean(0)
        assert torch.allclose(chosen[name], expected, atol=1e-6)
        assert three[0].chosen.how["snapshots"] == 6

    def test_with_heads_of_their_own_every_run_trains_its_own(
        self, tiny_problem: Callable[..., Problem], tiny_backbone: Path, tmp_path: Path
    ) -> None:
        heads: list[torch.Tensor] = []

        class Spy(RunAveraging):
            def __call__(self, trained: Any, score: Any, run: Run) -> Any:
                heads.extend(one.snapshots[-1].load()["classifier.weight"] for one in trained)
                return super().__call__(trained, score, run)

        recipe = Recipe(name="own", objective=SHORT, weights=Spy(runs=2, shared_head=False))
        Run(flow=fit, folder=tmp_path, quiet=True).fit(recipe, tiny_problem(), Backbone.load(str(tiny_backbone)))
        assert len(heads) == 2
        assert not torch.equal(*heads)

    def test_the_guard_keeps_the_first_run(self, trained: Trained, run: Run, caplog: pytest.LogCaptureFixture) -> None:
        answers = iter([0.1, 0.9])
        with caplog.at_level(logging.WARNING, logger="isogloss"):
            chosen = RunAveraging(runs=2)([trained, trained], lambda *_: next(answers), run)
        assert chosen.how["fell_back"]
        assert chosen.how["score"] == 0.9
        assert "the first run is kept" in caplog.text


def test_tied_weights_stay_tied(tiny_backbone: Path, tmp_path: Path) -> None:
    """A network whose output rows are its input rows: one name in a snapshot, one tensor after loading a mean."""
    from transformers import BertConfig, BertForMaskedLM

    model = BertForMaskedLM(BertConfig.from_pretrained(tiny_backbone))
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    states = []
    for step in (1, 2):
        with torch.no_grad():
            model.get_input_embeddings().weight.add_(1.0)
        path = tmp_path / f"{step}.safetensors"
        save_file({name: p.detach().clone() for name, p in model.named_parameters()}, path)
        states.append(Snapshot(step=step, path=path))
    result = Trained(model=model, tokenizer=None, task=None, snapshots=states)  # type: ignore[arg-type]
    mean = mean_of(states)
    result.load(mean)
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert torch.equal(model.get_output_embeddings().weight, mean["bert.embeddings.word_embeddings.weight"])


def test_rules_can_be_asked_for_by_name() -> None:
    assert resolve("direct", select="run_averaging").finishes_by == RunAveraging()
    assert resolve("direct+checkpoint-averaging").finishes_by == CheckpointAveraging()
    changed = resolve(
        "checkpoint-averaging", select="checkpoint_averaging", settings={"checkpoint_averaging.start": "0"}
    )
    assert changed.finishes_by == CheckpointAveraging(start=0.0)
    assert resolve("checkpoint-averaging", select="last").finishes_by == Last()
