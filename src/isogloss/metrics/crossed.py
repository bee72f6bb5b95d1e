"""Intervals of means over items, languages and seeds: what would change with other items *and* with other seeds.

A bootstrap over items alone answers for the items only. With a handful of seeds a bootstrap over seeds too would be far
too sure: three values drawn from three have two thirds of their variance, and a normal quantile does not know that two
degrees of freedom are left. So the seeds have an interval of their own, Student's t with the degrees of freedom that
Satterthwaite (1946) gives the difference of two systems, and the two half-widths add up as their squares.

The spread of S seeds on N common items holds two things: that seeds differ, and that each of them errs on other items.
The second is in the bootstrap over items already. It is what resampling the items adds to the spread of the seeds, so
that taking it away once leaves the seeds alone (the crossed random effects of Owen, Annals of Applied Statistics 2007).

What is taken away is the median of what the items alone would make of the spread, not its mean. A variance of few seeds
is skewed and mostly lies below its mean (with three seeds in 63 of 100 cases), so that taking the mean away too often
leaves nothing of seeds that do differ. With the median, seeds that are alike add nothing in half of the cases. A spread
is set equal to its median for the same reason in meta-analysis (Viechtbauer, Median-unbiased estimators for the amount
of heterogeneity in meta-analysis, European Congress of Methodology, Valencia 2021). In a difference the spreads of both
systems are summed first.

In simulations of span F1 on 100 items, with 1 or 3 languages and 3 or 5 seeds, alike to far apart, systems and
differences, these 95 % intervals hold the truth in 94.5 to 96.9 of 100 cases, and with one seed in 94.1 to 95.0, where
the truth is the score of that very seed. Two seeds are at the edge, with 93.6 to 97.4 (another 8000 simulations gave
93.2 for one language with seeds far apart, and 97.1 where they are alike). One degree of freedom allows little else:
what is added for two seeds that differ is added to those that differ by chance, whose intervals are two to three times
as wide on average as those over items. Better have three. Each figure has a standard error of 0.2 to 0.4
(``benchmarks/audit/coverage.py``).

Languages are fixed: the interval speaks of the mean over these very languages, not over all languages of the world.

Shape letters: S seeds, R resamples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from isogloss.metrics.intervals import interval, never_certain
from isogloss.metrics.weights import Floats

ROUNDING = 1e-20
"""A variance below this is none: the sums are rounded."""
MOST_DEGREES = 1000.0
"""More degrees of freedom than these make no difference that one could see."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A score of one system, seed by seed.

    Attributes:
        points_S: on the items as they are.
        draws_SR: on R resamples of the items, the same for all seeds and for every system that it is compared with.
        items: different items behind it, those that are parallel counted once.
        limits: the least and the most that the score can be.
    """

    points_S: Floats
    draws_SR: Floats
    items: int
    limits: tuple[float, float] = (-math.inf, math.inf)

    @property
    def point(self) -> float:
        """Mean over seeds."""
        return float(self.points_S.mean())

    def less(self, other: Sample) -> Sample:
        """The differences, seed by seed: of one training asked in two ways.

        Raises:
            ValueError: the seeds are not as many on both sides.
        """
        if len(self.points_S) != len(other.points_S):
            raise ValueError(f"{len(self.points_S)} seeds cannot be paired with {len(other.points_S)}.")
        return Sample(
            points_S=self.points_S - other.points_S,
            draws_SR=self.draws_SR - other.draws_SR,
            items=min(self.items, other.items),
            limits=(self.limits[0] - other.limits[1], self.limits[1] - other.limits[0]),
        )

    @property
    def spread(self) -> tuple[float, float]:
        """Variance of the mean over seeds by their spread, all of it and what the items make of it; 0 with one seed."""
        seeds = len(self.points_S)
        if seeds < 2:
            return 0.0, 0.0
        seen = float(self.points_S.var(ddof=1))
        items = float(np.nanmean(self.draws_SR.var(axis=0, ddof=1))) - seen
        return seen / seeds, max(items, 0.0) / seeds

    @property
    def seed_variance(self) -> float:
        """Variance of the mean over seeds that comes of the seeds alone; 0 with one seed, where it is not known."""
        return _of_seeds([self])[0]


def crossed_interval(system: Sample, baseline: Sample | None = None, *, level: float = 0.95) -> tuple[float, float]:
    """Interval of a mean over seeds, or of the difference between two, over items and seeds.

    Items are paired between the two systems; their seeds are taken as independent, whatever their numbers. With one
    seed on each side the interval is over items alone: it speaks of these very seeds, not of others. (nan, nan) if no
    resample has a score. What lies beyond the limits of the score is cut off, which leaves out no truth.

    Raises:
        ValueError: ``level`` is not between 0 and 1.
    """
    sides = [system] if baseline is None else [system, baseline]
    delta_R, point = system.draws_SR.mean(axis=0), system.point
    if baseline is not None:
        delta_R = delta_R - baseline.draws_SR.mean(axis=0)
        point -= baseline.point
    low, high = interval(delta_R, level)
    if math.isnan(low):
        return low, high
    items = min(side.items for side in sides)
    normal = t_quantile(MOST_DEGREES, level)
    wider = t_quantile(items - 1, level) / normal * math.sqrt(items / max(items - 1, 1))
    variance, degrees = _of_seeds(sides)
    of_seeds = t_quantile(degrees, level) * math.sqrt(variance)
    least, most = system.limits
    if baseline is not None:
        least, most = least - baseline.limits[1], most - baseline.limits[0]
    low = max(point - math.hypot(max(point - low, 0.0) * wider, of_seeds), least)
    high = min(point + math.hypot(max(high - point, 0.0) * wider, of_seeds), most)
    return never_certain((low, high), items, (least, most), level=level)


def _of_seeds(sides: Sequence[Sample]) -> tuple[float, float]:
    """Variance that the seeds of one or two systems alone give their mean or difference, and its degrees of freedom."""
    free = [len(side.points_S) - 1 for side in sides]
    seen, items = zip(*(side.spread for side in sides), strict=True)
    own = sum(seen) - sum(items) * median_share(satterthwaite(items, free))
    return (own if own > ROUNDING else 0.0), satterthwaite(seen, free)


def satterthwaite(variances: Sequence[float], degrees: Sequence[int]) -> float:
    """Degrees of freedom of a sum of estimated variances (Satterthwaite, Biometrics Bulletin 1946)."""
    known = [(v, free) for v, free in zip(variances, degrees, strict=True) if v > 0]
    largest = max((v for v, _ in known), default=1.0)  # whose squares would vanish where all are tiny
    parts = [(v / largest, free) for v, free in known]
    return sum(v for v, _ in parts) ** 2 / sum(v**2 / free for v, free in parts) if parts else MOST_DEGREES


def median_share(degrees: float) -> float:
    """Median of an estimated variance by its mean, that is, of chi-square by its degrees of freedom.

    The cube of Wilson and Hilferty (PNAS 1931): 3 per cent too much at 1 degree of freedom, 1 at 2, and less beyond.
    """
    return (1 - 2 / (9 * degrees)) ** 3


@lru_cache(maxsize=256)
def t_quantile(degrees: float, level: float = 0.95) -> float:
    """The t with ``level`` of Student's distribution between -t and t; ``degrees`` may be broken.

    With t = sqrt(degrees) * tan(angle) the density is a power of the cosine, which is summed on a grid. Good to half a
    per cent from 1 degree of freedom on, and far better from 2 on.
    """
    degrees = min(max(degrees, 1.0), MOST_DEGREES)
    angles = np.linspace(0, np.pi / 2, 20001)[:-1]
    density = np.cos(angles) ** (degrees - 1)
    shares = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    return float(np.sqrt(degrees) * np.tan(np.interp(level, shares / shares[-1], angles)))
