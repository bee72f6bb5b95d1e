"""The difference between two finished runs on the same test items, with its interval and a verdict."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isogloss.errors import DataError
from isogloss.evaluation.scoring import RESAMPLES, Answers, ScoreTable, score_table
from isogloss.metrics import crossed_interval, flips, permutation_p, swapped_differences, verdict_of
from isogloss.metrics.weights import Floats, Weights

if TYPE_CHECKING:
    from isogloss.problem import Problem

MARGIN = 0.01
"""Differences of the mean over targets that lie within this are called equivalent."""


def against(problem: Problem, base: Path, other: Path, *, baseline: str) -> dict[str, Any]:
    """Compare two run folders: mean over targets, paired over items and jointly resampled over languages."""
    theirs, ours = (tabled(problem, answers_of(problem, run)) for run in (base, other))
    return difference(theirs, ours, problem.targets, baseline=baseline)


def difference(
    base: ScoreTable,
    other: ScoreTable,
    targets: Sequence[str],
    *,
    baseline: str,
    level: float = 0.95,
    same_trainings: bool = False,
) -> dict[str, Any]:
    """The same for two score tables over the same items.

    The interval is over items and, where a side has several seeds, over seeds; the verdict is that of an interval of
    ``level``. With ``same_trainings`` the sides are the very same trainings, seed by seed, asked in two ways: the seeds
    of the differences count, not those of the sides.
    """
    ours, theirs = other.sample(targets), base.sample(targets)
    if ours is None or theirs is None:
        return {"recipe": baseline, "delta": None, "ci95": None, "verdict": "inconclusive"}
    sides = (ours.less(theirs), None) if same_trainings else (ours, theirs)
    return {
        "recipe": baseline,
        "delta": ours.point - theirs.point,
        "ci95": crossed_interval(*sides),
        "verdict": verdict_of(crossed_interval(*sides, level=level), margin=MARGIN),
        "margin": MARGIN,
    }


def permutation(problem: Problem, base: Answers, other: Answers) -> dict[str, float]:
    """P of no difference, for every language and under ``""`` for the mean over targets: answers swapped by item.

    The seeds that both sides have are paired, or as many as both have in their order; items that share an id are
    swapped in all languages together.
    """
    common = [seed for seed in other if seed in base]
    number = min(len(base), len(other))
    sides = [[side[s] for s in (common or list(side)[:number])] for side in (other, base)]
    tests = {lang: problem.test[lang] for lang in sides[0][0]}
    coins = flips({lang: [example.id for example in examples] for lang, examples in tests.items()}, count=RESAMPLES)
    found: dict[str, tuple[float, Floats]] = {}
    for lang, examples in tests.items():

        def metric(gold: Sequence[Any], pred: Sequence[Any], weights_RN: Weights) -> Floats:
            return problem.task.scores(gold, pred, weights_RN)[problem.task.metric]

        ours, theirs = ([row[lang] for row in side] for side in sides)
        found[lang] = swapped_differences(metric, examples, ours, theirs, coins[lang])
    p = {lang: permutation_p(*pair) for lang, pair in found.items()}
    if means := [found[lang] for lang in problem.targets if lang in found]:
        p[""] = permutation_p(float(np.mean([one for one, _ in means])), np.mean([many for _, many in means], axis=0))
    return p


def answers_of(problem: Problem, run: Path) -> dict[int, dict[str, list[Any]]]:
    """The answers of a run folder by seed and language.

    Raises:
        DataError: they are not those to the problem's test items, in their order.
    """
    answers: dict[int, dict[str, list[Any]]] = {}
    for path in sorted((run / "predictions").glob("*.jsonl")):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
        for lang in {row["lang"] for row in rows}:
            if [row["id"] for row in rows] != [example.id for example in problem.test.get(lang, ())]:
                raise DataError(
                    f"The run was measured on other test items in {problem.spelling(lang)}",
                    where=run,
                    fix="Compare runs on the same test files",
                )
        for row in rows:
            for seed, value in row["by_seed"].items():
                answers.setdefault(int(seed), {}).setdefault(row["lang"], []).append(value)
    return answers


def tabled(problem: Problem, answers: Mapping[int, Mapping[str, Sequence[Any]]]) -> ScoreTable:
    """Scores of answers by seed and language."""
    tests = {lang: problem.test[lang] for lang in next(iter(answers.values()), {})}
    return score_table(problem.task, tests, answers)
