"""Which of torch's ways to compute attention trains fastest on a processor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@contextmanager
def attention_for_training(model: PreTrainedModel) -> Iterator[None]:
    """On a processor, plain matrix products while the block runs; the model's own choice afterwards, and on a GPU.

    Torch's fused attention computes the forward pass faster and the backward pass slower than plain products do there;
    ``benchmarks/speed/shares.py`` measures the difference of the two.
    """
    chosen = model.config._attn_implementation
    if model.device.type != "cpu" or chosen != "sdpa":
        yield
        return
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(chosen)
