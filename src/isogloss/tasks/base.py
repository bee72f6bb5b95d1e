"""What every task provides: how its rows are read, encoded, decoded and scored."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from isogloss.errors import RecipeError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from isogloss.example import Example

# N examples, R resamples, F features (an example longer than the encoder is cut into several), T pieces, C classes.


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """An answer of a system.

    Attributes:
        value: as the task defines it.
        score: in [0, 1], the model's own probability.
        probabilities: of all labels, where the answer is one of them.
    """

    value: Any
    score: float
    probabilities: Mapping[str, float] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Marked:
    """A text with labelled spans [start, end, label) in characters, in order and without overlap.

    ``units`` are its words where the data define them, None for those that its script suggests.
    """

    text: str
    spans: tuple[tuple[int, int, str], ...] = ()
    units: tuple[tuple[int, int], ...] | None = None


@dataclass(kw_only=True, slots=True)
class Encoded:
    """Examples as model inputs.

    Attributes:
        features: F dictionaries of model inputs; ``labels`` among them where the examples are labelled.
        owner: for each feature the index of its example.
        notes: for each feature what ``decode`` needs to find its way back into the text.
        truncated: how many examples lost text because they are longer than the encoder allows.
    """

    features: list[dict[str, Any]]
    owner: list[int]
    notes: list[Any] = field(default_factory=list)
    truncated: int = 0


@dataclass(frozen=True, kw_only=True)
class Task(ABC):
    """A kind of prediction together with its label set.

    Attributes:
        labels: the closed label set, in the order of the model's outputs.
        metric: the primary metric, one of ``metrics``.
    """

    name: ClassVar[str]
    auto_class: ClassVar[str]
    """Name of the transformers Auto class whose head fits the task."""

    inputs: ClassVar[tuple[str, ...]] = ("text",)
    """The columns of a row without labels; a task that reads one of them takes plain text for input."""

    has_spans: ClassVar[bool] = True
    """Whether its texts or answers have places that must follow a translation."""

    labels: tuple[str, ...]
    metric: str

    @property
    @abstractmethod
    def metrics(self) -> tuple[str, ...]:
        """Names of the scores the task reports, all in [0, 1] but ``spearman``; the default primary one first."""

    @classmethod
    @abstractmethod
    def parse(cls, raw: Mapping[str, Any], *, labelled: bool = True) -> dict[str, Any]:
        """The task's fields from a raw row.

        Raises:
            ValueError: with one clause that says what is wrong; the caller adds file and line.
        """

    @classmethod
    def row_of(cls, texts: Sequence[str]) -> dict[str, Any]:
        """A raw row without labels made of plain texts, one for each of ``inputs``: what an export is tried on."""
        return dict(zip(cls.inputs, texts, strict=True))

    @classmethod
    def harmonise(cls, parsed: list[dict[str, Any]], where: Path | str, lines: Sequence[int]) -> list[dict[str, Any]]:
        """The parsed labelled rows of one file, after what only the file as a whole can tell.

        Raises:
            DataError: rows contradict each other; ``where`` and ``lines`` are the places of the rows.
        """
        return parsed

    @classmethod
    @abstractmethod
    def labels_in(cls, fields: Mapping[str, Any]) -> set[str]:
        """The labels an example uses, as they occur in the data."""

    @classmethod
    @abstractmethod
    def from_data(cls, examples: Sequence[Example], labels: Sequence[str] | None = None) -> Task:
        """The task with the label set found in (source) examples, or with the given one."""

    @abstractmethod
    def texts(self, fields: Mapping[str, Any]) -> tuple[str, ...]:
        """The input texts of an example: what leak checks compare."""

    @abstractmethod
    def unlabelled(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The input fields alone: nothing that tells the answer."""

    def hide(self, examples: Sequence[Example]) -> list[Example]:
        """The examples, and their views, without what tells the answer."""
        return [
            replace(
                example,
                fields=self.unlabelled(example.fields),
                views=dict(zip(example.views, self.hide(list(example.views.values())), strict=True)),
            )
            for example in examples
        ]

    def text(self, fields: Mapping[str, Any]) -> str:
        """The input of an example as one string."""
        return "\t".join(self.texts(fields))

    def row(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """A labelled example as a row that :meth:`parse` reads, with values that JSON has."""
        return dict(fields)

    def marked(self, fields: Mapping[str, Any]) -> dict[str, Marked]:
        """The input texts by field, with every span that must follow them into another language.

        Spans of the answer are among them where the fields have one. What a task can say this way, a translation can
        carry; a task that cannot raises RecipeError.
        """
        raise RecipeError(f"The task {self.name} cannot be carried through a translation", fix="Choose another recipe")

    def remade(self, fields: Mapping[str, Any], marked: Mapping[str, Marked]) -> dict[str, Any]:
        """The fields with other texts and spans in place of those that :meth:`marked` gave; labels stay.

        Raises:
            ValueError: a span is missing that the example means nothing without.
        """
        raise RecipeError(f"The task {self.name} cannot be carried through a translation", fix="Choose another recipe")

    def answer_marked(self, fields: Mapping[str, Any], value: Any) -> dict[str, Marked]:
        """The input texts with the spans of an answer (``Prediction.value``); none where answers have no place."""
        return {name: Marked(text=text.text) for name, text in self.marked(self.unlabelled(fields)).items()}

    def answer_from(self, fields: Mapping[str, Any], value: Any, marked: Mapping[str, Marked]) -> Any:
        """The answer whose spans are those of ``marked``; ``value`` as it is where answers have no place.

        Args:
            fields: the input that is answered.
            value: the answer given for its translation.
            marked: the texts of ``fields`` with the spans that were carried back.
        """
        return value

    @property
    @abstractmethod
    def outputs(self) -> tuple[str, ...]:
        """Names of the model's output units; one name for a regression."""

    @abstractmethod
    def encode(
        self, examples: Sequence[Example], tokenizer: PreTrainedTokenizerBase, *, max_length: int, labelled: bool
    ) -> Encoded:
        """Turn examples into model inputs of at most ``max_length`` pieces."""

    @property
    def loss(self) -> Callable[[PreTrainedModel, Mapping[str, torch.Tensor]], torch.Tensor] | None:
        """A loss of model and batch; None where the model's own fits, which takes ``labels`` and gives ``logits``."""
        return None

    @abstractmethod
    def decode(self, logits: Sequence[np.ndarray], encoded: Encoded, examples: Sequence[Example]) -> list[Prediction]:
        """One prediction per example from the logits of its features (C, or T x C for tasks that speak of pieces)."""

    @abstractmethod
    def scores(
        self, examples: Sequence[Example], predictions: Sequence[Any], weights_RN: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Every metric for each of R weightings of the N examples; predictions are ``Prediction.value``."""

    def config(self) -> dict[str, Any]:
        """What ``task_from_config`` needs to build the same task again."""
        return {"name": self.name, "labels": list(self.labels), "metric": self.metric}


def require_text(raw: Mapping[str, Any], name: str) -> str:
    """The string in column ``name``; ValueError says what is there instead."""
    if name not in raw:
        raise ValueError(f"column '{name}' is missing (there are: {', '.join(raw) or 'none'})")
    value = raw[name]
    if not isinstance(value, str):
        raise ValueError(f"column '{name}' holds {type(value).__name__}, expected text")
    return value


def require_label(raw: Mapping[str, Any], name: str = "label") -> str:
    """The label in column ``name``; integers and booleans are taken by their spelling."""
    if name not in raw:
        raise ValueError(f"column '{name}' is missing (there are: {', '.join(raw) or 'none'})")
    value = raw[name]
    if isinstance(value, bool | int):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"column '{name}' holds {value!r:.40}, expected a label")
    return value


SURROGATES = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """The text with lone surrogates replaced, one character for one: tokenizers accept it and offsets still hold."""
    return SURROGATES.sub("\ufffd", text)
