"""A network under another tokenizer: rows, ties, biases, sizes and special ids of every architecture."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from tiny_tokenizers import byt5, gemma, gpt2, llama, wordpiece, xlmr
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    M2M100Config,
    M2M100ForConditionalGeneration,
    MBartConfig,
    MBartForConditionalGeneration,
    RobertaConfig,
    RobertaForMaskedLM,
    T5Config,
    T5ForConditionalGeneration,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
)

from isogloss.errors import RecipeError, ResourceError
from isogloss.transplant.base import Initialiser, Rows, Swap
from isogloss.transplant.network import swap_tokenizer
from isogloss.transplant.tokens import Tokens

COMMON: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
SEQ2SEQ: dict[str, Any] = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2,
           "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32}  # fmt: skip
T5: dict[str, Any] = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
SPARE = 3  # rows that the matrix has beyond the tokenizer's tokens


def ids(tokenizer: Any) -> dict[str, int]:
    return {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}


def untied_t5(vocab_size: int, **changes: Any) -> T5ForConditionalGeneration:
    model = T5ForConditionalGeneration(T5Config(vocab_size=vocab_size, **T5, **changes))
    model.lm_head = torch.nn.Linear(16, vocab_size, bias=False)
    return model


MODELS: dict[str, tuple[Callable[[], Any], Callable[..., Any]]] = {
    "bert-mlm": (wordpiece, lambda **c: BertForMaskedLM(BertConfig(**COMMON, **c))),
    "bert-mlm-untied": (wordpiece, lambda **c: BertForMaskedLM(BertConfig(tie_word_embeddings=False, **COMMON, **c))),
    "bert": (xlmr, lambda **c: BertModel(BertConfig(**COMMON, **c), add_pooling_layer=False)),
    "bert-classifier": (xlmr, lambda **c: BertForSequenceClassification(BertConfig(**COMMON, **c))),
    "roberta-mlm": (xlmr, lambda **c: RobertaForMaskedLM(RobertaConfig(**COMMON, **c))),
    "xlmr-mlm": (xlmr, lambda **c: XLMRobertaForMaskedLM(XLMRobertaConfig(**COMMON, **c))),
    "gpt2": (gpt2, lambda **c: GPT2LMHeadModel(GPT2Config(n_embd=16, n_layer=1, n_head=2, **c))),
    "llama": (llama, lambda **c: LlamaForCausalLM(LlamaConfig(tie_word_embeddings=False, **COMMON, **c))),
    "t5": (byt5, lambda **c: T5ForConditionalGeneration(T5Config(**(T5 | c | {"decoder_start_token_id": 0})))),
    "t5-untied": (byt5, lambda **c: untied_t5(decoder_start_token_id=0, **c)),
    "mbart": (xlmr, lambda **c: MBartForConditionalGeneration(MBartConfig(forced_eos_token_id=2, **SEQ2SEQ, **c))),
    "m2m100": (xlmr, lambda **c: M2M100ForConditionalGeneration(M2M100Config(**SEQ2SEQ, **c))),
}
COPYING = ("zero", "random", "mean", "subword_mean")


def network(name: str) -> tuple[Any, Any]:
    """A network with random weights, biases included, and its tokenizer."""
    make, build = MODELS[name]
    tokenizer = make()
    torch.manual_seed(0)
    model = build(vocab_size=len(tokenizer) + SPARE, **ids(tokenizer)).eval()
    for bias in biases(model):
        torch.nn.init.normal_(bias)
    return model, tokenizer


def biases(model: Any) -> list[torch.Tensor]:
    output = model.get_output_embeddings()
    found = [getattr(output, "bias", None), getattr(model, "final_logits_bias", None)]
    return [bias for bias in found if bias is not None]


def target(name: str) -> Any:
    """Another tokenizer with the same id for padding, where the network counts from it."""
    if MODELS[name][0] is xlmr:
        return xlmr(words=("casa", "gato", "дом", "house"), template=True)
    return llama() if name.startswith("bert") else xlmr()


@pytest.mark.parametrize("how", COPYING)
@pytest.mark.parametrize("name", MODELS)
def test_the_same_tokenizer_leaves_the_network_as_it_is(name: str, how: str) -> None:
    model, tokenizer = network(name)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    report = swap_tokenizer(model, tokenizer, tokenizer, how)
    for key, value in model.state_dict().items():
        rows = before[key]
        if rows.shape != value.shape:
            rows = rows[..., : len(tokenizer)] if key == "final_logits_bias" else rows[: len(tokenizer)]
        assert torch.equal(rows, value), key
    assert all(counts == {"exact": len(tokenizer), "approximated": 0, "fallback": 0} for counts in report.rows.values())


@pytest.mark.parametrize("name", MODELS)
class TestAnotherTokenizer:
    """Every architecture, under a tokenizer that shares some tokens."""

    def test_sizes_follow_and_it_runs_and_loads(self, name: str, tmp_path: Path) -> None:
        model, tokenizer = network(name)
        new = target(name)
        report = swap_tokenizer(model, tokenizer, new, "subword_mean", texts=["casa perro"])
        size = Tokens.of(new).size
        assert report.new_size == size == model.config.vocab_size == len(model.get_input_embeddings().weight)
        assert report.old_size == len(tokenizer) + SPARE
        assert model.get_input_embeddings().num_embeddings == size
        assert report.parameters_after == model.num_parameters()
        batch = {"input_ids": torch.tensor([new("casa perro house")["input_ids"]])}
        if model.config.is_encoder_decoder:
            batch["decoder_input_ids"] = batch["input_ids"]
        with torch.no_grad():
            logits = model(**batch)[0]
        if model.get_output_embeddings() is not None:
            assert logits.shape[-1] == size == model.get_output_embeddings().out_features
        model.save_pretrained(tmp_path)
        again = type(model).from_pretrained(tmp_path, **({"add_pooling_layer": False} if name == "bert" else {}))
        with torch.no_grad():
            assert torch.allclose(again.eval()(**batch)[0], logits, atol=1e-6)

    def test_what_was_tied_stays_tied_and_what_was_not_does_not(self, name: str) -> None:
        model, tokenizer = network(name)
        output = model.get_output_embeddings()
        tied = output is not None and output.weight is model.get_input_embeddings().weight
        report = swap_tokenizer(model, tokenizer, target(name), "subword_mean")
        output = model.get_output_embeddings()
        assert tied == (output is not None and output.weight is model.get_input_embeddings().weight)
        assert ("output" in report.rows) == (output is not None and not tied)
        assert next(iter(report.rows)) == "input"
        for part in ("encoder", "decoder"):
            inner: Any = getattr(model, part, None) or getattr(getattr(model, "model", None), part, None)
            if model.config.is_encoder_decoder:
                assert inner.get_input_embeddings().weight is model.get_input_embeddings().weight

    def test_shared_tokens_keep_rows_and_biases(self, name: str) -> None:
        model, tokenizer = network(name)
        old, new = Tokens.of(tokenizer), Tokens.of(target(name))
        shared = new.shared_with(old)
        before = copy.deepcopy(model)
        swap_tokenizer(model, tokenizer, target(name), "random")
        mine, theirs = list(shared), list(shared.values())
        assert len(shared) > 5
        pairs = [(model.get_input_embeddings().weight, before.get_input_embeddings().weight)]
        if model.get_output_embeddings() is not None:
            pairs.append((model.get_output_embeddings().weight, before.get_output_embeddings().weight))
        for now, then in pairs:
            assert torch.equal(now[mine], then[theirs])
        assert len(biases(model)) == len(biases(before))
        others = [i for i in range(new.size) if i not in shared]
        for now, then in zip(biases(model), biases(before), strict=True):
            assert torch.equal(now[..., mine], then[..., theirs])
            ordinary = then[..., sorted(old.forms)]
            assert torch.allclose(now[..., others], ordinary.mean(-1, keepdim=True), atol=1e-6)

    def test_special_ids_follow(self, name: str) -> None:
        model, tokenizer = network(name)
        new = target(name)
        swap_tokenizer(model, tokenizer, new, "mean")
        configs = [model.config, *([model.generation_config] if getattr(model, "generation_config", None) else [])]
        for config in configs:
            assert config.pad_token_id == new.pad_token_id
            if name not in ("bert-mlm", "bert-mlm-untied"):  # BERT has none, and the new one has
                assert config.eos_token_id == new.eos_token_id
        padding = getattr(model.get_input_embeddings(), "padding_idx", None)
        assert padding is None or padding == new.pad_token_id
        if name.startswith("t5"):
            assert model.config.decoder_start_token_id == new.pad_token_id
        if name == "mbart":
            assert model.generation_config.forced_eos_token_id == new.eos_token_id


@dataclass(frozen=True, kw_only=True)
class Ones(Initialiser):
    """Rows of ones, also for special tokens; keeps the swaps it was given."""

    name: ClassVar[str] = "ones"
    seen: ClassVar[list[Swap]] = []
    needs_text: ClassVar[bool] = True

    def __call__(self, swap: Swap) -> Rows:
        self.seen.append(swap)
        return Rows(rows_ND=torch.ones(swap.new.size, swap.rows_VD.shape[1]), how=["fallback"] * swap.new.size,
                    notes=(f"all ones for {swap.side}",))  # fmt: skip


def test_special_tokens_keep_their_rows_whatever_the_initialiser_does() -> None:
    model, tokenizer = network("llama")
    before = model.get_output_embeddings().weight.clone()
    new, special = gemma(), ("bos_token_id", "eos_token_id", "unk_token_id")
    report = swap_tokenizer(model, tokenizer, new, Ones(), texts=["casa"])
    after = model.get_output_embeddings().weight
    for name in special:
        assert torch.equal(after[getattr(new, name)], before[getattr(tokenizer, name)])
    assert (after == 1).all(dim=1).sum() == len(new) - len(special)
    assert report.rows["output"] == {"exact": 3, "approximated": 0, "fallback": len(new) - 3}
    assert "all ones for input" in report.notes
    assert "all ones for output" in report.notes
    assert "all ones for output" in str(report)


def test_each_side_is_given_its_own_matrices() -> None:
    Ones.seen.clear()
    model, tokenizer = network("llama")
    donor, new = LlamaForCausalLM(LlamaConfig(vocab_size=len(gemma()), tie_word_embeddings=False, **COMMON)), gemma()
    then = [model.get_input_embeddings().weight.clone(), model.get_output_embeddings().weight.clone()]
    swap_tokenizer(model, tokenizer, new, Ones(), texts=["casa"], donor=donor, seed=5)
    assert [swap.side for swap in Ones.seen] == ["input", "output"]
    donors = [donor.get_input_embeddings().weight, donor.get_output_embeddings().weight]
    for swap, rows, given in zip(Ones.seen, then, donors, strict=True):
        assert torch.equal(swap.rows_VD, rows)
        assert swap.donor_NE is not None
        assert torch.equal(swap.donor_NE, given)
        assert swap.seed == 5


def test_a_donor_with_too_few_rows_is_refused() -> None:
    model, tokenizer = network("llama")
    with pytest.raises(ResourceError, match=r"The donor has 7 rows for \d+ tokens"):
        swap_tokenizer(model, tokenizer, gemma(), "mean", donor=torch.ones(7, 4))


def test_text_that_an_initialiser_needs_is_asked_for_before_anything_changes() -> None:
    model, tokenizer = network("llama")
    with pytest.raises(ResourceError, match="'ones' needs raw text"):
        swap_tokenizer(model, tokenizer, gemma(), Ones())
    assert model.config.vocab_size == len(tokenizer) + SPARE


@pytest.mark.parametrize("name", ["roberta-mlm", "xlmr-mlm", "m2m100"])
def test_padding_from_which_positions_count_may_not_move(name: str) -> None:
    model, tokenizer = network(name)
    before = model.get_input_embeddings().weight
    with pytest.raises(ResourceError, match="counts positions from its padding id 1"):
        swap_tokenizer(model, tokenizer, gemma(), "mean")
    assert model.get_input_embeddings().weight is before


def test_padding_may_move_elsewhere() -> None:
    model, tokenizer = network("bert")
    swap_tokenizer(model, tokenizer, gemma(), "mean")
    assert model.get_input_embeddings().padding_idx == gemma().pad_token_id == model.config.pad_token_id == 0


def test_ids_that_the_new_tokenizer_lacks_are_unset_and_said() -> None:
    model, tokenizer = network("bert")
    report = swap_tokenizer(model, tokenizer, llama(), "mean")
    assert model.config.pad_token_id is None
    assert model.get_input_embeddings().padding_idx is None
    assert "The new tokenizer has no token for pad_token_id: it is unset." in report.notes


def test_an_unknown_initialiser_is_refused() -> None:
    model, tokenizer = network("bert")
    with pytest.raises(RecipeError, match=r"Unknown initialiser 'maen'. Did you mean 'mean'\?"):
        swap_tokenizer(model, tokenizer, gemma(), "maen")


def test_the_report_measures_texts() -> None:
    model, tokenizer = network("bert")
    report = swap_tokenizer(model, tokenizer, xlmr(words=("casa",)), "mean", texts=["casa house", "casa 我"])
    assert report.tokens_before == (2 + 3) / 2
    assert report.tokens_after == (1 + 6 + 3) / 2
    assert report.ratio == 2.0
    assert report.unknown_before == 1 / 5
    assert report.unknown_after == 1 / 10
    assert "A text has 5.0 tokens in place of 2.5 (2.00 times)" in str(report)


def test_numbers_of_parameters_and_dtype() -> None:
    model, tokenizer = network("llama")
    model.to(torch.bfloat16)
    report = swap_tokenizer(model, tokenizer, gemma(), "subword_mean")
    assert report.parameters_after - report.parameters_before == 2 * 16 * (len(gemma()) - len(tokenizer) - SPARE)
    assert model.get_input_embeddings().weight.dtype == torch.bfloat16
    assert all(parameter.requires_grad for parameter in model.parameters())
