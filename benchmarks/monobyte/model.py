"""A byte-level encoder-decoder of the shape of ByT5 and MonoByte, small enough for one thread."""

from __future__ import annotations

from typing import Any

import torch
from transformers import ByT5Tokenizer, T5Config, T5ForConditionalGeneration

VOCABULARY = 384
"""Padding, end and unknown, 256 bytes, 125 sentinels."""
PAD, EOS, FIRST_BYTE = 0, 1, 3

TINY: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "d_model": 192,
    "d_kv": 32,
    "num_heads": 6,
    "d_ff": 512,
    "num_layers": 4,
    "num_decoder_layers": 2,
    "feed_forward_proj": "gated-gelu",
    "dropout_rate": 0.0,
    "decoder_start_token_id": PAD,
    "pad_token_id": PAD,
    "eos_token_id": EOS,
    "tie_word_embeddings": False,  # T5 v1.1: read as "do not scale the decoder's output"
}


def byte_ids(text: str | bytes, tokenizer: ByT5Tokenizer | None = None) -> list[int]:
    """A text's bytes, each plus 3, and the end: what MonoByte reads.

    Words that look like special tokens (``</s>``) are text as any other, which the tokenizer by itself does not grant.
    Lone surrogates, which UTF-8 has no bytes for, become question marks.
    """
    if isinstance(text, bytes):
        return [byte + FIRST_BYTE for byte in text] + [EOS]
    clean = text.encode("utf-8", "replace").decode()
    found: list[int] = (tokenizer or ByT5Tokenizer())(clean, split_special_tokens=True)["input_ids"]
    return found


def byte_text(ids: list[int]) -> str:
    """The text of the bytes among ids; what is no UTF-8 is shown as U+FFFD."""
    inside = range(FIRST_BYTE, FIRST_BYTE + 256)
    return bytes(i - FIRST_BYTE for i in ids if i in inside).decode("utf-8", "replace")


def untie(model: T5ForConditionalGeneration) -> T5ForConditionalGeneration:
    """Give the output its own weights, as T5 v1.1 has them: transformers 5 ties them whatever the config says."""
    rows_VD = torch.empty_like(model.shared.weight)
    torch.nn.init.normal_(rows_VD, std=model.config.d_model**-0.5)
    model.config.tie_word_embeddings = False
    model.lm_head.weight = torch.nn.Parameter(rows_VD)
    return model


def tiny(seed: int = 1) -> T5ForConditionalGeneration:
    """3.1 million weights, drawn with ``seed``."""
    torch.manual_seed(seed)
    return untie(T5ForConditionalGeneration(T5Config(**TINY)))


def batch_of(rows: list[tuple[list[int], list[int]]]) -> dict[str, torch.Tensor]:
    """Inputs and targets, padded to the longest: ``input_ids`` and ``attention_mask`` B x T, ``labels`` B x S."""
    inputs_BT = _padded([inputs for inputs, _ in rows], PAD)
    labels_BS = _padded([targets for _, targets in rows], -100)
    return {"input_ids": inputs_BT, "attention_mask": (inputs_BT != PAD).long(), "labels": labels_BS}


def _padded(rows: list[list[int]], value: int) -> torch.Tensor:
    longest = max(len(row) for row in rows)
    return torch.tensor([row + [value] * (longest - len(row)) for row in rows])
