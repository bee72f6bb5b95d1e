"""Reads a problem from data in memory: data sets, tables and lists by language."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from isogloss.errors import DataError
from isogloss.languages import Language
from isogloss.problem.assembling import LABELLED, Settings, Table, assemble, raw_pairs, raw_text, unique
from isogloss.problem.problem import Problem
from isogloss.readers import Row
from isogloss.readers.rows import rename


def read_memory(settings: Settings, data: Mapping[str, Any], *, name: str) -> Problem:
    """A problem from what ``Problem.from_data`` was given, by split. Raises DataError."""
    tables = {
        split: [
            Table(lang=_language(code, place), place=place, rows=partial(_rows, table, place, settings.columns))
            for code, table, place in _by_language(data, split)
        ]
        for split in LABELLED
    }
    text = (
        raw_text(_lines(lines, place), _language(code, place), place, settings)
        for code, lines, place in _by_language(data, "unlabelled")
    )
    pairs = (
        raw_pairs(_pairs(rows, place), _two_languages(codes, place), place, settings)
        for codes, rows, place in _by_language(data, "parallel")
    )
    return assemble(settings, tables, name=name, unlabelled=unique(text, settings), parallel=unique(pairs, settings))


def records(data: Any, place: str) -> list[dict[str, Any]]:
    """Rows as dictionaries from a ``datasets.Dataset``, a pandas ``DataFrame`` or a list of dictionaries.

    Integers of ``datasets.ClassLabel`` columns become their names. One that has none becomes None, which no task takes
    for a label: the hub writes -1 where an item has no label. Arrays of numpy become lists. Raises DataError.
    """
    if hasattr(data, "to_dict") and hasattr(data, "columns"):  # pandas
        data = [{name: _plain(value) for name, value in row.items()} for row in data.to_dict("records")]
    rows = []
    for line, row in enumerate(_several(data, place), start=1):
        if not isinstance(row, Mapping) or not all(isinstance(column, str) for column in row):
            raise DataError(f"{row!r:.60} is not a row", where=place, line=line, fix="Give a dictionary by column name")
        rows.append(dict(row))
    for column, names in _class_names(getattr(data, "features", {})).items():
        for row in rows:
            value = row[column]
            row[column] = [names.get(v) for v in value] if isinstance(value, list) else names.get(value)
    return rows


def _rows(table: Any, place: str, columns: Mapping[str, str]) -> list[Row]:
    rows = [Row(line, fields) for line, fields in enumerate(records(table, place), start=1)]
    return rename(rows, columns, place)


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        value = value.tolist()
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _class_names(features: Mapping[str, Any]) -> dict[str, dict[int, str]]:
    named = {}
    for column, feature in features.items():
        inner = getattr(feature, "feature", feature)
        if names := getattr(inner, "names", None):
            named[column] = dict(enumerate(names))
    return named


def _by_language(data: Mapping[str, Any], key: str) -> Iterator[tuple[Any, Any, str]]:
    given = data.get(key)
    if given is None:
        return
    if not isinstance(given, Mapping):
        example = "{('eng', 'yor'): ...}" if key == "parallel" else "{'eng': ...}"
        raise DataError(f"'{key}' is not a dictionary by language", fix=f"Write {key}={example}")
    for code, value in given.items():
        yield code, value, f"{key}[{', '.join(map(repr, code)) if isinstance(code, tuple) else repr(code)}]"


def _language(code: Any, place: str) -> Language:
    if not isinstance(code, str):
        raise DataError(f"{code!r:.40} is not a language code", where=place, fix="Write a code such as 'yor'")
    try:
        return Language.parse(code)
    except DataError as error:
        raise DataError(error.what, where=place, fix=error.fix) from None


def _two_languages(codes: Any, place: str) -> tuple[Language, Language]:
    if not isinstance(codes, tuple) or len(codes) != 2:
        raise DataError("The key does not say two languages", where=place, fix="Write parallel={('eng', 'yor'): ...}")
    return _language(codes[0], place), _language(codes[1], place)


def _lines(lines: Any, place: str) -> Iterator[str]:
    for number, line in enumerate(_several(lines, place), start=1):
        if not isinstance(line, str):
            raise DataError(f"{line!r:.60} is not text", where=place, line=number, fix="Give a list of strings")
        yield line


def _pairs(pairs: Any, place: str) -> Iterator[tuple[str, str]]:
    for number, pair in enumerate(_several(pairs, place), start=1):
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not all(isinstance(side, str) for side in pair):
            what = f"{pair!r:.60} is not a text and its translation"
            raise DataError(what, where=place, line=number, fix="Give pairs of strings")
        yield pair[0], pair[1]


def _several(data: Any, place: str) -> Iterable[Any]:
    if isinstance(data, str | bytes | Mapping) or not isinstance(data, Iterable):
        raise DataError(f"This is {type(data).__name__}, not a table or list", where=place, fix="Give a list of rows")
    return data
