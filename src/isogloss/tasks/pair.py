"""Sentence pairs: a label (entailment, paraphrase) or a similarity score for two texts read together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from isogloss.metrics import spearman
from isogloss.tasks.base import Encoded, Prediction, Task
from isogloss.tasks.classification import Classification

if TYPE_CHECKING:
    import numpy as np

    from isogloss.example import Example


@dataclass(frozen=True, kw_only=True)
class Pair(Classification):
    """Fields: ``text_a``, ``text_b`` and either ``label`` or a number ``score``. With scores the task is a regression.

    A regression has no labels; its predictions are numbers on the scale of the training data, its metric is Spearman's
    rank correlation.
    """

    name: ClassVar[str] = "pair"
    inputs: ClassVar[tuple[str, ...]] = ("text_a", "text_b")

    @property
    def regression(self) -> bool:
        return not self.labels

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("spearman",) if self.regression else super().metrics

    @classmethod
    def parse(cls, raw: Mapping[str, Any], *, labelled: bool = True) -> dict[str, Any]:
        if not labelled or "score" not in raw or "label" in raw:
            return super().parse(raw, labelled=labelled)
        fields = super().parse(raw, labelled=False)
        try:
            fields["score"] = float(raw["score"])
        except (TypeError, ValueError):
            raise ValueError(f"column 'score' holds {raw['score']!r:.40}, expected a number") from None
        if not abs(fields["score"]) < float("inf"):  # also false for nan
            raise ValueError(f"column 'score' holds {raw['score']!r:.40}, expected a finite number")
        return fields

    @classmethod
    def from_data(cls, examples: Sequence[Example], labels: Sequence[str] | None = None) -> Task:
        scored = [example for example in examples if "score" in example.fields]
        if not scored:
            return super().from_data(examples, labels)
        if len(scored) < len(examples):
            odd = next(example for example in examples if "score" not in example.fields)
            raise ValueError(f"some rows have a score and some a label (first label: {odd.place or odd.id})")
        if labels:
            raise ValueError("labels are given, and the rows have scores")
        return cls(labels=(), metric="spearman")

    @property
    def outputs(self) -> tuple[str, ...]:
        return ("score",) if self.regression else self.labels

    def target(self, example: Example) -> int | float:
        return float(example.fields["score"]) if self.regression else super().target(example)

    def decode(self, logits: Sequence[np.ndarray], encoded: Encoded, examples: Sequence[Example]) -> list[Prediction]:
        if not self.regression:
            return super().decode(logits, encoded, examples)
        return [Prediction(value=float(row[0]), score=1.0) for row in logits]

    def scores(
        self, examples: Sequence[Example], predictions: Sequence[Any], weights_RN: np.ndarray
    ) -> dict[str, np.ndarray]:
        if not self.regression:
            return super().scores(examples, predictions, weights_RN)
        gold = [example.fields["score"] for example in examples]
        return {"spearman": spearman(gold, predictions, weights_RN)}
