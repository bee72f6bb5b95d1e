"""``isogloss transfer``: train on the source languages, measure on the targets."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isogloss.cli.options import (
    BackboneName,
    Device,
    Force,
    Json,
    Precision,
    ProblemFolder,
    ProjectorName,
    Quiet,
    Resume,
    Seeds,
    Select,
    Settings,
    Threads,
    TranslatorName,
    pairs_of,
    seeds_of,
)
from isogloss.cli.talk import console, print_json

if TYPE_CHECKING:
    from isogloss.problem import Problem
    from isogloss.recipes import Recipe

log = logging.getLogger("isogloss")

EXAMPLES = """\b
Examples:
  isogloss transfer my-problem --out runs/first
  isogloss transfer my-problem --recipe frozen --set cross_entropy.epochs=5 --seeds 1,2,3
"""


def transfer(
    problem: ProblemFolder,
    recipe: Annotated[
        str, typer.Option("--recipe", metavar="A+B", help="See 'isogloss recipes'; or a recipe.toml.")
    ] = "direct",
    backbone: BackboneName = None,
    settings: Settings = None,
    translator: TranslatorName = None,
    projector: ProjectorName = None,
    lm: Annotated[str | None, typer.Option("--lm", metavar="ID", help="For recipes that ask a language model.")] = None,
    select: Select = None,
    few_shot: Annotated[
        int | None,
        typer.Option("--few-shot", metavar="N", min=1, help="Go on with N labels of each target, drawn from few/."),
    ] = None,
    seeds: Seeds = None,
    plan: Annotated[
        Path | None,
        typer.Option("--plan", metavar="FILE", help="Hold the scores against a plan ('isogloss plan --out')."),
    ] = None,
    device: Device = "cpu",
    precision: Precision = "auto",
    threads: Threads = None,
    checkpoint_every: Annotated[
        float, typer.Option("--checkpoint-every", metavar="SECONDS", min=0, help="Time between two checkpoints.")
    ] = 60.0,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the run. By default runs/<problem>-<recipe>.")
    ] = None,
    resume: Resume = False,
    force: Force = False,
    skip_unserved: Annotated[
        bool, typer.Option("--skip-unserved", help="Leave out targets that a resource cannot serve.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything and print what would run.")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train on the source languages and measure on the targets."""
    changed, numbers = pairs_of(settings, "--set"), seeds_of(seeds)
    from isogloss import commands
    from isogloss.backbones import Backbone
    from isogloss.bridges.translators import load_translator
    from isogloss.output import OutputFolder
    from isogloss.planning.calibration import foretold
    from isogloss.problem import Problem
    from isogloss.processes import among_processes
    from isogloss.recipes import check_needs, resolve, translates
    from isogloss.recipes.written import Written
    from isogloss.train import choose_precision

    given = Problem.read(problem)
    if recipe.endswith(".toml"):
        translator = translator or Written.read(Path(recipe)).translator
    chosen = resolve(recipe, settings=changed, select=select, few_shot=few_shot, projector=projector)
    _refuse_unused(recipe, {"a translator": None if translates(chosen) else translator, "a language model": lm})
    bridge = load_translator(translator or "auto") if translates(chosen) else None
    unserved = check_needs(chosen, given, translator=bridge, skip_unserved=skip_unserved)
    folder = out or Path("runs") / f"{given.name}-{chosen.name}"
    if dry_run:
        served = [lang for lang in given.targets if lang not in unserved]
        told = (
            foretold(plan, task=given.task.name, metric=given.task.metric, sources=given.source, targets=served)
            if plan
            else None
        )
        OutputFolder(folder, resume=resume, force=force)
        choose_precision(precision, device)
        Backbone.load(backbone or chosen.backbone)
        numbers = numbers or (list(Written.read(Path(recipe)).seeds or ()) if recipe.endswith(".toml") else None)
        shown = _plan(given, chosen, backbone or chosen.backbone, numbers or [1], unserved)
        shown["plan"] = told and {
            "sha256": told.sha256,
            "expects": {k: told.estimate(k) for k in shown["targets"]},
            "differs": list(told.mismatches(given.name, shown["targets"], shown["parts"])),
        }
        shown["out"] = str(folder)
        print_json(shown) if json else _print_plan(shown)
        return
    _, report = commands.transfer(
        given,
        recipe,
        backbone=backbone,
        settings=changed,
        select=select,
        few_shot=few_shot,
        translator=translator or "auto",
        projector=projector,
        plan=plan,
        seeds=numbers,
        device=device,
        precision=precision,
        threads=threads,
        checkpoint_seconds=checkpoint_every,
        out=folder,
        resume=resume,
        force=force,
        skip_unserved=skip_unserved,
        quiet=quiet,
    )
    if not among_processes(resume=resume):
        return
    if json:
        typer.echo(report.to_json())
    else:
        from isogloss.evaluation.table import print_report

        print_report(report, console())
    log.info("Report: %s", folder / "report.html")
    log.info("next: isogloss predict %s --lang %s < texts.txt", folder, _served(given, unserved)[0])


def _refuse_unused(recipe: str, resources: dict[str, Any]) -> None:
    from isogloss.errors import RecipeError

    for resource, value in resources.items():
        if value is not None:
            raise RecipeError(f"No part of recipe '{recipe}' uses {resource}", fix="Leave the option out")


def _served(problem: Problem, unserved: dict[str, str]) -> list[str]:
    return [problem.spelling(lang) for lang in problem.targets if lang not in unserved]


def _plan(
    problem: Problem, recipe: Recipe, backbone: str, seeds: list[int], unserved: dict[str, str]
) -> dict[str, Any]:
    from isogloss.recipes import part_name

    sizes = {
        split: {lang: len(rows) for lang, rows in getattr(problem, split).items()} for split in ("train", "dev", "test")
    }
    return {
        "problem": problem.name,
        "task": problem.task.config(),
        "recipe": recipe.name,
        "parts": recipe.settings(),
        "backbone": backbone,
        "source": {
            problem.spelling(lang): {split: sizes[split].get(lang, 0) for split in ("train", "dev")}
            for lang in problem.source
        },
        "targets": {
            problem.spelling(lang): {"test": sizes["test"].get(lang, 0)}
            for lang in problem.targets
            if lang not in unserved
        },
        "unserved": {problem.spelling(lang): reason for lang, reason in unserved.items()},
        "seeds": seeds,
        "selection": part_name(recipe.finishes_by),
    }


def _print_plan(plan: dict[str, Any]) -> None:
    for key in ("problem", "recipe", "backbone", "selection", "out"):
        typer.echo(f"{key}: {plan[key]}")
    typer.echo(f"seeds: {', '.join(map(str, plan['seeds']))}")
    for part, fields in plan["parts"].items():
        typer.echo(f"part {part}: {', '.join(f'{name}={value}' for name, value in fields.items()) or 'no settings'}")
    for lang, counts in plan["source"].items():
        typer.echo(f"source {lang}: {counts['train']} train, {counts['dev']} dev")
    for lang, counts in plan["targets"].items():
        size = f"{counts['test']} test" if counts["test"] else "no test file"
        typer.echo(f"target {lang}: {size}" + (_expected(plan["plan"]["expects"][lang]) if plan["plan"] else ""))
    for lang, reason in plan["unserved"].items():
        typer.echo(f"target {lang}: left out, {reason}")
    for sentence in plan["plan"]["differs"] if plan["plan"] else ():
        log.warning("%s", sentence)


def _expected(guess: dict[str, Any] | None) -> str:
    """What the plan says of a target."""
    from isogloss.evaluation.view import bounds

    if guess is None:
        return ", the plan predicts no score"
    return f", the plan expects {guess['value']:.3f} {bounds(guess['interval'])}".rstrip()
