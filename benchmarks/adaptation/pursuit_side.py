"""One measured run of a program on saved matrices, for tokensurgeon.py: in a process of its own, by either Python.

    python pursuit_side.py PROGRAM TARGETS.npy ATOMS.npy OUT.npz K THREADS

PROGRAM is ``mergekit`` (its ``batch_omp`` in batches of 512, as its command does), ``ours`` or ``ours-inner``.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

BATCH = 512


def peak_mb() -> float:
    """Largest resident memory so far."""
    line = next(line for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines() if "VmHWM" in line)
    return int(line.split()[1]) / 2**10


def main(program: str, targets_path: str, atoms_path: str, out: str, k: int, threads: int) -> None:
    """Load, run on a few to warm up, run, write what came out and print the figures."""
    torch.set_num_threads(threads)
    targets, atoms = (torch.from_numpy(np.load(path)) for path in (targets_path, atoms_path))
    if program == "mergekit":
        from mergekit.tokensurgeon import batch_omp

        def run(some: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
            parts = [batch_omp(each, atoms, count) for each in some.split(BATCH)]
            return torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])
    else:
        from isogloss.transplant.pursuit import pursue

        def run(some: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
            sums = pursue(some, atoms, k=count, normalise=program == "ours")
            return sums.atoms_NK, sums.weights_NK

    run(targets[:8], 2)
    before, wall, cpu = peak_mb(), time.perf_counter(), time.process_time()
    chosen, weights = run(targets, k)
    figures = {
        "wall_seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - cpu,
        "peak_mb": peak_mb(),
        "peak_before_mb": before,
        "torch": torch.__version__,
    }
    np.savez(out, atoms=chosen.numpy(), weights=weights.numpy())
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:5], int(sys.argv[5]), int(sys.argv[6]))
