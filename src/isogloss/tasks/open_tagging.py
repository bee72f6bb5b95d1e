"""Tagging with labels that are known by their names alone: any set of them, chosen when predicting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from isogloss.errors import DataError
from isogloss.metrics import spans_of
from isogloss.tasks.base import Encoded, Prediction, clean
from isogloss.tasks.tagging import Tagging

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from isogloss.example import Example

# T pieces, U words, W widths, P size of the space, C labels

LABEL = -1
"""The owner of a feature that is a label's name, not part of an example."""
Found = tuple[float, int, int, str]
"""Probability, first word, last word, label."""


@dataclass(frozen=True, kw_only=True)
class OpenTagging(Tagging):
    """Entities as spans of up to ``widest`` words, each scored against each label's name; none overlap.

    The form in which :class:`isogloss.methods.objective.open_labels.OpenLabels` learns tagging. What is read together
    with the texts of a prediction are the names in ``labels``; another set takes no training.

    Attributes:
        widest: words of the longest entity.
        size: of the space in which spans and labels meet (see :mod:`isogloss.nets.label_scoring`).
        threshold: an entity is what is likelier than this. Labels that training has not are rarely likelier than half.
    """

    form: ClassVar[str] = "open"
    widest: int = 12
    size: int = 128
    threshold: float = 0.5

    @property
    def outputs(self) -> tuple[str, ...]:
        return tuple(f"{role}-{i}" for role in ("start", "end", "label") for i in range(self.size))

    def encode(
        self, examples: Sequence[Example], tokenizer: PreTrainedTokenizerBase, *, max_length: int, labelled: bool
    ) -> Encoded:
        """Windows as in tagging, and after them the names of the labels where there are no labelled spans to learn."""
        encoded = super().encode(examples, tokenizer, max_length=max_length, labelled=False)
        if labelled:
            for feature, owner, pairs in zip(encoded.features, encoded.owner, encoded.notes, strict=True):
                feature |= self._spans(examples[owner].fields["tags"], pairs, len(feature["input_ids"]))
        elif examples:
            for feature in self.name_features(tokenizer, max_length):
                encoded.features.append(feature)
                encoded.owner.append(LABEL)
                encoded.notes.append([])
        return encoded

    def name_features(self, tokenizer: PreTrainedTokenizerBase, max_length: int) -> list[dict[str, Any]]:
        """The names of the labels as model inputs.

        Raises:
            DataError: the encoder reads two names as the same.
        """
        names = [clean(label.replace("_", " ")) for label in self.labels]
        batch = tokenizer(names, truncation=True, max_length=max_length)
        keys = [key for key in batch if key in tokenizer.model_input_names]
        first: dict[tuple[int, ...], str] = {}
        for label, ids in zip(self.labels, batch["input_ids"], strict=True):
            if (same := first.setdefault(tuple(ids), label)) != label:
                what = f"The encoder reads the labels '{same}' and '{label}' as the same name"
                raise DataError(what, fix="Spell one of them differently, in letters that it knows")
        return [{key: batch[key][i] for key in keys} for i in range(len(names))]

    def _spans(self, tags: Sequence[str], pairs: Sequence[tuple[int, int]], pieces: int) -> dict[str, np.ndarray]:
        """``ends`` and ``labels`` of all spans (T x W), as :func:`isogloss.nets.label_scoring.span_loss` reads them."""
        ends_TW, labels_TW = (np.zeros((pieces, self.widest), dtype=np.int32) for _ in range(2))
        place = {unit: at for at, (unit, _) in enumerate(pairs)}
        piece_U = np.array([piece for _, piece in pairs], dtype=np.int32)
        for width in range(min(self.widest, len(pairs))):
            ends_TW[piece_U[: len(pairs) - width], width] = piece_U[width:] + 1
        for start, end, label in spans_of(tags):
            first, last = place.get(start), place.get(end - 1)
            if first is not None and last is not None and last - first < self.widest:
                labels_TW[piece_U[first], last - first] = 1 + self.labels.index(label)
        return {"ends": ends_TW, "labels": labels_TW}

    def decode(self, logits: Sequence[np.ndarray], encoded: Encoded, examples: Sequence[Example]) -> list[Prediction]:
        """The likeliest spans above the threshold that do not overlap.

        The score is the mean probability of the spans, where there are none that of the likeliest span not to be one.
        """
        names = [row_TC for row_TC, owner in zip(logits, encoded.owner, strict=True) if owner == LABEL]
        labels_CP = np.stack([row_TC[:, 2 * self.size :].mean(axis=0) for row_TC in names]) if names else np.zeros(0)
        found: list[list[Found]] = [[] for _ in examples]
        highest = [0.0] * len(examples)
        for window_TC, owner, pairs in zip(logits, encoded.owner, encoded.notes, strict=True):
            if owner == LABEL or not pairs:
                continue
            likely, top = self._likely(window_TC, pairs, labels_CP)
            found[owner] += likely
            highest[owner] = max(highest[owner], top)
        return [self._apart(*each) for each in zip(examples, found, highest, strict=True)]

    def _likely(
        self, window_TC: np.ndarray, pairs: Sequence[tuple[int, int]], labels_CP: np.ndarray
    ) -> tuple[list[Found], float]:
        """The spans of a window above the threshold, and the highest probability of any."""
        import torch

        from isogloss.nets.label_scoring import span_scores, width_codes

        at_UC = torch.from_numpy(window_TC[[piece for _, piece in pairs]])
        starts_UP, ends_UP, _ = at_UC.chunk(3, dim=-1)
        found: list[Found] = []
        top = 0.0
        for width, code_P in enumerate(width_codes(min(self.widest, len(pairs)), self.size)):
            here = len(pairs) - width
            scores = span_scores(starts_UP[:here], ends_UP[width:], code_P[None], torch.from_numpy(labels_CP))
            best_U, label_U = scores.sigmoid().max(dim=1)
            top = max(top, float(best_U.max()))
            found += [
                (float(best_U[i]), pairs[i][0], pairs[i + width][0], self.labels[int(label_U[i])])
                for i in (best_U > self.threshold).nonzero()[:, 0].tolist()
            ]
        return found, top

    def _apart(self, example: Example, found: list[Found], highest: float) -> Prediction:
        spots = example.fields["units"]
        kept = sorted(_without_overlap(found), key=lambda span: span[1])
        value = [[spots[first][0], spots[last][1], label] for _, first, last, label in kept]
        return Prediction(value=value, score=float(np.mean([p for p, *_ in kept])) if kept else 1 - highest)

    def config(self) -> dict[str, Any]:
        return super().config() | {
            "form": self.form, "widest": self.widest, "size": self.size, "threshold": self.threshold,
        }  # fmt: skip


def _without_overlap(found: list[Found]) -> Iterator[Found]:
    """The likeliest first, of equals the one that begins first, the longer one, the label that comes first."""
    taken: set[int] = set()
    for span in sorted(found, key=lambda span: (-span[0], span[1], -span[2], span[3])):
        _, first, last, _ = span
        if taken.isdisjoint(words := range(first, last + 1)):
            taken.update(words)
            yield span
