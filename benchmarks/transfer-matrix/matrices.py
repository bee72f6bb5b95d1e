"""What ``measure.py`` has measured, as the matrices that ``isogloss plan`` reads: one file a task.

    ISOGLOSS_DATA=DATA python benchmarks/transfer-matrix/matrices.py [--work runs/transfer-matrix] [--out FOLDER]

By default the files go where the package ships them from. What is in them and was not measured again stays. Distances
on text are those of NTREX-128 where it has the language, and of the tasks' own sentences where it does not; with the
encoder's pieces.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from labelled import MEASURES, problem_of, texts_of
from measure import FEW, FEW_LANGUAGES, LEARNING

import isogloss as ig
from isogloss.backbones.encoder import DEFAULT
from isogloss.languages.overlap import MEASURED
from isogloss.metrics import ones
from isogloss.planning.landscape import Landscape, survey
from isogloss.planning.matrix import Cell, TransferMatrix

SHIPPED = Path(__file__).parents[2] / "src/isogloss/planning/matrices"
NAMES = {"topic": "topics of SIB-200", "ner": "names of PAN-X", "pos": "parts of speech of UD and MasakhaPOS"}


def scores(place: Path, name: str, sources: Sequence[str]) -> dict[str, float]:
    """The score in every language that a row of ``measure.py`` was asked in."""
    found = json.loads(place.read_text(encoding="utf-8"))["answers"]
    problem = _problem(name, tuple(sources))
    task = problem.task
    return {
        lang: float(task.scores(problem.test[lang], answers, ones(len(answers)))[task.metric][0])
        for lang, answers in found.items()
    }


@cache
def _problem(name: str, sources: tuple[str, ...]) -> ig.Problem:
    return problem_of(name, sources)


@cache
def land_of(name: str) -> Landscape:
    """The languages of a task, with URIEL's distances and those on text."""
    tokenizer = ig.Backbone.load().tokenizer()
    langs = tuple(MEASURES[name].folders)
    land = survey(langs, {lang: texts_of(lang) for lang in langs}, pieces=lambda text: tokenizer.tokenize(text))
    # URIEL gives Basque no family: it is an isolate, as far from all others as a language can be.
    genetic_LL = np.nan_to_num(land.distances["genetic"], nan=1.0)
    return replace(land, distances={**land.distances, "genetic": genetic_LL})


def by_seed(work: Path, pattern: str) -> dict[int, Path]:
    return {int(place.stem.rpartition("-")[2]): place for place in sorted(work.glob(f"{pattern}-[0-9]*.json"))}


def matrix(name: str, work: Path, before: TransferMatrix | None = None) -> TransferMatrix:
    """All cells of a task that were measured; those of ``before`` that were not measured again stay."""
    land, measure = land_of(name), MEASURES[name]
    metric = problem_of(name, ["eng"]).task.metric
    found: dict[tuple[str, str, int], dict[int, float]] = {}
    for source in measure.folders:
        for seed, place in by_seed(work, f"{name}-{source}").items():
            for target, score in scores(place, name, (source,)).items():
                found.setdefault((source, target, 0), {})[seed] = score
    for lang in FEW_LANGUAGES if name == "topic" else ():
        for n in FEW:
            for seed, place in by_seed(work, f"few-{lang}-{n}").items():
                found.setdefault(("eng", lang, n), {})[seed] = scores(place, name, ("eng",))[lang]
    cells = [
        Cell(
            source=source, target=target, task=measure.task, metric=metric, examples=n,
            scores={seed: round(score, 5) for seed, score in sorted(by.items())},
            distances={k: round(float(land.between(source, target, [k])[0]), 5) for k in MEASURED if source != target},
        )
        for (source, target, n), by in sorted(found.items())
    ]  # fmt: skip
    known = {(cell.source, cell.target, cell.examples): cell for cell in before.cells} if before else {}
    known |= {(cell.source, cell.target, cell.examples): cell for cell in cells}
    about = {
        "name": NAMES[name], "backbone": DEFAULT, "pieces": DEFAULT, "labels": measure.train, "test": measure.test,
        "epochs": measure.epochs, "learning": LEARNING, "recipe": "direct, last weights",
        "command": "python benchmarks/transfer-matrix/measure.py",
    }  # fmt: skip
    return TransferMatrix(cells=tuple(known[key] for key in sorted(known)), about=about)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, write the files."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--work", type=Path, default=Path("runs/transfer-matrix"))
    parser.add_argument("--out", type=Path, default=SHIPPED)
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    for name in MEASURES:
        place = options.out / f"{name}.json"
        found = matrix(name, options.work, TransferMatrix.read(place) if place.is_file() else None)
        if found.cells:
            found.write(place)
            print(f"{name}: {len(found.cells)} cells")


if __name__ == "__main__":
    main()
