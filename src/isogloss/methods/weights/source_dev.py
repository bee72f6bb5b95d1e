"""The snapshot with the best score on the source languages' development data."""

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
class SourceDev:
    """Take the snapshot that is best on source dev, the later one where two are equal."""

    needs: ClassVar[tuple[str, ...]] = ("dev",)
    oracle: ClassVar[bool] = False
    runs: ClassVar[int] = 1

    def __call__(self, trained: Sequence[Trained], score: Score, run: Run) -> Chosen:
        """Score every snapshot of the first run and return the best."""
        return best(trained[0], score, rule="source_dev")


def best(trained: Trained, score: Score, *, rule: str) -> Chosen:
    """The best-scoring snapshot of a run, the later one where two are equal."""
    scores = {snapshot.step: score(trained, snapshot.load()) for snapshot in trained.snapshots}
    winner = max(trained.snapshots, key=lambda snapshot: (scores[snapshot.step], snapshot.step))
    how = {"rule": rule, "step": winner.step, "score": scores[winner.step], "scores": scores}
    return Chosen(weights=winner.load(), how=how)
