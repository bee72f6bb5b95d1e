"""Labels by their names: what a system learns, and that any set of them can be asked for."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import isogloss
from isogloss import Backbone, Problem, System
from isogloss.commands.transfer import asked_for
from isogloss.errors import DataError, IsoglossError, RecipeError
from isogloss.flow import fit
from isogloss.methods.objective.few_shot import FewShot
from isogloss.methods.objective.open_labels import OpenLabels, open_loss
from isogloss.metrics import spans_of
from isogloss.nets.label_scoring import PRIOR
from isogloss.problem import make_examples
from isogloss.readers import Row
from isogloss.recipes import resolve
from isogloss.run import Run
from isogloss.tasks import Encoded, OpenTagging, Tagging, task_from_config

SETTINGS = {
    "open_labels.size": "16",
    "open_labels.widest": "4",
    "open_labels.trains": "all",
    "open_labels.epochs": "25",
    "open_labels.min_steps": "0",
    "open_labels.learning_rate": "3e-3",
    "open_labels.head_learning_rate": "1e-2",
    "open_labels.snapshots": "1",
}
TASK = OpenTagging(labels=("WHAT", "WHO"), metric="span_f1", widest=3, size=4)


@pytest.fixture(scope="module")
def problem(tiny_data: Callable[[str], Any]) -> Problem:
    """The invented entities, with labels in letters that the tiny tokenizer knows."""
    data = tiny_data("spans")
    for row in (row for split in data.values() for rows in split.values() for row in rows):
        row["tags"] = [tag if tag == "O" else tag[:2] + tag[2:].lower() for tag in row["tags"]]
    return Problem.from_data(task="tagging", source="eng", targets=["yor", "rus"], **data)


@pytest.fixture(scope="module")
def folder(problem: Problem, tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A system that has learnt them."""
    place = tmp_path_factory.mktemp("open")
    run = Run(flow=fit, folder=place / "work", quiet=True)
    recipe = resolve("open-labels", settings=SETTINGS)
    fit(recipe, problem, Backbone.load(str(tiny_backbone)), run).save_pretrained(place / "model")
    return place / "model"


@pytest.fixture(scope="module")
def system(folder: Path) -> System:
    return System.from_pretrained(folder)


@pytest.fixture(scope="module")
def texts(problem: Problem) -> list[str]:
    return [example.fields["text"] for example in problem.test["eng"]]


def example(text: str, spans: list[list[Any]]) -> Any:
    rows = [Row(1, {"text": text, "spans": spans})]
    return make_examples(Tagging, rows, lang="eng", split="train", place="here", labelled=True)[0]


class TestSystem:
    def test_learns_the_labels_of_training(self, system: System, problem: Problem) -> None:
        train = problem.source_examples("train")
        answers = system.predict([e.fields["text"] for e in train])
        scores = system.task.scores(train, [a.value for a in answers], np.ones((1, len(train))))
        assert scores["span_f1"][0] > 0.9
        assert all(0.5 < answer.score <= 1 for answer in answers)

    def test_can_be_asked_for_any_labels(self, system: System, texts: list[str]) -> None:
        both = system.predict(texts)
        assert {kind for answer in both for *_, kind in answer.value} == {"who", "what"}
        alone = system.predict(texts, labels=["who"])
        assert {kind for answer in alone for *_, kind in answer.value} == {"who"}
        # Each label has its own probability: without overlap, what is left out takes nothing from the others.
        for mine, all_of_them in zip(alone, both, strict=True):
            assert {tuple(s) for s in all_of_them.value if s[2] == "who"} <= {tuple(s) for s in mine.value}
        turned = system.predict(texts, labels=["who", "what"])
        assert [a.value for a in turned] == [a.value for a in both]
        (other,) = system.predict(texts[:1], labels=["bread"])
        assert {kind for *_, kind in other.value} <= {"bread"}

    def test_a_name_may_be_written_with_lines_for_spaces(self, system: System, texts: list[str]) -> None:
        plain, lined = (system.predict(texts, labels=[name, "what"]) for name in ("the who", "the_who"))
        assert [[span[:2] for span in answer.value] for answer in plain] == [
            [span[:2] for span in answer.value] for answer in lined
        ]
        assert [answer.score for answer in plain] == [answer.score for answer in lined]

    def test_names_that_are_read_alike_are_refused(self, system: System) -> None:
        with pytest.raises(DataError, match="'WHO' and 'WHAT' as the same name"):
            system.predict(["bread"], labels=["WHO", "WHAT"])  # to this tokenizer both are unknown

    def test_is_an_ordinary_folder_and_loads_as_it_was(
        self, system: System, folder: Path, texts: list[str], tmp_path: Path
    ) -> None:
        from transformers import AutoModelForTokenClassification

        network = AutoModelForTokenClassification.from_pretrained(folder)
        assert network.num_labels == 3 * 16
        system.save_pretrained(tmp_path)
        again = System.from_pretrained(tmp_path)
        assert again.task == system.task == OpenTagging(labels=("what", "who"), metric="span_f1", widest=4, size=16)
        assert again.predict(texts, labels=["who", "bread"]) == system.predict(texts, labels=["who", "bread"])

    def test_the_command_takes_labels(self, folder: Path, texts: list[str]) -> None:
        rows = list(isogloss.predict(folder, io.BytesIO("\n".join(texts).encode()), labels=["what"]))
        assert {kind for row in rows for *_, kind in row["prediction"]} == {"what"}

    @pytest.mark.slow
    def test_an_exported_one_takes_other_labels_too(self, system: System, texts: list[str], tmp_path: Path) -> None:
        pytest.importorskip("onnxruntime")
        isogloss.export(system, format="onnx", out=tmp_path / "onnx")
        exported = System.from_pretrained(tmp_path / "onnx")
        for labels in (None, ["who", "bread"]):
            mine, other = (some.predict(texts[:6], labels=labels) for some in (system, exported))
            assert [a.value for a in other] == [a.value for a in mine]
            assert [a.score for a in other] == pytest.approx([a.score for a in mine], abs=1e-4)

    @pytest.mark.parametrize("labels", [[], ["who", " "]])
    def test_labels_without_a_name_are_refused(self, system: System, labels: list[str]) -> None:
        with pytest.raises(IsoglossError, match="no labels to choose from"):
            system.predict(["bread"], labels=labels)

    @pytest.mark.parametrize(
        ("labels", "said"),
        [
            ("person", "not a list of names"),
            ([1, "who"], "not a list of names"),
            (["who", "a", "who"], "'who' is given"),
        ],
    )
    def test_what_is_no_set_of_labels_is_refused(self, system: System, labels: Any, said: str) -> None:
        with pytest.raises(IsoglossError, match=said):
            system.predict(["bread"], labels=labels)

    def test_closed_systems_refuse(self, untrained: Callable[..., System]) -> None:
        closed = untrained(Tagging(labels=("what", "who")))
        assert closed.with_labels(["who", "what"]) is closed
        with pytest.raises(IsoglossError, match="closed labels"):
            closed.predict(["bread"], labels=["WHERE"])
        with pytest.raises(IsoglossError, match="no threshold"):
            closed.predict(["bread"], threshold=0.1)

    def test_a_lower_threshold_finds_what_a_higher_one_finds_not(self, system: System) -> None:
        texts = ["a farmer saw bread", "my uncle ran"]
        few, many = (sum(len(p.value) for p in system.predict(texts, threshold=t)) for t in (1 - 1e-9, 1e-9))
        assert few == 0 < many
        assert system.predict(texts, threshold=system.task.threshold) == system.predict(texts)
        with pytest.raises(IsoglossError, match="no probability"):
            system.predict(texts, threshold=1.5)

    def test_is_scored_on_labels_that_training_has_not(self, system: System) -> None:
        problem = Problem.from_data(
            task="tagging", source="eng", targets="yor", open_labels=True,
            test={"eng": [{"text": "a farmer saw bread", "spans": [[13, 18, "food"]]}]},
        )  # fmt: skip
        assert set(isogloss.evaluate(system, problem, quiet=True)["eng"]) >= {"span_f1", "n"}

    def test_is_asked_for_its_own_labels_unless_it_lacks_some(self, system: System) -> None:
        assert asked_for(system, [example("my uncle", [[0, 8, "who"]])]) is system
        other = asked_for(system, [example("my uncle ran", [[0, 8, "who"], [9, 12, "ran"]])])
        assert other.task.labels == ("ran", "who")
        assert other.base is system.base

    def test_few_shot_training_cannot_go_on_from_it(
        self, problem: Problem, tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: System
    ) -> None:
        monkeypatch.setattr(Run, "fit", lambda *_: system)
        part = FewShot(zero_shot=resolve("open-labels"))
        some = replace(problem, targets=("eng",), few={"eng": problem.train["eng"]})
        with pytest.raises(RecipeError, match="'open-labels' learns labels by their names"):
            part(Backbone.load(str(tiny_backbone)), some, Run(flow=fit, folder=tmp_path))


class TestLearning:
    def test_a_few_sentences_are_learnt_by_heart_in_80_updates(
        self, problem: Problem, tiny_backbone: Path, tmp_path: Path
    ) -> None:
        """With the default rates, prior and size. From a head drawn around 0, 0.72; with lower rates 0.67."""
        few = replace(problem, train={"eng": problem.train["eng"][:8]})
        run = Run(flow=fit, folder=tmp_path, quiet=True)
        recipe = resolve("open-labels", settings={"open_labels.epochs": "80", "open_labels.min_steps": "0"})
        learnt = fit(recipe, few, Backbone.load(str(tiny_backbone)), run)
        answers = learnt.predict_examples(few.train["eng"], langs=["eng"] * 8)
        assert learnt.task.scores(few.train["eng"], [a.value for a in answers], np.ones((1, 8)))["span_f1"][0] > 0.8

    def test_every_span_up_to_the_width_has_its_end_and_label(self, tiny_backbone: Path) -> None:
        tokenizer = Backbone.load(str(tiny_backbone)).tokenizer()
        row = example("my uncle sold bread", [[0, 8, "WHO"], [14, 19, "WHAT"]])
        encoded = TASK.encode([row], tokenizer, max_length=64, labelled=True)
        (feature,), pairs = encoded.features, encoded.notes[0]
        pieces = [piece for _, piece in pairs]
        assert feature["ends"].shape == feature["labels"].shape == (len(feature["input_ids"]), 3)
        spans = {(t, w): feature["ends"][t, w] - 1 for t, w in zip(*feature["ends"].nonzero(), strict=True)}
        assert spans == {(pieces[i], w): pieces[i + w] for i in range(4) for w in range(3) if i + w < 4}
        found = {(t, w): feature["labels"][t, w] for t, w in zip(*feature["labels"].nonzero(), strict=True)}
        assert found == {(pieces[0], 1): 2, (pieces[3], 0): 1}

    def test_a_wider_entity_is_left_out_and_said(
        self, problem: Problem, tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        backbone = Backbone.load(str(tiny_backbone))
        said: list[str] = []
        phases: list[Any] = []
        monkeypatch.setattr(
            "isogloss.train.train_phases", lambda model, tokenizer, task, some, run: phases.extend(some)
        )
        OpenLabels(widest=1, size=4)(backbone, problem, SimpleNamespace(say=said.append))  # type: ignore[arg-type]
        tags = [row.fields["tags"] for row in problem.source_examples("train")]
        wide = sum(len(spans_of(row)) for row in tags) - sum(b - a == 1 for row in tags for a, b, _ in spans_of(row))
        assert said == [f"{wide} of 64 entities have more than 1 words: they are not learnt."]
        task = OpenTagging(labels=problem.task.labels, metric="span_f1", widest=1, size=4)
        features = task.encode(phases[0].examples, backbone.tokenizer(), max_length=64, labelled=True).features
        assert sum(int((feature["labels"] > 0).sum()) for feature in features) == 64 - wide > 0

    def test_labels_of_the_batch_are_always_learnt_and_others_drawn(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[list[int]] = []
        shapes: list[Any] = []

        def kept(model: Any, inputs: Any, ends: Any, labels: Any, names: Any, chosen: torch.Tensor) -> torch.Tensor:
            seen.append(chosen.tolist())
            shapes.append((sorted(inputs), names["input_ids"].shape, int(names["attention_mask"].sum())))
            return torch.zeros(())

        monkeypatch.setattr("isogloss.nets.label_scoring.span_loss", kept)
        names = [{"input_ids": [5] * (1 + i), "attention_mask": [1] * (1 + i)} for i in range(10)]
        labels = torch.zeros(2, 3, 2).int()
        labels[0, 1, 0], labels[1, 2, 1] = 4, 8
        batch = {"input_ids": torch.ones(2, 3), "labels": labels, "ends": labels}
        torch.manual_seed(0)
        for _ in range(200):
            open_loss(None, batch, names=names, padding=1, negatives=3)  # type: ignore[arg-type]
        assert all(set(row) >= {3, 7} and len(set(row)) == 5 for row in seen)
        drawn = Counter(label for row in seen for label in row if label not in (3, 7))
        assert set(drawn) == set(range(10)) - {3, 7}
        assert min(drawn.values()) > 40  # 75 expected
        assert shapes[0] == (["input_ids"], (5, max(seen[0]) + 1), sum(seen[0]) + 5)
        open_loss(None, batch, names=names, padding=1, negatives=99)  # type: ignore[arg-type]
        assert sorted(seen[-1]) == list(range(10))

    def test_other_problems_are_refused(self, tiny_problem: Callable[..., Problem], tiny_backbone: Path) -> None:
        for kind in ("words", "classification", "event_arguments"):
            with pytest.raises(RecipeError, match="open for entities alone"):
                OpenLabels()(Backbone.load(str(tiny_backbone)), tiny_problem(kind), None)  # type: ignore[arg-type]


class TestDecoding:
    def test_the_likeliest_spans_win_and_none_overlap(self) -> None:
        """Spans chosen by hand: a label vector that reads off one coordinate of the space."""
        row = example("one two three four", [])
        task = replace(TASK, size=4, widest=2)
        window = np.full((4, 12), -9.0, dtype=np.float32)
        pairs = [(unit, unit) for unit in range(4)]
        window[:, 4:8] = 0
        # Spans that begin with word 0 or 1 are of the first label, with word 3 of the second.
        window[0, 0] = 30
        window[1, 0] = 40
        window[3, 1] = 50
        names = [np.zeros((2, 12), dtype=np.float32) for _ in range(2)]
        names[0][:, 8], names[1][:, 9] = 1, 1
        encoded = Encoded(features=[{}] * 3, owner=[0, -1, -1], notes=[pairs, [], []])
        (answer,) = task.decode([window, *names], encoded, [row])
        # Words 1-2 and word 1 differ by the code of the width alone, whose first wave rises from 0: the wider wins.
        assert answer.value == [[0, 3, "WHAT"], [4, 13, "WHAT"], [14, 18, "WHO"]]
        assert 0.99 < answer.score <= 1

    def test_nothing_likely_is_no_span(self) -> None:
        row = example("one two", [])
        encoded = Encoded(features=[{}] * 2, owner=[0, -1], notes=[[(0, 0), (1, 1)], []])
        (answer,) = replace(TASK, labels=("WHO",)).decode([np.zeros((2, 12)), np.zeros((1, 12))], encoded, [row])
        assert answer.value == []
        assert answer.score == pytest.approx(1 - 1 / (1 + np.exp(-PRIOR)))

    def test_the_same_task_comes_back_from_its_settings(self) -> None:
        assert task_from_config(TASK.config()) == TASK
        assert task_from_config(Tagging(labels=("A",)).config()) == Tagging(labels=("A",))
