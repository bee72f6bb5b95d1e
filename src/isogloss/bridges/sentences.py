"""The sentences of running text, found by punctuation alone: to translate long texts piece by piece."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

from isogloss.bridges.base import Span

if TYPE_CHECKING:
    import regex

MOST = 1000
WIDE = "。！？｡．"
"""Ends of sentences after which Chinese and Japanese write no space."""
TITLES = frozenset(["mr", "mrs", "ms", "dr", "prof", "st", "sr", "sra", "jr", "vs", "cf"])
BLANK = re.compile(r"\s+")


@cache
def _ends() -> regex.Pattern[str]:
    import regex

    # Every character is looked at once: a run of final signs is taken from its start and never given back. Quotes
    # that open in one language close in another; where no space follows they open.
    return regex.compile(
        r"(?P<break>[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])"
        r"|(?P<signs>[\p{Sentence_Terminal}…།༎]++)(?P<closing>[\p{Pe}\p{Pf}\"']*+)(?P<turned>\p{Pi}*+)(?P<after>(?=\s|$))?"
    )


@cache
def _last_word() -> regex.Pattern[str]:
    import regex

    return regex.compile(r"[\p{L}\p{M}\p{N}]+$")


def sentences(text: str, keep: Sequence[Span] = (), most: int = MOST) -> list[Span]:
    """Where the sentences of a text are; together they hold everything but white space.

    A sentence ends at a line break, and after final punctuation of any script, with the quotes and brackets that close
    after it, where white space or the end of the text follows (or nothing at all after that of Chinese and Japanese).
    A full stop ends none after a single letter (``J. Smith``, ``z. B.``), a title, a number of up to three digits
    (``3. Mai``), or before a small letter. What is longer than ``most`` characters is cut at white space where there
    is some. Takes time linear in the length of the text.

    Args:
        text: running text.
        keep: spans that are not to be cut, in any order.
        most: characters of a sentence.
    """
    kept = _Kept(keep)
    found, start = [], 0
    for end in (*(end for end in _stops(text) if not kept.inside(end)), len(text)):
        first, last = _trimmed(text, start, end)
        if first < last:
            found.append((first, last))
        start = end
    kept = _Kept(keep)
    return [part for span in found for part in _cut(text, span, kept, most)]


class _Kept:
    """Spans that must stay whole, asked about positions that only grow."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self.spans = sorted(span for span in spans if span[0] < span[1])
        self.next, self.reach = 0, 0

    def inside(self, position: int) -> bool:
        """Whether a span begins before the position and ends after it."""
        while self.next < len(self.spans) and self.spans[self.next][0] < position:
            self.reach = max(self.reach, self.spans[self.next][1])
            self.next += 1
        return self.reach > position


def _stops(text: str) -> Iterator[int]:
    """Ends of sentences, in order."""
    for match in _ends().finditer(text):
        if match["break"] is not None or (match["after"] is not None and _final(text, match)):
            yield match.end()
        elif match["after"] is None and match["signs"][-1] in WIDE:
            yield match.end("closing")


def _final(text: str, match: regex.Match[str]) -> bool:
    """Whether final punctuation before a blank ends a sentence."""
    if match["signs"] != ".":
        return True
    following = BLANK.match(text, match.end())
    if following and text[following.end() : following.end() + 1].islower():
        return False
    # Five characters tell a letter, a title or a short number from any longer word: no need to look back further.
    before = _last_word().search(text[max(0, match.start() - 5) : match.start()])
    word = before[0] if before else ""
    return not (len(word) == 1 or word.lower() in TITLES or (word.isdecimal() and len(word) <= 3))


def _trimmed(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _cut(text: str, span: Span, kept: _Kept, most: int) -> Iterator[Span]:
    """A sentence in parts of at most ``most`` characters as far as its white space allows."""
    start, end = span
    if end - start <= most:
        yield span
        return
    place: Span | None = None
    for blank in BLANK.finditer(text, start, end):
        if place and blank.start() - start > most:
            yield start, place[0]
            start, place = place[1], None
        if not (kept.inside(blank.start()) or kept.inside(blank.end())):
            place = blank.span()
    if place and end - start > most:
        yield start, place[0]
        start = place[1]
    yield start, end
