"""Masks for masked-language-model training: which pieces are hidden, and what stands in their place.

Masks are drawn anew each time a row is read, by default from torch's global generator, so that a training that was
broken off draws on where it was. Devlin et al., NAACL 2019, section 3.1, is where the shares of what replaces a piece
come from; whole words are hidden as in the later release of their models; the spans are those of Liu et al., CrossNER,
AAAI 2021, section 4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

# B rows, T pieces, N pieces that may stand in for a hidden one

Masking = Literal["tokens", "words", "spans"]
"""What is hidden at a time: single pieces, whole words, or pieces of which most have a hidden neighbour."""

NO_TARGET = -100
MASKED, REPLACED = 0.8, 0.1
"""Shares of chosen pieces that become the mask and that become another piece; the rest stay as they are."""


@dataclass(frozen=True, kw_only=True)
class Masked:
    """Rows with hidden pieces.

    Attributes:
        input_ids: what the network reads (B x T).
        targets: the hidden pieces (B x T), -100 where none is asked for.
    """

    input_ids: torch.Tensor
    targets: torch.Tensor


def mask_tokens(
    input_ids_BT: torch.Tensor,
    maskable_BT: torch.Tensor,
    *,
    mask_id: int,
    pieces_N: torch.Tensor,
    masking: Masking = "tokens",
    rate: float = 0.15,
    words_BT: torch.Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Masked:
    """Hide pieces: of the chosen ones 80 % become the mask, 10 % a piece drawn from ``pieces_N``, 10 % stay.

    Args:
        input_ids_BT: the pieces.
        maskable_BT: which may be hidden: not special tokens, not padding.
        mask_id: the piece that says "hidden".
        pieces_N: the pieces that may stand in for another.
        masking: what is chosen at a time.
        rate: expected share of the maskable pieces that are chosen.
        words_BT: for ``words``: a number for every piece, equal for the pieces of one word (see :func:`word_numbers`).
        generator: drawn from; torch's global one by default.
    """
    chosen_BT = choose_pieces(maskable_BT, masking=masking, rate=rate, words_BT=words_BT, generator=generator)
    fate_BT = _uniform(chosen_BT.shape, generator).to(chosen_BT.device)
    drawn_BT = torch.randint(len(pieces_N), chosen_BT.shape, generator=generator)
    others_BT = pieces_N.to(chosen_BT.device)[drawn_BT.to(chosen_BT.device)]
    inputs_BT = torch.where(chosen_BT & (fate_BT < MASKED), mask_id, input_ids_BT)
    replaced_BT = chosen_BT & (fate_BT >= MASKED) & (fate_BT < MASKED + REPLACED)
    return Masked(
        input_ids=torch.where(replaced_BT, others_BT, inputs_BT),
        targets=torch.where(chosen_BT, input_ids_BT, NO_TARGET),
    )


def choose_pieces(
    maskable_BT: torch.Tensor,
    *,
    masking: Masking = "tokens",
    rate: float = 0.15,
    words_BT: torch.Tensor | None = None,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Which pieces are asked for (B x T, boolean), each with probability ``rate``.

    Raises:
        ValueError: ``words`` without numbers of words.
    """
    maskable_BT = maskable_BT.bool()
    draws_BT = _uniform(maskable_BT.shape, generator).to(maskable_BT.device)
    if masking == "words":
        if words_BT is None:
            raise ValueError("whole words are masked by their numbers, and there are none")
        # All pieces of a word share the draw of the place that its number points at.
        draws_BT = draws_BT.gather(1, words_BT.clamp(min=0, max=draws_BT.shape[1] - 1))
    chosen_BT = maskable_BT & (draws_BT < rate)
    return joined(chosen_BT, maskable_BT) if masking == "spans" else chosen_BT


def joined(chosen_BT: torch.Tensor, maskable_BT: torch.Tensor) -> torch.Tensor:
    """CrossNER's rule: a chosen piece i that stands alone is let go, and joins the next chosen one, j, as j - 1.

    So the number of chosen pieces stays. What has been joined is not looked at again: of three pieces that stand alone
    the third waits for a fourth. A piece stays where it is when j - 1 may not be chosen. (The paper speaks of tokens
    that are put together; the rule in full is that of its code, where j may begin a run of several.)
    """
    result_BT = chosen_BT.clone()
    for result_T, maskable_T in zip(result_BT, maskable_BT.bool(), strict=True):
        waiting: int | None = None
        for start, length in _runs(result_T[None]).tolist():
            if waiting is not None and maskable_T[start - 1]:
                result_T[waiting], result_T[start - 1], waiting = False, True, None
            else:
                waiting = start if length == 1 else None
    return result_BT


def word_numbers(pieces: Sequence[str], word_ids: Sequence[int | None]) -> list[int]:
    """A number for every piece of a text, equal for the pieces of one word: the place of the word's first piece.

    A word begins where the tokenizer's own ``word_ids`` change and at pieces marked as beginnings (``▁``, ``Ġ``):
    some tokenizers do not split a text into words beforehand, and call all of it one.
    """
    numbers: list[int] = []
    last: int | None = None
    for place, (piece, word) in enumerate(zip(pieces, word_ids, strict=True)):
        begins = word is None or word != last or piece.startswith(("▁", "Ġ"))
        numbers.append(place if begins else numbers[-1])
        last = word
    return numbers


def masked_batch(
    batch: Mapping[str, torch.Tensor],
    *,
    mask_id: int,
    pieces_N: torch.Tensor,
    masking: Masking,
    rate: float,
    generator: torch.Generator | None = None,
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """A batch with ``input_ids``, ``maskable`` and ``words`` as the network's inputs, and the targets (B x T)."""
    masked = mask_tokens(
        batch["input_ids"], batch["maskable"], mask_id=mask_id, pieces_N=pieces_N, masking=masking, rate=rate,
        words_BT=batch["words"], generator=generator,
    )  # fmt: skip
    inputs = {name: value for name, value in batch.items() if name not in ("input_ids", "maskable", "words")}
    return inputs | {"input_ids": masked.input_ids}, masked.targets


def _runs(chosen_BT: torch.Tensor) -> torch.Tensor:
    """Start and length of every run of chosen pieces, row by row (R x 2)."""
    changes = torch.nn.functional.pad(chosen_BT.int(), (1, 1)).diff(dim=1)
    starts, ends = (changes == 1).nonzero()[:, 1], (changes == -1).nonzero()[:, 1]
    return torch.stack((starts, ends - starts), dim=1)


def _uniform(shape: torch.Size, generator: torch.Generator | None) -> torch.Tensor:
    """Drawn on the processor, whose generator checkpoints keep, whatever the device."""
    return torch.rand(shape, generator=generator)
