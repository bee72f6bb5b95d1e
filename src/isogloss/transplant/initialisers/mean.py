"""The mean of all ordinary rows for every new token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from isogloss.transplant.initialisers.baseline import Baseline, ordinary_rows

if TYPE_CHECKING:
    import torch

    from isogloss.transplant.base import How, Swap


@dataclass(frozen=True, kw_only=True)
class Mean(Baseline):
    """New tokens get the mean of the old rows, those of special tokens left out."""

    name: ClassVar[str] = "mean"

    def _guess(self, swap: Swap) -> tuple[torch.Tensor, list[How]]:
        return ordinary_rows(swap).mean(0).repeat(swap.new.size, 1), ["fallback"] * swap.new.size
