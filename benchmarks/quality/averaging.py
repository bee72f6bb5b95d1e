"""Averaging against choosing: the same snapshots under every rule, over seeds, learning rates, tasks and few labels.

    ISOGLOSS_DATA=DATA python benchmarks/quality/averaging.py [--tasks sib200,ner,pos,xnli] [--parts grid,runs,few]
    ISOGLOSS_DATA=DATA python benchmarks/quality/averaging.py --summary

Three parts. ``grid``: five seeds at two rates; one training each, whose snapshots are then scored under all rules: the
last, the one best on source dev, the mean of the late window (checkpoint averaging as shipped, its guard in force), and
the one best on the *target tests* (the oracle: what a paper that selects on target data would report). ``runs``: three
runs averaged under one frozen head, beside the mean of three runs that have heads of their own, which must fail.
``few``: 10, 50 and 100 labels of each target on two tasks, five seeds. Every finished row is kept in ``--work``, so
that a run that was broken off goes on; several processes may share the work by tasks or parts. ``--summary`` writes
``results/averaging.json``.

Everything is cut down to what two cores do in about an hour: rows, updates, test items and targets of each task stand
in ``SIZES``, and the lower half of the encoder is frozen. The figures compare rules with each other; they are not the
tasks' best scores.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import transformers
from averaging_summary import summarise
from problems import PROBLEMS, data_folder, write
from safetensors.torch import load_file, save_file

import isogloss as ig
from isogloss.flow import fit, source_score
from isogloss.member import Member
from isogloss.methods.objective.cross_entropy import CrossEntropy
from isogloss.methods.objective.few_shot import FewShot
from isogloss.methods.weights.checkpoint_averaging import CheckpointAveraging, late, mean_of
from isogloss.methods.weights.run_averaging import RunAveraging
from isogloss.metrics import ones
from isogloss.nets.averaging import RunningMean
from isogloss.recipes import Recipe
from isogloss.run import Run
from isogloss.train import Trained, choose_precision

RESULTS = Path(__file__).parent / "results"
SEEDS, RATES = (1, 2, 3, 4, 5), (1e-4, 2e-4)
SHOTS = (10, 50, 100)
SNAPSHOTS = 6
FROZEN = 6  # lower layers that do not learn: about twice as fast (benchmarks/speed/shares.py)
NEVER = 9.0  # a guard that does not act: the mean is to be seen as it is


@dataclass(frozen=True, kw_only=True)
class Size:
    """What a task is cut down to: training rows, epochs, dev rows, test items a language, and targets."""

    rows: int
    epochs: int
    dev: int
    items: int
    targets: tuple[str, ...]


SIZES = {
    "sib200": Size(rows=640, epochs=2, dev=60, items=60, targets=("deu", "swh", "yor")),
    "ner": Size(rows=1280, epochs=4, dev=60, items=60, targets=("por", "swa", "hau")),
    "pos": Size(rows=960, epochs=1, dev=40, items=40, targets=("deu", "tur", "yor")),
    "xnli": Size(rows=2000, epochs=1, dev=40, items=40, targets=("deu", "hin", "swa")),
}
FEW_TARGETS = {"sib200": ("swh", "yor", "quy"), "ner": ("swa", "hau", "yor")}


def problem_of(task: str, work: Path, targets: Sequence[str]) -> ig.Problem:
    """The cut-down problem. Few labels of SIB-200 are rows of the target's train file; those of NER are the last rows
    of its test file, which are then no test rows.
    """
    size, place = SIZES[task], work / "problems" / task
    if not (place / "problem.toml").is_file():
        write(task, PROBLEMS[task](data_folder()), work / "problems")
    whole = ig.Problem.read(place)
    few = {lang: few_of(task, whole, lang) for lang in targets} if task in FEW_TARGETS else {}
    return replace(
        whole,
        targets=tuple(targets),
        train={"eng": whole.train["eng"][: size.rows]},
        dev={"eng": whole.dev["eng"][: size.dev]},
        test={lang: whole.test[lang][: size.items] for lang in targets},
        few=few,
    )


def few_of(task: str, whole: ig.Problem, lang: str) -> tuple[ig.Example, ...]:
    """At least a hundred labelled examples of a target that no test here has."""
    if task == "ner":
        return whole.test[lang][-150:]
    folder = next((data_folder() / "topic/sib200").glob(f"{lang}_*"))
    header, *lines = (folder / "train.tsv").read_text(encoding="utf-8").split("\n")
    rows = [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines if line]
    return tuple(
        ig.Example(
            id=f"flores-{row['index_id']}", lang=lang, fields={"text": row["text"], "label": row["category"]},
            place=f"few/{lang}:{i}",
        )
        for i, row in enumerate(rows)
    )  # fmt: skip


def answers(trained: Trained, weights: Mapping[str, torch.Tensor], problem: ig.Problem, run: Run) -> dict[str, Any]:
    """Predictions for the tests by language."""
    trained.load(weights)
    member = Member(model=trained.model, tokenizer=trained.tokenizer)
    return {
        lang: [p.value for p in member.predict(problem.task, problem.task.hide(examples), run=run)]
        for lang, examples in problem.test.items()
    }


def rules(trained: Trained, problem: ig.Problem, recipe: Recipe, run: Run, *, choosing: bool) -> dict[str, Any]:
    """The answers under every rule, and what each looked at; without ``choosing``, of the last and of the mean only."""
    dev = source_score(problem, recipe, run)
    snapshots = {snapshot.step: snapshot for snapshot in trained.snapshots}
    averaged = CheckpointAveraging()([trained], dev, run)
    chosen = {"last": max(snapshots)}
    row: dict[str, Any] = {"fell_back": averaged.how["fell_back"]}
    given = {
        step: answers(trained, snapshots[step].load(), problem, run)
        for step in (snapshots if choosing else chosen.values())
    }
    if choosing:
        row["dev"] = {step: dev(trained, snapshot.load()) for step, snapshot in snapshots.items()}
        chosen["source_dev"] = max(row["dev"], key=lambda step: (row["dev"][step], step))
        row["test"] = {step: mean_score(problem, found) for step, found in given.items()}
        chosen["oracle"] = max(row["test"], key=lambda step: (row["test"][step], step))
    by_rule = {rule: given[step] for rule, step in chosen.items()}
    return row | {"answers": by_rule | {"checkpoint_averaging": answers(trained, averaged.weights, problem, run)}}


def mean_score(problem: ig.Problem, found: Mapping[str, Sequence[Any]]) -> float:
    """The primary metric's mean over the targets."""
    task = problem.task
    scores = [
        task.scores(problem.test[lang], found[lang], ones(len(found[lang])))[task.metric][0] for lang in problem.targets
    ]
    return float(sum(scores) / len(scores))


def new_run(folder: Path, seed: int, problem: ig.Problem) -> Run:
    return Run(flow=fit, folder=folder, seed=seed, precision=choose_precision(), test=problem.test)


def objective(task: str, rate: float) -> CrossEntropy:
    return CrossEntropy(
        epochs=SIZES[task].epochs, min_steps=0, learning_rate=rate, snapshots=SNAPSHOTS, freeze_layers=FROZEN
    )


def grid(task: str, work: Path) -> None:
    """Five seeds at two rates."""
    problem, backbone = problem_of(task, work, SIZES[task].targets), ig.Backbone.load()
    for rate in RATES:
        for seed in SEEDS:
            path = work / f"grid-{task}-{rate}-{seed}.json"
            if path.exists():
                continue
            recipe = Recipe(name="direct", objective=objective(task, rate))
            with TemporaryDirectory() as folder:
                run = new_run(Path(folder), seed, problem)
                transformers.set_seed(seed)
                trained = recipe.learns_by(backbone, problem, run)
                if rate == RATES[0] and task in FEW_TARGETS:  # for the control of run averaging
                    save_file(dict(mean_of(late(trained.snapshots, 0.5))), work / f"mean-{task}-{seed}.safetensors")
                keep(path, rules(trained, problem, recipe, run, choosing=True))


def runs(task: str, work: Path) -> None:
    """Three runs under one frozen head, and three with heads of their own."""
    if task not in FEW_TARGETS:
        return
    problem, backbone = problem_of(task, work, SIZES[task].targets), ig.Backbone.load()
    for seed in SEEDS[:3]:
        path = work / f"runs-{task}-{seed}.json"
        if path.exists():
            continue
        rule = RunAveraging(guard=NEVER)
        recipe = Recipe(name="run-averaging", objective=objective(task, RATES[0]), weights=rule)
        with TemporaryDirectory() as folder:
            run = new_run(Path(folder), seed, problem)
            system = run.fit(recipe, problem, backbone)
            assert system.base is not None
            found = {
                lang: [p.value for p in system.base.predict(problem.task, problem.task.hide(examples), run=run)]
                for lang, examples in problem.test.items()
            }
            row: dict[str, Any] = {"how": run.choices[-1], "answers": {"run_averaging": found}}
        own = RunningMean()
        for other in [(seed - 1 + i) % len(SEEDS) + 1 for i in range(3)]:
            own.add(load_file(work / f"mean-{task}-{other}.safetensors"))
        network = Trained(
            model=backbone.model(problem.task), tokenizer=backbone.tokenizer(), task=problem.task, snapshots=[]
        )
        with TemporaryDirectory() as folder:
            run = new_run(Path(folder), seed, problem)
            row["answers"]["own_heads"] = answers(network, own.result(), problem, run)
        keep(path, row)


def few(task: str, work: Path) -> None:
    """Some labels of each target, on top of the same zero-shot run."""
    if task not in FEW_TARGETS:
        return
    problem, backbone = problem_of(task, work, FEW_TARGETS[task]), ig.Backbone.load()
    zero = Recipe(name="direct", objective=objective(task, RATES[0]), weights=CheckpointAveraging())
    for seed in SEEDS:
        with TemporaryDirectory() as folder:
            run = new_run(Path(folder), seed, problem)
            for shots in (0, *SHOTS):
                path = work / f"few-{task}-{shots}-{seed}.json"
                if path.exists():
                    continue
                if not shots:
                    system = run.fit(zero, problem, backbone)
                    assert system.base is not None
                    found = {
                        lang: [p.value for p in system.base.predict(problem.task, problem.task.hide(rows), run=run)]
                        for lang, rows in problem.test.items()
                    }
                    keep(
                        path, {"answers": {"checkpoint_averaging": found}, "regime": run.ledger.regime(problem.targets)}
                    )
                    continue
                part = FewShot(
                    zero_shot=zero,
                    shots=shots,
                    updates=24,
                    source_batch=8,
                    few_batch=8,
                    snapshots=SNAPSHOTS,
                    freeze_layers=FROZEN,
                )
                recipe = Recipe(name="few-shot", objective=part)
                again = replace(run, ledger=ig.Ledger())
                trained = recipe.learns_by(backbone, problem, again)
                row = rules(trained, problem, recipe, again, choosing=False)
                keep(path, row | {"regime": again.ledger.regime(problem.targets)})


def keep(path: Path, row: Mapping[str, Any]) -> None:
    staged = path.with_suffix(".part")
    staged.write_text(json.dumps(row), encoding="utf-8")
    staged.replace(path)
    print(path.stem, flush=True)


PARTS = {"grid": grid, "runs": runs, "few": few}


def main() -> None:
    """Read the command line, train and score what is not there yet, or sum up."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--tasks", default=",".join(SIZES))
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("runs/averaging"))
    parser.add_argument("--summary", action="store_true", help="only sum up what is there")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    torch.set_num_threads(min(options.threads, os.cpu_count() or 1))
    options.work.mkdir(parents=True, exist_ok=True)
    if not options.summary:
        for part in options.parts.split(","):
            for task in options.tasks.split(","):
                PARTS[part](task, options.work)
    problems = {task: problem_of(task, options.work, size.targets) for task, size in SIZES.items()}
    shots = {task: problem_of(task, options.work, targets) for task, targets in FEW_TARGETS.items()}
    summarise(options.work, RESULTS / "averaging.json", problems, shots)


if __name__ == "__main__":
    main()
