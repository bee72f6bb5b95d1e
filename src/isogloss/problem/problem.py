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
        train, dev: labelled source examples by language; the data stage may add training data in other languages.
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
        from isogloss.problem.folder import read_folder

        return read_folder(Path(folder))

    @classmethod
    def from_data(
        cls,
        *,
        task: str,
        source: str | Sequence[str],
        targets: str | Sequence[str],
        train: Mapping[str, Any] | None = None,
        dev: Mapping[str, Any] | None = None,
        test: Mapping[str, Any] | None = None,
        few: Mapping[str, Any] | None = None,
        unlabelled: Mapping[str, Iterable[str]] | None = None,
        parallel: Mapping[tuple[str, str], Iterable[tuple[str, str]]] | None = None,
        columns: Mapping[str, str] | None = None,
        labels: Sequence[str] | None = None,
        open_labels: bool = False,
        metric: str | None = None,
        name: str = "problem",
    ) -> Problem:
        """Build a problem from data in memory, by the rules of the folder with the same data.

        Args:
            task: name of the task.
            source: code or codes of the source languages.
            targets: code or codes of the target languages.
            train: data by language: a ``datasets.Dataset``, a pandas ``DataFrame`` or a list of dictionaries.
            dev: the same, for choosing checkpoints.
            test: the same, for scores.
            few: the same, for the few labelled examples of targets.
            unlabelled: lines of raw text by language.
            parallel: pairs of a text and its translation by the codes of the two languages.
            columns: the data's own column name for each field that is called something else.
            labels: the label set, where it should not be read off the training data.
            open_labels: whether dev, few and test may hold labels that training does not.
            metric: the primary metric, if not the task's first.
            name: a name for reports.

        Raises:
            DataError: a column is missing, a value is not what the task expects, or a language is not one.
        """
        from isogloss.problem.assembling import Settings, languages
        from isogloss.problem.memory import read_memory

        if labels is not None and (
            isinstance(labels, str)
            or not all(isinstance(label, str) and label for label in labels)
            or len(set(labels)) < len(labels)
        ):
            raise DataError(f"labels = {labels!r:.60} is not a list of different names", fix='Write labels=["a", "b"]')
        settings = Settings(
            task=find_task(task),
            source=languages(source, "source"),
            targets=languages(targets, "targets"),
            labels=tuple(labels) if labels else None,
            open_labels=open_labels,
            columns=columns or {},
            metric=metric,
        )
        data = {"train": train, "dev": dev, "test": test, "few": few, "unlabelled": unlabelled, "parallel": parallel}
        return read_memory(settings, data, name=name)

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

    def train_examples(self) -> tuple[Example, ...]:
        """All training examples: those of the sources, then those that a part has made in other languages."""
        made = (example for lang, rows in self.train.items() if lang not in self.source for example in rows)
        return (*self.source_examples("train"), *made)

    def spelling(self, lang: str) -> str:
        """The user's spelling of a canonical code."""
        return self.spelled.get(lang, lang)

    def fingerprint(self) -> str:
        """SHA-256 over everything but the test data: equal for problems that must train equal models."""
        digest = hashlib.sha256(json.dumps(self.task.config(), sort_keys=True).encode())
        digest.update(repr((self.source, self.targets)).encode())
        for split in ("train", "dev", "few", "unlabelled"):
            for lang, examples in sorted(getattr(self, split).items()):
                for example in examples:
                    digest.update(repr((split, lang, _content(example))).encode())
        for langs in sorted(self.parallel):
            texts = [[side.fields["text"] for side in pair] for pair in self.parallel[langs]]
            digest.update(repr((langs, texts)).encode())
        return digest.hexdigest()


def _content(example: Example) -> tuple[Any, ...]:
    views = [_content(example.views[lang]) for lang in sorted(example.views)]
    return example.id, example.lang, sorted(example.fields.items()), example.origin, example.score, views


def make_examples(
    task: type[Task],
    rows: Iterable[Row],
    *,
    lang: str,
    split: str,
    place: str,
    labelled: bool = True,
    home: Path | None = None,
) -> tuple[Example, ...]:
    """Examples from the raw rows of one file.

    Args:
        task: reads the rows.
        rows: all rows of the file.
        lang: canonical code of their language.
        split: for the ids of rows without one.
        place: the file, as ``Example.place`` has it.
        labelled: whether the rows have labels.
        home: the folder that ``place`` is in, for messages.

    Raises:
        DataError: the task cannot read a row, an id is there twice, or a tag may not stand where it stands.
    """
    rows = list(rows)
    where = place if home is None else home / place
    parsed: list[dict[str, Any]] = []
    for row in rows:
        try:
            parsed.append(task.parse(row.fields, labelled=labelled))
        except ValueError as error:
            fix = f"A {task.name} row needs its columns"
            raise DataError(str(error), where=where, line=row.line, fix=fix) from None
    if labelled:
        parsed = task.harmonise(parsed, where, [row.line for row in rows])
    examples: list[Example] = []
    first_line: dict[str, int] = {}
    for number, (row, fields) in enumerate(zip(rows, parsed, strict=True), start=1):
        given = row.fields.get("id")
        name = f"{lang}/{split}/{number}" if given is None or given == "" else str(given)
        if name in first_line:
            raise DataError(
                f"the id '{name}' was used before, in line {first_line[name]}",
                where=where,
                line=row.line,
                fix="Ids name an item and its translations; give each row of a file its own or drop the column",
            )
        first_line[name] = row.line
        examples.append(Example(id=name, lang=lang, fields=fields, place=f"{place}:{row.line}"))
    return tuple(examples)
