"""A little labelled data of the targets: training goes on from the zero-shot weights, jointly with the source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, cast

from annotated_types import Ge, Gt, Le

from isogloss.errors import RecipeError, ResourceError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from isogloss.backbones import Backbone
    from isogloss.example import Example
    from isogloss.problem import Problem
    from isogloss.recipes import Recipe
    from isogloss.run import Run
    from isogloss.tasks import Encoded
    from isogloss.train import Trained
    from isogloss.train.batching import Feature
    from isogloss.train.schedule import Plan


@dataclass(frozen=True, kw_only=True)
class FewShot:
    """Continue from the weights of a zero-shot recipe on source and target labels (Schmidt et al., ACL 2023).

    Every update has some rows of each language; its loss is the mean of the languages' own mean losses. No target
    labels are set aside to choose by.

    Attributes:
        zero_shot: the recipe that comes first, as a nested run.
        shots: labelled examples of each target, drawn by seed from ``few/``; 0 takes all that are there.
        updates: how many.
        source_batch, few_batch: rows of a source and of a target language in an update.
        trains, freeze_layers, learning_rate, head_learning_rate, warmup, weight_decay, max_length, snapshots: as in
            cross_entropy.
    """

    needs: ClassVar[tuple[str, ...]] = ("few", "train")

    zero_shot: Recipe
    shots: Annotated[int, Ge(0)] = 0
    updates: Annotated[int, Ge(1)] = 100
    source_batch: Annotated[int, Ge(1)] = 16
    few_batch: Annotated[int, Ge(1)] = 8
    trains: Literal["all", "seen", "body", "head"] = "body"
    freeze_layers: Annotated[int, Ge(0)] = 0
    learning_rate: Annotated[float, Gt(0), Le(1)] = 5e-5
    head_learning_rate: Annotated[float, Gt(0), Le(1)] = 2e-4
    warmup: Annotated[float, Ge(0), Le(1)] = 0.1
    weight_decay: Annotated[float, Ge(0)] = 0.01
    max_length: Annotated[int, Ge(8)] = 256
    snapshots: Annotated[int, Ge(1)] = 6

    def __call__(self, backbone: Backbone, problem: Problem, run: Run) -> Trained:
        """Fit the zero-shot recipe, then train one phase on both kinds of labels."""
        from isogloss.tasks import OpenTagging
        from isogloss.train import Phase, longest_input, train_phases

        few = {lang: self._drawn(problem, lang, run) for lang in problem.targets}
        system = run.fit(self.zero_shot, problem, backbone)
        if isinstance(system.task, OpenTagging):
            raise RecipeError(
                f"'{self.zero_shot.name}' learns labels by their names, and few-shot training does not",
                fix="Leave few-shot out",
            )
        member = system.base or system.members[problem.targets[0]]
        model, tokenizer, task = cast("PreTrainedModel", member.model), member.tokenizer, problem.task
        langs = (*problem.source, *problem.targets)

        def encode(examples: Sequence[Example]) -> Encoded:
            most = longest_input(model, tokenizer, self.max_length)
            encoded = task.encode(examples, tokenizer, max_length=most, labelled=True)
            for feature, owner in zip(encoded.features, encoded.owner, strict=True):
                feature["group"] = langs.index(examples[owner].lang)
            return encoded

        phase = Phase(
            name="few-shot",
            examples=[*problem.source_examples("train"), *(example for shots in few.values() for example in shots)],
            trains=self.trains,
            freeze_layers=self.freeze_layers,
            loss=joint_loss,
            encode=encode,
            batches=self._batches(len(problem.source)),
            learning_rate=self.learning_rate,
            head_learning_rate=self.head_learning_rate,
            warmup=self.warmup,
            weight_decay=self.weight_decay,
            max_length=self.max_length,
            snapshots=self.snapshots,
            roles=dict.fromkeys(few, "few"),
        )
        return train_phases(model, tokenizer, task, [phase], run)

    def _drawn(self, problem: Problem, lang: str, run: Run) -> Sequence[Example]:
        import random

        there = problem.few[lang]
        if len(there) < self.shots:
            raise ResourceError(
                f"few/{problem.spelling(lang)} has {len(there)} labelled examples, not {self.shots}",
                fix=f"Add some, or give --few-shot {len(there)}",
            )
        return random.Random(f"{run.seed} {lang}").sample(there, self.shots) if self.shots else there

    def _batches(self, sources: int) -> Any:
        """A function that lays out the updates: rows of every language in each, drawn in turn and shuffled anew."""

        def laid_out(features: Sequence[Feature], seed: int) -> Plan:
            import numpy as np

            generator = np.random.default_rng(seed)
            plan: Plan = [[] for _ in range(self.updates)]
            for group in sorted({feature["group"] for feature in features}):
                rows = [row for row, feature in enumerate(features) if feature["group"] == group]
                size = min(len(rows), self.source_batch if group < sources else self.few_batch)
                drawn: list[int] = []
                for batch in plan:
                    while len(drawn) < size:
                        drawn += generator.permutation(rows).tolist()
                    batch += drawn[:size]
                    drawn = drawn[size:]
            return plan

        return laid_out


def joint_loss(model: PreTrainedModel, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The mean over groups of each group's own mean loss.

    ``batch`` holds ``labels`` (B classes or numbers, B x T classes with -100 where there is none, or B x 2 places of
    pieces) and ``group`` (B).
    """
    import torch

    from isogloss.nets.pointing import choices_of

    inputs = {key: value for key, value in batch.items() if key not in ("labels", "group")}
    logits = choices_of(model(**inputs), batch.get("attention_mask")).float()
    labels, groups_B = batch["labels"], batch["group"]
    if labels.is_floating_point():
        losses = (logits.squeeze(-1) - labels) ** 2
        counts = torch.ones_like(losses)
    else:
        losses = torch.nn.functional.cross_entropy(
            logits.flatten(0, -2), labels.flatten(), ignore_index=-100, reduction="none"
        ).view(labels.shape)
        counts = (labels != -100).float()
    means = []
    for group in groups_B.unique():
        rows = groups_B == group
        means.append((losses[rows] * counts[rows]).sum() / counts[rows].sum().clamp(min=1))
    return torch.stack(means).mean()
