"""Three African languages, English labels: raw text without any test sentence, topics (SIB-200) and entities."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import isogloss as ig
from isogloss.ledger import normalise

TARGETS = ("hau", "yor", "swa")
LANGS = (*TARGETS, "eng")
PROBLEMS = ("topic", "ner")
TYPES = ("PER", "LOC", "ORG")
HELD_INSIDE = 30
"""Letters that a test sentence must have for its being inside a line to tell."""


def data_folder() -> Path:
    return Path(os.environ["ISOGLOSS_DATA"])


def table(path: Path) -> list[dict[str, str]]:
    header, *lines = path.read_text(encoding="utf-8").split("\n")
    return [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines if line]


def topics(folder: str, split: str) -> list[dict[str, Any]]:
    rows = table(data_folder() / "topic/sib200" / folder / f"{split}.tsv")
    return [{"id": f"flores-{r['index_id']}", "text": r["text"], "label": r["category"]} for r in rows]


def tagged(path: Path) -> list[dict[str, Any]]:
    """Sentences of a CoNLL file; types that the problem does not have are no names."""
    rows: list[dict[str, Any]] = []
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        lines = [line.split("\t" if "\t" in line else " ") for line in block.split("\n") if line and line[0] != "#"]
        tags = [line[-1] for line in lines]
        rows += [{
            "tokens": [line[0] for line in lines],
            "tags": [tag if tag[2:] in TYPES else "O" for tag in tags],
        }] if lines else []  # fmt: skip
    return rows


def raw_text(most: int) -> tuple[dict[str, list[str]], dict[str, dict[str, int]]]:
    """Lines by language without any test sentence, and how many came from where and went."""
    place = data_folder()
    sib, udhr = ({"hau": "hau_Latn", "yor": "yor_Latn", "swa": "swh_Latn", "eng": "eng_Latn"},
                 {"hau": "hau_NG", "yor": "yor", "swa": "swh", "eng": "eng"})  # fmt: skip
    tests = {normalise(row["text"]) for folder in sib.values() for row in topics(folder, "test")}
    for lang in TARGETS:
        tests |= {normalise(" ".join(r["tokens"])) for r in tagged(place / f"ner/masakhaner2/{lang}/test.txt")}
        tests |= {normalise(row["tweet"]) for row in table(place / f"sentiment/afrisenti/{lang}/test.tsv")}
    long = [form for form in tests if len(form) >= HELD_INSIDE]
    texts: dict[str, list[str]] = {}
    counts: dict[str, dict[str, int]] = {}
    for lang in LANGS:
        files = [*sorted((place / "mt/mafand").glob(f"en-{'*' if lang == 'eng' else lang}/*.jsonl"))]
        found = {
            "mafand": [json.loads(line)["en" if lang == "eng" else lang] for f in files for line in _lines(f)],
            "ntrex": _lines(place / f"mt/ntrex/{lang}.txt"),
            "sib200": [row["text"] for row in topics(sib[lang], "train")],
            "udhr": _lines(place / f"mt/udhr/{udhr[lang]}.txt"),
            "masakhanews": [json.loads(line)["text"] for f in sorted((place / f"topic/masakhanews/{lang}").glob("*"))
                            for line in _lines(f)],
            "afrisenti": [row["tweet"] for f in (place / f"sentiment/afrisenti/{lang}").glob("train.tsv")
                          for row in table(f)],
            "bible": [line.split("\t")[1] for f in (place / "mt/bible_nt").glob("swh.tsv" if lang == "swa" else "-")
                      for line in _lines(f)],
        }  # fmt: skip
        clean = [(name, line) for name, some in found.items() for line in some
                 if not _tells(normalise(line), tests, long)]  # fmt: skip
        used = clean[:most]
        texts[lang] = [line for _, line in used]
        removed = sum(map(len, found.values())) - len(clean)
        counts[lang] = {**Counter(name for name, _ in used), "removed_as_test": removed, "used": len(used)}
    return texts, counts


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").split("\n") if line.strip()] if path.is_file() else []


def _tells(form: str, tests: set[str], long: Sequence[str]) -> bool:
    return form in tests or any(test in form for test in long)


def problem_of(name: str, texts: dict[str, list[str]], *, train: int, items: int, dev: int) -> ig.Problem:
    """``topic`` or ``ner``, with so many labelled rows to train on, test items a language, and rows of source dev."""
    place = data_folder()
    common: dict[str, Any] = {"source": "eng", "targets": list(TARGETS), "name": name, "unlabelled": texts}
    if name == "topic":
        test = {lang: topics(f"{'swh' if lang == 'swa' else lang}_Latn", "test")[:items] for lang in TARGETS}
        every, apart = topics("eng_Latn", "train"), topics("eng_Latn", "dev")[:dev]
        common["labels"] = sorted({row["label"] for row in every})
        return ig.Problem.from_data(
            task="classification", train={"eng": every[:train]}, dev={"eng": apart}, test=test, **common
        )
    sentences = tagged(place / "ner/uner/en_ewt/train.iob2")
    full = [row for row in sentences if set(row["tags"]) != {"O"}]  # sentences without a name teach little
    bare = [row for row in sentences if set(row["tags"]) == {"O"}]
    return ig.Problem.from_data(
        task="tagging",
        labels=sorted(TYPES),
        train={"eng": [*full, *bare][:train]},
        dev={"eng": tagged(place / "ner/uner/en_ewt/dev.iob2")[:dev]},
        test={lang: tagged(place / f"ner/masakhaner2/{lang}/test.txt")[:items] for lang in TARGETS},
        **common,
    )
