"""``isogloss plan``: which languages to annotate, and what to expect."""

from __future__ import annotations

import logging
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isogloss.cli.options import BackboneName, Json, ProblemFolder, Quiet, listed
from isogloss.cli.talk import print_json, print_table

if TYPE_CHECKING:
    from isogloss.planning.law import Estimate
    from isogloss.planning.plan import Plan
    from isogloss.planning.resources import Purchase

log = logging.getLogger("isogloss")

EXAMPLES = """\b
Examples:
  isogloss plan my-problem
  isogloss plan my-problem --candidates hau,swa,ibo --k 3 --html plan.html
  isogloss plan my-problem --matrix none
  isogloss plan my-problem --matrix matrix.json --out plan.json
"""

MOST_SOURCES = 5
MOST_TARGETS = 5
"""Targets whose purchases are printed; those of the others are in the plan file."""


def plan(
    problem: ProblemFolder,
    matrix: Annotated[
        str | None,
        typer.Option(
            "--matrix",
            metavar="FILE",
            help="Measured transfer, or a folder of your own runs, or 'none'. By default the package's own, if it has "
            "one for the task.",
        ),
    ] = None,
    k: Annotated[int | None, typer.Option("--k", metavar="N", help="Most languages to annotate. By default 2.")] = None,
    candidates: Annotated[
        str | None, typer.Option("--candidates", metavar="A,B", help="More languages that could be annotated.")
    ] = None,
    texts: Annotated[
        Path | None, typer.Option("--texts", metavar="DIR", help="Raw text, DIR/<code>.txt; these are candidates too.")
    ] = None,
    backbone: BackboneName = None,
    cost: Annotated[bool, typer.Option("--cost", help="Time a few updates, and say what a training takes.")] = False,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a page with a heat map.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the plan, with a hash, before you run anything.")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Rank source languages, and say which labels to buy and which recipe to take.

    Scores are predicted, with intervals, where transfer was measured on the same task. Nothing is trained.
    """
    more = listed(candidates, "--candidates") if candidates is not None else []
    from isogloss import commands
    from isogloss.planning.landscape import read_texts

    found = commands.plan(
        problem,
        matrix=matrix,
        k=k,
        candidates=more,
        texts=read_texts(texts) if texts is not None else None,
        backbone=backbone,
        cost=cost,
    )
    if out is not None:
        found.write(out)
        log.info("Plan: %s", out)
    if html is not None:
        from isogloss.evaluation.plan_page import plan_page

        html.write_text(plan_page(found), encoding="utf-8")
        log.info("Page: %s", html)
    if json:
        print_json(found.to_json())
        return
    _print(found)


def _print(found: Plan) -> None:
    for notice in found.notices:
        log.warning("%s", notice)
    score = f"{found.metric} to expect"
    used = dict.fromkeys(tuple(entry.distances) for entries in found.ranked.values() for entry in entries)
    ways = {kinds: found.ways[kinds] for kinds in used}
    columns: tuple[str, ...] = ("target", "rank", "source", "labels", "distance")
    columns += ((score,) if found.evidence else ()) + (("compared by",) if len(ways) > 1 else ())
    rows = []
    for target, entries in found.ranked.items():
        name = found.spelling(target)
        for number, entry in enumerate(entries, start=1):
            if number > MOST_SOURCES and entry.source not in found.source:
                continue
            rows.append(
                (
                    name,
                    str(number),
                    found.spelling(entry.source),
                    "yes" if entry.source in found.source else "no",
                    f"{entry.distance:.3f}",
                    *((_estimate(entry.prediction),) if found.evidence else ()),
                    *((", ".join(ways[tuple(entry.distances)].counting),) if len(ways) > 1 else ()),
                )
            )
            name = ""
    print_table(columns, rows, numbers=("rank", "distance", score))
    for told in dict.fromkeys(way.sentence for way in ways.values()):
        typer.echo(told)
    _print_sets(found)
    _print_evidence(found)
    _print_resources(found)
    typer.echo(f"\nRecipe to begin with: {found.recipe.name}. {found.recipe.reason}")
    typer.echo("\nKnown of each language:")
    for lang, basis in found.land.basis.items():
        typer.echo(f"  {found.spelling(lang)}: {basis.sentence}")
    if found.seconds is not None:
        typer.echo(f"\nTraining the source data once ('direct') takes about {found.seconds:.0f} s on this machine.")


def _print_sets(found: Plan) -> None:
    sets = found.sets
    if not sets.sets:
        return
    held = ", ".join(map(found.spelling, sets.beside))
    by = f"distance ({', '.join(found.ways[sets.kinds].counting)})" + (", not by score" if found.evidence else "")
    typer.echo(f"\nTo annotate{f' beside {held}' if held else ''}, chosen by {by}:")
    if sets.distance is not None:
        typer.echo(f"  0: {held} alone (mean distance to the nearest {sets.distance:.3f})")
    for chosen in sets.sets:
        names = ", ".join(map(found.spelling, chosen.sources))
        typer.echo(f"  {len(chosen.sources)}: {names} (mean distance to the nearest {chosen.distance:.3f})")


def _print_evidence(found: Plan) -> None:
    for told in found.evidence:
        typer.echo(f"\nPredictions by {', '.join(told.kinds)}: {told.pairs} pairs, {told.languages} languages")
        chance = "" if told.p is None else f", Mantel p {told.p:.3f}"
        typer.echo(f"  weighted distance and score correlate by {told.correlation:.2f} within targets{chance}")
        for case, name in (("target", "targets"), ("source", "sources")):
            figures = told.figures[case]
            held = f"{figures.covered:.0%} within the {told.level:.0%} interval"
            if isnan(figures.covered):
                held = "too few to tell how sure they are"
            typer.echo(
                f"  {name} left out: mean error {_decimal(figures.error)} (of the plain mean "
                f"{_decimal(figures.error_of_mean)}), {held}"
            )
        regret = told.figures["target"]
        typer.echo(
            f"  source chosen for targets left out: {_decimal(regret.regret)} below the best one "
            f"(the usually best source: {_decimal(regret.regret_of_usual)})"
        )


def _decimal(value: float) -> str:
    return "–" if isnan(value) else f"{value:.3f}"


def _print_resources(found: Plan) -> None:
    typer.echo("\nLabels worth buying:")
    advices = {told.advice for told in found.resources.values()}
    for target, told in found.resources.items():
        if len(advices) > 1 or len(found.resources) == 1:
            typer.echo(f"  {found.spelling(target)}: {told.advice}")
    if len(advices) == 1 < len(found.resources):
        typer.echo(f"  all targets: {advices.pop()}")
    rows = []
    for target, told in list(found.resources.items())[:MOST_TARGETS]:
        name = found.spelling(target)
        for purchase in told.purchases if found.evidence or found.gains else ():
            figures = (_estimate(purchase.score), _estimate(purchase.gain, "+"))
            rows.append((name, _bought(found, purchase), *figures, purchase.basis))
            name = ""
    if rows:
        score = f"{found.metric} to expect"
        typer.echo("")
        print_table(("target", "bought", score, "gain", "rests on"), rows, numbers=(score, "gain"))
    if rows and len(found.resources) > MOST_TARGETS:
        typer.echo(f"{len(found.resources) - MOST_TARGETS} more targets are in the plan file (--out).")


def _bought(found: Plan, purchase: Purchase) -> str:
    count = "labels" if purchase.labels is None else f"{purchase.labels} labels"
    if purchase.what == "source":
        return f"{count} in {found.spelling(purchase.source or '')}"
    return f"{count} of its own" if purchase.what == "labels" else purchase.what


def _estimate(estimate: Estimate | None, sign: str = "") -> str:
    if estimate is None:
        return "–"
    bounds = (
        ""
        if estimate.low is None or estimate.high is None
        else f" [{estimate.low:{sign}.2f}, {estimate.high:{sign}.2f}]"
    )
    return f"{estimate.value:{sign}.3f}{bounds}"
