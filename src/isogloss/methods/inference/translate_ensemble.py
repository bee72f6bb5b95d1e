"""Two answers in one: the network's own for the text, and the one for its translation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from isogloss.bridges.base import Projector
from isogloss.bridges.projectors.align import Align
from isogloss.methods.inference.translate_test import TranslateTest

if TYPE_CHECKING:
    from isogloss.example import Example
    from isogloss.methods import Predict
    from isogloss.run import Run
    from isogloss.tasks import Prediction, Task


@dataclass(frozen=True, kw_only=True)
class TranslateEnsemble:
    """Combine the answer for a text with the answer for its translation.

    Class probabilities and numbers are averaged. Of two lists of spans the union is taken; where spans of the two
    overlap, those of the more certain answer stay. Any other answer is the more certain one's.

    Attributes:
        projector: how spans are carried back onto the original words.
    """

    needs: ClassVar[tuple[str, ...]] = ("into_source",)

    projector: Projector = field(default_factory=Align)

    def __call__(self, predict: Predict, task: Task, run: Run) -> Predict:
        """Wrap ``predict``."""
        by_translation = TranslateTest(projector=self.projector)(predict, task, run)

        def answer(examples: Sequence[Example]) -> list[Prediction]:
            pairs = zip(predict(examples), by_translation(examples), strict=True)
            return [combined(own, other) for own, other in pairs]

        return answer


def combined(own: Prediction, other: Prediction) -> Prediction:
    """One answer from two; the first wins a draw."""
    if own.probabilities is not None and other.probabilities is not None:
        mean = {label: (p + other.probabilities[label]) / 2 for label, p in own.probabilities.items()}
        best = max(mean, key=lambda label: mean[label])
        return replace(own, value=best, score=mean[best], probabilities=mean)
    if isinstance(own.value, float) and isinstance(other.value, float):
        return replace(own, value=(own.value + other.value) / 2)
    first, second = (own, other) if own.score >= other.score else (other, own)
    if _is_spans(own.value) and _is_spans(other.value):
        added = [span for span in second.value if not any(span[0] < b and a < span[1] for a, b, _ in first.value)]
        return replace(first, value=sorted([*first.value, *added]))
    return first


def _is_spans(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(span, list | tuple) and len(span) == 3 for span in value)
