"""Beam search over a network that is stepped in batches: the most probable translations by mean log-probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from isogloss.nets.ssru import SsruTranslator


@dataclass(frozen=True, kw_only=True, slots=True)
class Hypothesis:
    """Pieces without the end, and their mean log-probability, the end counted where it was reached."""

    pieces: tuple[int, ...]
    score: float
    ended: bool


def search(
    network: SsruTranslator,
    pieces_BS: torch.Tensor,
    there_BS: torch.Tensor,
    *,
    beam: int,
    most_B: torch.Tensor,
    end: int,
    never: int,
) -> list[list[Hypothesis]]:
    """Up to ``beam`` hypotheses of each sentence, the best first; those that ended come before those that did not.

    A hypothesis that ended keeps its place in the beam as long as its log-probability is among the highest. ``never``
    is a piece that no hypothesis takes; log-probabilities are of the whole vocabulary all the same. A sentence leaves
    the batch when all its hypotheses have ended, or are ``most_B`` pieces long.
    """
    import torch

    memory = network.encode(pieces_BS, there_BS)
    cells_LBQD = network.begin(memory)
    sentences_B = torch.arange(len(pieces_BS))
    totals_BQ = torch.zeros(len(pieces_BS), 1)
    lengths_BQ = torch.zeros(len(pieces_BS), 1)
    ended_BQ = torch.zeros(len(pieces_BS), 1, dtype=torch.bool)
    taken_BQT = torch.zeros(len(pieces_BS), 1, 0, dtype=torch.long)
    found: list[list[Hypothesis]] = [[] for _ in range(len(pieces_BS))]
    time = 0
    while len(sentences_B):
        last_BQ = taken_BQT[:, :, -1] if time else None
        logits_BQV, cells_LBQD = network.step(last_BQ, time, cells_LBQD, memory)
        norms_BQ1 = logits_BQV.logsumexp(2, keepdim=True)
        logits_BQV[:, :, never] = -torch.inf
        values_BQK, next_BQK = logits_BQV.topk(min(beam, logits_BQV.shape[2]), 2)
        values_BQK = values_BQK - norms_BQ1
        # One that has ended goes on as itself, once, at no cost.
        values_BQK[ended_BQ] = -torch.inf
        values_BQK[:, :, 0].masked_fill_(ended_BQ, 0)
        next_BQK[ended_BQ] = end
        candidates = (totals_BQ[:, :, None] + values_BQK).flatten(1)
        totals_BQ, chosen_BQ = candidates.topk(min(beam, candidates.shape[1]), 1)
        parents_BQ = chosen_BQ // values_BQK.shape[2]
        next_BQ = next_BQK.flatten(1).gather(1, chosen_BQ)
        lengths_BQ = lengths_BQ.gather(1, parents_BQ) + (~ended_BQ).gather(1, parents_BQ)
        ended_BQ = next_BQ == end
        rows_B1 = torch.arange(len(parents_BQ))[:, None]
        taken_BQT = torch.cat([taken_BQT[rows_B1, parents_BQ], next_BQ[:, :, None]], 2)
        cells_LBQD = cells_LBQD[:, rows_B1, parents_BQ]
        time += 1
        over_B = ended_BQ.all(1) | (time >= most_B)
        if over_B.any():
            for row in over_B.nonzero()[:, 0].tolist():
                found[int(sentences_B[row])] = _ranked(
                    taken_BQT[row].tolist(), totals_BQ[row] / lengths_BQ[row], ended_BQ[row].tolist(), end
                )
            stays_B = (~over_B).nonzero()[:, 0]
            memory, cells_LBQD = memory.select(stays_B), cells_LBQD.index_select(1, stays_B)
            sentences_B, most_B, taken_BQT = sentences_B[stays_B], most_B[stays_B], taken_BQT[stays_B]
            totals_BQ, lengths_BQ, ended_BQ = totals_BQ[stays_B], lengths_BQ[stays_B], ended_BQ[stays_B]
    return found


def _ranked(taken: list[list[int]], scores_Q: torch.Tensor, ended: list[bool], end: int) -> list[Hypothesis]:
    hypotheses = [
        Hypothesis(pieces=tuple(pieces[: pieces.index(end)] if over else pieces), score=score, ended=over)
        for pieces, score, over in zip(taken, scores_Q.tolist(), ended, strict=True)
    ]
    return sorted(hypotheses, key=lambda hypothesis: (not hypothesis.ended, -hypothesis.score))
