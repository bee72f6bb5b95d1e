"""Extractive question answering: the stretch of a text that answers a question, or that there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from isogloss.metrics import answer_scores
from isogloss.tasks.base import Encoded, Marked, Prediction, Task, clean, require_text
from isogloss.tasks.classification import softmax
from isogloss.tasks.pairs import paired_windows
from isogloss.tasks.pieces import Offsets, piece_offsets

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from isogloss.example import Example

# T pieces, K best starts and ends

ANSWER, NONE = "answer", "none"
"""What a question may have; the second is among a task's labels where training data have unanswerable questions."""

BEST = 20
"""Starts and ends of a window that are put together."""

LONGEST = 30
"""Pieces of the longest answer that is given."""

Answer = tuple[str, int]


@dataclass(frozen=True, kw_only=True)
class QuestionAnswering(Task):
    """Fields: ``context``, ``question`` and ``answers``, (text, start) each; none where there is no answer.

    A prediction is ``{"text", "start", "end"}`` with offsets in characters of the context; without an answer the text
    is empty and both offsets are None. Only a system whose training data had unanswerable questions gives none, where
    the first piece scores higher than the best answer.

    A context longer than the encoder is read in overlapping windows. Labels are the places of the first and last piece
    of the first gold answer in the windows that hold it whole, and of the first piece (CLS) in all others.
    """

    name: ClassVar[str] = "qa"
    auto_class: ClassVar[str] = "AutoModelForQuestionAnswering"
    inputs: ClassVar[tuple[str, ...]] = ("question", "context")
    metric: str = "f1"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("f1", "exact_match")

    @classmethod
    def parse(cls, raw: Mapping[str, Any], *, labelled: bool = True) -> dict[str, Any]:
        fields: dict[str, Any] = {"context": require_text(raw, "context"), "question": require_text(raw, "question")}
        if labelled:
            if not raw.get("is_impossible") and "answers" not in raw:
                raise ValueError(f"column 'answers' is missing (there are: {', '.join(raw)})")
            try:
                fields["answers"] = () if raw.get("is_impossible") else _answers(raw["answers"], fields["context"])
            except ValueError as error:
                name = f"question '{raw['id']}': " if raw.get("id") is not None else ""
                raise ValueError(f"{name}{error}") from None
        return fields

    @classmethod
    def labels_in(cls, fields: Mapping[str, Any]) -> set[str]:
        return {ANSWER if fields["answers"] else NONE} if "answers" in fields else set()

    @classmethod
    def from_data(cls, examples: Sequence[Example], labels: Sequence[str] | None = None) -> Task:
        if labels and not {ANSWER} <= set(labels) <= {ANSWER, NONE}:
            raise ValueError(f"the labels of qa are '{ANSWER}' and, if there are unanswerable questions, '{NONE}'")
        found = labels or {ANSWER}.union(*(cls.labels_in(example.fields) for example in examples))
        return cls(labels=tuple(sorted(found)))

    def texts(self, fields: Mapping[str, Any]) -> tuple[str, ...]:
        return fields["question"], fields["context"]

    def unlabelled(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {"context": fields["context"], "question": fields["question"]}

    def row(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        answers = [{"text": text, "answer_start": start} for text, start in fields["answers"]]
        return {"context": fields["context"], "question": fields["question"], "answers": answers}

    def marked(self, fields: Mapping[str, Any]) -> dict[str, Marked]:
        """Every gold answer is a span of the context; of those that overlap the first one given."""
        spans: list[tuple[int, int, str]] = []
        for text, start in fields.get("answers", ()):
            end = start + len(text)
            if all(end <= s or e <= start for s, e, _ in spans):
                spans.append((start, end, ANSWER))
        return {
            "question": Marked(text=fields["question"]),
            "context": Marked(text=fields["context"], spans=tuple(sorted(spans))),
        }

    def remade(self, fields: Mapping[str, Any], marked: Mapping[str, Marked]) -> dict[str, Any]:
        context, spans = marked["context"].text, marked["context"].spans
        made: dict[str, Any] = {"context": context, "question": marked["question"].text}
        if "answers" not in fields:
            return made
        if fields["answers"] and not spans:
            raise ValueError("the answer is not in the context")  # without it the question would count as unanswerable
        return made | {"answers": tuple((context[start:end], start) for start, end, _ in spans)}

    def answer_marked(self, fields: Mapping[str, Any], value: Any) -> dict[str, Marked]:
        spans = () if value["start"] is None else ((value["start"], value["end"], ANSWER),)
        return {
            "question": Marked(text=fields["question"]),
            "context": Marked(text=fields["context"], spans=spans),
        }

    def answer_from(self, fields: Mapping[str, Any], value: Any, marked: Mapping[str, Marked]) -> Any:
        return _value(fields["context"], next((span[:2] for span in marked["context"].spans), None))

    @property
    def outputs(self) -> tuple[str, ...]:
        return ("start", "end")

    def encode(
        self, examples: Sequence[Example], tokenizer: PreTrainedTokenizerBase, *, max_length: int, labelled: bool
    ) -> Encoded:
        """``notes`` hold where each piece of a window lies in the context."""
        encoded = Encoded(features=[], owner=[])
        if not examples:
            return encoded
        contexts = [clean(example.fields["context"]) for example in examples]
        questions = [clean(example.fields["question"]) for example in examples]
        batch, encoded.truncated = paired_windows(
            tokenizer, contexts, questions, max_length=max_length, short_first=True
        )
        encodings = batch.encodings or []
        keys = [key for key in batch if key in tokenizer.model_input_names]
        for row, owner in enumerate(batch["overflow_to_sample_mapping"]):
            offsets = piece_offsets(encodings[row], contexts[owner], sequence=1)
            feature: dict[str, Any] = {key: batch[key][row] for key in keys}
            if labelled:
                feature["labels"] = _places(examples[owner].fields["answers"], offsets)
            encoded.features.append(feature)
            encoded.owner.append(owner)
            encoded.notes.append(offsets)
        return encoded

    @property
    def loss(self) -> Callable[[PreTrainedModel, Mapping[str, torch.Tensor]], torch.Tensor]:
        from isogloss.nets.pointing import pointing_loss

        return pointing_loss

    def decode(self, logits: Sequence[np.ndarray], encoded: Encoded, examples: Sequence[Example]) -> list[Prediction]:
        """The score is the best answer's part of all candidates, windows and no answer included."""
        found: list[dict[Offsets | None, float]] = [{} for _ in examples]
        silence = [np.inf] * len(examples)
        for owner, offsets, logits_T2 in zip(encoded.owner, encoded.notes, logits, strict=True):
            for span, score in _candidates(logits_T2, offsets).items():
                found[owner][span] = max(score, found[owner].get(span, -np.inf))
            # A window without the answer is sure that there is none: the least sure one decides.
            silence[owner] = min(silence[owner], float(logits_T2[0].sum()))
        return [self._answer(*case) for case in zip(examples, found, silence, strict=True)]

    def _answer(self, example: Example, found: dict[Offsets | None, float], silence: float) -> Prediction:
        if NONE in self.labels or not found:
            found = found | {None: silence}
        spans = list(found)
        probabilities = softmax(np.array([found[span] for span in spans]))
        best = int(probabilities.argmax())
        return Prediction(value=_value(example.fields["context"], spans[best]), score=float(probabilities[best]))

    def scores(
        self, examples: Sequence[Example], predictions: Sequence[Any], weights_RN: np.ndarray
    ) -> dict[str, np.ndarray]:
        gold = [[text for text, _ in example.fields["answers"]] for example in examples]
        langs = [example.lang for example in examples]
        return dict(answer_scores(gold, [value["text"] for value in predictions], langs, weights_RN))


def _value(context: str, span: Offsets | None) -> dict[str, Any]:
    if span is None:
        return {"text": "", "start": None, "end": None}
    start, end = span
    return {"text": context[start:end], "start": start, "end": end}


def _places(answers: Sequence[Answer], offsets: Sequence[Offsets | None]) -> list[int]:
    """The first and the last piece of the first answer, [0, 0] where the window does not hold it whole."""
    spots = [(place, spot) for place, spot in enumerate(offsets) if spot is not None]
    if not answers or not spots:
        return [0, 0]
    start, end = answers[0][1], answers[0][1] + len(answers[0][0].rstrip())
    start += len(answers[0][0]) - len(answers[0][0].lstrip())
    if start < spots[0][1][0] or spots[-1][1][1] < end:
        return [0, 0]
    inside = [place for place, spot in spots if spot[0] < end and start < spot[1]]
    return [inside[0], inside[-1]] if inside else [0, 0]


def _candidates(logits_T2: np.ndarray, offsets: Sequence[Offsets | None]) -> dict[Offsets | None, float]:
    """Answers of a window with their scores: the best starts with the best ends, and the best single piece."""
    places = np.array([place for place, spot in enumerate(offsets) if spot is not None], dtype=np.intp)
    if not places.size:
        return {}
    logits_T2 = logits_T2.astype(np.float64)
    starts_K, ends_K = (places[np.argsort(-logits_T2[places, side], kind="stable")[:BEST]] for side in (0, 1))
    length_KK = ends_K[None, :] - starts_K[:, None]
    pairs = [(int(starts_K[a]), int(ends_K[b])) for a, b in np.argwhere((length_KK >= 0) & (length_KK < LONGEST))]
    single = int(places[logits_T2[places].sum(1).argmax()])
    found: dict[Offsets | None, float] = {}
    for first, last in [*pairs, (single, single)]:
        begin, end = offsets[first], offsets[last]
        if begin is not None and end is not None:
            score = float(logits_T2[first, 0] + logits_T2[last, 1])
            span = (begin[0], end[1])
            found[span] = max(score, found.get(span, -np.inf))
    return found


def _answers(value: Any, context: str) -> tuple[Answer, ...]:
    """Gold answers with their places, each once; ValueError where one is not in the context."""
    if isinstance(value, Mapping):  # columns instead of rows, as the hub's copies of SQuAD have them
        texts, starts = value.get("text"), value.get("answer_start")
        if not isinstance(texts, Sequence) or not isinstance(starts, Sequence) or len(texts) != len(starts):
            raise ValueError("column 'answers' has not as many 'answer_start' as 'text'")
        value = list(zip(texts, starts, strict=True))
    elif isinstance(value, str):
        value = [value]
    if not isinstance(value, Sequence):
        raise ValueError("column 'answers' is not a list")
    return tuple(dict.fromkeys(_one_answer(answer, context) for answer in value))


def _one_answer(answer: Any, context: str) -> Answer:
    match answer:
        case str(text):
            start = None
        case {"text": str(text), "answer_start": int(start)} | {"text": str(text), "start": int(start)}:
            pass
        case {"text": str(text), **rest} if not {"answer_start", "start"} & rest.keys():
            start = None
        case [str(text), int(start)]:
            pass
        case _:
            raise ValueError(f"the answer {answer!r:.60} in column 'answers' is neither text nor text with 'start'")
    if not text.strip():
        raise ValueError("an answer in column 'answers' is empty; a question without an answer has an empty list")
    found = context.find(text)
    if found < 0:
        raise ValueError(f"the answer {text!r:.60} in column 'answers' does not occur in the context")
    if start is None:
        return text, found
    if start < 0 or context[start : start + len(text)] != text:
        nearest = min(_occurrences(text, context), key=lambda place: abs(place - start))
        raise ValueError(
            f"the answer {text!r:.60} in column 'answers' does not start at character {start} of the context, "
            f"but at {nearest}"
        )
    return text, start


def _occurrences(text: str, context: str) -> list[int]:
    found, at = [], context.find(text)
    while at >= 0:
        found.append(at)
        at = context.find(text, at + 1)
    return found
