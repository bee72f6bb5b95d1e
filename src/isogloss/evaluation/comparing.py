"""The difference between two finished runs on the same test items, with its interval and a verdict."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isogloss.evaluation.scoring import ScoreTable, score_table
from isogloss.metrics import interval, verdict

if TYPE_CHECKING:
    from isogloss.problem import Problem

MARGIN = 0.01
"""Differences of the mean over targets that lie within this are called equivalent."""


def against(problem: Problem, base: Path, other: Path, *, baseline: str) -> dict[str, Any]:
    """Compare two run folders: mean over targets, paired over items and jointly resampled over languages."""
    return difference(_table(problem, base), _table(problem, other), problem.targets, baseline=baseline)


def difference(base: ScoreTable, other: ScoreTable, targets: Sequence[str], *, baseline: str) -> dict[str, Any]:
    """The same for two score tables over the same items."""
    ours, theirs = other.mean(targets), base.mean(targets)
    if ours is None or theirs is None:
        return {"recipe": baseline, "delta": None, "ci95": None, "verdict": "inconclusive"}
    delta_R = ours[1] - theirs[1]
    return {
        "recipe": baseline,
        "delta": ours[0] - theirs[0],
        "ci95": interval(delta_R),
        "verdict": verdict(delta_R, margin=MARGIN),
        "margin": MARGIN,
    }


def _table(problem: Problem, run: Path) -> ScoreTable:
    answers: dict[int, dict[str, list[Any]]] = {}
    for path in sorted((run / "predictions").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
            row = json.loads(line)
            for seed, value in row["by_seed"].items():
                answers.setdefault(int(seed), {}).setdefault(row["lang"], []).append(value)
    tests = {lang: problem.test[lang] for lang in next(iter(answers.values()), {})}
    return score_table(problem.task, tests, answers)
