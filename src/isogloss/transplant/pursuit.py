"""Orthogonal matching pursuit for many targets at a time.

A target is written as a sum of few atoms: again and again the atom that goes best with what is left of the target is
taken, and all weights are found anew by least squares (Pati, Rezaiifar and Krishnaprasad, 1993). Nearly all of the time
goes into comparing what is left with all atoms. That is done in whole numbers of eight bits where the processor
multiplies those fast; how far off they can be is known exactly, and the few atoms that may be the best one are
compared again in full precision. So the atom taken is that of full precision, in a fraction of the time.

Legend of shapes: N targets, T of them at a time, A atoms, E their width, K atoms a target, D width of rows.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from isogloss.errors import ResourceError

if TYPE_CHECKING:
    import torch

log = logging.getLogger("isogloss")

MOST_VALUES = 2**24
"""Numbers in the largest table of a batch: 64 MB each."""
MOST_TARGETS = 512
"""Targets at a time where memory would allow for more."""
GROUP = 16
"""Atoms whose largest score is looked at before their own."""
DEVIATIONS = 8.0
"""Standard deviations that a rounding error is allowed: beyond lies a chance of one in 10^14."""
MOST_CLOSE = 256
"""Groups close to the best beyond which comparing all atoms in full precision is faster; of few, an eighth."""
DEPENDENT = 1e-3
"""An atom of which less than this share is new, beside those taken, is passed over: its weight would be huge."""


@dataclass(frozen=True, kw_only=True)
class Sums:
    """Each target as a weighted sum of atoms.

    Attributes:
        atoms_NK: which; where fewer than K were taken, 0 with weight 0.
        weights_NK: how much of each.
        left_N: length of what is left of the target, as a share of its own; 0 for a target of length 0.
    """

    atoms_NK: torch.Tensor
    weights_NK: torch.Tensor
    left_N: torch.Tensor

    def of(self, rows_AD: torch.Tensor) -> torch.Tensor:
        """The same sums of other rows: one row for each atom."""
        import torch

        out_ND = rows_AD.new_empty(len(self.atoms_NK), rows_AD.shape[1])
        step = max(1, MOST_VALUES // max(1, self.atoms_NK.shape[1] * rows_AD.shape[1]))
        for start in range(0, len(out_ND), step):
            some = slice(start, start + step)
            parts_TKD = rows_AD[self.atoms_NK[some]]
            out_ND[some] = torch.einsum("tk,tkd->td", self.weights_NK[some].to(rows_AD.dtype), parts_TKD)
        return out_ND


def pursue(
    targets_NE: torch.Tensor, atoms_AE: torch.Tensor, *, k: int, normalise: bool = True, screen: bool | None = None
) -> Sums:
    """Write every target as a sum of at most ``k`` atoms.

    A target for which nothing is left, to the precision of its numbers, gets no further atoms.

    Args:
        targets_NE: what is to be written, float32 or float64.
        atoms_AE: what it is written with, none of length 0.
        k: atoms a target.
        normalise: choose by the angle between an atom and what is left. If false by their inner product, which
            prefers long atoms. Weights are those of the atoms as they are in both cases.
        screen: compare in eight bits first. By default where the processor does that fast; only for float32, and where
            choice is by the angle. It changes the time and not the result.

    Raises:
        ResourceError: there are fewer than ``k`` atoms.
    """
    import torch

    if k > len(atoms_AE):
        raise ResourceError(
            f"{k} shared tokens a new one are wanted and there are {len(atoms_AE)}", fix="Set a lower k"
        )
    possible = normalise and targets_NE.dtype == torch.float32
    pool = _Pool(atoms_AE, normalise=normalise, screen=possible and (_fast_in_bytes() if screen is None else screen))
    batch = max(8, min(MOST_TARGETS, MOST_VALUES // max(len(atoms_AE), k * atoms_AE.shape[1])))
    parts = [_pursue(some_TE, pool, k) for some_TE in targets_NE.split(batch)]
    atoms, weights, left = (torch.cat(each) for each in zip(*parts, strict=True))
    return Sums(atoms_NK=atoms, weights_NK=weights, left_N=left)


def _pursue(targets_TE: torch.Tensor, pool: _Pool, k: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """One batch: an orthonormal basis of the atoms taken grows by one vector a step (Gram-Schmidt)."""
    import torch

    T, E = targets_TE.shape
    lengths_T = targets_TE.norm(dim=1)
    left_TE = pool.turned(targets_TE / lengths_T.clamp(min=torch.finfo(lengths_T.dtype).tiny)[:, None])
    nothing = 10 * torch.finfo(left_TE.dtype).eps
    basis_TKE = left_TE.new_zeros(T, k, E)
    triangle_TKK = torch.eye(k, dtype=torch.float64).repeat(T, 1, 1)
    shares_TK = left_TE.new_zeros(T, k)
    taken_TK = torch.full((T, k), -1)
    used_TK = torch.full((T, k), -1)
    for step in range(k):
        best_T, score_T = pool.best(left_TE, used_TK[:, :step])
        going_T = score_T > nothing * pool.longest
        if not going_T.any():
            break
        used_TK[:, step] = best_T
        atom_TE = pool.units_AE[best_T]
        new_TE, along_TS = _without(atom_TE, basis_TKE[:, :step])
        size_T = new_TE.norm(dim=1)
        # Where much was taken away, what remains is not quite at right angles to the rest: once more is enough.
        again = (size_T < 0.5).nonzero().flatten()
        if step and len(again):
            new_TE[again], more = _without(new_TE[again], basis_TKE[again, :step])
            along_TS[again] += more
            size_T[again] = new_TE[again].norm(dim=1)
        going_T &= size_T > DEPENDENT
        new_TE = torch.where(going_T[:, None], new_TE / size_T.clamp(min=DEPENDENT)[:, None], 0.0)
        basis_TKE[:, step] = new_TE
        share_T = (new_TE * left_TE).sum(1)
        left_TE -= share_T[:, None] * new_TE
        shares_TK[:, step] = share_T
        triangle_TKK[:, :step, step] = torch.where(going_T[:, None], along_TS, 0.0).double()
        triangle_TKK[:, step, step] = torch.where(going_T, size_T, 1.0).double()
        taken_TK[:, step] = torch.where(going_T, best_T, -1)
    weights_TK = torch.linalg.solve_triangular(triangle_TKK, shares_TK.double()[..., None], upper=True)[..., 0]
    atoms_TK = taken_TK.clamp(min=0)
    weights_TK = torch.where(taken_TK >= 0, weights_TK * lengths_T[:, None] / pool.lengths_A[atoms_TK], 0.0)
    return atoms_TK, weights_TK.to(targets_TE.dtype), left_TE.norm(dim=1)


def _without(some_TE: torch.Tensor, basis_TSE: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Vectors less what lies along a basis each, and how much that was."""
    import torch

    along_TS = torch.bmm(basis_TSE, some_TE[..., None])[..., 0]
    return some_TE - torch.bmm(along_TS[:, None], basis_TSE)[:, 0], along_TS


class _Pool:
    """The atoms, and which of them goes best with a vector."""

    def __init__(self, atoms_AE: torch.Tensor, *, normalise: bool, screen: bool) -> None:
        self.lengths_A = atoms_AE.norm(dim=1)
        self.units_AE = atoms_AE / self.lengths_A[:, None]
        self.longest = 1.0 if normalise else float(self.lengths_A.max())
        self.weights_A = None if normalise else self.lengths_A
        self.screen, self.turn_EE = screen, None
        if screen:
            self._coarsen()

    def turned(self, some_TE: torch.Tensor) -> torch.Tensor:
        """Vectors in the coordinates of the atoms."""
        return some_TE.clone() if self.turn_EE is None else some_TE @ self.turn_EE

    def best(self, left_TE: torch.Tensor, used_TS: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The best atom for each vector that it has not used, and its score, at least 0."""
        return self._screened(left_TE, used_TS) if self.screen else self._exact(left_TE, used_TS)

    def _exact(self, left_TE: torch.Tensor, used_TS: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        scores_TA = (left_TE @ self.units_AE.mT).abs_()
        if self.weights_A is not None:
            scores_TA *= self.weights_A
        rows, columns = (used_TS >= 0).nonzero(as_tuple=True)
        scores_TA[rows, used_TS[rows, columns]] = 0.0
        score_T, best_T = scores_TA.max(dim=1)
        return best_T, score_T

    def _coarsen(self) -> None:
        """The atoms as whole numbers, in groups of like unit, after a turn of the axes that spreads large values."""
        import torch

        A, E = self.units_AE.shape
        gauss_EE = torch.randn(E, E, generator=torch.Generator().manual_seed(0))
        self.turn_EE = torch.linalg.qr(gauss_EE).Q
        self.units_AE = self.units_AE @ self.turn_EE
        groups = -(-A // GROUP)
        self.order_P = torch.zeros(groups * GROUP, dtype=torch.long)
        self.order_P[:A] = self.units_AE.abs().amax(1).argsort()
        ordered_GPE = self.units_AE[self.order_P].view(groups, GROUP, E)
        ordered_GPE.view(-1, E)[A:] = 0.0
        self.unit_G = ordered_GPE.abs().amax((1, 2)) / 127
        coarse_GPE = (ordered_GPE / self.unit_G[:, None, None]).round()
        self.error_G = (ordered_GPE - coarse_GPE * self.unit_G[:, None, None]).norm(dim=2).amax(1)
        # The members of a group lie far apart, so that the largest of each is found in long vectors.
        self.coarse_EA = coarse_GPE.to(torch.int8).transpose(0, 1).reshape(-1, E).T
        self.table_TA = torch.empty(0, 0, dtype=torch.int32)

    def _screened(self, left_TE: torch.Tensor, used_TS: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """As :meth:`_exact`, after leaving out all atoms that cannot be the best.

        ``<r, a> - <r', a'> = <r - r', a'> + <r, a - a'>`` for coarse ``r'`` and ``a'``. After a random turn of the E
        axes, rounding errors point anywhere: a product with one is below its length times ``DEVIATIONS / sqrt(E)``.
        """
        import torch

        T, groups = len(left_TE), len(self.unit_G)
        unit_T = left_TE.abs().amax(1).clamp(min=torch.finfo(left_TE.dtype).tiny) / 127
        coarse_TE = (left_TE / unit_T[:, None]).round()
        lost_T, size_T = (left_TE - coarse_TE * unit_T[:, None]).norm(dim=1), left_TE.norm(dim=1)
        # What float32 itself rounds is far below the last term.
        error_TG = lost_T[:, None] + (lost_T + size_T)[:, None] * self.error_G
        error_TG = error_TG * min(1.0, DEVIATIONS * left_TE.shape[1] ** -0.5) + 1e-5 * size_T[:, None]
        if len(self.table_TA) != T:
            self.table_TA = torch.empty(T, self.coarse_EA.shape[1], dtype=torch.int32)
        torch._int_mm(coarse_TE.to(torch.int8), self.coarse_EA, out=self.table_TA)
        table_TPG = self.table_TA.view(T, GROUP, groups)
        score_TG = torch.maximum(table_TPG.amax(1), table_TPG.amin(1).neg_()) * unit_T[:, None] * self.unit_G
        # The best atom scores at least this. Where that is nothing any atom may be it, a used one too.
        least_T = (score_TG - error_TG).amax(1)
        close_TG = score_TG + error_TG >= least_T[:, None]
        unclear_T = (least_T <= 0) | (close_TG.sum(1) > min(MOST_CLOSE, groups // 8))
        close_TG[unclear_T] = False
        row_P, group_P = close_TG.nonzero(as_tuple=True)
        needed_P = (least_T[row_P] - error_TG[row_P, group_P]) / (unit_T[row_P] * self.unit_G[group_P])
        pair, member = (table_TPG[row_P, :, group_P].abs() >= needed_P[:, None]).nonzero(as_tuple=True)
        row_P, atom_P = row_P[pair], self.order_P[group_P[pair] * GROUP + member]
        score_P = (left_TE[row_P] * self.units_AE[atom_P]).sum(1).abs()
        score_T = left_TE.new_zeros(T).scatter_reduce_(0, row_P, score_P, "amax")
        won = score_P == score_T[row_P]
        best_T = torch.full((T,), len(self.units_AE)).scatter_reduce_(0, row_P[won], atom_P[won], "amin")
        if unclear_T.any():
            best_T[unclear_T], score_T[unclear_T] = self._exact(left_TE[unclear_T], used_TS[unclear_T])
        return best_T, score_T


@cache
def _fast_in_bytes() -> bool:
    """Whether the processor multiplies matrices of bytes several times as fast as those of floats."""
    import torch

    flags = torch.cpu.get_capabilities()
    return hasattr(torch, "_int_mm") and any(flags.get(name) for name in ("avx512_vnni", "amx_int8", "avx10_2"))
