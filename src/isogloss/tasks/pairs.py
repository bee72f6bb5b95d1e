"""A long text read together with a short one: in windows that overlap, each of which has the short text whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from isogloss.tasks.pieces import STRIDE

if TYPE_CHECKING:
    from transformers import BatchEncoding, PreTrainedTokenizerBase


def paired_windows(
    tokenizer: PreTrainedTokenizerBase,
    long: Sequence[str],
    short: Sequence[str],
    *,
    max_length: int,
    short_first: bool,
) -> tuple[BatchEncoding, int]:
    """Windows of at most ``max_length`` pieces over each long text, with its short text in every one of them.

    A short text that would take more than half of the room is cut.

    Returns:
        The windows (``overflow_to_sample_mapping`` says whose), and how many short texts were cut.
    """
    room = max_length - tokenizer.num_special_tokens_to_add(pair=True)
    heads = [_head(text, tokenizer, max(1, room // 2)) for text in short]
    first, second = (heads, list(long)) if short_first else (list(long), heads)
    batch = tokenizer(
        first,
        second,
        truncation="only_second" if short_first else "only_first",
        max_length=max_length,
        stride=max(0, min(STRIDE, room // 4 - 1)),
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    return batch, sum(head != text for head, text in zip(heads, short, strict=True))


def _head(text: str, tokenizer: PreTrainedTokenizerBase, most: int) -> str:
    """The text as far as ``most`` pieces carry it."""
    while True:
        encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        offsets = encoded["offset_mapping"]
        if len(offsets) <= most:
            return text
        end = offsets[most - 1][1]
        text = text[: end if end < len(text) else len(text) - 1]  # cutting may make more pieces of what is left
