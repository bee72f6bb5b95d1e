"""The one data flow with parts that no recipe has: nested teachers, changed problems, changed networks, members."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

import isogloss
from isogloss import Backbone, Example, Problem, Recipe, System
from isogloss.errors import IsoglossError, RecipeError, ResourceError
from isogloss.flow import fit
from isogloss.methods.objective.cross_entropy import CrossEntropy
from isogloss.methods.weights.last import Last
from isogloss.methods.weights.oracle import Oracle
from isogloss.recipes import catalogue
from isogloss.run import Run
from isogloss.tasks import Prediction, Task

if TYPE_CHECKING:
    import torch

    from isogloss.methods import Predict
    from isogloss.tasks import Encoded
    from isogloss.train import Trained

    Tensors = dict[str, torch.Tensor]

SHORT = CrossEntropy(epochs=1, min_steps=0, learning_rate=1e-3)
TRAININGS: list[str] = []
"""What has been trained since the test began: one entry for each call of an objective below."""
SEEN: list[Example] = []
"""What ``Watch`` has been given since the test began."""


@dataclass(frozen=True, kw_only=True)
class Plain(CrossEntropy):
    """Cross-entropy that leaves a trace."""

    epochs: int = 1
    min_steps: int = 0
    learning_rate: float = 1e-3

    def __call__(self, backbone: Backbone, problem: Problem, run: Run) -> Trained:
        TRAININGS.append(f"plain {run.seed}")
        return super().__call__(backbone, problem, run)


TEACHER = Recipe(name="teacher", objective=Plain(), weights=Last())


@dataclass(frozen=True, kw_only=True)
class Distil:
    """Learn a teacher's logits first, the labels then."""

    needs: ClassVar[tuple[str, ...]] = ("train",)
    teacher: Recipe = TEACHER

    def __call__(self, backbone: Backbone, problem: Problem, run: Run) -> Trained:
        import torch

        from isogloss.train import Phase, forward, train_phases

        TRAININGS.append(f"distil {run.seed}")
        asked = [run.fit(self.teacher, problem, backbone) for _ in range(2)]
        teacher = asked[0].base
        assert teacher is not None
        examples = problem.source_examples("train")
        run.ledger.record("train", examples, problem.task)
        tokenizer = backbone.tokenizer()

        def encode(chosen: Sequence[Example]) -> Encoded:
            encoded = problem.task.encode(chosen, tokenizer, max_length=64, labelled=True)
            logits = forward(teacher.model, tokenizer, encoded.features, precision=run.precision)
            for feature, row in zip(encoded.features, logits, strict=True):
                feature["teacher_logits"] = row.tolist()
            return encoded

        def soft(model: Any, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
            inputs = {name: batch[name] for name in tokenizer.model_input_names}
            return torch.nn.functional.cross_entropy(model(**inputs).logits, batch["teacher_logits"].softmax(-1))

        phases = [
            Phase(name="soft", examples=examples, loss=soft, encode=encode, epochs=3, learning_rate=1e-3),
            Phase(name="hard", examples=examples, epochs=2, learning_rate=1e-3),
        ]
        return train_phases(backbone.model(problem.task), tokenizer, problem.task, phases, run)


@dataclass(frozen=True, kw_only=True)
class TranslateTrain:
    """Add the training data in every target language, by a cipher that stands for a translator."""

    needs: ClassVar[tuple[str, ...]] = ("train",)

    def __call__(self, problem: Problem, run: Run) -> Problem:
        def carried(example: Example, lang: str) -> Example:
            text = " ".join(word[::-1] + lang[0] for word in example.fields["text"].split())
            fields = dict(example.fields) | {"text": text}
            return replace(example, lang=lang, fields=fields, origin="translated", id=f"{lang}/{example.id}")

        examples = problem.source_examples("train")
        made = tuple(carried(example, lang) for lang in problem.targets for example in examples)
        return replace(problem, train={problem.source[0]: examples + made})


@dataclass(frozen=True, kw_only=True)
class Shrink:
    """Scale the word vectors, and hand on a backbone in a folder of its own."""

    needs: ClassVar[tuple[str, ...]] = ()
    changes: ClassVar[tuple[str, ...]] = ("weights",)
    factor: float = 0.5

    def __call__(self, backbone: Backbone, problem: Problem, run: Run) -> Backbone:
        import torch
        from transformers import AutoModel

        model = AutoModel.from_pretrained(backbone.path)
        with torch.no_grad():
            model.get_input_embeddings().weight.mul_(self.factor)
        folder = run.folder / "shrunk"
        model.save_pretrained(folder)
        backbone.tokenizer().save_pretrained(folder)
        return replace(backbone, path=str(folder))


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Write a letter behind every answer; its place among the others tells who acted when."""

    needs: ClassVar[tuple[str, ...]] = ()
    letter: str = "a"

    def __call__(self, predict: Predict, task: Task, run: Run) -> Predict:
        def marked(examples: Sequence[Example]) -> list[Prediction]:
            return [replace(p, value=f"{p.value}{self.letter}") for p in predict(examples)]

        return marked


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Note what prediction was given."""

    needs: ClassVar[tuple[str, ...]] = ()

    def __call__(self, predict: Predict, task: Task, run: Run) -> Predict:
        def watched(examples: Sequence[Example]) -> list[Prediction]:
            SEEN.extend(examples)
            return predict(examples)

        return watched


@dataclass(frozen=True, kw_only=True)
class Greedy:
    """A part that cannot do without raw text."""

    needs: ClassVar[tuple[str, ...]] = ("unlabelled",)

    def __call__(self, problem: Problem, run: Run) -> Problem:
        return problem


@pytest.fixture(autouse=True)
def _nothing_has_happened_yet() -> None:
    TRAININGS.clear()
    SEEN.clear()


@pytest.fixture(scope="module")
def problem(tiny_problem: Callable[..., Problem]) -> Problem:
    return tiny_problem("classification")


@pytest.fixture(scope="module")
def backbone(tiny_backbone: Path) -> Backbone:
    return Backbone.load(str(tiny_backbone))


@pytest.fixture
def new_run(tmp_path: Path) -> Callable[..., Run]:
    def make(folder: str = "work", **changes: Any) -> Run:
        return Run(flow=fit, folder=tmp_path / folder, quiet=True, **changes)

    return make


def weights_of(system: System) -> Tensors:
    assert system.base is not None
    return {name: tensor.clone() for name, tensor in system.base.model.state_dict().items()}


def equal(one: Tensors, other: Tensors) -> bool:
    return one.keys() == other.keys() and all(one[name].equal(other[name]) for name in one)


class TestNestedTeacher:
    """A part that holds a recipe and runs it as a transfer of its own."""

    STUDENT = Recipe(name="student", objective=Distil())

    @pytest.fixture(scope="class")
    def finished(
        self, problem: Problem, backbone: Backbone, tmp_path_factory: pytest.TempPathFactory
    ) -> tuple[Run, System, list[str]]:
        TRAININGS.clear()
        run = Run(flow=fit, folder=tmp_path_factory.mktemp("nested"), quiet=True)
        system = run.fit(self.STUDENT, problem, backbone)
        return run, system, list(TRAININGS)

    def test_the_teacher_is_trained_once_though_asked_for_twice(self, finished: tuple[Run, System, list[str]]) -> None:
        run, _, trainings = finished
        assert trainings == ["distil 1", "plain 1"]
        assert len(list(run.folder.rglob("done.json"))) == 2

    def test_its_cost_is_on_record_once(self, finished: tuple[Run, System, list[str]]) -> None:
        run = finished[0]
        assert [row["recipe"] for row in run.costs] == ["student", "teacher"]
        assert all(row["seed"] == 1 and row["seconds"] > 0 for row in run.costs)

    def test_what_it_saw_is_in_the_ledger_once(self, finished: tuple[Run, System, list[str]], problem: Problem) -> None:
        run = finished[0]
        assert run.ledger.resources() == {
            "train": {"eng": len(problem.train["eng"])},
            "select": {"eng": len(problem.dev["eng"])},
        }

    def test_the_choice_on_record_is_the_students(self, finished: tuple[Run, System, list[str]]) -> None:
        run = finished[0]
        rules = [choice["rule"] for choice in run.choices]
        assert rules[-1] == "source_dev"

    def test_only_the_last_phase_leaves_snapshots(self, finished: tuple[Run, System, list[str]]) -> None:
        choice = finished[0].choices[-1]
        updates = 2 * 32 // 16  # two epochs of the second phase
        assert sorted(map(int, choice["scores"])) == list(range(1, updates + 1))

    def test_no_scratch_is_left(self, finished: tuple[Run, System, list[str]]) -> None:
        assert list(finished[0].folder.rglob("*.safetensors"))
        assert [path for path in finished[0].folder.rglob("*") if "scratch" in path.name] == []

    def test_a_second_time_nothing_is_trained(
        self, finished: tuple[Run, System, list[str]], problem: Problem, backbone: Backbone
    ) -> None:
        first, system, _ = finished
        again = Run(flow=fit, folder=first.folder, quiet=True)
        restored = again.fit(self.STUDENT, problem, backbone)
        assert TRAININGS == []
        assert equal(weights_of(restored), weights_of(system))
        assert again.costs == first.costs
        assert again.choices == json.loads(json.dumps(first.choices))
        assert again.ledger.resources() == first.ledger.resources()

    def test_a_run_that_finds_its_teacher_trained_ends_bitwise_equal(
        self, finished: tuple[Run, System, list[str]], problem: Problem, backbone: Backbone
    ) -> None:
        """As after a kill between teacher and student: only the student is trained again."""
        run, system, _ = finished
        outer = next(path.parent for path in run.folder.glob("fits/*/done.json"))
        (outer / "done.json").rename(outer / "hidden.json")
        resumed = Run(flow=fit, folder=run.folder, quiet=True).fit(self.STUDENT, problem, backbone)
        assert TRAININGS == ["distil 1"]
        assert equal(weights_of(resumed), weights_of(system))

    def test_another_seed_is_another_student_of_another_teacher(
        self, finished: tuple[Run, System, list[str]], problem: Problem, backbone: Backbone
    ) -> None:
        run, system, _ = finished
        other = Run(flow=fit, folder=run.folder, quiet=True, seed=2).fit(self.STUDENT, problem, backbone)
        assert TRAININGS == ["distil 2", "plain 2"]
        assert not equal(weights_of(other), weights_of(system))

    def test_the_teachers_logits_reach_the_student(
        self, finished: tuple[Run, System, list[str]], problem: Problem, backbone: Backbone, new_run: Any
    ) -> None:
        """Another teacher, and all else the same: another student."""
        teacher = replace(TEACHER, objective=Plain(learning_rate=3e-3, head_learning_rate=0.1))
        other = new_run().fit(Recipe(name="student", objective=Distil(teacher=teacher)), problem, backbone)
        assert not equal(weights_of(other), weights_of(finished[1]))

    def test_report_and_run_folder_speak_of_the_student(
        self, problem: Problem, tiny_backbone: Path, tmp_path: Path
    ) -> None:
        _, report = isogloss.transfer(
            problem, self.STUDENT, backbone=str(tiny_backbone), precision="fp32", seeds=(1, 2), out=tmp_path / "run"
        )
        assert report.selection["rule"] == "source_dev"
        assert report.resources["train"] == {"eng": 32}
        assert report.resources["select"] == {"eng": 12}
        assert report.resources["test"] == {"eng": 12, "rus": 12, "yor": 12}
        written = json.loads((tmp_path / "run" / "report.json").read_text(encoding="utf-8"))
        assert written["recipe"] == "student"
        whole = sum(row["seconds"] for row in report.nested if row["recipe"] == "student")
        assert sum(report.seconds.values()) - report.seconds["inference"] <= 1.01 * whole

    def test_a_finished_run_of_unlisted_parts_can_be_resumed(
        self, problem: Problem, tiny_backbone: Path, tmp_path: Path
    ) -> None:
        recipe = replace(self.STUDENT, inference=(Watch(),))
        options = {"backbone": str(tiny_backbone), "precision": "fp32", "out": tmp_path / "run"}
        first = isogloss.transfer(problem, recipe, **options)
        TRAININGS.clear()
        again = isogloss.transfer(problem, recipe, resume=True, **options)
        assert TRAININGS == []
        assert again[0].inference == first[0].inference
        assert again[1].to_json() == first[1].to_json()


class TestChangedProblem:
    def test_translated_training_data_is_mt_in_training(self, problem: Problem, tiny_backbone: Path) -> None:
        recipe = Recipe(name="translate", data=(TranslateTrain(),), objective=SHORT)
        _, report = isogloss.transfer(problem, recipe, backbone=str(tiny_backbone), precision="fp32")
        assert report.tier == "MT in training"
        assert report.regime == "zero-shot"
        assert report.resources["train"] == {"eng": 32, "rus": 32, "yor": 32}

    def test_the_flow_is_never_given_the_test(self, problem: Problem, backbone: Backbone, new_run: Any) -> None:
        given: list[Problem] = []

        def spy(recipe: Recipe, seen: Problem, network: Backbone, run: Run) -> System:
            given.append(seen)
            assert run.test is None
            return fit(recipe, seen, network, run)

        run = replace(new_run(), flow=spy)
        run.fit(Recipe(name="a", objective=SHORT), problem, backbone)
        assert [dict(seen.test) for seen in given] == [{}]


class TestChangedNetwork:
    def test_the_changed_backbone_is_the_one_trained(
        self, problem: Problem, backbone: Backbone, tiny_backbone: Path, new_run: Any
    ) -> None:
        from safetensors.torch import load_file

        recipe = Recipe(name="shrink", model=(Shrink(), Shrink(factor=0.25)), objective=SHORT, weights=Last())
        run = new_run()
        system = run.fit(recipe, problem, backbone)
        before = load_file(tiny_backbone / "model.safetensors")["embeddings.word_embeddings.weight"]
        # The embeddings stay as they are in training: what is left is the model parts' doing, both of them.
        assert weights_of(system)["bert.embeddings.word_embeddings.weight"].equal(before * 0.125)
        assert system.backbone["id"] == backbone.id
        assert run.costs[0]["model"] > 0


class TestInference:
    def test_the_first_listed_is_outermost(self, problem: Problem, backbone: Backbone, new_run: Any) -> None:
        recipe = Recipe(name="a", objective=SHORT, weights=Last(), inference=(Mark(letter="x"),))
        both = recipe + Recipe(name="b", inference=(Mark(letter="y"),))
        system = new_run().fit(both, problem, backbone)
        values = [p.value for p in system.predict(["the girl saw the bread", "a farmer sold the hammer"], lang="yor")]
        assert values
        assert all(value in ("foodyx", "toolyx") for value in values)

    def test_parts_of_a_recipe_made_in_python_survive_the_cache(
        self, problem: Problem, backbone: Backbone, new_run: Any
    ) -> None:
        recipe = Recipe(name="unlisted", objective=Plain(), weights=Last(), inference=(Mark(),))
        first = new_run().fit(recipe, problem, backbone)
        again = new_run().fit(recipe, problem, backbone)
        assert TRAININGS == ["plain 1"]
        assert again.inference == first.inference == (Mark(),)

    def test_a_wrapper_is_not_shown_the_answers(self, problem: Problem, tiny_backbone: Path) -> None:
        recipe = Recipe(name="watch", objective=SHORT, weights=Last(), inference=(Watch(),))
        isogloss.transfer(problem, recipe, backbone=str(tiny_backbone), precision="fp32")
        assert len(SEEN) == 36
        assert [example for example in SEEN if "label" in example.fields] == []


class TestMembers:
    """Recipes whose scope is the target: one network for each."""

    RECIPE = Recipe(name="members", data=(TranslateTrain(),), objective=SHORT, weights=Last(), scope="target")

    @pytest.fixture(scope="class")
    def system(self, problem: Problem, backbone: Backbone, tmp_path_factory: pytest.TempPathFactory) -> System:
        folder = tmp_path_factory.mktemp("members")
        return Run(flow=fit, folder=folder, quiet=True).fit(self.RECIPE, problem, backbone)

    def test_there_is_one_for_each_target_and_they_differ(self, system: System) -> None:
        assert system.base is None
        assert sorted(system.members) == ["rus", "yor"]
        one, other = (member.model.state_dict() for member in system.members.values())
        assert not equal(one, other)

    def test_each_input_goes_to_its_own(self, system: System, problem: Problem) -> None:
        examples = [*problem.test["yor"][:4], *problem.test["rus"][:4]]
        langs = ["yor", "rus"] * 4
        mixed = system.predict_examples(examples, langs=langs)
        for lang in ("yor", "rus"):
            alone = replace(system, members={lang: system.members[lang]})
            expected = alone.predict_examples(examples, langs=[lang] * 8)
            for place in range(8):
                if langs[place] == lang:
                    assert mixed[place].value == expected[place].value
                    assert mixed[place].score == pytest.approx(expected[place].score, abs=1e-6)

    @pytest.mark.parametrize("lang", ["hau", None])
    def test_a_language_without_a_member_is_refused_with_those_there_are(
        self, system: System, lang: str | None
    ) -> None:
        with pytest.raises(IsoglossError, match=r"(it|the system) has rus, yor"):
            system.predict(["a text"], lang=lang)

    def test_they_are_saved_and_loaded(self, system: System, tmp_path: Path) -> None:
        system.save_pretrained(tmp_path / "model")
        assert not (tmp_path / "model" / "model.safetensors").exists()
        loaded = System.from_pretrained(tmp_path / "model")
        assert loaded.base is None
        for lang, member in system.members.items():
            assert equal(loaded.members[lang].model.state_dict(), member.model.state_dict())
        inputs = ["the girl saw the bread"]
        assert loaded.predict(inputs, lang="rus") == system.predict(inputs, lang="rus")

    def test_a_test_of_the_source_does_not_stand_in_the_way(self, problem: Problem, tiny_backbone: Path) -> None:
        assert "eng" in problem.test
        system, report = isogloss.transfer(problem, self.RECIPE, backbone=str(tiny_backbone), precision="fp32")
        assert sorted(system.members) == ["rus", "yor"]
        assert {"rus", "yor"} <= set(report.scores)
        assert report.resources["train"]["eng"] == 32


class TestNeeds:
    """What is missing is said before anything is trained."""

    def refused(self, problem: Problem, recipe: Recipe, tiny_backbone: Path, **options: Any) -> str:
        with pytest.raises(ResourceError) as error:
            isogloss.transfer(problem, recipe, backbone=str(tiny_backbone), precision="fp32", **options)
        assert TRAININGS == []
        return str(error.value)

    def test_of_a_part(self, problem: Problem, tiny_backbone: Path, tmp_path: Path) -> None:
        recipe = Recipe(name="greedy", data=(Greedy(),), objective=Plain())
        message = self.refused(problem, recipe, tiny_backbone, out=tmp_path / "run")
        assert "unlabelled/<target>.txt" in message
        assert not (tmp_path / "run").exists()

    @pytest.mark.parametrize(("split", "named"), [("train", "train/<source>"), ("dev", "--select last")])
    def test_of_the_defaults(self, split: str, named: str, problem: Problem, tiny_backbone: Path) -> None:
        lacking = replace(problem, **{split: {}})
        assert named in self.refused(lacking, Recipe(name="a", objective=Plain()), tiny_backbone)

    def test_of_a_nested_recipe(self, problem: Problem, tiny_backbone: Path) -> None:
        """The student can do without dev, its teacher cannot."""
        teacher = Recipe(name="teacher", objective=Plain())
        student = Recipe(name="student", objective=Distil(teacher=teacher), weights=Last())
        assert "dev" in student.needs
        assert "dev/<source>" in self.refused(replace(problem, dev={}), student, tiny_backbone)

    def test_a_nested_recipe_does_not_peek_either(self, problem: Problem, tiny_backbone: Path) -> None:
        teacher = Recipe(name="teacher", objective=Plain(), weights=Oracle())
        student = Recipe(name="student", objective=Distil(teacher=teacher))
        with pytest.raises(RecipeError, match="--select oracle"):
            isogloss.transfer(problem, student, backbone=str(tiny_backbone), precision="fp32")

    def test_the_oracle_needs_a_test_of_a_target(self, problem: Problem, tiny_backbone: Path) -> None:
        lacking = replace(problem, test={"eng": problem.test["eng"]})
        assert "test/<target>" in self.refused(
            lacking, Recipe(name="a", objective=Plain()), tiny_backbone, select="oracle"
        )

    def test_training_data_of_a_target_is_none_of_the_source(self, problem: Problem, tiny_backbone: Path) -> None:
        strange = replace(problem, dev={"yor": problem.dev["eng"]})
        assert "dev/<source>" in self.refused(strange, Recipe(name="a", objective=Plain()), tiny_backbone)


def test_composition_appends(problem: Problem, tiny_backbone: Path) -> None:
    recipe = catalogue()["direct"].set({"cross_entropy.epochs": "1", "cross_entropy.min_steps": "0"})
    both = recipe + Recipe(name="watched", inference=(Watch(),)) + Recipe(name="translated", data=(TranslateTrain(),))
    _, report = isogloss.transfer(problem, both, backbone=str(tiny_backbone), precision="fp32")
    assert report.recipe == "direct+watched+translated"
    assert report.tier == "MT in training"
