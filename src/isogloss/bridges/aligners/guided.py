"""Links from the attention of a translation model that reads a given translation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Lt

from isogloss.bridges.aligners.links import Linked, Table, transposed, units_of_pieces, word_links
from isogloss.bridges.base import Aligner, Attention, Bitext, Links, Translator
from isogloss.errors import ResourceError


@dataclass(frozen=True, kw_only=True)
class GuidedAligner(Aligner):
    """A target word is linked to the source words that the translator looks at when it comes to it.

    Best with a translator whose attention was trained on alignments (guided alignment: Chen et al., AMTA 2016), as that
    of the Marian students is. Where the translator serves the other direction only, the target is read as the source
    and the links are turned round.

    Attributes:
        translator: one with the ability ``attend``; None for the one that a projector works with.
        rule: each target piece to the source piece it looks at most (``argmax``; of equals to all of them), or to every
            one it looks at enough (``threshold``).
        threshold: least weight of a link, by either rule; a piece that looks nowhere in particular has none.
    """

    translator: Translator | None = None
    rule: Literal["argmax", "threshold"] = "argmax"
    threshold: Annotated[float, Ge(0), Lt(1)] = 0.2

    @property
    def name(self) -> str:
        return "guided"

    def with_translator(self, translator: Translator | None) -> Aligner:
        return replace(self, translator=translator) if self.translator is None else self

    def __call__(self, bitexts: Sequence[Bitext], source: str, target: str) -> list[Links]:
        """Links of each sentence pair.

        Raises:
            ResourceError: the translator shows no attention, serves neither direction, or broke down.
        """
        if self.translator is None:
            raise ResourceError("The aligner 'guided' needs a translator", fix="Give one, or use the aligner 'encoder'")
        if "attend" not in self.translator.abilities:
            raise ResourceError(
                f"The translator {self.translator.id} does not show its attention", fix="Use another aligner"
            )
        if self.translator.serves(source, target):
            found = self.translator.attend([(bitext.source, bitext.target) for bitext in bitexts], source, target)
            return [
                self._links(attention, bitext.source_units, bitext.target_units)
                for attention, bitext in zip(found, bitexts, strict=True)
            ]
        if self.translator.serves(target, source):
            found = self.translator.attend([(bitext.target, bitext.source) for bitext in bitexts], target, source)
            return [
                transposed(self._links(attention, bitext.target_units, bitext.source_units))
                for attention, bitext in zip(found, bitexts, strict=True)
            ]
        raise ResourceError(
            f"The translator {self.translator.id} serves neither {source}-{target} nor {target}-{source}",
            fix="Use another aligner",
        )

    def _links(
        self, attention: Attention, source: Sequence[tuple[int, int]], target: Sequence[tuple[int, int]]
    ) -> Links:
        return word_links(
            self._linked(attention.weights_TS).T,
            units_of_pieces(source, attention.source_offsets),
            units_of_pieces(target, attention.target_offsets),
        )

    def _linked(self, weights_TS: Table) -> Linked:
        if not weights_TS.size:
            return np.zeros(weights_TS.shape, dtype=bool)
        enough = weights_TS >= max(self.threshold, float(np.finfo(np.float32).tiny))
        if self.rule == "threshold":
            return np.asarray(enough)
        return np.asarray(enough & (weights_TS == weights_TS.max(axis=1, keepdims=True)))
