"""How often the marks around spans come through a translator."""

from __future__ import annotations

import html
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from isogloss.bridges.base import Translation
from isogloss.bridges.projectors.marks import Reading, Scheme, mark, read
from isogloss.errors import ResourceError

if TYPE_CHECKING:
    from isogloss.bridges.base import LabelledSpan, Reason, Translator

MarkedText = tuple[str, tuple["LabelledSpan", ...]]
"""A sentence and its labelled spans, in order and without overlap."""


class _KeepsMarkup(Protocol):
    """What the ability ``markup`` promises."""

    def translate_markup(self, texts: Sequence[str], source: str, target: str) -> list[str]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Survival:
    """What became of the marks of some sentences.

    Attributes:
        scheme: how they were written.
        sentences: how many had a span.
        share: of these, the share whose marks all came through; 0 where there were none.
        reasons: how often each thing became of a single span, ``ok`` included.
    """

    scheme: Scheme
    sentences: int
    share: float
    reasons: Mapping[Reason, int]


def survival(
    translator: Translator, sentences: Sequence[MarkedText], scheme: Scheme, source: str, target: str
) -> Survival:
    """Translate sentences with marks and count what came through. Sentences without a span are left out.

    Raises:
        ResourceError: the translator does not serve the pair, or broke down.
    """
    marked = [(text, spans) for text, spans in sentences if spans]
    readings = [reading for reading, _ in translate_marked(translator, marked, scheme, source, target)]
    counts = Counter(_reason(span) for reading in readings for span in reading.spans)
    whole = sum(all(_reason(span) == "ok" for span in reading.spans) for reading in readings)
    return Survival(
        scheme=scheme, sentences=len(marked), share=whole / len(marked) if marked else 0.0, reasons=dict(counts)
    )


def _reason(span: tuple[int, int] | Reason) -> Reason:
    return span if isinstance(span, str) else "ok"


def translate_marked(
    translator: Translator, sentences: Sequence[MarkedText], scheme: Scheme, source: str, target: str
) -> list[tuple[Reading, float]]:
    """For each sentence, its marked translation as it was read, and how sure the translator is of it.

    The second is exp of the mean log-probability of a piece, and 1 where the translator tells none.
    """
    marked = [mark(text, spans, scheme) for text, spans in sentences]
    given = [(n, text) for n, text in enumerate(marked) if text is not None]
    keeps = scheme == "html" and translator.can(["markup"], source, target)
    sent = [_escaped(text) if keeps else text for _, text in given]
    outputs = dict(
        zip((n for n, _ in given), best_translations(translator, sent, source, target, markup=keeps), strict=True)
    )
    readings: list[tuple[Reading, float]] = []
    lost: Reason
    for n, (text, spans) in enumerate(sentences):
        if n not in outputs:  # it has such marks of its own
            lost = "ambiguous"
            readings.append((Reading(text="", spans=(lost,) * len(spans)), 0.0))
            continue
        output = html.unescape(outputs[n].text) if keeps else outputs[n].text
        if not output.strip():
            lost = "no_translation"
            readings.append((Reading(text="", spans=(lost,) * len(spans)), 0.0))
            continue
        readings.append((read(output, text, len(spans), scheme), certainty(outputs[n])))
    return readings


def best_translations(
    translator: Translator, texts: Sequence[str], source: str, target: str, *, markup: bool = False
) -> list[Translation]:
    """The best translation of each text; an empty one where the translator returned nothing.

    With ``markup``, texts are HTML, for a translator of that ability.
    """
    if not texts:
        return []
    if not translator.serves(source, target):
        raise ResourceError(f"The translator '{translator.id}' does not translate from {source} to {target}")
    if markup:
        return [
            Translation(text=text) for text in cast(_KeepsMarkup, translator).translate_markup(texts, source, target)
        ]
    found = translator.translate(texts, source, target)
    return [each[0] if each else Translation(text="") for each in found]


def certainty(translation: Translation) -> float:
    """Geometric mean of the probabilities of a translation's pieces; 1 where the translator tells none."""
    return 1.0 if translation.score is None else min(math.exp(translation.score), 1.0)


def _escaped(text: str) -> str:
    """For a translator of HTML: every character that would start markup, but for our own marks, is written out."""
    return re.sub(r"&lt;(b id=\"\d+\"|/b)&gt;", r"<\1>", html.escape(text, quote=False))
