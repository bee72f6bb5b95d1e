"""``compare``: several recipes on the same problem, each with its difference from the first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isogloss.commands.transfer import transfer
from isogloss.errors import IsoglossError
from isogloss.evaluation import Report
from isogloss.evaluation.comparing import against
from isogloss.output import OutputFolder
from isogloss.problem import Problem
from isogloss.recipes import check_needs, resolve


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
        reports[name] = transfer(problem, name, out=folder / name, resume=resume, force=force, **options)[1]
        if name != recipes[0]:
            reports[name].baseline = against(problem, folder / recipes[0], folder / name, baseline=recipes[0])
            reports[name].save(folder / name)
    return reports
