"""Tagging: named entities (spans) or parts of speech (one tag per word), on running text with character offsets.

The text is encoded as a whole, never word by word: encoding pre-split words puts a word boundary before each of them,
which the encoder has never seen in scripts written without spaces. Words ("units", [start, end) in characters) meet
the encoder's pieces by offsets afterwards. A piece that is nothing but a word boundary is never labelled or read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from isogloss.errors import RecipeError
from isogloss.languages.scripts import join_tokens, units
from isogloss.metrics import repair, span_scores, spans_of, token_accuracy
from isogloss.readers import to_iob2
from isogloss.tasks.base import Encoded, Marked, Prediction, Task, clean, require_text
from isogloss.tasks.classification import softmax
from isogloss.tasks.pieces import STRIDE, align, owners, piece_offsets

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import BatchEncoding, PreTrainedTokenizerBase

    from isogloss.example import Example

Unit = tuple[int, int]
IGNORED = -100
"""The label of pieces that carry no loss, as in torch.nn.functional.cross_entropy."""


@dataclass(frozen=True, kw_only=True)
class Tagging(Task):
    """Fields: ``text``, ``units``, and ``tags`` (one per unit; IOB2 where the kind is spans).

    Attributes:
        kind: ``spans`` (labels are entity types, a prediction is a list of [start, end, type]) or ``words`` (labels are
            tags such as UPOS, a prediction is a list of [start, end, tag] for every unit). Offsets are characters.
    """

    name: ClassVar[str] = "tagging"
    auto_class: ClassVar[str] = "AutoModelForTokenClassification"
    kind: Literal["spans", "words"] = "spans"
    metric: str = "span_f1"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("span_f1", "precision", "recall") if self.kind == "spans" else ("accuracy",)

    @classmethod
    def parse(cls, raw: Mapping[str, Any], *, labelled: bool = True) -> dict[str, Any]:
        if "tokens" in raw:
            return _parse_tokens(raw, labelled)
        text = require_text(raw, "text")
        fields: dict[str, Any] = {"text": text, "units": tuple(units(text))}
        if labelled:
            if "spans" not in raw:
                raise ValueError(f"neither 'tokens' and 'tags' nor 'text' and 'spans' (there are: {', '.join(raw)})")
            fields["gold"] = parse_spans(raw["spans"], text)
            fields["tags"] = _tags_from_spans(fields["gold"], fields["units"])
        return fields

    @classmethod
    def harmonise(cls, parsed: list[dict[str, Any]], where: Path | str, lines: Sequence[int]) -> list[dict[str, Any]]:
        """Tags in IOB2, whatever scheme the file has; parts of speech as they are."""
        tags = [fields["tags"] for fields in parsed]
        places = [[line] * len(row) for line, row in zip(lines, tags, strict=True)]
        return [fields | {"tags": tuple(row)} for fields, row in zip(parsed, to_iob2(tags, where, places), strict=True)]

    @classmethod
    def labels_in(cls, fields: Mapping[str, Any]) -> set[str]:
        if "gold" in fields:
            return {kind for _, _, kind in fields["gold"]}
        tags = fields.get("tags", ())
        return {tag[2:] for tag in tags if tag != "O"} if _is_chunked(tags) else set(tags)

    @classmethod
    def from_data(cls, examples: Sequence[Example], labels: Sequence[str] | None = None) -> Task:
        spans = all(_is_chunked(example.fields["tags"]) for example in examples)
        if not spans and (odd := _odd_tag(examples)):
            raise ValueError(odd)
        found = set().union(*(cls.labels_in(example.fields) for example in examples)) - ({"O"} if spans else set())
        ordered = tuple(labels or sorted(found))
        return cls(labels=ordered, kind="spans") if spans else cls(labels=ordered, kind="words", metric="accuracy")

    def texts(self, fields: Mapping[str, Any]) -> tuple[str, ...]:
        return (fields["text"],)

    def unlabelled(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {"text": fields["text"], "units": fields["units"]}

    def row(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        if self.kind == "words":
            words = [fields["text"][start:end] for start, end in fields["units"]]
            return {
                "tokens": words,
                "tags": list(fields["tags"]),
                "text": fields["text"],
                "offsets": [*fields["units"]],
            }
        return {"text": fields["text"], "spans": [list(span) for span in gold_spans(fields)]}

    def marked(self, fields: Mapping[str, Any]) -> dict[str, Marked]:
        if self.kind == "words":
            raise RecipeError("Tags of single words cannot be carried through a translation", fix="Use another recipe")
        spans = tuple(gold_spans(fields)) if "tags" in fields else ()
        return {"text": Marked(text=fields["text"], spans=spans, units=tuple(fields["units"]))}

    def remade(self, fields: Mapping[str, Any], marked: Mapping[str, Marked]) -> dict[str, Any]:
        text, spans = marked["text"].text, marked["text"].spans
        made: dict[str, Any] = {"text": text, "units": fields["units"] if text == fields["text"] else (*units(text),)}
        return made | {"gold": spans, "tags": _tags_from_spans(spans, made["units"])} if "tags" in fields else made

    def answer_marked(self, fields: Mapping[str, Any], value: Any) -> dict[str, Marked]:
        return {"text": Marked(text=fields["text"], spans=tuple((start, end, kind) for start, end, kind in value))}

    def answer_from(self, fields: Mapping[str, Any], value: Any, marked: Mapping[str, Marked]) -> Any:
        return [list(span) for span in marked["text"].spans]

    @property
    def outputs(self) -> tuple[str, ...]:
        if self.kind == "words":
            return self.labels
        return ("O", *(f"{prefix}-{label}" for label in self.labels for prefix in "BI"))

    def encode(
        self, examples: Sequence[Example], tokenizer: PreTrainedTokenizerBase, *, max_length: int, labelled: bool
    ) -> Encoded:
        """Longer texts become overlapping windows; ``notes`` hold each window's (unit, piece) pairs."""
        encoded = Encoded(features=[], owner=[])
        if not examples:
            return encoded
        batch, encoded.truncated = self.windows(examples, tokenizer, max_length)
        encodings = batch.encodings or []
        keys = [key for key in batch if key in tokenizer.model_input_names]
        starts: dict[tuple[int, int], int] = {}  # by example and unit, of the first window that has the unit
        for row, owner in enumerate(batch["overflow_to_sample_mapping"]):
            fields = examples[owner].fields
            offsets = piece_offsets(encodings[row], fields["text"])
            # A window may begin inside a word: what is seen of it there is neither its beginning nor an answer.
            begins = [0 if spot is None else spot[0] for spot in offsets]
            pairs = [
                (unit, piece)
                for unit, piece in align(fields["units"], offsets)
                if begins[piece] <= starts.setdefault((owner, unit), begins[piece])
            ]
            feature: dict[str, Any] = {key: batch[key][row] for key in keys}
            if labelled:
                feature["labels"] = self._piece_labels(fields["tags"], pairs, owners(fields["units"], offsets))
            encoded.features.append(feature)
            encoded.owner.append(owner)
            encoded.notes.append(pairs)
        return encoded

    def windows(
        self, examples: Sequence[Example], tokenizer: PreTrainedTokenizerBase, max_length: int
    ) -> tuple[BatchEncoding, int]:
        """The texts as overlapping windows, and how many examples lost something; a text is the first sequence."""
        texts = [clean(example.fields["text"]) for example in examples]
        stride = min(STRIDE, max_length // 4)
        batch = tokenizer(
            texts,
            truncation=True,
            max_length=max_length,
            stride=stride,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        return batch, 0

    def _piece_labels(
        self, tags: Sequence[str], pairs: Sequence[tuple[int, int]], owners: Sequence[int | None]
    ) -> list[int]:
        """The tag of a unit on each of its pieces: in full on the first, as a continuation on the others.

        Where a script has no spaces, text at prediction time has no words to take the first piece of, so the pieces
        inside a word must have learnt what they are.
        """
        index = {name: i for i, name in enumerate(self.outputs)}
        first = dict(pairs)
        labels_T = []
        for piece, unit in enumerate(owners):
            if unit is None:
                labels_T.append(IGNORED)
                continue
            tag = tags[unit]
            if self.kind == "spans" and tag != "O" and first.get(unit) != piece:
                tag = "I-" + tag[2:]
            labels_T.append(index[tag])
        return labels_T

    def decode(self, logits: Sequence[np.ndarray], encoded: Encoded, examples: Sequence[Example]) -> list[Prediction]:
        choices: list[dict[int, tuple[int, int, int]]] = [{} for _ in examples]
        for window, (owner, pairs) in enumerate(zip(encoded.owner, encoded.notes, strict=True)):
            length = len(encoded.features[window]["input_ids"])
            for unit, piece in pairs:
                margin = min(piece, length - 1 - piece)  # a unit in two windows is read where it has more context
                if unit not in choices[owner] or margin > choices[owner][unit][0]:
                    choices[owner][unit] = (margin, window, piece)
        probabilities = [softmax(window_TC) for window_TC in logits]
        return [self._answer(example, chosen, probabilities) for example, chosen in zip(examples, choices, strict=True)]

    def _answer(
        self, example: Example, chosen: Mapping[int, tuple[int, int, int]], probabilities: Sequence[np.ndarray]
    ) -> Prediction:
        spots: Sequence[Unit] = example.fields["units"]
        silent = "O" if self.kind == "spans" else self.labels[0]  # a unit without any piece: invisible characters
        tags, certainty = [], []
        previous: tuple[int, int] | None = None
        for unit in range(len(spots)):
            if unit not in chosen:
                tags.append(silent)
                continue
            _, window, piece = chosen[unit]
            row_C = probabilities[window][piece]
            tag = self.outputs[int(row_C.argmax())]
            if self.kind == "spans" and (window, piece) == previous and tag.startswith("B-"):
                tag = "I-" + tag[2:]  # two units in one piece are one mention, not two
            tags.append(tag)
            certainty.append(float(row_C.max()))
            previous = (window, piece)
        score = float(np.mean(certainty)) if certainty else 1.0
        if self.kind == "words":
            return Prediction(value=[[*spot, tag] for spot, tag in zip(spots, tags, strict=True)], score=score)
        spans = [[spots[a][0], spots[b - 1][1], label] for a, b, label in spans_of(repair(tags))]
        return Prediction(value=spans, score=score)

    def scores(
        self, examples: Sequence[Example], predictions: Sequence[Any], weights_RN: np.ndarray
    ) -> dict[str, np.ndarray]:
        if self.kind == "words":
            gold = [example.fields["tags"] for example in examples]
            return {"accuracy": token_accuracy(gold, [[tag for *_, tag in p] for p in predictions], weights_RN)}
        return span_scores(
            [gold_spans(example.fields) for example in examples],
            [[tuple(s) for s in p] for p in predictions],
            weights_RN,
        )

    def config(self) -> dict[str, Any]:
        return super().config() | {"kind": self.kind}


def gold_spans(fields: Mapping[str, Any]) -> list[tuple[int, int, str]]:
    """The gold entities of an example as [start, end) character spans."""
    if "gold" in fields:
        return list(fields["gold"])
    spots = fields["units"]
    return [(spots[a][0], spots[b - 1][1], label) for a, b, label in spans_of(fields["tags"])]


def _is_chunked(tags: Sequence[str]) -> bool:
    return all(tag == "O" or tag[:2] in ("B-", "I-") for tag in tags)


def _odd_tag(examples: Sequence[Example]) -> str | None:
    """What is wrong if entity tags and others are mixed: almost always a slip, never a tag set of its own."""
    used = {tag: example for example in examples for tag in example.fields["tags"] if tag != "O"}
    odd = next((tag for tag in used if tag[:2] not in ("B-", "I-")), None)
    if odd is None or not any(tag.startswith("B-") for tag in used):
        return None
    place = used[odd].place or used[odd].id
    return f"the tag '{odd}' (in {place}) is neither O nor B- or I- with a type, as other tags are"


def _parse_tokens(raw: Mapping[str, Any], labelled: bool) -> dict[str, Any]:
    tokens = raw["tokens"]
    if not isinstance(tokens, Sequence) or isinstance(tokens, str) or not all(isinstance(t, str) and t for t in tokens):
        raise ValueError("column 'tokens' is not a list of non-empty strings")
    if "text" in raw and "offsets" in raw:
        text = require_text(raw, "text")
        spots = _parse_offsets(raw["offsets"], tokens, text)
    else:
        text, spots = join_tokens(tokens)
    fields: dict[str, Any] = {"text": text, "units": tuple(spots)}
    if labelled:
        tags = raw.get("tags")
        if not isinstance(tags, Sequence) or isinstance(tags, str) or not all(isinstance(t, str) for t in tags):
            raise ValueError("column 'tags' is not a list of strings")
        if len(tags) != len(tokens):
            raise ValueError(f"there are {len(tokens)} tokens but {len(tags)} tags")
        fields["tags"] = tuple(tags)
    return fields


def _parse_offsets(value: Any, tokens: Sequence[str], text: str) -> list[Unit]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError("column 'offsets' is not a list of [start, end]")
    if len(value) != len(tokens):
        raise ValueError(f"there are {len(tokens)} tokens but {len(value)} offsets")
    spots: list[Unit] = []
    for token, spot in zip(tokens, value, strict=True):
        match spot:
            case [int(start), int(end)] if 0 <= start < end <= len(text):
                if text[start:end] != token:
                    raise ValueError(f"the token {token!r:.40} has the offsets of {text[start:end]!r:.40}")
                if spots and (start, end) != spots[-1] and start < spots[-1][1]:
                    raise ValueError(f"the offsets {[start, end]} overlap or precede those before, {list(spots[-1])}")
                spots.append((start, end))
            case _:
                what = f"offset {spot!r:.60} is not [start, end] inside the text of {len(text)} characters"
                raise ValueError(what)
    return spots


def parse_spans(value: Any, text: str, column: str = "spans") -> tuple[tuple[int, int, str], ...]:
    """Spans [start, end, type] of a text (or objects of that) in order; ValueError says what is wrong in ``column``."""
    spans: list[tuple[int, int, str]] = []
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError(f"column '{column}' is not a list of [start, end, type]")
    for span in value:
        match span:
            case (
                [int(start), int(end), str(label)]
                | {"start": int(start), "end": int(end), "type": str(label)}
                | {"start": int(start), "end": int(end), "role": str(label)}
            ) if 0 <= start < end <= len(text) and label:  # as objects: tables cannot mix types in a list
                spans.append((start, end, label))
            case _:
                raise ValueError(
                    f"span {span!r:.60} is not [start, end, type] inside the text of {len(text)} characters"
                )
    spans.sort()
    for (_, end, _), (start, *_) in pairwise(spans):
        if start < end:
            raise ValueError(f"spans overlap at character {start}; nested entities are not supported")
    return tuple(spans)


def _tags_from_spans(spans: Sequence[tuple[int, int, str]], spots: Sequence[Unit]) -> tuple[str, ...]:
    """IOB2 tags of the units: a unit belongs to the span that covers its first character (for training only)."""
    tags: list[tuple[Any, str]] = []
    for start, _ in spots:
        inside = next((span for span in spans if span[0] <= start < span[1]), None)
        first = inside is not None and not (tags and tags[-1][0] == inside)
        tags.append((inside, "O" if inside is None else ("B-" if first else "I-") + inside[2]))
    return tuple(tag for _, tag in tags)
