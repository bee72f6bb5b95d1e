"""Translation for training, at prediction, for both and for FILTER, against none: same data, same translator.

    ISOGLOSS_DATA=DATA python benchmarks/bridges/transfer.py [--problems ner,topic,qa] [--recipes direct,filter]
    ISOGLOSS_DATA=DATA python benchmarks/bridges/transfer.py --summary

Three problems, cut down to what two cores do in an hour (``SIZES``):

* ``ner``: English EWT to Portuguese (PUD, the embedded translator), Spanish (Europarl) and Croatian (SET), both by
  Apertium. Types PER, LOC and ORG.
* ``topic``: SIB-200, English to Spanish by Apertium.
* ``qa``: TyDiQA-GoldP English to XQuAD's English questions in a cipher, a language that no encoder knows and whose
  translation is perfect: no translator that is at hand offline serves a language of these sets. Questions about short
  paragraphs only, for the sake of time.

Every recipe but ``direct`` may use the same translator; ``direct`` shows what it is worth at all, and the others are to
be compared with each other. All make the same number of updates: recipes that train on translations too pass over
their rows less often. ``direct-short`` is no recipe but a control: English alone for as few passes as they make. Runs
are kept in ``--work``; ``--summary`` writes ``results/transfer.json``.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from gold import data_folder, europarl, sentences_of

import isogloss as ig
from isogloss.bridges.aligners import load_aligner
from isogloss.bridges.bridge import Bridge
from isogloss.bridges.projectors.align import Align
from isogloss.bridges.translators import load_translator
from isogloss.evaluation.comparing import against

RESULTS = Path(__file__).parent / "results"
SEEDS = (1, 2, 3)
FROZEN = "1"  # as many layers as FILTER reads each side alone in: all recipes train the same ones
SHORT_RUN = "direct-short"
TRANSLATED = ("translate-train", "translate-ensemble")
RECIPES = ("direct", SHORT_RUN, *TRANSLATED, "translate-test", "filter", "filter-self-teaching")


@dataclass(frozen=True, kw_only=True)
class Size:
    """What a problem is cut down to: training rows, passes over them and their translations, dev rows, test items."""

    rows: int
    epochs: int
    dev: int
    items: int
    seeds: tuple[int, ...] = SEEDS
    rate: str = "1e-4"
    batch: str = "16"


SIZES = {
    "ner": Size(rows=400, epochs=3, dev=60, items=150),
    "topic": Size(rows=250, epochs=2, dev=60, items=204, seeds=(1, 2)),
    "qa": Size(rows=400, epochs=1, dev=30, items=100, seeds=(1, 2), rate="2e-4", batch="8"),
}
SHORT = 500
"""Characters that a paragraph of the questions may have."""


def ner() -> ig.Problem:
    place, size = data_folder() / "ner/uner", SIZES["ner"]

    def read(file: str) -> list[dict[str, Any]]:
        return [row(labelled, f"{file}-{i}") for i, labelled in enumerate(sentences_of(place / file))]

    def row(labelled: Any, name: str) -> dict[str, Any]:
        spans = [list(span) for span in labelled.spans if span[2] in ("PER", "LOC", "ORG")]
        return {"id": name, "text": labelled.text, "spans": spans}

    spanish = [row(side, f"europarl-{i}") for i, side in enumerate(europarl("es", "spa").target_side)]
    full = [r for r in read("en_ewt/train.iob2") if r["spans"]]  # sentences without a name teach little
    bare = [r for r in read("en_ewt/train.iob2") if not r["spans"]]
    return ig.Problem.from_data(
        task="tagging",
        source="eng",
        targets=["por", "spa", "hrv"],
        labels=["LOC", "ORG", "PER"],
        name="ner",
        train={"eng": [*full, *bare][: size.rows]},
        dev={"eng": read("en_ewt/dev.iob2")[: size.dev]},
        test={"por": read("pt_pud/test.iob2")[: size.items], "spa": spanish[: size.items],
              "hrv": read("hr_set/test.iob2")[: size.items]},
    )  # fmt: skip


def topic() -> ig.Problem:
    size = SIZES["topic"]

    def read(folder: str, split: str) -> list[dict[str, Any]]:
        path = data_folder() / "topic/sib200" / folder / f"{split}.tsv"
        header, *lines = path.read_text(encoding="utf-8").split("\n")
        rows = [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines if line]
        return [{"id": f"flores-{r['index_id']}", "text": r["text"], "label": r["category"]} for r in rows]

    return ig.Problem.from_data(
        task="classification",
        source="eng",
        targets=["spa"],
        name="topic",
        train={"eng": read("eng_Latn", "train")[: size.rows]},
        dev={"eng": read("eng_Latn", "dev")[: size.dev]},
        test={"spa": read("spa_Latn", "test")[: size.items]},
    )


def qa() -> ig.Problem:
    size = SIZES["qa"]

    def read(path: Path) -> list[dict[str, Any]]:
        articles = json.loads(path.read_text(encoding="utf-8"))["data"]
        return [
            {
                "context": paragraph["context"],
                "question": question["question"],
                "answers": [{"text": a["text"], "answer_start": a["answer_start"]} for a in question["answers"]],
            }
            for article in articles
            for paragraph in article["paragraphs"]
            for question in paragraph["qas"]
            if len(paragraph["context"]) <= SHORT
        ]

    place = data_folder() / "qa"
    rows = read(next((place / "tydiqa_goldp/en").glob("train*")))
    problem = ig.Problem.from_data(
        task="qa",
        source="eng",
        targets=["qaa"],
        name="qa",
        train={"eng": rows[: size.rows]},
        dev={"eng": read(next((place / "tydiqa_goldp/en").glob("dev*")))[: size.dev]},
        test={"eng": read(place / "xquad/xquad.en.json")[: size.items]},
    )
    cipher = Bridge(translator=load_translator("cipher"), projector=Align(aligner=load_aligner("guided")))
    views = cipher.carry(problem.test["eng"], problem.task, "qaa")
    return replace(problem, test={"qaa": tuple(view.example for view in views if view.complete and view.example)})


PROBLEMS: dict[str, Callable[[], ig.Problem]] = {"ner": ner, "topic": topic, "qa": qa}
TRANSLATORS = {"ner": "auto", "topic": "auto", "qa": "cipher"}


def settings(problem: ig.Problem, recipe: str) -> dict[str, str]:
    """The same updates, rates and frozen layers for every recipe: with translations there are fewer passes."""
    size = SIZES[problem.name]
    times = 1 if recipe in (*TRANSLATED, SHORT_RUN) else 1 + len(problem.targets)
    every = {"epochs": str(size.epochs * times), "min_steps": "0", "freeze_layers": FROZEN, "snapshots": "3"}
    every |= {"learning_rate": size.rate, "batch_size": size.batch}
    parts = {"filter": ["filter"], "filter-self-teaching": ["self_teaching", "filter"]}.get(recipe, ["cross_entropy"])
    return {f"{part}.{name}": value for part in parts for name, value in every.items()}


def run(problem: ig.Problem, recipe: str, work: Path) -> None:
    projector = {"align.aligner": "guided"} if problem.name == "qa" and not recipe.startswith("direct") else {}
    _, report = ig.transfer(
        problem,
        "direct" if recipe == SHORT_RUN else recipe,
        translator=TRANSLATORS[problem.name],
        settings=settings(problem, recipe) | projector,
        seeds=SIZES[problem.name].seeds,
        out=work / problem.name / recipe,
        resume=True,
        quiet=True,
    )
    print(f"{problem.name} {recipe}: {report.metric} {report.mean_target:.4f}", flush=True)


def summarise(work: Path) -> dict[str, Any]:
    result: dict[str, Any] = {"command": "python benchmarks/bridges/transfer.py", "problems": {}}
    for name, make in PROBLEMS.items():
        done = [recipe for recipe in RECIPES if (work / name / recipe / "report.json").is_file()]
        if not done:
            continue
        problem = make()
        reports = {recipe: ig.Report.load(work / name / recipe) for recipe in done}
        first = next(iter(reports.values()))
        result["problems"][name] = {
            "metric": first.metric,
            "seeds": first.seeds,
            "train": len(problem.train["eng"]),
            "test": {lang: len(rows) for lang, rows in problem.test.items()},
            "recipes": {recipe: _row(report) for recipe, report in reports.items()},
            "differences": {
                f"{other} less {base}": against(problem, work / name / base, work / name / other, baseline=base)
                for base, other in combinations(done, 2)
            },
            "bridges": {recipe: report.bridges for recipe, report in reports.items() if report.bridges},
            "versions": first.versions,
            "machine": first.machine,
        }
    (RESULTS / "transfer.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


def _row(report: ig.Report) -> dict[str, Any]:
    return {
        "mean_target": report.mean_target,
        "ci95": report.mean_target_ci95,
        "tier": report.tier,
        "scores": {lang: row[report.metric] for lang, row in report.scores.items()},
        "by_seed": {lang: row["by_seed"] for lang, row in report.scores.items()},
        "seconds": report.seconds,
        "settings": report.settings,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, run what is not there yet, sum up."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--problems", default=",".join(PROBLEMS))
    parser.add_argument("--recipes", default=",".join(RECIPES))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("runs/bridges"))
    parser.add_argument("--summary", action="store_true", help="only sum up what is there")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    for name in [] if options.summary else options.problems.split(","):
        problem = PROBLEMS[name]()
        for recipe in options.recipes.split(","):
            if not (options.work / name / recipe / "report.json").is_file():
                run(problem, recipe, options.work)
    summarise(options.work)


if __name__ == "__main__":
    main()
