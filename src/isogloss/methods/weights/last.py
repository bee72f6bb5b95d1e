"""The weights at the end of training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from isogloss.methods import Chosen

if TYPE_CHECKING:
    from isogloss.methods import Score
    from isogloss.run import Run
    from isogloss.train import Trained


@dataclass(frozen=True, kw_only=True)
class Last:
    """Take the last snapshot; looks at no score."""

    needs: ClassVar[tuple[str, ...]] = ()
    oracle: ClassVar[bool] = False
    runs: ClassVar[int] = 1

    def __call__(self, trained: Sequence[Trained], score: Score, run: Run) -> Chosen:
        """Return the last snapshot of the first run."""
        snapshot = trained[0].snapshots[-1]
        return Chosen(weights=snapshot.load(), how={"rule": "last", "step": snapshot.step})
