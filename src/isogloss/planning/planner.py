"""From distances and measured transfer to a plan: sources ranked for each target, and sets of sources to annotate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from isogloss.planning.landscape import ALL_KINDS, Landscape, survey
from isogloss.planning.law import Estimate
from isogloss.planning.mantel import PERMUTATIONS, mantel
from isogloss.planning.matrix import Cell, TransferMatrix
from isogloss.planning.medoids import choose, clusters, total
from isogloss.planning.prediction import LEAST_LANGUAGES, Figures, Pairs, Predictor
from isogloss.planning.weights import Floats, fit_weights

ALPHA = 0.05
"""Of Mantel's test: above it, distance is not known to go with transfer."""


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """A source for a target.

    Attributes:
        source: canonical code.
        distance: the weighted mean of ``distances``.
        distances: by kind.
        prediction: the score to expect; None where nothing was measured that would tell.
        case: why the prediction is as sure as it is, a key of ``CASES``.
        rests_on: the kinds of distance that the prediction was made from.
        measured: what the matrix says of the very pair, on its own data; None where it does not.
    """

    source: str
    distance: float
    distances: Mapping[str, float]
    prediction: Estimate | None = None
    case: str | None = None
    rests_on: tuple[str, ...] = ()
    measured: float | None = None


@dataclass(frozen=True, kw_only=True)
class SourceSet:
    """k sources to annotate, and which source is nearest to each target; ``distance`` is the mean over the targets."""

    sources: tuple[str, ...]
    distance: float
    serves: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What measured transfer says of some kinds of distance.

    Attributes:
        kinds: of distance.
        weights: by kind, none negative, sum 1; all 0 where no distance goes with worse transfer.
        correlation: of the weighted distance with the scores, within targets.
        p: Mantel's, by ``permutations`` of the languages with the weights fitted anew; None where two of the languages
            were never measured together, so that they cannot change places with others.
        permutations: how many.
        pairs, languages: how many were measured.
        figures: by case, on languages that were left out.
        level: of the intervals.
        usual: the source that is best on average over the targets.
    """

    kinds: tuple[str, ...]
    weights: Mapping[str, float]
    correlation: float
    p: float | None
    permutations: int
    pairs: int
    languages: int
    figures: Mapping[str, Figures]
    level: float
    usual: str

    def shortfalls(self, spelling: Callable[[str], str] = str) -> Iterator[str]:
        """What the reader must not trust, one sentence each.

        Distance that is not known to go with transfer, and each constant that the predictions do not beat on targets
        that were left out.
        """
        told, by = self.figures["target"], ", ".join(self.kinds)
        chance = "" if self.p is None else f", Mantel p {self.p:.3f}"
        if not any(self.weights.values()):
            yield f"Distance by {by} carries no information: none of it goes with worse transfer in the matrix{chance}."
        elif self.p is not None and self.p > ALPHA:
            yield (
                f"Distance by {by} goes with worse transfer in the matrix no more than chance allows (correlation "
                f"{self.correlation:.2f} within targets{chance})."
            )
        if told.error >= told.error_of_mean:
            yield (
                f"Predicted levels by {by} tell no more than the plain mean: on targets left out they miss by "
                f"{told.error:.3f}, the mean by {told.error_of_mean:.3f}."
            )
        if told.regret >= told.regret_of_usual:
            yield (
                f"Choosing the source by {by} is no better than always taking the one that is usually best "
                f"({spelling(self.usual)} in the matrix): on targets left out it is {told.regret:.3f} below the best "
                f"source, the usual one {told.regret_of_usual:.3f}."
            )


@dataclass(frozen=True)
class Measured:
    """A transfer matrix with the distances of its languages, and what is fitted to it for one set of kinds at a time.

    Attributes:
        matrix: of one task.
        level: of the intervals.
        comparable: kinds of distance that were measured on text as the plan's were.
    """

    matrix: TransferMatrix
    level: float = 0.9
    comparable: tuple[str, ...] = ALL_KINDS
    _fits: dict[tuple[str, ...], tuple[Evidence, Predictor] | None] = field(default_factory=dict, repr=False)

    @cached_property
    def land(self) -> Landscape:
        """The languages of the matrix, without their text."""
        return survey([lang for cell in self.matrix.zero_shot() for lang in (cell.source, cell.target)])

    @cached_property
    def _known(self) -> list[tuple[Cell, dict[str, float]]]:
        """Every measured pair with the distances that are known of it."""
        found = []
        for cell in self.matrix.zero_shot():
            kinds = self.land.kinds([(cell.source, cell.target)])
            listed = dict(zip(kinds, self.land.between(cell.source, cell.target, kinds).tolist(), strict=True))
            known = listed | dict(cell.distances)
            found.append((cell, {kind: known[kind] for kind in ALL_KINDS if kind in known and kind in self.comparable}))
        return found

    def fit(self, kinds: Sequence[str]) -> tuple[Evidence, Predictor] | None:
        """What these kinds of distance tell, of those among them that are known for half of the measured pairs or more.

        Pairs that lack one of them do not count. None where no kind or fewer than ``LEAST_LANGUAGES`` are left.
        """
        usual = [kind for kind in kinds if 2 * sum(kind in known for _, known in self._known) >= len(self._known)]
        chosen = tuple(kind for kind in ALL_KINDS if kind in usual)
        if chosen not in self._fits:
            rows = [(cell, known) for cell, known in self._known if set(chosen) <= known.keys()]
            languages = {lang for cell, _ in rows for lang in (cell.source, cell.target)}
            enough = chosen and len(languages) >= LEAST_LANGUAGES
            self._fits[chosen] = self._fitted(chosen, rows) if enough else None
        return self._fits[chosen]

    def score(self, source: str, target: str) -> float | None:
        """What was measured of a pair."""
        return next((c.score for c in self.matrix.zero_shot() if (c.source, c.target) == (source, target)), None)

    def _fitted(self, kinds: tuple[str, ...], rows: list[tuple[Cell, dict[str, float]]]) -> tuple[Evidence, Predictor]:
        pairs = Pairs(
            sources=tuple(cell.source for cell, _ in rows),
            targets=tuple(cell.target for cell, _ in rows),
            distances_NK=np.array([[known[kind] for kind in kinds] for _, known in rows]),
            scores_N=np.array([cell.score for cell, _ in rows]),
        )
        codes = pairs.languages
        source_N, target_N = (np.array([codes.index(c) for c in end]) for end in (pairs.sources, pairs.targets))
        weights = fit_weights(pairs.distances_NK, pairs.scores_N, target_N)
        # Every distance is symmetric: one that was measured serves both directions.
        distance_KLL = np.full((len(kinds), len(codes), len(codes)), np.nan)
        distance_KLL[:, target_N, source_N] = distance_KLL[:, source_N, target_N] = pairs.distances_NK.T
        score_LL = np.full((len(codes), len(codes)), np.nan)
        score_LL[source_N, target_N] = pairs.scores_N
        whole = not np.isnan(distance_KLL[:, ~np.eye(len(codes), dtype=bool)]).any()
        predictor = Predictor.fit(kinds, pairs, level=self.level)
        return Evidence(
            kinds=kinds,
            weights=dict(zip(kinds, weights.values_K.tolist(), strict=True)),
            correlation=weights.correlation,
            p=mantel(distance_KLL, score_LL, permutations=PERMUTATIONS) if whole else None,
            permutations=PERMUTATIONS,
            pairs=len(rows),
            languages=len(codes),
            figures=predictor.figures,
            level=self.level,
            usual=max(sorted(set(pairs.sources)), key=lambda s: pairs.scores_N[np.array(pairs.sources) == s].mean()),
        ), predictor


def rank(land: Landscape, target: str, candidates: Sequence[str], measured: Measured | None = None) -> list[Ranked]:
    """The candidates for a target, the best first: by predicted score where there is one, else by distance.

    Distances are only compared where they are of the same kinds. Where not all candidates share the kinds that are
    known, those that share most come first, and the others are ranked among themselves after them. A candidate of which
    nothing is known is not in the list, nor is the target itself.
    """
    known = {c: land.kinds([(target, c)]) for c in candidates if c != target}
    left = {c: set(kinds) for c, kinds in known.items() if kinds}
    ranked: list[Ranked] = []
    while left:
        shared = max(left.values(), key=lambda kinds: len(kinds) * sum(kinds <= other for other in left.values()))
        kinds = tuple(kind for kind in ALL_KINDS if kind in shared)
        group = [c for c, there in left.items() if shared <= there]
        ranked += sorted((_ranked(land, target, c, kinds, measured) for c in group), key=lambda r: r.distance)
        left = {c: there for c, there in left.items() if c not in group}
    # Sorting is stable: where nothing is predicted, groups and distances stay in their order.
    return sorted(ranked, key=lambda r: -r.prediction.value if r.prediction else 0.0)


@dataclass(frozen=True, kw_only=True)
class Sets:
    """The best sets of sources.

    Attributes:
        kinds: of distance that they rest on: known between all of these languages. Empty where there are no sets.
        sets: by number of sources, from one up.
        left_out: targets that no such distance is known of.
        beside: the labelled sources that the sets are chosen beside; only those that such a distance is known of.
        distance: the mean over the targets to the nearest of ``beside``; None where there is none.
    """

    kinds: tuple[str, ...] = ()
    sets: tuple[SourceSet, ...] = ()
    left_out: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    distance: float | None = None


def sets(
    land: Landscape,
    targets: Sequence[str],
    candidates: Sequence[str],
    most: int,
    measured: Measured | None = None,
    *,
    labelled: Sequence[str] = (),
) -> Sets:
    """The 1, 2, ... ``most`` candidates with the least distance from each target to its nearest source.

    Candidates that are ``labelled`` serve already, and none of them is chosen. All distances are of the same kinds:
    those with which most targets are served, then those that the most is known by.
    """
    everyone = tuple(dict.fromkeys((*candidates, *targets)))
    known = {lang: frozenset(land.known(lang, everyone)) for lang in everyone}

    def serves(kinds: frozenset[str]) -> tuple[int, int, int]:
        there = [lang for lang in everyone if kinds <= known[lang]]
        return sum(t in there for t in targets), len(there) * len(kinds), len(kinds)

    shared = max(known.values(), key=lambda kinds: serves(kinds) if kinds else (0, 0, 0), default=frozenset())
    kinds = tuple(kind for kind in ALL_KINDS if kind in shared)
    served = [target for target in targets if shared <= known[target]]
    able = [lang for lang in candidates if shared <= known[lang]]
    held = [row for row, lang in enumerate(able) if lang in labelled]
    if not kinds or not served or len(able) == len(held):
        return Sets(left_out=tuple(targets))
    grid = np.ix_(*([land.languages.index(code) for code in codes] for codes in (able, served)))
    parts = [w * land.distances[kind][grid] for kind, w in zip(kinds, weights_of(kinds, measured), strict=True)]
    distance_SL: Floats = np.sum(parts, axis=0)
    found = []
    for count in range(1, min(most, len(able) - len(held)) + 1):
        chosen = choose(distance_SL, count, beside=held)
        there = (*held, *chosen)
        nearest = clusters(distance_SL, there)
        found.append(
            SourceSet(
                sources=tuple(able[row] for row in chosen),
                distance=total(distance_SL, there) / len(served),
                serves={target: able[row] for target, row in zip(served, nearest, strict=True)},
            )
        )
    return Sets(
        kinds=kinds,
        sets=tuple(found),
        left_out=tuple(t for t in targets if t not in served),
        beside=tuple(able[row] for row in held),
        distance=total(distance_SL, tuple(held)) / len(served) if held else None,
    )


@dataclass(frozen=True, kw_only=True)
class Way:
    """How languages are compared: the weights of kinds of distance, sum 1, and whether they were ``fitted``."""

    weights: Mapping[str, float]
    fitted: bool

    @property
    def counting(self) -> tuple[str, ...]:
        """The kinds that make a difference."""
        return tuple(kind for kind, weight in self.weights.items() if weight > 0)

    @property
    def sentence(self) -> str:
        """The same in words."""
        if not self.fitted:
            return f"Distance is the plain mean of {', '.join(self.counting)}."
        told = ", ".join(f"{kind} {self.weights[kind]:.2f}" for kind in self.counting)
        return f"Distance is a mean with weights that were fitted to measured transfer: {told}."


def way(kinds: Sequence[str], measured: Measured | None) -> Way:
    """Fitted weights of kinds of distance, or all the same where nothing was measured or no distance tells anything."""
    fit = measured.fit(kinds) if measured is not None else None
    fitted = fit is not None and sum(fit[0].weights.values()) > 0
    weights = {kind: fit[0].weights.get(kind, 0.0) if fit is not None and fitted else 1 / len(kinds) for kind in kinds}
    return Way(weights=weights, fitted=fitted)


def weights_of(kinds: Sequence[str], measured: Measured | None) -> Floats:
    """The weights of :func:`way`, in the order of the kinds."""
    return np.array(list(way(kinds, measured).weights.values()))


def _ranked(land: Landscape, target: str, source: str, kinds: Sequence[str], measured: Measured | None) -> Ranked:
    distances_K = land.between(target, source, kinds)
    fit = measured.fit(kinds) if measured is not None else None
    predictor = fit[1] if fit else None
    return Ranked(
        source=source,
        distance=float(distances_K @ weights_of(kinds, measured)),
        distances=dict(zip(kinds, distances_K.tolist(), strict=True)),
        prediction=predictor.predict(source, target, land.between(target, source, predictor.kinds))
        if predictor
        else None,
        case=predictor.case(source, target) if predictor else None,
        rests_on=predictor.kinds if predictor else (),
        measured=measured.score(source, target) if measured is not None else None,
    )
