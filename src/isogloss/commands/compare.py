"""``compare``: several recipes on the same problem, each with its difference from the first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isogloss.bridges.translators import load_translator
from isogloss.commands.transfer import transfer
from isogloss.errors import IsoglossError
from isogloss.evaluation import Report
from isogloss.evaluation.comparing import against
from isogloss.output import OutputFolder
from isogloss.problem import Problem
from isogloss.recipes import check_needs, resolve, translates
from isogloss.recipes.recipe import tools


def compare(
    problem: Problem | str | Path,
    recipes: Sequence[str],
    *,
    out: str | Path,
    projector: str | None = None,
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
        projector: as for :func:`transfer`; recipes that carry no spans do without.
        resume: as for :func:`transfer`.
        force: as for :func:`transfer`.
        options: passed on to :func:`transfer`.

    Raises:
        IsoglossError: fewer than two recipes, or what ``transfer`` raises; all are checked before the first runs.
    """
    if len(recipes) < 2 or len(set(recipes)) < len(recipes):
        raise IsoglossError("A comparison needs two different recipes or more", fix="Write --recipes direct,frozen")
    problem = problem if isinstance(problem, Problem) else Problem.read(problem)
    tool: dict[str, str | None] = {}
    for name in recipes:
        recipe = resolve(name, settings=options.get("settings"), select=options.get("select"))
        translator = load_translator(options.get("translator", "auto")) if translates(recipe) else None
        check_needs(recipe, problem, translator=translator)
        tool[name] = projector if any(tools(part) for part in recipe.parts()) else None
    folder = OutputFolder(out, resume=resume, force=force).claim()
    reports: dict[str, Report] = {}
    for name in recipes:
        place = folder / name
        reports[name] = transfer(problem, name, out=place, projector=tool[name], resume=resume, force=force, **options)[
            1
        ]
        if name != recipes[0]:
            reports[name].baseline = against(problem, folder / recipes[0], place, baseline=recipes[0])
            reports[name].save(place)
    return reports
