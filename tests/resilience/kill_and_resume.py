"""Kills a short training at random moments, resumes it, and compares the weights it ends in with an undisturbed run's.

    python tests/resilience/kill_and_resume.py PROBLEM ENCODER WORK --kills 50 [--seed 1] [--recipe few-shot]

prints a JSON object: how many kills, how many of them while a checkpoint, a snapshot or the result was being written,
how many inside a nested run, how often a training went on at a checkpoint, and whether all ended bitwise equal. Every
update is followed by a checkpoint, so that a good part of the moments lie inside a save.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import torch
import transformers  # noqa: F401  # imported before the forks, so that a child begins at once

import isogloss as ig
from isogloss.train import trainer as _  # noqa: F401
from isogloss.train.checkpoints import Checkpoints

SETTINGS = {"cross_entropy.epochs": "20", "cross_entropy.min_steps": "0", "cross_entropy.snapshots": "3"}
FEW_SHOT = {"few_shot.updates": "30", "few_shot.snapshots": "3"}


def transfer(problem: ig.Problem, options: argparse.Namespace, out: Path) -> None:
    few = options.recipe.endswith("few-shot")
    ig.transfer(
        problem, options.recipe, backbone=str(options.encoder), settings=SETTINGS | (FEW_SHOT if few else {}),
        precision="fp32", checkpoint_seconds=0, out=out, resume=out.exists(),
    )  # fmt: skip


def child(problem: ig.Problem, options: argparse.Namespace, out: Path) -> int:
    """Start a process that transfers, resuming what there is; returns its id. Its talk goes to ``<out>.log``."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        with (out.parent / f"{out.name}.log").open("a", encoding="utf-8") as log:
            os.dup2(log.fileno(), 2)
            logging.basicConfig(level=logging.INFO, stream=log, format="%(message)s")
            latest = Checkpoints.latest

            def told(self: Checkpoints, *arguments: Any) -> Any:
                state = latest(self, *arguments)
                os.write(2, b"" if state is None else f"resumed at {state.phase}.{state.step}\n".encode())
                return state

            Checkpoints.latest = told  # type: ignore[method-assign]
            transfer(problem, options, out)
            code = 0
    finally:
        sys.stderr.flush()
        os._exit(code)


def being_written(out: Path) -> str | None:
    """What was being written when the process died, by what it has left half done."""
    if any(out.rglob(".phase-*")):
        return "checkpoint"
    if any(out.rglob("snapshots/.staged")):
        return "snapshot"
    return "result" if (out / "work" / "result").exists() else None


def weights(out: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(out / "model" / "model.safetensors")


def main() -> None:
    """Run undisturbed once, then with kills."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("problem", type=Path)
    parser.add_argument("encoder", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--recipe", default="few-shot")
    options = parser.parse_args()
    torch.set_num_threads(1)
    chance = random.Random(options.seed)
    problem = ig.Problem.read(options.problem)
    options.work.mkdir(parents=True)
    found = {"kills": 0, "in_checkpoint": 0, "in_snapshot": 0, "in_result": 0, "in_nested": 0, "finished": 0}

    transfer(problem, options, options.work / "whole")  # in this process, so that every child finds all imports done
    expected = weights(options.work / "whole")
    started = time.perf_counter()
    again = child(problem, options, options.work / "again")
    assert os.waitpid(again, 0)[1] == 0, (options.work / "again.log").read_text()
    length = time.perf_counter() - started

    equal = True
    while found["kills"] < options.kills:
        out = options.work / f"run-{found['finished']}"
        while True:
            pid = child(problem, options, out)
            if found["kills"] < options.kills:
                time.sleep(chance.uniform(0.02, length))
                os.kill(pid, signal.SIGKILL)
            status = os.waitpid(pid, 0)[1]
            if os.WIFSIGNALED(status):
                found["kills"] += 1
                if what := being_written(out):
                    found[f"in_{what}"] += 1
                done = len(list(out.glob("work/fits/*/fits/*/done.json")))
                found["in_nested"] += bool(list(out.glob("work/fits/*/fits"))) and not done
                continue
            assert status == 0, (options.work / f"{out.name}.log").read_text()
            break
        found["finished"] += 1
        mine = weights(out)
        equal &= mine.keys() == expected.keys() and all(torch.equal(mine[name], expected[name]) for name in expected)
        shutil.rmtree(out)
    logs = "".join(path.read_text(encoding="utf-8") for path in options.work.glob("run-*.log"))
    print(json.dumps(found | {"resumed": logs.count("resumed at"), "equal": equal, "seconds_undisturbed": length}))


if __name__ == "__main__":
    main()
