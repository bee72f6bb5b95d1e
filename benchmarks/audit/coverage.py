"""How often the intervals over items and seeds hold the truth, in simulations of span F1.

    python benchmarks/audit/coverage.py

A cell is a number of languages and of seeds, how far the seeds lie apart, and a system alone or the difference of two,
with 100 parallel items. The truth is the mean over all seeds that the world could draw, on endlessly many items; with
one seed it is the score of that very seed on endlessly many items. It is an integral, not a sample. Takes some twenty
minutes on one thread, and less than one for a cell. Writes ``results/coverage.json``.

Shape letters: S seeds, L languages, N items, R resamples.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from isogloss.machine import machine, versions
from isogloss.metrics import Sample, crossed_interval, interval

RESULTS = Path(__file__).parent / "results"
ITEMS = 100
RESAMPLES = 1000
"""As many as the evaluation draws: with fewer, a percentile interval holds less than it says."""
LANGUAGE_SHIFT = np.array([0.6, 0.0, -0.6])
HARDNESS, ERRING = 1.2, 0.8
"""Spread, in logits, of how hard the items are for all, and of what else a seed makes of an item of a language."""
SPREADS = {"alike": 0.0, "near": 0.1, "far apart": 0.4}
LOWEST, HIGHEST = 0.93, 0.97

NODES, SHARES = np.polynomial.hermite_e.hermegauss(81)
SHARES = SHARES / SHARES.sum()  # so that f(NODES) @ SHARES is the mean of f over the standard normal
FEWER = [math.exp(-1.3) * 1.3**spans / math.factorial(spans) for spans in range(4)]
SPANS = sum(spans * share for spans, share in enumerate(FEWER)) + 4 * (1 - sum(FEWER))
"""Mean number of spans of an item: Poisson with mean 1.3, but 4 at most."""


@dataclass(frozen=True, kw_only=True)
class World:
    """Items are hard in all languages at once; a seed is good or bad as a whole, and errs on items of its own."""

    skill: float
    seed_spread: float
    languages: int = 3

    @property
    def centre(self) -> np.ndarray:
        """L: the logits of an average item in each language."""
        return self.skill + LANGUAGE_SHIFT[: self.languages]

    def seeds(self, rng: np.random.Generator, number: int) -> np.ndarray:
        """S x L: the logits by which each seed is better than the world, in all languages and in this one."""
        common = rng.normal(0, self.seed_spread, (number, 1))
        return np.asarray(common + rng.normal(0, self.seed_spread / 2, (number, self.languages)))

    def counts(
        self, rng: np.random.Generator, own_SL: np.ndarray, hard_N: np.ndarray, spans_N: np.ndarray
    ) -> np.ndarray:
        """3 x S x L x N: right, gold and predicted spans."""
        noise = rng.normal(0, ERRING, (*own_SL.shape, len(hard_N)))
        rates = 1 / (1 + np.exp(-((self.centre + own_SL)[..., None] + hard_N + noise)))
        right = rng.binomial(spans_N, rates)
        found = right + rng.binomial(spans_N - right, 0.5) + rng.poisson(0.3 * (1 - rates))
        return np.stack([right, np.broadcast_to(spans_N, right.shape), found]).astype(float)

    def truth_of(self, own_SL: np.ndarray) -> float:
        """Mean F1 of these seeds on endlessly many items."""
        return float(endless_f1(self.centre + own_SL).mean())

    def truth(self) -> float:
        """Mean F1 of all seeds on endlessly many items."""
        own = NODES * self.seed_spread * math.sqrt(1.25)
        return float((endless_f1(self.centre[:, None] + own) @ SHARES).mean())


def endless_f1(logits: np.ndarray) -> np.ndarray:
    """F1 on endlessly many items of a seed and language with these logits, by Gauss-Hermite quadrature."""
    noise = NODES * math.hypot(HARDNESS, ERRING)
    rate = (1 / (1 + np.exp(-(logits[..., None] + noise)))) @ SHARES
    right, found = SPANS * rate, SPANS * (rate + 0.5 * (1 - rate)) + 0.3 * (1 - rate)
    return np.asarray(2 * right / (SPANS + found))


def items(rng: np.random.Generator, number: int) -> tuple[np.ndarray, np.ndarray]:
    """How hard each item is and how many spans it has."""
    return rng.normal(0, HARDNESS, number), np.minimum(rng.poisson(1.3, number), 4)


def f1(counts: np.ndarray, weights_RN: np.ndarray) -> np.ndarray:
    """... x R: the F1 of ``span_scores`` by its counts, which is fast enough for thousands of simulations."""
    right, gold, found = counts @ weights_RN.T
    return np.asarray(2 * right / (gold + found))


def resampled(rng: np.random.Generator, number: int) -> np.ndarray:
    """R x N: how often each resample holds each item."""
    drawn_RN = rng.integers(number, size=(RESAMPLES, number)) + number * np.arange(RESAMPLES)[:, None]
    return np.bincount(drawn_RN.ravel(), minlength=drawn_RN.size).reshape(drawn_RN.shape).astype(float)


def sample(counts: np.ndarray, weights_RN: np.ndarray) -> Sample:
    number = counts.shape[-1]
    points_S = f1(counts, np.ones((1, number)))[..., 0].mean(axis=1)
    return Sample(points_S=points_S, draws_SR=f1(counts, weights_RN).mean(axis=1), items=number)


def coverage(
    *, languages: int, seeds: int, seed_spread: float, difference: bool, simulations: int, seed: int = 11
) -> dict[str, float]:
    """How often the interval over items and seeds, and that over items alone, hold the truth; the mean width."""
    rng = np.random.default_rng([seed, languages, seeds, round(100 * seed_spread), difference])
    worlds = [
        World(skill=s, seed_spread=seed_spread, languages=languages) for s in ((0.8, 1.0) if difference else (0.8,))
    ]
    of_all = [world.truth() for world in worlds]
    below = above = alone = 0
    width = 0.0
    for _ in range(simulations):
        hard_N, spans_N = items(rng, ITEMS)
        weights_RN = resampled(rng, ITEMS)
        own = [world.seeds(rng, seeds) for world in worlds]
        samples = [
            sample(world.counts(rng, own_SL, hard_N, spans_N), weights_RN)
            for world, own_SL in zip(worlds, own, strict=True)
        ]
        truths = of_all
        if seeds == 1:
            truths = [world.truth_of(own_SL) for world, own_SL in zip(worlds, own, strict=True)]
        delta_R = samples[0].draws_SR.mean(axis=0)
        truth = truths[0]
        if difference:
            delta_R, truth = delta_R - samples[1].draws_SR.mean(axis=0), truths[0] - truths[1]
        low, high = crossed_interval(*samples)
        items_low, items_high = interval(delta_R)
        below, above, width = below + (high < truth), above + (truth < low), width + high - low
        alone += items_low <= truth <= items_high
    held = 1 - (below + above) / simulations
    return {
        "coverage": held,
        "standard_error": math.sqrt(held * (1 - held) / simulations),
        "below_truth": below / simulations,
        "above_truth": above / simulations,
        "items_alone": alone / simulations,
        "mean_width": width / simulations,
    }


def main() -> None:
    """Read the command line, simulate every cell, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--simulations", type=int, default=4000, help="of each cell")
    options = parser.parse_args()
    start, cells = time.time(), []
    for languages, seeds, (name, spread), difference in product((1, 3), (1, 2, 3, 5), SPREADS.items(), (False, True)):
        found = coverage(
            languages=languages, seeds=seeds, seed_spread=spread, difference=difference, simulations=options.simulations
        )
        cells.append(
            {"languages": languages, "seeds": seeds, "apart": name, "seed_spread": spread, "difference": difference}
            | {"truth": "these seeds" if seeds == 1 else "all seeds"}
            | {key: round(value, 5) for key, value in found.items()}
            | {"within": LOWEST <= found["coverage"] <= HIGHEST}
        )
        print(json.dumps(cells[-1]), flush=True)
    summary: dict[str, Any] = {
        "command": "python benchmarks/audit/coverage.py",
        "items": ITEMS,
        "resamples": RESAMPLES,
        "simulations": options.simulations,
        "level": 0.95,
        "wanted": [LOWEST, HIGHEST],
        "within": sum(cell["within"] for cell in cells),
        "of": len(cells),
        "minutes": round((time.time() - start) / 60, 1),
        "versions": versions(),
        "machine": machine("cpu"),
        "cells": cells,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "coverage.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
