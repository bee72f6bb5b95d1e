"""What a system gets wrong: confusions, span errors by kind, and a few examples spread over the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from isogloss.example import Example
from isogloss.metrics import Span, exact_match
from isogloss.tasks import Classification, EventArguments, Pair, QuestionAnswering, Tagging, Task
from isogloss.tasks.qa import ANSWER
from isogloss.tasks.tagging import gold_spans

# C labels

SHOWN = 8
"""Examples in a table."""

TEXT_LIMIT = 300
"""Characters of a text that are shown, ellipses included."""

FREQUENT = 12
"""Confusions that are listed by name."""

_CONTEXT, _WORD = 100, 20  # characters kept before an error; how far a cut moves to fall between two words
SPAN_KINDS = ("correct", "wrong_type", "wrong_border", "missed", "spurious")


def error_table(task: Task, examples: Sequence[Example], predictions: Sequence[Any]) -> dict[str, Any]:
    """What ``Report.errors`` holds for one language; predictions are ``Prediction.value`` in the order of ``examples``.

    Returns:
        For labels ``confusion`` and ``examples``; for spans and answers ``spans`` (counts by ``SPAN_KINDS``) and
        ``examples``; for one tag per word ``confusion`` and ``frequent``; for a regression nothing.
    """
    if isinstance(task, QuestionAnswering):
        return _span_errors(examples, predictions, _answer_sides)
    if isinstance(task, Tagging):
        if task.kind == "words":
            return _word_errors(task, examples, predictions)
        return _span_errors(examples, predictions, _event_sides if isinstance(task, EventArguments) else _sides)
    if isinstance(task, Classification) and not (isinstance(task, Pair) and task.regression):
        return _label_errors(task, examples, predictions)
    return {}


def frequent_confusions(confusion: dict[str, Any], most: int = FREQUENT) -> list[dict[str, Any]]:
    """The commonest wrong cells of a confusion matrix, the commonest first, ties in the order of the labels."""
    labels, counts = confusion["labels"], confusion["counts"]
    cells = [
        {"gold": labels[g], "predicted": labels[p], "count": n}
        for g, row in enumerate(counts)
        for p, n in enumerate(row)
        if n and g != p
    ]
    return sorted(cells, key=lambda cell: -cell["count"])[:most]


def classify_spans(gold: Sequence[Span], predicted: Sequence[Span]) -> Counter[str]:
    """Count errors by kind: each gold span once, and each predicted span that touches no gold one as spurious."""
    exact, borders = set(predicted), {span[:2] for span in predicted}
    counts: Counter[str] = Counter()
    for span in gold:
        if span in exact:
            counts["correct"] += 1
        elif span[:2] in borders:
            counts["wrong_type"] += 1
        else:
            counts["wrong_border" if any(_overlap(span, other) for other in predicted) else "missed"] += 1
    counts["spurious"] = sum(not any(_overlap(span, other) for other in gold) for span in predicted)
    return counts


def _overlap(a: Span, b: Span) -> bool:
    return a[0] < b[1] and b[0] < a[1]


def _label_errors(task: Classification, examples: Sequence[Example], predictions: Sequence[Any]) -> dict[str, Any]:
    gold = [example.fields["label"] for example in examples]
    wrong = [i for i, (right, answer) in enumerate(zip(gold, predictions, strict=True)) if right != answer]
    texts = {i: [examples[i].fields[name] for name in task.inputs] for i in wrong}
    rows = []
    for i in _spread(wrong, [i for i in wrong if max(map(len, texts[i])) <= TEXT_LIMIT]):
        shown = {name: Excerpt.of(text).text for name, text in zip(("text", "text_b"), texts[i], strict=False)}
        rows.append({"id": examples[i].id, **shown, "gold": gold[i], "predicted": predictions[i]})
    return {"confusion": _confusion(task.labels, zip(gold, predictions, strict=True)), "examples": rows}


def _word_errors(task: Tagging, examples: Sequence[Example], predictions: Sequence[Any]) -> dict[str, Any]:
    pairs = [
        (right, answer)
        for example, prediction in zip(examples, predictions, strict=True)
        for right, (*_, answer) in zip(example.fields["tags"], prediction, strict=True)
    ]
    confusion = _confusion(task.labels, pairs)
    return {"confusion": confusion, "frequent": frequent_confusions(confusion)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Sides:
    """The gold and the predicted spans of a text, and what else was given with it."""

    text: str
    gold: list[Span]
    predicted: list[Span]
    beside: str | None = None


def _sides(example: Example, prediction: Any) -> Sides:
    gold, predicted = sorted(gold_spans(example.fields)), sorted((s, e, kind) for s, e, kind in prediction)
    return Sides(text=example.fields["text"], gold=gold, predicted=predicted)


def _event_sides(example: Example, prediction: Any) -> Sides:
    start, end, kind = example.fields["trigger"]
    return replace(_sides(example, prediction), beside=f"{kind}: {example.fields['text'][start:end]}")


def _answer_sides(example: Example, prediction: Any) -> Sides:
    """The gold answer is the one that touches the prediction, else the first; the same words elsewhere are right."""
    fields = example.fields
    predicted = [] if prediction["start"] is None else [(prediction["start"], prediction["end"], ANSWER)]
    gold = [(start, start + len(text), ANSWER) for text, start in fields["answers"]]
    texts = [text for text, _ in fields["answers"]]
    if gold and exact_match(texts, prediction["text"], example.lang):
        gold = predicted
    touched = [span for span in gold if predicted and _overlap(span, predicted[0])]
    return Sides(text=fields["context"], gold=(touched or gold)[:1], predicted=predicted, beside=fields["question"])


def _span_errors(
    examples: Sequence[Example], predictions: Sequence[Any], sides_of: Callable[[Example, Any], Sides]
) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    wrong: dict[int, Sides] = {}
    for i, (example, prediction) in enumerate(zip(examples, predictions, strict=True)):
        sides = sides_of(example, prediction)
        counts += classify_spans(sides.gold, sides.predicted)
        if sides.gold != sides.predicted:
            wrong[i] = sides
    short = [i for i, sides in wrong.items() if len(sides.text) <= TEXT_LIMIT]
    rows = []
    for i in _spread(list(wrong), short):
        sides = wrong[i]
        cut = Excerpt.of(sides.text, focus=min(set(sides.gold) ^ set(sides.predicted) or sides.gold)[0])
        beside = {} if sides.beside is None else {"text_b": Excerpt.of(sides.beside).text}
        spans = {"gold": cut.spans(sides.gold), "predicted": cut.spans(sides.predicted)}
        rows.append({"id": examples[i].id, "text": cut.text, **beside, **spans})
    return {"spans": {kind: counts[kind] for kind in SPAN_KINDS}, "examples": rows}


def _confusion(labels: Sequence[str], pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Counts C x C, gold by predicted; labels outside the label set come last."""
    counts = Counter(pairs)
    names = [*labels, *sorted({label for pair in counts for label in pair} - set(labels))]
    return {"labels": names, "counts": [[counts[g, p] for p in names] for g in names]}


def _spread(wrong: Sequence[int], short: Sequence[int]) -> list[int]:
    """Up to ``SHOWN`` items, evenly over the file; those with long texts only where the short ones do not suffice."""
    if len(short) < SHOWN:
        long = sorted(set(wrong) - set(short))
        return sorted([*short, *_evenly(long, SHOWN - len(short))])
    return _evenly(short, SHOWN)


def _evenly(items: Sequence[int], count: int) -> list[int]:
    if len(items) <= count:
        return list(items)
    return [items[(2 * k + 1) * len(items) // (2 * count)] for k in range(count)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Excerpt:
    """Part of a text, at most ``TEXT_LIMIT`` characters; ``start`` and ``end`` are where it was in the whole one."""

    text: str
    start: int
    end: int

    @classmethod
    def of(cls, text: str, focus: int = 0) -> Excerpt:
        """Cut around the character ``focus``, between words where there is a space nearby."""
        room = TEXT_LIMIT - 2
        if len(text) <= TEXT_LIMIT:
            return cls(text=text, start=0, end=len(text))
        start = max(0, min(focus - _CONTEXT, len(text) - room))
        end = start + room
        if start and (space := text.find(" ", start, min(start + _WORD, focus))) >= 0:
            start = space + 1
        if end < len(text) and (space := text.rfind(" ", end - _WORD, end)) > focus:
            end = space
        before, after = "…" if start else "", "…" if end < len(text) else ""
        return cls(text=before + text[start:end] + after, start=start, end=end)

    def spans(self, spans: Iterable[Span]) -> list[list[Any]]:
        """Spans of the whole text as spans of the excerpt: those outside are left out, those across a cut are cut."""
        shift = self.start - bool(self.start)  # the ellipsis is one character of the excerpt
        return [
            [max(s, self.start) - shift, min(e, self.end) - shift, kind]
            for s, e, kind in spans
            if s < self.end and e > self.start
        ]
