"""The bilingual student as a part: what it reads and enters, what it keeps, and whose student it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from isogloss import Backbone, Problem
from isogloss.errors import RecipeError
from isogloss.flow import fit
from isogloss.methods.model.bilingual_student import FACTS, BilingualStudent
from isogloss.methods.model.reduce_vocabulary import ReduceVocabulary
from isogloss.run import Run

QUICK = BilingualStudent(steps=4, checks=2, min_words=3)
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


def body(backbone: Backbone) -> dict[str, torch.Tensor]:
    return backbone.bare().state_dict()


def facts(backbone: Backbone) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(backbone.path) / FACTS).read_text(encoding="utf-8"))
    return found


def test_it_is_half_as_deep_reads_alike_and_knows_its_teacher(backbone: Backbone, problem: Problem, run: Run) -> None:
    made = QUICK(backbone, problem, run)
    assert made.teacher == backbone
    assert (made.pooling, made.exposure) == (backbone.pooling, backbone.exposure)
    assert made.tokenizer().get_vocab() == backbone.tokenizer().get_vocab()
    text = "the girl saw " * 60  # the way the tokenizer was last called is not kept
    assert made.tokenizer()(text)["input_ids"] == backbone.tokenizer()(text)["input_ids"]
    assert (made.bare().config.num_hidden_layers, backbone.bare().config.num_hidden_layers) == (1, 2)
    assert made.model(problem.task).config.num_hidden_layers == 2  # the averaging layer is put on top of both alike
    told = facts(made)
    assert told["layers"] == [2, 1]
    assert told["languages"].keys() == {"yor", "rus", "eng"}
    assert told["rows"] == 5
    assert told["best_step"] in (2, 4)


def test_later_changes_keep_the_teacher(backbone: Backbone, problem: Problem, run: Run) -> None:
    small = ReduceVocabulary(min_words=3)(backbone, problem, run)
    made = QUICK(small, problem, run)
    assert made.teacher == small
    assert made.moved(run.folder / "other", "changed").teacher == small


def test_all_seeds_share_one_student_and_each_enters_the_text(
    backbone: Backbone, problem: Problem, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []
    distil = BilingualStudent._distil

    def counted(*given: Any) -> None:
        made.append(given[3])
        distil(*given)

    monkeypatch.setattr(BilingualStudent, "_distil", counted)
    students = []
    for seed in (1, 2):
        one = replace(run, seed=seed, ledger=type(run.ledger)())
        students.append(QUICK(backbone, problem, one))
        assert one.ledger.resources()["adapt"]["yor"] == 6
        assert one.ledger.tier(problem.targets) == "raw text"
    assert len(made) == 1
    assert students[0] == students[1]
    assert [path.name for path in (run.folder / "shared").iterdir()] == [Path(students[0].path).name]
    assert replace(QUICK, seed=2)(backbone, problem, run) != students[0]


def test_the_same_again_elsewhere_is_the_same_bit_for_bit(
    backbone: Backbone, problem: Problem, run: Run, tmp_path: Path
) -> None:
    torch.manual_seed(3)
    one = QUICK(backbone, problem, run)
    torch.manual_seed(4)
    two = QUICK(backbone, problem, Run(flow=fit, folder=tmp_path / "other", quiet=True, seed=7))
    other = body(two)
    assert all(torch.equal(value, other[name]) for name, value in body(one).items())
    assert facts(one) == facts(two)


def test_without_updates_it_is_the_copied_layers(backbone: Backbone, problem: Problem, run: Run) -> None:
    copied, taught = replace(QUICK, steps=0)(backbone, problem, run), QUICK(backbone, problem, run)
    own, its, learnt = body(copied), body(backbone), body(taught)
    mapped = {name: its[name.replace("layer.0.", "layer.1.")] for name in own}
    assert all(torch.equal(value, mapped[name]) for name, value in own.items())
    assert not all(torch.equal(value, mapped[name]) for name, value in learnt.items())
    rows = facts(copied)["languages"].values()
    assert all(row["before"] == row["after"] for row in rows)
    assert {name: row["before"] for name, row in facts(taught)["languages"].items()} == {
        name: row["after"] for name, row in facts(copied)["languages"].items()
    }


def test_of_every_layer_it_is_the_encoder(backbone: Backbone, problem: Problem, run: Run) -> None:
    made = replace(QUICK, every=1)(backbone, problem, run)
    own, its = body(made), body(backbone)
    assert all(torch.equal(value, its[name]) for name, value in own.items())
    assert {value for row in facts(made)["languages"].values() for value in row["after"].values()} == {0.0}


def test_a_depth_that_does_not_divide_is_refused_and_nothing_is_left(
    backbone: Backbone, problem: Problem, run: Run
) -> None:
    with pytest.raises(RecipeError, match="Set every to one of 1, 2"):
        replace(QUICK, every=3)(backbone, problem, run)
    assert not [path for path in (run.folder / "shared").iterdir() if not path.name.startswith(".")]


def test_distances_are_told_once(
    backbone: Backbone, problem: Problem, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    made = [QUICK(backbone, problem, run) for _ in range(2)]
    said = [message for message in caplog.messages if message.startswith("Student made: 2 layers -> 1")]
    assert len(said) == 1
    row = facts(made[0])["languages"]["yor"]
    assert f"yor {row['before']['hidden']:.3f} -> {row['after']['hidden']:.3f}" in said[0]


def test_a_training_that_was_broken_off_ends_as_if_it_had_not_been(
    backbone: Backbone, problem: Problem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from isogloss.train import distilling

    def made(name: str) -> dict[str, torch.Tensor]:
        return body(QUICK(backbone, problem, Run(flow=fit, folder=tmp_path / name, quiet=True, checkpoint_seconds=0)))

    whole = made("whole")
    original, calls = distilling.text_losses, list[int]()

    def breaking(*given: Any) -> Any:
        calls.append(1)
        if len(calls) == 6:  # three languages are looked at, then two updates are made
            raise KeyboardInterrupt
        return original(*given)

    with monkeypatch.context() as patch:
        patch.setattr(distilling, "text_losses", breaking)
        with pytest.raises(KeyboardInterrupt):
            made("broken")
    resumed = made("broken")
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())
    assert not list((tmp_path / "broken").rglob("*-training"))
