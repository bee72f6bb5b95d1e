"""``transfer``: train on the source languages, measure on the targets, report."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from isogloss.backbones import Backbone
from isogloss.errors import IsoglossError
from isogloss.evaluation import Report
from isogloss.evaluation.building import build_report
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
        network = Backbone.load(backbone or chosen.backbone)
        number_format = choose_precision(precision, device)
        if home is not None and resume and home.finished:
            return _finished(home, chosen, network, seeds)
        run = Run(
            flow=fit,
            folder=stack.enter_context(home.work() if home else _temporary()),
            device=device,
            precision=number_format,
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
        report = build_report(problem, chosen, network, run, scored(problem, answers), answers)
        report.model_seed = best[1] if best else None
        if home is not None:
            home.write(system, report, problem, chosen, answers)
    return system, report


@contextmanager
def _temporary() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="isogloss-") as folder:
        yield Path(folder)


def _finished(home: OutputFolder, recipe: Recipe, backbone: Backbone, seeds: Sequence[int]) -> tuple[System, Report]:
    report = Report.load(home.folder)
    asked = (recipe.name, recipe.settings(), backbone.id, list(seeds))
    if asked != (report.recipe, report.settings, report.backbone["id"], report.seeds):
        raise IsoglossError(
            "The run that is finished here had another recipe, other settings or seeds",
            where=home.folder,
            fix="Choose another --out, or give --force instead of --resume",
        )
    return System.from_pretrained(home.folder), report


def predict_tests(system: System, problem: Problem, run: Run) -> dict[str, list[Prediction]]:
    """The system's predictions for every test file of the problem, by language."""
    with run.stage("inference"):
        flat = [example for examples in problem.test.values() for example in examples]
        predictions = iter(system.predict_examples(flat, langs=[example.lang for example in flat], quiet=run.quiet))
        return {lang: [next(predictions) for _ in examples] for lang, examples in problem.test.items()}


def scored(problem: Problem, answers: Predictions) -> ScoreTable:
    """Scores with intervals of predictions for the problem's test files."""
    values = {
        seed: {lang: [p.value for p in items] for lang, items in by_lang.items()} for seed, by_lang in answers.items()
    }
    return score_table(problem.task, problem.test, values)
