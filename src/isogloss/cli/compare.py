"""``isogloss compare``: recipes on one problem, trained now or before, as a leaderboard."""

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
    from isogloss.evaluation.leaderboard import Standing

log = logging.getLogger("isogloss")

EXAMPLES = """\b
Examples:
  isogloss compare my-problem --recipes direct,frozen --seeds 1,2,3 --out runs/cmp
  isogloss compare my-problem --runs runs/monday,runs/friday --out runs/board
"""


def compare(
    problem: ProblemFolder,
    out: Annotated[
        Path, typer.Option("--out", help="Folder of the comparison; one run for each recipe.", show_default=False)
    ],
    recipes: Annotated[
        str | None,
        typer.Option("--recipes", metavar="A,B", help="The first of each tier is the baseline.", show_default=False),
    ] = None,
    runs: Annotated[
        str | None,
        typer.Option(
            "--runs", metavar="DIR,DIR", help="Finished runs to compare too; other seeds of a recipe are merged."
        ),
    ] = None,
    across_tiers: Annotated[
        bool, typer.Option("--across-tiers", help="Rank recipes together that knew different things of the targets.")
    ] = False,
    most_seeds: Annotated[
        int | None,
        typer.Option("--most-seeds", metavar="N", min=1, help="Add seeds, up to N, until no verdict is inconclusive."),
    ] = None,
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

    Same data, same seeds; differences from the first recipe that knew as much, with intervals and verdicts. Writes
    leaderboard.html.
    """
    if recipes is None and runs is None:
        raise typer.BadParameter("give recipes, finished runs, or both", param_hint="--recipes / --runs")
    names = [] if recipes is None else listed(recipes, "--recipes")
    folders, numbers = [] if runs is None else listed(runs, "--runs"), seeds_of(seeds)
    changed = pairs_of(settings, "--set")
    from isogloss import commands

    reports = commands.compare(
        problem,
        names,
        out=out,
        runs=folders,
        across_tiers=across_tiers,
        most_seeds=most_seeds,
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
    board = reports.board
    if json:
        shown = {name: json_format.loads(report.to_json()) for name, report in reports.items()}
        print_json(shown if names else json_format.loads(board.to_json()))
    else:
        bases = [standing.name for standing in board.standings if standing.rank and standing.baseline is None]
        against = f"against {bases[0]}" if len(bases) == 1 else "against the first that knew as much"
        columns = ("rank", "recipe", "mean of targets", against, "verdict", "p", "saw", "seeds", "seconds a seed")
        numbered = ("rank", "mean of targets", against, "p", "seeds", "seconds a seed")
        print_table(columns, [_row(standing) for standing in board.standings], numbers=numbered)
    if len(board.groups) > 1:
        log.warning(
            "The recipes knew different things of the targets (column 'saw'): each is ranked among its like. "
            "--across-tiers ranks them together."
        )
    for run, why in board.refused.items():
        log.warning("%s is not compared: %s.", run, why)
    log.info("Leaderboard: %s", out / "leaderboard.html")


def _row(standing: Standing) -> tuple[str, ...]:
    return (
        "" if standing.rank is None else str(standing.rank),
        standing.name,
        _number(standing.mean, standing.ci95),
        _number(standing.delta, standing.delta_ci95, sign="+") if standing.baseline else "",
        standing.verdict or "",
        "" if standing.p is None else f"{standing.p:.3f}",
        standing.tier,
        str(len(standing.seeds)),
        f"{standing.seconds:.0f}",
    )


def _number(value: float | None, interval: tuple[float, float] | None, sign: str = "") -> str:
    if value is None:
        return "–"
    return f"{value:{sign}.3f}" + (f" [{interval[0]:{sign}.3f}, {interval[1]:{sign}.3f}]" if interval else "")
