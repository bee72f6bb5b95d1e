"""The nouns of a change of tokenizer: what an initialiser is given and what it gives.

Legend of shapes: N tokens of the new vocabulary, V of the old one, A shared ones (anchors), D width of the network, E
width of a donor's or of auxiliary vectors.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal

from isogloss.tool import Tool
from isogloss.transplant.tokens import Tokens

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

How = Literal["exact", "approximated", "fallback"]
"""How a new row came about: copied from the same token, made from rows of other tokens, or drawn without any."""


@dataclass(frozen=True, kw_only=True)
class Swap:
    """One matrix of a network and the two vocabularies between which it changes.

    Attributes:
        rows_VD: the old matrix: word vectors, or the output layer where it is not tied to them. float32.
        old, new: the tokens of the two tokenizers in common form.
        texts: raw text in the languages that the new tokenizer is for; some initialisers need it.
        old_texts: raw text in the languages of the old one, for those that go by meaning across languages.
        donor_NE: a vector for every new token from elsewhere (another model's matrix of the same side); None where
            there is none.
        model: the network whose matrix it is, not yet changed; None where there is only the matrix.
        side: which matrix it is.
        seed: for whatever is drawn.
    """

    rows_VD: torch.Tensor
    old: Tokens
    new: Tokens
    texts: Sequence[str] = ()
    old_texts: Sequence[str] = ()
    donor_NE: torch.Tensor | None = None
    model: PreTrainedModel | None = None
    side: Literal["input", "output"] = "input"
    seed: int = 1

    @cached_property
    def shared(self) -> dict[int, int]:
        """Old id by new id of every token that both vocabularies have, special ones by their role."""
        return self.new.shared_with(self.old, rows=len(self.rows_VD))


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The new matrix.

    Attributes:
        rows_ND: one row a new token, float32.
        how: how each came about.
        notes: what the user should know, in one sentence each.
    """

    rows_ND: torch.Tensor
    how: list[How]
    notes: tuple[str, ...] = field(default=())

    def counts(self) -> dict[str, int]:
        """How many rows came about in each way."""
        found = Counter(self.how)
        return {how: found[how] for how in ("exact", "approximated", "fallback")}


class Initialiser(Tool):
    """Makes the rows of a new vocabulary out of those of the old one."""

    needs_text: ClassVar[bool] = False
    """Whether it cannot do without ``Swap.texts``."""

    @classmethod
    def find(cls, name: str) -> Initialiser:
        """The initialiser of a name. Raises RecipeError if there is none."""
        from isogloss.transplant.initialisers import find_initialiser

        return find_initialiser(name)

    @abstractmethod
    def __call__(self, swap: Swap) -> Rows:
        """Rows for all new tokens. Special tokens that both vocabularies have keep their rows, whatever the method.

        Raises:
            ResourceError: something that it needs is not there: text, a donor, enough shared tokens.
        """
