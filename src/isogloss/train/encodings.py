"""Tokenised text, kept: every seed, every snapshot that is scored and every phase reads the same sentences again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from isogloss.example import Example
    from isogloss.tasks import Encoded, Task

MOST = 20_000
"""Features that are kept at most, all texts together; the texts that were asked for last stay."""


class Encodings:
    """A memory of :meth:`isogloss.tasks.Task.encode`, by the identity of tokenizer and examples.

    Both are held as long as their encoding is, so that an identity cannot come to mean another object.
    """

    def __init__(self) -> None:
        self.kept: OrderedDict[
            tuple[int, Task, int, bool, tuple[int, ...]], tuple[Encoded, PreTrainedTokenizerBase, Sequence[Example]]
        ] = OrderedDict()
        self.size = 0

    def encode(
        self,
        task: Task,
        examples: Sequence[Example],
        tokenizer: PreTrainedTokenizerBase,
        *,
        max_length: int,
        labelled: bool,
    ) -> Encoded:
        """What ``task.encode`` gives for these examples; not to be changed by whoever gets it."""
        key = (id(tokenizer), task, max_length, labelled, tuple(map(id, examples)))
        if key in self.kept:
            self.kept.move_to_end(key)
            return self.kept[key][0]
        encoded = task.encode(examples, tokenizer, max_length=max_length, labelled=labelled)
        self.kept[key] = (encoded, tokenizer, list(examples))
        self.size += len(encoded.features)
        while self.size > MOST and len(self.kept) > 1:
            _, (old, *_) = self.kept.popitem(last=False)
            self.size -= len(old.features)
        return encoded
