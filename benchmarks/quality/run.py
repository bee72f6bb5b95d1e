"""Measures a recipe on a problem of the quality benchmark; one command a table.

    ISOGLOSS_DATA=DATA python benchmarks/quality/run.py sib200 [--recipe direct] [--seeds 1,2,3] [--work runs/quality]

makes the problem folder, transfers, and writes ``benchmarks/quality/results/<problem>-<recipe>.json``: the report
without its example sentences, which are not ours to pass on. A run that was broken off is resumed. The settings of each
problem were chosen on source dev (English) only; what was tried stands in ``docs/results.md``.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
from pathlib import Path

import torch
from problems import PROBLEMS, data_folder, write

import isogloss as ig

RESULTS = Path(__file__).parent / "results"

SETTINGS: dict[str, dict[str, str]] = {
    "sib200": {},
    "masakhanews": {"cross_entropy.max_length": "128"},
    "xnli": {"cross_entropy.epochs": "1"},
    "ner": {"cross_entropy.epochs": "5"},
    "pos": {"cross_entropy.epochs": "2"},
}


def main() -> None:
    """Read the command line, run, write the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("problem", choices=SETTINGS)
    parser.add_argument("--recipe", default="direct")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--select")
    parser.add_argument("--set", action="append", default=[], metavar="PART.FIELD=VALUE")
    parser.add_argument("--work", type=Path, default=Path("runs/quality"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--name", help="name of the result, <problem>-<recipe> by default")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    torch.set_num_threads(min(options.threads, os.cpu_count() or 1))

    name = options.name or f"{options.problem}-{options.recipe}"
    write(options.problem, PROBLEMS[options.problem](data_folder()), options.work / "problems")
    settings = SETTINGS[options.problem] if options.recipe == "direct" else {}
    settings = settings | dict(item.split("=", 1) for item in options.set)
    _, report = ig.transfer(
        options.work / "problems" / options.problem,
        options.recipe,
        settings=settings,
        select=options.select,
        seeds=[int(seed) for seed in options.seeds.split(",")],
        out=options.work / name,
        resume=True,
        quiet=False,
    )
    result = json.loads(report.to_json())
    for table in result["errors"].values():
        table.pop("examples", None)
    result["command"] = (
        f"python benchmarks/quality/run.py {options.problem} --recipe {options.recipe} --seeds {options.seeds}"
    )
    result["command"] += "".join(f" --set {item}" for item in options.set)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{name}: {report.metric} mean over {len(report.targets)} targets {report.mean_target:.4f}")


if __name__ == "__main__":
    main()
