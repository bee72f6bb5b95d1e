"""The training loop: a transformers Trainer with two learning rates, written-out batches and a place to begin at.

This module imports torch and transformers; the rest of the package reaches it only when training starts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader
from transformers import (
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from isogloss.train.schedule import Plan, linear_rate
from isogloss.train.trainable import in_head

if TYPE_CHECKING:
    from isogloss.run import Run
    from isogloss.train.origin import Origin
    from isogloss.train.phases import Phase


class PhaseTrainer(Trainer):
    """A Trainer for one phase, or for the part of it that a resumed run has left."""

    phase: Phase
    plan: Plan
    start: int
    origin: Origin

    @classmethod
    def of(
        cls,
        phase: Phase,
        *,
        model: PreTrainedModel,
        features: Sequence[Mapping[str, Any]],
        collate: Callable[..., Any],
        plan: Plan,
        start: int,
        folder: Path,
        run: Run,
        callbacks: Sequence[TrainerCallback],
        origin: Origin,
    ) -> PhaseTrainer:
        """Build the trainer for ``plan`` from update ``start`` on. The seed of dropout comes from the run.

        Among several processes (torchrun, accelerate) the batches of the plan are dealt out in turn.
        """
        arguments = TrainingArguments(
            output_dir=str(folder / "trainer"),
            seed=run.seed,
            num_train_epochs=1,
            per_device_train_batch_size=phase.batch_size,
            learning_rate=phase.learning_rate,
            weight_decay=phase.weight_decay,
            optim="adamw_torch_fused",
            bf16=run.precision == "bf16",
            use_cpu=run.device == "cpu",
            remove_unused_columns=False,
            save_strategy="no",
            eval_strategy="no",
            logging_steps=20,
            report_to=[],
            disable_tqdm=True,
            dataloader_pin_memory=False,
            ddp_find_unused_parameters=False,
        )
        own = dealt(plan, arguments.process_index, arguments.world_size)
        trainer = cls(
            model=model,
            args=arguments,
            train_dataset=cast("Any", features),
            data_collator=collate,
            callbacks=[Inside(origin, phase), *callbacks, Progress(run, phase.name, start, len(own))],
        )
        trainer.remove_callback(PrinterCallback)  # it prints the log to stdout, which is for data
        trainer.phase, trainer.plan, trainer.start, trainer.origin = phase, own, start, origin
        return trainer

    def get_train_dataloader(self) -> DataLoader[Any]:
        """The batches of the plan that are left. The loader draws its seed from a generator of its own."""
        return DataLoader(
            cast("Any", self.train_dataset),
            batch_sampler=self.plan[self.start :],
            collate_fn=self.data_collator,
            generator=torch.Generator().manual_seed(0),
        )

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

    def training_step(self, *given: Any, **options: Any) -> torch.Tensor:
        """Gradients too are pulled and masked before their norm is taken."""
        loss = super().training_step(*given, **options)
        self.origin.pull(cast("PreTrainedModel", self.model), self.phase)
        self.origin.mask_gradients(cast("PreTrainedModel", self.model), self.phase)
        return loss

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """AdamW with a rate for the encoder and one for the head.

        Biases and norms are not decayed, nor is a table of seen word vectors: a row that no text has stays as it is.
        """
        if self.optimizer is None:
            network = cast("PreTrainedModel", self.model)
            groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
            for name, parameter in network.named_parameters():
                if parameter.requires_grad:
                    decays = parameter.ndim > 1 and not name.endswith(".seen_rows")
                    groups.setdefault((in_head(network, name), decays), []).append(parameter)
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

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> LambdaLR:
        """The linear schedule over the whole plan, entered where this part of it begins."""
        factor = linear_rate(len(self.plan), self.phase.warmup, self.start)
        self.lr_scheduler = LambdaLR(cast("Any", self.optimizer if optimizer is None else optimizer), factor)
        self._created_lr_scheduler = True
        return self.lr_scheduler


def dealt(plan: Plan, index: int, processes: int) -> Plan:
    """The batches of one process among several; the first ones come again where they do not divide evenly."""
    return (plan + plan[: -len(plan) % processes])[index::processes]


class Inside(TrainerCallback):
    """After every update, puts back what is outside the masks of a phase."""

    def __init__(self, origin: Origin, phase: Phase) -> None:
        self.origin, self.phase = origin, phase

    def on_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Called by the Trainer."""
        self.origin.put_back(kwargs["model"], self.phase)


class Progress(TrainerCallback):
    """A progress bar on stderr, one tick an update."""

    def __init__(self, run: Run, phase: str, start: int, steps: int) -> None:
        self.run, self.title = run, f"training ({phase}, seed {run.seed})"
        self.start, self.steps = start, steps
        self.stack = ExitStack()
        self.tick: Callable[[int], None] = lambda _: None

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Called by the Trainer."""
        self.tick = self.stack.enter_context(self.run.progress(self.title, self.steps))
        self.tick(self.start)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Called by the Trainer."""
        self.tick(1)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Called by the Trainer."""
        self.stack.close()
