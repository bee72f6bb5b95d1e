"""What a training costs on this machine, from the time of a few of its updates."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from isogloss.errors import DataError

if TYPE_CHECKING:
    from isogloss.backbones import Backbone
    from isogloss.problem import Problem


def training_seconds(problem: Problem, backbone: Backbone) -> float:
    """Seconds to train the recipe ``direct`` once on the source data, with its usual settings, in single precision.

    Three of its updates are done and timed, one of each third of the batches by size, after one that does not count;
    the rest takes as long for each piece, padding included. Loading, choosing a checkpoint and testing come on top.

    Raises:
        DataError: there is nothing to train on.
    """
    import torch

    from isogloss.methods.objective.cross_entropy import CrossEntropy
    from isogloss.train.batching import collator, longest_input
    from isogloss.train.phases import Phase
    from isogloss.train.trainable import choose_trainable

    examples, usual = problem.source_examples("train"), CrossEntropy()
    if not examples:
        raise DataError("There is no training data to time", fix="Add train/<source language> or leave out --cost")
    phase = Phase(
        name="cost", examples=examples, epochs=usual.epochs, min_steps=usual.min_steps, batch_size=usual.batch_size
    )
    tokenizer, model = backbone.tokenizer(), backbone.model(problem.task).train()
    choose_trainable(model, usual.trains, usual.freeze_layers)
    most = longest_input(model, tokenizer, usual.max_length)
    features = problem.task.encode(examples, tokenizer, max_length=most, labelled=True).features
    collate, loss = collator(tokenizer), problem.task.loss
    batches = sorted(phase.plan(features, 1), key=lambda batch: _pieces(features, batch))
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)

    def update(batch: list[int]) -> float:
        start = time.perf_counter()
        inputs = collate([features[row] for row in batch])
        value = loss(model, inputs) if loss is not None else model(**inputs).loss
        value.backward()
        optimizer.step()
        optimizer.zero_grad()
        return time.perf_counter() - start

    chosen = [batches[len(batches) * part // 6] for part in (1, 3, 5)]
    update(chosen[1])
    seconds = sum(update(batch) for batch in chosen)
    return seconds / sum(_pieces(features, b) for b in chosen) * sum(_pieces(features, b) for b in batches)


def _pieces(features: list[dict[str, object]], batch: list[int]) -> int:
    """Pieces of a batch, padding included."""
    return len(batch) * max(len(features[row]["input_ids"]) for row in batch)  # type: ignore[arg-type]
