"""The raw row that every reader gives, whatever the format of the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from isogloss.errors import DataError


@dataclass(frozen=True, slots=True)
class Row:
    """One item of a data file, before any task has looked at it.

    Attributes:
        line: 1-based line of the file where the row starts; for a sentence the line of its first token, for parquet
            the number of the row.
        fields: the raw fields by column name.
        lines: in the CoNLL formats the line of each token, else empty.
    """

    line: int
    fields: dict[str, Any]
    lines: tuple[int, ...] = ()


def rename(rows: list[Row], columns: Mapping[str, str], where: Path | str) -> list[Row]:
    """The rows with the names a task knows in place of the file's own.

    Args:
        rows: as the file has them.
        columns: the file's column name for each task field that is called something else. A column of the file that
            already bears a task field's name makes way for the one that is mapped to it.
        where: the file or the name of the data, for messages.

    Raises:
        DataError: a row lacks a mapped column.
    """
    if not columns:
        return rows
    sources = set(columns.values())
    renamed = []
    for row in rows:
        for field, column in columns.items():
            if column not in row.fields:
                raise DataError(
                    f"there is no column {column!r} for the field {field!r}",
                    where=where,
                    line=row.line,
                    fix=f"The columns are: {', '.join(row.fields) or 'none'}",
                )
        kept = {name: value for name, value in row.fields.items() if name not in sources and name not in columns}
        renamed.append(replace(row, fields=kept | {field: row.fields[column] for field, column in columns.items()}))
    return renamed
