"""SQuAD's JSON (v1.1 and v2.0, also XQuAD, MLQA and TyDiQA-GoldP): articles, paragraphs, questions and answers."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from isogloss.errors import DataError
from isogloss.readers.rows import Row
from isogloss.readers.tables import json_value

log = logging.getLogger("isogloss")

LAYOUT = '{"data": [{"paragraphs": [{"context": "...", "qas": [...]}]}]}'


def parse_squad(text: str, where: Path) -> list[Row]:
    """One row per question: ``id``, ``context``, ``question``, ``answers`` and ``is_impossible`` where it is said.

    ``Row.line`` counts the questions from 1. An id that the file gives to several questions names none of them and is
    left out, with a notice in the log: TyDiQA-GoldP's training file numbers its questions so.

    Raises:
        DataError: the file is not JSON or not laid out like SQuAD; the question is named where there is one.
    """
    document = json_value(text, where, None)
    rows = [_row(number, context, raw, where) for number, (context, raw) in enumerate(_questions(document, where), 1)]
    uses = Counter(row.fields["id"] for row in rows if "id" in row.fields)
    shared = {name for name, count in uses.items() if count > 1}
    if shared:
        log.warning(
            "%s: %d ids belong to several questions each and are left out: they name no question.", where, len(shared)
        )
    return [
        Row(row.line, {key: value for key, value in row.fields.items() if key != "id" or value not in shared})
        for row in rows
    ]


def _questions(document: Any, where: Path) -> Iterator[tuple[str, Any]]:
    """The questions, each with its paragraph."""
    for a, article in enumerate(_list(document, "data", "the file", where), start=1):
        place = f"article {a}"
        for p, paragraph in enumerate(_list(article, "paragraphs", place, where), start=1):
            inner = f"{place}, paragraph {p}"
            questions = _list(paragraph, "qas", inner, where)
            context = paragraph.get("context")
            if not isinstance(context, str):
                raise DataError(f"{inner} has no 'context'", where=where, fix=f"Lay the file out as {LAYOUT}")
            yield from ((context, question) for question in questions)


def _list(holder: Any, name: str, place: str, where: Path) -> list[Any]:
    value = holder.get(name) if isinstance(holder, dict) else None
    if not isinstance(value, list):
        raise DataError(f"{place} has no list '{name}'", where=where, fix=f"Lay the file out as {LAYOUT}")
    return value


def _row(number: int, context: str, raw: Any, where: Path) -> Row:
    if not isinstance(raw, dict):
        raise DataError(f"question {number} is not an object", where=where, fix=f"Lay the file out as {LAYOUT}")
    name = raw.get("id", number)
    if not isinstance(raw.get("question"), str):
        raise DataError(f"question '{name}' has no text in 'question'", where=where, fix="Add it")
    fields: dict[str, Any] = {} if raw.get("id") is None else {"id": str(raw["id"])}
    fields |= {"context": context, "question": raw["question"]}
    fields |= {key: raw[key] for key in ("answers", "is_impossible") if key in raw}
    return Row(number, fields)
