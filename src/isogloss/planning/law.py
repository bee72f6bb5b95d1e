"""The few-shot law: a score grows with the logarithm of the number of labelled target examples (arXiv 2212.01757).

    score(n) = alpha + beta ln(n + n0)

For each n0 the rest is least squares; n0 itself is found on a grid and then narrowed down. From there: how much n
examples would gain over none, and how many a wished score needs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_N0 = 0.1
GRID = 121


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A value with an interval; no bounds where too little was measured to say how sure it is."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class FewShotLaw:
    """The law of one pair of languages.

    Attributes:
        alpha, beta, n0: as above.
        deviation: of the residuals, by n - 3 degrees of freedom; nan for three points, which the law always meets.
        points: how many it was fitted to.
        inverse_22: of the moments of (1, ln(n + n0)).
    """

    alpha: float
    beta: float
    n0: float
    deviation: float
    points: int
    inverse_22: Floats

    @classmethod
    def fit(cls, examples: Sequence[int], scores: Sequence[float]) -> FewShotLaw:
        """Fit to scores measured with some numbers of examples, 0 among them or not.

        Raises:
            ValueError: fewer than three different numbers, a negative one, or lists of two lengths.
        """
        n_N, score_N = _checked(examples, scores)
        n0 = _best_n0([(n_N, score_N)])
        design_N2 = np.stack([np.ones(len(n_N)), np.log(n_N + n0)], axis=1)
        (alpha, beta), *_ = np.linalg.lstsq(design_N2, score_N, rcond=None)
        left_N, freedom = score_N - design_N2 @ (alpha, beta), len(n_N) - 3
        return cls(
            alpha=float(alpha),
            beta=float(beta),
            n0=n0,
            deviation=math.sqrt(float(left_N @ left_N) / freedom) if freedom else float("nan"),
            points=len(n_N),
            inverse_22=np.linalg.inv(design_N2.T @ design_N2),
        )

    def at(self, n: float, *, level: float = 0.95) -> Estimate:
        """The score to expect with n examples, and where a new measurement would lie; n0 is taken as known."""
        design_2 = np.array([1.0, math.log(n + self.n0)])
        value, freedom = float(design_2 @ (self.alpha, self.beta)), self.points - 3
        if freedom < 1:
            return Estimate(value=value)
        width = t_quantile((1 + level) / 2, freedom) * self.deviation
        half = width * math.sqrt(1 + float(design_2 @ self.inverse_22 @ design_2))
        return Estimate(value=value, low=value - half, high=value + half)

    def needed(self, score: float) -> float:
        """How many examples a score needs: 0 if none, infinity where more examples do not help."""
        if score <= self.at(0).value:
            return 0.0
        power = (score - self.alpha) / self.beta if self.beta > 0 else math.inf
        return max(math.exp(power) - self.n0, 0.0) if power < 700 else math.inf


@dataclass(frozen=True, kw_only=True)
class Gains:
    """The law for a pair that was never measured: n0 common to all measured pairs, and how their betas spread.

    Attributes:
        n0: common to all.
        betas: one for each measured pair.
    """

    n0: float
    betas: tuple[float, ...]

    @classmethod
    def fit(cls, curves: Sequence[tuple[Sequence[int], Sequence[float]]]) -> Gains:
        """Fit to one (examples, scores) for each pair.

        Raises:
            ValueError: there is no curve, or one of them is not what :meth:`FewShotLaw.fit` takes.
        """
        if not curves:
            raise ValueError("No pair was measured with several numbers of examples.")
        checked = [_checked(*curve) for curve in curves]
        n0 = _best_n0(checked)
        return cls(n0=n0, betas=tuple(_line(n_N, score_N, n0)[0] for n_N, score_N in checked))

    def gain(self, n: float, *, after: float = 0, level: float = 0.95) -> Estimate:
        """What n labelled examples add to the score with ``after`` of them; bounds are those of a new pair."""
        growth, beta = math.log((after + n + self.n0) / (after + self.n0)), next_of(self.betas, level=level)
        if beta.low is None or beta.high is None:
            return Estimate(value=growth * beta.value)
        return Estimate(value=growth * beta.value, low=growth * beta.low, high=growth * beta.high)


def next_of(values: Sequence[float], *, level: float = 0.95) -> Estimate:
    """What a further value is like if it is drawn as these were, normally; bounds from two on."""
    values_N = np.array(values, dtype=float)
    mean, count = float(values_N.mean()), len(values_N)
    if count < 2:
        return Estimate(value=mean)
    half = t_quantile((1 + level) / 2, count - 1) * float(values_N.std(ddof=1)) * math.sqrt(1 + 1 / count)
    return Estimate(value=mean, low=mean - half, high=mean + half)


def t_quantile(share: float, freedom: int) -> float:
    """Student's t below which a share (at least 1/2) of its values lie: the distribution summed, and halved into."""
    size = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(freedom * math.pi)
    # With t = sqrt(freedom) tan(angle) the density is that constant times a power of the cosine, on a bounded range.
    angles = np.linspace(0, math.pi / 2, 20_001)
    density = size * math.sqrt(freedom) * np.cos(angles) ** (freedom - 1)
    steps = np.diff(angles) * (density[1:] + density[:-1]) / 2
    angle = float(np.interp(share - 0.5, np.concatenate([[0], np.cumsum(steps)]), angles))
    return math.sqrt(freedom) * math.tan(angle)


def _checked(examples: Sequence[int], scores: Sequence[float]) -> tuple[Floats, Floats]:
    n_N, score_N = np.array(examples, dtype=float), np.array(scores, dtype=float)
    if n_N.shape != score_N.shape:
        raise ValueError(f"There are {len(n_N)} numbers of examples and {len(score_N)} scores.")
    if len(set(n_N.tolist())) < 3 or (n_N < 0).any():
        raise ValueError("The law needs scores with at least three different numbers of examples, none negative.")
    return n_N, score_N


def _line(n_N: Floats, score_N: Floats, n0: float) -> tuple[float, float]:
    """The slope over ln(n + n0), and the sum of squares that is left."""
    x_N, y_N = np.log(n_N + n0), score_N - score_N.mean()
    x_N = x_N - x_N.mean()
    slope = float(x_N @ y_N / (x_N @ x_N))
    return slope, float(((y_N - slope * x_N) ** 2).sum())


def _best_n0(curves: Sequence[tuple[Floats, Floats]]) -> float:
    """The n0 with the least squares left over all curves, from ``LEAST_N0`` to ten times the most examples."""

    def left(log_n0: float) -> float:
        return sum(_line(n_N, score_N, math.exp(log_n0))[1] for n_N, score_N in curves)

    most = 10 * max(float(n_N.max()) for n_N, _ in curves)
    grid = np.linspace(math.log(LEAST_N0), math.log(max(most, 1.0)), GRID)
    best = int(np.argmin([left(float(point)) for point in grid]))
    low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, GRID - 1)])
    golden = (math.sqrt(5) - 1) / 2
    for _ in range(60):
        one, other = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, other) if left(one) <= left(other) else (one, high)
    return math.exp((low + high) / 2)
