"""The states of the random generators that training draws from, as tensors, so that a file can hold them."""

from __future__ import annotations

import random
from collections.abc import Mapping

import numpy as np
import torch


def capture() -> dict[str, torch.Tensor]:
    """The states of Python's, numpy's and torch's global generators, those of all GPUs among them."""
    version, words, _ = random.getstate()
    _, keys, position, *_ = np.random.get_state(legacy=True)  # noqa: NPY002  # the global one is what is to be kept
    states = {
        "python": torch.tensor([version, *words]),
        "numpy": torch.tensor([position, *np.asarray(keys).tolist()]),
        "torch": torch.random.get_rng_state(),
    }
    if torch.cuda.is_available():
        states |= {f"cuda-{i}": state for i, state in enumerate(torch.cuda.get_rng_state_all())}
    return states


def restore(states: Mapping[str, torch.Tensor]) -> None:
    """Put the generators back into captured states."""
    version, *words = states["python"].tolist()
    random.setstate((version, tuple(words), None))
    position, *keys = states["numpy"].tolist()
    np.random.set_state(("MT19937", np.array(keys, dtype=np.uint32), position, 0, 0.0))  # noqa: NPY002
    torch.random.set_rng_state(states["torch"].clone())
    for name, state in states.items():
        if name.startswith("cuda-"):
            torch.cuda.set_rng_state(state.clone(), int(name.removeprefix("cuda-")))
