"""The part that swaps a tokenizer before the task is learnt."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

import isogloss
from isogloss import Backbone, Problem
from isogloss.errors import RecipeError, ResourceError
from isogloss.flow import fit
from isogloss.methods.model import embedding_transplant
from isogloss.methods.model.embedding_transplant import EmbeddingTransplant, _contents, balanced
from isogloss.recipes import resolve
from isogloss.run import Run
from isogloss.transplant.initialisers.mean import Mean
from isogloss.transplant.initialisers.wechsel import Wechsel
from isogloss.transplant.initialisers.zero import Zero

SMALL = EmbeddingTransplant(size=150)


@pytest.fixture
def problem(tiny_problem: Callable[..., Problem]) -> Problem:
    base = tiny_problem()
    raw = {lang: [e.fields["text"] for e in base.test[lang]] + ["oríkì"] for lang in base.targets}
    return tiny_problem(unlabelled=raw).blind()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(flow=fit, folder=tmp_path / "run", quiet=True)


def test_the_swapped_encoder_is_whole(problem: Problem, run: Run, tiny_backbone: Path) -> None:
    before = Backbone.load(str(tiny_backbone))
    after = SMALL(before, problem, run)
    assert after.id == f"{tiny_backbone} (tokenizer by subword_mean)"
    tokenizer: Any = after.tokenizer()
    model: Any = after.model(problem.task)
    assert len(tokenizer) == 150 == model.config.vocab_size == len(model.get_input_embeddings().weight)
    assert after.pooling == before.pooling
    old = before.model(problem.task).base_model.state_dict()
    for name, value in model.base_model.state_dict().items():
        assert "word_embeddings" in name or "pooler" in name or torch.equal(value, old[name])
    assert AutoModel.from_pretrained(after.path).config.vocab_size == 150
    assert tokenizer.unk_token_id not in tokenizer("oríkì")["input_ids"]
    assert len(AutoTokenizer.from_pretrained(after.path)) == 150


def test_it_is_done_once_and_told_once(
    problem: Problem, run: Run, tiny_backbone: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    backbone = Backbone.load(str(tiny_backbone))
    first = SMALL(backbone, problem, run)
    marker = Path(first.path) / "marker"
    marker.touch()
    assert SMALL(backbone, problem, replace(run, seed=2)) == first
    assert marker.exists()
    said = [record.message for record in caplog.records]
    assert sum(line.startswith("Tokenizer changed (subword_mean)") for line in said) == 1
    report = json.loads((Path(first.path) / "transplant.json").read_text(encoding="utf-8"))
    assert report["new_size"] == 150
    assert set(report["lines"]) <= set(said)
    others = (replace(SMALL, seed=2), replace(SMALL, initialiser=Zero()), replace(SMALL, kind="bpe"))
    assert len({first.path, *(part(backbone, problem, run).path for part in others)}) == 4
    less = replace(problem, unlabelled={lang: rows[1:] for lang, rows in problem.unlabelled.items()})
    assert SMALL(backbone, less, run).path != first.path


def test_raw_text_is_in_the_ledger_each_time(problem: Problem, run: Run, tiny_backbone: Path, tmp_path: Path) -> None:
    backbone = Backbone.load(str(tiny_backbone))
    SMALL(backbone, problem, run)
    again = Run(flow=fit, folder=tmp_path / "again", quiet=True, shared=run.shared)
    SMALL(backbone, problem, again)
    for each in (run, again):
        assert each.ledger.resources() == {"adapt": {"yor": 13, "rus": 13}}
        assert each.ledger.tier(problem.targets) == "raw text"


def test_a_tokenizer_of_ones_own(problem: Problem, run: Run, tiny_backbone: Path) -> None:
    backbone = Backbone.load(str(tiny_backbone))
    part = replace(SMALL, tokenizer=str(tiny_backbone))
    same = part(backbone, problem, run)
    now, then = (each.bare().get_input_embeddings().state_dict()["weight"] for each in (same, backbone))
    assert torch.equal(now, then)
    donor = replace(SMALL, donor=str(tiny_backbone), initialiser=Mean())
    assert donor(backbone, problem, run).tokenizer().get_vocab() == backbone.tokenizer().get_vocab()
    with pytest.raises(ResourceError, match="There is no model folder"):
        replace(SMALL, tokenizer="./nowhere")(backbone, problem, run)


def test_what_was_broken_off_is_not_taken_for_whole(
    problem: Problem, run: Run, tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = Backbone.load(str(tiny_backbone))
    with monkeypatch.context() as broken:
        broken.setattr(embedding_transplant, "asdict", lambda *_: (_ for _ in ()).throw(OSError("full")))
        with pytest.raises(OSError, match="full"):
            replace(SMALL, tokenizer=str(tiny_backbone))(backbone, problem, run)
    made = replace(SMALL, tokenizer=str(tiny_backbone))(backbone, problem, run)
    assert (Path(made.path) / "transplant.json").is_file()


def test_languages_weigh_alike() -> None:
    texts = balanced([["a" * 10] * 8, ["b" * 10], [], ["c"]])
    assert {c: sum(text.count(c) for text in texts) for c in "abc"} == {"a": 80, "b": 80, "c": 20}


def test_settings(problem: Problem) -> None:
    recipe = resolve("fvt", settings={"embedding_transplant.initialiser": "zero", "embedding_transplant.size": "200"})
    (part,) = recipe.model
    assert part == EmbeddingTransplant(initialiser=Zero(), size=200)
    assert resolve("fvt", settings={"subword_mean.copy_shared": "false"}).model != resolve("fvt").model
    assert recipe.needs == ("dev", "train", "unlabelled")
    with pytest.raises(RecipeError, match="Unknown initialiser"):
        resolve("fvt", settings={"embedding_transplant.initialiser": "none"})


def test_a_transfer_from_the_table(
    problem: Problem, tiny_problem: Callable[..., Problem], tiny_backbone: Path, fast: dict[str, str], tmp_path: Path
) -> None:
    whole = replace(tiny_problem(), unlabelled=problem.unlabelled)
    settings = fast | {"embedding_transplant.size": "150", "embedding_transplant.initialiser": "random"}
    system, report = isogloss.transfer(
        whole, "fvt", backbone=str(tiny_backbone), settings=settings, seeds=(1, 2), out=tmp_path / "out", quiet=True
    )
    assert report.tier == "raw text"
    assert report.settings["embedding_transplant"]["initialiser"] == "random"
    tokenizer: Any = AutoTokenizer.from_pretrained(tmp_path / "out" / "model")
    assert len(tokenizer) == 150
    assert system.predict(["oríkì"], lang="yor")


def test_an_edited_lexicon_makes_another_network(tmp_path: Path) -> None:
    lexicon = tmp_path / "eng-yor.tsv"
    lexicon.write_text("house\tile\n", encoding="utf-8")
    maker = Wechsel(lexicon=str(lexicon))
    before = _contents(maker)
    assert before == _contents(maker) != []
    lexicon.write_text("house\tilé\n", encoding="utf-8")
    assert _contents(maker) != before
    assert _contents(Wechsel()) == []
