"""Files with one item per row: JSON Lines, tables with a header line (csv, tsv) and parquet."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from isogloss.errors import DataError
from isogloss.readers.rows import Row
from isogloss.readers.text import MAX_BYTES, MAX_LINE, split_lines

MAX_DEPTH = 64


class _RefusedError(ValueError):
    """A value that JSON parsers let pass and data should not hold."""


def parse_jsonl(text: str, where: Path) -> list[Row]:
    """One row per JSON object; blank lines are skipped.

    Raises:
        DataError: a line is not one JSON object, names a key twice, holds NaN, an infinite number or half a surrogate
            pair, or is nested deeper than ``MAX_DEPTH``.
    """
    return [
        Row(number, _json_object(line, where, number))
        for number, line in enumerate(split_lines(text), start=1)
        if line.strip()
    ]


def parse_tsv(text: str, where: Path) -> list[Row]:
    """One row per line, cells between tabs; a quotation mark is a character like any other. Blank lines are skipped.

    Raises:
        DataError: there is no header line, it has an empty or a double name, or a row has another number of cells.
    """
    lines = enumerate(split_lines(text), start=1)
    return _table(((number, line.split("\t")) for number, line in lines if line.strip(" ")), where)


def parse_csv(text: str, where: Path) -> list[Row]:
    """One row per record; quoted cells may hold commas and line breaks. Blank lines are skipped.

    Raises:
        DataError: as :func:`parse_tsv`, or the quotation marks are wrong.
    """
    return _table(_csv_records(text, where), where)


def parse_parquet(data: bytes, where: Path, *, max_bytes: int = MAX_BYTES) -> list[Row]:
    """One row per row of the table, values as plain Python objects; ``Row.line`` counts rows from 1.

    Raises:
        DataError: the file is damaged, has two columns of one name or unpacks to more than ``max_bytes`` bytes.
    """
    import pyarrow
    from pyarrow import parquet

    rows: list[dict[str, Any]] = []
    size = 0
    try:
        table = parquet.ParquetFile(pyarrow.BufferReader(data))
        _check_header(table.schema_arrow.names, where, None)
        # Batch by batch, so that a small file that unpacks to a huge one is noticed before memory is full.
        for batch in table.iter_batches():
            size += batch.nbytes
            if size > max_bytes:
                what = f"the unpacked table has more than the limit of {max_bytes:,} bytes"
                raise DataError(what, where=where, fix="Take a part of it or split it")
            rows.extend(batch.to_pylist())
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        reason = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
        raise DataError(f"this is not a sound parquet file: {reason}", where=where, fix="Write the file anew") from None
    return [Row(number, fields) for number, fields in enumerate(rows, start=1)]


def _json_object(line: str, where: Path, number: int) -> dict[str, Any]:
    value = json_value(line, where, number)
    if not isinstance(value, dict):
        what = f"the line holds a JSON {_KINDS.get(type(value), 'number')}, not an object"
        raise DataError(what, where=where, line=number, fix='Write one object per line, like {"text": "..."}')
    return value


def json_value(text: str, where: Path, number: int | None) -> Any:
    """The value of a JSON text; ``number`` is the line it stands on, None where it is the whole file.

    Raises:
        DataError: as :func:`parse_jsonl`, but for the kind of value.
    """
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_float=_finite, parse_constant=_refuse_constant)
        if text.count("[") + text.count("{") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
            raise RecursionError
        if "\\u" in text:  # only an escape can smuggle in half a surrogate pair, which no file or tokenizer takes
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        what = f"this is not valid JSON at column {error.colno}: {error.msg}"
        fix = "Write one JSON object per line" if number else "Correct the file"
        raise DataError(what, where=where, line=number or error.lineno, fix=fix) from None
    except UnicodeEncodeError:
        what = "a \\u escape is half a surrogate pair"
        raise DataError(what, where=where, line=number, fix="Write the character itself, in UTF-8") from None
    except _RefusedError as error:
        raise DataError(str(error), where=where, line=number, fix="Correct the object or drop the row") from None
    except ValueError:  # the interpreter's guard against converting very long integers
        raise DataError("a number has too many digits", where=where, line=number, fix="Write it as text") from None
    except RecursionError:
        what = f"the object is nested deeper than {MAX_DEPTH} levels"
        raise DataError(what, where=where, line=number, fix="Flatten it") from None
    return value


_KINDS: dict[type, str] = {list: "list", str: "string", bool: "boolean", type(None): "null"}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        double = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise _RefusedError(f"the key {double!r} occurs twice in one object")
    return fields


def _finite(digits: str) -> float:
    if math.isinf(number := float(digits)):
        raise _RefusedError(f"the number {digits[:40]} is too large")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise _RefusedError(f"{name} is not a JSON number")


def _depth(value: Any) -> int:
    """Levels of lists and objects inside each other; stops counting one above the limit."""
    level, depth = [value], 0
    while (level := [item for item in level if isinstance(item, dict | list)]) and depth <= MAX_DEPTH:
        depth += 1
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]
    return depth


def _csv_records(text: str, where: Path) -> Iterator[tuple[int, list[str]]]:
    # The limit belongs to the whole process: it is only ever raised, to the length a line may have.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE))
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    start = 1
    try:
        for cells in reader:
            if cells:
                yield start, cells
            start = reader.line_num + 1
    except csv.Error as error:
        what = f"the record that starts here is not valid csv: {error}"
        raise DataError(what, where=where, line=start, fix='Close each quoted cell and double the " inside') from None


def _table(records: Iterable[tuple[int, list[str]]], where: Path) -> list[Row]:
    records = iter(records)
    line, header = next(records, (1, []))
    if not header:
        raise DataError("the file is empty", where=where, fix="Begin it with a header line that names the columns")
    _check_header(header, where, line)
    rows = []
    for line, cells in records:
        if len(cells) != len(header):
            what = f"the row has {_columns(len(cells))}, the header has {len(header)}"
            names = ", ".join(name[:40] for name in header)
            raise DataError(what, where=where, line=line, fix=f"The columns by the header are: {names}")
        rows.append(Row(line, dict(zip(header, cells, strict=True))))
    return rows


def _check_header(names: list[str], where: Path, line: int | None) -> None:
    seen: set[str] = set()
    for number, name in enumerate(names, start=1):
        if not name.strip():
            raise DataError(f"column {number} has no name", where=where, line=line, fix="Name every column")
        if name in seen:
            raise DataError(f"two columns are called {name!r}", where=where, line=line, fix="Rename one of them")
        seen.add(name)


def _columns(count: int) -> str:
    return f"{count} column" if count == 1 else f"{count} columns"
