"""The published Chinese probing suites (Hu et al., Findings of ACL 2021), read from a folder that the user has.

A file (``.json`` or ``.jsonl``, one object a line; ``.tsv`` with header) has ``sentence1``, ``sentence2``, ``label``,
and what is probed in ``category`` (HANS, fragments, stress tests) or ``phenomenon`` (the diagnostics: idioms, pro-drop,
...); without either, the file's name says it. Rows labelled ``-`` have no agreed label.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from isogloss.errors import DataError
from isogloss.evaluation.probes.forms import LABELS, Item, Label
from isogloss.readers import Row
from isogloss.readers.tables import parse_jsonl, parse_tsv
from isogloss.readers.text import decode

COLUMNS = ("sentence1", "sentence2", "label")
UNDECIDED = "-"
_PARSERS = {".json": parse_jsonl, ".jsonl": parse_jsonl, ".tsv": parse_tsv}


@dataclass(frozen=True, kw_only=True)
class Suite:
    """Items by phenomenon, its name after ``suite/``, and what a reader of the scores should know."""

    items: Mapping[str, Sequence[Item]]
    notices: tuple[str, ...]


def read_suite(folder: str | Path) -> Suite:
    """Read all suites in a folder and the folders in it.

    Left out, and counted in the notices: rows without an agreed label, repeated rows, and rows whose texts stand there
    with two labels. Sets that have one label only are named: a constant answer gets all of them right, so that antonyms
    and synonyms say something together alone.

    Raises:
        DataError: there is no such file, or a row lacks a column or has another label.
    """
    folder = Path(folder)
    files = sorted(path for path in folder.rglob("*") if path.suffix in _PARSERS and path.is_file())
    if not files:
        raise DataError("There is no .json, .jsonl or .tsv file here", where=folder, fix="Name the suites' data folder")
    read = _told_apart([row for path in files for row in _read(path, str(path.relative_to(folder).with_suffix("")))])
    found: dict[str, dict[tuple[str, str], list[Item]]] = defaultdict(lambda: defaultdict(list))
    left: Counter[str] = Counter()
    for phenomenon, item in read:
        if item is None:
            left["without an agreed label"] += 1
        else:
            found[phenomenon][(item.text_a, item.text_b)].append(item)
    kept: dict[str, list[Item]] = {}
    for phenomenon, rows in sorted(found.items()):
        for same in rows.values():
            if len({item.label for item in same}) > 1:
                left["with two labels for the same texts"] += len(same)
            else:
                left["repeated"] += len(same) - 1
                kept.setdefault(phenomenon, []).append(same[0])
    notices = [f"{count:,} suite rows {why} are left out." for why, count in left.items() if count]
    for phenomenon, items in kept.items():
        if len({item.label for item in items}) == 1:
            notices.append(f"All items of {phenomenon} have the label {items[0].label}: read it beside another set.")
    return Suite(items=kept, notices=tuple(notices))


def _told_apart(rows: list[tuple[str, str, Item | None]]) -> list[tuple[str, Item | None]]:
    """Rows with their phenomenon; where two files have one of the same name, each bears its file's too."""
    files: dict[str, set[str]] = defaultdict(set)
    for phenomenon, file, _ in rows:
        files[phenomenon].add(file)
    names = {
        (phenomenon, file): phenomenon if len(there) == 1 else f"{phenomenon}/{Path(file).name}"
        for phenomenon, there in files.items()
        for file in there
    }
    return [(names[phenomenon, file], item) for phenomenon, file, item in rows]


def _read(path: Path, name: str) -> list[tuple[str, str, Item | None]]:
    read = (_item(row, path, name) for row in _PARSERS[path.suffix](decode(path), path))
    return [(phenomenon, name, item) for phenomenon, item in read]


def _item(row: Row, path: Path, name: str) -> tuple[str, Item | None]:
    missing = [column for column in COLUMNS if not isinstance(row.fields.get(column), str)]
    if missing:
        fix = f"A suite row has {', '.join(COLUMNS)}"
        raise DataError(f"there is no text in the column '{missing[0]}'", where=path, line=row.line, fix=fix)
    text_a, text_b, given = (row.fields[column] for column in COLUMNS)
    said = row.fields.get("category") or row.fields.get("phenomenon") or path.stem
    phenomenon = "suite/" + str(said).strip().lower().replace(" ", "_")
    if given.strip() == UNDECIDED:
        return phenomenon, None
    label: Label | None = next((label for label in LABELS if label == given.strip().lower()), None)
    if label is None:
        fix = f"Labels are {', '.join(LABELS)}, and {UNDECIDED} for none"
        raise DataError(f"the label '{given}' is not known", where=path, line=row.line, fix=fix)
    pattern = str(row.fields.get("template") or row.fields.get("condition") or "")
    item = Item(
        id=f"suite/{name}/{row.line}",
        lang="zho",
        text_a=text_a,
        text_b=text_b,
        label=label,
        phenomenon=phenomenon,
        pattern=pattern,
    )
    return phenomenon, item
