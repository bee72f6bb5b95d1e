"""Spans that overlap, in files whose annotation may nest: what one tag per word can hold of them."""

from __future__ import annotations

import logging
from collections.abc import Iterable

log = logging.getLogger("isogloss")

Span = tuple[int, int, str]


def longest(spans: Iterable[Span], place: str) -> list[Span]:
    """The spans without overlap, in order: of two that overlap the longer one stays, of two as long the first.

    What is left out is said in the log, with ``place``.
    """
    kept: list[Span] = []
    given = sorted(set(spans), key=lambda span: (span[0] - span[1], span))
    for start, end, label in given:
        if all(end <= s or e <= start for s, e, _ in kept):
            kept.append((start, end, label))
    if len(kept) < len(given):
        left = len(given) - len(kept)
        log.warning("%s: %d of %d spans overlap longer ones and are left out.", place, left, len(given))
    return sorted(kept)
