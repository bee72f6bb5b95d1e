"""Reads a problem folder: ``problem.toml`` and the data files beside it."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from isogloss.errors import DataError, unknown
from isogloss.example import Example
from isogloss.languages import Language, find
from isogloss.problem import Problem, make_examples
from isogloss.readers import SUFFIXES, read_lines, read_rows
from isogloss.readers.text import decode
from isogloss.tasks import Task, find_task

log = logging.getLogger("isogloss")

K = TypeVar("K")
V = TypeVar("V")

SETTINGS = ("task", "source", "targets", "labels", "columns", "metric")
LABELLED = ("train", "dev", "test", "few")
FOLDERS = (*LABELLED, "unlabelled", "parallel", "lexicon", "labels")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """``problem.toml``, checked."""

    task: type[Task]
    source: tuple[Language, ...]
    targets: tuple[Language, ...]
    labels: str = "closed"
    columns: Mapping[str, str] = field(default_factory=dict)
    metric: str | None = None


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
    source, targets = _languages(raw, "source", path), _languages(raw, "targets", path)
    if both := {lang.code for lang in source} & {lang.code for lang in targets}:
        raise DataError(f"{', '.join(sorted(both))} is both a source and a target", where=path, fix="List it once")
    return Settings(task=task, source=source, targets=targets, labels=labels, columns=columns, metric=metric)


def read_folder(folder: Path) -> Problem:
    """Read a problem folder into a :class:`Problem`. Raises DataError."""
    settings = read_settings(folder)
    notices: list[str] = []
    files = {kind: _files(folder, kind, notices) for kind in FOLDERS}
    everyone = (*settings.source, *settings.targets)
    wanted = {"train": settings.source, "dev": settings.source, "test": everyone, "few": settings.targets}
    splits: dict[str, dict[str, tuple[Example, ...]]] = {}
    for split in LABELLED:
        splits[split] = {}
        for path in files[split]:
            lang = _language_of(path)
            match = find(lang, wanted[split])
            if match is None:
                notices.append(f"{split}/{path.name} is not read: {_why_unread(lang, split, everyone)}.")
                continue
            if match.code in splits[split]:
                raise DataError(
                    f"There is a second file for {match.spelled} in {split}/", where=path, fix="Keep one of them"
                )
            splits[split][match.code] = _read_split(path, settings, match.code, split, folder)
    _require_train(settings, splits, folder)
    task = _task(settings, splits, folder)
    for lang in settings.targets:
        if lang.code not in splits["test"]:
            notices.append(f"{lang.spelled} has no test file: it gets predictions but no score.")
    for notice in notices:
        log.warning("%s", notice)
    return Problem(
        name=folder.resolve().name,
        task=task,
        source=tuple(lang.code for lang in settings.source),
        targets=tuple(lang.code for lang in settings.targets),
        unlabelled=_unique((_read_text(path, everyone), path) for path in files["unlabelled"]),
        parallel=_unique((_read_pairs(path, everyone), path) for path in files["parallel"]),
        spelled={lang.code: lang.spelled for lang in everyone},
        notices=tuple(notices),
        train=splits["train"],
        dev=splits["dev"],
        test=splits["test"],
        few=splits["few"],
    )


def _languages(raw: Mapping[str, Any], key: str, path: Path) -> tuple[Language, ...]:
    value = [raw[key]] if isinstance(raw[key], str) else raw[key]
    if not isinstance(value, list) or not value or not all(isinstance(code, str) for code in value):
        raise DataError(f"'{key}' is not a list of language codes", where=path, fix=f'Write {key} = ["eng"]')
    try:
        languages = tuple(Language.parse(code) for code in value)
    except DataError as error:
        raise DataError(f"'{key}': {error.what}", where=path, fix=error.fix) from None
    for i, lang in enumerate(languages):
        if lang.code in {other.code for other in languages[:i]}:
            raise DataError(f"'{key}' names {lang.spelled} twice", where=path, fix="List it once")
    return languages


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


def _why_unread(lang: Language, split: str, everyone: Iterable[Language]) -> str:
    known = {language.code for language in everyone}
    if lang.code not in known:
        return f"{lang.spelled} is neither a source nor a target in problem.toml"
    return (
        "labels of a target language are not used in zero-shot transfer"
        if split != "few"
        else "only targets are few-shot"
    )


def _read_split(path: Path, settings: Settings, lang: str, split: str, folder: Path) -> tuple[Example, ...]:
    rows = read_rows(path, columns=settings.columns)
    if not rows:
        raise DataError("The file holds no examples", where=path, fix="Add rows or delete the file")
    place = f"{split}/{path.name}"
    try:
        return make_examples(settings.task, rows, lang=lang, split=split, place=place)
    except DataError as error:
        raise DataError(error.what, where=folder / place, line=error.line, fix=error.fix) from None


def _require_train(settings: Settings, splits: Mapping[str, Mapping[str, Any]], folder: Path) -> None:
    for lang in settings.source:
        if splits["train"] and lang.code not in splits["train"]:
            raise DataError(
                f"The source language {lang.spelled} has no training file",
                where=folder / "train",
                fix=f"Add train/{lang.spelled}.jsonl",
            )


def _task(settings: Settings, splits: Mapping[str, Mapping[str, tuple[Example, ...]]], folder: Path) -> Task:
    known = [example for split in ("train", "dev") for examples in splits[split].values() for example in examples]
    train = [example for examples in splits["train"].values() for example in examples] or known
    if not train:
        train = [example for examples in splits["test"].values() for example in examples]
    if not train:
        raise DataError("There is no labelled data", where=folder, fix="Add train/<source language>.jsonl")
    try:
        task = settings.task.from_data(train)
    except ValueError as error:
        raise DataError(str(error), where=folder / "train", fix="Use one kind of label throughout") from None
    if len(task.outputs) < 2 and task.metric != "spearman":
        raise DataError(
            f"All training examples have the same label {task.outputs}",
            where=folder / "train",
            fix="A task needs two labels",
        )
    if settings.metric is not None:
        if settings.metric not in task.metrics:
            raise DataError(
                unknown("metric", str(settings.metric), task.metrics).rstrip("."), where=folder / "problem.toml"
            )
        task = type(task)(**{**vars(task), "metric": settings.metric})
    _check_labels(task, splits, folder, closed=settings.labels == "closed")
    return task


def _check_labels(
    task: Task, splits: Mapping[str, Mapping[str, tuple[Example, ...]]], folder: Path, *, closed: bool
) -> None:
    known = set(task.labels)
    for split in ("dev", "few", "test"):
        for example in (example for examples in splits[split].values() for example in examples):
            place, _, line = example.place.rpartition(":")
            if ("score" in example.fields) == bool(task.labels):
                kinds = ("a score", "a label") if task.labels else ("a label", "a score")
                raise DataError(
                    f"the row has {kinds[0]}, the training data have {kinds[1]}",
                    where=folder / place,
                    line=int(line),
                    fix="Use one kind throughout",
                )
            for label in sorted(task.labels_in(example.fields) - known) if closed else ():
                raise DataError(
                    f"the label '{label}' does not occur in the training data ({', '.join(sorted(known)[:12])})",
                    where=folder / place,
                    line=int(line),
                    fix='Correct it, or set labels = "open" in problem.toml',
                )


def _read_text(path: Path, everyone: Sequence[Language]) -> tuple[str, tuple[Example, ...]]:
    lang = _code(_language_of(path), everyone)
    place = f"unlabelled/{path.name}"
    examples = tuple(
        Example(id=f"{lang}/unlabelled/{number}", lang=lang, fields={"text": line}, place=f"{place}:{number}")
        for number, line in enumerate(read_lines(path), start=1)
        if line.strip()
    )
    if not examples:
        raise DataError("The file holds no text", where=path, fix="Add text or delete the file")
    return lang, examples


def _read_pairs(
    path: Path, everyone: Sequence[Language]
) -> tuple[tuple[str, str], tuple[tuple[Example, Example], ...]]:
    first, dash, second = path.stem.partition("-")
    if not dash:
        raise DataError("The name does not say two languages", where=path, fix="Name the file like eng-yor.tsv")
    langs = (_code(_language_of(path, first), everyone), _code(_language_of(path, second), everyone))
    pairs = []
    for number, line in enumerate(read_lines(path), start=1):
        cells = line.split("\t")
        if len(cells) != 2:
            raise DataError(
                f"The number of columns is {len(cells)}, expected 2",
                where=path,
                line=number,
                fix="Write text TAB translation, without a header",
            )
        one, other = (
            Example(
                id=f"{lang}/{path.stem}/{number}",
                lang=lang,
                fields={"text": text},
                place=f"parallel/{path.name}:{number}",
            )
            for lang, text in zip(langs, cells, strict=True)
        )
        pairs.append((one, other))
    if not pairs:
        raise DataError("The file holds no pairs", where=path, fix="Add pairs or delete the file")
    return langs, tuple(pairs)


def _code(language: Language, everyone: Sequence[Language]) -> str:
    """The problem's own code for a language, so that ``sw.txt`` serves the target ``swh``."""
    match = find(language, everyone)
    return language.code if match is None else match.code


def _unique(read: Iterable[tuple[tuple[K, V], Path]]) -> dict[K, V]:
    found: dict[K, V] = {}
    for (key, value), path in read:
        if key in found:
            raise DataError("There is a second file for the same language", where=path, fix="Keep one of them")
        found[key] = value
    return found
