"""Phases: what trains, on which examples, with which loss, for how long. Trained by a transformers Trainer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from isogloss.errors import DataError
from isogloss.nets.mean_pooling import averaging_layer
from isogloss.tasks import Encoded, Task
from isogloss.train.batching import collator, longest_input

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from isogloss.example import Example
    from isogloss.run import Run

Trains = Literal["all", "body", "head"] | Callable[[str], bool]
"""Which weights learn: all, the body (all but the input embeddings), the head, or those a function picks by name."""

Loss = Callable[["PreTrainedModel", Mapping[str, "torch.Tensor"]], "torch.Tensor"]
"""A loss of model and batch; the batch holds every key of the features."""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One stretch of training.

    Attributes:
        name: for progress and logs.
        examples: the rows, all of them labelled unless ``loss`` needs no labels.
        trains: which weights learn.
        loss: None for the model's own loss (cross-entropy, squared error for a regression).
        encode: None for the task's own encoding; a method may add keys that its loss reads.
        epochs, min_steps: passes over the rows, raised on small data until there are ``min_steps`` updates.
        learning_rate, head_learning_rate: peaks of the linear schedule for the encoder and for the fresh head.
        warmup: share of the updates during which the rates rise.
        snapshots: how many are kept at most, evenly over the epochs, the last among them.
    """

    name: str
    examples: Sequence[Example]
    trains: Trains = "body"
    loss: Loss | None = None
    encode: Callable[[Sequence[Example]], Encoded] | None = None
    epochs: int = 5
    min_steps: int = 0
    learning_rate: float = 1e-4
    head_learning_rate: float = 1e-3
    batch_size: int = 16
    warmup: float = 0.1
    weight_decay: float = 0.01
    max_length: int = 256
    snapshots: int = 10

    @property
    def passes(self) -> int:
        """Epochs that are really trained, ``min_steps`` considered."""
        per_epoch = math.ceil(len(self.examples) / self.batch_size)
        return max(self.epochs, math.ceil(self.min_steps / per_epoch))


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Trained weights at one moment: a safetensors file with every weight that some phase may have changed."""

    step: int
    path: Path

    def load(self) -> dict[str, torch.Tensor]:
        """The weights by parameter name."""
        from safetensors.torch import load_file

        return load_file(self.path)


@dataclass(kw_only=True)
class Trained:
    """What an objective returns.

    Attributes:
        model: the network, in the state after the last update.
        snapshots: in order of training, at least one; the last is the state of ``model``.
        history: the trainer's log (step, loss, learning rate).
        tokens: pieces seen in training, padding not counted.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    task: Task
    snapshots: list[Snapshot]
    history: list[dict[str, Any]] = field(default_factory=list)
    tokens: int = 0

    def load(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Put weights, of all parameters or of some, into the network."""
        left_over = self.model.load_state_dict(weights, strict=False).unexpected_keys
        if left_over:
            raise KeyError(f"weights that the network does not have: {', '.join(left_over[:3])}")


def train_phases(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, task: Task, phases: Sequence[Phase], run: Run
) -> Trained:
    """Train ``model`` through ``phases`` in order; snapshots are taken after every epoch of the last phase.

    Raises:
        DataError: a phase has no examples.
    """
    from isogloss.train.trainer import PhaseTrainer, SnapshotKeeper

    keeper = SnapshotKeeper(run.scratch("snapshots"))
    history: list[dict[str, Any]] = []
    tokens = 0
    for number, phase in enumerate(phases, start=1):
        if not phase.examples:
            raise DataError(
                f"There is nothing to train on in phase '{phase.name}'", fix="Add train/<source language> data"
            )
        encoded = (phase.encode or _task_encoding(model, task, tokenizer, phase))(phase.examples)
        learns_labels = any("labels" in feature for feature in encoded.features)
        run.ledger.record("train" if learns_labels else "adapt", phase.examples, task)
        if encoded.truncated:
            run.say(
                f"{encoded.truncated} of {len(phase.examples)} training texts are longer than the encoder reads: cut."
            )
        choose_trainable(model, phase.trains)
        keeper.watch(model, most=phase.snapshots)
        trainer = PhaseTrainer.of(
            phase, model=model, features=encoded.features, collate=collator(tokenizer), run=run,
            callbacks=[keeper] if number == len(phases) else [],
        )  # fmt: skip
        trainer.train()
        history += [row | {"phase": phase.name} for row in trainer.state.log_history]
        tokens += phase.passes * sum(len(feature["input_ids"]) for feature in encoded.features)
    return Trained(model=model, tokenizer=tokenizer, task=task, snapshots=keeper.taken, history=history, tokens=tokens)


def choose_trainable(model: PreTrainedModel, trains: Trains) -> None:
    """Set ``requires_grad``. The averaging layer of mean pooling stays frozen in every choice."""
    base: Any = model.base_model
    inputs = base.embeddings if hasattr(base, "embeddings") else model.get_input_embeddings()
    embeddings = {id(parameter) for parameter in inputs.parameters()}
    fixed = {id(parameter) for parameter in averaging_layer(base)}
    for name, parameter in model.named_parameters():
        if callable(trains):
            wanted = trains(name)
        else:
            wanted = trains == "all" or (in_head(model, name) if trains == "head" else id(parameter) not in embeddings)
        parameter.requires_grad_(wanted and id(parameter) not in fixed)


def in_head(model: PreTrainedModel, name: str) -> bool:
    """Whether a parameter belongs to the fresh head (BERT's pooler counts: it is drawn anew too)."""
    return not name.startswith(model.base_model_prefix + ".") or ".pooler." in name


def _task_encoding(
    model: PreTrainedModel, task: Task, tokenizer: PreTrainedTokenizerBase, phase: Phase
) -> Callable[[Sequence[Example]], Encoded]:
    def encode(examples: Sequence[Example]) -> Encoded:
        most = longest_input(model, tokenizer, phase.max_length)
        return task.encode(examples, tokenizer, max_length=most, labelled=True)

    return encode
