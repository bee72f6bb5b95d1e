"""Lottery-ticket sparse fine-tuning (LT-SFT; Ansell, Ponti, Korhonen, Vulic; ACL 2022).

Everything learns for a while; the weights that changed most are chosen; all weights, the head's among them, are put
back; then training begins anew, and of the body only the chosen ones learn. The network's norms learn in neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import torch

from isogloss.errors import RecipeError
from isogloss.nets.seen_rows import SeenRows
from isogloss.nets.sparse_delta import SparseDelta, largest
from isogloss.train.origin import learning
from isogloss.train.phases import Phase, Trained, Training, train_on_text, train_phases
from isogloss.train.trainable import in_head

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from isogloss.run import Run
    from isogloss.tasks import Task

T = TypeVar("T", bound=Training)
Names = Callable[[str], bool]
SEEN_ROWS = ".seen_rows"


@dataclass(frozen=True, kw_only=True)
class Sparse:
    """How many weights of a body learn, and how they are found.

    Attributes:
        k: the number of weights; or
        density: their share of the weights that may be chosen.
        names: which weights may be chosen, by parameter name; None for all but the norms'.
        first: updates of the dense training, as a multiple of those of the sparse one.
        pull: see :class:`Phase`; in both trainings.
    """

    k: int | None = None
    density: float | None = None
    names: Names | None = None
    first: float = 1.0
    pull: float = 0.0


def sparse_tune(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    task: Task,
    *,
    first: Phase,
    phase: Phase,
    run: Run,
    k: int | None = None,
    density: float | None = None,
    names: Names | None = None,
) -> Trained:
    """Train ``first`` densely, choose the weights that changed most, put everything back, train ``phase`` with them.

    Both trainings have an optimiser, a schedule and a seeding of their own; snapshots are taken in the second. One that
    was broken off goes on where it was, with the same weights in the end, bit for bit.

    Args:
        model: the network, with a fresh head, which learns as a whole in both.
        tokenizer: its tokenizer.
        task: what is learnt.
        first: the dense training.
        phase: the sparse one. Of the body, what learns in both and ``names`` accepts may be chosen; nothing else of it
            learns in either.
        run: as for :func:`train_phases`.
        k: how many weights are chosen; or
        density: which share of those that may be chosen.
        names: see :class:`Sparse`.

    Returns:
        The training, with ``start``, ``masks``, and the log and the tokens of both.

    Raises:
        RecipeError: no weights may be chosen, not so many, or the first training diverged.
    """

    def train(one: Phase) -> Trained:
        return train_phases(model, tokenizer, task, [one], run)

    return _tuned(model, train, first, phase, run, Sparse(k=k, density=density, names=names))


def sparse_tune_text(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    *,
    first: Phase,
    phase: Phase,
    run: Run,
    k: int | None = None,
    density: float | None = None,
    names: Names | None = None,
) -> Training:
    """The same without a task, on raw text (:func:`train_on_text`), over the parameters that the network has now."""

    def train(one: Phase) -> Training:
        return train_on_text(model, tokenizer, [one], run)

    return _tuned(model, train, first, phase, run, Sparse(k=k, density=density, names=names))


def _tuned(
    model: PreTrainedModel, train: Callable[[Phase], T], first: Phase, phase: Phase, run: Run, sparse: Sparse
) -> T:
    if "seen" in (first.trains, phase.trains):
        raise RecipeError(
            "A sparse training has no table of seen word vectors to choose weights of",
            fix="Set trains to body or to all",
        )
    accepted = sparse.names or not_norms(model)
    dense, few = (learning(model, one) - (run.head or {}).keys() for one in (first, phase))
    body = {name for name in dense & few if not in_head(model, name) and accepted(name)}
    dense, few = ({name for name in names if name in body or in_head(model, name)} for names in (dense, few))
    start = {name: p.detach().clone() for name, p in model.named_parameters() if name in dense | few}
    k = _how_many(sparse, sum(start[name].numel() for name in body))
    before = train(replace(first, trains=dense.__contains__, snapshots=0))
    with torch.no_grad():
        changes = {name: p - start[name].to(p.device) for name, p in model.named_parameters() if name in body}
        masks = largest(changes, k)
        del changes
        for name, parameter in model.named_parameters():
            if name in start:
                parameter.copy_(start[name])
    after = train(replace(phase, trains=few.__contains__, masks=masks))
    return replace(
        after,
        start=start,
        masks=masks,
        tokens=before.tokens + after.tokens,
        history=before.history + [row | {"phase": 2} for row in after.history],
    )


def _how_many(sparse: Sparse, there: int) -> int:
    """K, of so many weights that may be chosen."""
    if not there:
        raise RecipeError("No weights of the body learn that could be chosen", fix="Set trains to body or to all")
    if (sparse.k is None) == (sparse.density is None):
        raise RecipeError("How many weights learn is to be said once", fix="Give either a number or a density")
    k = sparse.k if sparse.k is not None else round((sparse.density or 0.0) * there)
    if not 1 <= k <= there:
        raise RecipeError(
            f"{k} weights are to learn, of {there} that may be chosen", fix=f"Choose a number from 1 to {there}"
        )
    return k


def not_norms(model: PreTrainedModel) -> Names:
    """Accepts the parameters that do not belong to a norm, such as a layer norm."""
    norms = tuple(f"{name}." for name, module in model.named_modules() if type(module).__name__.endswith("Norm"))
    return lambda name: not name.startswith(norms)


def learnt_delta(
    training: Training, *, after: Mapping[str, torch.Tensor] | None = None, network: str = ""
) -> SparseDelta:
    """What a sparse training has changed: K values of the body, and whole the head that learnt.

    Where the rows of some pieces are trained in place of a table at the moment, the values are those of the table.

    Args:
        training: what :func:`sparse_tune` or :func:`sparse_tune_text` returned.
        after: the weights, of a snapshot or a mean of some; None for those that the network has now.
        network: fingerprint of the network as it was before.
    """
    if training.start is None or training.masks is None:
        raise ValueError("the training has not kept where it began")
    masks, now = training.masks, after or dict(training.model.named_parameters())
    delta = SparseDelta.between(
        training.start,
        {name: now[name] for name in training.start},
        masks=masks,
        whole=lambda name: name not in masks,
        network=network,
    )
    table = training.model.get_input_embeddings()
    sparse, shapes = {}, {}
    for name, (indices, values) in delta.sparse.items():
        place, shape = name, delta.shapes[name]
        if isinstance(table, SeenRows) and name.endswith(SEEN_ROWS):
            place, width = name.removesuffix(SEEN_ROWS) + ".weight", shape[1]
            indices, shape = table.ids.cpu()[indices // width] * width + indices % width, tuple(table.full.weight.shape)
        sparse[place], shapes[place] = (indices, values), shape
    return replace(delta, sparse=sparse, shapes=shapes)


@torch.no_grad()
def taken_out(training: Training, *, network: str = "") -> SparseDelta:
    """What the network has learnt, as a delta without the head; of its body the network forgets it, bit for bit."""
    delta = learnt_delta(training, network=network)
    parameters = dict(training.model.named_parameters())
    for name in training.masks or {}:
        parameters[name].copy_((training.start or {})[name])
    return replace(delta, whole={})
