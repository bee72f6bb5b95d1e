"""Aligners: which words of a sentence and of its translation belong together."""

from __future__ import annotations

from isogloss.bridges.aligners.encoder import EncoderAligner
from isogloss.bridges.aligners.guided import GuidedAligner
from isogloss.bridges.aligners.spans import span_of
from isogloss.bridges.aligners.statistical import StatisticalAligner
from isogloss.bridges.base import Aligner, Translator
from isogloss.errors import ResourceError, unknown

__all__ = ["ALIGNERS", "EncoderAligner", "GuidedAligner", "StatisticalAligner", "load_aligner", "span_of"]

ALIGNERS = ("encoder", "guided", "fast_align", "hmm", "ibm1", "eflomal")


def load_aligner(name: str, translator: Translator | None = None) -> Aligner:
    """The aligner of that name with its default settings.

    Args:
        name: one of ``ALIGNERS``.
        translator: whose attention ``guided`` reads; the others need none.

    Raises:
        ResourceError: there is no such aligner, or ``guided`` has no translator.
    """
    match name:
        case "encoder":
            return EncoderAligner()
        case "guided":
            if translator is None:
                raise ResourceError("The aligner guided needs a translator", fix="Give one, or use the aligner encoder")
            return GuidedAligner(translator=translator)
        case "fast_align" | "hmm" | "ibm1" | "eflomal":
            return StatisticalAligner(model=name)
    raise ResourceError(unknown("aligner", name, ALIGNERS).rstrip("."))
