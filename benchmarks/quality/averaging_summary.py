"""The tables of ``averaging.py``: means, spreads, and paired differences with verdicts, from the answers kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import isogloss as ig
from isogloss.machine import machine, versions
from isogloss.metrics import interval, ones, resamples, verdict

MARGIN = 0.01
RESAMPLES = 1000


class Draws:
    """The mean over the targets of one system's score, as it is and in R joint resamples of the test items."""

    def __init__(self, problem: ig.Problem) -> None:
        self.problem = problem
        tests = {lang: problem.test[lang] for lang in problem.targets}
        self.weights = resamples({lang: [e.id for e in rows] for lang, rows in tests.items()}, count=RESAMPLES)

    def __call__(self, answers: Mapping[str, Sequence[Any]]) -> np.ndarray:
        """1 + R values: the score itself first."""
        task, per_language = self.problem.task, []
        for lang in self.problem.targets:
            rows = self.problem.test[lang]
            both = np.concatenate([ones(len(rows)), self.weights[lang]])
            per_language.append(task.scores(rows, answers[lang], both)[task.metric])
        return np.nanmean(per_language, axis=0)


def difference(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> dict[str, Any]:
    """Paired difference, resampled over trainings and test items together."""
    pairs = np.stack(ours) - np.stack(theirs)  # S trainings x (1 + R)
    generator = np.random.default_rng(0)
    drawn = generator.integers(len(pairs), size=(RESAMPLES, len(pairs)))
    delta_R = np.array([pairs[rows, 1 + r].mean() for r, rows in enumerate(drawn)])
    return {
        "delta": float(pairs[:, 0].mean()),
        "ci95": interval(delta_R),
        "verdict": verdict(delta_R, margin=MARGIN),
        "wins": int((pairs[:, 0] > 0).sum()),
        "ties": int((pairs[:, 0] == 0).sum()),
        "trainings": len(pairs),
    }


def described(draws: Sequence[np.ndarray]) -> dict[str, Any]:
    values = [float(draw[0]) for draw in draws]
    return {"mean": float(np.mean(values)), "std": float(np.std(values, ddof=1)) if len(values) > 1 else None,
            "values": values}  # fmt: skip


def summarise(
    work: Path, out: Path, problems: Mapping[str, ig.Problem], shots: Mapping[str, ig.Problem]
) -> dict[str, Any]:
    """Write the result from the rows in ``work``."""
    result: dict[str, Any] = {
        "command": "python benchmarks/quality/averaging.py",
        "margin": MARGIN,
        "sizes": {
            task: {split: {lang: len(rows) for lang, rows in getattr(problem, split).items()}
                   for split in ("train", "dev", "test")} | {"metric": problem.task.metric}
            for task, problem in problems.items()
        },
        "grid": {task: _grid(work, task, Draws(problem)) for task, problem in problems.items()},
        "runs": {task: _runs(work, task, Draws(problems[task])) for task in shots},
        "few": {task: _few(work, task, Draws(problem)) for task, problem in shots.items()},
        "versions": versions(),
        "machine": machine("cpu"),
    }  # fmt: skip
    out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


def _rows(work: Path, pattern: str) -> dict[str, dict[str, Any]]:
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(work.glob(f"{pattern}.json"))}


def _grid(work: Path, task: str, draws: Draws) -> dict[str, Any]:
    table: dict[str, Any] = {}
    every: dict[str, list[np.ndarray]] = {}
    for stem, row in _rows(work, f"grid-{task}-*").items():
        rate = stem.removeprefix(f"grid-{task}-").rpartition("-")[0]
        kept = table.setdefault(rate, {"fell_back": 0})
        kept["fell_back"] += row["fell_back"]
        for rule, given in row["answers"].items():
            kept.setdefault("draws", {}).setdefault(rule, []).append(draws(given))
            every.setdefault(rule, []).append(kept["draws"][rule][-1])
    for kept in table.values():
        of = kept.pop("draws")
        kept["rules"] = {rule: described(found) for rule, found in of.items()}
        kept["checkpoint_averaging_less"] = {
            rule: difference(of["checkpoint_averaging"], of[rule]) for rule in ("last", "source_dev", "oracle")
        }
        kept["oracle_claims_over_source_dev"] = difference(of["oracle"], of["source_dev"])
    if every:
        table["both rates"] = {
            "rules": {rule: described(found) for rule, found in every.items()},
            "checkpoint_averaging_less": {
                rule: difference(every["checkpoint_averaging"], every[rule])
                for rule in ("last", "source_dev", "oracle")
            },
            "oracle_claims_over_source_dev": difference(every["oracle"], every["source_dev"]),
        }
    return table


def _runs(work: Path, task: str, draws: Draws) -> dict[str, Any]:
    rows = _rows(work, f"runs-{task}-*")
    if not rows:
        return {}
    seeds = [stem.rpartition("-")[2] for stem in rows]
    alone = {stem.rpartition("-")[2]: row for stem, row in _rows(work, f"grid-{task}-0.0001-*").items()}
    single = [draws(alone[seed]["answers"]["checkpoint_averaging"]) for seed in seeds]
    shared = [draws(row["answers"]["run_averaging"]) for row in rows.values()]
    own = [draws(row["answers"]["own_heads"]) for row in rows.values()]
    return {
        "one run, checkpoint averaging": described(single),
        "three runs, shared frozen head": described(shared),
        "three runs, heads of their own (control)": described(own),
        "shared_less_one_run": difference(shared, single),
        "own_heads_less_one_run": difference(own, single),
    }


def _few(work: Path, task: str, draws: Draws) -> dict[str, Any]:
    table: dict[str, Any] = {}
    kept: dict[int, dict[str, dict[str, np.ndarray]]] = {}  # by number of labels, rule and seed
    for stem, row in _rows(work, f"few-{task}-*").items():
        shots, _, seed = stem.removeprefix(f"few-{task}-").partition("-")
        for rule, given in row["answers"].items():
            kept.setdefault(int(shots), {}).setdefault(rule, {})[seed] = draws(given)
        table.setdefault(shots, {"regime": row["regime"]})
    for shots, of in sorted(kept.items()):
        table[str(shots)]["rules"] = {rule: described(list(found.values())) for rule, found in of.items()}
        if shots:
            averaged, zero = of["checkpoint_averaging"], kept[0]["checkpoint_averaging"]
            table[str(shots)]["less_zero_shot"] = difference(*_paired(averaged, zero))
            table[str(shots)]["checkpoint_averaging_less"] = {"last": difference(*_paired(averaged, of["last"]))}
    return table


def _paired(
    ours: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The trainings of both sides that have the same seeds."""
    seeds = sorted(ours.keys() & theirs.keys())
    return [ours[seed] for seed in seeds], [theirs[seed] for seed in seeds]
