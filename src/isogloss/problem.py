"""The problem: a task, labelled source data, target languages, and the resources that methods may use."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from isogloss.errors import DataError
from isogloss.example import Example
from isogloss.languages import Language
from isogloss.readers import Row
from isogloss.tasks import Task, find_task

Split = Mapping[str, tuple[Example, ...]]
"""Examples by canonical language code."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is to be learnt, from what, for which languages.

    Attributes:
        name: the folder's name, for reports.
        task: the task with its label set.
        source: canonical codes of the languages that have labels.
        targets: canonical codes of the languages that have none.
        train, dev: labelled source examples by language.
        test: labelled examples of targets, and of sources for the gap; no part of the flow before the report sees them.
        few: the few labelled target examples of the few-shot regime.
        unlabelled: raw text by language, in the field ``text``.
        parallel: translation pairs by (language, language), in the field ``text`` of each side.
        spelled: the user's own spelling of each canonical code.
        notices: what was left unread and why, for the user's eyes.
    """

    name: str
    task: Task
    source: tuple[str, ...]
    targets: tuple[str, ...]
    train: Split = field(default_factory=dict)
    dev: Split = field(default_factory=dict)
    test: Split = field(default_factory=dict)
    few: Split = field(default_factory=dict)
    unlabelled: Split = field(default_factory=dict)
    parallel: Mapping[tuple[str, str], tuple[tuple[Example, Example], ...]] = field(default_factory=dict)
    spelled: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: str | Path) -> Problem:
        """Read a problem folder.

        Raises:
            DataError: something in the folder is wrong; the message names file, line, what was expected and the mend.
        """
        from isogloss.folder import read_folder

        return read_folder(Path(folder))

    @classmethod
    def from_data(
        cls,
        *,
        task: str,
        source: str | Sequence[str],
        targets: Sequence[str],
        train: Mapping[str, Any] | None = None,
        dev: Mapping[str, Any] | None = None,
        test: Mapping[str, Any] | None = None,
        columns: Mapping[str, str] | None = None,
        labels: Sequence[str] | None = None,
        name: str = "problem",
    ) -> Problem:
        """Build a problem from data in memory.

        Args:
            task: name of the task.
            source: code or codes of the source languages.
            targets: codes of the target languages.
            train: data by language: a ``datasets.Dataset``, a pandas ``DataFrame`` or a list of dictionaries.
            dev: the same, for choosing checkpoints.
            test: the same, for scores.
            columns: the data's own column name for each field that is called something else.
            labels: the label set, where it should not be read off the training data.
            name: a name for reports.

        Raises:
            DataError: a column is missing or a value is not what the task expects.
        """
        sources = [Language.parse(code) for code in ([source] if isinstance(source, str) else source)]
        aims = [Language.parse(code) for code in targets]
        kind = find_task(task)
        splits: dict[str, dict[str, tuple[Example, ...]]] = {}
        for split, data in {"train": train, "dev": dev, "test": test}.items():
            splits[split] = {}
            for code, table in (data or {}).items():
                lang, place = Language.parse(code), f"{split}['{code}']"
                rows = [Row(line=i, fields=row) for i, row in enumerate(records(table, columns or {}, place), start=1)]
                splits[split][lang.code] = make_examples(kind, rows, lang=lang.code, split=split, place=place)
        known = [example for split in ("train", "dev") for examples in splits[split].values() for example in examples]
        return cls(
            name=name,
            task=kind.from_data(known, labels),
            source=tuple(lang.code for lang in sources),
            targets=tuple(lang.code for lang in aims),
            spelled={lang.code: lang.spelled for lang in (*sources, *aims)},
            train=splits["train"],
            dev=splits["dev"],
            test=splits["test"],
        )

    def blind(self) -> Problem:
        """The same problem without its test data: all that the flow is ever given."""
        return replace(self, test={})

    def narrow(self, target: str) -> Problem:
        """The same problem with a single target language."""
        return replace(self, targets=(target,))

    def source_examples(self, split: str) -> tuple[Example, ...]:
        """All source examples of ``train`` or ``dev``, in the order of the source languages."""
        data: Split = getattr(self, split)
        return tuple(example for lang in self.source for example in data.get(lang, ()))

    def spelling(self, lang: str) -> str:
        """The user's spelling of a canonical code."""
        return self.spelled.get(lang, lang)

    def fingerprint(self) -> str:
        """SHA-256 over everything but the test data: equal for problems that must train equal models."""
        digest = hashlib.sha256(json.dumps(self.task.config(), sort_keys=True).encode())
        digest.update(repr((self.source, self.targets)).encode())
        for split in (self.train, self.dev, self.few, self.unlabelled):
            for lang in sorted(split):
                for example in split[lang]:
                    digest.update(repr((example.id, lang, sorted(example.fields.items()), example.origin)).encode())
        for langs in sorted(self.parallel):
            texts = [[side.fields["text"] for side in pair] for pair in self.parallel[langs]]
            digest.update(repr((langs, texts)).encode())
        return digest.hexdigest()


def make_examples(
    task: type[Task], rows: Iterable[Row], *, lang: str, split: str, place: str, labelled: bool = True
) -> tuple[Example, ...]:
    """Examples from raw rows. Raises DataError with place and line for a row the task cannot read or a repeated id."""
    examples: list[Example] = []
    first_line: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        try:
            fields = task.parse(row.fields, labelled=labelled)
        except ValueError as error:
            raise DataError(
                str(error), where=place, line=row.line, fix=f"A {task.name} row needs its columns"
            ) from None
        given = row.fields.get("id")
        name = f"{lang}/{split}/{number}" if given is None or given == "" else str(given)
        if name in first_line:
            raise DataError(
                f"the id '{name}' was used before, in line {first_line[name]}",
                where=place,
                line=row.line,
                fix="Ids name an item and its translations; give each row of a file its own or drop the column",
            )
        first_line[name] = row.line
        examples.append(Example(id=name, lang=lang, fields=fields, place=f"{place}:{row.line}"))
    return tuple(examples)


def records(data: Any, columns: Mapping[str, str], place: str) -> list[dict[str, Any]]:
    """Rows as dictionaries from a ``datasets.Dataset``, a pandas ``DataFrame`` or a list of dictionaries.

    Integers of ``datasets.ClassLabel`` columns become their names. Raises DataError if a named column is missing.
    """
    if hasattr(data, "to_dict") and hasattr(data, "columns"):  # pandas
        rows = data.to_dict("records")
    else:
        rows = [dict(row) for row in data]
    names = _class_names(getattr(data, "features", {}))
    for row in rows:
        for column, spelled in names.items():
            value = row[column]
            row[column] = [spelled[v] for v in value] if isinstance(value, list) else spelled[value]
    for wanted, own in columns.items():
        if rows and own not in rows[0]:
            raise DataError(f"column '{own}' (for '{wanted}') is missing; there are {', '.join(rows[0])}", where=place)
    return [row | {wanted: row[own] for wanted, own in columns.items()} for row in rows]


def _class_names(features: Mapping[str, Any]) -> dict[str, list[str]]:
    named = {}
    for column, feature in features.items():
        inner = getattr(feature, "feature", feature)
        if names := getattr(inner, "names", None):
            named[column] = names
    return named
