"""Training a hypernetwork: what learns, what stays, which loss, for encoders with a head or without and decoders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModel,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    T5Config,
    T5ForConditionalGeneration,
)

from isogloss.errors import ResourceError
from isogloss.nets.hypernetwork import padded
from isogloss.transplant.hypersettings import HyperTraining
from isogloss.transplant.hypertraining import (
    _Training,
    fingerprint,
    lexical_loss,
    pieces_of,
    train_head,
    train_hypernetwork,
)
from isogloss.transplant.reader import IGNORED, MaskedHead, Reader, batch_of
from isogloss.transplant.sampler import Sampler
from isogloss.transplant.tokens import Tokens

TEXTS = ["the girl saw the red bread", "my uncle sold the heavy hammer", "a farmer liked the new soup"] * 4
SMALL = HyperTraining(head_steps=3, identity_steps=3, steps=3, tokens=32, vocabulary=60, pool=6, batch_size=3)


@pytest.fixture(scope="module")
def tokenizer(tiny_backbone: Path) -> Any:
    return AutoTokenizer.from_pretrained(tiny_backbone)


@pytest.fixture(scope="module")
def networks(tiny_backbone: Path, tokenizer: Any) -> dict[str, Callable[[], Any]]:
    sizes: dict[str, Any] = {"vocab_size": len(tokenizer), "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
    bert: dict[str, Any] = {
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        **sizes,
    }
    gpt: dict[str, Any] = {"n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 64, **sizes}

    def seeded(make: Callable[[], Any]) -> Callable[[], Any]:
        def made() -> Any:
            torch.manual_seed(2)
            return make()

        return made

    return {
        "bare": lambda: AutoModel.from_pretrained(tiny_backbone),
        "masked": seeded(lambda: BertForMaskedLM(BertConfig(**bert))),
        "decoder": seeded(lambda: GPT2LMHeadModel(GPT2Config(**gpt))),
        "untied": seeded(lambda: GPT2LMHeadModel(GPT2Config(**gpt, tie_word_embeddings=False))),
    }


KINDS = ("bare", "masked", "decoder", "untied")


def training(model: Any, tokenizer: Any, how: HyperTraining = SMALL) -> _Training:
    torch.manual_seed(4)
    return _Training(reader=Reader(model), old=Tokens.of(tokenizer), texts={"": TEXTS}, how=how, seed=1, named=False)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_the_hypernetwork_and_nothing_else(networks: Any, tokenizer: Any, kind: str) -> None:
    model = networks[kind]()
    task = training(model, tokenizer)
    made = task.hypernetwork(())
    sampler = Sampler(tokenizer, size=60)
    sampler.push(TEXTS)
    with task.reader.frozen():
        task.step(made, sampler, TEXTS[:3], "").backward()
    assert all(weight.grad is None for weight in model.parameters())
    assert all(weight.requires_grad for weight in model.parameters())
    given = {name for name, weight in made.named_parameters() if weight.grad is not None and weight.grad.any()}
    unused = {"languages"} | ({"bias.weight", "bias.bias"} if kind in ("decoder", "untied") else set())
    assert {name for name, _ in made.named_parameters()} - given <= unused
    assert made.design.sides == (2 if kind == "untied" else 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("residual", [False, True])
def test_training_leaves_the_network_as_it_was_and_is_repeatable(
    networks: Any, tokenizer: Any, kind: str, residual: bool
) -> None:
    model = networks[kind]().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    how = HyperTraining(**{**vars(SMALL), "residual": residual, "apart": 0.5})
    state, steps = torch.random.get_rng_state(), list[int]()
    one = train_hypernetwork(model, tokenizer, TEXTS, settings=how, seed=3, progress=steps.append)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert len(steps) == (9 if kind == "bare" else 6)
    two = train_hypernetwork(model, tokenizer, TEXTS, settings=how, seed=3)
    assert all(torch.equal(value, two.state_dict()[name]) for name, value in one.state_dict().items())
    other = train_hypernetwork(model, tokenizer, TEXTS, settings=how, seed=4)
    assert any(not torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())
    assert one.record["head"] == (kind == "bare")


def test_the_networks_own_rows_give_its_own_logits(networks: Any, tokenizer: Any) -> None:
    for kind in ("masked", "decoder", "untied"):
        model = networks[kind]().eval()
        reader = Reader(model)
        text = tokenizer(TEXTS[0])["input_ids"]
        mask = None if reader.causal else tokenizer.mask_token_id
        batch = batch_of(
            [text, text[:4]], tokens=len(tokenizer), ordinary=sorted(Tokens.of(tokenizer).forms), mask=mask
        )
        logits, labels = reader.told(batch, reader.rows_VE, reader.bias_V)
        expected = model(input_ids=batch.ids_BT, attention_mask=batch.there_BT.long()).logits
        there = batch.labels_BT != IGNORED
        torch.testing.assert_close(logits, expected[there], atol=1e-5, rtol=0)
        assert torch.equal(labels, batch.labels_BT[there])


def test_a_smaller_vocabulary_is_told_among_its_own_tokens(networks: Any, tokenizer: Any) -> None:
    reader = Reader(networks["masked"]().eval())
    batch = batch_of([[0, 5, 6, 7, 2]], tokens=9, ordinary=[5, 6, 7, 8], mask=4)
    logits, _ = reader.told(batch, reader.rows_VE[:9], torch.zeros(9))
    assert logits.shape == (int((batch.labels_BT != IGNORED).sum()), 9)
    shifted, _ = reader.told(batch, reader.rows_VE[:9], torch.arange(9.0))
    torch.testing.assert_close(shifted - logits, torch.arange(9.0).expand_as(logits), atol=1e-4, rtol=0)


def test_masks_fall_on_ordinary_pieces_only_and_at_least_on_one() -> None:
    torch.manual_seed(1)
    for _ in range(50):
        batch = batch_of([[0, 5, 6, 7, 2], [0, 8, 2]], tokens=9, ordinary=[5, 6, 7, 8], mask=4)
        told = batch.labels_BT != IGNORED
        assert told.any()
        assert set(batch.labels_BT[told].tolist()) <= {5, 6, 7, 8}
        assert set(batch.ids_BT[told].tolist()) <= {4, 5, 6, 7, 8}
        assert batch.there_BT.sum(1).tolist() == [5, 3]
    many = batch_of([[5] * 400], tokens=9, ordinary=[5, 6, 7, 8], mask=4)
    told = many.labels_BT != IGNORED
    assert 0.08 < float(told.float().mean()) < 0.22
    assert 0.6 < float((many.ids_BT[told] == 4).float().mean()) < 0.95


def test_the_lexical_loss_is_0_exactly_if_known_rows_are_reproduced() -> None:
    rows = torch.randn(20, 8, generator=torch.Generator().manual_seed(1))
    cuts = [[3], [4, 5], [6]]
    predicted = torch.stack([rows[3], torch.full((8,), 9.0), rows[6]])
    norm = float(rows.norm(dim=1).mean())
    assert lexical_loss(predicted, cuts, rows, norm=norm) == 0
    predicted[2, 0] += 0.5
    expected = torch.tensor(0.25 / 2 / norm)
    torch.testing.assert_close(lexical_loss(predicted, cuts, rows, norm=norm), expected)
    assert lexical_loss(predicted[1:2], [[4, 5]], rows, norm=norm) == 0


def test_stage_1_shows_no_held_out_token(networks: Any, tokenizer: Any) -> None:
    task = training(networks["masked"](), tokenizer)
    assert set(task.held).isdisjoint(task.shown)
    assert set(task.held) | set(task.shown) == set(Tokens.of(tokenizer).forms)
    assert len(task.held) >= 10


def test_the_tokens_of_the_original_vocabulary_that_are_cut_as_themselves_are_counted(
    networks: Any, tokenizer: Any
) -> None:
    task, old = training(networks["masked"](), tokenizer), Tokens.of(tokenizer)
    ids = sorted(old.forms)
    cuts = pieces_of(old, [old.forms[i] for i in ids], rows=len(tokenizer))
    assert task.single == sum(cut == [i] for i, cut in zip(ids, cuts, strict=True)) / len(ids)


def test_halves_write_the_same_text_with_two_other_tokens(networks: Any, tokenizer: Any) -> None:
    task, old = training(networks["masked"](), tokenizer), Tokens.of(tokenizer)
    assert task.halved
    for i, (first, second) in task.halved.items():
        assert old.forms[first] + old.forms[second] == old.forms[i]
        assert i not in (first, second)


def test_stage_1_teaches_the_papers_network_and_has_nothing_for_ours_unless_tokens_are_cut(
    networks: Any, tokenizer: Any
) -> None:
    def errors(**changes: Any) -> dict[str, Any]:
        how = HyperTraining(**{**vars(SMALL), "identity_steps": 60, "steps": 0, "identity_rate": 3e-3, **changes})
        record = train_hypernetwork(networks["masked"](), tokenizer, TEXTS, settings=how).record
        found: dict[str, Any] = record["errors"]
        return found

    paper = errors()
    assert paper["stage 1"]["whole"] < 0.8 * paper["untrained"]["whole"]
    ours = errors(residual=True)
    assert ours["untrained"]["whole"] == ours["untrained"]["whole, subword mean"] == 0
    assert ours["untrained"]["halves"] == ours["untrained"]["halves, subword mean"] > 0
    assert ours["stage 1"] == ours["untrained"]
    cut = errors(residual=True, apart=1.0)
    assert cut["stage 1"]["halves"] < cut["untrained"]["halves"]


def test_languages_are_known_where_texts_name_them(networks: Any, tokenizer: Any) -> None:
    made = train_hypernetwork(networks["masked"](), tokenizer, {"eng": TEXTS, "yor": TEXTS[:3]}, settings=SMALL)
    assert made.design.languages == ("eng", "yor")
    assert made.record["texts"] == {"eng": 12, "yor": 3}


def test_a_fresh_head_learns_and_is_used(networks: Any, tokenizer: Any) -> None:
    how = HyperTraining(**{**vars(SMALL), "head_steps": 80, "head_rate": 1e-2, "batch_size": 8})
    model = networks["bare"]()
    taught = train_head(model, tokenizer, TEXTS, settings=how)
    torch.manual_seed(1)
    old = Tokens.of(tokenizer)
    encoded = tokenizer(TEXTS)["input_ids"]
    batch = batch_of(encoded, tokens=len(tokenizer), ordinary=sorted(old.forms), mask=tokenizer.mask_token_id)
    model.eval()
    with torch.no_grad():
        fresh = Reader(model, MaskedHead(32))
        before = fresh.loss(batch, fresh.rows_VE, fresh.bias_V)
        after = taught.loss(batch, taught.rows_VE, taught.bias_V)
    assert after < before - 0.5


def test_networks_that_are_no_language_models_are_refused(networks: Any, tokenizer: Any) -> None:
    sizes: dict[str, Any] = {"vocab_size": 20, "d_model": 8, "d_kv": 4, "d_ff": 8, "num_layers": 1, "num_heads": 2}
    with pytest.raises(ResourceError, match="encoder-decoder"):
        Reader(T5ForConditionalGeneration(T5Config(**sizes)))
    with pytest.raises(ResourceError, match="without its output layer"):
        Reader(networks["decoder"]().transformer)
    with pytest.raises(ResourceError, match="raw text"):
        train_hypernetwork(networks["masked"](), tokenizer, [" "], settings=SMALL)


def test_the_fingerprint_knows_rows_and_pieces(tokenizer: Any) -> None:
    old, rows = Tokens.of(tokenizer), torch.zeros(4, 2)
    other = rows.clone()
    other[3, 1] = 1e-6
    assert fingerprint(rows, old) == fingerprint(rows.clone(), Tokens.of(tokenizer))
    assert fingerprint(rows, old) != fingerprint(other, old)
    fewer = Tokens(tokenizer, old.convention, dict(list(old.forms.items())[:-1]), old.special, old.fallback, old.size)
    assert fingerprint(rows, old) != fingerprint(rows, fewer)
    assert padded([[1], [2, 3]]).tolist() == [[1, -1], [2, 3]]
