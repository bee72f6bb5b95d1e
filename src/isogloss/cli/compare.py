"""``isogloss compare``: several recipes on one problem, with the same seeds."""

from __future__ import annotations

import json as json_format
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isogloss.cli.options import (
    BackboneName,
    Force,
    Json,
    ProblemFolder,
    ProjectorName,
    Quiet,
    Resume,
    Seeds,
    Select,
    Settings,
    TranslatorName,
    listed,
    pairs_of,
    seeds_of,
)
from isogloss.cli.talk import print_json, print_table

if TYPE_CHECKING:
    from isogloss.evaluation import Report

log = logging.getLogger("isogloss")

EXAMPLES = """\b
Examples:
  isogloss compare my-problem --recipes direct,frozen --out runs/cmp
  isogloss compare my-problem --recipes direct,frozen --seeds 1,2,3 --out runs/cmp --resume
"""


def compare(
    problem: ProblemFolder,
    recipes: Annotated[
        str, typer.Option("--recipes", metavar="A,B", help="The first is the baseline.", show_default=False)
    ],
    out: Annotated[
        Path, typer.Option("--out", help="Folder of the comparison; one run for each recipe.", show_default=False)
    ],
    seeds: Seeds = None,
    backbone: BackboneName = None,
    settings: Settings = None,
    select: Select = None,
    translator: TranslatorName = None,
    projector: ProjectorName = None,
    resume: Resume = False,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare recipes on one problem.

    Same data, same seeds; differences from the first recipe with intervals and verdicts.
    """
    names, numbers = listed(recipes, "--recipes"), seeds_of(seeds)
    changed = pairs_of(settings, "--set")
    from isogloss import commands

    reports = commands.compare(
        problem,
        names,
        out=out,
        resume=resume,
        force=force,
        seeds=numbers,
        backbone=backbone,
        settings=changed,
        select=select,
        translator=translator or "auto",
        projector=projector,
        quiet=quiet,
    )
    if json:
        print_json({name: json_format.loads(report.to_json()) for name, report in reports.items()})
    else:
        columns = ("recipe", "mean of targets", "gap", f"against {names[0]}", "verdict", "saw", "seconds")
        print_table(
            columns, [_row(name, report) for name, report in reports.items()], numbers=columns[1:4] + columns[-1:]
        )
    if len({report.tier for report in reports.values()}) > 1:
        log.warning("The recipes knew different things of the targets (column 'saw'): this compares across tiers.")
    log.info("Reports: %s", ", ".join(str(out / name / "report.html") for name in names))


def _row(name: str, report: Report) -> tuple[str, ...]:
    base = report.baseline
    return (
        name,
        _number(report.mean_target, report.mean_target_ci95),
        _number(report.gap, None),
        _number(base["delta"], base["ci95"], sign="+") if base else "",
        base["verdict"] if base else "",
        report.tier,
        f"{sum(report.seconds.values()):.0f}",
    )


def _number(value: float | None, interval: tuple[float, float] | None, sign: str = "") -> str:
    if value is None:
        return "–"
    return f"{value:{sign}.3f}" + (f" [{interval[0]:{sign}.3f}, {interval[1]:{sign}.3f}]" if interval else "")
