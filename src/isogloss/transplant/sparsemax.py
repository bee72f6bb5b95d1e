"""Sparsemax: the point of the probability simplex nearest to some scores (Martins and Astudillo, ICML 2016)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

MOST = 128
"""Scores looked at first; all that can have a share are among the largest."""


def sparsemax(scores_TA: torch.Tensor, *, most: int = MOST) -> tuple[torch.Tensor, torch.Tensor]:
    """Shares of the scores of each row: none negative, together 1, most of them 0.

    Returns:
        The places of the scores that may have a share and their shares (both T x M), the largest first.
    """
    import torch

    values_TM, places_TM = scores_TA.topk(min(most, scores_TA.shape[1]), dim=1)
    exact_TM = values_TM.double()
    sums_TM = exact_TM.cumsum(1) - 1
    sizes_M = torch.arange(1, values_TM.shape[1] + 1)
    inside_TM = sizes_M * exact_TM > sums_TM
    if inside_TM[:, -1].any() and values_TM.shape[1] < scores_TA.shape[1]:
        return sparsemax(scores_TA, most=2 * most)
    size_T1 = inside_TM.sum(1, keepdim=True)
    threshold_T1 = sums_TM.gather(1, size_T1 - 1) / size_T1
    return places_TM, (exact_TM - threshold_T1).clamp(min=0).to(scores_TA.dtype)
