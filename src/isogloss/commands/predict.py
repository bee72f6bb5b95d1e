"""Predictions for a stream of inputs: what ``isogloss predict`` reads and writes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

from isogloss.errors import DataError
from isogloss.languages import Language
from isogloss.problem import make_examples
from isogloss.readers import Row
from isogloss.readers.tables import parse_jsonl
from isogloss.system import System
from isogloss.tasks import Task

CHUNK = 512
MAX_BYTES = 2**22
"""The longest line that is read, in bytes."""
PLACE = "stdin"


def predict(
    system: System | str | Path,
    stream: BinaryIO,
    *,
    lang: str | None = None,
    labels: Sequence[str] | None = None,
    threshold: float | None = None,
    quiet: bool = True,
) -> Iterator[dict[str, Any]]:
    """Predict for every line of a stream, ``CHUNK`` lines at a time.

    Args:
        system: the system, or the folder of its run.
        stream: UTF-8 bytes. JSON lines if the first line that is not blank is a JSON object, else one text a line; a
            blank line is then an input like any other.
        lang: the inputs' language; ``auto`` detects it text by text, none leaves it ``und``.
        labels: the label set; a system with closed labels takes none but its own, one with open labels any.
        threshold: of open labels: what is likelier is an entity. By default that of the training.
        quiet: no progress bars.

    Returns:
        Rows in order: ``id`` (the input's own, else the number of its line), ``lang``, ``prediction`` and ``score``.

    Raises:
        IsoglossError: there is no system, it has other labels, or has no member for the language.
        DataError: while it is read from: a line is not UTF-8, not JSON or not what the task reads.
    """
    if lang is not None:
        Language.parse(lang)  # before the model is loaded
    system = system if isinstance(system, System) else System.from_pretrained(system)
    if labels is not None or threshold is not None:
        system = system.with_labels(system.task.labels if labels is None else labels, threshold=threshold)
    return _predictions(system, read_inputs(stream, system.task), lang, quiet)


def read_inputs(stream: BinaryIO, task: Task) -> Iterator[Row]:
    """The inputs of a task from a stream of text lines or JSON lines. Raises DataError with the number of the line."""
    lines = _lines(stream)
    head: list[tuple[int, str]] = []
    for numbered in lines:
        head.append(numbered)
        if numbered[1].strip():
            break
    everything = chain(head, lines)
    if head and _is_object(head[-1][1]):
        yield from (_json_row(number, line) for number, line in everything if line.strip())
        return
    names = task.inputs
    for number, line in everything:
        if len(names) > 1:
            example = json.dumps(dict.fromkeys(names, "..."))
            what = f"this is plain text, and the task reads {' and '.join(names)}"
            raise DataError(what, where=PLACE, line=number, fix=f"Write JSON lines like {example}")
        yield Row(number, {names[0]: line})


def _predictions(system: System, inputs: Iterator[Row], lang: str | None, quiet: bool) -> Iterator[dict[str, Any]]:
    while rows := list(islice(inputs, CHUNK)):
        # Ids of inputs are labels for the eye and may repeat: they are handed on, not used.
        nameless = [Row(row.line, {key: value for key, value in row.fields.items() if key != "id"}) for row in rows]
        examples = make_examples(type(system.task), nameless, lang="und", split="inputs", place=PLACE, labelled=False)
        codes = system.languages(examples, lang)
        answers = system.predict_examples(examples, langs=codes, quiet=quiet)
        for row, code, answer in zip(rows, codes, answers, strict=True):
            yield {
                "id": row.fields.get("id", row.line),
                "lang": code if lang in (None, "auto") else lang,
                "prediction": answer.value,
                "score": round(answer.score, 6),
            }


def _lines(stream: BinaryIO) -> Iterator[tuple[int, str]]:
    number = 0
    while raw := stream.readline(MAX_BYTES + 1):
        number += 1
        if len(raw) > MAX_BYTES:
            raise DataError(f"the line has more than {MAX_BYTES:,} bytes", where=PLACE, line=number, fix="Break it up")
        if (nul := raw.find(b"\0")) >= 0:
            what = f"there is a NUL byte at byte offset {nul} of the line"
            raise DataError(what, where=PLACE, line=number, fix="Send UTF-8 text")
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            what = f"byte 0x{raw[error.start]:02x} at byte offset {error.start} of the line is not UTF-8 text"
            raise DataError(what, where=PLACE, line=number, fix="Send UTF-8 text") from None
        if number == 1:
            text = text.removeprefix("\ufeff")
        yield number, text.removesuffix("\n").removesuffix("\r")


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _json_row(number: int, line: str) -> Row:
    try:
        (row,) = parse_jsonl(line.replace("\r", " "), Path(PLACE))
    except DataError as error:
        raise DataError(error.what, where=PLACE, line=number, fix=error.fix) from None
    return Row(number, row.fields)
