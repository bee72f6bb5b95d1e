"""The mean of several trainings with one head (Schmidt, Vulic and Glavas, 'Free Lunch', ACL 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Lt

from isogloss.methods import Chosen
from isogloss.methods.weights.checkpoint_averaging import late, mean_of

if TYPE_CHECKING:
    from isogloss.methods import Score
    from isogloss.run import Run
    from isogloss.train import Trained


@dataclass(frozen=True, kw_only=True)
class RunAveraging:
    """Average the late snapshots of several runs; the later runs take over the first one's finished head, frozen.

    Heads that were drawn apart have nothing to do with each other, so bodies trained under them cannot be averaged:
    ``shared_head=False`` shows it, as the control of the paper.

    Attributes:
        runs: how many trainings; they differ in the order of the data and in dropout.
        start: where each run's window begins, as a share of its training.
        guard: where the mean is worse on source dev than the first run's own by more than this, that one is taken.
        shared_head: whether the runs share the first one's head.
    """

    needs: ClassVar[tuple[str, ...]] = ("dev",)
    oracle: ClassVar[bool] = False

    runs: Annotated[int, Ge(2)] = 3
    start: Annotated[float, Ge(0), Lt(1)] = 0.5
    guard: Annotated[float, Ge(0)] = 0.02
    shared_head: bool = True

    def __call__(self, trained: Sequence[Trained], score: Score, run: Run) -> Chosen:
        """Return the guarded mean over all runs, with the shared head as it was when the first run ended."""
        from isogloss.nets.averaging import RunningMean

        first, head = trained[0], trained[0].head() if self.shared_head else {}
        mean = RunningMean()
        for one in trained:
            for snapshot in late(one.snapshots, self.start):
                weights = snapshot.load()  # a run that took the head over did not train it: it is not in its snapshots
                mean.add({name: value for name, value in weights.items() if name not in head} | head)
        alone = mean_of(late(first.snapshots, self.start))
        scores = {"score": score(first, mean.result()), "first": score(first, alone)}
        how = {"rule": "run_averaging", "runs": len(trained), "snapshots": mean.count, **scores, "fell_back": False}
        if scores["score"] >= scores["first"] - self.guard:
            return Chosen(weights=mean.result(), how=how)
        run.say(
            f"The mean of {len(trained)} runs scores {scores['score']:.3f} on source dev, the first run alone "
            f"{scores['first']:.3f}: the first run is kept."
        )
        return Chosen(weights=alone, how=how | {"score": scores["first"], "fell_back": True})
