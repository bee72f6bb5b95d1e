"""The mean of the snapshots of late training (Schmidt, Vulic and Glavas, 'Free Lunch', ACL 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Lt

from isogloss.methods import Chosen

if TYPE_CHECKING:
    from isogloss.methods import Score, Weights
    from isogloss.run import Run
    from isogloss.train import Trained
    from isogloss.train.keeping import Snapshot


@dataclass(frozen=True, kw_only=True)
class CheckpointAveraging:
    """Average the snapshots of a late window, head included; looks at source dev only to guard itself.

    Attributes:
        start: where the window begins, as a share of the training: early snapshots can spoil the mean.
        guard: where the mean is worse on source dev than the last snapshot by more than this, the window is halved
            towards the end, if need be down to the last snapshot alone.
    """

    needs: ClassVar[tuple[str, ...]] = ("dev",)
    oracle: ClassVar[bool] = False
    runs: ClassVar[int] = 1

    start: Annotated[float, Ge(0), Lt(1)] = 0.5
    guard: Annotated[float, Ge(0)] = 0.02

    def __call__(self, trained: Sequence[Trained], score: Score, run: Run) -> Chosen:
        """Return the guarded mean of the first run's window."""
        only = trained[0]
        last = score(only, only.snapshots[-1].load())
        start, windows = self.start, []
        while True:
            window = late(only.snapshots, start)
            weights = mean_of(window)
            found = score(only, weights) if len(window) > 1 else last
            windows.append(([snapshot.step for snapshot in window], found))
            if found >= last - self.guard:
                break
            start = (1 + start) / 2
        (widest, failed), (steps, found) = windows[0], windows[-1]
        if len(windows) > 1:
            run.say(
                f"The mean of {len(widest)} snapshots scores {failed:.3f} on source dev, the last one alone "
                f"{last:.3f}: averaged over the last {len(steps)} instead."
            )
        how = {"rule": "checkpoint_averaging", "steps": steps, "score": found, "last": last}
        return Chosen(weights=weights, how=how | {"fell_back": len(windows) > 1, "first_mean": failed})


def late(snapshots: Sequence[Snapshot], start: float) -> list[Snapshot]:
    """The snapshots after the share ``start`` of the training; the last one always."""
    end = snapshots[-1].step
    return [snapshot for snapshot in snapshots if snapshot.step > start * end or snapshot is snapshots[-1]]


def mean_of(snapshots: Sequence[Snapshot]) -> Weights:
    """The uniform mean of snapshots, which are read one at a time."""
    from isogloss.nets.averaging import RunningMean

    mean = RunningMean()
    for snapshot in snapshots:
        mean.add(snapshot.load())
    return mean.result()
