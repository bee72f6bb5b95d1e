"""Mark the spans, translate the marked sentence, and read the marks in the translation."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Ge, Lt

from isogloss.bridges.base import Outcome, Projection, Projector
from isogloss.bridges.projectors.marks import NUMBERED, SCHEMES, Scheme
from isogloss.bridges.projectors.survival import best_translations, survival, translate_marked
from isogloss.bridges.projectors.windows import place, source_places, target_units
from isogloss.errors import ResourceError

if TYPE_CHECKING:
    from isogloss.bridges.base import Parallel, Reason, Span, Translator
    from isogloss.bridges.projectors.marks import Reading

log = logging.getLogger("isogloss")

TRIED = 50
"""Sentences on which ``auto`` tries every scheme."""

Read = tuple["Span", float]
"""Where the marks of a source span lie in the marked translation, and how sure it is that they are this span's."""


@dataclass(frozen=True, kw_only=True)
class Markers(Projector):
    """EasyProject (Chen et al., Findings of ACL 2023) and its relatives.

    Which marked string belongs to which span is told by numbered marks (``xml``, ``html``), by order where all spans
    have one label, and else by likeness to the spans' own text and to translations of it made alone (EasyProject,
    step 4). It differs from EasyProject in that what is clear in a sentence is kept where the rest is not: whoever
    wants whole sentences only asks for ``Projection.complete``.

    Where the translation may not be changed, the marked string is looked for in it, as ``copy`` does.

    The score of a span is a product: how sure the translator is of the marked sentence (geometric mean of its pieces'
    probabilities; 1 where it tells none), times how sure it is that the marks are this span's (1 where numbers or
    order tell, else the likeness, or ``cutoff`` for a span that was left over), times the likeness of the place found,
    where the translation may not be changed.

    Attributes:
        scheme: the marks; ``auto`` takes those that come through this translator most often on up to 50 of the items.
        cutoff: likeness above which two strings count as the same name.
    """

    name: ClassVar[str] = "markers"
    translates: ClassVar[bool] = True

    scheme: Scheme | Literal["auto"] = "auto"
    cutoff: Annotated[float, Ge(0), Lt(1)] = 0.5

    def __call__(
        self, items: Sequence[Parallel], translator: Translator | None, source: str, target: str
    ) -> list[Projection]:
        if translator is None:
            raise ResourceError(f"The projector '{self.name}' needs a translator", fix="Name one: --translator ID")
        busy = [item for item in items if item.spans]
        scheme = self._chosen(busy, translator, source, target)
        marked = [(item.source, item.spans) for item in busy]
        readings = translate_marked(translator, marked, scheme, source, target)
        alone = self._alone(busy, readings, translator, source, target) if scheme not in NUMBERED else {}
        done = iter(
            [
                self._carried(item, reading, sure, alone.get(n))
                for n, (item, (reading, sure)) in enumerate(zip(busy, readings, strict=True))
            ]
        )
        return [next(done) if item.spans else Projection.of(item, ()) for item in items]

    def _chosen(self, items: Sequence[Parallel], translator: Translator, source: str, target: str) -> Scheme:
        if self.scheme != "auto":
            return self.scheme
        if not items:
            return SCHEMES[0]
        tried = [(item.source, item.spans) for item in items[:: max(len(items) // TRIED, 1)]][:TRIED]
        # HTML's marks are long: only a translator that knows markup is asked to carry them.
        schemes = [each for each in SCHEMES if each != "html" or translator.can(["markup"], source, target)]
        found = [survival(translator, tried, each, source, target) for each in schemes]
        best = max(found, key=lambda each: each.share)
        shares = ", ".join(f"{each.scheme} {each.share:.0%}" for each in found)
        log.info(
            "Marks of spans through %s, %s to %s: %s of %d sentences came through whole. Taken: %s.",
            *(translator.id, source, target, shares, len(tried), best.scheme),
        )
        return best.scheme

    def _alone(
        self,
        items: Sequence[Parallel],
        readings: Sequence[tuple[Reading, float]],
        translator: Translator,
        source: str,
        target: str,
    ) -> dict[int, list[str]]:
        """The spans translated alone, of the sentences where order does not tell their labels; each string once."""
        unclear = [n for n, item in enumerate(items) if len({kind for *_, kind in item.spans}) > 1]
        readable = [n for n in unclear if not all(isinstance(span, str) for span in readings[n][0].spans)]
        texts = {n: [items[n].source[start:end] for start, end, _ in items[n].spans] for n in readable}
        strings = sorted({text for row in texts.values() for text in row})
        translations = best_translations(translator, strings, source, target)
        by_text = {text: each.text for text, each in zip(strings, translations, strict=True)}
        return {n: [by_text[text] for text in row] for n, row in texts.items()}

    def _carried(self, item: Parallel, reading: Reading, sure: float, alone: Sequence[str] | None) -> Projection:
        own: list[Read | Reason] = [span if isinstance(span, str) else (span, 1.0) for span in reading.spans]
        if alone is not None:
            own = self._assigned(item, reading, alone)
        if item.fixed:
            return self._found(item, reading.text, sure, own)
        outcomes = [
            Outcome(span=None, score=0.0, reason=each)
            if isinstance(each, str)
            else Outcome(span=each[0], score=sure * each[1])
            for each in own
        ]
        kept = any(outcome.span is not None for outcome in outcomes)
        # Marks may spoil a translation: where they have served nothing, the one made without them stays.
        return Projection.of(item, outcomes, reading.text if kept else None)

    def _assigned(self, item: Parallel, reading: Reading, alone: Sequence[str]) -> list[Read | Reason]:
        """Give each marked string to a source span, the likest pair first; what is left over goes by label or lone."""
        found = [span for span in reading.spans if not isinstance(span, str)]
        if len(found) < len(item.spans):  # some pair of marks is empty: nobody knows whose
            return ["empty"] * len(item.spans)
        strings = [reading.text[start:end] for start, end in found]
        names = [item.source[start:end] for start, end, _ in item.spans]
        pairs = sorted(
            (-_likeness(strings[mine], names[of], alone[of]), of, mine)
            for of in range(len(names))
            for mine in range(len(strings))
        )
        own: list[Read | Reason] = ["ambiguous"] * len(names)
        open_spans, open_strings = set(range(len(names))), set(range(len(strings)))
        for negative, of, mine in pairs:
            if -negative > self.cutoff and of in open_spans and mine in open_strings:
                own[of] = (found[mine], -negative)
                open_spans.discard(of)
                open_strings.discard(mine)
        if len({item.spans[of][2] for of in open_spans}) == 1:  # whichever is whose, the label is the same
            for of, mine in zip(sorted(open_spans), sorted(open_strings), strict=True):
                own[of] = (found[mine], self.cutoff)
        return own

    def _found(self, item: Parallel, marked: str, sure: float, own: Sequence[Read | Reason]) -> Projection:
        """The marked strings in the translation that may not change."""
        wanted = ["" if isinstance(each, str) else marked[slice(*each[0])] for each in own]
        placed = place(wanted, source_places(item), item.target, target_units(item), cutoff=self.cutoff)
        outcomes = []
        for each, there in zip(own, placed, strict=True):
            if isinstance(each, str):
                outcomes.append(Outcome(span=None, score=0.0, reason=each))
            elif there is None:
                outcomes.append(Outcome(span=None, score=0.0, reason="not_found"))
            else:
                outcomes.append(Outcome(span=there[0], score=sure * each[1] * there[1]))
        return Projection.of(item, outcomes)


def _likeness(found: str, name: str, translation: str) -> float:
    """Likeness (difflib's ratio, letter case apart) to the span's own text or its translation, whichever is greater."""
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(found.lower())
    ratios = []
    for other in (translation, name):
        matcher.set_seq1(other.lower())
        ratios.append(matcher.ratio() if other.strip() and found.strip() else 0.0)
    return max(ratios)
