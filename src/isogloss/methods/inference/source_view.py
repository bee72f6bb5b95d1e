"""A translation into the source language beside every target text: what methods that read pairs answer from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

from isogloss.bridges.base import Projector
from isogloss.bridges.projectors.align import Align

if TYPE_CHECKING:
    from isogloss.example import Example
    from isogloss.methods import Predict
    from isogloss.run import Run
    from isogloss.tasks import Prediction, Task


@dataclass(frozen=True, kw_only=True)
class SourceView:
    """Attach the translation into the source language to texts that have none beside them.

    Attributes:
        projector: carries spans that are part of the input, such as the trigger of an event.
    """

    needs: ClassVar[tuple[str, ...]] = ("into_source",)

    projector: Projector = field(default_factory=Align)

    def __call__(self, predict: Predict, task: Task, run: Run) -> Predict:
        """Wrap ``predict``."""

        def answer(examples: Sequence[Example]) -> list[Prediction]:
            bare: dict[str, list[int]] = {}
            for i, example in enumerate(examples):
                if example.lang not in run.source and not set(run.source) & set(example.views):
                    bare.setdefault(example.lang, []).append(i)
            paired = list(examples)
            for lang, rows in bare.items():
                source = run.served_source(run.source, out_of=lang)
                views = run.carry([examples[i] for i in rows], task, source, self.projector)
                run.note_bridge(lang, source, self.projector, views, inference=True)
                for i, view in zip(rows, views, strict=True):
                    if view.example is not None:
                        paired[i] = replace(paired[i], views={**paired[i].views, source: view.example})
            return predict(paired)

        return answer
