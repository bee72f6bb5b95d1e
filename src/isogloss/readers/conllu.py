"""CoNLL-U, the format of Universal Dependencies: running text, its tokens, and a part of speech for each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from isogloss.errors import DataError
from isogloss.readers.rows import Row
from isogloss.readers.text import Block, blocks, split_lines

COLUMNS = 10

_ID = re.compile(r"([0-9]{1,9})(?:([-.])([0-9]{1,9}))?")
_COMMENT = re.compile(r"# *(sent_id|text) *=(.*)")


class _Token(NamedTuple):
    line: int
    form: str
    tag: str
    space_after: bool


def parse_conllu(text: str, where: Path) -> list[Row]:
    """One row per sentence: ``tokens``, ``tags`` (UPOS), ``text``, ``offsets``, and ``id`` if there is a ``sent_id``.

    The unit is the surface token, because only that can be cut from the text: the words of a multiword token (``2-3``,
    German *im* = *in* + *dem*) are one unit, which bears the UPOS of the first of them. Empty nodes (``2.1``) are
    left out. ``offsets`` are (start, end) in characters and always cut ``text``: ``text[start:end] == token``. The
    text is that of the ``# text`` comment if it is equal to the tokens up to white space; if not, the tokens joined
    with spaces except after ``SpaceAfter=No``.

    Raises:
        DataError: a line has not 10 columns; an id is not a number, range or empty node, or not the next one; a form
            is empty; a word has no UPOS.
    """
    return [row for block in blocks(split_lines(text)) if (row := _sentence(block, where)) is not None]


def _sentence(block: Block, where: Path) -> Row | None:
    comments: dict[str, str] = {}
    tokens: list[_Token] = []
    words, range_end = 0, 0  # the number of the last word, and of the last word inside a multiword token
    for number, line in block:
        if line.startswith("#"):
            if (match := _COMMENT.fullmatch(line)) and (value := match[2].strip()):
                comments.setdefault(match[1], value)
            continue
        cells = line.split("\t")
        if len(cells) != COLUMNS:
            what = f"the line has {len(cells)} columns, CoNLL-U has {COLUMNS}"
            raise DataError(what, where=where, line=number, fix="Put tabs between the columns and _ into empty ones")
        name, form, tag = cells[0], cells[1], cells[3]
        match = _ID.fullmatch(name)
        if match is None:
            what = f"the word id {name!r} is not a number, a range like 2-3 or an empty node like 2.1"
            raise DataError(what, where=where, line=number)
        if not form:
            raise DataError("the form is empty", where=where, line=number, fix="Write the word into the second column")
        start, mark, end = int(match[1]), match[2], int(match[3] or 0)
        if mark == ".":
            continue
        if start != words + 1 or (mark == "-" and (end < start or range_end > words)):
            what = f"the word id {name} stands where {words + 1} is expected"
            raise DataError(what, where=where, line=number, fix="Number the words 1, 2, 3, ... in each sentence")
        token = _Token(number, form, tag, "SpaceAfter=No" not in cells[9].split("|"))
        if mark == "-":
            range_end = end
            tokens.append(token._replace(tag=""))
            continue
        words = start
        if tag in ("_", ""):
            what = f"the word {form!r} has no UPOS tag"
            raise DataError(what, where=where, line=number, fix="Write one into the fourth column")
        if words > range_end:
            tokens.append(token)
        elif not tokens[-1].tag:
            tokens[-1] = tokens[-1]._replace(tag=tag)
    if range_end > words:
        what = f"the multiword token {tokens[-1].form!r} reaches to word {range_end}, the sentence ends at {words}"
        raise DataError(what, where=where, line=tokens[-1].line, fix="Correct the range")
    return _row(tokens, comments) if tokens else None


def _row(tokens: list[_Token], comments: dict[str, str]) -> Row:
    forms = [token.form for token in tokens]
    joined = "".join(token.form + " " * token.space_after for token in tokens[:-1]) + forms[-1]
    text = comments.get("text", joined)
    offsets = _cut(text, forms)
    if offsets is None:
        text, offsets = joined, _join_offsets(tokens)
    fields = {"tokens": forms, "tags": [token.tag for token in tokens], "text": text, "offsets": offsets}
    if "sent_id" in comments:
        fields = {"id": comments["sent_id"], **fields}
    return Row(tokens[0].line, fields, tuple(token.line for token in tokens))


def _cut(text: str, forms: list[str]) -> list[tuple[int, int]] | None:
    """Where each form stands in the text, or None if the two differ in more than white space between forms."""
    offsets, at = [], 0
    for form in forms:
        while not text.startswith(form, at):
            if not text[at : at + 1].isspace():
                return None
            at += 1
        offsets.append((at, at + len(form)))
        at += len(form)
    return None if text[at:].strip() else offsets


def _join_offsets(tokens: list[_Token]) -> list[tuple[int, int]]:
    offsets, at = [], 0
    for token in tokens:
        offsets.append((at, at + len(token.form)))
        at += len(token.form) + token.space_after
    return offsets
