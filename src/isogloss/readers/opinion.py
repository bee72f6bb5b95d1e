"""Opinion targets in the XML of SemEval-2015 and 2016, task ABSA: sentences with targets as character spans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat  # document type declarations, the way to entities, are refused below

from isogloss.errors import DataError
from isogloss.readers.overlaps import longest
from isogloss.readers.rows import Row

LABEL = "TARGET"


@dataclass
class _Sentence:
    line: int
    id: str | None
    skipped: bool
    text: str | None = None
    opinions: list[Mapping[str, str]] = field(default_factory=list)


def parse_opinions(text: str, where: Path) -> list[Row]:
    """One row per sentence: ``id``, ``text`` and ``spans`` [start, end, "TARGET"].

    A target that several opinions share is one span. Opinions whose target is ``NULL`` (nothing in the sentence names
    it) have no span; sentences marked ``OutOfScope`` are left out. Of overlapping targets the longer one stays, with a
    notice in the log. Document type declarations are refused, so that no entity can expand or fetch anything.

    Raises:
        DataError: the file is not well-formed XML, declares a document type or holds no sentence, or a target is not
            where its offsets say.
    """
    sentences = _sentences(text, where)
    if not sentences:
        raise DataError("there is no <sentence> in the file", where=where, fix="Give SemEval's ABSA format")
    return [_row(sentence, where) for sentence in sentences if not sentence.skipped]


def _sentences(text: str, where: Path) -> list[_Sentence]:
    found: list[_Sentence] = []
    open_text: list[str] | None = None
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal open_text
        if name == "sentence":
            skipped = attributes.get("OutOfScope", "").upper() == "TRUE"
            found.append(_Sentence(parser.CurrentLineNumber, attributes.get("id"), skipped))
        elif found and name == "text":
            open_text = []
        elif found and name == "Opinion":
            found[-1].opinions.append(attributes)

    def end(name: str) -> None:
        nonlocal open_text
        if name == "text" and open_text is not None:
            found[-1].text, open_text = "".join(open_text), None

    def characters(data: str) -> None:
        if open_text is not None:
            open_text.append(data)

    def refuse(*_: Any) -> None:
        what = "the file declares a document type, which is not read"
        raise DataError(what, where=where, line=parser.CurrentLineNumber, fix="Remove the <!DOCTYPE ...>")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = characters, refuse
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        what = f"this is not well-formed XML: {expat.errors.messages.get(error.code, 'unknown error')}"
        raise DataError(what, where=where, line=error.lineno, fix="Correct the file") from None
    return found


def _row(sentence: _Sentence, where: Path) -> Row:
    name = sentence.id or f"at line {sentence.line}"
    if sentence.text is None:
        raise DataError(f"sentence {name} has no <text>", where=where, line=sentence.line, fix="Add it")
    spans = []
    for opinion in sentence.opinions:
        target = opinion.get("target", "NULL")
        if target == "NULL":
            continue
        try:
            start, end = int(opinion["from"]), int(opinion["to"])
        except (KeyError, ValueError):
            what = f"the target {target!r:.60} of sentence {name} has no numbers in 'from' and 'to'"
            raise DataError(what, where=where, line=sentence.line, fix="Add them, in characters") from None
        if not 0 <= start < end or sentence.text[start:end] != target:
            what = f"the target {target!r:.60} of sentence {name} is not at the characters {start} to {end}"
            raise DataError(what, where=where, line=sentence.line, fix="Correct 'from' and 'to'")
        spans.append((start, end, LABEL))
    fields: dict[str, Any] = {} if sentence.id is None else {"id": sentence.id}
    kept = longest(spans, f"{where}:{sentence.line}")
    return Row(sentence.line, {**fields, "text": sentence.text, "spans": [list(span) for span in kept]})
