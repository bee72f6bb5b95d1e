"""The bridge of translation: examples into another language with their labels, answers back onto the original words.

A text is cut into sentences, each is translated by itself, and spans are carried sentence by sentence. With a
translator that changes nothing everything comes out as it went in; with a cipher labels make the round trip exactly.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from isogloss.bridges.base import Outcome, Parallel, Projection, Projector, Span, Translator
from isogloss.bridges.sentences import sentences
from isogloss.errors import ResourceError
from isogloss.example import Example
from isogloss.tasks import Marked, Prediction, Task

log = logging.getLogger("isogloss")

UNSURE = 0.5
"""Up to this reliability a span that was carried is counted as unsure."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seam:
    """A sentence and its translation: where each lies in its text."""

    original: Span
    view: Span


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """An example in another language.

    Attributes:
        original: the example as it was.
        example: its translation, with the spans that could be carried; None where it cannot be had.
        seams: by text field, its sentences in order.
        carried: by text field that has spans, what was to be carried and what came of it, over the whole text.
        reason: why there is no example, empty where there is one.
    """

    original: Example
    example: Example | None
    seams: Mapping[str, tuple[Seam, ...]] = field(default_factory=dict)
    carried: tuple[tuple[Parallel, Projection], ...] = ()
    reason: str = ""

    @property
    def outcomes(self) -> list[Outcome]:
        """What became of every span of the original, over all fields."""
        return [outcome for _, projection in self.carried for outcome in projection.outcomes]

    @property
    def complete(self) -> bool:
        """Whether there is a translation, and no span was lost on the way."""
        return self.example is not None and all(outcome.span is not None for outcome in self.outcomes)


@dataclass(frozen=True, kw_only=True)
class Bridge:
    """Carries examples of a task through a translator and their spans by a projector.

    Raises (every method):
        ResourceError: the translator does not serve the pair, broke down, or lacks what the projector needs.
    """

    translator: Translator
    projector: Projector

    def carry(self, examples: Sequence[Example], task: Task, to: str) -> list[View]:
        """The examples in the language ``to``, in order; all of them are in one language."""
        if not examples:
            return []
        (source,) = {example.lang for example in examples}
        if source != to and not self.translator.serves(source, to):
            self.check(source, to)
        texts = [task.marked(example.fields) for example in examples]
        cut = [
            {name: sentences(text.text, [span[:2] for span in text.spans]) for name, text in of.items()} for of in texts
        ]
        wanted = {text.text[a:b] for of, spots in zip(texts, cut, strict=True) for text, spans in _both(of, spots)
                  for a, b in spans}  # fmt: skip
        given = self._translated(sorted(wanted), source, to)
        pieces = [
            _Piece(example=number, field=name, text=of[name], span=span, translation=given[of[name].text[slice(*span)]])
            for number, (of, spots) in enumerate(zip(texts, cut, strict=True))
            for name in of
            for span in spots[name]
        ]
        carried = self._carried(pieces, source, to)
        by_example: list[list[tuple[_Piece, Projection]]] = [[] for _ in examples]
        for piece, projection in zip(pieces, carried, strict=True):
            by_example[piece.example].append((piece, projection))
        return [
            _joined(example, task, to, of, found)
            for example, of, found in zip(examples, texts, by_example, strict=True)
        ]

    def carry_back(self, answers: Sequence[Prediction], views: Sequence[View], task: Task) -> list[Prediction]:
        """The answers given for the views, as answers for their originals, in order.

        Spans that cannot be carried back are left out of an answer; its score falls with their reliability.
        """
        items: list[Parallel] = []
        spots: list[list[tuple[str, int, int]]] = []  # by answer: field, offset in the original, index of the item
        for answer, view in zip(answers, views, strict=True):
            assert view.example is not None  # noqa: S101  # those without one are not asked about
            marked = task.answer_marked(view.example.fields, answer.value)
            blank = task.marked(task.unlabelled(view.original.fields))
            spots.append([])
            for name, text in marked.items():
                for seam, spans in _by_seam(text, view.seams[name]):
                    spots[-1].append((name, seam.original[0], len(items)))
                    items.append(_back(blank[name], text, seam, spans))
        directions = {(view.example.lang, view.original.lang) for view in views if view.example is not None}
        projections = [self._projected(items, *direction) for direction in directions]  # one direction, or no view
        found = projections[0] if projections else []
        return [
            _answered(task, view, answer, [(name, at, found[item]) for name, at, item in of])
            for answer, view, of in zip(answers, views, spots, strict=True)
        ]

    def check(self, source: str, target: str) -> None:
        """Refuse a pair that is not served, before anything is done."""
        if source == target:
            return
        if not self.translator.serves(source, target):
            raise ResourceError(
                f"The translator '{self.translator.id}' does not translate from {source} to {target}",
                fix="Give another one with --translator, or leave the language out with --skip-unserved",
            )
        if not self.translator.can(self.projector.needs, source, target):
            raise ResourceError(
                f"The projector '{self.projector.name}' needs a translator that can "
                f"{' and '.join(sorted(self.projector.needs))}, and '{self.translator.used(source, target)}', which "
                f"translates from {source} to {target}, cannot",
                fix="Give another --translator, another --projector, or leave the language out with --skip-unserved",
            )

    def _translated(self, texts: Sequence[str], source: str, target: str) -> dict[str, str]:
        if source == target or not texts:
            return {text: text for text in texts}
        found = self.translator.translate(texts, source, target)
        return {text: translations[0].text for text, translations in zip(texts, found, strict=True)}

    def _carried(self, pieces: Sequence[_Piece], source: str, target: str) -> list[Projection]:
        items = [
            Parallel(
                source=piece.text.text[slice(*piece.span)],
                spans=tuple((a - piece.span[0], b - piece.span[0], label) for a, b, label in piece.spans),
                target=piece.translation,
                fixed=False,
            )
            for piece in pieces
        ]
        return self._projected(items, source, target)

    def _projected(self, items: Sequence[Parallel], source: str, target: str) -> list[Projection]:
        """Projections; what needs no projector (no spans, no translation, an unchanged text) does without."""
        settled = {number: trivial for number, item in enumerate(items) if (trivial := _trivial(item)) is not None}
        hard = [number for number in range(len(items)) if number not in settled]
        if hard:
            if self.projector.needs:
                self.check(source, target)
            found = self.projector([items[number] for number in hard], self.translator, source, target)
            settled |= dict(zip(hard, found, strict=True))
        return [settled[number] for number in range(len(items))]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Piece:
    """A sentence of one field of one example."""

    example: int
    field: str
    text: Marked
    span: Span
    translation: str

    @property
    def spans(self) -> list[tuple[int, int, str]]:
        return [span for span in self.text.spans if self.span[0] <= span[0] and span[1] <= self.span[1]]


def _both(texts: Mapping[str, Marked], cut: Mapping[str, list[Span]]) -> Iterable[tuple[Marked, list[Span]]]:
    return ((texts[name], cut[name]) for name in texts)


def _trivial(item: Parallel) -> Projection | None:
    if not item.target.strip():
        return Projection.of(item, [Outcome(span=None, score=0.0, reason="no_translation")] * len(item.spans))
    if item.target == item.source:
        return Projection.of(item, [Outcome(span=(a, b), score=1.0) for a, b, _ in item.spans])
    return Projection.of(item, []) if not item.spans else None


def _joined(
    example: Example, task: Task, to: str, texts: Mapping[str, Marked], found: Sequence[tuple[_Piece, Projection]]
) -> View:
    """One example from its sentences, with the white space that stood between them."""
    made: dict[str, Marked] = {}
    seams: dict[str, tuple[Seam, ...]] = {}
    carried: list[tuple[Parallel, Projection]] = []
    for name, text in texts.items():
        pieces = [(piece, projection) for piece, projection in found if piece.field == name]
        if any(not projection.target.strip() for _, projection in pieces):
            whole = Parallel(source=text.text, spans=text.spans, target="")
            lost = [Outcome(span=None, score=0.0, reason="no_translation")] * len(text.spans)
            return View(
                original=example, example=None, carried=((whole, Projection.of(whole, lost)),), reason="no_translation"
            )
        parts, outcomes, seen, at, end = [], [], [], 0, 0
        for piece, projection in pieces:
            gap = text.text[end : piece.span[0]]
            parts += [gap, projection.target]
            at, end = at + len(gap), piece.span[1]
            outcomes += [_moved(outcome, at) for outcome in projection.outcomes]
            seen.append(Seam(original=piece.span, view=(at, at + len(projection.target))))
            at += len(projection.target)
        whole = Parallel(source=text.text, spans=text.spans, target="".join([*parts, text.text[end:]]), fixed=False)
        projected = Projection.of(whole, outcomes)
        made[name], seams[name] = Marked(text=whole.target, spans=projected.spans), tuple(seen)
        if text.spans:
            carried.append((whole, projected))
    there = View(original=example, example=None, seams=seams, carried=tuple(carried))
    try:
        fields = task.remade(example.fields, made)
    except ValueError as error:  # a span that the example cannot do without is gone
        return replace(there, reason=str(error))
    trust = min((outcome.score for outcome in there.outcomes), default=1.0)
    origin: Literal["projected", "translated"] = "projected" if carried else "translated"
    return replace(there, example=replace(example, lang=to, fields=fields, origin=origin, score=trust, views={}))


def _moved(outcome: Outcome, by: int) -> Outcome:
    return outcome if outcome.span is None else replace(outcome, span=(outcome.span[0] + by, outcome.span[1] + by))


def _by_seam(text: Marked, seams: Sequence[Seam]) -> Iterable[tuple[Seam, list[tuple[int, int, str]]]]:
    """Spans of a view by the sentences they lie in; one that runs over a border joins the sentences it touches."""
    groups: list[tuple[list[Seam], list[tuple[int, int, str]]]] = []
    for span in text.spans:
        touched = [seam for seam in seams if seam.view[0] < span[1] and span[0] < seam.view[1]]
        if groups and touched and groups[-1][0][-1].view[1] > touched[0].view[0]:
            groups[-1][0].extend(seam for seam in touched if seam not in groups[-1][0])
            groups[-1][1].append(span)
        elif touched:
            groups.append((touched, [span]))
    for joined, spans in groups:
        whole = Seam(
            original=(joined[0].original[0], joined[-1].original[1]), view=(joined[0].view[0], joined[-1].view[1])
        )
        yield whole, spans


def _back(blank: Marked, text: Marked, seam: Seam, spans: Sequence[tuple[int, int, str]]) -> Parallel:
    start, end = seam.original
    lead = seam.view[0]
    words = None
    if blank.units is not None:
        words = tuple((a - start, b - start) for a, b in blank.units if start <= a and b <= end)
    return Parallel(
        source=text.text[lead : seam.view[1]],
        spans=tuple((max(a - lead, 0), min(b, seam.view[1]) - lead, label) for a, b, label in spans),
        target=blank.text[start:end],
        target_units=words,
    )


def _answered(task: Task, view: View, answer: Prediction, found: Sequence[tuple[str, int, Projection]]) -> Prediction:
    fields = view.original.fields
    spans: dict[str, list[tuple[int, int, str]]] = {}
    outcomes: list[Outcome] = []
    for name, at, projection in found:
        spans.setdefault(name, []).extend((a + at, b + at, label) for a, b, label in projection.spans)
        outcomes += projection.outcomes
    blank = task.marked(task.unlabelled(fields))
    marked = {name: Marked(text=text.text, spans=tuple(sorted(spans.get(name, ())))) for name, text in blank.items()}
    trust = sum(outcome.score for outcome in outcomes) / len(outcomes) if outcomes else 1.0
    return replace(answer, value=task.answer_from(fields, answer.value, marked), score=answer.score * trust)


def summary(views: Sequence[View]) -> dict[str, Any]:
    """What became of examples and spans: counts, the projection rate and the reasons of what was lost."""
    outcomes = [outcome for view in views for outcome in view.outcomes]
    unsure = sum(outcome.span is not None and outcome.score <= UNSURE for outcome in outcomes)
    kept = sum(outcome.span is not None for outcome in outcomes)
    return {
        "examples": len(views),
        "complete": sum(view.complete for view in views),
        "spans": len(outcomes),
        "spans_kept": kept,
        "spans_unsure": unsure,
        "projection_rate": kept / len(outcomes) if outcomes else None,
        "lost": dict(Counter(outcome.reason for outcome in outcomes if outcome.span is None)),
        "no_example": dict(Counter(view.reason for view in views if view.example is None)),
    }
