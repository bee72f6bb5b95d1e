"""How far two languages are apart: every distance in [0, 1], 0 to itself, symmetric, and larger for what differs more.

Metrics of two binary vectors work on their contingency counts: a (1, 1), b (1, 0), c (0, 1), d (0, 0). As published for
the choice of source languages (arXiv 2411.08785), two of them are no distances, and are mended here:

- the inner product -(a + d) is unbounded; scaled to [0, 1] it *is* the Hamming distance, and is not listed twice;
- Anderberg's coefficient is the same for equal and for opposite vectors. It is divided by its largest value for the
  given margins (which makes it Goodman and Kruskal's symmetric lambda), takes the sign of the association, and is
  turned round: 0 for equal, 1/2 for unrelated, 1 for opposite.

The syntactic distance is over all that URIEL calls syntax, as it is known from the literature; the morphological one
is over the part of it that is about affixes and marking, so that this part counts in both.

Distances computed here are not URIEL's own precomputed ones, which are another scale.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from isogloss.languages.codes import Language
from isogloss.languages.features import Kind, vector

Distance = Literal["syntactic", "morphological", "phonological", "inventory", "genetic", "geographic"]
DISTANCES: tuple[Distance, ...] = get_args(Distance)
Vector = NDArray[np.float32] | NDArray[np.float64]
Metric = Callable[[Vector, Vector], float]

HALF_GLOBE_KM = 20_015.0
"""What a geographic distance of 1 is: half a great circle."""


def hamming(one: Vector, other: Vector) -> float:
    """(b + c) / n: the share of values that differ."""
    return float(np.abs(one - other).mean())


def jaccard(one: Vector, other: Vector) -> float:
    """1 - a / (a + b + c): what both lack counts for nothing."""
    either = np.maximum(one, other).sum()
    return float(1 - np.minimum(one, other).sum() / either) if either else 0.0


def cosine(one: Vector, other: Vector) -> float:
    """1 - cosine, of vectors without negative values; 1 where exactly one is zero."""
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    if size:
        return float(np.clip(1 - float(one @ other) / size, 0, 1))
    return float(bool(np.any(one)) or bool(np.any(other)))


def anderberg(one: Vector, other: Vector) -> float:
    """How badly each value foretells the other, and 1 less that for those that foretell the opposite."""
    first, second = one > 0.5, other > 0.5
    a, b = int((first & second).sum()), int((first & ~second).sum())
    c, d = int((~first & second).sum()), int((~first & ~second).sum())
    joint = max(a, b) + max(c, d) + max(a, c) + max(b, d)
    margins = max(a + c, b + d) + max(a + b, c + d)
    if 2 * len(first) == margins:  # both constant: the same, or the opposite
        return float(b + c > 0)
    association = (joint - margins) / (2 * len(first) - margins)
    return float((1 - np.sign(a * d - b * c) * association) / 2)


def great_circle(one: Vector, other: Vector) -> float:
    """The angle between two places on the globe, as a share of half a great circle."""
    # By the tangent: an arc cosine loses half its digits near 0.
    first, second = one.astype(float), other.astype(float)
    angle = np.arctan2(np.linalg.norm(np.cross(first, second)), first @ second)
    return float(angle / np.pi)


METRICS: dict[str, Metric] = {"hamming": hamming, "jaccard": jaccard, "cosine": cosine, "anderberg": anderberg}

_WAYS: dict[Distance, tuple[Kind, Metric]] = {
    "syntactic": ("syntax", hamming),
    "morphological": ("morphology", hamming),
    "phonological": ("phonology", hamming),
    "inventory": ("inventory", jaccard),  # most sounds are in neither language
    "genetic": ("family", cosine),
    "geographic": ("geography", great_circle),
}


def distance(one: Language | str, other: Language | str, kind: Distance, *, metric: str | None = None) -> float | None:
    """A distance in [0, 1], or None where a language is not listed in URIEL.

    Args:
        one: a language, or its code in any spelling.
        other: the other one; which comes first makes no difference.
        kind: of distance. Genetic: 1 - cosine of the families and branches that they belong to. Geographic: in halves
            of a great circle (``HALF_GLOBE_KM``).
        metric: a name in ``METRICS`` in place of the usual one (Hamming for syntax, morphology and phonology, Jaccard
            for the inventory of sounds); not for places.

    Raises:
        ResourceError: URIEL's tables are not installed.
        ValueError: there is no such metric, or not for places.
    """
    features, usual = _WAYS[kind]
    if metric is not None and (metric not in METRICS or kind == "geographic"):
        raise ValueError(f"There is no {kind} distance by '{metric}'; known are {', '.join(METRICS)}.")
    first, second = vector(one, features), vector(other, features)
    if first is None or second is None:
        return None
    return (METRICS[metric] if metric else usual)(first, second)


def distances(languages: Sequence[Language | str], kind: Distance) -> NDArray[np.float64]:
    """All distances of a kind between L languages: L x L, nan where one is not listed, 0 from a language to itself."""
    features, metric = _WAYS[kind]
    vectors = [vector(language, features) for language in languages]
    found_LL = np.full((len(vectors), len(vectors)), np.nan)
    for i, first in enumerate(vectors):
        for j, second in enumerate(vectors[:i]):
            if first is not None and second is not None:
                found_LL[i, j] = found_LL[j, i] = metric(first, second)
    np.fill_diagonal(found_LL, 0.0)
    return found_LL
