"""Reads a problem folder: ``problem.toml`` and the data files beside it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from isogloss.errors import DataError, unknown
from isogloss.languages import Language
from isogloss.problem.assembling import LABELLED, Settings, Table, assemble, languages, raw_pairs, raw_text, unique
from isogloss.problem.problem import Problem
from isogloss.readers import SUFFIXES, read_lines, read_rows
from isogloss.readers.text import decode
from isogloss.tasks import find_task

SETTINGS = ("task", "source", "targets", "labels", "columns", "metric")
FOLDERS = (*LABELLED, "unlabelled", "parallel", "lexicon", "labels")


def read_settings(folder: Path) -> Settings:
    """Read and check ``problem.toml``. Raises DataError."""
    path = folder / "problem.toml"
    if not folder.is_dir():
        raise DataError("There is no such folder", where=folder, fix="Make one with 'isogloss init'")
    if not path.is_file():
        raise DataError(
            "The file is missing", where=path, fix="Write task, source and targets into it, or use 'isogloss init'"
        )
    _stay_inside(path, folder)
    try:
        raw = tomllib.loads(decode(path))
    except tomllib.TOMLDecodeError as error:
        reason = str(error).rstrip(".")
        raise DataError(f"This is not valid TOML: {reason}", where=path, fix="Correct the line") from None
    for key in raw:
        if key not in SETTINGS:
            raise DataError(unknown("setting", key, SETTINGS).rstrip("."), where=path)
    for key in ("task", "source", "targets"):
        if key not in raw:
            raise DataError(f"The setting '{key}' is missing", where=path, fix=f"Add a line '{key} = ...'")
    if not isinstance(raw["task"], str):
        raise DataError(f"task = {raw['task']!r} is not a name", where=path, fix='Write task = "classification"')
    task = find_task(raw["task"], where=path)
    labels, columns, metric = raw.get("labels", "closed"), raw.get("columns", {}), raw.get("metric")
    if labels not in ("closed", "open"):
        raise DataError(f"labels = {labels!r} is not known", where=path, fix="Write 'closed' or 'open'")
    if not isinstance(columns, dict) or not all(isinstance(name, str) for name in columns.values()):
        raise DataError("'columns' is not a table of names", where=path, fix='Write columns = { text = "sentence" }')
    return Settings(
        task=task,
        source=languages(raw["source"], "source", path),
        targets=languages(raw["targets"], "targets", path),
        open_labels=labels == "open",
        columns=columns,
        metric=metric,
        home=folder,
    )


def read_folder(folder: Path) -> Problem:
    """Read a problem folder into a :class:`Problem`. Raises DataError."""
    settings = read_settings(folder)
    notices: list[str] = []
    files = {kind: _files(folder, kind, notices) for kind in FOLDERS}
    tables = {
        split: [
            Table(lang=_language_of(path), place=_place(path), rows=partial(read_rows, path, columns=settings.columns))
            for path in files[split]
        ]
        for split in LABELLED
    }
    text = (raw_text(read_lines(path), _language_of(path), _place(path), settings) for path in files["unlabelled"])
    pairs = (raw_pairs(_pairs(path), _two_languages(path), _place(path), settings) for path in files["parallel"])
    return assemble(
        settings,
        tables,
        name=folder.resolve().name,
        unlabelled=unique(text, settings),
        parallel=unique(pairs, settings),
        notices=notices,
    )


def _files(folder: Path, kind: str, notices: list[str]) -> list[Path]:
    place = folder / kind
    if not place.exists():
        return []
    _stay_inside(place, folder)
    if not place.is_dir():
        raise DataError(
            "This is a file, not a folder", where=place, fix="Make a folder with one file for each language"
        )
    found = []
    suffixes = {"unlabelled": (".txt",), "parallel": (".tsv",)}.get(kind, SUFFIXES)
    for path in sorted(place.iterdir()):
        if path.name.startswith(".") or path.name.lower() == "readme.md":
            continue
        _stay_inside(path, folder)
        if path.suffix == ".txt" and ".ann" in suffixes and path.with_suffix(".ann").exists():
            continue  # the text that a standoff file speaks of
        if path.suffix not in suffixes:
            raise DataError(
                f"'{path.suffix or path.name}' is not a known format",
                where=path,
                fix=f"Use one of {', '.join(suffixes)}",
            )
        found.append(path)
    if found and kind in ("lexicon", "labels"):
        notices.append(f"{kind}/ is not read: no recipe of this version uses it.")
        return []
    return found


def _stay_inside(path: Path, folder: Path) -> None:
    if not path.resolve().is_relative_to(folder.resolve()):
        raise DataError("This leads out of the problem folder", where=path, fix="Copy the file into the folder")


def _language_of(path: Path, name: str | None = None) -> Language:
    try:
        return Language.parse(path.stem if name is None else name)
    except DataError as error:
        raise DataError(
            error.what, where=path, fix="Name the file after its language: yor.conll, eng-yor.tsv"
        ) from None


def _two_languages(path: Path) -> tuple[Language, Language]:
    first, dash, second = path.stem.partition("-")
    if not dash:
        raise DataError("The name does not say two languages", where=path, fix="Name the file like eng-yor.tsv")
    return _language_of(path, first), _language_of(path, second)


def _pairs(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(read_lines(path), start=1):
        cells = line.split("\t")
        if len(cells) != 2:
            raise DataError(
                f"The number of columns is {len(cells)}, expected 2",
                where=path,
                line=number,
                fix="Write text TAB translation, without a header",
            )
        yield cells[0], cells[1]


def _place(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
