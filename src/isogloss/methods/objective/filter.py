"""FILTER: every text is read together with its translation, in training and in use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge

from isogloss.errors import RecipeError
from isogloss.methods.objective.cross_entropy import CrossEntropy

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from isogloss.backbones import Backbone
    from isogloss.example import Example
    from isogloss.problem import Problem
    from isogloss.run import Run
    from isogloss.tasks import Encoded, Task
    from isogloss.train import Trained
    from isogloss.train.batching import Feature
    from isogloss.train.pairing import Pairing
    from isogloss.train.schedule import Plan

    Teach = Callable[[Pairing], None]
    Batch = Mapping[str, torch.Tensor]

# B pairs, T pieces, C classes

NOT_READ = frozenset(("labels", "gold", "teacher"))
"""What a batch holds besides the inputs of the network."""


@dataclass(frozen=True, kw_only=True)
class Filter(CrossEntropy):
    """Fine-tune on pairs of a source text and its translation that see each other in some layers (Fang et al., 2021).

    Each epoch a text is paired with one of the target languages or with itself. The loss is the source side's plus,
    where the labels hold for the translation too, the target side's.

    Attributes:
        local: layers from below that read each side alone.
        fusion: layers above those that read both sides; ``task``: 1, and for question answering ten twelfths of all.
        target_labels: for tagging: whether tags that were projected onto the translations are learnt too.

    All else is as in cross_entropy; ``freeze_layers`` is at most ``local``.
    """

    local: Annotated[int, Ge(0)] = 1
    fusion: Annotated[int, Ge(0)] | Literal["task"] = "task"
    target_labels: bool = False

    def __call__(self, backbone: Backbone, problem: Problem, run: Run) -> Trained:
        """Train one phase on pairs; what views the examples have is what they are paired with."""
        return self._learn(backbone.model(problem.task), backbone.tokenizer(), problem, run)

    def _learn(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        problem: Problem,
        run: Run,
        *,
        teach: Teach | None = None,
        alpha: float = 0.0,
        temperature: float = 1.0,
    ) -> Trained:
        """Train; ``teach`` adds soft labels to the rows."""
        from isogloss.nets.fusion import remember
        from isogloss.train import Phase, longest_input, train_phases
        from isogloss.train.pairing import pair_rows

        task, most = problem.task, longest_input(model, tokenizer, self.max_length)
        local, fusion = self._cut(model, task)
        remember(model, local=local, fusion=fusion, source=problem.source)
        pairing = pair_rows(
            task, problem.source_examples("train"), problem.targets, tokenizer,
            max_length=most, target_labels=self.target_labels,
        )  # fmt: skip
        if pairing.alone:
            wanted = len(pairing.own) * len(problem.targets)
            run.say(f"{pairing.alone} of {wanted} translations of training texts are missing: paired with themselves.")
        if teach is not None:
            teach(pairing)

        def encode(_: Sequence[Example]) -> Encoded:
            return pairing.encoded

        def batches(_: Sequence[Feature], seed: int) -> Plan:
            return pairing.plan(
                epochs=self.epochs, min_steps=self.min_steps, batch_size=self.batch_size,
                batch_tokens=self.batch_tokens, seed=seed,
            )  # fmt: skip

        phase = Phase(
            name="pairs",
            examples=pairing.texts,
            loss=partial(
                pair_loss, local=local, fusion=fusion, points=_points(task), alpha=alpha, temperature=temperature
            ),
            encode=encode,
            batches=batches,
            **{field.name: getattr(self, field.name) for field in fields(CrossEntropy)},
        )
        return train_phases(model, tokenizer, task, [phase], run)

    def _cut(self, model: PreTrainedModel, task: Task) -> tuple[int, int]:
        """How many layers read each side alone, and how many both."""
        from isogloss.nets.fusion import task_depth
        from isogloss.nets.mean_pooling import supports_mean_pooling

        if not supports_mean_pooling(model.base_model):
            raise RecipeError(
                f"The layers of {type(model).__name__} cannot read a text and its translation together",
                fix="Choose an encoder of the shape of BERT or XLM-R",
            )
        if self.freeze_layers > self.local:
            raise RecipeError(
                f"{self.freeze_layers} layers are frozen, and only {self.local} read each side alone",
                fix="Set freeze_layers to at most local",
            )
        depth = task_depth(model)
        fusion = (max(1, depth * 10 // 12) if _points(task) else 1) if self.fusion == "task" else self.fusion
        local = min(self.local, depth)
        return local, min(fusion, depth - local)


def _points(task: Task) -> bool:
    """Whether an answer is two places in the text rather than classes."""
    return task.auto_class == "AutoModelForQuestionAnswering"


def pair_loss(
    model: PreTrainedModel,
    batch: Batch,
    *,
    local: int,
    fusion: int,
    points: bool = False,
    alpha: float = 0.0,
    temperature: float = 1.0,
) -> torch.Tensor:
    """``L_source + (1 - alpha) L_target + alpha T^2 KL(teacher || student)`` (FILTER, section 3.3).

    Each side answers for itself: a text's class is read at the first token of that text.

    Args:
        model: the network.
        batch: B target rows, then their B source rows, with ``labels`` and ``gold``, and where alpha is not 0 with the
            teacher's logits as ``teacher``.
        local: layers that read each side alone.
        fusion: layers above those that read both.
        points: whether labels are the places of an answer's first and last piece (B x 2).
        alpha: weight of the teacher.
        temperature: T.
    """
    from isogloss.nets.fusion import fused

    rows = len(batch["gold"]) // 2
    target, source = ({name: value[half] for name, value in batch.items()} for half in (slice(rows), slice(rows, None)))
    target_logits, source_logits = fused(
        model,
        {name: value for name, value in target.items() if name not in NOT_READ},
        {name: value for name, value in source.items() if name not in NOT_READ},
        local=local,
        fusion=fusion,
    )
    choices, source_choices = target_logits.float(), source_logits.float()
    if points:
        choices, source_choices = _over_pieces(choices, target), _over_pieces(source_choices, source)
    loss = label_loss(source_choices, source) + (1 - alpha) * label_loss(choices, target)
    if alpha:
        teacher = _over_pieces(target["teacher"], target) if points else target["teacher"]
        loss = loss + alpha * divergence(choices, teacher, target["labels"], temperature)
    return loss


def label_loss(logits: torch.Tensor, side: Batch) -> torch.Tensor:
    """The mean over the rows whose labels count (``gold``); 0 where there are none.

    Cross-entropy of ``labels`` (B of B x C logits; B x T, or B x 2 places, of B x T x C, or B x 2 x T; -100 where there
    is none), squared error where labels are numbers.
    """
    import torch

    counts_B = side["gold"].bool()
    if not counts_B.any():
        return logits.new_zeros(())
    logits, labels = logits[counts_B], side["labels"][counts_B]
    if labels.is_floating_point():
        return ((logits.squeeze(-1) - labels) ** 2).mean()
    return torch.nn.functional.cross_entropy(logits.flatten(0, -2), labels.flatten(), ignore_index=-100)


def divergence(logits: torch.Tensor, teacher: torch.Tensor, labels: torch.Tensor, temperature: float) -> torch.Tensor:
    """``T^2 KL(softmax(teacher / T) || softmax(logits / T))``, the mean over rows.

    A row's own value is a mean too where it has several distributions: over its labelled pieces (B x T x C), or of the
    start and the end of an answer (B x 2 x T). Where labels are numbers it is the squared difference.
    """
    import torch

    if labels.is_floating_point():
        return ((logits - teacher) ** 2).mean()
    log_p, log_q = (torch.log_softmax(scores / temperature, dim=-1) for scores in (teacher, logits))
    values = temperature**2 * (log_p.exp() * (log_p - log_q)).sum(-1)
    if values.ndim == 1:
        return values.mean()
    counts = labels != -100
    means_B: torch.Tensor = (values * counts).sum(1) / counts.sum(1).clamp(min=1)
    return means_B.mean()


def _over_pieces(logits_BT2: torch.Tensor, side: Batch) -> torch.Tensor:
    """Scores of start and end (B x 2 x T) over the row's own pieces: padding gets no probability."""
    return logits_BT2.mT.masked_fill(side["attention_mask"][:, None] == 0, -1e9)
