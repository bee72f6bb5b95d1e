"""Checkpoints that a kill cannot harm: staged, hashed, renamed; one that is damaged is noticed and passed over."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    Tensors = Mapping[str, torch.Tensor]

MANIFEST = "manifest.json"
STATE = "state.json"
KEPT = 2
"""Checkpoints that are kept: the one before the last serves where the last is damaged."""


@dataclass(frozen=True, kw_only=True)
class State:
    """Where a training stands.

    Attributes:
        phase: number of the phase, from 1.
        step: updates done in it.
        steps: updates it has in all.
        snapshots: by update the SHA-256 of each snapshot's file taken so far in the last phase.
        history: the log so far.
        tensors: by kind (``weights``, ``optimizer``, ``generators``) the tensors by name.
    """

    phase: int
    step: int
    steps: int
    snapshots: Mapping[int, str] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    tensors: Mapping[str, Tensors] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether the phase has had all its updates."""
        return self.step == self.steps


class Checkpoints:
    """The checkpoints of one training in a folder of their own."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.say = say

    def save(self, state: State) -> None:
        """Write a checkpoint beside the others, then give it its name and let go of the oldest."""
        from safetensors.torch import save_file

        name = f"phase-{state.phase:02}-step-{state.step:08}"
        staged = self.folder / f".{name}"
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir(parents=True)
        for kind, tensors in state.tensors.items():
            save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, staged / f"{kind}.safetensors")
        facts = {
            "phase": state.phase,
            "step": state.step,
            "steps": state.steps,
            "snapshots": state.snapshots,
            "history": state.history,
            "tensors": sorted(state.tensors),
        }
        (staged / STATE).write_text(json.dumps(facts), encoding="utf-8")
        hashes = {path.name: digest(path) for path in sorted(staged.iterdir())}
        (staged / MANIFEST).write_text(json.dumps(hashes), encoding="utf-8")
        final = self.folder / name
        shutil.rmtree(final, ignore_errors=True)  # one that was damaged, and has been made again
        staged.replace(final)
        for old in self._named()[:-KEPT]:
            shutil.rmtree(old)

    def latest(self, usable: Callable[[State], bool] = lambda state: True) -> State | None:
        """The newest checkpoint that is whole, read and verified, and ``usable``; None where there is none."""
        for path in reversed(self._named()):
            if (state := _read(path)) is not None and usable(state):
                return state
            self.say(f"The checkpoint {path.name} is damaged: it is passed over.")
        return None

    def _named(self) -> list[Path]:
        return sorted(self.folder.glob("phase-*-step-*")) if self.folder.is_dir() else []


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(folder: Path) -> State | None:
    """The checkpoint, None if any byte of it is not what was written."""
    from safetensors.torch import load

    try:
        hashes: dict[str, str] = json.loads((folder / MANIFEST).read_bytes())
        content = {name: (folder / name).read_bytes() for name in hashes}
        if any(hashlib.sha256(content[name]).hexdigest() != known for name, known in hashes.items()):
            return None
        facts = json.loads(content[STATE])
        tensors = {kind: load(content[f"{kind}.safetensors"]) for kind in facts.pop("tensors")}
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return None
    snapshots = {int(step): known for step, known in facts.pop("snapshots").items()}
    return State(**facts, snapshots=snapshots, tensors=tensors)
