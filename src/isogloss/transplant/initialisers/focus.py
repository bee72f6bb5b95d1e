"""FOCUS: a new row is a weighted mean of rows of similar shared tokens.

Dobler and de Melo, "FOCUS: Effective Embedding Initialization for Monolingual Specialization of Multilingual Models",
EMNLP 2023.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from isogloss.errors import ResourceError
from isogloss.transplant.base import Initialiser, Rows, Swap
from isogloss.transplant.initialisers.random import Random
from isogloss.transplant.sparsemax import sparsemax
from isogloss.transplant.vectors import FastText

if TYPE_CHECKING:
    import torch

# A anchors (shared tokens that have a vector), T new tokens at a time
MOST_VALUES = 2**24
"""Similarities in memory at a time: 64 MB."""


@dataclass(frozen=True, kw_only=True)
class Focus(FastText, Initialiser):
    """Shared tokens keep their rows; the others get those of similar shared ones, weighted by sparsemax of the cosine.

    Similarity is that of vectors trained on raw text cut by the new tokenizer. Tokens that are too rare for a vector
    get a row drawn from N(mean, std) of the old ones; shared ones that are too rare are copied, but not used.
    """

    name: ClassVar[str] = "focus"
    needs_text: ClassVar[bool] = True

    def __call__(self, swap: Swap) -> Rows:
        """Rows for all new tokens. Raises ResourceError without text or without shared tokens that have a vector."""
        vectors_NE, note = self.token_vectors(swap.texts, swap.new, seed=swap.seed)
        anchors, wanted = anchors_and_wanted(swap, vectors_NE)
        base = Random()(swap)
        how = list(base.how)
        rows_AD = swap.rows_VD[[swap.shared[i] for i in anchors]].float()
        base.rows_ND[wanted] = similar_rows(vectors_NE[wanted], vectors_NE[anchors], rows_AD)
        for i in wanted:
            how[i] = "approximated"
        return Rows(rows_ND=base.rows_ND, how=how, notes=(note,))


def anchors_and_wanted(swap: Swap, vectors_NE: torch.Tensor) -> tuple[list[int], list[int]]:
    """New ids of the ordinary shared tokens, and of the ordinary new ones, that have a vector, which is not 0.

    Raises:
        ResourceError: new tokens are wanted and no shared token has a vector.
    """
    import torch

    there = (torch.isfinite(vectors_NE).all(1) & vectors_NE.any(1)).tolist()
    ordinary = [i for i in sorted(swap.new.forms) if there[i]]
    anchors, wanted = [i for i in ordinary if i in swap.shared], [i for i in ordinary if i not in swap.shared]
    if not anchors and len(swap.new.forms.keys() - swap.shared.keys()):
        raise ResourceError(
            "The two vocabularies share no ordinary token that has a vector", fix="Choose another initialiser"
        )
    return anchors, wanted


def similar_rows(new_NE: torch.Tensor, anchors_AE: torch.Tensor, rows_AD: torch.Tensor) -> torch.Tensor:
    """For each new token the mean of the anchors' rows, weighted by sparsemax of the cosine of the vectors (N x D)."""
    import torch

    units_AE = torch.nn.functional.normalize(anchors_AE, dim=1)
    out_ND = rows_AD.new_empty(len(new_NE), rows_AD.shape[1])
    step = max(1, MOST_VALUES // max(1, len(anchors_AE), rows_AD.shape[1] * 128))
    for start in range(0, len(new_NE), step):
        some = slice(start, start + step)
        cosines_TA = torch.nn.functional.normalize(new_NE[some], dim=1) @ units_AE.T
        places_TM, shares_TM = sparsemax(cosines_TA)
        out_ND[some] = torch.nn.functional.embedding_bag(
            places_TM, rows_AD, mode="sum", per_sample_weights=shares_TM.to(rows_AD.dtype)
        )
    return out_ND
