"""Sentences as rows of pieces: cut, refused if too long, sorted into batches, padded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isogloss.bridges.base import Span
from isogloss.errors import ResourceError

if TYPE_CHECKING:
    import torch

MOST_SENTENCES, MOST_PIECES = 64, 4096
MOST_GROWTH = 2.5
"""Target pieces for each source piece, at most."""
BLANKS = "\u200b\u2060\ufeff"


@dataclass(frozen=True, slots=True)
class Pieces:
    """A text as pieces, without the end, and where each lies in it, the blanks before it left out."""

    ids: tuple[int, ...]
    offsets: tuple[Span, ...]


def trimmed(text: str, start: int, end: int) -> Span:
    """A span without the blanks at its start."""
    while start < end and (text[start].isspace() or text[start] in BLANKS):
        start += 1
    return start, end


def refuse_long(texts: Sequence[str], cut: Sequence[Pieces], most: int, name: str) -> None:
    """Raise ResourceError if a text has more than ``most`` pieces, which is what the translator ``name`` reads."""
    for text, pieces in zip(texts, cut, strict=True):
        if len(pieces.ids) > most:
            raise ResourceError(
                f"A sentence of {len(pieces.ids)} pieces ('{text[:40]}...') is longer than {name} reads ({most})",
                fix="Cut it into sentences",
            )


def limits(sizes: Sequence[int]) -> dict[int, list[int]]:
    """For engines that take one limit a batch: which texts may become how many pieces.

    A text's limit must not depend on the texts it is translated with, so it is that of the next power of two.
    """
    found: dict[int, list[int]] = {}
    for number, size in enumerate(sizes):
        found.setdefault(int(MOST_GROWTH * (1 << max(0, size - 1).bit_length())) + 10, []).append(number)
    return found


def batches(numbers: Sequence[int], sizes: Sequence[int], most_pieces: int = MOST_PIECES) -> Iterator[list[int]]:
    """The numbers in batches of like size, the longest first: at most 64 sentences and ``most_pieces`` with padding.

    A single sentence may be longer than that.
    """
    batch: list[int] = []
    for number in sorted(numbers, key=lambda n: (-sizes[n], n)):
        if batch and (len(batch) == MOST_SENTENCES or (len(batch) + 1) * sizes[batch[0]] > most_pieces):
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


def padded(rows: Sequence[Sequence[int]], padding: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of pieces as B x S integers, padded on the right, and B x S booleans that are false at padding."""
    import torch

    longest = max(map(len, rows), default=0)
    pieces_BS = torch.tensor([[*row, *[padding] * (longest - len(row))] for row in rows], dtype=torch.long)
    return pieces_BS, torch.arange(longest) < torch.tensor([len(row) for row in rows])[:, None]
