"""Bootstrap resamples that respect parallel items, percentile intervals, and the verdict on a difference.

Shape letters: R resamples, N items of one language, U distinct ids of a block of languages.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from isogloss.metrics.weights import Floats

Verdict = Literal["better", "worse", "equivalent", "inconclusive"]


def ones(n: int) -> Floats:
    """The 1 x ``n`` weights of the point estimate: every item once."""
    return np.ones((1, n))


def resamples(ids: Mapping[str, Sequence[str]], *, count: int = 1000, seed: int = 0) -> dict[str, NDArray[np.uint16]]:
    """Bootstrap weights for every language, the same items drawn together wherever they are parallel.

    Args:
        ids: the item ids of each language, in the order the metrics get the items.
        count: number of resamples, R.
        seed: non-negative; the same seed and ids give the same draws.

    Returns:
        For each language a ``count`` x N matrix: how often each resample holds each item.

    Languages that share an id, directly or through others, form a block. A block draws as many ids as it has, with
    replacement, and an id drawn k times counts k times in every language that has it. Blocks are independent, and the
    draws of one depend on its ids and the seed only, not on which other languages are present.

    Where all languages of a block have the same ids, each row sums to N. Where they differ, ids are drawn from their
    union, so a language's total varies from row to row around N (and can be 0 for a very small language, whose score is
    then nan). An id that a language holds several times is drawn as one cluster, so there too the total varies.
    """
    draws: dict[str, NDArray[np.uint16]] = {}
    for block in blocks(ids):
        names = sorted({name for lang in block for name in ids[lang]})
        column = {name: u for u, name in enumerate(names)}
        drawn_RU = _draw(names, count, seed)
        for lang in block:
            draws[lang] = drawn_RU[:, np.array([column[name] for name in ids[lang]], dtype=np.intp)]
    return {lang: draws[lang] for lang in ids}


def interval(values_R: Floats, level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of the resampled values, nan ignored; (nan, nan) if nothing is left.

    Raises:
        ValueError: ``level`` is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"The level of an interval lies between 0 and 1, not at {level}.")
    known = values_R[~np.isnan(values_R)]
    if not known.size:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def never_certain(
    bounds: tuple[float, float], items: int, limits: tuple[float, float] = (0.0, 1.0), *, level: float = 0.95
) -> tuple[float, float]:
    """Bounds of a share where every item is right, or every one wrong, so that resampling them shows no spread.

    The exact binomial bound of so many ``items`` stands in (Clopper and Pearson, Biometrika 1934). Other bounds, and
    those of what is no share (its ``limits`` are not 0 and 1: a correlation, a difference), stay as they are.
    """
    if limits != (0.0, 1.0) or not items:
        return bounds
    slack = 1 - ((1 - level) / 2) ** (1 / items)
    if bounds == (1.0, 1.0):
        return 1.0 - slack, 1.0
    return (0.0, slack) if bounds == (0.0, 0.0) else bounds


def verdict(delta_R: Floats, *, margin: float) -> Verdict:
    """What the resampled differences (system less baseline, paired) allow to say, by their 95% interval.

    Raises:
        ValueError: ``margin`` is negative or nan.
    """
    return verdict_of(interval(delta_R), margin=margin)


def verdict_of(bounds: tuple[float, float], *, margin: float) -> Verdict:
    """What the interval of a difference allows to say.

    ``equivalent`` comes first: the whole interval within [-margin, margin] means that the difference is too small to
    matter, even if it is surely not 0. Then ``better`` (all above 0) and ``worse`` (all below 0); else, or if no
    difference is known, ``inconclusive``.

    Raises:
        ValueError: ``margin`` is negative or nan.
    """
    if not margin >= 0:
        raise ValueError(f"The margin of equivalence is at least 0, not {margin}.")
    low, high = bounds
    if -margin <= low and high <= margin:
        return "equivalent"
    if low > 0:
        return "better"
    if high < 0:
        return "worse"
    return "inconclusive"


def blocks(ids: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The languages, grouped by shared ids (union-find)."""
    parent = {lang: lang for lang in ids}

    def root(lang: str) -> str:
        while parent[lang] != lang:
            lang = parent[lang]
        return lang

    first: dict[str, str] = {}  # the first language that has an id
    for lang, names in ids.items():
        for neighbour in {first.setdefault(name, lang) for name in names}:
            parent[root(neighbour)] = root(lang)
    groups: dict[str, list[str]] = {}
    for lang in ids:
        groups.setdefault(root(lang), []).append(lang)
    return list(groups.values())


def generator_of(names: Sequence[str], seed: int) -> np.random.Generator:
    """A generator of random numbers that only these names and the seed decide."""
    digest = hashlib.sha256(json.dumps(names).encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest)])


def _draw(names: Sequence[str], count: int, seed: int) -> NDArray[np.uint16]:
    """``count`` x U multinomial counts of U draws each."""
    generator, size = generator_of(names, seed), len(names)
    drawn_RU = np.zeros((count, size), dtype=np.uint16)
    if size:
        for row_U in drawn_RU:
            row_U[:] = np.bincount(generator.integers(size, size=size), minlength=size)
    return drawn_RU
