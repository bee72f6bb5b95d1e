"""The score to expect of a pair of languages, with an interval: ridge regression on distances, checked by leaving out.

    score = mean + distances . w + (what is special to the source) + (what is special to the target)

All but the mean are shrunk by the penalty, so that what is special to a language that was never measured is 0. How far
predictions miss is measured by leaving languages out altogether, as a source and as a target: see ``CASES``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isogloss.planning.law import Estimate
from isogloss.planning.weights import Floats

PENALTY = 1.0
"""Of squared coefficients, distances standardised. Not tuned: there are too few languages to tune anything on."""
LEAST_LANGUAGES = 4
CASES = {
    "target": "the target was never measured",
    "source": "the source was never measured",
    "both": "neither language was ever measured",
    "pair": "both languages were measured, but not together",
}


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """N measured pairs of two different languages.

    Attributes:
        sources, targets: canonical codes.
        distances_NK: without nan.
        scores_N: in [0, 1].
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    distances_NK: Floats
    scores_N: Floats

    def rows(self, kept_N: NDArray[np.bool_]) -> Pairs:
        """Those that are kept."""
        return Pairs(
            sources=tuple(s for s, keep in zip(self.sources, kept_N, strict=True) if keep),
            targets=tuple(t for t, keep in zip(self.targets, kept_N, strict=True) if keep),
            distances_NK=self.distances_NK[kept_N],
            scores_N=self.scores_N[kept_N],
        )

    def having(self, languages: Iterable[str]) -> NDArray[np.bool_]:
        """Of each pair, whether one of the languages is in it."""
        gone = set(languages)
        return np.array([s in gone or t in gone for s, t in zip(self.sources, self.targets, strict=True)], dtype=bool)

    @property
    def languages(self) -> tuple[str, ...]:
        """All of them, in alphabetical order."""
        return tuple(sorted({*self.sources, *self.targets}))


@dataclass(frozen=True, kw_only=True)
class Ridge:
    """The fitted formula.

    Attributes:
        mean: of the scores.
        centre_K, weights_K: of the distances: score falls by ``weights`` for each unit beyond the centre.
        source, target: what is special to each language, in units of the score.
    """

    mean: float
    centre_K: Floats
    weights_K: Floats
    source: Mapping[str, float]
    target: Mapping[str, float]

    @classmethod
    def fit(cls, pairs: Pairs) -> Ridge:
        """Penalised least squares, in closed form."""
        sources, targets = sorted(set(pairs.sources)), sorted(set(pairs.targets))
        centre_K = pairs.distances_NK.mean(0)
        spread_K = pairs.distances_NK.std(0)
        spread_K[spread_K < 1e-9] = np.inf  # the same for all: nothing can be learnt of it
        columns_NC = np.concatenate(
            [
                (pairs.distances_NK - centre_K) / spread_K,
                np.array([[s == name for name in sources] for s in pairs.sources], dtype=float),
                np.array([[t == name for name in targets] for t in pairs.targets], dtype=float),
            ],
            axis=1,
        )
        mean = float(pairs.scores_N.mean())
        # The mean is not penalised: columns and scores are centred, and the columns' means go back into it.
        middle_C = columns_NC.mean(0)
        centred_NC = columns_NC - middle_C
        gram_CC = centred_NC.T @ centred_NC + PENALTY * np.eye(columns_NC.shape[1])
        found_C = np.linalg.solve(gram_CC, centred_NC.T @ (pairs.scores_N - mean))
        width, edge = len(centre_K), len(centre_K) + len(sources)
        return cls(
            mean=mean - float(middle_C @ found_C),
            centre_K=centre_K,
            weights_K=found_C[:width] / spread_K,
            source=dict(zip(sources, found_C[width:edge].tolist(), strict=True)),
            target=dict(zip(targets, found_C[edge:].tolist(), strict=True)),
        )

    def at(self, source: str, target: str, distances_K: Floats) -> float:
        """The score to expect, in [0, 1]."""
        special = self.source.get(source, 0.0) + self.target.get(target, 0.0)
        return float(np.clip(self.mean + (distances_K - self.centre_K) @ self.weights_K + special, 0, 1))


@dataclass(frozen=True, kw_only=True)
class Figures:
    """How well languages that were left out were predicted.

    Attributes:
        pairs: how many predictions.
        error: mean absolute error.
        error_of_mean: that of always saying the mean of the pairs that were not left out.
        r2: 1 - squared error / that of the same mean.
        covered: the share of pairs within an interval made from the misses on all other languages, of the plan's level;
            nan where there are too few of them.
        regret: what is lost, on the average target, by the source with the best prediction against the best one;
            nan where it says nothing.
        regret_of_usual: the same of the source that is best on average for the other targets.
    """

    pairs: int
    error: float
    error_of_mean: float
    r2: float
    covered: float
    regret: float
    regret_of_usual: float


@dataclass(frozen=True, kw_only=True)
class Predictor:
    """A fitted formula with what is known of its misses.

    Attributes:
        kinds: of the distances that it reads, in their order.
        ridge: the formula, fitted to all pairs.
        misses: absolute errors by case, on pairs that the fit did not see.
        figures: by case.
        swaps: absolute errors of what the source that is predicted best gains over each other one, on targets that the
            fit did not see.
        level: of the intervals.
    """

    kinds: tuple[str, ...]
    ridge: Ridge
    misses: Mapping[str, Floats]
    figures: Mapping[str, Figures]
    swaps: Floats
    level: float

    @classmethod
    def fit(cls, kinds: Sequence[str], pairs: Pairs, *, level: float = 0.9) -> Predictor:
        """Fit, leaving out each language, each two and each pair in turn.

        Raises:
            ValueError: there are fewer than ``LEAST_LANGUAGES``.
        """
        if len(pairs.languages) < LEAST_LANGUAGES:
            raise ValueError(f"{len(pairs.languages)} languages were measured; a prediction needs {LEAST_LANGUAGES}.")
        guesses = {case: _left_out(pairs, case) for case in CASES}
        misses = {
            case: np.abs(pairs.scores_N[rows] - guess)[~np.isnan(guess)] for case, (rows, guess, _) in guesses.items()
        }
        return cls(
            kinds=tuple(kinds),
            ridge=Ridge.fit(pairs),
            misses=misses,
            figures={case: _figures(pairs, case, *found, level) for case, found in guesses.items()},
            swaps=_swaps(pairs, *guesses["target"][:2]),
            level=level,
        )

    def case(self, source: str, target: str) -> str:
        """Which of ``CASES`` a pair is."""
        new_source, new_target = source not in self.ridge.source, target not in self.ridge.target
        return "both" if new_source and new_target else "source" if new_source else "target" if new_target else "pair"

    def predict(self, source: str, target: str, distances_K: Floats) -> Estimate:
        """The score to expect, with bounds that held for ``level`` of the pairs that were left out alike.

        No bounds where there were too few of them to say so, or to see how often such bounds hold. They are those of
        other languages measured alike: on another task, with other labels or another encoder, they say nothing.
        """
        value = self.ridge.at(source, target, distances_K)
        case = self.case(source, target)
        half = reach(self.misses[case], self.level) if self._checked(case) else None
        if half is None:
            return Estimate(value=value)
        return Estimate(value=value, low=max(value - half, 0.0), high=min(value + half, 1.0))

    def swap(self, other: str, source: str, gain: float) -> Estimate:
        """A predicted gain of ``other``, the best by prediction, over ``source``, with bounds that held alike.

        No bounds where one of them was never measured as a source: no miss of such a gain is known.
        """
        known = {other, source} <= self.ridge.source.keys() and self._checked("target")
        half = reach(self.swaps, self.level) if known else None
        return Estimate(value=gain) if half is None else Estimate(value=gain, low=gain - half, high=gain + half)

    def _checked(self, case: str) -> bool:
        """Whether it is known how often an interval of the case held."""
        return not math.isnan(self.figures[case].covered)


def reach(misses_N: Floats, level: float) -> float | None:
    """The miss that a further one exceeds with a chance of at most 1 - level; None for too few (split conformal)."""
    place = math.ceil((len(misses_N) + 1) * level)
    return float(np.sort(misses_N)[place - 1]) if 0 < place <= len(misses_N) else None


def left_out(pairs: Pairs, case: str) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_], str]]:
    """The ways to leave out: rows to fit to, rows to predict, and what was left out, by name."""
    sources_N, targets_N = np.array(pairs.sources), np.array(pairs.targets)
    if case in ("target", "source"):
        column_N = targets_N if case == "target" else sources_N
        return [(~pairs.having([lang]), column_N == lang, lang) for lang in pairs.languages]
    ways = []
    for i, (source, target) in enumerate(zip(pairs.sources, pairs.targets, strict=True)):
        alone_N = np.arange(len(pairs.sources)) == i
        ways.append((~pairs.having([source, target]) if case == "both" else ~alone_N, alone_N, f"{source}-{target}"))
    return ways


def _left_out(pairs: Pairs, case: str) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Rows, their predictions and the plain means, by fits that did not see them; nan where two pairs are not left."""
    rows: list[int] = []
    guesses: list[float] = []
    means: list[float] = []
    for fit_N, asked_N, _ in left_out(pairs, case):
        ridge = Ridge.fit(pairs.rows(fit_N)) if fit_N.sum() > 1 else None
        for row in np.flatnonzero(asked_N):
            rows.append(int(row))
            there = (pairs.sources[row], pairs.targets[row], pairs.distances_NK[row])
            guesses.append(float("nan") if ridge is None else ridge.at(*there))
            means.append(float("nan") if ridge is None else float(pairs.scores_N[fit_N].mean()))
    return np.array(rows, dtype=np.intp), np.array(guesses), np.array(means)


def _swaps(pairs: Pairs, rows: NDArray[np.intp], guess_N: Floats) -> Floats:
    """How far the gain of the source that is predicted best over each other one was missed, for all targets."""
    targets_N, truth_N = np.array(pairs.targets)[rows], pairs.scores_N[rows]
    missed: list[float] = []
    for target in sorted(set(pairs.targets)):
        own = np.flatnonzero((targets_N == target) & ~np.isnan(guess_N))
        if len(own) > 1:
            best = own[guess_N[own].argmax()]
            wrong = (guess_N[best] - guess_N[own]) - (truth_N[best] - truth_N[own])
            missed += np.abs(wrong[own != best]).tolist()
    return np.array(missed, dtype=np.float64)


def _figures(pairs: Pairs, case: str, rows: NDArray[np.intp], guess_N: Floats, mean_N: Floats, level: float) -> Figures:
    known_N = ~np.isnan(guess_N)
    rows, guess_N, mean_N = rows[known_N], guess_N[known_N], mean_N[known_N]
    truth_N = pairs.scores_N[rows]
    miss_N, flat_N = np.abs(truth_N - guess_N), np.abs(truth_N - mean_N)
    flat = float((flat_N**2).sum())
    inside: list[bool] = []
    for lang in pairs.languages:
        own_N = pairs.having([lang])[rows]
        half = reach(miss_N[~own_N], level)
        inside += [] if half is None else (miss_N[own_N] <= half).tolist()
    regret, usual = _regret(pairs, rows, guess_N) if case == "target" else (float("nan"), float("nan"))
    return Figures(
        pairs=len(rows),
        error=_mean(miss_N),
        error_of_mean=_mean(flat_N),
        r2=1 - float((miss_N**2).sum()) / flat if flat else float("nan"),
        covered=_mean(np.array(inside, dtype=np.float64)),
        regret=regret,
        regret_of_usual=usual,
    )


def _regret(pairs: Pairs, rows: NDArray[np.intp], guess_N: Floats) -> tuple[float, float]:
    """Mean over the targets with two sources or more, of the source predicted best and of the usually best one."""
    sources_N, targets_N = np.array(pairs.sources), np.array(pairs.targets)
    lost, usual = [], []
    for target in sorted(set(pairs.targets)):
        own = [
            (pairs.sources[row], float(guess), float(pairs.scores_N[row]))
            for row, guess in zip(rows, guess_N, strict=True)
            if pairs.targets[row] == target
        ]
        if len(own) < 2:
            continue
        best = max(score for *_, score in own)
        elsewhere = {
            source: _mean(pairs.scores_N[(sources_N == source) & (targets_N != target)])
            for source, *_ in own
            if ((sources_N == source) & (targets_N != target)).any()
        }
        lost.append(best - max(own, key=lambda entry: entry[1])[2])
        if elsewhere:
            choice = max(elsewhere, key=lambda source: elsewhere[source])
            usual.append(best - next(score for source, _, score in own if source == choice))
    return _mean(np.array(lost)), _mean(np.array(usual))


def _mean(values_N: Floats) -> float:
    return float(values_N.mean()) if len(values_N) else float("nan")
