"""Trimmed vocabularies: text whose pieces stay is cut and computed as before, bit for bit; nothing becomes unknown."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoTokenizer, BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from isogloss.errors import ResourceError
from isogloss.nets.vocabulary import Vocabulary

LETTERS = "abcdeабвг"
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
NAMES = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>", "cls_token": "<s>",
         "sep_token": "</s>"}  # fmt: skip
TEXT = st.text(alphabet=LETTERS + "? 1我", max_size=24)
FEW = settings(max_examples=60, deadline=None)


def finished(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> PREFIX $A </s>",
        special_tokens=[("<s>", 0), ("</s>", 2), {"id": "PREFIX", "ids": [5], "tokens": [tokenizer.id_to_token(5)]}],
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, mask_token="<mask>", **NAMES)


@cache
def unigram() -> PreTrainedTokenizerFast:
    """Scores under which a naive trim goes wrong: the single letters are far worse than any pair."""
    pairs = [x + y for x in LETTERS for y in LETTERS if (ord(x) * 7 + ord(y)) % 3]
    scored = [(piece, 0.0) for piece in SPECIAL] + [("▁", -3.0), ("▁a", -4.0)]
    scored += [(pair, -5.0 - n % 7) for n, pair in enumerate(pairs)] + [(c, -20.0 - n) for n, c in enumerate("1?")]
    scored += [(c, -25.0 - n) for n, c in enumerate(LETTERS)]
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=3, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    return finished(tokenizer)


@cache
def wordpiece() -> PreTrainedTokenizerFast:
    pieces = [
        *SPECIAL,
        "ab",
        "##bc",
        "abc",
        "##de",
        "аб",
        "##вг",
        "абв",
        *LETTERS,
        *(f"##{c}" for c in LETTERS),
        "1",
        "?",
    ]
    tokenizer = Tokenizer(models.WordPiece({p: i for i, p in enumerate(pieces)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return finished(tokenizer)


KINDS: dict[str, Callable[[], PreTrainedTokenizerFast]] = {"unigram": unigram, "wordpiece": wordpiece}


@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(corpus=st.lists(TEXT, max_size=4), text=TEXT)
def test_text_whose_pieces_stay_is_cut_as_before(kind: str, corpus: list[str], text: str) -> None:
    tokenizer = KINDS[kind]()
    vocabulary = Vocabulary.of_texts(tokenizer, corpus)
    trimmed = vocabulary.tokenizer(tokenizer)
    for line in [*corpus, text]:
        before = tokenizer(line)["input_ids"]
        after = [vocabulary.kept[i] for i in trimmed(line)["input_ids"]]
        if vocabulary.keeps(before) and (kind == "unigram" or tokenizer.unk_token_id not in before):
            assert after == before
        assert after.count(tokenizer.unk_token_id) <= before.count(tokenizer.unk_token_id)


@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(text=TEXT)
def test_text_in_the_scripts_is_cut_as_before(kind: str, text: str) -> None:
    tokenizer = KINDS[kind]()
    vocabulary = Vocabulary.of_scripts(tokenizer, ["Latn"])
    trimmed = vocabulary.tokenizer(tokenizer)
    assert len(trimmed) == len(vocabulary.kept) < len(tokenizer)
    latin = "".join(c for c in text if c not in "абвг我")
    assert [vocabulary.kept[i] for i in trimmed(latin)["input_ids"]] == tokenizer(latin)["input_ids"]


@pytest.mark.parametrize("kind", KINDS)
def test_special_pieces_and_prefix_keep_their_meaning(kind: str, tmp_path: Path) -> None:
    tokenizer = KINDS[kind]()
    trimmed = Vocabulary.of_texts(tokenizer, ["abc"]).tokenizer(tokenizer)
    trimmed.save_pretrained(tmp_path)
    for found in (trimmed, AutoTokenizer.from_pretrained(tmp_path)):
        for name in (*NAMES, "mask_token"):
            assert getattr(found, name) == getattr(tokenizer, name)
            assert found.convert_ids_to_tokens(getattr(found, f"{name}_id")) == getattr(tokenizer, name)
        assert found.convert_ids_to_tokens(found("abc")["input_ids"]) == tokenizer.convert_ids_to_tokens(
            tokenizer("abc")["input_ids"]
        )
    assert len(tokenizer) > len(trimmed)  # the given one was left alone


def network(tokenizer: PreTrainedTokenizerFast, **changes: Any) -> BertForMaskedLM:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(
        vocab_size=len(tokenizer) + 5, pad_token_id=1, mask_token_id=len(tokenizer) - 1, **sizes, **changes
    )
    model = BertForMaskedLM(config).eval()
    torch.nn.init.normal_(model.get_output_embeddings().bias)
    return model


@pytest.mark.parametrize("tied", [True, False])
def test_the_network_computes_the_same_on_the_pieces_that_stay(tied: bool, tmp_path: Path) -> None:
    tokenizer = unigram()
    model = network(tokenizer, tie_word_embeddings=tied)
    vocabulary = Vocabulary.of_texts(tokenizer, ["abc de"])
    trimmed, small = vocabulary.tokenizer(tokenizer), copy.deepcopy(model)
    vocabulary.shrink(small)
    small.save_pretrained(tmp_path)
    with torch.no_grad():
        whole = model(**tokenizer("abc de ab", return_tensors="pt")).logits[..., list(vocabulary.kept)]
        for part in (small, BertForMaskedLM.from_pretrained(tmp_path).eval()):
            found = part(**trimmed("abc de ab", return_tensors="pt")).logits
            assert torch.equal(found, whole)
            assert part.config.vocab_size == len(vocabulary.kept)
            assert part.config.pad_token_id == 1
            assert part.config.mask_token_id == trimmed.mask_token_id


def test_pieces_that_are_made_of_each_other_are_refused() -> None:
    tokenizer = finished(Tokenizer(models.BPE({p: i for i, p in enumerate([*SPECIAL, "a", "b", "ab"])}, [("a", "b")])))
    with pytest.raises(ResourceError, match=r"BPE cannot be trimmed: .*Leave --trim out"):
        Vocabulary.of_texts(tokenizer, ["ab"])


def test_padding_that_would_move_is_refused() -> None:
    tokenizer = unigram()
    model = network(tokenizer)
    model.config.pad_token_id = 30
    with pytest.raises(ResourceError, match="padding"):
        Vocabulary(kept=tuple(range(1, 40))).shrink(model)


def test_a_character_without_a_piece_keeps_the_pieces_it_is_read_through() -> None:
    scored = [(piece, 0.0) for piece in SPECIAL] + [("▁", -3.0), ("▁a", -4.0), ("ñan", -6.0), ("a", -7.0), ("n", -7.0)]
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=3, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    whole = finished(tokenizer)
    vocabulary = Vocabulary.of_texts(whole, ["a"])
    assert vocabulary.keeps(whole("ñan")["input_ids"])
