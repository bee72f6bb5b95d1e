"""The labels of a source and a few of a target, in stages or in one (CrossNER, AAAI 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Gt, Le

if TYPE_CHECKING:
    from isogloss.backbones import Backbone
    from isogloss.problem import Problem
    from isogloss.run import Run
    from isogloss.train import Trained

Regime = Literal["target", "source_then_target", "joint"]


@dataclass(frozen=True, kw_only=True)
class Staged:
    """Fine-tune one network with one label set on source and target labels (Liu et al., CrossNER, AAAI 2021).

    A label that source and target share has the same output in all stages. No target labels are set aside to choose
    by: how long the training lasts is set beforehand.

    Attributes:
        regime: ``target`` learns from the labels of the target alone; ``source_then_target`` from the source, then from
            the target; ``joint`` from both at once, each target example ``upsample`` times an epoch.
        source_epochs: passes over the source data, in ``joint`` over the mixture.
        target_epochs: passes over the target data in a stage of their own.
        upsample: for ``joint``.
        trains, freeze_layers, learning_rate, head_learning_rate, batch_size, warmup, weight_decay, max_length,
            snapshots: as in cross_entropy, the same in every stage; the rates rise and fall in each.
    """

    regime: Regime = "source_then_target"
    source_epochs: Annotated[int, Ge(1)] = 2
    target_epochs: Annotated[int, Ge(1)] = 30
    upsample: Annotated[int, Ge(1)] = 50
    trains: Literal["all", "seen", "body", "head"] = "body"
    freeze_layers: Annotated[int, Ge(0)] = 0
    learning_rate: Annotated[float, Gt(0), Le(1)] = 5e-5
    head_learning_rate: Annotated[float, Gt(0), Le(1)] = 1e-3
    batch_size: Annotated[int, Ge(1)] = 16
    warmup: Annotated[float, Ge(0), Le(1)] = 0.1
    weight_decay: Annotated[float, Ge(0)] = 0.01
    max_length: Annotated[int, Ge(8)] = 256
    snapshots: Annotated[int, Ge(1)] = 6

    @property
    def needs(self) -> tuple[str, ...]:
        """Labels of the source too, but for the regime ``target``."""
        return ("few",) if self.regime == "target" else ("few", "train")

    def __call__(self, backbone: Backbone, problem: Problem, run: Run) -> Trained:
        """Train the stages of the regime; all targets are learnt together."""
        from isogloss.train import Phase, train_phases

        source = problem.train_examples()
        target = tuple(example for lang in problem.targets for example in problem.few[lang])
        same: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("trains", "freeze_layers", "learning_rate", "head_learning_rate", "batch_size", "warmup",
                         "weight_decay", "max_length", "snapshots")
        } | {"roles": dict.fromkeys(problem.targets, "few")}  # fmt: skip
        phases = {
            "source": Phase(name="source", examples=source, epochs=self.source_epochs, **same),
            "target": Phase(name="target", examples=target, epochs=self.target_epochs, **same),
            "joint": Phase(
                name="joint", examples=(*source, *target * self.upsample), epochs=self.source_epochs, **same
            ),
        }
        names = ("source", "target") if self.regime == "source_then_target" else (self.regime,)
        model, tokenizer = backbone.model(problem.task), backbone.tokenizer()
        return train_phases(model, tokenizer, problem.task, [phases[name] for name in names], run)
