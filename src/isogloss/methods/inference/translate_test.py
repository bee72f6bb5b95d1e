"""Translate-test: target texts are translated into the source language, answered there, and the answer carried back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from isogloss.bridges.base import Projector
from isogloss.bridges.projectors.align import Align

if TYPE_CHECKING:
    from isogloss.example import Example
    from isogloss.methods import Predict
    from isogloss.run import Run
    from isogloss.tasks import Prediction, Task


@dataclass(frozen=True, kw_only=True)
class TranslateTest:
    """Answer the translation of a text in place of the text.

    Texts in a source language are answered as they are, and so, with a word about it, is a text that the translator
    gives nothing for.

    Attributes:
        projector: how the spans of an answer are carried back onto the original words.
    """

    needs: ClassVar[tuple[str, ...]] = ("into_source",)

    projector: Projector = field(default_factory=Align)

    def __call__(self, predict: Predict, task: Task, run: Run) -> Predict:
        """Wrap ``predict``."""

        def answer(examples: Sequence[Example]) -> list[Prediction]:
            groups: dict[str, list[int]] = {}
            for i, example in enumerate(examples):
                groups.setdefault(example.lang, []).append(i)
            results: dict[int, Prediction] = {}
            for lang, rows in groups.items():
                mine = [examples[i] for i in rows]
                given = predict(mine) if lang in run.source else self._translated(mine, predict, task, run)
                results |= dict(zip(rows, given, strict=True))
            return [results[i] for i in range(len(examples))]

        return answer

    def _translated(self, examples: Sequence[Example], predict: Predict, task: Task, run: Run) -> list[Prediction]:
        lang = examples[0].lang
        source = run.served_source(run.source, out_of=lang)
        views = run.carry(examples, task, source, self.projector)
        run.note_bridge(lang, source, self.projector, views, inference=True)
        answers = predict([view.original if view.example is None else view.example for view in views])
        there = [i for i, view in enumerate(views) if view.example is not None]
        back = run.bridge(self.projector).carry_back([answers[i] for i in there], [views[i] for i in there], task)
        carried = dict(zip(there, back, strict=True))
        return [carried.get(i, answers[i]) for i in range(len(examples))]
