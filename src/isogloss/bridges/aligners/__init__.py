"""Aligners: which words of a sentence and of its translation belong together."""

from __future__ import annotations

from isogloss.bridges.aligners.encoder import EncoderAligner
from isogloss.bridges.aligners.guided import GuidedAligner
from isogloss.bridges.aligners.spans import span_of
from isogloss.bridges.aligners.statistical import StatisticalAligner
from isogloss.bridges.base import Aligner
from isogloss.errors import ResourceError, unknown

__all__ = ["ALIGNERS", "EncoderAligner", "GuidedAligner", "StatisticalAligner", "load_aligner", "span_of"]

ALIGNERS = ("encoder", "guided", "fast_align", "hmm", "ibm1", "eflomal")


def load_aligner(name: str) -> Aligner:
    """The aligner of that name, one of ``ALIGNERS``, with its default settings.

    Raises:
        ResourceError: there is no such aligner.
    """
    match name:
        case "encoder":
            return EncoderAligner()
        case "guided":
            return GuidedAligner()
        case "fast_align" | "hmm" | "ibm1" | "eflomal":
            return StatisticalAligner(model=name)
    raise ResourceError(unknown("aligner", name, ALIGNERS).rstrip("."))
