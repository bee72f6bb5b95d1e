"""Text classification with a closed label set, and sentence pairs, which differ only in what is read and encoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from isogloss.metrics import accuracy, macro_f1
from isogloss.tasks.base import Encoded, Marked, Prediction, Task, clean, require_label, require_text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from isogloss.example import Example


@dataclass(frozen=True, kw_only=True)
class Classification(Task):
    """One label per text. Fields: ``text``, ``label``. A prediction is a label."""

    name: ClassVar[str] = "classification"
    auto_class: ClassVar[str] = "AutoModelForSequenceClassification"
    has_spans: ClassVar[bool] = False
    metric: str = "accuracy"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("accuracy", "macro_f1")

    @classmethod
    def parse(cls, raw: Mapping[str, Any], *, labelled: bool = True) -> dict[str, Any]:
        fields: dict[str, Any] = {name: require_text(raw, name) for name in cls.inputs}
        if labelled:
            fields["label"] = require_label(raw)
        return fields

    @classmethod
    def labels_in(cls, fields: Mapping[str, Any]) -> set[str]:
        return {fields["label"]} if "label" in fields else set()

    @classmethod
    def from_data(cls, examples: Sequence[Example], labels: Sequence[str] | None = None) -> Task:
        found = labels or sorted(set().union(*(cls.labels_in(example.fields) for example in examples)))
        return cls(labels=tuple(found))

    def texts(self, fields: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(fields[name] for name in self.inputs)

    def unlabelled(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {name: fields[name] for name in self.inputs}

    def marked(self, fields: Mapping[str, Any]) -> dict[str, Marked]:
        return {name: Marked(text=fields[name]) for name in self.inputs}

    def remade(self, fields: Mapping[str, Any], marked: Mapping[str, Marked]) -> dict[str, Any]:
        return {**fields} | {name: marked[name].text for name in self.inputs}

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.labels

    def encode(
        self, examples: Sequence[Example], tokenizer: PreTrainedTokenizerBase, *, max_length: int, labelled: bool
    ) -> Encoded:
        if not examples:
            return Encoded(features=[], owner=[])
        texts = [[clean(example.fields[name]) for example in examples] for name in self.inputs]
        batch = tokenizer(*texts, truncation=True, max_length=max_length)
        keys = [key for key in batch if key in tokenizer.model_input_names]
        features: list[dict[str, Any]] = [{key: batch[key][i] for key in keys} for i in range(len(examples))]
        if labelled:
            for feature, example in zip(features, examples, strict=True):
                feature["labels"] = self.target(example)
        cut = sum(bool(encoding.overflowing) for encoding in batch.encodings or ())
        return Encoded(features=features, owner=list(range(len(examples))), truncated=cut)

    def target(self, example: Example) -> int | float:
        """The training target of an example: the index of its label."""
        return self.labels.index(example.fields["label"])

    def decode(self, logits: Sequence[np.ndarray], encoded: Encoded, examples: Sequence[Example]) -> list[Prediction]:
        predictions = []
        for row in logits:
            probabilities_C = softmax(row)
            best = int(probabilities_C.argmax())
            named = dict(zip(self.labels, probabilities_C.tolist(), strict=True))
            predictions.append(Prediction(value=self.labels[best], score=named[self.labels[best]], probabilities=named))
        return predictions

    def scores(
        self, examples: Sequence[Example], predictions: Sequence[Any], weights_RN: np.ndarray
    ) -> dict[str, np.ndarray]:
        gold = [example.fields["label"] for example in examples]
        return {
            "accuracy": accuracy(gold, predictions, weights_RN),
            "macro_f1": macro_f1(gold, predictions, weights_RN),
        }


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities over the last axis, in float64."""
    shifted = logits.astype(np.float64) - logits.max(-1, keepdims=True)
    powers = np.exp(shifted)
    result: np.ndarray = powers / powers.sum(-1, keepdims=True)
    return result
