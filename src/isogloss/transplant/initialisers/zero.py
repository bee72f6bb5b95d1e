"""Rows of zeros: the least that can be done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from isogloss.transplant.initialisers.baseline import Baseline

if TYPE_CHECKING:
    import torch

    from isogloss.transplant.base import How, Swap


@dataclass(frozen=True, kw_only=True)
class Zero(Baseline):
    """New tokens get zeros."""

    name: ClassVar[str] = "zero"

    def _guess(self, swap: Swap) -> tuple[torch.Tensor, list[How]]:
        import torch

        return torch.zeros(swap.new.size, swap.rows_VD.shape[1]), ["fallback"] * swap.new.size
