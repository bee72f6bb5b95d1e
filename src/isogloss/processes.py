"""Threads of one process, and several processes of one training (torchrun, accelerate)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from isogloss.errors import IsoglossError


def among_processes(*, resume: bool) -> bool:
    """Whether this is the process that writes: the only one, or the first of those that torchrun has started.

    The batches of a training are dealt out among the processes; everything else each of them does for itself, with the
    same result, and only the first leaves a run folder.

    Raises:
        IsoglossError: ``resume`` among several: only the first has the folder that a run would go on from.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and resume:
        raise IsoglossError("A run of several processes cannot be resumed", fix="Give --force instead of --resume")
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def processor_threads(wanted: int | None) -> Iterator[int]:
    """Let torch use ``wanted`` threads while the block runs; yields how many it uses.

    Raises:
        IsoglossError: the number is not positive.
    """
    import torch

    before = torch.get_num_threads()
    if wanted is None:
        yield before
        return
    if wanted < 1:
        raise IsoglossError(f"{wanted} threads are none", fix="Give --threads 1 or more")
    torch.set_num_threads(wanted)
    try:
        yield wanted
    finally:
        torch.set_num_threads(before)
