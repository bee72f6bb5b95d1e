"""Writing systems: where words begin and end, with and without spaces, and which way a text runs."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import regex

# Scripts written without spaces between words. Korean has spaces. The blocks of kana and its half-width marks are named
# beside the scripts because Unicode counts the long-vowel mark (as in コーヒー) among no script.
_UNSPACED = "".join(
    rf"\p{{Script={script}}}"
    for script in ("Han", "Hiragana", "Katakana", "Bopomofo", "Thai", "Lao", "Khmer", "Myanmar", "Tibetan")
) + (r"\u3040-\u30FF\uFF70\uFF9E\uFF9F")

# CJK punctuation and full-width forms bring their own white space; the half-width Hangul among them does not.
_FULL_WIDTH = r"[\u3000-\u303F\uFF00-\uFFEF--\p{Script=Hangul}]"


@cache
def _no_space() -> regex.Pattern[str]:
    import regex

    return regex.compile(rf"(?V1)[{_UNSPACED}{_FULL_WIDTH}]")


@cache
def _latin_or_digit() -> regex.Pattern[str]:
    import regex

    return regex.compile(r"[\p{Script=Latin}\p{Nd}]")


@cache
def _unit() -> regex.Pattern[str]:
    import regex

    spaced = rf"[[\p{{L}}\p{{M}}\p{{N}}]--[{_UNSPACED}]]"
    joiner = r"[\u200C\u200D\u00AD]"  # zero-width (non-)joiner, soft hyphen: part of the word they stand in
    # Between letters: apostrophes, hyphens, the Catalan dot, Hebrew geresh and gershayim.
    inner = rf"(?<=[\p{{L}}\p{{M}}]{joiner}?)['\u2019\-\u2010\u2011\u00B7\u05F3\u05F4](?=[\p{{L}}--[{_UNSPACED}]])"
    # Flags are pairs of regional letters. \X finds them too, but in time quadratic in the length of a row of flags.
    flag = r"\p{Regional_Indicator}{1,2}[\p{M}\u200C\u200D]*+"
    gap = r"[\s\p{Z}\p{Cc}\p{Default_Ignorable_Code_Point}]"
    return regex.compile(rf"(?V1){spaced}(?:{spaced}|{joiner}|{inner})*+|{flag}|(?!{gap})\X")


@lru_cache(maxsize=1 << 14)
def _spaced(left: str, right: str) -> bool:
    """Whether running text has a space between two characters that end and begin a token."""
    if _latin_or_digit().match(left) and _latin_or_digit().match(right):
        return True
    return not (_no_space().match(left) or _no_space().match(right))


def _last_base(token: str) -> str:
    # A variation selector or accent has no script of its own: what it stands on decides.
    return next((c for c in reversed(token) if unicodedata.category(c)[0] != "M"), token[-1])


def join_tokens(tokens: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Running text from tokens, and where each token is in it.

    One space stands between two tokens, but none where one of the touching characters belongs to a script written
    without spaces (unless both are Latin letters or digits) or is CJK full-width punctuation.

    Returns:
        The text, and per token its [start, end) in characters: ``text[start:end] == token``, for empty tokens too.
    """
    pieces: list[str] = []
    offsets: list[tuple[int, int]] = []
    end, last = 0, ""
    for token in tokens:
        if token:
            if last and _spaced(last, token[0]):
                pieces.append(" ")
                end += 1
            pieces.append(token)
            last = _last_base(token)
        offsets.append((end, end + len(token)))
        end += len(token)
    return "".join(pieces), offsets


def units(text: str) -> list[tuple[int, int]]:
    """The word-like units of running text, as [start, end) in characters, in order and without overlap.

    A unit is a run of letters, marks and digits (with apostrophes and hyphens between letters, and joiners), or a
    single grapheme of a script written without spaces, or any other single grapheme that can be seen. White space,
    control and invisible characters between units belong to none. Takes time linear in the length of any text.
    """
    return [match.span() for match in _unit().finditer(text)]


def direction(text: str) -> Literal["rtl", "ltr"]:
    """Which way the text runs, by its first character that has a direction; left to right if none has."""
    for char in text:
        kind = unicodedata.bidirectional(char)
        if kind in ("R", "AL"):
            return "rtl"
        if kind == "L":
            return "ltr"
    return "ltr"
