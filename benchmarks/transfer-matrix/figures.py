"""What the transfer matrices tell: which distances go with transfer, and whether a plan beats constant choices.

    ISOGLOSS_DATA=DATA python benchmarks/transfer-matrix/figures.py [--work runs/transfer-matrix]

reads the matrices that ``matrices.py`` wrote and the rows of ``measure.py``, and writes
``results/transfer-matrix.json``. ``--choose FILE`` writes only the sets of source languages that each task's distance
chooses for the other task.

Per task: the share of the variance within targets that each group of distances explains (R2), alone and beyond all
others; how well sources are ranked for a target that no fit has seen (Spearman), and what their first choice loses
against the best source (regret), beside always English, the source that is best on average for the other targets, the
nearest source by plain distance, and a source drawn by lot. Intervals are bootstraps over target languages.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from labelled import MEASURES
from matrices import NAMES, SHIPPED, by_seed, land_of, scores
from measure import FEW, FEW_LANGUAGES, SIZES, random_sets

from isogloss.machine import machine, versions
from isogloss.metrics import interval
from isogloss.planning.law import FewShotLaw, Gains
from isogloss.planning.mantel import PERMUTATIONS, mantel
from isogloss.planning.matrix import TransferMatrix
from isogloss.planning.medoids import choose
from isogloss.planning.planner import Measured
from isogloss.planning.prediction import Pairs, Ridge, left_out
from isogloss.planning.weights import Floats, centred, fit_weights

RESULTS = Path(__file__).parent / "results"
GROUPS = {
    "syntax": ("syntactic",),
    "morphology": ("morphological",),
    "phonology": ("phonological", "inventory"),
    "lexical": ("script", "pieces", "lexical"),
    "family": ("genetic",),
    "place": ("geographic",),
}
KINDS = tuple(kind for kinds in GROUPS.values() for kind in kinds)
RESAMPLES = 2000
FITTED, ASKED = tuple(n for n in FEW if n <= 100), tuple(n for n in FEW if n > 100)
OTHER = {"topic": "ner", "ner": "topic", "pos": "topic"}


def pairs_of(name: str, matrix: TransferMatrix) -> Pairs:
    """The zero-shot pairs of a task with all distances."""
    land, cells = land_of(name), matrix.zero_shot()
    return Pairs(
        sources=tuple(cell.source for cell in cells),
        targets=tuple(cell.target for cell in cells),
        distances_NK=np.array([land.between(cell.source, cell.target, KINDS) for cell in cells]),
        scores_N=np.array([cell.score for cell in cells]),
    )


def explained(pairs: Pairs, kinds: Sequence[str]) -> float:
    """R2 of least squares within targets."""
    if not kinds:
        return 0.0
    target_N = np.unique(pairs.targets, return_inverse=True)[1]
    columns_NK = centred(pairs.distances_NK[:, [KINDS.index(kind) for kind in kinds]], target_N)
    scores_N = centred(pairs.scores_N[:, None], target_N)[:, 0]
    found_K = np.linalg.lstsq(columns_NK, scores_N, rcond=None)[0]
    return 1 - float(((scores_N - columns_NK @ found_K) ** 2).sum() / (scores_N**2).sum())


def p_of(pairs: Pairs, kinds: Sequence[str]) -> float | None:
    """Mantel's, by permuting languages."""
    codes = pairs.languages
    source_N, target_N = ([codes.index(c) for c in end] for end in (pairs.sources, pairs.targets))
    score_LL = np.full((len(codes), len(codes)), np.nan)
    score_LL[source_N, target_N] = pairs.scores_N
    if np.isnan(score_LL[~np.eye(len(codes), dtype=bool)]).any():
        return None
    distance_KLL = np.zeros((len(kinds), len(codes), len(codes)))
    distance_KLL[:, source_N, target_N] = pairs.distances_NK[:, [KINDS.index(kind) for kind in kinds]].T
    return mantel(distance_KLL, score_LL, permutations=PERMUTATIONS)


def by_group(pairs: Pairs) -> dict[str, Any]:
    everything = explained(pairs, KINDS)
    return {
        "all": {"r2": everything},
        **{
            group: {
                "r2": explained(pairs, kinds),
                "beyond_the_others": everything - explained(pairs, [k for k in KINDS if k not in kinds]),
                "p": p_of(pairs, kinds),
                "spearman": {kind: _spearman_within(pairs, kind) for kind in kinds},
            }
            for group, kinds in GROUPS.items()
        },
    }


def _spearman_within(pairs: Pairs, kind: str) -> float:
    """Of a distance with the scores, the mean over targets."""
    column_N, targets_N = pairs.distances_NK[:, KINDS.index(kind)], np.array(pairs.targets)
    found = [spearman(column_N[targets_N == t], pairs.scores_N[targets_N == t]) for t in sorted(set(pairs.targets))]
    return float(np.nanmean(found))


def spearman(one_N: Floats, other_N: Floats) -> float:
    from scipy.stats import rankdata

    if np.ptp(one_N) == 0 or np.ptp(other_N) == 0:
        return float("nan")
    return float(np.corrcoef(rankdata(one_N), rankdata(other_N))[0, 1])


def choosing(pairs: Pairs) -> dict[str, Any]:
    """Ranking and regret on targets that were left out of every fit, as a source and as a target."""
    targets_N, sources_N = np.array(pairs.targets), np.array(pairs.sources)
    rank: list[float] = []
    lost: dict[str, list[float]] = {}
    errors: dict[str, list[float]] = {"plan": [], "mean of the other targets": []}
    for fit_N, asked_N, target in left_out(pairs, "target"):
        seen, asked = pairs.rows(fit_N), pairs.rows(asked_N)
        ridge = Ridge.fit(seen)
        guess_N = np.array([ridge.at(s, target, d) for s, d in zip(asked.sources, asked.distances_NK, strict=True)])
        rank.append(spearman(guess_N, asked.scores_N))
        errors["plan"].append(float(np.abs(guess_N - asked.scores_N).mean()))
        errors["mean of the other targets"].append(float(np.abs(seen.scores_N.mean() - asked.scores_N).mean()))
        best = float(asked.scores_N.max())
        usual = {s: float(pairs.scores_N[(sources_N == s) & (targets_N != target)].mean()) for s in asked.sources}
        plain_N = asked.distances_NK.mean(1)
        choices: dict[str, float] = {
            "plan": float(asked.scores_N[guess_N.argmax()]),
            "best on average for the others": float(asked.scores_N[int(np.argmax([usual[s] for s in asked.sources]))]),
            "nearest by plain distance": float(asked.scores_N[plain_N.argmin()]),
            "by lot": float(asked.scores_N.mean()),
        }
        if target != "eng":
            choices["English"] = float(asked.scores_N[asked.sources.index("eng")])
        for way, score in choices.items():
            lost.setdefault(way, []).append(best - score)
    plan = np.array(lost["plan"])
    no_english = np.array([t != "eng" for t in pairs.languages])
    return {
        "spearman": _mean_of(np.array(rank)),
        "error": {way: _mean_of(np.array(found)) for way, found in errors.items()},
        "regret": {way: _mean_of(np.array(found)) for way, found in lost.items()},
        "regret_less_plan": {
            way: _mean_of(np.array(found) - (plan[no_english] if way == "English" else plan))
            for way, found in lost.items()
            if way != "plan"
        },
        "targets": len(rank),
        "variance": _variance(pairs, targets_N, sources_N),
    }


def _variance(pairs: Pairs, targets_N: Any, sources_N: Any) -> dict[str, float]:
    """How much of the scores' variance is the target's own level, the source's, and what is left to the pair."""
    whole = float(((pairs.scores_N - pairs.scores_N.mean()) ** 2).sum())
    columns_NC = np.concatenate(
        [[[t == name for name in pairs.languages] for t in targets_N],
         [[s == name for name in pairs.languages] for s in sources_N]], axis=1
    ).astype(float)  # fmt: skip
    half = len(pairs.languages)

    def share(part_NC: Floats) -> float:
        rest_N = pairs.scores_N - part_NC @ np.linalg.lstsq(part_NC, pairs.scores_N, rcond=None)[0]
        return 1 - float((rest_N**2).sum()) / whole

    target, both = share(columns_NC[:, :half]), share(columns_NC)
    return {"target": target, "source": both - target, "pair": 1 - both}


def _mean_of(values_N: Floats) -> dict[str, Any]:
    """A mean with a 95 % bootstrap interval over its values."""
    values_N = values_N[~np.isnan(values_N)]
    draws = np.random.default_rng(0).integers(0, len(values_N), (RESAMPLES, len(values_N)))
    return {"mean": float(values_N.mean()), "ci95": interval(values_N[draws].mean(1)), "n": len(values_N)}


def weighted(name: str, matrix: TransferMatrix) -> Floats:
    """The distances of a task's languages, weighted as another task's transfer says."""
    pairs = pairs_of(OTHER[name], matrix)
    weights_K = fit_weights(
        pairs.distances_NK, pairs.scores_N, np.unique(pairs.targets, return_inverse=True)[1]
    ).values_K
    land = land_of(name)
    found: Floats = np.sum([w * land.distances[kind] for kind, w in zip(KINDS, weights_K, strict=True)], axis=0)
    return found


def chosen(matrices: Mapping[str, TransferMatrix]) -> dict[str, list[list[str]]]:
    """The k-medoids of each task by the other's distance, k = 1 to 4."""
    sets = {}
    for name in ("ner", "topic"):
        langs, distance_LL = list(MEASURES[name].folders), weighted(name, matrices[OTHER[name]])
        sets[name] = [sorted(langs[i] for i in choose(distance_LL, k)) for k in (1, *SIZES)]
    return sets


def compare_sets(name: str, medoids: Sequence[Sequence[str]], work: Path, matrix: TransferMatrix) -> dict[str, Any]:
    """The mean over all languages and over those outside the set, of the medoids and of random sets."""
    result = {}
    for best in medoids:
        k = len(best)
        others = (
            [(lang,) for lang in MEASURES[name].folders] if k == 1 else [s for s in random_sets(name) if len(s) == k]
        )
        reached = {s: found for s in (tuple(best), *others) if (found := _reached(name, s, work, matrix))}
        rest = [found for s, found in reached.items() if s != tuple(best)]
        if tuple(best) not in reached or len(rest) < 2:
            continue
        entry: dict[str, Any] = {"set": list(best), "random_sets": len(rest)}
        for i, over in enumerate(("all languages", "languages outside the set")):
            own, drawn_N = reached[tuple(best)][i], np.array([found[i] for found in rest])
            entry[over] = {
                "medoids": own,
                "random": float(drawn_N.mean()),
                "deviation": float(drawn_N.std(ddof=1)),
                "best": float(drawn_N.max()),
                "better_than": float(np.mean(own > drawn_N) + np.mean(own == drawn_N) / 2),
            }
        result[str(k)] = entry
    return result


def _reached(name: str, sources: Sequence[str], work: Path, matrix: TransferMatrix) -> tuple[float, float] | None:
    """The two means of a set; a single language's are in the matrix."""
    if len(sources) == 1:
        means = {cell.target: cell.score for cell in matrix.cells if cell.source == sources[0] and not cell.examples}
    else:
        found = [scores(place, name, sources) for place in by_seed(work, f"{name}-{'+'.join(sources)}").values()]
        means = {lang: float(np.mean([one[lang] for one in found])) for lang in found[0]} if found else {}
    if not means:
        return None
    return float(np.mean(list(means.values()))), float(np.mean([v for lang, v in means.items() if lang not in sources]))


def law(matrix: TransferMatrix) -> dict[str, Any]:
    """Fitted to n <= 100, asked for 250 and 500: on the language's own curve, and on the other languages' gains."""
    points: dict[str, list[tuple[int, float]]] = {}
    for cell in matrix.cells:
        if cell.source == "eng" and cell.target in FEW_LANGUAGES:
            points.setdefault(cell.target, []).extend((cell.examples, score) for score in cell.scores.values())
    result: dict[str, Any] = {}
    missed: dict[str, list[float]] = {}
    inside: list[bool] = []
    for lang, found in points.items():
        known = sorted((n, s) for n, s in found if n <= max(FITTED))
        if not any(n > max(FITTED) for n, _ in found):
            continue
        own = FewShotLaw.fit(*map(list, zip(*known, strict=True)))
        others = Gains.fit(
            [tuple(map(list, zip(*sorted(more), strict=True))) for other, more in points.items() if other != lang]  # type: ignore[misc]
        )
        zero = float(np.mean([s for n, s in known if n == 0]))
        last = float(np.mean([s for n, s in known if n == max(FITTED)]))
        curve = {n: float(np.mean([s for m, s in found if m == n])) for n in (0, *FEW)}
        asked = {}
        for n in ASKED:
            guess = own.at(n)
            ways = {
                "law": guess.value, "gains of the other languages": zero + others.gain(n).value,
                "as with 100": last, "as with none": zero,
            }  # fmt: skip
            asked[str(n)] = {"score": curve[n], **ways, "interval": [guess.low, guess.high]}
            for way, value in ways.items():
                missed.setdefault(f"{way}, n = {n}", []).append(abs(value - curve[n]))
            if guess.low is not None and guess.high is not None:
                inside.append(guess.low <= curve[n] <= guess.high)
        result[lang] = {"alpha": own.alpha, "beta": own.beta, "n0": own.n0, "measured": curve, "asked": asked}
    return {
        "languages": result,
        "error": {way: _mean_of(np.array(found)) for way, found in missed.items()},
        "covered": float(np.mean(inside)) if inside else None,
        "fitted": FITTED,
    }


def summary(name: str, matrix: TransferMatrix) -> dict[str, Any]:
    pairs = pairs_of(name, matrix)
    own = {cell.target: cell.score for cell in matrix.cells if cell.source == cell.target}
    grid: dict[str, dict[str, float]] = {}
    for cell in matrix.cells:
        if not cell.examples:
            grid.setdefault(cell.source, {})[cell.target] = round(cell.score, 4)
    fit = Measured(matrix).fit(KINDS)
    return {
        "name": NAMES[name],
        "languages": len(pairs.languages),
        "pairs": len(pairs.sources),
        "seeds": sorted({seed for cell in matrix.cells for seed in cell.scores}),
        "grid": grid,
        "in_language": float(np.mean(list(own.values()))),
        "zero_shot": float(pairs.scores_N.mean()),
        "groups": by_group(pairs),
        "choosing": choosing(pairs),
        "weights": dict(fit[0].weights) if fit else {},
        "covered": {case: found.covered for case, found in fit[0].figures.items()} if fit else {},
        "level": fit[0].level if fit else None,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--work", type=Path, default=Path("runs/transfer-matrix"))
    parser.add_argument("--matrices", type=Path, default=SHIPPED)
    parser.add_argument("--choose", type=Path, help="only write the chosen sets, for measure.py --chosen")
    options = parser.parse_args(arguments)
    matrices = {name: TransferMatrix.read(options.matrices / f"{name}.json") for name in MEASURES}
    sets = chosen(matrices)
    if options.choose:
        options.choose.write_text(json.dumps(sets) + "\n", encoding="utf-8")
        return
    result = {
        "command": "python benchmarks/transfer-matrix/figures.py",
        "tasks": {name: summary(name, matrix) for name, matrix in matrices.items()},
        "sets": {name: compare_sets(name, medoids, options.work, matrices[name]) for name, medoids in sets.items()},
        "few": law(matrices["topic"]),
        "versions": versions(),
        "machine": machine("cpu"),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "transfer-matrix.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
