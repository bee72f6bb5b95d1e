"""Pretraining by span corruption of bytes, and the loss on text that was held out."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import torch
from model import EOS, FIRST_BYTE, batch_of
from transformers import T5ForConditionalGeneration

from isogloss.train.corruption import MEAN_SPAN, corrupt

SENTINELS = range(259, 384)
WINDOW, BATCH = 256, 4
RATE, WARMUP, CLIP = 3e-3, 0.05, 1.0

Row = tuple[list[int], list[int]]


def corrupted(window: bytes, generator: Random) -> Row:
    """A stretch of text with about 15% of its bytes masked, in spans of about 20."""
    ids = [byte + FIRST_BYTE for byte in window]
    return corrupt(ids, sentinels=SENTINELS, eos=EOS, generator=generator, mean_span=MEAN_SPAN["bytes"])


def pretrain(
    model: T5ForConditionalGeneration, text: bytes, *, updates: int, seed: int = 1, say: Callable[[str], None] = print
) -> list[float]:
    """Train in place on windows from anywhere in the text; the mean losses of 50 updates each."""
    generator = Random(f"windows {seed}")
    losses: list[float] = []

    def batch(_: int) -> dict[str, torch.Tensor]:
        starts = [generator.randrange(len(text) - WINDOW + 1) for _ in range(BATCH)]
        return batch_of([corrupted(text[start : start + WINDOW], generator) for start in starts])

    def watch(update: int, loss: float) -> None:
        losses.append(loss)
        if (update + 1) % 50 == 0:
            say(f"  update {update + 1}: {sum(losses[-50:]) / 50:.3f}")

    optimise(model, batch, updates=updates, rate=RATE, warmup=WARMUP, after=watch)
    return [round(sum(losses[i : i + 50]) / len(losses[i : i + 50]), 4) for i in range(0, len(losses), 50)]


def optimise(
    model: T5ForConditionalGeneration,
    batch: Callable[[int], dict[str, torch.Tensor]],
    *,
    updates: int,
    rate: float,
    warmup: float,
    after: Callable[[int, float], None],
) -> None:
    """AdamW without decay, rising then falling linearly; forward pass in bfloat16, weights in fp32."""
    optimiser: Any = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0)
    rising = max(1, round(warmup * updates))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda at: min((at + 1) / rising, (updates - at) / max(1, updates - rising))
    )
    for update in range(updates):
        model.train()
        loss = loss_of(model, batch(update))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        after(update, loss.item())


def loss_of(model: T5ForConditionalGeneration, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Mean cross-entropy of the targets' bytes, in nats."""
    with torch.autocast("cpu", torch.bfloat16):
        logits_BSV = model(**batch).logits
    return torch.nn.functional.cross_entropy(logits_BSV.float().flatten(0, 1), batch["labels"].flatten())


@torch.no_grad()
def span_losses(model: T5ForConditionalGeneration, text: bytes, *, blind: bool = False) -> list[float]:
    """Nats a masked byte for every window of a text, without sentinels and end; the same masks for all models.

    ``blind``: the encoder reads the window before (the first one reads the last), so that only what the decoder has
    written itself can tell it how to go on. A model that does not use what it reads is no worse for it.
    """
    model.eval()
    starts = range(0, len(text) - WINDOW + 1, WINDOW)
    rows = [corrupted(text[start : start + WINDOW], Random(start)) for start in starts]
    losses = []
    for number, (inputs, targets) in enumerate(rows):
        batch = batch_of([(rows[number - 1][0] if blind else inputs, targets)])
        labels_S = batch["labels"][0]
        is_byte_S = (labels_S >= FIRST_BYTE) & (labels_S < SENTINELS[0])
        logits_SV = model(**batch).logits[0].float()
        losses.append(torch.nn.functional.cross_entropy(logits_SV[is_byte_S], labels_S[is_byte_S]).item())
    return losses
