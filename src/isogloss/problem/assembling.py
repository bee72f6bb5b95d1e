"""Puts a problem together from what a folder or memory holds: the same checks and notices for both."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from isogloss.errors import DataError, unknown
from isogloss.example import Example
from isogloss.languages import Language, find
from isogloss.problem.problem import Problem, make_examples
from isogloss.readers import Row
from isogloss.tasks import Task

log = logging.getLogger("isogloss")

LABELLED = ("train", "dev", "test", "few")

K = TypeVar("K")
V = TypeVar("V")
Examples = tuple[Example, ...]
Pairs = tuple[tuple[Example, Example], ...]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What ``problem.toml`` or the arguments of ``Problem.from_data`` say; a language in both roles is a DataError.

    Attributes:
        labels: the label set, None where the training data tell it.
        open_labels: whether dev, few and test may hold labels that training does not.
        columns: the data's own column name for each task field that is called something else.
        home: the problem folder, None for data in memory.
    """

    task: type[Task]
    source: tuple[Language, ...]
    targets: tuple[Language, ...]
    labels: tuple[str, ...] | None = None
    open_labels: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)
    metric: str | None = None
    home: Path | None = None

    def __post_init__(self) -> None:
        if both := {lang.code for lang in self.source} & {lang.code for lang in self.targets}:
            what = f"{', '.join(sorted(both))} is both a source and a target"
            raise DataError(what, where=self.file, fix="List it once")

    @property
    def everyone(self) -> tuple[Language, ...]:
        return (*self.source, *self.targets)

    @property
    def file(self) -> Path | None:
        """The file that the settings stand in."""
        return None if self.home is None else self.home / "problem.toml"

    @property
    def holder(self) -> str:
        """What holds the rows of one language."""
        return "table" if self.home is None else "file"

    def where(self, place: str) -> Path | str:
        """A place as messages name it."""
        return place if self.home is None else self.home / place

    def own(self, language: Language) -> Language:
        """The problem's own spelling of a language, so that ``sw.txt`` serves the target ``swh``."""
        return find(language, self.everyone) or language


@dataclass(frozen=True, kw_only=True)
class Table:
    """Labelled rows of one language, read only if they are wanted; ``place`` is ``test/yor.csv`` or ``test['yor']``."""

    lang: Language
    place: str
    rows: Callable[[], list[Row]]


def assemble(
    settings: Settings,
    tables: Mapping[str, Iterable[Table]],
    *,
    name: str,
    unlabelled: Mapping[str, Examples],
    parallel: Mapping[tuple[str, str], Pairs],
    notices: Iterable[str] = (),
) -> Problem:
    """A checked problem from labelled tables by split; what was left unread and why goes to its notices and the log.

    Raises:
        DataError: rows, labels, the metric or the languages of the tables are not what they should be.
    """
    said = list(notices)
    splits = {split: _read_split(split, tables.get(split, ()), settings, said) for split in LABELLED}
    for lang in settings.source:
        if splits["train"] and lang.code not in splits["train"]:
            what = f"The source language {lang.spelled} has no training {settings.holder}"
            fix = f"Add train/{lang.spelled}.jsonl" if settings.home else f"Add train['{lang.spelled}']"
            raise DataError(what, where=settings.where("train"), fix=fix)
    task = _task(settings, splits)
    for lang in settings.targets:
        if lang.code not in splits["test"]:
            said.append(f"{lang.spelled} has no test {settings.holder}: it gets no score.")
    said += _blank(task, splits)
    for notice in said:
        log.warning("%s", notice)
    return Problem(
        name=name,
        task=task,
        source=tuple(lang.code for lang in settings.source),
        targets=tuple(lang.code for lang in settings.targets),
        unlabelled=unlabelled,
        parallel=parallel,
        spelled={lang.code: lang.spelled for lang in settings.everyone},
        notices=tuple(said),
        **splits,
    )


def languages(value: object, key: str, where: Path | None = None) -> tuple[Language, ...]:
    """The languages of ``source`` or ``targets``: a code or several. Raises DataError."""
    codes = [value] if isinstance(value, str) else value
    if not isinstance(codes, Sequence) or not codes or not all(isinstance(code, str) for code in codes):
        raise DataError(f"'{key}' is not a list of language codes", where=where, fix=f'Write {key} = ["eng"]')
    try:
        found = tuple(Language.parse(code) for code in codes)
    except DataError as error:
        raise DataError(f"'{key}': {error.what}", where=where, fix=error.fix) from None
    for i, lang in enumerate(found):
        if lang in found[:i]:
            raise DataError(f"'{key}' names {lang.spelled} twice", where=where, fix="List it once")
    return found


def raw_text(
    lines: Iterable[str], language: Language, place: str, settings: Settings
) -> tuple[tuple[str, Examples], str]:
    """The code of a language with its unlabelled examples, one a line that is not blank, and the place."""
    lang = settings.own(language).code
    examples = tuple(
        Example(id=f"{lang}/unlabelled/{number}", lang=lang, fields={"text": line}, place=f"{place}:{number}")
        for number, line in enumerate(lines, start=1)
        if line.strip()
    )
    if not examples:
        what = f"The {settings.holder} holds no text"
        raise DataError(what, where=settings.where(place), fix="Add text or leave it out")
    return (lang, examples), place


def raw_pairs(
    pairs: Iterable[tuple[str, str]], languages: tuple[Language, Language], place: str, settings: Settings
) -> tuple[tuple[tuple[str, str], Pairs], str]:
    """The codes of two languages with the pairs of a text and its translation, and the place."""
    first, second = (settings.own(language).code for language in languages)
    name = "-".join(language.spelled for language in languages)
    examples = tuple(
        (
            Example(id=f"{first}/{name}/{number}", lang=first, fields={"text": one}, place=f"{place}:{number}"),
            Example(id=f"{second}/{name}/{number}", lang=second, fields={"text": other}, place=f"{place}:{number}"),
        )
        for number, (one, other) in enumerate(pairs, start=1)
    )
    if not examples:
        what = f"The {settings.holder} holds no pairs"
        raise DataError(what, where=settings.where(place), fix="Add pairs or leave it out")
    return ((first, second), examples), place


def unique(read: Iterable[tuple[tuple[K, V], str]], settings: Settings) -> dict[K, V]:
    """What was read by its language or languages. Raises DataError where two spellings are the same language."""
    found: dict[K, V] = {}
    for (key, value), place in read:
        if key in found:
            what = f"There is a second {settings.holder} for the same language"
            raise DataError(what, where=settings.where(place), fix="Keep one of them")
        found[key] = value
    return found


def _read_split(split: str, tables: Iterable[Table], settings: Settings, notices: list[str]) -> dict[str, Examples]:
    wanted = {"test": settings.everyone, "few": settings.targets}.get(split, settings.source)
    found: dict[str, Examples] = {}
    for table in tables:
        # Among everyone: a target must not be taken for the source that is its macrolanguage.
        match = find(table.lang, settings.everyone)
        if match is None or match not in wanted:
            notices.append(f"{table.place} is not read: {_why_unread(table.lang, match, split, settings)}.")
            continue
        where = settings.where(table.place)
        if match.code in found:
            what = f"There is a second {settings.holder} for {match.spelled} in {split}"
            raise DataError(what, where=where, fix="Keep one of them")
        rows = table.rows()
        if not rows:
            what = f"The {settings.holder} holds no examples"
            raise DataError(what, where=where, fix="Add rows or leave it out")
        found[match.code] = make_examples(
            settings.task, rows, lang=match.code, split=split, place=table.place, home=settings.home
        )
    return found


def _blank(task: Task, splits: Mapping[str, Mapping[str, Examples]]) -> Iterator[str]:
    """A notice for each table that has rows without text, empty or of white space alone."""
    for table in (table for split in splits.values() for table in split.values()):
        if bare := [row.place for row in table if not all(map(str.strip, task.texts(row.fields)))]:
            yield f"{bare[0]}: a text is blank" + (f", the first of {len(bare)}." if len(bare) > 1 else ".")


def _why_unread(lang: Language, match: Language | None, split: str, settings: Settings) -> str:
    if match is None:
        return f"{lang.spelled} is neither a source nor a target" + (" in problem.toml" if settings.home else "")
    if split == "few":
        return "only targets are few-shot"
    return "labels of a target language are not used in zero-shot transfer"


def _task(settings: Settings, splits: Mapping[str, Mapping[str, Examples]]) -> Task:
    by_split = {split: list(_all(splits[split])) for split in LABELLED}
    learnt = by_split["train"] + (by_split["few"] if settings.open_labels or not by_split["train"] else [])
    known = next(filter(None, (learnt, by_split["dev"], by_split["test"])), None)
    if known is None:
        raise DataError("There is no labelled data", where=settings.home, fix="Add train/<source language>.jsonl")
    try:
        task = settings.task.from_data(known, settings.labels)
    except ValueError as error:
        raise DataError(str(error), where=settings.where("train"), fix="Use one kind of label throughout") from None
    if len(task.outputs) < 2 and task.metric != "spearman":
        what = f"All training examples have the same label '{''.join(task.outputs)}'"
        raise DataError(what, where=settings.where("train"), fix="A task needs two labels")
    if settings.metric is not None:
        if settings.metric not in task.metrics:
            what = unknown("metric", str(settings.metric), task.metrics).rstrip(".")
            raise DataError(what, where=settings.file)
        task = replace(task, metric=settings.metric)
    for split, examples in by_split.items():
        _check_labels(task, split, examples, settings)
    return task


def _check_labels(task: Task, split: str, examples: Iterable[Example], settings: Settings) -> None:
    known = set(task.labels)
    names = ", ".join(sorted(known)[:12])
    unheard = f"is not in the given label set ({names})" if settings.labels else f"does not occur in training ({names})"
    way_out = "add it to labels" if settings.labels else 'set labels = "open" in problem.toml'
    if settings.home is None and split != "train":
        way_out = "allow it with open_labels=True"
    for example in examples:
        place, _, line = example.place.rpartition(":")
        if ("score" in example.fields) == bool(task.labels):
            kinds = ("a score", "a label") if task.labels else ("a label", "a score")
            what = f"the row has {kinds[0]}, the training data have {kinds[1]}"
            raise DataError(what, where=settings.where(place), line=int(line), fix="Use one kind throughout")
        strange = task.labels_in(example.fields) - known
        if strange and (split == "train" or not settings.open_labels):
            what = f"the label '{min(strange)}' {unheard}"
            raise DataError(what, where=settings.where(place), line=int(line), fix=f"Correct it, or {way_out}")


def _all(data: Mapping[str, Examples]) -> Iterator[Example]:
    return (example for examples in data.values() for example in examples)
