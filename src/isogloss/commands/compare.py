"""``compare``: several recipes on the same problem, or finished runs of them, as a leaderboard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isogloss.bridges.translators import load_translator
from isogloss.commands.transfer import transfer
from isogloss.errors import IsoglossError
from isogloss.evaluation import Report
from isogloss.evaluation.comparing import against
from isogloss.evaluation.leaderboard import Leaderboard, leaderboard
from isogloss.output import OutputFolder
from isogloss.problem import Problem
from isogloss.recipes import check_needs, resolve, translates
from isogloss.recipes.recipe import tools


class Compared(dict[str, Report]):
    """Reports by recipe, or by run folder where finished runs were given; ``board`` is the leaderboard of them."""

    board: Leaderboard


def compare(
    problem: Problem | str | Path,
    recipes: Sequence[str] = (),
    *,
    out: str | Path,
    runs: Sequence[str | Path] = (),
    across_tiers: bool = False,
    most_seeds: int | None = None,
    projector: str | None = None,
    resume: bool = False,
    force: bool = False,
    **options: Any,
) -> Compared:
    """Run several recipes on the same problem with the same seeds, and rank them, with finished runs if there are any.

    Args:
        problem: the problem, or its folder.
        recipes: two or more recipe names (any number where ``runs`` are given). Reports of all but the first of each
            tier hold ``baseline``, the difference of the mean over targets from that first one: its 95 % interval
            (paired over items, jointly over languages; over seeds too where there are several) and a verdict.
        out: folder; each recipe's run is a folder in it, beside ``leaderboard.html`` and ``leaderboard.json``.
        runs: folders of finished runs, made on whatever day, that are compared too. Other seeds of one recipe are
            merged; what cannot be compared is named in ``board.refused``.
        across_tiers: compare and rank recipes that were allowed to know different things of the targets.
        most_seeds: train more seeds, one at a time, until no verdict is inconclusive or there are so many. Every look
            at the verdicts costs: their level is raised so that all looks together err in 5 of 100 cases at most.
        projector: as for :func:`transfer`; recipes that carry no spans do without.
        resume: as for :func:`transfer`.
        force: as for :func:`transfer`.
        options: passed on to :func:`transfer`.

    Raises:
        IsoglossError: there are not two to compare, or what ``transfer`` raises; all are checked before the first runs.
    """
    if (not runs and len(recipes) < 2) or len(set(recipes)) < len(recipes):
        raise IsoglossError("A comparison needs two different recipes or more", fix="Write --recipes direct,frozen")
    problem = problem if isinstance(problem, Problem) else Problem.read(problem)
    tool: dict[str, str | None] = {}
    for name in recipes:
        recipe = resolve(name, settings=options.get("settings"), select=options.get("select"))
        translator = load_translator(options.get("translator", "auto")) if translates(recipe) else None
        check_needs(recipe, problem, translator=translator)
        tool[name] = projector if any(tools(part) for part in recipe.parts()) else None
    found = Compared({str(run): Report.load(run) for run in runs})
    places = [Path(run) for run in runs]
    if not recipes:  # nothing is written where nothing can be compared
        found.board = leaderboard(problem, places, across_tiers=across_tiers)
        found.board.save(OutputFolder(out, resume=resume, force=force).claim())
        return found
    folder = OutputFolder(out, resume=resume, force=force).claim()
    places = [*(folder / name for name in recipes), *places]  # the first of a tier is the baseline
    for name in recipes:
        again: dict[str, Any] = {"projector": tool[name], "resume": resume, "force": force}
        found[name] = transfer(problem, name, out=folder / name, **again, **options)[1]
    for name in recipes:
        like = [other for other in recipes if across_tiers or found[other].tier == found[name].tier]
        if name != like[0]:
            found[name].baseline = against(problem, folder / like[0], folder / name, baseline=like[0])
            found[name].save(folder / name)
    seeds = list(options.pop("seeds", None) or (1,))
    looks = max(1, (most_seeds or 0) - len(seeds) + 1)
    level = 1 - 0.05 / looks
    while True:
        found.board = leaderboard(problem, places, across_tiers=across_tiers, level=level)
        if found.board.clear or len(seeds) >= (most_seeds or 0):
            break
        seeds.append(max(seeds) + 1)
        for name in recipes:
            places.append(folder / f"{name}-seed-{seeds[-1]}")
            again = {"projector": tool[name], "resume": resume, "force": force, "seeds": seeds[-1:]}
            transfer(problem, name, out=places[-1], **again, **options)
    found.board.save(folder)
    return found
