"""What each option of training is worth: the default with one thing changed at a time, in updates of the same rows.

    ISOGLOSS_DATA=DATA python benchmarks/speed/shares.py [--updates 24] [--rounds 3] [--threads 2]

All variants take turns in one process, round after round, so that a slow minute of the machine strikes them all alike.
Examples and pieces per second are medians over rounds, without the first ``WARM`` updates of each; padding does not
count as a piece. Writes ``results/shares.json``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import transformers
from transformers import Trainer

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "quality"))
from problems import PROBLEMS, data_folder, write

import isogloss as ig
import isogloss.train.attention
from isogloss.flow import fit
from isogloss.machine import machine, versions
from isogloss.methods.objective.cross_entropy import CrossEntropy
from isogloss.nets import mean_pooling
from isogloss.run import Run
from isogloss.train import phases

RESULTS = Path(__file__).parent / "results" / "shares.json"
WARM = 4


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One thing changed: fields of the objective, the precision, the threads, or the code around them."""

    changes: dict[str, Any]
    precision: str = "bf16"
    threads: int | None = None
    around: Callable[[], Any] = nullcontext


@contextmanager
def fused_attention() -> Iterator[None]:
    """Attention as the model brings it."""
    kept = isogloss.train.attention.attention_for_training
    isogloss.train.attention.attention_for_training = lambda model: nullcontext()
    try:
        yield
    finally:
        isogloss.train.attention.attention_for_training = kept


@contextmanager
def stock_averaging() -> Iterator[None]:
    """The averaging layer with its matrix products."""
    kept = mean_pooling.quicken_mean_pooling
    mean_pooling.quicken_mean_pooling = lambda encoder: None
    try:
        yield
    finally:
        mean_pooling.quicken_mean_pooling = kept


@contextmanager
def random_batches() -> Iterator[None]:
    """Rows in random order, whatever their length."""

    def plan(lengths: Any, *, epochs: int, batch_size: int, batch_tokens: int, seed: int) -> list[list[int]]:
        order = np.random.default_rng(seed).permutation(len(lengths)).tolist() * epochs
        return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]

    kept = phases.plan_batches
    phases.plan_batches = plan
    try:
        yield
    finally:
        phases.plan_batches = kept


VARIANTS = {
    "default": Variant(changes={}),
    "fp32 in place of bf16": Variant(changes={}, precision="fp32"),
    "fused attention": Variant(changes={}, around=fused_attention),
    "averaging layer with its products": Variant(changes={}, around=stock_averaging),
    "batches of random length": Variant(changes={}, around=random_batches),
    "batches of 640 pieces (batch_tokens)": Variant(changes={"batch_tokens": 640}),
    "trains=seen": Variant(changes={"trains": "seen"}),
    "trains=all": Variant(changes={"trains": "all"}),
    "freeze_layers=6": Variant(changes={"freeze_layers": 6}),
    "one thread": Variant(changes={}, threads=1),
}


def measured(variant: Variant, problem: ig.Problem, backbone: ig.Backbone, updates: int) -> tuple[float, float]:
    """Examples and pieces per second of one short training."""
    stamps: list[tuple[float, int, int]] = []
    step = Trainer.training_step

    def timed(self: Any, model: Any, inputs: dict[str, Any], *rest: Any) -> Any:
        pieces = int(inputs["attention_mask"].sum())
        stamps.append((time.perf_counter(), len(inputs["labels"]), pieces))
        return step(self, model, inputs, *rest)

    objective = replace(CrossEntropy(epochs=1, min_steps=0, snapshots=1), **variant.changes)
    threads = torch.get_num_threads()
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory())
        stack.enter_context(variant.around())
        torch.set_num_threads(variant.threads or threads)
        Trainer.training_step = timed  # type: ignore[method-assign]
        try:
            run = Run(
                flow=fit, folder=Path(folder), precision=variant.precision, checkpoint_seconds=1e9  # type: ignore[arg-type]
            )  # fmt: skip
            transformers.set_seed(1)
            rows = problem.train["eng"][: updates * objective.batch_size]
            objective(backbone, replace(problem, train={"eng": rows}), run)
        finally:
            Trainer.training_step = step  # type: ignore[method-assign]
            torch.set_num_threads(threads)
    seconds = stamps[-1][0] - stamps[WARM][0]
    counted = stamps[WARM:-1]
    return sum(examples for _, examples, _ in counted) / seconds, sum(pieces for *_, pieces in counted) / seconds


def main() -> None:
    """Measure all variants in turn, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--updates", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("runs/speed"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    write("sib200", PROBLEMS["sib200"](data_folder()), options.work / "problems")
    problem, backbone = ig.Problem.read(options.work / "problems" / "sib200"), ig.Backbone.load()
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in VARIANTS}
    for round_ in range(options.rounds):
        for name, variant in VARIANTS.items():
            found[name].append(measured(variant, problem, backbone, options.updates))
            print(f"round {round_ + 1}: {name}: {found[name][-1][0]:.1f} examples/s", file=sys.stderr, flush=True)
    rows = {
        name: {
            "examples_per_second": median(examples for examples, _ in values),
            "pieces_per_second": median(pieces for _, pieces in values),
            "default_is_times_as_fast": median(
                first[1] / other[1] for first, other in zip(found["default"], values, strict=True)
            ),
            "rounds": [examples for examples, _ in values],
        }
        for name, values in found.items()
    }
    result = {
        "command": f"python benchmarks/speed/shares.py --updates {options.updates} --rounds {options.rounds}",
        "threads": options.threads,
        "variants": rows,
        "versions": versions(),
        "machine": machine("cpu"),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for name, row in rows.items():
        print(
            f"{name:<40} {row['examples_per_second']:6.1f} examples/s   default {row['default_is_times_as_fast']:.2f}x"
        )


if __name__ == "__main__":
    main()
