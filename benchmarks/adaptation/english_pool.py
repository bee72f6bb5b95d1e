"""All English raw text that is at hand offline, one sentence a line: the pool that text of a domain is chosen from.

Read from the folder ``ISOGLOSS_DATA``; nothing of it is written anywhere. Where the Debian packages ``dict-foldoc``
(the Free On-line Dictionary of Computing) and ``python-sklearn-doc`` (the guide to a library of machine learning) are
installed, or were unpacked with ``dpkg -x`` into a folder, their prose is read too.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from isogloss.bridges.sentences import sentences
from isogloss.languages.scripts import join_tokens
from isogloss.ledger import normalise

MOST = 600
"""Characters of a line; longer ones are tables and lists."""


def data_folder() -> Path:
    """``ISOGLOSS_DATA``, or a sentence about it."""
    if not (folder := os.environ.get("ISOGLOSS_DATA")):
        raise SystemExit("Set ISOGLOSS_DATA to the folder of data sets (see its README).")
    return Path(folder)


def json_lines(*fields: str) -> Callable[[Path], Iterator[str]]:
    def read(path: Path) -> Iterator[str]:
        for line in path.read_text(encoding="utf-8").split("\n"):
            row = json.loads(line) if line else {}
            yield from (re.sub(r"</?e[12]> ?", "", row[name]) for name in fields if isinstance(row.get(name), str))

    return read


def squad(path: Path) -> Iterator[str]:
    articles = json.loads(path.read_text(encoding="utf-8"))["data"]
    yield from (paragraph["context"] for article in articles for paragraph in article["paragraphs"])


def column(number: int, header: bool = False) -> Callable[[Path], Iterator[str]]:
    def read(path: Path) -> Iterator[str]:
        lines = path.read_text(encoding="utf-8").split("\n")[int(header) :]
        yield from (cells[number] for line in lines if len(cells := line.split("\t")) > number)

    return read


def tokens(path: Path) -> Iterator[str]:
    """The sentences of a file with a token a line."""
    for block in re.split(r"\n\s*\n", path.read_text(encoding="utf-8")):
        words = [re.split(r"[\t ]", line)[0] for line in block.split("\n") if line and not line.startswith("# ")]
        yield join_tokens(words)[0]


SOURCES: Mapping[str, tuple[tuple[str, ...], Callable[[Path], Iterator[str]]]] = {
    "SIB-200": (("topic/sib200/eng_Latn/train.tsv", "topic/sib200/eng_Latn/dev.tsv"), column(2, header=True)),
    "MasakhaNEWS": (("topic/masakhanews/eng/*.jsonl",), json_lines("headline", "text")),
    "NTREX": (("mt/ntrex/eng.txt",), column(0)),
    "MultiNLI": (("nli/xnli/en/train.jsonl",), json_lines("premise")),
    "questions' paragraphs": (
        ("qa/xquad/xquad.en.json", "qa/tydiqa_goldp/en/*.json", "qa/mlqa/dev-context-en-*.json"), squad),
    "AfriQA": (("retrieval/afriqa/*/passages_test.en.jsonl",), json_lines("text")),
    "MAFAND": (("mt/mafand/en-*/*.jsonl",), json_lines("en")),
    "CaRB": (("oie/carb/en/dev.tsv",), column(0)),
    "RELX": (("relation/relx/en.jsonl",), json_lines("text")),
    "STSb": (("sts/stsb/en/train.jsonl",), json_lines("sentence1", "sentence2")),
    "PAWS-X": (("paraphrase/pawsx/en/*.jsonl",), json_lines("sentence1")),
    "Tatoeba": (("bitext/tatoeba/*-eng.tsv",), column(1)),
    "SNIPS": (("intent_slot/snips/en/train.jsonl",), json_lines("text")),
    "WikiANN": (("ner/panx/en/*.tsv",), tokens),
    "WNUT-17": (("ner/wnut17/en/*.conll",), tokens),
    "Europarl": (("ner/europarl/en/test.conll02",), tokens),
    "EWT": (("ner/uner/en_ewt/train.iob2",), tokens),
}  # fmt: skip


class _Prose(HTMLParser):
    """The paragraphs of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.depth, self.found = 0, [""]

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.depth += tag == "p"

    def handle_endtag(self, tag: str) -> None:
        if tag == "p" and self.depth:
            self.depth -= 1
            self.found.append("")

    def handle_data(self, data: str) -> None:
        self.found[-1] += data if self.depth else ""


def debian(root: Path) -> Iterator[tuple[str, str]]:
    """Name of the package and text of what there is of the two packages under a root folder."""
    foldoc = root / "usr/share/dictd/foldoc.dict.dz"
    if foldoc.is_file():
        text = gzip.decompress(foldoc.read_bytes()).decode("utf-8", "replace")
        for block in re.split(r"\n\s*\n", text):
            if block.startswith("   ") and not re.match(r"\s*[\[(]", block):  # a definition, not a word or a date
                yield "dict-foldoc", " ".join(re.sub(r"[{}]|<[^<>]{1,40}>|^\s*\d+\.", "", block).split())
    for page in sorted((root / "usr/share/doc/python-sklearn-doc/html/modules").glob("*.html")):
        prose = _Prose()
        prose.feed(page.read_text(encoding="utf-8"))
        whole = (" ".join(text.split()) for text in prose.found if "\\" not in text)  # no formulas
        yield from (("python-sklearn-doc", text) for text in whole)


def pool(root: Path | None, forbidden: set[str]) -> dict[str, list[str]]:
    """Sentences by where they come from, none twice, and none of which ``forbidden`` has the normalised form."""
    place, seen = data_folder(), set(forbidden)
    texts = [
        (name, text)
        for name, (patterns, read) in SOURCES.items()
        for pattern in patterns
        for path in sorted(place.glob(pattern))
        for text in read(path)
    ]
    for domain in ("ai", "music", "politics"):
        texts += [("CrossNER, dev", text) for text in tokens(place / f"ner/crossner/{domain}/dev.txt")]
    texts += [*debian(root)] if root else []
    found: dict[str, list[str]] = {}
    for name, text in texts:
        for start, end in sentences(text):
            line = text[start:end]
            form = normalise(line)
            if form not in seen and len(line) <= MOST and line.count(" ") > 3:
                seen.add(form)
                found.setdefault(name, []).append(line)
    return found
