"""BiStil as a whole: the student of a teacher that has learnt the task, by part, by recipe and by task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch

import isogloss
from isogloss import Backbone, Problem
from isogloss.errors import RecipeError
from isogloss.flow import fit
from isogloss.methods.model.bilingual_student import BilingualStudent
from isogloss.methods.model.language_deltas import LanguageDeltas
from isogloss.methods.model.reduce_vocabulary import ReduceVocabulary
from isogloss.methods.objective.sparse_fine_tuning import SparseFineTuning
from isogloss.methods.objective.task_distillation import TaskDistillation
from isogloss.recipes import Recipe, catalogue, part_name, resolve
from isogloss.run import Run

FAST: Mapping[str, Any] = {"epochs": 1, "first_epochs": 1, "min_steps": 0, "snapshots": 2}
TEACHER = Recipe(name="quick", objective=SparseFineTuning(**FAST))
QUICK = TaskDistillation(teacher=TEACHER, **FAST)
STUDENT = BilingualStudent(steps=4, checks=2, min_words=3)
SETTINGS = {
    f"{part}.{name}": str(value) for part in ("task_distillation", "sparse_fine_tuning") for name, value in FAST.items()
} | {"bilingual_student.steps": "4", "bilingual_student.min_words": "3", "reduce_vocabulary.min_words": "3"}
TEXT = {
    "yor": [f"eht lrigo waso derdo {word}" for word in ("daerbo", "puoso", "eciro", "elppao", "remmaho", "hguolpo")],
    "rus": [f"тхе гирл сав {word}" for word in ("бреад", "соуп", "рице", "аппле", "хаммер", "плоугх")],
}


@pytest.fixture
def problem(tiny_problem: Callable[..., Problem]) -> Problem:
    return tiny_problem(unlabelled=TEXT)


@pytest.fixture
def backbone(tiny_backbone: Path) -> Backbone:
    return replace(Backbone.load(str(tiny_backbone)), pooling="mean")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(flow=fit, folder=tmp_path / "run", quiet=True)


class TestPart:
    @pytest.mark.parametrize("kind", ["classification", "pair_labels", "pair_scores", "spans", "words", "qa"])
    def test_it_teaches_every_kind_of_task(
        self, kind: str, tiny_problem: Callable[..., Problem], backbone: Backbone, run: Run
    ) -> None:
        problem = tiny_problem(kind, unlabelled=TEXT)
        student = STUDENT(backbone, problem, run)
        trained = QUICK(student, problem, run)
        last = trained.snapshots[-1].load()
        start = student.model(problem.task).state_dict()
        moved = [name for name, value in last.items() if not torch.equal(value, start[name])]
        assert any(".layer.0." in name for name in moved)
        assert not any("embeddings" in name for name in last)
        assert trained.model.config._attn_implementation == "sdpa"
        assert [cost["recipe"] for cost in run.costs] == ["quick"]

    def test_gold_labels_make_no_difference_to_a_teacher_that_is_there(
        self, problem: Problem, backbone: Backbone, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        student = STUDENT(backbone, problem, run)
        known = QUICK._fit_teacher(backbone, problem, run)
        monkeypatch.setattr(TaskDistillation, "_fit_teacher", lambda *_: known)
        labels = {"food": "tool", "tool": "food"}
        turned = [replace(e, fields=e.fields | {"label": labels[e.fields["label"]]}) for e in problem.train["eng"]]
        results = []
        for name, its in (("as it is", problem), ("turned", replace(problem, train={"eng": tuple(turned)}))):
            torch.manual_seed(1)
            trained = QUICK(student, its, Run(flow=fit, folder=tmp_path / name, quiet=True))
            results.append(trained.snapshots[-1].load())
        assert all(torch.equal(value, results[1][name]) for name, value in results[0].items())

    def test_the_teacher_has_all_layers_and_stays_as_it_is(
        self, problem: Problem, backbone: Backbone, run: Run
    ) -> None:
        from isogloss.nets.student import depth_of

        student = STUDENT(backbone, problem, run)
        trained = QUICK(student, problem, run)
        member = QUICK._fit_teacher(backbone, problem, run)  # done already: from where it was kept
        assert len(run.costs) == 1
        network: Any = member.model
        assert (depth_of(network), depth_of(trained.model)) == (2, 1)
        again = QUICK(student, problem, replace(run, trainings=iter(range(5, 9))))
        assert len(run.costs) == 1
        assert again.tokens == trained.tokens

    def test_only_so_many_weights_of_the_body_change(self, problem: Problem, backbone: Backbone, run: Run) -> None:
        student = STUDENT(backbone, problem, run)
        dense = replace(QUICK, density=1.0)
        changed = {}
        for name, part in (("sparse", QUICK), ("dense", dense)):
            start = student.model(problem.task).state_dict()
            trained = part(student, problem, replace(run, trainings=iter(range(len(name) * 10, 99))))
            weights = trained.snapshots[-1].load()
            changed[name] = sum(
                int((value != start[key]).sum()) for key, value in weights.items() if ".encoder." in key
            )
        assert 0 < changed["sparse"] <= round(0.08 * changed["dense"]) + 1

    def test_a_teacher_of_pieces_teaches_with_them_in(
        self, problem: Problem, backbone: Backbone, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from isogloss.train import distilling

        deltas = LanguageDeltas(epochs=1, head_steps=1, min_words=3, check=False)
        composed = replace(TEACHER, name="composed", model=(deltas,))
        part, one = replace(QUICK, teacher=composed), problem.narrow("yor")
        name = "bert.encoder.layer.0.output.dense.weight"
        held: list[torch.Tensor] = []
        original = distilling.task_loss

        def seen(student: Any, batch: Any, **options: Any) -> torch.Tensor:
            held.append(options["teacher"].get_parameter(name).detach().clone())
            return original(student, batch, **options)

        monkeypatch.setattr(distilling, "task_loss", seen)
        part(STUDENT(backbone, one, run), one, run)
        member = part._fit_teacher(backbone, one, run)
        assert set(member.languages) == {"eng", "yor"}
        network = cast("torch.nn.Module", member.model)
        bare = network.get_parameter(name).detach().clone()
        assert torch.equal(bare, backbone.model(one.task).get_parameter(name))
        with member.composed("eng"):
            full = network.get_parameter(name).detach().clone()
        assert held
        assert all(torch.equal(weight, full) for weight in held)
        assert not torch.equal(full, bare)

    def test_an_encoder_that_is_no_student_is_refused(self, problem: Problem, backbone: Backbone, run: Run) -> None:
        with pytest.raises(RecipeError, match=r"teaches a student, and .* is none.*bilingual_student"):
            QUICK(backbone, problem, run)

    def test_a_vocabulary_that_changed_since_is_refused(self, problem: Problem, backbone: Backbone, run: Run) -> None:
        student = STUDENT(backbone, problem, run)
        smaller = ReduceVocabulary(min_words=3)(student, problem, run)
        assert smaller.teacher == backbone
        with pytest.raises(RecipeError, match="reads other pieces than its student"):
            QUICK(smaller, problem, run)

    def test_frozen_layers_are_refused(self, problem: Problem, backbone: Backbone, run: Run) -> None:
        student = replace(backbone, teacher=backbone)
        with pytest.raises(RecipeError, match=r"task_distillation\.freeze_layers=0"):
            replace(QUICK, freeze_layers=1)(student, problem, run)


class TestRecipe:
    def test_the_vocabulary_goes_first_and_every_target_has_its_own(self) -> None:
        recipe = catalogue()["bistil"]
        assert [part.changes for part in recipe.model] == [("vocabulary",), ("depth", "weights")]
        assert recipe.scope == "target"
        assert set(recipe.needs) == {"train", "dev", "unlabelled"}
        assert [inner.name for inner in recipe.nested()] == ["sparse-fine-tuning"]

    @pytest.mark.parametrize("names", ["bistil+checkpoint-averaging", "maft+bistil"])
    def test_it_goes_together_with_others(self, names: str) -> None:
        recipe = resolve(names)
        assert part_name(recipe.learns_by) == "task_distillation"
        assert len(recipe.model) == (2 if names.startswith("bistil") else 3)
        assert len(list(recipe.nested())) == 1

    def test_the_whole_flow(self, problem: Problem, tiny_backbone: Path) -> None:
        system, report = isogloss.transfer(
            problem, "bistil+checkpoint-averaging", backbone=str(tiny_backbone), settings=SETTINGS
        )
        assert (report.tier, report.regime) == ("raw text", "zero-shot")
        assert set(report.scores) >= {"yor", "rus"}
        assert set(system.members) == {"yor", "rus"}
        assert [row["recipe"] for row in report.nested if row["level"] > 1] == ["sparse-fine-tuning"] * 2
        for member in system.members.values():
            assert member.model.config.num_hidden_layers == 1
            assert len(member.tokenizer) < len(Backbone.load(str(tiny_backbone)).tokenizer())

    def test_the_controls_run(self, problem: Problem, tiny_backbone: Path) -> None:
        """One student for all targets, and one that has not read raw text."""
        multilingual = replace(catalogue()["bistil"], name="multilingual", scope="joint")
        system, report = isogloss.transfer(problem, multilingual, backbone=str(tiny_backbone), settings=SETTINGS)
        assert system.base is not None
        assert not system.members
        assert system.base.model.config.num_hidden_layers == 1
        copied, its = isogloss.transfer(
            problem.narrow("yor"), "bistil", backbone=str(tiny_backbone),
            settings=SETTINGS | {"bilingual_student.steps": "0"},
        )  # fmt: skip
        assert set(copied.members) == set(its.scores) == {"yor"}
        assert set(report.scores) >= {"yor", "rus"}
