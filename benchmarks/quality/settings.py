"""Chooses settings of ``direct`` on source development data alone: no test file is read.

    ISOGLOSS_DATA=DATA python benchmarks/quality/settings.py sib200 --rates 5e-5,1e-4,2e-4 --seeds 1,2

Each training keeps the checkpoint best on English dev, and that score is what the settings are compared by. Writes
``results/settings/<problem>.json`` and goes on where it was broken off.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from problems import PROBLEMS, data_folder, write
from run import RESULTS, SETTINGS

import isogloss as ig
from isogloss.flow import fit
from isogloss.machine import machine, versions
from isogloss.recipes import resolve
from isogloss.run import Run
from isogloss.train import choose_precision


def main() -> None:
    """Read the command line, train, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("problem", choices=SETTINGS)
    parser.add_argument("--rates", default="5e-5,1e-4,2e-4")
    parser.add_argument("--seeds", default="1,2")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("runs/quality"))
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    torch.set_num_threads(min(options.threads, os.cpu_count() or 1))
    write(options.problem, PROBLEMS[options.problem](data_folder()), options.work / "problems")
    problem = replace(ig.Problem.read(options.work / "problems" / options.problem), test={})
    path = RESULTS / "settings" / f"{options.problem}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    table = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"tried": {}}
    for rate in options.rates.split(","):
        recipe = resolve("direct", settings=SETTINGS[options.problem] | {"cross_entropy.learning_rate": rate})
        tried = table["tried"].setdefault(rate, {})
        for seed in options.seeds.split(","):
            if seed in tried:
                continue
            with TemporaryDirectory(prefix="isogloss-") as folder:
                run = Run(flow=fit, folder=Path(folder), seed=int(seed), precision=choose_precision())
                fit(recipe, problem, ig.Backbone.load(), run)
            tried[seed] = run.choices[0]["score"]
            print(f"{options.problem} rate {rate} seed {seed}: {problem.task.metric} on English dev {tried[seed]:.4f}")
            table |= {"settings": recipe.settings(), "versions": versions(), "machine": machine("cpu")}
            path.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
