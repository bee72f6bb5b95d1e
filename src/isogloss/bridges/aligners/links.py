"""From a table of similarities to links: which rows and columns belong together.

Shape letters: S source pieces (or words), T target pieces (or words). Every rule treats the two sides alike: the links
of the transposed table are the transposed links. Where a maximum is reached more than once, all who reach it count, so
that no rule depends on the order of rows and columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isogloss.bridges.base import Links, Span

Table = NDArray[np.floating[Any]]
Linked = NDArray[np.bool_]


def softmax_links(similarity_ST: Table, threshold: float) -> Linked:
    """Pairs whose probability exceeds ``threshold`` both among its row and among its column.

    The rule of awesome-align (Dou and Neubig, EACL 2021, section 2.1), which takes threshold 0.001 for raw products of
    mBERT's states. Returns S x T.
    """
    similarity = np.asarray(similarity_ST, dtype=np.float64)
    return np.asarray((_softmax(similarity, axis=1) > threshold) & (_softmax(similarity, axis=0) > threshold))


def mutual_argmax(similarity_ST: Table) -> Linked:
    """Pairs that are the most similar in their row and in their column ("inter" of SimAlign). Returns S x T."""
    similarity = np.asarray(similarity_ST)
    if not similarity.size:
        return np.zeros(similarity.shape, dtype=bool)
    return _row_argmax(similarity) & _row_argmax(similarity.T).T


def itermax(similarity_ST: Table, iterations: int = 2, alpha: float = 0.9) -> Linked:
    """Mutual maxima, found again and again among what is still without a link (Jalili Sabet et al., 2020, section 2.2).

    In later rounds a pair whose two sides are both linked is out; one with a linked side counts ``alpha`` times its
    similarity; so a word can get a second partner, but not at the cost of a word that has none.

    Args:
        similarity_ST: S x T.
        iterations: rounds; one is :func:`mutual_argmax`.
        alpha: in [0, 1].

    Returns:
        S x T.
    """
    similarity = np.asarray(similarity_ST, dtype=np.float64)
    linked = mutual_argmax(similarity)
    if not similarity.size:
        return linked
    # Discounting must make a pair less attractive: similarities below 0 are moved up before.
    similarity = similarity - min(0.0, float(similarity.min()))
    for _ in range(iterations - 1):
        taken = linked.any(axis=1, keepdims=True).astype(int) + linked.any(axis=0, keepdims=True)
        weights = np.array([1.0, alpha, 0.0])[taken]
        found = mutual_argmax(similarity * weights) & (similarity * weights > 0)
        if not (found & ~linked).any():
            break
        linked |= found
    return linked


def units_of_pieces(units: Sequence[Span], pieces: Sequence[Span]) -> list[tuple[int, ...]]:
    """For each piece the units that share a character with it; units and pieces in order. In linear time."""
    result: list[tuple[int, ...]] = []
    first = 0
    for start, end in pieces:
        while first < len(units) and units[first][1] <= start:
            first += 1
        last = first
        while start < end and last < len(units) and units[last][0] < end:
            last += 1
        result.append(tuple(unit for unit in range(first, last) if units[unit][1] > units[unit][0]))
    return result


def word_links(linked_ST: Linked, source: Sequence[Iterable[int]], target: Sequence[Iterable[int]]) -> Links:
    """Links of words from links of pieces: two words are linked if any of their pieces are.

    Args:
        linked_ST: links of pieces.
        source: for each of the S source pieces the words it belongs to.
        target: likewise for the T target pieces.
    """
    rows, columns = np.nonzero(linked_ST)
    return frozenset(
        (left, right)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        for left in source[row]
        for right in target[column]
    )


def transposed(links: Links) -> Links:
    """The links seen from the other side."""
    return frozenset((right, left) for left, right in links)


def agreement(one: Sequence[Links], other: Sequence[Links]) -> float:
    """Overlap of two sets of links for the same sentences (F1): 1 where they are the same, 0 where nothing is shared.

    With no link on either side there is nothing to agree on: 0.
    """
    both = sum(len(a & b) for a, b in zip(one, other, strict=True))
    total = sum(map(len, one)) + sum(map(len, other))
    return 2 * both / total if total else 0.0


def _row_argmax(similarity: Table) -> Linked:
    return np.asarray(similarity == similarity.max(axis=1, keepdims=True))


def _softmax(similarity: Table, axis: int) -> Table:
    if not similarity.size:
        return similarity
    exponents = np.exp(similarity - similarity.max(axis=axis, keepdims=True))
    return np.asarray(exponents / exponents.sum(axis=axis, keepdims=True))
