"""Who transfers to whom: an encoder taught in each of a dozen languages and asked in all of them, on three tasks.

    ISOGLOSS_DATA=DATA python benchmarks/transfer-matrix/measure.py matrix [--tasks topic,ner,pos] [--seeds 1,2,3]
    ISOGLOSS_DATA=DATA python benchmarks/transfer-matrix/measure.py sets --tasks topic,ner --seeds 1 [--chosen FILE]
    ISOGLOSS_DATA=DATA python benchmarks/transfer-matrix/measure.py few [--seeds 1,2]

* ``matrix``: one source language; the same number of labels in all.
* ``sets``: 20 random sets of 2, 3 and 4 source languages, with as many labels in all as one has in ``matrix``; and the
  sets in ``--chosen``, which ``figures.py`` writes from the other task's matrix.
* ``few``: topics, English labels and n of the target language, n = 10 to 500, in six languages.

Rows are kept in ``--work``, so that a run that was broken off goes on; ``figures.py`` sums up what is there.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from labelled import MEASURES, problem_of, sibling

import isogloss as ig
from isogloss.commands.transfer import predict_tests
from isogloss.flow import fit
from isogloss.methods.objective.cross_entropy import CrossEntropy
from isogloss.methods.objective.few_shot import FewShot
from isogloss.methods.weights.last import Last
from isogloss.run import Run
from isogloss.system import System
from isogloss.train import choose_precision

LEARNING: dict[str, Any] = {"freeze_layers": 6, "learning_rate": 2e-4, "max_length": 128}
RANDOM_SETS = 20
SIZES = (2, 3, 4)
FEW = (10, 25, 50, 100, 250, 500)
FEW_LANGUAGES = ("hau", "yor", "swh", "tam", "kat", "quy")


class Taught(Run):
    """A run whose zero-shot system is already there: it is the same for all languages and numbers of examples."""

    def fit(self, recipe: ig.Recipe, problem: ig.Problem, backbone: ig.Backbone | None = None) -> System:
        return System.from_pretrained(self.folder / "taught")


def objective(name: str) -> CrossEntropy:
    return CrossEntropy(epochs=MEASURES[name].epochs, min_steps=0, snapshots=1, **LEARNING)


def new_run(folder: Path, seed: int, kind: type[Run] = Run) -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    return kind(flow=fit, folder=folder, seed=seed, precision=choose_precision(), quiet=True)


def taught(name: str, sources: Sequence[str], seed: int, folder: Path) -> System:
    recipe = ig.Recipe(name="direct", objective=objective(name), weights=Last())
    return fit(recipe, problem_of(name, sources).blind(), ig.Backbone.load(), new_run(folder, seed))


def answers_of(system: System, problem: ig.Problem, run: Run) -> dict[str, list[Any]]:
    return {lang: [p.value for p in found] for lang, found in predict_tests(system, problem, run).items()}


def random_sets(name: str) -> Iterator[tuple[str, ...]]:
    """Sets of source languages, drawn once, no set twice."""
    for size in SIZES:
        draw, found = random.Random(size), set[tuple[str, ...]]()
        while len(found) < RANDOM_SETS:
            found.add(tuple(sorted(draw.sample(list(MEASURES[name].folders), size))))
        yield from sorted(found)


def do(work: Path, name: str, sources: Sequence[str], seed: int) -> None:
    """Teach and ask, if it was not done before."""
    place = work / f"{name}-{'+'.join(sources)}-{seed}.json"
    if place.is_file():
        return
    started, folder = time.process_time(), work / "runs" / place.stem
    system = taught(name, sources, seed, folder)
    answers = answers_of(system, problem_of(name, sources), new_run(folder, seed))
    shutil.rmtree(folder)
    seconds = time.process_time() - started
    place.write_text(json.dumps({"answers": answers, "seconds": seconds}, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{place.stem}: {seconds:.0f} CPU seconds", flush=True)


def few(work: Path, seed: int) -> None:
    """English labels and n of each language: the zero-shot system is taught once, and every n goes on from it."""
    folder = work / "runs" / f"few-{seed}"
    recipe = ig.Recipe(name="direct", objective=objective("topic"), weights=Last())
    for lang in FEW_LANGUAGES:
        rows = sibling(lang, "train")
        for n in FEW:
            place = work / f"few-{lang}-{n}-{seed}.json"
            if place.is_file():
                continue
            if not (folder / "taught").is_dir():
                taught("topic", ("eng",), seed, folder).save_pretrained(folder / "taught")
            started = time.process_time()
            problem = problem_of("topic", ("eng",), few={lang: rows})
            problem = replace(problem, test={lang: problem.test[lang]})
            more = FewShot(zero_shot=recipe, shots=n, source_batch=8, snapshots=1, freeze_layers=6, max_length=128)
            run = new_run(folder, seed, Taught)
            again = ig.Recipe(name="direct+few-shot", objective=more, weights=Last())
            answers = answers_of(fit(again, problem.blind(), ig.Backbone.load(), run), problem, run)
            seconds = time.process_time() - started
            place.write_text(json.dumps({"answers": answers, "seconds": seconds}, ensure_ascii=False) + "\n", "utf-8")
            print(f"{place.stem}: {seconds:.0f} CPU seconds", flush=True)
    shutil.rmtree(folder, ignore_errors=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, run what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("what", choices=("matrix", "sets", "few"))
    parser.add_argument("--tasks", default=",".join(MEASURES))
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--chosen", type=Path, help="JSON: sets of languages by task, beside the random ones")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("runs/transfer-matrix"))
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    chosen = json.loads(options.chosen.read_text(encoding="utf-8")) if options.chosen else {}
    for seed in map(int, options.seeds.split(",")):
        if options.what == "few":
            few(options.work, seed)
            continue
        for name in options.tasks.split(","):
            if options.what == "matrix":
                asked: list[tuple[str, ...]] = [(lang,) for lang in MEASURES[name].folders]
            else:
                asked = [tuple(langs) for langs in chosen.get(name, ())] or list(random_sets(name))
            for sources in asked:
                do(options.work, name, sources, seed)


if __name__ == "__main__":
    main()
