"""Follow word links: the target words that translate a span's words are the span."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Ge

from isogloss.bridges.aligners.encoder import EncoderAligner
from isogloss.bridges.aligners.spans import span_of
from isogloss.bridges.base import Bitext, Outcome, Projection, Projector
from isogloss.bridges.projectors.windows import target_units
from isogloss.languages.scripts import units

if TYPE_CHECKING:
    from isogloss.bridges.base import Aligner, Links, Parallel, Span, Translator


@dataclass(frozen=True, kw_only=True)
class Align(Projector):
    """Projection by word alignment (Garcia-Ferrero et al., Findings of EMNLP 2022, section 3.2, for the span rule).

    The score of a span is the share of its source words that have a link into the chosen place; marks of punctuation
    count only where the span has nothing else.

    Attributes:
        aligner: what finds the links; one that reads a translator's attention is given the translator at hand.
        span_rule: how linked words, punctuation left out, become one span: ``largest_group`` takes the largest of the
            groups that links leave apart, ``min_max`` all from the first to the last (which suits sparse links).
        gap: unlinked words over which a group goes on; ``largest_group`` alone.
    """

    name: ClassVar[str] = "align"

    aligner: Aligner = field(default_factory=EncoderAligner)
    span_rule: Literal["largest_group", "min_max"] = "largest_group"
    gap: Annotated[int, Ge(0)] = 1

    def __call__(
        self, items: Sequence[Parallel], translator: Translator | None, source: str, target: str
    ) -> list[Projection]:
        bitexts = [
            Bitext(
                source=item.source,
                target=item.target,
                source_units=tuple(units(item.source)),
                target_units=target_units(item),
            )
            for item in items
        ]
        # Sentences without a span, or without a word on one side, have nothing to follow.
        busy = [n for n, item in enumerate(items) if item.spans and bitexts[n].source_units and bitexts[n].target_units]
        found = self.aligner.with_translator(translator)([bitexts[n] for n in busy], source, target) if busy else []
        links = dict(zip(busy, found, strict=True))
        return [
            Projection.of(item, [self._carried(span[:2], bitext, links.get(n, frozenset())) for span in item.spans])
            for n, (item, bitext) in enumerate(zip(items, bitexts, strict=True))
        ]

    def _carried(self, span: Span, bitext: Bitext, links: Links) -> Outcome:
        words = {n for n, unit in enumerate(bitext.source_units) if unit[0] < span[1] and span[0] < unit[1]}
        linked = {target for source, target in links if source in words}
        found = span_of(linked, bitext.target_units, bitext.target, rule=self.span_rule, gap=self.gap)
        if found is None:
            return Outcome(span=None, score=0.0, reason="no_link" if words else "empty")
        inside = {n for n in linked if found[0] <= bitext.target_units[n][0] and bitext.target_units[n][1] <= found[1]}
        counted = {n for n in words if any(map(str.isalnum, bitext.source[slice(*bitext.source_units[n])]))} or words
        reaching = {source for source, target in links if source in counted and target in inside}
        return Outcome(span=found, score=len(reaching) / len(counted))
