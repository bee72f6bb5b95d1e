"""What the plain initialisers share: tokens that both vocabularies have keep their rows, the others get a guess."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isogloss.transplant.base import How, Initialiser, Rows, Swap

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Baseline(Initialiser):
    """An initialiser that needs nothing but the two vocabularies and the old matrix.

    Attributes:
        copy_shared: whether tokens that both vocabularies have keep their rows, as is usual when methods are compared
            with these. Special tokens keep theirs in any case.
    """

    copy_shared: bool = True

    def __call__(self, swap: Swap) -> Rows:
        """Rows for all new tokens."""
        rows_ND, how = self._guess(swap)
        kept = swap.shared if self.copy_shared else {i: j for i, j in swap.shared.items() if i in swap.new.special}
        if kept:
            rows_ND[list(kept)] = swap.rows_VD[list(kept.values())].float()
        for i in kept:
            how[i] = "exact"
        return Rows(rows_ND=rows_ND, how=how)

    @abstractmethod
    def _guess(self, swap: Swap) -> tuple[torch.Tensor, list[How]]:
        """Rows (N x D) as if nothing were shared, and how each came about."""


def ordinary_rows(swap: Swap) -> torch.Tensor:
    """The old rows (float32) of all tokens that are not special."""
    import torch

    ids = sorted(i for i in swap.old.forms if i < len(swap.rows_VD))
    return swap.rows_VD[torch.tensor(ids, dtype=torch.long)].float()
