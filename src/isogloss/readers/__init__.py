"""Readers turn one data file into raw rows. They know file formats, not tasks and not languages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from isogloss.errors import DataError
from isogloss.readers.brat import parse_brat
from isogloss.readers.conll import parse_conll
from isogloss.readers.conllu import parse_conllu
from isogloss.readers.opinion import parse_opinions
from isogloss.readers.rows import Row, rename
from isogloss.readers.schemes import to_iob2
from isogloss.readers.squad import parse_squad
from isogloss.readers.tables import parse_csv, parse_jsonl, parse_parquet, parse_tsv
from isogloss.readers.text import MAX_BYTES, MAX_LINE, decode, load, split_lines

__all__ = ["SUFFIXES", "Row", "read_lines", "read_rows", "to_iob2"]

_PARSERS: dict[str, Callable[[str, Path], list[Row]]] = {
    ".jsonl": parse_jsonl,
    ".tsv": parse_tsv,
    ".csv": parse_csv,
    ".conll": parse_conll,
    ".iob2": parse_conll,
    ".conllu": parse_conllu,
    ".json": parse_squad,
    ".xml": parse_opinions,
    ".ann": parse_brat,
}
_DOCUMENTS = (".json", ".xml")
"""Formats in which a line means nothing: a whole file may be one."""

SUFFIXES: tuple[str, ...] = (*_PARSERS, ".parquet")
"""The file name endings that :func:`read_rows` knows."""


def read_rows(
    path: Path, *, columns: Mapping[str, str] | None = None, max_bytes: int = MAX_BYTES, max_line: int = MAX_LINE
) -> list[Row]:
    """The rows of a data file, in the format that its name ends in.

    Args:
        path: the file; messages name it as given.
        columns: the file's column name for each task field that is called something else.
        max_bytes: the largest file that is read, in bytes; for parquet also the largest unpacked table.
        max_line: the longest line that is read, in characters; not for parquet, json and xml.

    Raises:
        DataError: the file is missing, not of a known format, too large or not what its format asks for, or a row
            lacks a mapped column.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        what = f"{path.suffix!r} is not a known format" if suffix else "the name does not say the format"
        raise DataError(what, where=path, fix=f"The name should end in one of {', '.join(SUFFIXES)}")
    if suffix == ".parquet":
        rows = parse_parquet(load(path, max_bytes=max_bytes), path, max_bytes=max_bytes)
    else:
        most = max_bytes if suffix in _DOCUMENTS else max_line
        rows = _PARSERS[suffix](decode(path, max_bytes=max_bytes, max_line=most), path)
    return rename(rows, columns or {}, path)


def read_lines(path: Path, *, max_bytes: int = MAX_BYTES, max_line: int = MAX_LINE) -> list[str]:
    """The lines of a UTF-8 text file, blank ones too, without their ends.

    Raises:
        DataError: the file is missing, too large or not UTF-8, or has a NUL byte or too long a line.
    """
    return split_lines(decode(path, max_bytes=max_bytes, max_line=max_line))
