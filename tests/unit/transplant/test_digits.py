"""How tokenizers cut numbers."""

from __future__ import annotations

from typing import Any

import pytest
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from isogloss.transplant.digits import cuts, digit_note, grouping

FROM_LEFT, FROM_RIGHT = r"\d{1,3}", r"\d{1,3}(?=(?:\d{3})*$)"


def tokenizer(split: Any) -> PreTrainedTokenizerFast:
    """Every number of up to three digits is a token; the pre-tokenizer decides which are made."""
    pieces = [str(n) for n in range(1000)] + [f"{n:0{width}}" for width in (2, 3) for n in range(10 ** (width - 1))]
    scored = [("<unk>", 0.0), ("▁", -1.0), *((piece, -2.0) for piece in dict.fromkeys(pieces))]
    engine = Tokenizer(models.Unigram(scored, unk_id=0, byte_fallback=False))
    engine.pre_tokenizer = split
    return PreTrainedTokenizerFast(tokenizer_object=engine, unk_token="<unk>")


SPLITS: dict[str, Any] = {
    "single digits": pre_tokenizers.Digits(individual_digits=True),
    "groups of three from the left": pre_tokenizers.Split(Regex(FROM_LEFT), "isolated"),
    "groups of three from the right": pre_tokenizers.Split(Regex(FROM_RIGHT), "isolated"),
}


@pytest.mark.parametrize("way", SPLITS)
def test_ways_are_told_apart(way: str) -> None:
    assert grouping(tokenizer(SPLITS[way])) == way


def test_parts_are_digits_without_marks() -> None:
    assert cuts(tokenizer(SPLITS["groups of three from the right"]), "4827") == ["4", "827"]
    assert cuts(tokenizer(SPLITS["groups of three from the left"]), "4827") == ["482", "7"]


def test_unlike_ways_are_warned_of_and_like_ones_not() -> None:
    left, right = (tokenizer(SPLITS[f"groups of three from the {side}"]) for side in ("left", "right"))
    assert digit_note(left, tokenizer(SPLITS["groups of three from the left"])) is None
    note = digit_note(left, right)
    assert note is not None
    assert (
        "cut 6 of 8 numbers differently (old: groups of three from the left; new: groups of three from the right)"
        in note
    )
    assert "expect arithmetic to suffer" in note
