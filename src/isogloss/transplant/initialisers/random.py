"""Rows drawn from a normal distribution fitted to the old ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from isogloss.transplant.initialisers.baseline import Baseline, ordinary_rows

if TYPE_CHECKING:
    import torch

    from isogloss.transplant.base import How, Swap


@dataclass(frozen=True, kw_only=True)
class Random(Baseline):
    """New tokens get rows of N(mean, std) of the old ones in each dimension, drawn from the seed of the swap."""

    name: ClassVar[str] = "random"

    def _guess(self, swap: Swap) -> tuple[torch.Tensor, list[How]]:
        import torch

        rows = ordinary_rows(swap)
        std_D = rows.std(0, correction=0)
        drawn_ND = torch.randn(swap.new.size, rows.shape[1], generator=torch.Generator().manual_seed(swap.seed))
        return rows.mean(0) + std_D * drawn_ND, ["fallback"] * swap.new.size
