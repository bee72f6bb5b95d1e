"""Open labels: learn to match spans of words with the names of labels, whatever these are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le, Lt

from isogloss.errors import RecipeError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from isogloss.backbones import Backbone
    from isogloss.problem import Problem
    from isogloss.run import Run
    from isogloss.train import Trained

SETTINGS = ("trains", "epochs", "min_steps", "learning_rate", "head_learning_rate", "batch_size", "batch_tokens",
            "warmup", "weight_decay", "max_length", "snapshots")  # fmt: skip

START = 16
"""Texts by which the head is set before training."""


@dataclass(frozen=True, kw_only=True)
class OpenLabels:
    """Score every span of a text against encoded label names; the label set is chosen when predicting.

    One encoder reads texts and names. An update learns from the labels that its texts have and from some others.

    Attributes:
        widest: words of the longest span.
        size: of the space in which spans and labels meet.
        negatives: labels drawn besides those that the texts of an update have; fewer where there are not so many.
        threshold: what is likelier than this is an entity. Lower it for labels that training does not have.

    All else is as in cross_entropy.
    """

    needs: ClassVar[tuple[str, ...]] = ("train",)

    widest: Annotated[int, Ge(1)] = 12
    size: Annotated[int, Ge(2)] = 128
    negatives: Annotated[int, Ge(0)] = 24
    threshold: Annotated[float, Gt(0), Lt(1)] = 0.5
    trains: Literal["all", "body", "head"] = "body"
    epochs: Annotated[int, Ge(1)] = 5
    min_steps: Annotated[int, Ge(0)] = 150
    learning_rate: Annotated[float, Gt(0), Le(1)] = 2e-4
    head_learning_rate: Annotated[float, Gt(0), Le(1)] = 2e-3
    batch_size: Annotated[int, Ge(1)] = 16
    batch_tokens: Annotated[int, Ge(0)] = 0
    warmup: Annotated[float, Ge(0), Le(1)] = 0.1
    weight_decay: Annotated[float, Ge(0)] = 0.01
    max_length: Annotated[int, Ge(8)] = 256
    snapshots: Annotated[int, Ge(1)] = 6

    def __call__(self, backbone: Backbone, problem: Problem, run: Run) -> Trained:
        """Train one phase on all training examples; what is learnt is an :class:`isogloss.tasks.OpenTagging`."""
        from isogloss.metrics import spans_of
        from isogloss.nets.label_scoring import spread_head
        from isogloss.tasks import OpenTagging, Tagging
        from isogloss.train import Phase, train_phases
        from isogloss.train.batching import collator, longest_input

        known = problem.task
        if not isinstance(known, Tagging) or known.name != Tagging.name or known.kind != "spans":
            raise RecipeError(
                "Labels are open for entities alone, and this problem has none", fix="Use a problem of tagging spans"
            )
        task = OpenTagging(
            labels=known.labels, metric=known.metric, widest=self.widest, size=self.size, threshold=self.threshold
        )
        tokenizer = backbone.tokenizer()
        examples = problem.train_examples()
        widths = [end - start for example in examples for start, end, _ in spans_of(example.fields["tags"])]
        if wide := sum(width > self.widest for width in widths):
            run.say(f"{wide} of {len(widths)} entities have more than {self.widest} words: they are not learnt.")
        names = task.name_features(tokenizer, self.max_length)
        phase = Phase(
            name="open-labels",
            examples=examples,
            loss=partial(open_loss, names=names, padding=tokenizer.pad_token_id or 0, negatives=self.negatives),
            **{name: getattr(self, name) for name in SETTINGS},
        )
        model, collate = backbone.model(task), collator(tokenizer)
        longest = longest_input(model, tokenizer, self.max_length)
        texts = Tagging.encode(task, examples[:START], tokenizer, max_length=longest, labelled=False).features
        spread_head(model, _last_layer(model), collate(texts), collate(names))
        return train_phases(model, tokenizer, task, [phase], run)


def _last_layer(model: PreTrainedModel) -> torch.nn.Linear:
    import torch

    from isogloss.train.trainable import in_head

    layers = [layer for name, layer in model.named_modules() if in_head(model, name)]
    return [layer for layer in layers if isinstance(layer, torch.nn.Linear)][-1]


def open_loss(
    model: PreTrainedModel,
    batch: Mapping[str, torch.Tensor],
    *,
    names: Sequence[Mapping[str, Any]],
    padding: int,
    negatives: int,
) -> torch.Tensor:
    """:func:`isogloss.nets.label_scoring.span_loss` with the labels of the batch and ``negatives`` others.

    The others are drawn from torch's global generator.
    """
    import torch

    from isogloss.nets.label_scoring import span_loss

    labels_BTW, ends_BTW = batch["labels"].long(), batch["ends"].long()
    present = labels_BTW.unique() - 1
    present = present[present >= 0]
    absent = torch.ones(len(names), dtype=torch.bool)
    absent[present.cpu()] = False
    others = absent.nonzero()[:, 0]
    drawn = others[torch.randperm(len(others))[:negatives]].to(present.device)
    chosen_C = torch.cat([present, drawn])
    if not len(chosen_C):
        raise RecipeError("An update has no label to learn", fix="Set negatives to 1 or more")
    rows = [names[i] for i in chosen_C.tolist()]
    longest = max(len(row["input_ids"]) for row in rows)
    padded = {
        key: torch.tensor(
            [row[key] + [padding if key == "input_ids" else 0] * (longest - len(row[key])) for row in rows],
            device=labels_BTW.device,
        )
        for key in rows[0]
    }
    inputs = {key: value for key, value in batch.items() if key not in ("labels", "ends")}
    return span_loss(model, inputs, ends_BTW, labels_BTW, padded, chosen_C)
