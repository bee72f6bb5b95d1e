"""The embedded encoder, fine-tuned for inference on different mixtures, probed in five languages.

    ISOGLOSS_DATA=DATA python benchmarks/probes/nli.py [--runs source,mt,...] [--rows 2000] [--count 200]
    ISOGLOSS_DATA=DATA python benchmarks/probes/nli.py --summary

Mixtures, all seen for the same number of rows (``SEEN``) and chosen by the same English development rows:

* ``source``: MultiNLI, English.
* ``expert-zho``: XNLI's professional Chinese translation; ``source+expert-zho``: both.
* ``mt-por``, ``mt-spa``: the source rows translated by the embedded translator (Portuguese) and Apertium (Spanish);
  ``source+mt-por``, ``source+mt-spa``: both.

No language has professional and machine-translated rows and a lexicon offline, so the two kinds are compared with the
source, not with each other. The MultiNLI rows at hand hold no contradiction: all runs are of two classes, XNLI's
contradictions are left out, and so are those of the probes. Every run folder has ``probe.html``, the chart.
``--summary`` writes ``results/nli.json``.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import isogloss as ig
from isogloss.evaluation.probes import LANGS
from isogloss.machine import machine, versions

RESULTS = Path(__file__).parent / "results"
RUNS = (
    "source", "expert-zho", "source+expert-zho", "mt-por", "source+mt-por", "mt-spa", "source+mt-spa",
)  # fmt: skip
LABELS = ("entailment", "neutral")
SEEN, DEV, BATCH = 6000, 150, 16
TRANSLATORS = {"por": "isogloss:eng-por", "spa": "apertium"}

Rows = list[dict[str, Any]]


def xnli(data: Path, lang: str, split: str) -> Rows:
    """Rows of the two labels; ids name the row, so that translations share them."""
    lines = (data / "nli/xnli" / lang / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [(number, json.loads(line)) for number, line in enumerate(lines)]
    return [
        {"id": f"{split}-{number:05}", "text_a": r["premise"], "text_b": r["hypothesis"], "label": r["label"]}
        for number, r in rows
        if r["label"] in LABELS
    ]


def source_rows(data: Path, count: int) -> Rows:
    """The first MultiNLI rows whose premise XNLI does not have."""
    known = {row["text_a"].casefold() for row in xnli(data, "en", "dev")}
    return [row for row in xnli(data, "en", "train") if row["text_a"].casefold() not in known][:count]


def translated(rows: Rows, lang: str) -> Rows:
    """The rows in another language, by machine."""
    problem = ig.Problem.from_data(task="pair", source="eng", targets=lang, train={"eng": rows})
    made = ig.project(problem, "align", TRANSLATORS[lang])
    return [{key: value for key, value in row.items() if key != "reliability"} for row in made.rows(lang)]


def mixture(name: str, data: Path, count: int) -> ig.Problem:
    """The problem of a run. Development rows are English in all of them, the first premises of XNLI."""
    english = source_rows(data, count)
    train: dict[str, Rows] = {}
    for part in name.split("+"):
        kind, _, lang = part.partition("-")
        if kind == "source":
            train["eng"] = english
        elif kind == "expert":
            train[lang] = xnli(data, {"zho": "zh", "deu": "de"}[lang], "dev")[DEV:]
        else:
            train[lang] = translated(english, lang)
    dev = xnli(data, "en", "dev")[:DEV]
    source = list(train)
    targets = [lang for lang in LANGS if lang not in source]
    return ig.Problem.from_data(
        task="pair",
        source=source,
        targets=targets,
        labels=list(LABELS),
        name=name,
        train=train,
        dev={source[0]: dev},  # English rows, under the first source whatever it is
    )


def run(name: str, data: Path, options: argparse.Namespace) -> None:
    place = options.work / name
    problem = mixture(name, data, options.rows)
    epochs = max(1, round(SEEN / len(problem.source_examples("train"))))
    settings = {"cross_entropy.epochs": str(epochs), "cross_entropy.min_steps": "0"}
    settings["cross_entropy.batch_size"] = str(BATCH)
    system, _ = ig.transfer(
        problem, "direct", backbone=options.backbone, settings=settings, seeds=[options.seed], threads=options.threads,
        out=place / "run", resume=(place / "run").exists(),
    )  # fmt: skip
    ig.probe(system, langs=LANGS, count=options.count, out=place / "probe", force=True)


def summarise(options: argparse.Namespace) -> None:
    runs = {}
    for name in RUNS:
        place = options.work / name / "probe" / "probe.json"
        if place.is_file():
            runs[name] = json.loads(place.read_text(encoding="utf-8"))
    command = f"python benchmarks/probes/nli.py --rows {options.rows} --count {options.count} --seed {options.seed}"
    facts = {"command": command, "seen": SEEN, "rows": options.rows, "seed": options.seed, "labels": LABELS}
    summary = facts | {"runs": runs, "versions": versions(), "machine": machine("cpu")}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "nli.json").write_text(json.dumps(summary, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for name, found in runs.items():
        print(name, {lang: round(value, 3) for lang, value in found["mean"].items()})


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--runs", default=",".join(RUNS))
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--backbone")
    parser.add_argument("--work", type=Path, default=Path("runs/probes"))
    parser.add_argument("--summary", action="store_true", help="only sum up what is there")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    data = Path(os.environ["ISOGLOSS_DATA"])
    for name in [] if options.summary else options.runs.split(","):
        if not (options.work / name / "probe" / "probe.json").is_file():
            run(name, data, options)
    summarise(options)


if __name__ == "__main__":
    main()
