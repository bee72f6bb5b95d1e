"""Orthogonal matching pursuit against mergekit's tokensurgeon: same matrices, same number of atoms, one thread each.

    python benchmarks/adaptation/tokensurgeon.py --mergekit VENV/bin/python [--sizes 20000:512,100000:256]
    python benchmarks/adaptation/tokensurgeon.py --summary

VENV has mergekit 0.1.5 (``pip install mergekit==0.1.5``), unchanged. The base is the embedded encoder's matrix; the
donor is a random linear map of it with noise of a tenth of its size. Of its ordinary rows some are shared and others
new. Programs take turns; each run is a process of its own. Both times are given: on a machine that is shared with
others, the processor's time says more than the clock's. ``ours`` chooses by the angle, as is our default,
``ours-inner`` by the inner product, as mergekit does. Time a new token is constant, so that any number of them follows.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import isogloss as ig
from isogloss.machine import machine, versions

RESULTS = Path(__file__).parent / "results"
SIDE = Path(__file__).with_name("pursuit_side.py")
PROGRAMS = ("mergekit", "ours", "ours-inner")
K, SEED, NOISE = 64, 1, 0.1


def matrices(anchors: int, new: int, place: Path) -> None:
    """Save shared and new rows of base and donor."""
    base: Any = ig.Backbone.load("isogloss:e5-small").bare().get_input_embeddings()
    rows = base.weight.detach().float()
    draw = torch.Generator().manual_seed(SEED)
    ids = 5 + torch.randperm(len(rows) - 6, generator=draw)[: anchors + new]  # special tokens stand at the ends
    rows = rows[ids]
    linear = torch.randn(rows.shape[1], rows.shape[1], generator=draw) * rows.shape[1] ** -0.5
    donor = rows @ linear
    donor += NOISE * donor.std() * torch.randn(donor.shape, generator=draw)
    place.mkdir(parents=True, exist_ok=True)
    for name, matrix in (("base", rows), ("donor", donor)):
        np.save(place / f"{name}-atoms.npy", matrix[:anchors].numpy())
        np.save(place / f"{name}-targets.npy", matrix[anchors:].numpy())


def measure(program: str, python: str, place: Path, turn: int, threads: int) -> None:
    """One run, unless it is there."""
    row = place / f"{program}-{turn}.json"
    if row.is_file():
        return
    paths = [str(place / name) for name in ("donor-targets.npy", "donor-atoms.npy", f"{program}.npz")]
    command = [python, str(SIDE), program, *paths, str(K), str(threads)]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    if program == "mergekit":
        environment.pop("PYTHONPATH", None)
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    row.write_text(done.stdout.splitlines()[-1], encoding="utf-8")
    print(place.name, program, turn, done.stdout.splitlines()[-1], flush=True)


def quality(program: str, place: Path) -> dict[str, float]:
    """Relative error in the donor's space, where it was minimised, and of the rows that come out of it."""
    out = np.load(place / f"{program}.npz")
    found = {}
    for side in ("donor", "base"):
        atoms, targets = (np.load(place / f"{side}-{name}.npy") for name in ("atoms", "targets"))
        made = np.einsum("nk,nke->ne", out["weights"], atoms[out["atoms"]], dtype=np.float64)
        errors = np.linalg.norm(targets - made, axis=1) / np.linalg.norm(targets, axis=1)
        found[f"relative_error_{side}"] = float(errors.mean())
    return found


def equal_supports(one: str, other: str, place: Path) -> float:
    """Share of the new tokens for which two programs took the same atoms."""
    first, second = (np.sort(np.load(place / f"{name}.npz")["atoms"], axis=1) for name in (one, other))
    return float((first == second).all(1).mean())


def summarise(work: Path) -> dict[str, Any]:
    """Read the rows and write the result."""
    result: dict[str, Any] = {
        "command": "python benchmarks/adaptation/tokensurgeon.py --mergekit VENV/bin/python",
        "mergekit": "0.1.5, unchanged",
        "k": K, "seed": SEED, "noise": NOISE, "sizes": {},
        "versions": versions(), "machine": machine("cpu"),
    }  # fmt: skip
    for place in sorted(work.glob("*-*"), key=lambda path: int(path.name.split("-")[0])):
        anchors, new = map(int, place.name.split("-"))
        programs: dict[str, Any] = {}
        for program in PROGRAMS:
            runs = [json.loads(path.read_text("utf-8")) for path in sorted(place.glob(f"{program}-[0-9].json"))]
            if not runs:
                continue
            best = {name: min(run[name] for run in runs) for name in ("wall_seconds", "cpu_seconds", "peak_mb")}
            each = best["cpu_seconds"] / new
            programs[program] = {
                **best, "runs": runs, "cpu_ms_a_token": 1000 * each, "cpu_minutes_for_30000": 500 * each,
                **quality(program, place),
            }  # fmt: skip
        row: dict[str, Any] = {"anchors": anchors, "new": new, "programs": programs}
        if len(programs) == len(PROGRAMS):
            row["equal_supports_ours_inner_and_mergekit"] = equal_supports("ours-inner", "mergekit", place)
            for name in PROGRAMS[1:]:
                for time in ("cpu_seconds", "wall_seconds"):
                    row[f"{time}_mergekit_by_{name}"] = programs["mergekit"][time] / programs[name][time]
        result["sizes"][place.name] = row
    (RESULTS / "tokensurgeon.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, run what is not there yet, sum up."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--mergekit", help="the Python of an environment with mergekit 0.1.5")
    parser.add_argument("--sizes", default="20000:512,100000:256", help="anchors:new tokens")
    parser.add_argument("--rounds", type=int, default=2, help="runs of each program")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("runs/tokensurgeon"))
    parser.add_argument("--summary", action="store_true", help="only sum up what is there")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    for size in [] if options.summary else options.sizes.split(","):
        anchors, new = map(int, size.split(":"))
        place = options.work / f"{anchors}-{new}"
        if not (place / "donor-targets.npy").is_file():
            matrices(anchors, new, place)
        for turn in range(1, options.rounds + 1):
            for program in PROGRAMS:
                python = options.mergekit if program == "mergekit" else sys.executable
                if python:
                    measure(program, python, place, turn, options.threads)
    summarise(options.work)


if __name__ == "__main__":
    main()
