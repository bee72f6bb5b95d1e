"""Familiarity beside the official implementation: the same values on its own test data, and how fast each is.

    git clone https://github.com/flairNLP/familiarity DIR
    python benchmarks/open-labels/familiarity.py --official DIR

Nothing of the official code is kept here. It is given vectors in place of its embedding models, which want a hub; what
it imports for these and for printing is left out. Its test data are its own (``tests/conftest.py``), the vectors are
random; all weightings, K from 1 to all mentions. Speed: 200,000 training labels. The official code makes all pairs one
by one, so it is asked about few evaluation labels, and its time for 100 is reckoned from that. Writes
``results/familiarity.json``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from isogloss.evaluation.familiarity import Weighting, familiarity
from isogloss.machine import machine, versions

RESULTS = Path(__file__).parent / "results"
WEIGHTS: dict[Weighting, str] = {"zipf": "zipf", "linear": "linear_decay", "none": "unweighted"}
KS = (1, 2, 10, 1000, 5000, 30000)
VECTORS = 5
TRAIN, TEST, FEW, SIZE, REPEATS = 200_000, 100, 5, 64, 3

Vectors = Mapping[str, np.ndarray]


ABSENT = {
    "familiarity.embedding_models": ("LabelEmbeddingModel", "load_embedding_model"),
    "prettytable": ("PrettyTable",),
    "rootutils": (),
}
"""What the official code imports and is not used here."""


def official(clone: Path) -> ModuleType:
    """Its ``familiarity.metric``, without embedding models and printing."""
    for name, attributes in ABSENT.items():
        sys.modules[name] = ModuleType(name)
        vars(sys.modules[name]).update({attribute: type(attribute, (), {}) for attribute in attributes})
    sys.path[:0] = [str(clone / "src"), str(clone / "tests")]
    return importlib.import_module("familiarity.metric")


def labels_drawn() -> tuple[Counter[str], Counter[str]]:
    """The labels that its tests draw, for training and for evaluation."""
    given = importlib.import_module("conftest")
    return Counter(given.dummy_ner_train.__wrapped__()), Counter(given.dummy_ner_test.__wrapped__())


def theirs(metric: ModuleType, train: Mapping[str, int], test: Sequence[str], vectors: Vectors) -> Callable[..., Any]:
    """Its values by label, for a K and weights."""
    import pandas as pd

    names = sorted({*train, *test})
    frame = pd.DataFrame(
        {
            "label": names,
            "count_train": [train.get(name, 0) for name in names],
            "count_test": [int(name in test) for name in names],
            "embedding": [vectors[name] for name in names],
        }
    )
    similarities = metric.compute_similarities(frame)

    def values(k: int, weights: Weighting) -> dict[str, float]:
        found = metric.compute_familiarity(similarities, k=k, weighting=WEIGHTS[weights])
        return dict(zip(found["label"], map(float, found["familiarity"]), strict=True))

    return values


def ours(
    train: Mapping[str, int], test: Sequence[str], vectors: Vectors, k: int, weights: Weighting
) -> dict[str, float]:
    found = familiarity(train, test, embed=lambda names: np.stack([vectors[n] for n in names]), k=k, weights=weights)
    return {row.label: row.value for row in found.labels}


def same(metric: ModuleType) -> dict[str, Any]:
    """The largest difference on its test data."""
    train, test = labels_drawn()
    apart: dict[str, float] = {}
    for seed in range(VECTORS):
        drawn = np.random.default_rng(seed)
        vectors = {name: drawn.random(10) for name in sorted({*train, *test})}
        official_values = theirs(metric, train, list(test), vectors)
        for weights in WEIGHTS:
            for k in KS:
                one, other = official_values(k, weights), ours(train, list(test), vectors, k, weights)
                assert one.keys() == other.keys()
                apart[weights] = max(apart.get(weights, 0.0), *(abs(one[label] - other[label]) for label in one))
    return {"mentions": sum(train.values()), "k": KS, "vectors": VECTORS, "largest_difference": apart}


def race(metric: ModuleType) -> dict[str, Any]:
    """Processor seconds of each from vectors to values, in turn."""
    drawn = np.random.default_rng(0)
    train = {f"a{i}": int(count) for i, count in enumerate(drawn.zipf(1.5, TRAIN).clip(max=10_000))}
    test = [f"b{i}" for i in range(TEST)]
    vectors = {name: drawn.standard_normal(SIZE).astype(np.float32) for name in [*train, *test]}
    seconds: dict[str, list[float]] = {"official": [], "isogloss, the same": [], "isogloss": []}
    apart = 0.0
    for _ in range(REPEATS):
        one, spent = _timed(lambda: theirs(metric, train, test[:FEW], vectors)(1000, "zipf"))
        seconds["official"].append(spent)
        other, spent = _timed(lambda: ours(train, test[:FEW], vectors, 1000, "zipf"))
        seconds["isogloss, the same"].append(spent)
        apart = max(apart, *(abs(one[label] - other[label]) for label in one))
        _, spent = _timed(lambda: ours(train, test, vectors, 1000, "zipf"))
        seconds["isogloss"].append(spent)
    middle = {side: float(np.median(spent)) for side, spent in seconds.items()}
    return {
        "train_labels": TRAIN, "test_labels": TEST, "official_test_labels": FEW, "width": SIZE, "seconds": seconds,
        "ratio_same_labels": middle["official"] / middle["isogloss, the same"],
        "ratio_all_labels": middle["official"] / FEW * TEST / middle["isogloss"],
        "largest_difference": apart, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip


def _timed(do: Callable[[], dict[str, float]]) -> tuple[dict[str, float], float]:
    started = time.process_time()
    return do(), time.process_time() - started


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--official", type=Path, required=True, help="a clone of the official repository")
    options = parser.parse_args(arguments)
    metric = official(options.official)
    result = {
        "command": "python benchmarks/open-labels/familiarity.py --official DIR",
        "same": same(metric),
        "speed": race(metric),
        "versions": versions(),
        "machine": machine("cpu"),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "familiarity.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
