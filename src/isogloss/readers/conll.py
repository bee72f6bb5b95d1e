"""CoNLL files: a token and its tag on each line, a blank line between sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from isogloss.errors import DataError
from isogloss.readers.rows import Row
from isogloss.readers.schemes import is_chunk_tag, to_iob2
from isogloss.readers.text import Block, blocks, split_lines

_NAMED_COMMENT = re.compile(r"# +[^\s=]+ *=(?: |$)")
_ID = re.compile(r"# +(?:sent_id|id) *=(.*)")
_HINT = "comments stand before a sentence as '# key = value'"


class _Sentence(NamedTuple):
    comments: list[str]
    lines: tuple[int, ...]
    columns: list[tuple[str, ...]]  # one tuple per column, one cell per token


def parse_conll(text: str, where: Path) -> list[Row]:
    """One row per sentence: ``{"tokens": [...], "tags": [...]}``, and ``"id"`` if a comment gives one.

    Columns are split at tabs if the line has one, else at spaces. The first is the token, the last the tag; those
    between are left out. If there are three or more and the first counts 1, 2, 3, ... in every sentence, it is a
    number and the token is the second. ``-DOCSTART-`` lines end a sentence and are skipped. Chunk tags come out in
    IOB2, plain tags as they are (see :func:`isogloss.readers.schemes.to_iob2`).

    A token can be ``#``. A line is a comment only if it stands before the first token of a sentence and is ``#``
    alone or begins with ``#`` and a space; and then only if it reads ``# key = value``, or has another number of
    columns than the file, or ends in something that is no tag. What counts as a tag is ``O``, anything like ``B-PER``,
    and every tag on a line of the file that cannot be a comment. ``#word``, and ``#`` before a tab, are tokens.

    Raises:
        DataError: a line has another number of columns than the first one, or fewer than two; a token or tag is
            empty; a tag may not stand where it stands in the file's scheme.
    """
    # The mark of a document is a border like a blank line; in its place a blank line keeps the numbers right.
    parts = list(blocks("" if line.startswith("-DOCSTART-") else line for line in split_lines(text)))
    rows = [_split(line) for part in parts for _, line in part if not _may_be_comment(line)]
    width = len(rows[0]) if rows else 2
    known = {cells[-1] for cells in rows}

    def is_comment(line: str) -> bool:
        if not _may_be_comment(line):
            return False
        cells = _split(line)
        is_row = len(cells) == width and (cells[-1] in known or is_chunk_tag(cells[-1]))
        return not is_row or _NAMED_COMMENT.match(line) is not None

    read = [_read_sentence(part, is_comment, width, where) for part in parts]
    sentences = [sentence for sentence in read if sentence.lines]
    first = 1 if width > 2 and _is_numbered(sentences) else 0
    for sentence in sentences:
        for name, column in (("token", sentence.columns[first]), ("tag", sentence.columns[-1])):
            if "" in column:
                raise DataError(f"the {name} is empty", where=where, line=sentence.lines[column.index("")])
    tags = to_iob2([sentence.columns[-1] for sentence in sentences], where, [sentence.lines for sentence in sentences])
    return [
        Row(
            sentence.lines[0],
            _id_of(sentence.comments) | {"tokens": list(sentence.columns[first]), "tags": iob2},
            sentence.lines,
        )
        for sentence, iob2 in zip(sentences, tags, strict=True)
    ]


def _may_be_comment(line: str) -> bool:
    return line == "#" or line.startswith("# ")


def _split(line: str) -> list[str]:
    return line.split("\t") if "\t" in line else [cell for cell in line.split(" ") if cell]


def _read_sentence(part: Block, is_comment: Callable[[str], bool], width: int, where: Path) -> _Sentence:
    comments = [line for _, line in takewhile(lambda item: is_comment(item[1]), part)]
    rows = []
    for number, line in part[len(comments) :]:
        cells = _split(line)
        if len(cells) < 2:
            what = "the line has a single column" + (", like the first one of the file" if width == 1 else "")
            raise DataError(
                what, where=where, line=number, fix=f"Write a token and its tag with a tab between; {_HINT}"
            )
        if len(cells) != width:
            what = f"the line has {len(cells)} columns, the first one of the file has {width}"
            raise DataError(what, where=where, line=number, fix=f"Give every line the same columns; {_HINT}")
        rows.append(cells)
    return _Sentence(comments, tuple(number for number, _ in part[len(comments) :]), list(zip(*rows, strict=True)))


def _is_numbered(sentences: Sequence[_Sentence]) -> bool:
    """Whether the first column numbers the tokens; a file of one-token sentences cannot show it."""
    return any(len(sentence.lines) > 1 for sentence in sentences) and all(
        sentence.columns[0] == tuple(str(number) for number in range(1, len(sentence.lines) + 1))
        for sentence in sentences
    )


def _id_of(comments: list[str]) -> dict[str, str | list[str]]:
    values = [match[1].strip() for comment in comments if (match := _ID.fullmatch(comment))]
    found = next(filter(None, values), None)
    return {} if found is None else {"id": found}
