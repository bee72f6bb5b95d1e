"""The snapshot with the best score on the *target* test data. Not a method: a measure of what peeking would claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from isogloss.methods import Chosen
from isogloss.methods.weights.source_dev import best

if TYPE_CHECKING:
    from isogloss.methods import Score
    from isogloss.run import Run
    from isogloss.train import Trained


@dataclass(frozen=True, kw_only=True)
class Oracle:
    """Take the snapshot with the best mean score over the targets' test files.

    The only part whose ``score`` reads target labels. It is used only when asked for by name, and every report it
    leads to says ``oracle``.
    """

    needs: ClassVar[tuple[str, ...]] = ("test",)
    oracle: ClassVar[bool] = True
    runs: ClassVar[int] = 1

    def __call__(self, trained: Sequence[Trained], score: Score, run: Run) -> Chosen:
        """Score every snapshot of the first run on target test data and return the best."""
        run.ledger.selected_on_test = True
        return best(trained[0], score, rule="oracle")
