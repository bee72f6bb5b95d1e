"""Sentences in two languages whose spans were labelled by hand on both sides: what projectors are measured on.

Read from the folder ``ISOGLOSS_DATA``; nothing of it is written anywhere.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from isogloss.bridges.base import LabelledSpan, Parallel, Span
from isogloss.languages.scripts import join_tokens
from isogloss.metrics import spans_of
from isogloss.metrics.spans import repair


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """A sentence with its words and gold spans."""

    text: str
    units: tuple[Span, ...]
    spans: tuple[LabelledSpan, ...]


@dataclass(frozen=True, kw_only=True)
class Gold:
    """Parallel sentences, item i of one side being the translation of item i of the other."""

    name: str
    target: str
    source_side: tuple[Labelled, ...]
    target_side: tuple[Labelled, ...]

    def items(self) -> list[Parallel]:
        """What a projector is given: the target text may not be changed."""
        return [
            Parallel(source=one.text, spans=one.spans, target=other.text, target_units=other.units)
            for one, other in zip(self.source_side, self.target_side, strict=True)
        ]

    def ceiling(self) -> dict[str, float]:
        """Scores of one who knows everything, but puts as many spans of each type as the source has.

        The two sides were labelled by different people, so that no projection can reach 1.
        """
        hits = source = target = 0
        for one, other in zip(self.source_side, self.target_side, strict=True):
            counts = [Counter(kind for *_, kind in side.spans) for side in (one, other)]
            hits += sum((counts[0] & counts[1]).values())
            source, target = source + len(one.spans), target + len(other.spans)
        return {"precision": hits / source, "recall": hits / target, "span_f1": 2 * hits / (source + target)}


def sentence(rows: Sequence[tuple[str, str]]) -> Labelled:
    """From tokens and tags; a type may not begin with I-, as in the first CoNLL scheme, and does then begin a span."""
    text, offsets = join_tokens([token for token, _ in rows])
    spans = spans_of(repair([tag for _, tag in rows]))
    return Labelled(
        text=text,
        units=tuple(offsets),
        spans=tuple((offsets[a][0], offsets[b - 1][1], kind) for a, b, kind in spans),
    )


def data_folder() -> Path:
    """``ISOGLOSS_DATA``, or a sentence about it."""
    if not (folder := os.environ.get("ISOGLOSS_DATA")):
        raise SystemExit("Set ISOGLOSS_DATA to the folder of data sets (see its README).")
    return Path(folder)


def sentences_of(path: Path, word: int = 0, tag: int = 1) -> Iterator[Labelled]:
    """The sentences of a file with a token a line, and blank lines between them."""
    rows: list[tuple[str, str]] = []
    for line in (*path.read_text(encoding="utf-8").split("\n"), ""):
        columns = line.split("\t") if "\t" in line else line.split(" ")
        if line.startswith("# "):
            continue
        if line.strip():
            rows.append((columns[word], columns[tag]))
        elif rows:
            yield sentence(rows)
            rows = []


def _pair(name: str, target: str, one: Path, other: Path, word: int, tag: int, most: int | None) -> Gold:
    sides = [tuple(sentences_of(path, word, tag)) for path in (one, other)]
    if len(sides[0]) != len(sides[1]):
        raise SystemExit(f"{one} and {other} have {len(sides[0])} and {len(sides[1])} sentences, not as many each.")
    return Gold(name=name, target=target, source_side=sides[0][:most], target_side=sides[1][:most])


def pud(lang: str, code: str, most: int | None = None) -> Gold:
    """Universal NER on PUD, English and one of de, pt, zh: news and Wikipedia; PER, LOC, ORG."""
    place = data_folder() / "ner/uner"
    return _pair(f"pud-{lang}", code, place / "en_pud/test.iob2", place / f"{lang}_pud/test.iob2", 0, 1, most)


def europarl(lang: str, code: str, most: int | None = None) -> Gold:
    """Europarl, English and one of de, es, it: parliament; PER, LOC, ORG, MISC."""
    place = data_folder() / "ner/europarl"
    files = [place / side / "test.conll02" for side in ("en", lang)]
    return _pair(f"europarl-{lang}", code, *files, 0, 1, most)


def xsid(lang: str, code: str, most: int | None = None) -> Gold:
    """xSID slots, English and another language: commands to a machine; long spans such as dates and errands."""
    place = data_folder() / "intent_slot/xsid"
    return _pair(f"xsid-{lang}", code, place / "en.test.conll", place / f"{lang}.test.conll", 1, 3, most)
