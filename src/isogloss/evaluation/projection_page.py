"""What a label projection did, as one self-contained page: counts, reasons, and sentences side by side."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from isogloss.evaluation.html import SPAN_HUES, environment
from isogloss.evaluation.view import counted, language_name

if TYPE_CHECKING:
    from isogloss.bridges.base import Parallel, Projection, Span

MOST_SHOWN = 200
"""Sentences on a page: a reader looks at the worst, and the data themselves are in the output files."""

REASONS: dict[str, str] = {
    "not_found": "nothing like it in the translation",
    "no_link": "no word is linked to it",
    "marker_lost": "its marks were lost in translation",
    "marker_added": "marks were added in translation",
    "ambiguous": "marks cannot be told apart",
    "empty": "nothing between its marks",
    "overlap": "its place was taken by a surer span",
    "low_score": "not sure enough",
    "no_translation": "there was no translation",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectionRow:
    """A sentence with its spans, and where they went; ``id`` as the data have it."""

    item: Parallel
    projection: Projection
    id: str = ""

    @property
    def score(self) -> float:
        """Of its least reliable span; 1 where it has none. A span that was lost has 0."""
        return min((outcome.score for outcome in self.projection.outcomes), default=1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectionSummary:
    """Counts over everything that was projected, and with what.

    Attributes:
        title: what was projected: the name of the problem.
        source, target: languages as the user spelled them; the source has the labels.
        projector, translator: as the user names them; no translator where the translations were given.
        sentences: how many there were.
        labelled: of these, those that have a span.
        complete: of the labelled ones, those that lost none.
        spans: how many the source has.
        kept: how many were carried over.
        reasons: why the others were lost, by how many.
        seconds: what it took; 0 where it was not measured.
        settings, versions: of the projector and of the programs and weights.
    """

    title: str
    source: str
    target: str
    projector: str
    translator: str = ""
    sentences: int
    labelled: int
    complete: int
    spans: int
    kept: int
    reasons: Mapping[str, int]
    seconds: float = 0.0
    settings: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """The projection rate: spans carried over, as a share of all; not a number where there are none."""
        return self.kept / self.spans if self.spans else float("nan")

    @property
    def complete_rate(self) -> float:
        """Sentences that lost no span, as a share of those that have one; not a number where none has."""
        return self.complete / self.labelled if self.labelled else float("nan")

    @property
    def per_second(self) -> float:
        """Sentences a second; not a number where the time is not known."""
        return self.sentences / self.seconds if self.seconds > 0 else float("nan")

    @classmethod
    def of(
        cls,
        projections: Iterable[Projection],
        *,
        title: str,
        source: str,
        target: str,
        projector: str,
        translator: str = "",
        seconds: float = 0.0,
        settings: Mapping[str, str] | None = None,
        versions: Mapping[str, str] | None = None,
    ) -> ProjectionSummary:
        """Count what became of the spans."""
        there = list(projections)
        labelled = [projection for projection in there if projection.outcomes]
        outcomes = [outcome for projection in labelled for outcome in projection.outcomes]
        lost = Counter(outcome.reason for outcome in outcomes if outcome.span is None)
        return cls(
            title=title,
            source=source,
            target=target,
            projector=projector,
            translator=translator,
            sentences=len(there),
            labelled=len(labelled),
            complete=sum(projection.complete for projection in labelled),
            spans=len(outcomes),
            kept=len(outcomes) - sum(lost.values()),
            reasons=dict(lost.most_common()),
            seconds=seconds,
            settings=dict(settings or {}),
            versions=dict(versions or {}),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """A stretch of a sentence: plain, or the span ``number`` of a label; ``lost`` if the other side lacks it."""

    text: str
    label: str | None = None
    number: int = 0
    lost: bool = False


def projection_page(rows: Sequence[ProjectionRow], summary: ProjectionSummary, *, most: int = MOST_SHOWN) -> str:
    """The page as text, to be written as UTF-8.

    Args:
        rows: sentences to choose from; those without a span are not shown.
        summary: of all sentences, whether they are among ``rows`` or not.
        most: how many sentences are shown, the least reliable first.
    """
    labelled = sorted((row for row in rows if row.item.spans), key=lambda row: row.score)
    labels = sorted({label for row in labelled for *_, label in row.item.spans})
    return (
        environment()
        .get_template("projection.html.j2")
        .render(
            summary=summary,
            sentence=_sentence(summary),
            rows=[_sides(row) for row in labelled[:most]],
            hues={label: number % SPAN_HUES for number, label in enumerate(labels)},
            reasons=[(REASONS.get(reason, reason), count) for reason, count in _ordered(summary.reasons)],
            percent=percent,
        )
    )


def percent(share: float) -> str:
    """``93.1 %``, rounded down so that only what is whole is 100 %; a dash where there is no number."""
    return "–" if math.isnan(share) else f"{int(share * 1000 + 1e-9) / 10:.1f} %".replace(" ", "\N{NO-BREAK SPACE}")


def stretches(text: str, spans: Sequence[tuple[Span, int, str]], lost: Iterable[int] = ()) -> list[Stretch]:
    """Cut a text at its spans, which do not overlap: (span, number, label) in any order."""
    found, at, gone = [], 0, set(lost)
    for (start, end), number, label in sorted(spans):
        found += [
            Stretch(text=text[at:start]),
            Stretch(text=text[start:end], label=label, number=number, lost=number in gone),
        ]
        at = end
    return [stretch for stretch in [*found, Stretch(text=text[at:])] if stretch.text or stretch.label is not None]


def _sides(row: ProjectionRow) -> dict[str, object]:
    """What the template shows of a sentence: both sides, spans numbered from 1 in source order, and what was lost."""
    spans, outcomes = row.item.spans, row.projection.outcomes
    lost = [n for n, outcome in enumerate(outcomes, start=1) if outcome.span is None]
    return {
        "id": row.id,
        "score": row.score,
        "source": stretches(row.item.source, [((s, e), n, label) for n, (s, e, label) in enumerate(spans, 1)], lost),
        "target": stretches(
            row.projection.target,
            [
                (outcome.span, n, label)
                for n, (outcome, (*_, label)) in enumerate(zip(outcomes, spans, strict=True), start=1)
                if outcome.span is not None
            ],
        ),
        "lost": [
            (n, row.item.source[slice(*spans[n - 1][:2])], spans[n - 1][2], REASONS.get(outcomes[n - 1].reason, ""))
            for n in lost
        ],
    }


def _ordered(reasons: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(reasons.items(), key=lambda entry: (-entry[1], entry[0]))


def _sentence(summary: ProjectionSummary) -> str:
    """The result in one plain sentence."""
    pair = f"from {language_name(summary.source)} to {language_name(summary.target)}"
    if not summary.spans:
        return f"{counted(summary.sentences, 'sentence')} {pair}, none of them with a span to carry over."
    return (
        f"{summary.kept:,} of {counted(summary.spans, 'span')} carried over {pair}; {summary.complete:,} of "
        f"{counted(summary.labelled, 'labelled sentence')} lost none."
    )
