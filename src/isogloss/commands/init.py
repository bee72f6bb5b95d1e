"""Makes a problem folder out of a data file: commented settings, training and development data."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from isogloss.errors import DataError, IsoglossError
from isogloss.languages import Language
from isogloss.problem import make_examples
from isogloss.readers import SUFFIXES, Row, read_rows
from isogloss.tasks import Task, find_task

log = logging.getLogger("isogloss")

FIELDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "classification": (("text", "label"),),
    "pair": (("text_a", "text_b", "label"), ("text_a", "text_b", "score")),
    "tagging": (("tokens", "tags"), ("text", "spans")),
    "qa": (("question", "context", "answers"),),
    "event_arguments": (("text", "trigger", "arguments"),),
}
"""By task: the sets of columns it can be read from, the first that fits is taken."""

KEPT = ("id", "text", "offsets", "is_impossible")
"""Further columns that are copied where they are."""

DEV_SHARE = 0.1
EXAMPLE_TARGETS = ("yor", "swa")


def init(
    folder: str | Path,
    *,
    task: str,
    source: str = "eng",
    targets: Sequence[str] = (),
    data: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
) -> Path:
    """Make a problem folder, whole or not at all.

    Args:
        folder: the new folder; it is not there yet, or empty.
        task: name of the task.
        source: language of the data.
        targets: languages to transfer to; without any, two are written down as an example.
        data: labelled rows of the source language: nine tenths become ``train/``, one tenth ``dev/`` (at least one
            row; evenly by label, chosen by a hash of the row, so that the same file is always split alike).
        columns: the file's column name for each task field that is called something else.

    Returns:
        The folder.

    Raises:
        DataError: the task or a language is not one, or the data file is not what the task reads.
        IsoglossError: the folder holds something.
    """
    folder = Path(folder)
    kind, origin = find_task(task), Language.parse(source)
    aims = [Language.parse(code) for code in targets]
    if origin in aims or len(set(aims)) < len(aims):
        raise DataError("A target is named twice or is the source", fix="Name each language once")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise IsoglossError("There is something here already", where=folder, fix="Choose a new folder")
    splits = split_rows(read_labelled(Path(data), kind, origin.code, columns or {})) if data is not None else {}
    if not aims:
        aims = [lang for lang in map(Language.parse, EXAMPLE_TARGETS) if lang != origin]
        names = ", ".join(lang.spelled for lang in aims)
        log.warning("No targets were named: problem.toml has %s as an example, put your own there.", names)
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _write(staging, kind, origin, aims, splits)
        staging.chmod(0o777 & ~_umask())
        staging.replace(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return folder


def read_labelled(
    path: Path, task: type[Task], lang: str, columns: Mapping[str, str]
) -> list[tuple[str, dict[str, Any]]]:
    """The label and the fields of each row of a data file. Raises DataError if the task cannot read one."""
    rows = _renamed(read_rows(path, columns=columns), task, path)
    examples = make_examples(task, rows, lang=lang, split="train", place=str(path))
    if len(examples) < 2:
        raise DataError(
            "The file has fewer than two rows", where=path, fix="Training and development data need one each"
        )
    labels = [",".join(sorted(task.labels_in(example.fields))) for example in examples]
    # Tags are written as they were understood: a part of the file might look like another scheme than the whole.
    fields = [
        row.fields | ({"tags": list(example.fields["tags"])} if "tags" in row.fields else {})
        for row, example in zip(rows, examples, strict=True)
    ]
    return list(zip(labels, fields, strict=True))


def split_rows(labelled: Sequence[tuple[str, dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """``train`` and ``dev``, each in the order of the file: a tenth of every label's rows is dev, at least one row."""
    by_label: dict[str, list[int]] = defaultdict(list)
    for i, (label, _) in enumerate(labelled):
        by_label[label].append(i)
    chosen: set[int] = set()
    for members in by_label.values():
        chosen.update(_by_hash(members, labelled)[: round(DEV_SHARE * len(members))])
    if not chosen:
        chosen.update(_by_hash(max(by_label.values(), key=len), labelled)[:1])
    rows = [fields for _, fields in labelled]
    return {
        "train": [row for i, row in enumerate(rows) if i not in chosen],
        "dev": [row for i, row in enumerate(rows) if i in chosen],
    }


def _by_hash(members: Sequence[int], labelled: Sequence[tuple[str, dict[str, Any]]]) -> list[int]:
    return sorted(members, key=lambda i: hashlib.sha256(repr(sorted(labelled[i][1].items())).encode()).digest())


def _renamed(rows: Sequence[Row], task: type[Task], path: Path) -> list[Row]:
    """The rows with the task's columns and no others; names are matched without regard to case."""
    if not rows:
        raise DataError("The file holds no rows", where=path, fix="Give a file with labelled examples")
    there = {name.lower(): name for name in rows[0].fields}
    wanted = next((names for names in FIELDS[task.name] if set(names) <= there.keys()), None)
    if wanted is None:
        missing = [name for name in FIELDS[task.name][0] if name not in there]
        have = ", ".join(rows[0].fields)
        example = ",".join(f"{field}={column}" for field, column in zip(missing, _spare(rows[0], task), strict=False))
        shown = example or ",".join(f"{field}=COLUMN" for field in missing)
        what = f"A {task.name} row needs {' and '.join(missing)}; the columns are {have}"
        raise DataError(what, where=path, line=rows[0].line, fix=f"Say which is which: --columns {shown}")
    kept = {name: there[name] for name in dict.fromkeys((*KEPT, *wanted)) if name in there}
    return [
        replace(row, fields={name: row.fields[own] for name, own in kept.items() if own in row.fields}) for row in rows
    ]


def _spare(row: Row, task: type[Task]) -> Iterator[str]:
    taken = {"id", *(name for names in FIELDS[task.name] for name in names)}
    return (name for name in row.fields if name.lower() not in taken)


def _write(
    folder: Path, task: type[Task], source: Language, targets: Sequence[Language], splits: Mapping[str, Sequence[Any]]
) -> None:
    aims = [lang.spelled for lang in targets]
    words = {
        "task": task.name,
        "tasks": ", ".join(FIELDS),
        "source": source.spelled,
        "target": aims[0],
        "targets": json.dumps(aims, ensure_ascii=False),
        "suffixes": ", ".join(SUFFIXES),
        "fields": " or ".join(", ".join(names) for names in FIELDS[task.name]),
    }
    (folder / "problem.toml").write_text(SETTINGS.format(**words), encoding="utf-8")
    (folder / "README.md").write_text(README.format(**words), encoding="utf-8")
    for split, rows in splits.items():
        (folder / split).mkdir()
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / split / f"{source.spelled}.jsonl").write_text(lines, encoding="utf-8")


def _umask() -> int:
    mask = os.umask(0)  # the only way to read it is to set it
    os.umask(mask)
    return mask


SETTINGS = """\
# What is predicted: {tasks}.
task = "{task}"

# Languages that have labels: train/{source}.jsonl and dev/{source}.jsonl.
source = ["{source}"]

# Languages to transfer to. test/{target}.jsonl, where there is one, is read for scores only, never for training.
targets = {targets}

# The score that checkpoints are chosen by and means are taken of; the task's usual one if it is left out.
# metric = "macro_f1"

# The data's own names for the task's fields, where they differ.
# columns = {{ text = "sentence", label = "topic" }}
"""

README = """\
# Where the data goes

One file for each language, named after it ({suffixes}), with the columns
{fields} (and, if you like, id: the same id in two languages means a translation).

- `train/{source}.jsonl`: labelled examples to learn from
- `dev/{source}.jsonl`: labelled examples by which a checkpoint is chosen
- `test/{target}.jsonl`: labelled examples of a target language, for scores only; optional

Then: `isogloss check .` and `isogloss transfer .`
"""
