"""Phases: what trains, on which examples, with which loss, for how long. Trained by a transformers Trainer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from isogloss.errors import DataError
from isogloss.tasks import Encoded, Task
from isogloss.train.batching import Feature, collator, longest_input
from isogloss.train.checkpoints import Checkpoints
from isogloss.train.schedule import Plan, plan_batches
from isogloss.train.trainable import Trains, choose_trainable, in_head

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from isogloss.example import Example
    from isogloss.ledger import Role
    from isogloss.nets.pieces import Piece
    from isogloss.run import Run
    from isogloss.train.keeping import Snapshot

Loss = Callable[["PreTrainedModel", Mapping[str, "torch.Tensor"]], "torch.Tensor"]
"""A loss of model and batch; the batch holds every key of the features."""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One stretch of training.

    Attributes:
        name: for progress and logs.
        examples: the rows, all of them labelled unless ``loss`` needs no labels.
        trains: which weights learn.
        freeze_layers: so many encoder layers from the embeddings up do not learn. Their output is computed once,
            without dropout, and kept on disk for the phase. A ``loss`` then finds ``inputs_embeds``, not ``input_ids``.
        loss: None for the task's or the model's own loss (cross-entropy, squared error for a regression).
        encode: None for the task's own encoding; a method may add keys that its loss reads. Without a task
            (:func:`train_on_text`) a phase has a loss and an encoding of its own.
        batches: None for batches of like length; else a function of the features and a seed that lays them out.
        epochs, min_steps: passes over the rows, raised on small data until there are ``min_steps`` updates.
        batch_size, batch_tokens: rows in a batch, or where the second is not 0, pieces with padding.
        learning_rate, head_learning_rate: peaks of the linear schedule for the encoder and for the fresh head.
        warmup: share of the updates during which the rates rise.
        max_length: pieces read of a text.
        snapshots: how many are kept at most, evenly over the updates, the last among them.
        roles: by language, the role that the ledger enters instead of ``train``.
        masks: by parameter name the places (bool) that learn; what is outside stays bit for bit what it was before the
            training, weight decay or not. Parameters without a mask learn as a whole. None where there are no masks.
        pull: strength of an L1 pull of the body to what it was before the training: adds ``pull / N * sum |w - w0|`` to
            the loss of every update, over the N weights of its tensors that learn.
    """

    name: str
    examples: Sequence[Example]
    trains: Trains = "body"
    freeze_layers: int = 0
    loss: Loss | None = None
    encode: Callable[[Sequence[Example]], Encoded] | None = None
    batches: Callable[[Sequence[Feature], int], Plan] | None = None
    epochs: int = 5
    min_steps: int = 0
    learning_rate: float = 1e-4
    head_learning_rate: float = 1e-3
    batch_size: int = 16
    batch_tokens: int = 0
    warmup: float = 0.1
    weight_decay: float = 0.01
    max_length: int = 256
    snapshots: int = 6
    roles: Mapping[str, Role] = field(default_factory=dict)
    masks: Mapping[str, torch.Tensor] | None = None
    pull: float = 0.0

    def plan(self, features: Sequence[Feature], seed: int) -> Plan:
        """The rows of every update."""
        if self.batches is not None:
            return self.batches(features, seed)
        lengths = [len(feature["input_ids"]) for feature in features]

        def planned(epochs: int) -> Plan:
            return plan_batches(
                lengths, epochs=epochs, batch_size=self.batch_size, batch_tokens=self.batch_tokens, seed=seed
            )

        return planned(max(self.epochs, math.ceil(self.min_steps / len(planned(1)))))


@dataclass(kw_only=True)
class Training:
    """What training leaves behind.

    Attributes:
        model: the network, in the state after the last update.
        snapshots: in order of training; the last is the state of ``model``.
        history: the trainer's log (step, loss, learning rate).
        tokens: pieces seen in training, padding not counted.
        seen: the pieces whose word vectors snapshots hold in place of the whole table; None where they do not.
        start: the weights that may have learnt, the head's among them, as they were before; None where not kept.
        masks: by parameter name the places of the body that learnt, where these are few.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    snapshots: list[Snapshot]
    history: list[dict[str, Any]] = field(default_factory=list)
    tokens: int = 0
    seen: torch.Tensor | None = None
    start: Mapping[str, torch.Tensor] | None = None
    masks: Mapping[str, torch.Tensor] | None = None


@dataclass(kw_only=True)
class Trained(Training):
    """What an objective returns: a network that has learnt ``task``, with at least one snapshot.

    Attributes:
        take_out: where what was learnt is a piece: takes all pieces out of the network and returns them by language,
            the task's as ``task``. Called once, when the finished weights are in.
    """

    task: Task
    take_out: Callable[[], dict[str, Piece]] | None = None

    def head(self) -> dict[str, torch.Tensor]:
        """The weights of the head at the end of training."""
        return {name: value for name, value in self.snapshots[-1].load().items() if in_head(self.model, name)}

    def load(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Put weights, of all parameters or of some, into the network."""
        rows = [weights[name] for name in weights if name.endswith(".seen_rows")]
        if rows and self.seen is not None:
            table: Any = self.model.get_input_embeddings()
            table.weight.data[self.seen] = rows[0].to(self.model.device)
        named = {name: tensor for name, tensor in weights.items() if not name.endswith(".seen_rows")}
        left_over = self.model.load_state_dict(named, strict=False).unexpected_keys
        if left_over:
            raise KeyError(f"weights that the network does not have: {', '.join(left_over[:3])}")


def train_phases(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, task: Task, phases: Sequence[Phase], run: Run
) -> Trained:
    """Train ``model`` through ``phases`` in order; snapshots are taken in the last one, evenly spread.

    A training that was broken off in the same work folder goes on at its last whole checkpoint, with the same weights
    in the end, bit for bit. Where the run brings a head (``run.head``), it is put in place and does not learn.

    Raises:
        DataError: a phase has no examples.
    """
    return Trained(task=task, **vars(_train(model, tokenizer, task, phases, run)))


def train_on_text(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, phases: Sequence[Phase], run: Run
) -> Training:
    """The same without a task, on raw text (examples with the field ``text``): every phase has its loss and encoding.

    Raises:
        DataError: a phase has no examples.
    """
    return _train(model, tokenizer, None, phases, run)


def _train(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, task: Task | None, phases: Sequence[Phase], run: Run
) -> Training:
    from isogloss.train.attention import attention_for_training
    from isogloss.train.keeping import Keeper
    from isogloss.train.origin import Origin
    from isogloss.train.trainer import PhaseTrainer

    folder = run.training_folder()
    checkpoints = Checkpoints(folder / "checkpoints", run.say)
    keeper = Keeper(folder, checkpoints, run.checkpoint_seconds)
    state = checkpoints.latest(keeper.usable)
    tokens = 0
    if run.head is not None:
        model.load_state_dict(dict(run.head), strict=False)
    with ExitStack() as stack:
        seen = _seen(model, tokenizer, task, phases, run, stack)
        stack.enter_context(attention_for_training(model))
        origin = Origin.of(model, phases)  # before a checkpoint is read: a resumed training has the same
        if state is not None:
            keeper.taken, keeper.history = dict(state.snapshots), state.history
            keeper.names |= state.tensors["weights"].keys()
            model.load_state_dict(state.tensors["weights"], strict=False)
        for number, phase in enumerate(phases, start=1):
            phase = replace(phase, loss=phase.loss or (None if task is None else task.loss))
            encoded = _encode(model, tokenizer, task, phase, run)
            _record(phase, encoded, task, run)
            plan = phase.plan(encoded.features, run.seed)
            tokens += sum(len(encoded.features[row]["input_ids"]) for batch in plan for row in batch)
            if state is not None and (number < state.phase or (number == state.phase and state.finished)):
                continue
            here = state if state is not None and state.phase == number else None
            start = here.step if here else 0
            keeper.resumed = here
            choose_trainable(model, phase.trains, phase.freeze_layers)
            for name, parameter in model.named_parameters():
                parameter.requires_grad_(parameter.requires_grad and name not in (run.head or {}))
            with ExitStack() as lower:
                features = _above_frozen(model, tokenizer, phase, encoded.features, folder, run, lower)
                trainer = PhaseTrainer.of(
                    phase, model=model, features=features, collate=collator(tokenizer), plan=plan, start=start,
                    folder=folder, run=run, callbacks=[keeper], origin=origin,
                )  # fmt: skip
                last = number == len(phases)
                keeper.watch(
                    model, phase=number, start=start, steps=len(trainer.plan), most=phase.snapshots if last else 0
                )
                trainer.train()
            keeper.history = keeper.log_of(trainer.state)
    return Training(
        model=model,
        tokenizer=tokenizer,
        snapshots=keeper.found(),
        history=keeper.history,
        tokens=tokens,
        seen=seen,
    )


def _encode(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, task: Task | None, phase: Phase, run: Run
) -> Encoded:
    """The rows of a phase as model inputs."""
    if not phase.examples:
        raise DataError(f"There is nothing to train on in phase '{phase.name}'", fix="Add train/<source language> data")
    if phase.encode is not None:
        return phase.encode(phase.examples)
    if task is None:
        raise TypeError(f"the phase '{phase.name}' has neither a task nor an encoding of its own")
    most = longest_input(model, tokenizer, phase.max_length)
    return run.encodings.encode(task, phase.examples, tokenizer, max_length=most, labelled=True)


def _record(phase: Phase, encoded: Encoded, task: Task | None, run: Run) -> None:
    """Enter what the phase sees in the ledger, and tell what it does not."""
    if task is None:
        run.ledger.note_text("adapt", phase.examples)
        return
    learns_labels = any("labels" in feature for feature in encoded.features)
    for role in ("train", *set(phase.roles.values())):
        examples = [example for example in phase.examples if phase.roles.get(example.lang, "train") == role]
        run.ledger.record(role if learns_labels else "adapt", examples, task)
    if encoded.truncated:
        run.say(f"{encoded.truncated} of {len(phase.examples)} training texts are longer than the encoder reads: cut.")


def _seen(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    task: Task | None,
    phases: Sequence[Phase],
    run: Run,
    stack: ExitStack,
) -> torch.Tensor | None:
    """Put the rows of the pieces that are seen in place of the table, while ``stack`` is open, if a phase wants it."""
    learning = [phase for phase in phases if phase.trains == "seen"]
    if not learning:
        return None
    import torch

    from isogloss.nets.seen_rows import seen_rows

    pieces = {
        piece
        for phase in learning
        for feature in _encode(model, tokenizer, task, phase, run).features
        for piece in feature["input_ids"]
    }
    ids = torch.tensor(sorted(pieces - {model.config.pad_token_id}))
    stack.enter_context(seen_rows(model, ids))
    return ids


def _above_frozen(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    phase: Phase,
    features: list[dict[str, Any]],
    folder: Path,
    run: Run,
    stack: ExitStack,
) -> list[dict[str, Any]]:
    """The features as the layers above the frozen ones read them, while ``stack`` is open."""
    if not phase.freeze_layers:
        return features
    from isogloss.nets.lower_layers import lower_states, skipped

    file = folder / f"{phase.name}-lower-states"
    states = lower_states(model, tokenizer, features, phase.freeze_layers, half=run.precision == "bf16", file=file)
    stack.callback(file.unlink)
    stack.enter_context(skipped(model, phase.freeze_layers))
    return states
