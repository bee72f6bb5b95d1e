"""Snapshots for the weights stage and checkpoints for a run that is broken off, written while a phase trains."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from isogloss.train.checkpoints import Checkpoints, State, digest
from isogloss.train.generators import capture, restore
from isogloss.train.schedule import snapshot_steps

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Trained weights at one moment: a safetensors file with every weight that some phase may have changed."""

    step: int
    path: Path

    def load(self) -> dict[str, torch.Tensor]:
        """The weights by parameter name."""
        return load_file(self.path)


class Keeper(TrainerCallback):
    """Writes down what a training must not lose.

    Args:
        folder: the training's own folder.
        checkpoints: where checkpoints go.
        every: seconds between two of them; one is also written at the end of each phase.
    """

    def __init__(self, folder: Path, checkpoints: Checkpoints, every: float) -> None:
        self.snapshots = folder / "snapshots"
        self.checkpoints = checkpoints
        self.every = every
        self.names: set[str] = set()
        self.taken: dict[int, str] = {}
        self.history: list[dict[str, Any]] = []
        self.resumed: State | None = None

    def usable(self, state: State) -> bool:
        """Whether the snapshots that a checkpoint speaks of are whole."""
        places = {self.place(step): known for step, known in state.snapshots.items()}
        return all(path.is_file() and digest(path) == known for path, known in places.items())

    def watch(self, model: PreTrainedModel, *, phase: int, start: int, steps: int, most: int) -> None:
        """Before a phase: what it trains, where it begins, how long it is, and how many snapshots it may leave."""
        self.names |= {name for name, parameter in model.named_parameters() if parameter.requires_grad}
        self.phase, self.start, self.steps = phase, start, steps
        self.marks = snapshot_steps(steps, most)
        self.saved_at = time.monotonic()

    def found(self) -> list[Snapshot]:
        """The snapshots in order."""
        return [Snapshot(step=step, path=self.place(step)) for step in sorted(self.taken)]

    def place(self, step: int) -> Path:
        """The file of a snapshot."""
        return self.snapshots / f"step-{step:08}.safetensors"

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Called by the Trainer: give the optimiser its moments back."""
        if self.resumed is not None:
            _fill(kwargs["optimizer"], _names(kwargs["model"]), self.resumed.tensors["optimizer"])

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Called by the Trainer: before the first update, the random generators go on where they were."""
        if self.resumed is not None:
            restore(self.resumed.tensors["generators"])
            self.resumed = None

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Called by the Trainer: a snapshot at its mark, a checkpoint when it is time."""
        step = self.start + state.global_step
        if step in self.marks:
            self.take(kwargs["model"], step)
        if step < self.steps and time.monotonic() - self.saved_at < self.every:
            return
        self.checkpoints.save(
            State(
                phase=self.phase,
                step=step,
                steps=self.steps,
                snapshots=self.taken,
                history=self.log_of(state),
                tensors={
                    "weights": self.weights(kwargs["model"]),
                    "optimizer": _moments(kwargs["optimizer"], _names(kwargs["model"])),
                    "generators": capture(),
                },
            )
        )
        self.saved_at = time.monotonic()

    def take(self, model: PreTrainedModel, step: int) -> None:
        """Write a snapshot beside its place, then rename it."""
        self.snapshots.mkdir(parents=True, exist_ok=True)
        staged = self.snapshots / ".staged"
        save_file(self.weights(model), staged)
        self.taken[step] = digest(staged)
        staged.replace(self.place(step))

    def weights(self, model: PreTrainedModel) -> dict[str, torch.Tensor]:
        """Copies of the weights that some phase has trained: tied ones share memory, which safetensors refuses."""
        return {name: p.detach().cpu().clone() for name, p in model.named_parameters() if name in self.names}

    def log_of(self, state: TrainerState) -> list[dict[str, Any]]:
        """The log of earlier phases, of the part before a resumption, and of this part."""
        return self.history + [
            row | {"phase": self.phase, "step": self.start + row["step"]} for row in state.log_history if "step" in row
        ]


def _names(model: PreTrainedModel) -> dict[int, str]:
    return {id(parameter): name for name, parameter in model.named_parameters()}


def _moments(optimizer: Any, names: Mapping[int, str]) -> dict[str, torch.Tensor]:
    """The optimiser's state as ``<parameter>|<what>``; it is empty for parameters that had no gradient yet."""
    return {
        f"{names[id(parameter)]}|{what}": value.detach().cpu()
        for parameter, values in optimizer.state.items()
        for what, value in values.items()
    }


def _fill(optimizer: Any, names: Mapping[int, str], moments: Mapping[str, torch.Tensor]) -> None:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for parameter in parameters:
        own = {
            key.rpartition("|")[2]: value
            for key, value in moments.items()
            if key.rpartition("|")[0] == names[id(parameter)]
        }
        if own:
            optimizer.state[parameter] = {
                what: value.clone() if what == "step" else value.to(parameter.device, copy=True)
                for what, value in own.items()
            }
