"""The training loop: a transformers Trainer with two learning rates and a snapshot after every epoch.

This module imports torch and transformers; the rest of the package reaches it only when training starts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from safetensors.torch import save_file
from transformers import (
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from isogloss.train.phases import Phase, Snapshot, in_head

if TYPE_CHECKING:
    from isogloss.run import Run


class PhaseTrainer(Trainer):
    """A Trainer for one :class:`Phase`."""

    phase: Phase

    @classmethod
    def of(
        cls,
        phase: Phase,
        *,
        model: PreTrainedModel,
        features: Sequence[dict[str, Any]],
        collate: Callable[..., Any],
        run: Run,
        callbacks: Sequence[TrainerCallback],
    ) -> PhaseTrainer:
        """Build the trainer. Seeds of order and dropout come from the run."""
        arguments = TrainingArguments(
            output_dir=str(run.scratch("trainer")),
            seed=run.seed,
            data_seed=run.seed,
            num_train_epochs=phase.passes,
            per_device_train_batch_size=phase.batch_size,
            learning_rate=phase.learning_rate,
            weight_decay=phase.weight_decay,
            warmup_steps=phase.warmup,
            lr_scheduler_type="linear",
            optim="adamw_torch_fused",
            bf16=run.precision == "bf16",
            use_cpu=run.device == "cpu",
            train_sampling_strategy="group_by_length",
            remove_unused_columns=False,
            save_strategy="no",
            eval_strategy="no",
            logging_steps=20,
            report_to=[],
            disable_tqdm=True,
            dataloader_pin_memory=False,
        )
        trainer = cls(
            model=model,
            args=arguments,
            train_dataset=list(features),
            data_collator=collate,
            callbacks=[*callbacks, Progress(run, phase)],
        )
        trainer.remove_callback(PrinterCallback)  # it prints the log to stdout, which is for data
        trainer.phase = phase
        return trainer

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor | Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """The phase's own loss, or the model's."""
        if self.phase.loss is None:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        loss = self.phase.loss(cast("PreTrainedModel", model), inputs)
        return (loss, None) if return_outputs else loss

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """AdamW with a rate for the encoder and one for the head; biases and norms are not decayed."""
        if self.optimizer is None:
            network = cast("PreTrainedModel", self.model)
            groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
            for name, parameter in network.named_parameters():
                if parameter.requires_grad:
                    groups.setdefault((in_head(network, name), parameter.ndim > 1), []).append(parameter)
            optimiser, options = Trainer.get_optimizer_cls_and_kwargs(self.args)
            options.pop("lr", None)
            self.optimizer = optimiser(
                [
                    {
                        "params": parameters,
                        "lr": self.phase.head_learning_rate if is_head else self.phase.learning_rate,
                        "weight_decay": self.phase.weight_decay if decays else 0.0,
                    }
                    for (is_head, decays), parameters in groups.items()
                ],
                **options,
            )
        return self.optimizer


class SnapshotKeeper(TrainerCallback):
    """Writes the weights that have been trainable in any phase to a folder, at the end of evenly spread epochs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.taken: list[Snapshot] = []
        self.names: set[str] = set()
        self.most = 1

    def watch(self, model: PreTrainedModel, *, most: int) -> None:
        """Before a phase: note what it trains and how many snapshots it may leave."""
        self.names |= {name for name, parameter in model.named_parameters() if parameter.requires_grad}
        self.most = most

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Called by the Trainer."""
        epoch, epochs = round(state.epoch or 0), int(args.num_train_epochs)
        if epoch < epochs and epoch % math.ceil(epochs / self.most):
            return
        model: PreTrainedModel = kwargs["model"]
        path = self.folder / f"step-{state.global_step:06d}.safetensors"
        # A copy each: tied weights share memory, which safetensors refuses.
        save_file({name: p.detach().cpu().clone() for name, p in model.named_parameters() if name in self.names}, path)
        self.taken.append(Snapshot(step=state.global_step, path=path))


class Progress(TrainerCallback):
    """A progress bar on stderr, one tick an update."""

    def __init__(self, run: Run, phase: Phase) -> None:
        self.run, self.title = run, f"training ({phase.name}, seed {run.seed})"
        self.stack = ExitStack()
        self.tick: Callable[[int], None] = lambda _: None

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Called by the Trainer."""
        self.tick = self.stack.enter_context(self.run.progress(self.title, state.max_steps))

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Called by the Trainer."""
        self.tick(1)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Called by the Trainer."""
        self.stack.close()
