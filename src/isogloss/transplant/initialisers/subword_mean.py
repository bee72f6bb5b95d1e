"""The mean of the old pieces that a new token is written with: fast vocabulary transfer.

Gee, Zugarini, Rigutini and Torroni, "Fast Vocabulary Transfer for Language Model Compression", EMNLP 2022 (industry).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from isogloss.transplant.initialisers.baseline import Baseline, ordinary_rows

if TYPE_CHECKING:
    import torch

    from isogloss.transplant.base import How, Swap


@dataclass(frozen=True, kw_only=True)
class SubwordMean(Baseline):
    """New tokens get the mean of the rows of the old tokens that write the same text.

    What the old vocabulary cannot write at all gets the mean of all ordinary rows.
    """

    name: ClassVar[str] = "subword_mean"

    def _guess(self, swap: Swap) -> tuple[torch.Tensor, list[How]]:
        import torch

        ids = sorted(swap.new.forms)
        cuts = [[j for j in cut if j < len(swap.rows_VD)] for cut in swap.old.cut_all([swap.new.forms[i] for i in ids])]
        rows_ND = ordinary_rows(swap).mean(0).repeat(swap.new.size, 1)
        how: list[How] = ["fallback"] * swap.new.size
        written = [(i, cut) for i, cut in zip(ids, cuts, strict=True) if cut]
        if written:
            pieces = torch.tensor([j for _, cut in written for j in cut])
            starts = torch.tensor([0, *(len(cut) for _, cut in written)]).cumsum(0)[:-1]
            means = torch.nn.functional.embedding_bag(pieces, swap.rows_VD.float(), starts, mode="mean")
            rows_ND[[i for i, _ in written]] = means
        for i, cut in written:
            how[i] = "exact" if cut == [swap.shared.get(i)] else "approximated"
        return rows_ND, how
