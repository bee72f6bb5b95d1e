"""Continued pretraining as a part: what it reads and enters, what it keeps, and what follows it in the flow."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import isogloss
from isogloss import Backbone, Problem
from isogloss.errors import DataError, RecipeError
from isogloss.flow import fit
from isogloss.methods.model.continued_pretraining import FACTS, ContinuedPretraining
from isogloss.recipes import catalogue, resolve
from isogloss.run import Run

QUICK = ContinuedPretraining(epochs=1, head_steps=2, batch_size=8, min_words=3, check=False)
SETTINGS = {
    "continued_pretraining.epochs": "1", "continued_pretraining.head_steps": "2",
    "continued_pretraining.check": "false", "continued_pretraining.min_words": "3",
    "cross_entropy.epochs": "1", "cross_entropy.min_steps": "0",
}  # fmt: skip
TEXT = {
    "yor": [f"eht lrigo waso derdo {word}" for word in ("daerbo", "puoso", "eciro", "elppao", "remmaho", "hguolpo")],
    "rus": [f"тхе гирл сав {word}" for word in ("бреад", "соуп", "рице", "аппле", "хаммер", "плоугх")],
}


@pytest.fixture
def problem(tiny_problem: Callable[..., Problem]) -> Problem:
    return tiny_problem(unlabelled=TEXT)


@pytest.fixture
def backbone(tiny_backbone: Path) -> Backbone:
    return Backbone.load(str(tiny_backbone))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(flow=fit, folder=tmp_path / "run", quiet=True)


def weights(backbone: Backbone) -> dict[str, torch.Tensor]:
    return backbone.language_model()[0].state_dict()


def facts(backbone: Backbone) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(backbone.path) / FACTS).read_text(encoding="utf-8"))
    return found


class TestPart:
    def test_what_comes_out_loads_as_the_encoder_did(self, backbone: Backbone, problem: Problem, run: Run) -> None:
        made = QUICK(backbone, problem, run)
        assert made.id == f"{backbone.id} (continued on yor, rus, eng)"
        assert (made.pooling, made.exposure) == (backbone.pooling, backbone.exposure)
        assert made.tokenizer().get_vocab() == backbone.tokenizer().get_vocab()
        text = "the girl saw " * 60  # the way the tokenizer was last called is not kept
        assert made.tokenizer()(text)["input_ids"] == backbone.tokenizer()(text)["input_ids"]
        body, before = (b.model(problem.task).base_model.state_dict() for b in (made, backbone))
        assert body.keys() == before.keys()
        name = "embeddings.word_embeddings.weight"
        assert not torch.equal(body[name], before[name])

    def test_all_seeds_share_one_network(
        self, backbone: Backbone, problem: Problem, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made: list[Path] = []
        adapt = ContinuedPretraining._adapt

        def counted(*given: Any) -> None:
            made.append(given[3])
            adapt(*given)

        monkeypatch.setattr(ContinuedPretraining, "_adapt", counted)
        first = QUICK(backbone, problem, run)
        second = QUICK(backbone, problem, replace(run, seed=2, folder=run.folder / "nested"))
        assert first == second
        assert len(made) == 1
        assert [path.name for path in (run.folder / "shared").iterdir()] == [Path(first.path).name]
        other = replace(QUICK, seed=2)(backbone, problem, run)
        assert other != first
        assert len(made) == 2

    def test_a_generator_is_left_as_it_was(self, backbone: Backbone, problem: Problem, run: Run) -> None:
        torch.manual_seed(9)
        QUICK(backbone, problem, run)
        now = torch.rand(3)
        torch.manual_seed(9)
        assert torch.equal(now, torch.rand(3))

    def test_the_same_again_elsewhere_is_the_same_bit_for_bit(
        self, backbone: Backbone, problem: Problem, run: Run, tmp_path: Path
    ) -> None:
        torch.manual_seed(3)
        one = QUICK(backbone, problem, run)
        torch.manual_seed(4)
        two = QUICK(backbone, problem, Run(flow=fit, folder=tmp_path / "other", quiet=True, seed=7))
        assert all(torch.equal(value, weights(two)[name]) for name, value in weights(one).items())
        assert facts(one) == facts(two)

    def test_all_text_is_entered_every_time(self, backbone: Backbone, problem: Problem, run: Run) -> None:
        for seed in (1, 2):
            one = replace(run, seed=seed, ledger=type(run.ledger)())
            QUICK(backbone, problem, one)
            resources = one.ledger.resources()
            assert resources.keys() == {"adapt"}
            assert (resources["adapt"]["yor"], resources["adapt"]["rus"]) == (6, 6)
            assert one.ledger.tier(problem.targets) == "raw text"
            assert not any(item.labelled for item in one.ledger.items)

    def test_tests_make_no_difference(self, backbone: Backbone, problem: Problem, run: Run) -> None:
        assert problem.test
        assert QUICK(backbone, problem, run) == QUICK(backbone, problem.blind(), run)

    def test_losses_are_kept_and_told_once(
        self, backbone: Backbone, problem: Problem, run: Run, caplog: pytest.LogCaptureFixture
    ) -> None:
        made = [QUICK(backbone, problem, run) for _ in range(2)]
        kept = facts(made[0])
        assert kept["languages"].keys() == {"yor", "rus", "eng"}
        assert {"before", "after", "pieces"} == kept["languages"]["yor"]["loss"].keys()
        assert kept["settings"]["epochs"] == 1
        said = [message for message in caplog.messages if message.startswith("Loss of hidden pieces")]
        assert len(said) == 1
        assert f"yor {kept['languages']['yor']['loss']['before']:.2f} -> " in said[0]

    def test_a_fresh_head_is_trained_first_and_that_is_said(
        self, backbone: Backbone, problem: Problem, run: Run, caplog: pytest.LogCaptureFixture
    ) -> None:
        first = QUICK(backbone, problem, run)
        assert any("has no head that predicts pieces" in message for message in caplog.messages)
        assert facts(first)["head_found"] is False
        caplog.clear()
        second = QUICK(first, problem, run)
        assert facts(second)["head_found"] is True
        assert not any("has no head" in message for message in caplog.messages)

    def test_text_in_another_script_is_refused_unless_one_insists(
        self, backbone: Backbone, problem: Problem, run: Run
    ) -> None:
        checked = replace(QUICK, check=True)
        swapped = replace(problem, unlabelled={"yor": problem.unlabelled["rus"], "rus": problem.unlabelled["yor"]})
        with pytest.raises(DataError, match="script of Yoruba"):
            checked(backbone, swapped, run)
        assert QUICK(backbone, swapped, run).path

    def test_a_decoder_is_refused_in_one_sentence(
        self, backbone: Backbone, problem: Problem, run: Run, tmp_path: Path
    ) -> None:
        from transformers import LlamaConfig, LlamaForCausalLM

        folder = tmp_path / "decoder"
        backbone.tokenizer().save_pretrained(folder)
        config = LlamaConfig(
            vocab_size=len(backbone.tokenizer()), hidden_size=8, intermediate_size=8, num_hidden_layers=1,
            num_attention_heads=2, max_position_embeddings=32,
        )  # fmt: skip
        LlamaForCausalLM(config).save_pretrained(folder)
        with pytest.raises(RecipeError, match="does not predict hidden pieces"):
            QUICK(Backbone.load(str(folder)), problem, run)


class TestRecipes:
    def test_maft_trains_one_network_on_all_and_laft_one_on_each(self, backbone: Backbone, problem: Problem) -> None:
        maft, laft = catalogue()["maft"].model[0], catalogue()["laft"].model[0]
        assert isinstance(maft, ContinuedPretraining)
        assert isinstance(laft, ContinuedPretraining)
        assert (maft.languages, catalogue()["maft"].scope) == ("all", "joint")
        assert (laft.languages, catalogue()["laft"].scope) == ("targets", "target")
        assert replace(laft, languages="all") == maft

    @pytest.mark.parametrize("names", ["maft+filter", "maft+checkpoint-averaging", "laft+filter", "maft-small+filter"])
    def test_they_go_together_with_others(self, names: str) -> None:
        recipe = resolve(names)
        assert "unlabelled" in recipe.needs
        assert recipe.model == catalogue()[names.split("+")[0]].model

    def test_the_vocabulary_is_reduced_first(self) -> None:
        assert [part.changes for part in catalogue()["maft-small"].model] == [("vocabulary",), ("weights",)]

    @pytest.mark.parametrize("name", ["maft", "laft"])
    def test_the_whole_flow(
        self, name: str, problem: Problem, tiny_backbone: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        system, report = isogloss.transfer(
            problem, name, backbone=str(tiny_backbone), settings=SETTINGS, seeds=(1, 2), out=tmp_path / "out"
        )
        assert report.tier == "raw text"
        assert report.regime == "zero-shot"
        assert set(report.scores) >= {"yor", "rus"}
        assert set(system.members) == (set() if name == "maft" else {"yor", "rus"})
        told = [message for message in caplog.messages if message.startswith("Loss of hidden pieces")]
        assert len(told) == (1 if name == "maft" else 2)
        assert not list((tmp_path / "out").rglob("*-training"))

    def test_a_target_without_text_is_named_before_anything_trains(
        self, tiny_problem: Callable[..., Problem], tiny_backbone: Path
    ) -> None:
        with pytest.raises(isogloss.errors.ResourceError, match=r"Add unlabelled/rus\.txt"):
            isogloss.transfer(tiny_problem(unlabelled={"yor": TEXT["yor"]}), "maft", backbone=str(tiny_backbone))

    @pytest.mark.parametrize("broken_at", ["adapting", "learning"])
    def test_a_run_that_was_broken_off_ends_as_if_it_had_not_been(
        self, problem: Problem, tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken_at: str
    ) -> None:
        from isogloss.train import pretraining
        from isogloss.train.trainer import PhaseTrainer

        def transferred(out: str, *, resume: bool = False) -> dict[str, torch.Tensor]:
            system, _ = isogloss.transfer(
                problem, "maft", backbone=str(tiny_backbone), settings=SETTINGS, out=tmp_path / out, resume=resume,
                checkpoint_seconds=0,
            )  # fmt: skip
            assert system.base is not None
            network = system.base.model
            assert isinstance(network, torch.nn.Module)
            return network.state_dict()

        whole = transferred("whole")
        place, name = (pretraining, "asked_loss") if broken_at == "adapting" else (PhaseTrainer, "compute_loss")
        original, calls = getattr(place, name), list[int]()
        tasks: list[int] = []

        def breaking(*given: Any, **options: Any) -> Any:
            calls.append(1)
            if broken_at == "adapting" and len(calls) == 4:
                raise KeyboardInterrupt
            if broken_at == "learning" and given[0].phase.name == "source":
                tasks.append(1)
                if len(tasks) == 2:
                    raise KeyboardInterrupt
            return original(*given, **options)

        with monkeypatch.context() as patch:
            patch.setattr(place, name, breaking)
            with pytest.raises(KeyboardInterrupt):
                transferred("broken")
        resumed = transferred("broken", resume=True)
        assert all(torch.equal(value, resumed[name]) for name, value in whole.items())
