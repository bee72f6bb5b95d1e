"""The public functions behind the commands of the same names: transfer, evaluate, compare."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from isogloss.backbones import Backbone
from isogloss.errors import IsoglossError
from isogloss.evaluation import Report
from isogloss.evaluation.building import build_report
from isogloss.evaluation.comparing import against
from isogloss.evaluation.scoring import ScoreTable, score_table
from isogloss.flow import fit
from isogloss.output import OutputFolder
from isogloss.problem import Problem
from isogloss.recipes import Recipe, check_needs, resolve
from isogloss.run import Run
from isogloss.system import System
from isogloss.tasks import Prediction

Predictions = dict[int, dict[str, list[Prediction]]]


def transfer(
    problem: Problem | str | Path,
    recipe: str | Recipe = "direct",
    *,
    backbone: str | None = None,
    settings: Mapping[str, str] | None = None,
    select: str | None = None,
    seeds: Sequence[int] = (1,),
    device: str = "cpu",
    precision: str = "auto",
    out: str | Path | None = None,
    resume: bool = False,
    force: bool = False,
    quiet: bool = True,
) -> tuple[System, Report]:
    """Train on the source languages and measure on the targets.

    Args:
        problem: the problem, or its folder.
        recipe: a name such as ``direct`` or ``maft+filter``, or a Recipe.
        backbone: the encoder; the recipe's own by default.
        settings: changed hyper-parameters, ``{"cross_entropy.epochs": "3"}``.
        select: the rule by which a checkpoint is chosen: source_dev, last, or oracle.
        seeds: one training for each; scores are their means.
        device: ``cpu``, or what torch calls a device.
        precision: ``auto`` (bf16 where the processor has it), ``fp32`` or ``bf16``.
        out: folder for the model, the report, predictions and the resolved recipe; none is written without it.
        resume: go on in an existing ``out``; trainings that are done there are not done again.
        force: replace an existing ``out``.
        quiet: no progress bars.

    Returns:
        The system of the seed that is best on source dev (the first where nothing was scored), and the report.

    Raises:
        IsoglossError: the problem, the recipe or the output folder is not right; nothing has been written.
    """
    from isogloss.train import choose_precision

    problem = problem if isinstance(problem, Problem) else Problem.read(problem)
    chosen = resolve(recipe, settings=settings, select=select)
    check_needs(chosen, problem)
    if not seeds or len(set(seeds)) < len(seeds):
        raise IsoglossError("The seeds are not distinct numbers", fix="Write --seeds 1,2,3")
    with ExitStack() as stack:
        home = OutputFolder(out, resume=resume, force=force) if out is not None else None
        if home is not None and resume and home.finished:
            return System.from_pretrained(home.folder), Report.load(home.folder)
        folder = (
            stack.enter_context(home.work())
            if home
            else Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="isogloss-")))
        )
        network = Backbone.load(backbone or chosen.backbone)
        run = Run(
            flow=fit,
            folder=folder,
            device=device,
            precision=choose_precision(precision, device),
            quiet=quiet,
            test=problem.test if chosen.finishes_by.oracle else None,
        )
        answers: Predictions = {}
        best: tuple[float, int] | None = None
        for seed in seeds:
            run.seed = seed
            candidate = run.fit(chosen, problem, network)
            answers[seed] = predict_tests(candidate, problem, run)
            score = float(run.choices[-1].get("score", 0.0))
            if best is None or score > best[0]:
                best, system = (score, seed), replace(candidate, settings=dict(settings or {}))
            del candidate  # two networks at a time are enough
        report = build_report(problem, chosen, network, run, _scored(problem, answers), answers)
        report.model_seed = best[1] if best else None
        if home is not None:
            home.write(system, report, problem, chosen, answers)
    return system, report


def predict_tests(system: System, problem: Problem, run: Run) -> dict[str, list[Prediction]]:
    """The system's predictions for every test file of the problem, by language."""
    with run.stage("inference"):
        flat = [example for examples in problem.test.values() for example in examples]
        predictions = iter(system.predict_examples(flat, langs=[example.lang for example in flat], quiet=run.quiet))
        return {lang: [next(predictions) for _ in examples] for lang, examples in problem.test.items()}


def evaluate(
    system: System | str | Path, problem: Problem | str | Path, *, quiet: bool = True
) -> dict[str, dict[str, Any]]:
    """Score a finished system on the test files of a problem of the same task and labels.

    Returns:
        By language as the user spells it: every metric, its 95 % interval, and the number of items.

    Raises:
        IsoglossError: there is no test file, or task or labels differ.
    """
    system = system if isinstance(system, System) else System.from_pretrained(system)
    problem = problem if isinstance(problem, Problem) else Problem.read(problem)
    if system.task.name != problem.task.name:
        raise IsoglossError(
            f"The system was made for {system.task.name}, the problem is {problem.task.name}",
            fix="Use a problem of the system's task",
        )
    used = {label for examples in problem.test.values() for e in examples for label in problem.task.labels_in(e.fields)}
    if strange := used - set(system.task.labels):
        raise IsoglossError(
            f"The system does not know the label '{min(strange)}' of the problem",
            fix=f"It knows {', '.join(system.task.labels)}",
        )
    if not problem.test:
        raise IsoglossError(f"{problem.name} has no test files", fix="Add test/<language> files")
    with tempfile.TemporaryDirectory(prefix="isogloss-") as folder:
        run = Run(flow=fit, folder=Path(folder), precision=system.precision, quiet=quiet)
        table = _scored(replace(problem, task=system.task), {0: predict_tests(system, problem, run)})
    return {
        problem.spelling(lang): {key: value for key, value in row.items() if key != "by_seed"}
        for lang, row in table.by_language.items()
    }


def compare(
    problem: Problem | str | Path,
    recipes: Sequence[str],
    *,
    out: str | Path,
    resume: bool = False,
    force: bool = False,
    **options: Any,
) -> dict[str, Report]:
    """Run several recipes on the same problem with the same seeds; the first is the baseline of the others.

    Args:
        problem: the problem, or its folder.
        recipes: two or more recipe names; reports of all but the first hold ``baseline`` with the difference of the
            mean over targets, its 95 % interval (paired: same items, jointly over languages) and a verdict.
        out: folder; each recipe's run is a folder in it.
        resume: as for :func:`transfer`.
        force: as for :func:`transfer`.
        options: passed on to :func:`transfer`.

    Raises:
        IsoglossError: fewer than two recipes, or what ``transfer`` raises; all are checked before the first runs.
    """
    if len(recipes) < 2 or len(set(recipes)) < len(recipes):
        raise IsoglossError("A comparison needs two different recipes or more", fix="Write --recipes direct,frozen")
    problem = problem if isinstance(problem, Problem) else Problem.read(problem)
    for name in recipes:
        check_needs(resolve(name, settings=options.get("settings"), select=options.get("select")), problem)
    folder = OutputFolder(out, resume=resume, force=force).claim()
    reports: dict[str, Report] = {}
    for name in recipes:
        reports[name] = transfer(problem, name, out=folder / name, resume=resume, **options)[1]
        if name != recipes[0]:
            reports[name].baseline = against(problem, folder / recipes[0], folder / name, baseline=recipes[0])
            reports[name].save(folder / name)
    return reports


def _scored(problem: Problem, answers: Predictions) -> ScoreTable:
    values = {
        seed: {lang: [p.value for p in items] for lang, items in by_lang.items()} for seed, by_lang in answers.items()
    }
    return score_table(problem.task, problem.test, values)
