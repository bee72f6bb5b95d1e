"""Every source example with its translations beside it: what methods that read pairs are trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

from isogloss.bridges.base import Projector
from isogloss.bridges.projectors.align import Align

if TYPE_CHECKING:
    from isogloss.bridges.bridge import View
    from isogloss.example import Example
    from isogloss.problem import Problem
    from isogloss.run import Run


@dataclass(frozen=True, kw_only=True)
class TranslatedViews:
    """Attach translations into every target to the training data, and make the source dev data pairs to choose by.

    At prediction time a target text is read beside its translation into the source language. Source dev is therefore
    turned round: each of its examples is translated into one target (in turn) and has the original beside it. Where
    training examples bring translations, as they do to a nested recipe, everything stays as it is.

    Attributes:
        projector: how spans of the answers are carried over.
    """

    needs: ClassVar[tuple[str, ...]] = ("into_target", "train")

    projector: Projector = field(default_factory=Align)

    def __call__(self, problem: Problem, run: Run) -> Problem:
        """``views[target]`` on every training example; dev examples in a target language with ``views[source]``."""
        if any(example.views for example in problem.train_examples()):
            return problem
        train, dev = dict(problem.train), dict(problem.dev)
        for source in problem.source:
            views = {target: self._views(problem.train.get(source, ()), target, problem, run)
                     for target in problem.targets}  # fmt: skip
            train[source] = tuple(
                replace(example, views={t: there for t, v in views.items() if (there := v[i].example) is not None})
                for i, example in enumerate(problem.train.get(source, ()))
            )
            dev[source] = self._turned(problem.dev.get(source, ()), problem, run)
        return replace(problem, train=train, dev=dev)

    def _turned(self, examples: Sequence[Example], problem: Problem, run: Run) -> tuple[Example, ...]:
        turned: dict[int, Example] = {}
        for start, target in enumerate(problem.targets):
            mine = range(start, len(examples), len(problem.targets))
            views = self._views([examples[i] for i in mine], target, problem, run)
            for i, view in zip(mine, views, strict=True):
                if view.example is not None and view.complete:
                    turned[i] = replace(view.example, views={examples[i].lang: examples[i]})
        return tuple(turned[i] for i in sorted(turned))

    def _views(self, examples: Sequence[Example], target: str, problem: Problem, run: Run) -> list[View]:
        if not examples:
            return []
        views = run.carry(examples, problem.task, target, self.projector)
        run.note_bridge(examples[0].lang, target, self.projector, views)
        return views
