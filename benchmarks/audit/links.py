"""The links between public data sets that the audit finds, and what it finds in sets that have none.

    ISOGLOSS_DATA=DATA python benchmarks/audit/links.py

Every pair is made a problem and audited as ``isogloss check --deep`` does. ``linked`` are those known to share items
without saying so by ids: XNLI and PAWS-X, whose English development rows are the rows of the target tests; LAReQA,
which repeats XQuAD's questions and cuts its paragraphs into sentences; MAFAND, whose news hold sentences of MasakhaNER;
Bible text, which holds Taxi1500's test verses. ``clean`` are splits that should share nothing. Writes
``results/links.json``.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import isogloss as ig
from isogloss.evaluation.links import find_links
from isogloss.metrics import repair

RESULTS = Path(__file__).parent / "results"
Rows = list[dict[str, Any]]


def data_folder() -> Path:
    if not os.environ.get("ISOGLOSS_DATA"):
        raise SystemExit("Set ISOGLOSS_DATA to the folder of the data sets.")
    return Path(os.environ["ISOGLOSS_DATA"])


def jsonl(path: str) -> Rows:
    return [json.loads(line) for line in (data_folder() / path).read_text(encoding="utf-8").split("\n") if line]


def tsv(path: str) -> Rows:
    header, *lines = (data_folder() / path).read_text(encoding="utf-8").rstrip("\n").split("\n")
    return [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]


def nli(path: str) -> Rows:
    return [{"text_a": r["premise"], "text_b": r["hypothesis"], "label": r["label"]} for r in jsonl(path)]


def paws(path: str) -> Rows:
    return [{"text_a": r["sentence1"], "text_b": r["sentence2"], "label": r["label"]} for r in jsonl(path)]


def topic(path: str, label: str = "label") -> Rows:
    return [{"text": r["text"], "label": r[label]} for r in tsv(path)]


def conll(path: str) -> Rows:
    """Token and tag on a line, sentences apart by blank lines; an I- that continues nothing (Zulu has some) is a B-."""
    blocks = (data_folder() / path).read_text(encoding="utf-8").split("\n\n")
    split = [[line.split() for line in block.split("\n") if line and not line.startswith("# ")] for block in blocks]
    return [
        {"tokens": [cells[0] for cells in rows], "tags": repair([cells[-1] for cells in rows])}
        for rows in split
        if rows
    ]


def squad(path: str, *, ids: bool = True) -> Rows:
    articles = json.loads((data_folder() / path).read_text(encoding="utf-8"))["data"]
    return [
        {"context": p["context"], "question": q["question"], "answers": q["answers"]} | ({"id": q["id"]} if ids else {})
        for article in articles
        for p in article["paragraphs"]
        for q in p["qas"]
    ]


def xnli() -> ig.Problem:
    langs = {"deu": "de", "swa": "sw", "tha": "th", "urd": "ur"}
    return ig.Problem.from_data(
        task="pair", source="eng", targets=list(langs), labels=["entailment", "neutral", "contradiction"],
        dev={"eng": nli("nli/xnli/en/dev.jsonl")},
        test={lang: nli(f"nli/xnli/{short}/dev.jsonl") for lang, short in langs.items()},
    )  # fmt: skip


def pawsx() -> ig.Problem:
    langs = {"deu": "de", "kor": "ko", "zho": "zh"}
    return ig.Problem.from_data(
        task="pair", source="eng", targets=list(langs),
        train={"eng": paws("paraphrase/pawsx/en/train_small.jsonl")},
        dev={"eng": paws("paraphrase/pawsx/en/dev.jsonl")},
        test={lang: paws(f"paraphrase/pawsx/{short}/dev.jsonl") for lang, short in langs.items()},
    )  # fmt: skip


def lareqa() -> ig.Problem:
    read = [r["question"] for r in jsonl("retrieval/lareqa/en/questions.jsonl")]
    read += [r["text"] for r in jsonl("retrieval/lareqa/en/sentences.jsonl")]
    return ig.Problem.from_data(
        task="qa", source="eng", targets=["deu", "ara"], unlabelled={"eng": read},
        test={lang: squad(f"qa/xquad/xquad.{short}.json") for lang, short in
              {"eng": "en", "deu": "de", "ara": "ar"}.items()},
    )  # fmt: skip


def mafand() -> ig.Problem:
    langs = {"hau": "en-hau", "yor": "en-yor", "swa": "en-swa", "bam": "fr-bam"}

    def lines(pair: str, lang: str) -> Iterator[str]:
        for split in ("train", "dev", "test"):
            path = f"mt/mafand/{pair}/{split}.jsonl"
            if (data_folder() / path).is_file():
                yield from (row[lang] for row in jsonl(path))

    return ig.Problem.from_data(
        task="tagging", source="eng", targets=list(langs), open_labels=True,
        unlabelled={lang: list(lines(pair, lang)) for lang, pair in langs.items()},
        test={lang: conll(f"ner/masakhaner2/{lang}/test.txt") for lang in langs},
    )  # fmt: skip


def bible() -> ig.Problem:
    langs = ["eus", "swh", "ukr", "wol"]

    def verses(lang: str) -> list[str]:
        lines = (data_folder() / f"mt/bible_nt/{lang}.tsv").read_text(encoding="utf-8").split("\n")
        return [line.partition("\t")[2] for line in lines if line.partition("\t")[2].strip()]

    return ig.Problem.from_data(
        task="classification", source="eng", targets=langs, unlabelled={lang: verses(lang) for lang in langs},
        train={"eng": topic("topic/taxi1500/eng/train.tsv")},
        test={lang: topic(f"topic/taxi1500/{lang}/test.tsv") for lang in langs},
    )  # fmt: skip


def sib200() -> ig.Problem:
    def rows(folder: str, split: str) -> Rows:
        found = tsv(f"topic/sib200/{folder}/{split}.tsv")
        return [{"id": f"flores-{r['index_id']}", "text": r["text"], "label": r["category"]} for r in found]

    langs = {"deu": "deu_Latn", "swh": "swh_Latn", "zho": "zho_Hans", "amh": "amh_Ethi"}
    return ig.Problem.from_data(
        task="classification", source="eng", targets=list(langs),
        train={"eng": rows("eng_Latn", "train")}, dev={"eng": rows("eng_Latn", "dev")},
        test={lang: rows(folder, "test") for lang, folder in langs.items()},
    )  # fmt: skip


def taxi1500() -> ig.Problem:
    def rows(lang: str, split: str) -> Rows:
        found = tsv(f"topic/taxi1500/{lang}/{split}.tsv")
        return [{"id": r["verse_id"], "text": r["text"], "label": r["label"]} for r in found]

    langs = ["eus", "swh", "ukr", "wol"]
    return ig.Problem.from_data(
        task="classification", source="eng", targets=langs, train={"eng": rows("eng", "train")},
        dev={"eng": rows("eng", "dev")}, test={lang: rows(lang, "test") for lang in langs},
    )  # fmt: skip


def masakhaner() -> ig.Problem:
    langs = ["bam", "ibo", "swa", "yor", "zul"]
    return ig.Problem.from_data(
        task="tagging", source="hau", targets=langs, train={"hau": conll("ner/masakhaner2/hau/train.txt")},
        test={lang: conll(f"ner/masakhaner2/{lang}/test.txt") for lang in ["hau", *langs]}, open_labels=True,
    )  # fmt: skip


def tydiqa_xquad() -> ig.Problem:
    train = sorted((data_folder() / "qa/tydiqa_goldp").rglob("*train*.json"))[0]
    return ig.Problem.from_data(
        task="qa", source="eng", targets=["deu", "ara"],
        train={"eng": squad(str(train.relative_to(data_folder())), ids=False)},
        test={lang: squad(f"qa/xquad/xquad.{short}.json") for lang, short in {"deu": "de", "ara": "ar"}.items()},
    )  # fmt: skip


def masakhanews() -> ig.Problem:
    def rows(lang: str, split: str) -> Rows:
        found = jsonl(f"topic/masakhanews/{lang}/{split}.jsonl")
        return [{"text": f"{r['headline']}\n{r['text']}", "label": r["category"]} for r in found]

    langs = ["amh", "hau", "ibo", "orm", "run", "swa"]
    return ig.Problem.from_data(
        task="classification", source="eng", targets=langs, train={"eng": rows("eng", "train")},
        test={lang: rows(lang, "test") for lang in ["eng", *langs]}, open_labels=True,
    )  # fmt: skip


LINKED: dict[str, Callable[[], ig.Problem]] = {
    "XNLI: English dev, target tests": xnli,
    "PAWS-X: English dev, target tests": pawsx,
    "LAReQA as raw text, XQuAD tests": lareqa,
    "MAFAND as raw text, MasakhaNER tests": mafand,
    "Bible as raw text, Taxi1500 tests": bible,
}
CLEAN: dict[str, Callable[[], ig.Problem]] = {
    "SIB-200": sib200,
    "Taxi1500": taxi1500,
    "MasakhaNER 2.0": masakhaner,
    "TyDiQA train, XQuAD tests": tydiqa_xquad,
    "MasakhaNEWS": masakhanews,
}


def row(make: Callable[[], ig.Problem]) -> dict[str, Any]:
    problem = make()
    start = time.perf_counter()
    links = find_links(problem)
    files = [len(examples) for examples in problem.test.values()]
    return {
        "test_files": len(files),
        "test_items": sum(files),
        "links": [
            {"kind": link.kind, "role": link.role, "seen": link.seen, "test": link.test}
            | {"items": link.count, "of": link.of}
            for link in links
        ],
        "seconds": round(time.perf_counter() - start, 2),
    }  # fmt: skip


def main() -> None:
    found: dict[str, Any] = {
        "command": "ISOGLOSS_DATA=DATA python benchmarks/audit/links.py",
        "versions": {"isogloss": ig.__version__, "python": platform.python_version()},
    }
    for title, table in (("linked", LINKED), ("clean", CLEAN)):
        found[title] = {}
        for name, make in table.items():
            found[title][name] = row(make)
            print(name, json.dumps(found[title][name], indent=1), file=sys.stderr, flush=True)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "links.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
