"""``transfer``: train on the source languages, measure on the targets, report."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from isogloss.backbones import Backbone
from isogloss.bridges.base import Translator
from isogloss.bridges.translators import load_translator
from isogloss.errors import IsoglossError
from isogloss.evaluation import Report
from isogloss.evaluation.building import build_report
from isogloss.evaluation.scoring import ScoreTable, score_table
from isogloss.example import Example
from isogloss.flow import fit
from isogloss.output import OutputFolder
from isogloss.planning.calibration import Foretold, foretold
from isogloss.problem import Problem
from isogloss.processes import among_processes, processor_threads
from isogloss.recipes import Recipe, check_needs, resolve, translates
from isogloss.recipes.written import Written
from isogloss.run import Run, fingerprint_of_test
from isogloss.system import System
from isogloss.tasks import OpenTagging, Prediction

log = logging.getLogger("isogloss")

Predictions = dict[int, dict[str, list[Prediction]]]


def transfer(
    problem: Problem | str | Path,
    recipe: str | Recipe = "direct",
    *,
    backbone: str | None = None,
    settings: Mapping[str, str] | None = None,
    select: str | None = None,
    few_shot: int | None = None,
    translator: str = "auto",
    projector: str | None = None,
    plan: str | Path | None = None,
    seeds: Sequence[int] | None = None,
    device: str = "cpu",
    precision: str = "auto",
    threads: int | None = None,
    checkpoint_seconds: float = 60.0,
    out: str | Path | None = None,
    resume: bool = False,
    force: bool = False,
    skip_unserved: bool = False,
    quiet: bool = True,
) -> tuple[System, Report]:
    """Train on the source languages and measure on the targets.

    Args:
        problem: the problem, or its folder.
        recipe: a name such as ``direct`` or ``maft+filter``, a Recipe, or the ``recipe.toml`` of an earlier run, whose
            encoder, settings, rule, seeds, precision and translator hold where no other are given.
        backbone: the encoder; the recipe's own by default.
        settings: changed hyper-parameters, ``{"cross_entropy.epochs": "3"}``.
        select: the rule by which the weights are chosen or averaged, one of ``isogloss.recipes.SELECTION``.
        few_shot: train on after the recipe with so many labelled examples of each target, drawn from ``few/``.
        translator: for recipes that translate: ``auto`` (the best that is installed for each pair),
            ``isogloss:eng-por``, ``apertium``, a hub id or folder, and others (``isogloss.bridges.translators``).
        projector: how recipes that translate carry spans over: ``align``, ``codec``, ``markers`` and others
            (``isogloss.bridges.projectors``); by default as the recipe says.
        plan: a file of :func:`plan` with predicted scores, of one source. It is read before anything is trained; the
            report holds the scores against it, and estimates of targets without a test file.
        seeds: one training for each, by default one with seed 1; scores are their means.
        device: ``cpu``, or what torch calls a device.
        precision: ``auto`` (bf16 where the processor has it), ``fp32`` or ``bf16``.
        threads: processor threads of torch; by default as many as it takes by itself.
        checkpoint_seconds: time between two checkpoints of a training.
        out: folder for the model, the report, predictions and the resolved recipe; none is written without it.
        resume: go on in an existing ``out``: trainings that are done there are not done again, one that was broken off
            goes on at its last checkpoint, with the precision and the threads it began with unless others are given.
            What comes out is the same, bit for bit, as if nothing had happened.
        force: replace an existing ``out``, once the new result is complete.
        skip_unserved: leave out targets that lack a resource the recipe needs; the report lists them.
        quiet: no progress bars.

    Returns:
        The system of the seed that is best on source dev (the first where nothing was scored), and the report.

    Raises:
        IsoglossError: the problem, the recipe or the output folder is not right; nothing has been written.
    """
    from isogloss.train import choose_precision

    problem = problem if isinstance(problem, Problem) else Problem.read(problem)
    if isinstance(recipe, str) and recipe.endswith(".toml"):
        written = Written.read(Path(recipe))
        seeds = written.seeds if seeds is None else seeds
        precision = written.precision or precision if precision == "auto" else precision
        translator = written.translator or translator if translator == "auto" else translator
    seeds = (1,) if seeds is None else tuple(seeds)
    chosen = resolve(recipe, settings=settings, select=select, few_shot=few_shot, projector=projector)
    bridge = load_translator(translator) if translates(chosen) else None
    unserved = check_needs(chosen, problem, translator=bridge, skip_unserved=skip_unserved)
    problem = _served(problem, chosen, unserved)
    task, sources, targets = problem.task, problem.source, problem.targets
    told = foretold(plan, task=task.name, metric=task.metric, sources=sources, targets=targets) if plan else None
    if told:
        spelled = [problem.spelling(lang) for lang in targets]
        for sentence in told.mismatches(problem.name, spelled, chosen.settings()):
            log.warning("%s", sentence)
    if not seeds or len(set(seeds)) < len(seeds):
        raise IsoglossError("The seeds are not distinct numbers", fix="Write --seeds 1,2,3")
    first = among_processes(resume=resume)
    home = OutputFolder(out, resume=resume, force=force) if out is not None and first else None
    begun = home.begun() if home is not None and resume else {}
    threads = begun.get("threads") if threads is None else threads
    number_format = choose_precision(begun.get("precision", precision) if precision == "auto" else precision, device)
    network = Backbone.load(backbone or chosen.backbone)
    fingerprint = _fingerprint(problem, chosen, network, seeds, number_format, bridge)
    if home is not None and resume and home.finished:
        return _finished(home, chosen, fingerprint, told)
    if home is not None and begun.get("fingerprint", fingerprint) != fingerprint:
        raise IsoglossError(
            "The run that was begun here had other data, another recipe, encoder or precision, or other seeds",
            where=home.folder,
            fix="Repeat the command it was begun with, choose another --out, or give --force instead of --resume",
        )
    if home is not None and begun:
        _same_plan(home, begun.get("plan"), told)
    network.tokenizer()  # an encoder that cannot be had is better known before anything is written
    with home.work() if home else _temporary() as folder, processor_threads(threads) as used:
        if home is not None:
            facts = {"precision": number_format, "threads": used, "fingerprint": fingerprint}
            home.begin(facts | {"plan": told.sha256 if told else None})
        run = Run(
            flow=fit,
            folder=folder,
            device=device,
            precision=number_format,
            quiet=quiet,
            checkpoint_seconds=checkpoint_seconds,
            test=problem.test if chosen.finishes_by.oracle else None,
            source=problem.source,
            translator=bridge,
        )
        answers: Predictions = {}
        best: tuple[float, int] | None = None
        for seed in seeds:
            run.seed = seed
            candidate = run.fit(chosen, problem, network)
            answers[seed] = predict_tests(candidate, problem, run)
            score = _selected_score(run, seed)
            if best is None or score > best[0]:
                best, system = (score, seed), replace(candidate, settings=dict(settings or {}))
            del candidate  # two networks at a time are enough
        report = build_report(
            problem,
            chosen,
            network,
            run,
            scored(problem, answers),
            answers,
            model_seed=seeds[0] if best is None else best[1],
            fingerprint=fingerprint,
            unserved=unserved,
            foretold=told,
        )
        if home is not None:
            home.write(system, report, problem, answers)
    return system, report


def _served(problem: Problem, recipe: Recipe, unserved: Mapping[str, str]) -> Problem:
    """The problem without targets that a resource cannot serve and without tests that no network will answer."""
    targets = tuple(lang for lang in problem.targets if lang not in unserved)
    answered = targets if recipe.scope == "target" else (*problem.source, *targets)
    return replace(problem, targets=targets, test={k: test for k, test in problem.test.items() if k in answered})


def _selected_score(run: Run, seed: int) -> float:
    """Mean of the scores by which this seed's checkpoints were chosen (one for each member), 0 without any."""
    own = [row.get("score", 0.0) for row in run.choices if row["level"] == 1 and row["seed"] == seed]
    return float(sum(own) / len(own)) if own else 0.0


def _fingerprint(
    problem: Problem,
    recipe: Recipe,
    backbone: Backbone,
    seeds: Sequence[int],
    precision: str,
    translator: Translator | None,
) -> str:
    facts = (problem.fingerprint(), fingerprint_of_test(problem.test), repr(recipe), backbone.fingerprint())
    words = () if translator is None else (translator.id, translator.version)
    return hashlib.sha256(repr((facts, list(seeds), precision, *words)).encode()).hexdigest()


@contextmanager
def _temporary() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="isogloss-") as folder:
        yield Path(folder)


def _same_plan(home: OutputFolder, then: str | None, now: Foretold | None) -> None:
    """Raises IsoglossError where a run would be held against a plan that it did not begin with, or against none."""
    if then != (now.sha256 if now else None):
        raise IsoglossError(
            f"The run in this folder was begun with {f'the plan {then[:12]}' if then else 'no plan'}",
            where=home.folder,
            fix="Repeat the command it was begun with, choose another --out, or give --force instead of --resume",
        )


def _finished(home: OutputFolder, recipe: Recipe, fingerprint: str, told: Foretold | None) -> tuple[System, Report]:
    report = Report.load(home.folder)
    if report.fingerprint != fingerprint:
        raise IsoglossError(
            "The run that is finished here had other data, another recipe, encoder or precision, or other seeds",
            where=home.folder,
            fix="Choose another --out, or give --force instead of --resume",
        )
    _same_plan(home, report.plan["sha256"] if report.plan else None, told)
    home.tidy()
    return System.from_pretrained(home.folder, inference=recipe.inference), report


def predict_tests(system: System, problem: Problem, run: Run) -> dict[str, list[Prediction]]:
    """The system's predictions for every test file of the problem, by language.

    A system of open labels is asked for those of a test file, where training has not had them all.
    """
    with run.stage("inference"):
        if isinstance(system.task, OpenTagging):
            return {
                lang: asked_for(system, examples).predict_examples(
                    examples, langs=[example.lang for example in examples], quiet=run.quiet, run=run
                )
                for lang, examples in problem.test.items()
            }
        flat = [example for examples in problem.test.values() for example in examples]
        langs = [example.lang for example in flat]
        predictions = iter(system.predict_examples(flat, langs=langs, quiet=run.quiet, run=run))
        return {lang: [next(predictions) for _ in examples] for lang, examples in problem.test.items()}


def asked_for(system: System, examples: Sequence[Example]) -> System:
    """The system with the labels that examples use, if there are any among them that it does not know."""
    used = {label for example in examples for label in system.task.labels_in(example.fields)}
    return system if used <= set(system.task.labels) else system.with_labels(sorted(used))


def scored(problem: Problem, answers: Predictions) -> ScoreTable:
    """Scores with intervals of predictions for the problem's test files."""
    values = {
        seed: {lang: [p.value for p in items] for lang, items in by_lang.items()} for seed, by_lang in answers.items()
    }
    return score_table(problem.task, problem.test, values)
