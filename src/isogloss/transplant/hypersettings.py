"""How the hypernetwork of zero-shot tokenizer transfer is trained: the numbers, without the training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Le


@dataclass(frozen=True, kw_only=True)
class HyperTraining:
    """How a hypernetwork is made and trained.

    Attributes:
        residual: False for the paper's parametrisation; True for OUR variant, the mean of the pieces plus a learnt
            residual that is 0 at first.
        layers: of the hypernetwork's transformer (the paper: 3).
        apart: share of the tokens of stage 1 that are cut into two other tokens in place of themselves. 0 is the
            paper's; more is OURS, and the only thing that stage 1 can teach our variant.
        head_steps: updates of a fresh head, where the network has none.
        identity_steps, steps: updates of stages 1 and 2 (the paper: 10,000 and 190,000).
        tokens: of the original vocabulary in a step of stage 1 (16,384).
        vocabulary, pool: tokens of a drawn tokenizer (32,768), and texts that it is drawn from (2,048).
        batch_size, max_length: texts in a step of stage 2 and pieces read of each (128 and 128).
        alpha: languages are drawn with their number of texts to this power.
        lexical: weight of the distance to known rows in stage 2.
        head_rate, identity_rate, learning_rate: peaks of the rates (the paper: 3e-4 in stage 1, 6e-5 in stage 2).
        decay: of the weights.
        clip: largest norm of a gradient.
    """

    residual: bool = False
    layers: Annotated[int, Ge(1)] = 1
    apart: Annotated[float, Ge(0), Le(1)] = 0.0
    head_steps: Annotated[int, Ge(0)] = 120
    identity_steps: Annotated[int, Ge(0)] = 200
    steps: Annotated[int, Ge(0)] = 100
    tokens: Annotated[int, Ge(1)] = 1024
    vocabulary: Annotated[int, Ge(1)] = 1024
    pool: Annotated[int, Ge(1)] = 256
    batch_size: Annotated[int, Ge(1)] = 8
    max_length: Annotated[int, Ge(8)] = 32
    alpha: Annotated[float, Ge(0), Le(1)] = 0.1
    lexical: Annotated[float, Ge(0)] = 0.5
    head_rate: Annotated[float, Gt(0)] = 1e-3
    identity_rate: Annotated[float, Gt(0)] = 1e-3
    learning_rate: Annotated[float, Gt(0)] = 3e-4
    decay: Annotated[float, Ge(0)] = 0.01
    clip: Annotated[float, Gt(0)] = 0.1
