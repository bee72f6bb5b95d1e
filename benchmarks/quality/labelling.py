"""NER with a label on every piece of a word, as isogloss does, against one on the first piece only.

    ISOGLOSS_DATA=DATA python benchmarks/quality/labelling.py [--seeds 1,2,3] [--threads 2]

On the development problem ``panx-dev`` (silver labels; used to choose, never for results), shrunk to 1,200 English
training sentences and 200 sentences of twelve languages. Writes ``results/settings/labelling.json``.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from problems import PROBLEMS, data_folder, write
from run import RESULTS

import isogloss as ig
from isogloss.commands.transfer import predict_tests
from isogloss.flow import fit
from isogloss.machine import machine, versions
from isogloss.metrics import ones
from isogloss.recipes import resolve
from isogloss.run import Run
from isogloss.tasks import Tagging
from isogloss.train import choose_precision

LANGUAGES = ("zho", "jpn", "kor", "arb", "hin", "deu", "fin", "tur", "swa", "kat", "mya", "spa")
SETTINGS = {"cross_entropy.epochs": "2"}


@dataclass(frozen=True, kw_only=True)
class FirstPiece(Tagging):
    """Tagging with the tag on a word's first piece and no label on the others."""

    def _piece_labels(
        self, tags: Sequence[str], pairs: Sequence[tuple[int, int]], owners: Sequence[int | None]
    ) -> list[int]:
        full = super()._piece_labels(tags, pairs, owners)
        first = {piece for _, piece in pairs}
        return [label if piece in first else -100 for piece, label in enumerate(full)]


def main() -> None:
    """Run both ways with every seed and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("runs/quality"))
    options = parser.parse_args()
    torch.set_num_threads(min(options.threads, os.cpu_count() or 1))
    write("panx-dev", PROBLEMS["panx-dev"](data_folder()), options.work / "problems")
    problem = ig.Problem.read(options.work / "problems" / "panx-dev")
    problem = replace(
        problem,
        train={"eng": problem.train["eng"][:1200]},
        test={lang: problem.test[lang][:200] for lang in LANGUAGES},
    )
    table: dict[str, Any] = {"span_f1": {}, "settings": SETTINGS, "versions": versions(), "machine": machine("cpu")}
    for way, kind in (("every piece", Tagging), ("first piece", FirstPiece)):
        given = replace(problem, task=kind(labels=problem.task.labels))
        for seed in options.seeds.split(","):
            with TemporaryDirectory(prefix="isogloss-") as folder:
                run = Run(flow=fit, folder=Path(folder), seed=int(seed), precision=choose_precision())
                system = fit(resolve("direct", settings=SETTINGS), given.blind(), ig.Backbone.load(), run)
                for lang, found in predict_tests(system, given, run).items():
                    examples = given.test[lang]
                    score = given.task.scores(examples, [p.value for p in found], ones(len(examples)))["span_f1"][0]
                    table["span_f1"].setdefault(lang, {}).setdefault(way, []).append(float(score))
    for way in ("every piece", "first piece"):
        means = {lang: float(np.mean(row[way])) for lang, row in table["span_f1"].items()}
        print(
            f"{way}: mean {np.mean(list(means.values())):.3f}  " + "  ".join(f"{k} {v:.3f}" for k, v in means.items())
        )
    (RESULTS / "settings").mkdir(parents=True, exist_ok=True)
    (RESULTS / "settings" / "labelling.json").write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
