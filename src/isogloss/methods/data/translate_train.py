"""Translate-train: the labelled source data in the targets' languages, with the labels carried over."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Le

from isogloss.bridges.base import Projector
from isogloss.bridges.projectors.align import Align

if TYPE_CHECKING:
    from isogloss.example import Example
    from isogloss.problem import Problem
    from isogloss.run import Run


@dataclass(frozen=True, kw_only=True)
class TranslateTrain:
    """Translate the training data into every target and train on it, with the source data or without.

    Attributes:
        projector: how spans are carried over; tasks without spans have no use for it.
        source: whether the source data are trained on too.
        complete: leave out sentences that lost a span.
        least: leave out sentences with a span of a lower reliability.
        rows: translate only so many examples, the first ones; 0 for all.
    """

    needs: ClassVar[tuple[str, ...]] = ("into_target", "train")

    projector: Projector = field(default_factory=Align)
    source: bool = True
    complete: bool = True
    least: Annotated[float, Ge(0), Le(1)] = 0.0
    rows: Annotated[int, Ge(0)] = 0

    def __call__(self, problem: Problem, run: Run) -> Problem:
        """Add ``train[target]`` for every target; what is left out is counted and said."""
        train = dict(problem.train) if self.source else {}
        for target in problem.targets:
            source = run.served_source(problem.source, into=target)
            examples = problem.train[source]
            views = run.carry(examples[: self.rows or None], problem.task, target, self.projector)
            kept = [view.example for view in views if view.example and (view.complete or not self.complete)]
            train[target] = self._trusted(kept)
            run.note_bridge(source, target, self.projector, views, kept=len(train[target]))
        return replace(problem, train=train)

    def _trusted(self, examples: list[Example]) -> tuple[Example, ...]:
        return tuple(example for example in examples if example.score >= self.least)
