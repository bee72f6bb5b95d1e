"""Text files as strings and lines: strict UTF-8, bounded in size, lines split at line breaks and nowhere else."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from isogloss.errors import DataError

MAX_BYTES = 512 * 2**20
MAX_LINE = 2**20

Block = list[tuple[int, str]]
"""Neighbouring lines that are not blank, each with its 1-based number."""


def load(path: Path, *, max_bytes: int = MAX_BYTES) -> bytes:
    """The bytes of a regular file.

    Raises:
        DataError: there is no such file, it cannot be read or has more than ``max_bytes`` bytes.
    """
    try:
        # Asked first, because opening a named pipe would wait for ever and a device has no end.
        if not path.is_file():
            what = "this is not a regular file" if path.exists() else "there is no such file"
            raise DataError(what, where=path, fix="Put a data file in its place")
        if (size := path.stat().st_size) > max_bytes:
            raise DataError(
                f"the file has {size:,} bytes, more than the limit of {max_bytes:,}",
                where=path,
                fix="Take a part of it or split it",
            )
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the name of the file
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"the file cannot be read: {reason}", where=path) from None


def decode(path: Path, *, max_bytes: int = MAX_BYTES, max_line: int = MAX_LINE) -> str:
    r"""The text of a UTF-8 file, without its byte order mark if it has one, line ends as they are.

    Args:
        path: the file.
        max_bytes: the largest file that is read, in bytes.
        max_line: the longest line that is read, in characters.

    Raises:
        DataError: the file cannot be read, is too large, is not UTF-8, or has a NUL byte or too long a line.
    """
    data = load(path, max_bytes=max_bytes)
    fix = "Save the file as UTF-8"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError("the file begins with the mark of UTF-16 at byte offset 0", where=path, line=1, fix=fix)
    if (nul := data.find(b"\0")) >= 0:
        what = f"there is a NUL byte at byte offset {nul}"
        raise DataError(what, where=path, line=_line_of(data, nul), fix=f"{fix}, or remove the byte")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        what = f"byte 0x{data[error.start]:02x} at byte offset {error.start} is not UTF-8 text"
        raise DataError(what, where=path, line=_line_of(data, error.start), fix=fix) from None
    text = text.removeprefix("\ufeff")
    for number, line in enumerate(split_lines(text), start=1) if len(text) > max_line else ():
        if len(line) > max_line:
            what = f"the line has {len(line):,} characters, more than the limit of {max_line:,}"
            raise DataError(what, where=path, line=number, fix="Break it up")
    return text


def split_lines(text: str) -> list[str]:
    r"""The lines of a text without their ends: ``\n``, ``\r\n`` and ``\r``.

    ``str.splitlines`` splits at U+2028, U+0085 and six more characters that are part of the data here.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


def blocks(lines: Iterable[str]) -> Iterator[Block]:
    """The stretches of lines between blank lines; a line of white space alone is blank."""
    numbered = enumerate(lines, start=1)
    for blank, group in groupby(numbered, key=lambda item: not item[1].strip()):
        if not blank:
            yield list(group)


def _line_of(data: bytes, offset: int) -> int:
    head = data[:offset]
    return 1 + head.count(b"\n") + head.count(b"\r") - head.count(b"\r\n")
