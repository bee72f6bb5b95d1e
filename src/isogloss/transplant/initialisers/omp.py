"""OMP: a new row is the same sum of shared tokens' rows as the donor's vector is of theirs.

Goddard and Fernandes Neto, "Training-Free Tokenizer Transplantation via Orthogonal Matching Pursuit", 2025
(arXiv 2506.06607).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge

from isogloss.transplant.base import Initialiser, Rows, Swap
from isogloss.transplant.initialisers.focus import anchors_and_wanted
from isogloss.transplant.initialisers.random import Random
from isogloss.transplant.pursuit import pursue
from isogloss.transplant.vectors import FastText


@dataclass(frozen=True, kw_only=True)
class Omp(FastText, Initialiser):
    """Shared tokens keep their rows; every other one is written with few shared ones where all have a vector.

    The vectors are the donor's, as in the paper. Without a donor they are trained on raw text cut by the new tokenizer,
    as for FOCUS; this is ours, and worse than FOCUS where we measured it. If the old matrix is a linear map of the
    vectors, the error of a row is the same map of what is left of the vector. Tokens without a vector get a row drawn
    from N(mean, std) of the old ones.

    Attributes:
        k: shared tokens for each new one.
        normalise: choose them by the angle; if false by the inner product, as in the authors' program, which prefers
            tokens with long vectors.

    The other settings are those of vectors trained on raw text.
    """

    name: ClassVar[str] = "omp"

    k: Annotated[int, Ge(1)] = 64
    normalise: bool = True

    def __call__(self, swap: Swap) -> Rows:
        """Rows for all new tokens.

        Raises:
            ResourceError: there is neither donor nor text, or fewer than ``k`` shared tokens have a vector.
        """
        vectors_NE, note = swap.donor_NE, ""
        if vectors_NE is None:
            vectors_NE, note = self.token_vectors(swap.texts, swap.new, seed=swap.seed)
            note = f"There is no donor for omp. {note} FOCUS makes more of such vectors."
        anchors, wanted = anchors_and_wanted(swap, vectors_NE)
        base = Random()(swap)
        notes = [note] if note else []
        how = list(base.how)
        if wanted:
            sums = pursue(vectors_NE[wanted], vectors_NE[anchors], k=self.k, normalise=self.normalise)
            base.rows_ND[wanted] = sums.of(swap.rows_VD[[swap.shared[i] for i in anchors]].float())
            left = float(sums.left_N.mean())
            notes.append(f"Of the vectors of {len(wanted):,} new tokens {left:.0%} of the length is left on average.")
        for i in wanted:
            how[i] = "approximated"
        return Rows(rows_ND=base.rows_ND, how=how, notes=tuple(notes))
