"""brat's standoff files: spans in ``name.ann`` about the text in ``name.txt`` beside it (such as AbstRCT)."""

from __future__ import annotations

import re
from pathlib import Path

from isogloss.errors import DataError
from isogloss.readers.overlaps import Span, longest
from isogloss.readers.rows import Row
from isogloss.readers.text import MAX_BYTES, decode, split_lines

_SPAN = re.compile(r"T\S*\t(\S+) (\d+ \d+(?:;\d+ \d+)*)\t(.*)")
_PARAGRAPH = re.compile(r"[^\r\n]+")


def parse_brat(text: str, where: Path) -> list[Row]:
    """One row per line of the text that is not blank: ``text`` and ``spans`` [start, end, type].

    Lines that a span joins are one row. A span in several parts counts from the first character to the last. Of
    overlapping or nested spans the longer one stays, with a notice in the log. Everything in the file but text-bound
    annotations (``T1``) is left unread. ``Row.line`` is the line of the text where the row starts.

    Raises:
        DataError: there is no text file, a text-bound annotation cannot be read, or its words are not where it says.
    """
    document = decode(where.with_suffix(".txt"), max_line=MAX_BYTES)
    spans = longest(
        [
            _span(line, number, document, where)
            for number, line in enumerate(split_lines(text), start=1)
            if line.startswith("T")
        ],
        str(where),
    )
    rows = []
    for start, end in _stretches(document, spans):
        inside = [[s - start, e - start, label] for s, e, label in spans if start <= s and e <= end]
        line = document.count("\n", 0, start) + 1
        rows.append(Row(line, {"text": document[start:end], "spans": inside}))
    return rows


def _span(line: str, number: int, document: str, where: Path) -> Span:
    match = _SPAN.fullmatch(line)
    if match is None:
        fix = "Write T1 TAB TYPE START END TAB WORDS"
        raise DataError("the text-bound annotation cannot be read", where=where, line=number, fix=fix)
    parts = [tuple(map(int, part.split(" "))) for part in match[2].split(";")]
    words = " ".join(document[start:end] for start, end in parts)
    start, end = parts[0][0], parts[-1][1]
    if not start < end or words.split() != match[3].split():
        what = f"the words {match[3]!r:.60} are not at the characters {match[2]} of {where.with_suffix('.txt').name}"
        raise DataError(what, where=where, line=number, fix="Offsets count the characters of the text, line ends too")
    return start, end, match[1]


def _stretches(document: str, spans: list[Span]) -> list[tuple[int, int]]:
    """The lines of the text that are not blank, those that a span joins as one."""
    found: list[tuple[int, int]] = []
    for match in _PARAGRAPH.finditer(document):
        start, end = match.span()
        if found and any(s < found[-1][1] and e > start for s, e, _ in spans):
            found[-1] = found[-1][0], end
        elif match[0].strip():
            found.append((start, end))
    return found
