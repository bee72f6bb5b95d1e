"""What a projector is worth in the end: translate-train on our own translations, span F1 in the target.

    ISOGLOSS_DATA=DATA python benchmarks/bridges/end_task.py [--projectors align,codec]
    ISOGLOSS_DATA=DATA python benchmarks/bridges/end_task.py --summary

English EWT sentences are translated into Portuguese by the embedded translator, their names carried over by each
projector, and a tagger is trained on both languages; it is scored on gold Portuguese (PUD). Only the projector is new:
same translations (but for those of marks), seeds, passes and encoder, whose lower half is frozen. ``none`` trains on
English alone, twice as many passes: as many updates as the others make. Runs are kept in ``--work``; ``--summary``
writes ``results/end_task.json``.
"""

from __future__ import annotations

import argparse
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transfer import RESULTS, ner

import isogloss as ig
from isogloss.evaluation.comparing import against

SEEDS = (1, 2, 3)
PROJECTORS = ("none", "copy", "align", "easyproject", "codec", "t_projection")
SETTINGS = {"epochs": "3", "min_steps": "0", "freeze_layers": "6", "snapshots": "3"}
ALONE = SETTINGS | {"epochs": "6"}
BASE = "copy"
"""The floor that the others are compared with."""


def problem() -> ig.Problem:
    whole = ner()
    return replace(whole, name="end-task", targets=("por",), test={"por": whole.test["por"]})


def settings(projector: str) -> dict[str, str]:
    return ALONE if projector == "none" else SETTINGS


def run(given: ig.Problem, projector: str, work: Path) -> None:
    _, report = ig.transfer(
        given,
        "direct" if projector == "none" else "translate-train",
        translator="isogloss:eng-por",
        projector=None if projector == "none" else projector,
        settings={f"cross_entropy.{name}": value for name, value in settings(projector).items()},
        seeds=SEEDS,
        out=work / projector,
        resume=True,
    )
    print(f"{projector}: {report.mean_target:.4f}", flush=True)


def summarise(given: ig.Problem, work: Path) -> dict[str, Any]:
    reports = {name: ig.Report.load(work / name) for name in PROJECTORS if (work / name / "report.json").is_file()}
    first = next(iter(reports.values()))
    result: dict[str, Any] = {
        "command": "python benchmarks/bridges/end_task.py",
        "train": len(given.train["eng"]),
        "test": len(given.test["por"]),
        "seeds": first.seeds,
        "settings": SETTINGS,
        "base": BASE,
        "projectors": {
            name: {
                "span_f1": report.mean_target,
                "ci95": report.mean_target_ci95,
                "by_seed": report.scores["por"]["by_seed"],
                "bridge": report.bridges[0] if report.bridges else None,
                "less_base": against(given, work / BASE, work / name, baseline=BASE)
                if BASE in reports and name != BASE
                else None,
            }
            for name, report in reports.items()
        },
        "versions": first.versions,
        "machine": first.machine,
    }
    (RESULTS / "end_task.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


def main() -> None:
    """Read the command line, run what is not there yet, sum up."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--projectors", default=",".join(PROJECTORS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("runs/end-task"))
    parser.add_argument("--summary", action="store_true", help="only sum up what is there")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    torch.set_num_threads(options.threads)
    given = problem()
    for name in [] if options.summary else options.projectors.split(","):
        if not (options.work / name / "report.json").is_file():
            run(given, name, options.work)
    summarise(given, options.work)


if __name__ == "__main__":
    main()
