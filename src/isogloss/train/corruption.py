"""Span corruption: spans of a text are replaced by sentinels and are to be written down, each after its sentinel.

Raffel et al., "Exploring the limits of transfer learning with a unified text-to-text transformer", JMLR 2020, section
3.1.4 and figure 2; for bytes Xue et al., "ByT5", TACL 2022. Every layout of so many separate spans is equally likely
here; T5's own code draws from the layouts that begin with a kept token and end with a masked one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

from isogloss.errors import DataError, ResourceError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

DENSITY = 0.15
"""Share of a text that is masked, in T5, ByT5 and MonoByte."""
MEAN_SPAN = {"tokens": 3.0, "bytes": 20.0}
"""Mean length of a masked span: T5's in tokens, ByT5's and MonoByte's in bytes."""
BYT5_SENTINELS = tuple(range(258, 158, -1))
"""What the published ByT5 weights are said to know as sentinels: the ids of the highest bytes, the first of which no
text holds. Not checked here against the weights, for which a network is needed."""


def find_sentinels(tokenizer: PreTrainedTokenizerBase) -> tuple[int, ...]:
    """The ids of ``<extra_id_0>``, ``<extra_id_1>`` and so on.

    In T5's published vocabulary they go down from the last id, in a ``ByT5Tokenizer`` up from 259. For the published
    ByT5 weights see ``BYT5_SENTINELS``.

    Raises:
        ResourceError: the tokenizer has none.
    """
    vocabulary = tokenizer.get_vocab()
    found: list[int] = []
    while (name := f"<extra_id_{len(found)}>") in vocabulary:
        found.append(vocabulary[name])
    if not found:
        raise ResourceError(
            f"The tokenizer {type(tokenizer).__name__} has no sentinels (<extra_id_0>) to put for spans",
            fix="Choose a model of the family of T5, mT5 or ByT5",
        )
    return tuple(found)


def count_spans(length: int, *, density: float = DENSITY, mean_span: float = MEAN_SPAN["tokens"]) -> tuple[int, int]:
    """How many of ``length`` tokens are masked, and in how many spans.

    ``round(length * density)`` and ``max(1, round(masked / mean_span))``, within what is possible: at least one token
    is masked and one kept, and a kept token stands between any two spans.
    """
    masked = min(max(1, round(length * density)), length - 1)
    spans = max(1, round(masked / mean_span))
    return masked, min(spans, masked, length - masked + 1)


def corrupt(
    ids: Sequence[int],
    *,
    sentinels: Sequence[int],
    eos: int,
    generator: Random,
    density: float = DENSITY,
    mean_span: float = MEAN_SPAN["tokens"],
) -> tuple[list[int], list[int]]:
    """Inputs and targets of one text: ``Thank <0> me to <1> week </s>`` and ``<0> you for inviting <1> your ... </s>``.

    Args:
        ids: the tokens of the text without special ones, at least two.
        sentinels: one a span, in this order.
        eos: what ends both inputs and targets.
        generator: where the layout is drawn from.
        density: share of the tokens that is masked, between 0 and 1.
        mean_span: tokens in a span on average, at least 1.

    Raises:
        DataError: the text is too short, or too long for so few sentinels, or holds a sentinel itself.
    """
    if not (0 < density < 1 and mean_span >= 1):
        raise ValueError(f"density {density} is not between 0 and 1, or mean_span {mean_span} is below 1")
    if len(ids) < 2:
        raise DataError(f"A text of {len(ids)} tokens has no span to mask", fix="Leave such texts out")
    masked, spans = count_spans(len(ids), density=density, mean_span=mean_span)
    if spans > len(sentinels):
        raise DataError(
            f"A text of {len(ids)} tokens needs {spans} spans, and there are {len(sentinels)} sentinels",
            fix=f"Cut texts to about {len(ids) * len(sentinels) // spans} tokens or less, or make mean_span larger",
        )
    # The sentinel after the last one used must not occur either: ``restore`` would take it for the next span's.
    if taken := set(ids).intersection(sentinels[: spans + 1]):
        raise DataError(f"The text holds the sentinel {min(taken)}", fix="Take sentinels that no text contains")

    kept = len(ids) - masked
    lengths = _parts(masked, spans, generator)
    gaps = _parts(kept + 2, spans + 1, generator)  # the outer two may be empty: they have one too many
    gaps[0] -= 1
    inputs: list[int] = []
    targets: list[int] = []
    place = 0
    for sentinel, gap, length in zip(sentinels, gaps, lengths, strict=False):  # the last gap is the rest
        start = place + gap
        inputs += [*ids[place:start], sentinel]
        place = start + length
        targets += [sentinel, *ids[start:place]]
    return [*inputs, *ids[place:], eos], [*targets, eos]


def restore(inputs: Sequence[int], targets: Sequence[int], *, sentinels: Sequence[int]) -> list[int]:
    """The ids that ``corrupt`` was given.

    Raises:
        DataError: inputs and targets do not fit each other.
    """
    kept, spans = _cut(inputs[:-1], sentinels), _cut(targets[:-1], sentinels)
    if len(kept) != len(spans) or spans[0]:
        raise DataError(
            f"Inputs with {len(kept) - 1} sentinels and targets with {len(spans) - 1} do not make a text",
            fix="Pass both as they came from corrupt, with its sentinels",
        )
    return [token for gap, span in zip(kept, spans, strict=True) for token in (*span, *gap)]


def _cut(ids: Sequence[int], sentinels: Sequence[int]) -> list[list[int]]:
    """What stands before the first sentinel, and after each one; they count in their order only."""
    pieces: list[list[int]] = [[]]
    for token in ids:
        if len(pieces) <= len(sentinels) and token == sentinels[len(pieces) - 1]:
            pieces.append([])
        else:
            pieces[-1].append(token)
    return pieces


def _parts(total: int, count: int, generator: Random) -> list[int]:
    """``total`` as the sum of ``count`` positive numbers, every such list equally likely."""
    cuts = [0, *sorted(generator.sample(range(1, total), count - 1)), total]
    return [end - start for start, end in pairwise(cuts)]
