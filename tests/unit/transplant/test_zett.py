"""The initialiser ``zett``: what it copies and predicts, whose hypernetwork it takes, and the network it leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, AutoTokenizer, BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel

from isogloss import Backbone, Problem
from isogloss.errors import ResourceError
from isogloss.flow import fit
from isogloss.recipes.zett import RECIPE
from isogloss.run import Run
from isogloss.transplant.base import Initialiser, Rows, Swap
from isogloss.transplant.hypersettings import HyperTraining
from isogloss.transplant.hypertraining import train_hypernetwork
from isogloss.transplant.initialisers.subword_mean import SubwordMean
from isogloss.transplant.initialisers.zett import Zett
from isogloss.transplant.network import swap_tokenizer
from isogloss.transplant.new_tokenizer import train_tokenizer
from isogloss.transplant.reader import old_rows
from isogloss.transplant.tokens import Tokens

TEXTS = ["the girl saw the red bread", "my uncle sold the heavy hammer", "a farmer liked the new soup"] * 4
SMALL: dict[str, Any] = {
    "head_steps": 2, "identity_steps": 2, "steps": 2, "tokens": 32, "vocabulary": 60, "pool": 6, "batch_size": 3
}  # fmt: skip
UNTRAINED = SMALL | {"head_steps": 0, "identity_steps": 0, "steps": 0}


@pytest.fixture(scope="module")
def tokenizer(tiny_backbone: Path) -> Any:
    return AutoTokenizer.from_pretrained(tiny_backbone)


@pytest.fixture(scope="module")
def new(tokenizer: Any) -> Any:
    return train_tokenizer([*TEXTS, *["hammerbread soupuncle farmers"] * 9], like=tokenizer, size=60)


@pytest.fixture(scope="module")
def swap(tiny_backbone: Path, tokenizer: Any, new: Any) -> Swap:
    model = AutoModel.from_pretrained(tiny_backbone)
    return Swap(rows_VD=old_rows(model), old=Tokens.of(tokenizer), new=Tokens.of(new), texts=TEXTS, model=model, seed=1)


@pytest.fixture(scope="module")
def untied(tokenizer: Any) -> Any:
    torch.manual_seed(2)
    sizes: dict[str, Any] = {"n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 64, "vocab_size": len(tokenizer)}
    return GPT2LMHeadModel(GPT2Config(**sizes, tie_word_embeddings=False, bos_token_id=0, eos_token_id=2))


def make(**changes: Any) -> Zett:
    return Zett(**SMALL | changes)


def test_special_tokens_are_copied_and_all_others_predicted(swap: Swap) -> None:
    rows = make()(swap)
    special = [i for i in swap.shared if i in swap.new.special]
    assert len(special) == 5
    assert torch.equal(rows.rows_ND[special], swap.rows_VD[[swap.shared[i] for i in special]])
    assert rows.counts() == {"exact": 5, "approximated": swap.new.size - 5, "fallback": 0}
    others = [i for i in swap.shared if i not in swap.new.special]
    assert len(others) > 10
    assert not torch.allclose(rows.rows_ND[others], swap.rows_VD[[swap.shared[i] for i in others]], atol=1e-2)
    assert "paper's" in rows.notes[0]


def test_shared_tokens_can_be_copied(swap: Swap) -> None:
    rows = make(copy_shared=True)(swap)
    assert torch.equal(rows.rows_ND[list(swap.shared)], swap.rows_VD[list(swap.shared.values())])
    assert rows.counts()["exact"] == len(swap.shared)


def test_our_variant_untrained_is_the_subword_mean_bit_for_bit(swap: Swap) -> None:
    ours, mean = Zett(**UNTRAINED, residual=True)(swap), SubwordMean()(swap)
    written = [i for i in sorted(swap.new.forms) if mean.how[i] != "fallback"]
    several = [i for i in written if len(swap.old.cut(swap.new.forms[i])) > 1]
    assert len(written) > 20
    assert len(several) > 2
    assert torch.equal(ours.rows_ND[written], mean.rows_ND[written])
    assert "our variant" in ours.notes[0]


def test_the_old_tokenizer_gives_back_every_row_by_our_untrained_variant(swap: Swap) -> None:
    back = Zett(**UNTRAINED, residual=True)(replace(swap, new=swap.old))
    ids = sorted({*swap.old.forms, *swap.old.special})
    assert torch.equal(back.rows_ND[ids], swap.rows_VD[ids])
    single = f"{len(swap.old.forms):,} of {len(swap.old.forms):,}"
    assert single in back.notes[0]


def test_what_the_old_tokenizer_cannot_write_gets_the_mean_row_and_is_counted(swap: Swap, tokenizer: Any) -> None:
    strange = train_tokenizer([*TEXTS, "ᚠᚢᚦ ᚠᚢ"], like=tokenizer, size=60)
    tokens = Tokens.of(strange)
    rows = make()(replace(swap, new=tokens))
    fallen = [i for i, how in enumerate(rows.how) if how == "fallback"]
    assert fallen
    assert not any(swap.old.cut(tokens.forms[i]) for i in fallen)
    ordinary = swap.rows_VD[sorted(swap.old.forms)].mean(0)
    torch.testing.assert_close(rows.rows_ND[fallen], ordinary.expand(len(fallen), -1))


def test_one_training_serves_both_sides_of_an_untied_network(
    swap: Swap, untied: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import isogloss.transplant.hypertraining as hypertraining

    calls = []

    def counted(*args: Any, **named: Any) -> Any:
        calls.append(1)
        return train_hypernetwork(*args, **named)

    monkeypatch.setattr(hypertraining, "train_hypernetwork", counted)
    table, output = untied.get_input_embeddings().weight, untied.get_output_embeddings().weight
    sides: dict[str, Rows] = {
        "input": make(residual=True)(replace(swap, model=untied, rows_VD=table.detach())),
        "output": make(residual=True)(replace(swap, model=untied, rows_VD=output.detach(), side="output")),
    }
    assert len(calls) == 1
    for side, matrix in (("input", table), ("output", output)):
        given = SubwordMean()(replace(swap, rows_VD=matrix.detach())).rows_ND
        ids = sorted(swap.new.forms)
        assert (sides[side].rows_ND[ids] - given[ids]).norm() < 0.5 * given[ids].norm()
    assert not torch.allclose(sides["input"].rows_ND, sides["output"].rows_ND, atol=1e-2)
    make(residual=True)(replace(swap, model=untied, rows_VD=table.detach(), texts=TEXTS[:3]))
    assert len(calls) == 2


def test_a_saved_hypernetwork_gives_the_rows_of_the_one_trained_now(swap: Swap, tmp_path: Path) -> None:
    settings = HyperTraining(**SMALL)
    assert swap.model is not None
    train_hypernetwork(swap.model, swap.old.tokenizer, TEXTS, settings=settings, seed=1).save(tmp_path)
    loaded = Zett(hypernetwork=str(tmp_path))
    assert not loaded.needs_text
    assert Zett().needs_text
    now, kept = make()(swap), loaded(replace(swap, texts=()))
    assert torch.equal(now.rows_ND, kept.rows_ND)
    assert torch.equal(loaded(replace(swap, model=None)).rows_ND, kept.rows_ND)  # the rows are all it reads


def test_a_variant_with_the_same_word_vectors_is_served_and_another_backbone_refused(
    swap: Swap, tmp_path: Path, tiny_backbone: Path
) -> None:
    assert swap.model is not None
    settings = HyperTraining(**UNTRAINED)
    train_hypernetwork(swap.model, swap.old.tokenizer, TEXTS, settings=settings).save(tmp_path)
    tuned = AutoModel.from_pretrained(tiny_backbone)
    with torch.no_grad():
        for name, weight in tuned.named_parameters():
            if "word_embeddings" not in name:
                weight += 0.1
    maker = Zett(hypernetwork=str(tmp_path))
    expected = maker(swap).rows_ND
    assert torch.equal(maker(replace(swap, model=tuned, rows_VD=old_rows(tuned))).rows_ND, expected)
    with torch.no_grad():
        tuned.get_input_embeddings().weight[7, 0] += 1e-3
    with pytest.raises(ResourceError, match="was made for other word vectors"):
        maker(replace(swap, model=tuned, rows_VD=old_rows(tuned)))


def test_without_network_or_text_it_says_what_it_needs(swap: Swap) -> None:
    for without in (replace(swap, model=None), replace(swap, texts=())):
        with pytest.raises(ResourceError, match=r"zett\.hypernetwork=FOLDER"):
            make()(without)


def test_a_transplanted_network_can_be_trained_on(tokenizer: Any, new: Any) -> None:
    torch.manual_seed(2)
    sizes: dict[str, Any] = {
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
    }
    model = BertForMaskedLM(BertConfig(**sizes, vocab_size=len(tokenizer), pad_token_id=1))
    report = swap_tokenizer(model, tokenizer, new, make(), texts=TEXTS)
    assert report.rows["input"]["approximated"] == len(new) - 5
    assert model.get_input_embeddings().weight is model.get_output_embeddings().weight
    assert all(weight.requires_grad for weight in model.parameters())
    given = new(TEXTS[:2], return_tensors="pt", padding=True)
    model(**given, labels=given["input_ids"]).loss.backward()
    grad: Any = model.get_input_embeddings().weight.grad
    assert grad.shape == (len(new), 32)
    assert grad.any()


def test_the_recipes_part_trains_one_on_the_raw_text_and_says_so(
    tiny_problem: Callable[..., Problem], tiny_backbone: Path, tmp_path: Path
) -> None:
    base = tiny_problem()
    problem = tiny_problem(unlabelled={lang: [e.fields["text"] for e in base.test[lang]] for lang in base.targets})
    part = replace(RECIPE.model[0], size=150, initialiser=make())  # type: ignore[type-var]
    after = part(Backbone.load(str(tiny_backbone)), problem.blind(), Run(flow=fit, folder=tmp_path, quiet=True))
    table: Any = after.bare().get_input_embeddings()
    assert len(after.tokenizer()) == 150 == len(table.weight)
    report = json.loads((Path(after.path) / "transplant.json").read_text(encoding="utf-8"))
    assert report["rows"]["input"] == {"exact": 5, "approximated": 145, "fallback": 0}
    assert any("predicted by a hypernetwork" in line for line in report["lines"])


def test_it_is_found_by_name_and_its_recipe_sets_it() -> None:
    assert Initialiser.find("zett") == Zett()
    changed = RECIPE.set({"zett.residual": "true", "zett.apart": "0.5", "zett.steps": "7"})
    part: Any = changed.model[0]
    assert part.initialiser == Zett(residual=True, apart=0.5, steps=7)
    assert "ours" in changed.deviations


def test_listing_it_loads_no_torch() -> None:
    import subprocess
    import sys

    code = "import sys, isogloss.recipes.zett; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
