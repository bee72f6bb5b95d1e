"""Marks around the spans of a sentence: how they are written, and how they are read in what a translator made of them.

EasyProject (Chen et al., Findings of ACL 2023) writes square brackets; numbered XML tags, which say of themselves which
span is which, are LabelPigeon's. Translators bend marks: full-width forms, doubled or exchanged brackets and white
space inside them are taken for what they were.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from isogloss.bridges.base import LabelledSpan, Reason, Span

Scheme = Literal["brackets", "xml", "quotes", "html"]
SCHEMES: tuple[Scheme, ...] = ("brackets", "xml", "quotes", "html")
NUMBERED: frozenset[Scheme] = frozenset({"xml", "html"})
"""Schemes whose marks say which span they belong to."""

_SQUARE = ("[［⟦", "]］⟧")
_CORNER = ("【〔「『〖〘", "】〕」』〗〙")
_OTHERS = (("(（", ")）"), ("{｛", "}｝"), ("«‹《〈“„", "»›》〉”‟"))
_BRACKET_SETS = ((_SQUARE,), (_SQUARE, _CORNER), *((_SQUARE, _CORNER, other) for other in _OTHERS))
_QUOTE = re.compile("[\"“”„‟«»″＂]|''|``")
_XML = re.compile(r"[<＜]\s*(?P<close>[/／]?)\s*(?P<number>[A-Za-z]{1,2})\s*[>＞]")
_HTML = re.compile(r'<b id="(?P<number>\d+)">|(?P<close></b>)')


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A translation without its marks.

    Attributes:
        text: what is left without them.
        spans: one entry a source span: where it lies in ``text``, or why that cannot be told. In the order of the
            source spans where the scheme is numbered, or else in the order of the text.
    """

    text: str
    spans: tuple[Span | Reason, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Mark:
    start: int
    end: int
    opens: bool
    number: int = 0


def mark(text: str, spans: Sequence[LabelledSpan], scheme: Scheme) -> str | None:
    """The text with marks around its spans; None where it has such marks of its own, which could not be told apart."""
    if _foreign(scheme).search(text):
        return None
    pieces, at = [], 0
    for number, (start, end, _) in enumerate(spans):
        opening, closing = _pair(scheme, number)
        pieces += [text[at:start], opening, text[start:end], closing]
        at = end
    return "".join([*pieces, text[at:]])


def _pair(scheme: Scheme, number: int) -> tuple[str, str]:
    if scheme == "brackets":
        return "[", "]"
    if scheme == "quotes":
        return '"', '"'
    if scheme == "html":
        return f'<b id="{number + 1}">', "</b>"
    return f"<{_letters(number)}>", f"</{_letters(number)}>"


def _letters(number: int) -> str:
    """Letters a to z, then aa, ab, ..., as the columns of a table are named."""
    tail = chr(ord("a") + number % 26)
    return tail if number < 26 else _letters(number // 26 - 1) + tail


def _foreign(scheme: Scheme) -> re.Pattern[str]:
    if scheme == "brackets":
        return re.compile(f"[{re.escape(''.join(_SQUARE))}]")
    return {"quotes": _QUOTE, "xml": _XML, "html": _HTML}[scheme]


def read(output: str, source: str, count: int, scheme: Scheme) -> Reading:
    """Take the marks of ``count`` spans out of the translation of a marked ``source`` (given here without marks).

    Marks without numbers are all read or none: one that is lost or added leaves no telling which of the others it was.
    """
    if scheme in NUMBERED:
        return _read_numbered(output, count, scheme)
    readings = _bracket_readings(output, source) if scheme == "brackets" else [_quotes(output)]
    failures = []
    for marks in readings:
        text, places = strip(output, marks)
        pairs = list(zip(places[::2], places[1::2], strict=False))
        in_turn = all(each.opens == (place % 2 == 0) for place, each in enumerate(marks))
        if len(marks) == 2 * count and in_turn:
            return Reading(text=text, spans=tuple(pair if pair[0] < pair[1] else "empty" for pair in pairs))
        reason: Reason = "ambiguous"
        if len(marks) != 2 * count:
            reason = "marker_lost" if len(marks) < 2 * count else "marker_added"
        failures.append(Reading(text=text, spans=(reason,) * count))
    return failures[0]


def _bracket_readings(output: str, source: str) -> list[list[_Mark]]:
    """The brackets by ever wider notions of what one is; a kind that the source uses itself is never among them."""
    readings = []
    for kinds in _BRACKET_SETS:
        if any(char in source for kind in kinds for char in "".join(kind)):
            continue
        opening, closing = (re.escape("".join(kind[side] for kind in kinds)) for side in (0, 1))
        # A bracket that was doubled is one bracket.
        pattern = re.compile(rf"(?P<open>[{opening}](?:\s*[{opening}])*)|[{closing}](?:\s*[{closing}])*")
        readings.append(
            [_Mark(start=m.start(), end=m.end(), opens=m["open"] is not None) for m in pattern.finditer(output)]
        )
    return readings or [[]]


def _quotes(output: str) -> list[_Mark]:
    found = _QUOTE.finditer(output)
    return [_Mark(start=m.start(), end=m.end(), opens=place % 2 == 0) for place, m in enumerate(found)]


def _read_numbered(output: str, count: int, scheme: Scheme) -> Reading:
    marks: list[_Mark] = []
    unclosed: list[int] = []
    for match in (_XML if scheme == "xml" else _HTML).finditer(output):
        opens = not match["close"]
        if scheme == "xml":
            number = _number(match["number"])
        elif opens:
            number = int(match["number"]) - 1
            unclosed.append(number)
        else:  # closes the one that was opened last
            number = unclosed.pop() if unclosed else -1
        marks.append(_Mark(start=match.start(), end=match.end(), opens=opens, number=number))
    text, places = strip(output, marks)
    spans: list[Span | Reason] = []
    for number in range(count):
        mine = [(place, each.opens) for place, each in zip(places, marks, strict=True) if each.number == number]
        spans.append(_between(text, mine))
    return Reading(text=text, spans=tuple(spans))


def _number(letters: str) -> int:
    """The inverse of :func:`_letters`."""
    value = 0
    for char in letters.lower():
        value = value * 26 + ord(char) - ord("a") + 1
    return value - 1


def _between(text: str, marks: Sequence[tuple[int, bool]]) -> Span | Reason:
    """The stretch between one opening and one closing mark; pieces with nothing but white space between are one."""
    joined: list[tuple[int, bool]] = []
    for place, opens in marks:
        if opens and joined and not joined[-1][1] and not text[joined[-1][0] : place].strip():
            joined.pop()
        else:
            joined.append((place, opens))
    kinds = [opens for _, opens in joined]
    if kinds.count(True) == 0 or kinds.count(False) == 0:
        return "marker_lost"
    if len(kinds) > 2:
        return "marker_added"
    if kinds == [False, True]:
        return "ambiguous"
    (start, _), (end, _) = joined
    return (start, end) if text[start:end].strip() else "empty"


def strip(output: str, marks: Sequence[_Mark]) -> tuple[str, list[int]]:
    """The text without its marks, and where in it each mark stood.

    White space just inside a pair belongs outside: it is kept there only where it parts two words.
    """
    text, carried, at, after_opening = "", "", 0, False
    places: list[int] = []
    for each in (*marks, _Mark(start=len(output), end=len(output), opens=True)):
        piece = output[at : each.start]
        if after_opening:
            body = piece.lstrip()
            if len(body) < len(piece) and text[-1:].isalnum() and body:
                text += piece[: len(piece) - len(body)]
                places[-1] = len(text)
            piece = body
        elif carried and (piece[:1].isalnum() or (not piece and each.start < len(output))):
            text += carried
        carried = ""
        if not each.opens:
            body = piece.rstrip()
            piece, carried = body, piece[len(body) :]
        text += piece
        places.append(len(text))
        at, after_opening = each.end, each.opens
    return text, places[:-1]
