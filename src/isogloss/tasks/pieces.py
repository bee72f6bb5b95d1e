"""Where the encoder's pieces lie in the text, and which piece speaks for which word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Encoding

Offsets = tuple[int, int]

STRIDE = 64
"""Pieces that neighbouring windows of a long text share."""

BOUNDARY_MARKS = "▁Ġ"
"""Signs by which SentencePiece and byte-level tokenizers write a space."""


def piece_offsets(encoding: Encoding, text: str, sequence: int = 0) -> list[Offsets | None]:
    """Character offsets [start, end) of each piece of a text, surrounding white space left out.

    Where two texts are encoded together, ``sequence`` (0 or 1) says which one. None for pieces of the other, and for
    those that stand for no character of their own: special tokens, the prefix of a template, and bare word boundaries
    (tokenizers give the boundary before a Chinese sentence the offsets of its first character, so that offsets alone do
    not tell).
    """
    result: list[Offsets | None] = []
    for piece, (start, end), special, place in zip(
        encoding.tokens, encoding.offsets, encoding.special_tokens_mask, encoding.sequence_ids, strict=True
    ):
        if place != sequence:
            result.append(None)
            continue
        while start < end and text[start].isspace():
            start += 1
        while start < end and text[end - 1].isspace():
            end -= 1
        own = start < end and not special and piece.strip(BOUNDARY_MARKS)
        result.append((start, end) if own else None)
    return result


def align(units: Sequence[Offsets], pieces: Sequence[Offsets | None]) -> list[tuple[int, int]]:
    """(unit, piece) pairs: for each unit the first piece that shares a character with it, in order, in linear time."""
    spots = [(place, spot) for place, spot in enumerate(pieces) if spot is not None]
    pairs: list[tuple[int, int]] = []
    at = 0
    for unit, (start, end) in enumerate(units):
        while at < len(spots) and spots[at][1][1] <= start:
            at += 1
        if at < len(spots) and spots[at][1][0] < end:
            pairs.append((unit, spots[at][0]))
    return pairs


def owners(units: Sequence[Offsets], pieces: Sequence[Offsets | None]) -> list[int | None]:
    """For each piece the first unit that shares a character with it, None where there is none; in linear time."""
    result: list[int | None] = []
    at = 0
    for spot in pieces:
        if spot is None:
            result.append(None)
            continue
        while at < len(units) and units[at][1] <= spot[0]:
            at += 1
        result.append(at if at < len(units) and units[at][0] < spot[1] else None)
    return result
