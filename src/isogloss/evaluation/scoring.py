"""Scores by language with intervals, the mean over targets and the gap to the source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from isogloss.example import Example
from isogloss.metrics import Sample, interval, limits_of, never_certain, ones, resamples
from isogloss.tasks import Task

# R resamples, N items of a language, S seeds

RESAMPLES = 1000

Answers = Mapping[int, Mapping[str, Sequence[Any]]]
"""Prediction values by seed and language, in the order of the test items."""


@dataclass(kw_only=True)
class ScoreTable:
    """Scores of one system over seeds.

    Attributes:
        by_language: what ``Report.scores`` holds, by canonical code.
        draws: the primary metric (mean over seeds) of every language for each of R joint resamples: differences of two
            tables over the same items are paired.
        seed_draws: the same seed by seed, S x R.
        ids: the items of every language.
    """

    metric: str
    by_language: dict[str, dict[str, Any]] = field(default_factory=dict)
    draws: dict[str, np.ndarray] = field(default_factory=dict)
    seed_draws: dict[str, np.ndarray] = field(default_factory=dict)
    ids: dict[str, frozenset[str]] = field(default_factory=dict)

    def mean(self, langs: Sequence[str]) -> tuple[float, np.ndarray] | None:
        """Mean of the primary metric over languages that have a score, and its R draws."""
        there = [lang for lang in langs if lang in self.draws]
        if not there:
            return None
        point = float(np.mean([self.by_language[lang][self.metric] for lang in there]))
        return point, np.mean([self.draws[lang] for lang in there], axis=0)

    def bounds(self, langs: Sequence[str]) -> tuple[float, float]:
        """95 % interval of that mean over items; where no resample moves it, the mean of the languages' own bounds.

        Those are wide enough whether or not the items are parallel.
        """
        there = [lang for lang in langs if lang in self.draws]
        low, high = interval(np.mean([self.draws[lang] for lang in there], axis=0))
        if low == high:
            own = [self.by_language[lang]["ci95"][self.metric] for lang in there]
            low, high = (float(end) for end in np.mean(own, axis=0))
        return low, high

    def sample(self, langs: Sequence[str]) -> Sample | None:
        """The same mean seed by seed, for intervals that hold seeds too."""
        there = [lang for lang in langs if lang in self.seed_draws]
        if not there:
            return None
        rows = [[row[self.metric] for row in self.by_language[lang]["by_seed"].values()] for lang in there]
        return Sample(
            points_S=np.mean(rows, axis=0),
            draws_SR=np.mean([self.seed_draws[lang] for lang in there], axis=0),
            items=len(frozenset().union(*(self.ids[lang] for lang in there))),
            limits=limits_of(self.metric),
        )


def score_table(task: Task, tests: Mapping[str, Sequence[Example]], answers: Answers) -> ScoreTable:
    """Score predictions. Items that share an id across languages are resampled together."""
    table = ScoreTable(metric=task.metric)
    weights = resamples(
        {lang: [example.id for example in examples] for lang, examples in tests.items()}, count=RESAMPLES
    )
    for lang, examples in tests.items():
        points = {seed: task.scores(examples, given[lang], ones(len(examples))) for seed, given in answers.items()}
        draws = {seed: task.scores(examples, given[lang], weights[lang]) for seed, given in answers.items()}
        row: dict[str, Any] = {"n": len(examples), "ci95": {}, "by_seed": {}}
        for metric in task.metrics:
            row[metric] = float(np.mean([points[seed][metric][0] for seed in answers]))
            mean_R = np.mean([draws[seed][metric] for seed in answers], axis=0)
            row["ci95"][metric] = never_certain(interval(mean_R), len(examples), limits_of(metric))
            if metric == task.metric:
                table.draws[lang] = mean_R
                table.seed_draws[lang] = np.array([draws[seed][metric] for seed in answers])
                table.ids[lang] = frozenset(example.id for example in examples)
        row["by_seed"] = {str(seed): {m: float(points[seed][m][0]) for m in task.metrics} for seed in answers}
        table.by_language[lang] = row
    return table
