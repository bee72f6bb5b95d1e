"""Search for the best strings of an automaton under a step decoder: branch and bound, beam search, greedy search.

Scores are sums of log-probabilities over the whole vocabulary, the end of the sentence counted. By default they are not
renormalised over the pieces that the automaton allows: a renormalised score ranks strings differently, because it
forgives a model everything that was forbidden anyway.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from isogloss.bridges.automaton import Automaton, State
    from isogloss.bridges.base import StepDecoder


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """An accepted string.

    Attributes:
        pieces: without the end.
        curve: the log-probability of each prefix, the end counted as a piece: one value more than pieces.
    """

    pieces: tuple[int, ...]
    curve: tuple[float, ...]

    @property
    def score(self) -> float:
        """The log-probability of the whole string."""
        return self.curve[-1]


@dataclass(kw_only=True, slots=True)
class Cost:
    """What searches took, added up: hypotheses expanded and calls of the decoder."""

    nodes: int = 0
    calls: int = 0


@dataclass(frozen=True, slots=True)
class _Node:
    """A prefix: its last piece, its score and the prefix before it."""

    state: State
    piece: int
    score: float
    row: int
    """Of the decoder's state before the piece."""
    before: _Node | None

    def trace(self, end_score: float) -> Found:
        pieces: list[int] = []
        curve = [end_score]
        node: _Node | None = self
        while node is not None and node.before is not None:
            pieces.append(node.piece)
            curve.append(node.score)
            node = node.before
        return Found(pieces=tuple(reversed(pieces)), curve=tuple(reversed(curve)))


class _Best:
    """The k best strings so far and the bounds they set."""

    def __init__(self, best: int, alpha: int | None) -> None:
        self.best, self.alpha = best, alpha
        self.heap: list[tuple[float, int, Found]] = []
        self.offered = 0

    def bound(self, length: int) -> float:
        """What a prefix of ``length`` pieces must exceed. It holds as soon as there are k strings."""
        if len(self.heap) < self.best:
            return -math.inf
        worst = self.heap[0][2]
        return worst.score if self.alpha is None else worst.curve[min(length + self.alpha, len(worst.curve)) - 1]

    def offer(self, node: _Node, score: float) -> None:
        if len(self.heap) == self.best and score <= self.heap[0][0]:
            return
        self.offered += 1  # between equal scores the earlier string stays
        push = heapq.heappush if len(self.heap) < self.best else heapq.heapreplace
        push(self.heap, (score, -self.offered, node.trace(score)))

    def sorted(self) -> list[Found]:
        return [found for _, _, found in sorted(self.heap, key=lambda entry: entry[:2], reverse=True)]


def branch_and_bound(
    decoder: StepDecoder,
    begun: Any,
    automaton: Automaton,
    *,
    best: int = 1,
    alpha: int | None = None,
    batch: int = 16,
    renormalise: bool = False,
    cost: Cost | None = None,
) -> list[Found]:
    """The ``best`` accepted strings of the highest probability, the best first (CODEC, section 3.2).

    Depth first: the children of a batch of prefixes are sorted by score and expanded in batches, the best batch first.
    A child is cut where its score is not above the bound of its length. The k-th best string sets the bound: with
    ``alpha=None`` its final score, which is exact because a score can only fall with every further piece; otherwise
    its score ``alpha`` pieces further on, a heuristic that is fast, mostly keeps the best string and may lose others.
    Prefixes are cut again when their turn comes, so those of a batch that waited meet the bound of the moment. The
    public code starts to bound with k + 1 strings, lets a pruned child through at the edge of a batch and recurses as
    deep as the sentence is long; none of it here.

    Args:
        decoder: where the probabilities come from.
        begun: a state of the decoder before the first piece.
        automaton: which strings are accepted; finite.
        best: how many strings.
        alpha: how far ahead the heuristic bound looks, at least 0; None for the exact one.
        batch: prefixes expanded at a time.
        renormalise: whether probabilities are made to sum to 1 over the allowed pieces.
        cost: counts what the search takes.
    """
    found = _Best(best, alpha)
    cost = cost or Cost()
    root = _Node(automaton.start, -1, 0.0, 0, None)
    stack: list[tuple[Any, int, list[_Node]]] = [(begun, 0, [root])]
    while stack:
        state, length, waiting = stack.pop()
        nodes = [node for node in waiting if node.score > found.bound(length)]
        if not nodes:
            continue
        state, children = _expand(decoder, state, automaton, nodes, renormalise, cost, found)
        bound = found.bound(length + 1)
        children = [child for child in children if child.score > bound]
        children.sort(key=lambda child: child.score, reverse=True)
        for start in reversed(range(0, len(children), batch)):
            stack.append((state, length + 1, children[start : start + batch]))
    return found.sorted()


def beam_search(
    decoder: StepDecoder,
    begun: Any,
    automaton: Automaton,
    *,
    beams: int = 4,
    best: int = 1,
    per_piece: bool = False,
    renormalise: bool = False,
    cost: Cost | None = None,
) -> list[Found]:
    """Up to ``best`` accepted strings, found with ``beams`` prefixes of each length.

    Finished strings take no place in the beam. With as many beams as there are strings nothing is lost.

    Args:
        decoder: where the probabilities come from.
        begun: a state of the decoder before the first piece.
        automaton: which strings are accepted; finite.
        beams: prefixes kept of each length.
        best: how many strings.
        per_piece: whether finished strings are ranked by mean log-probability, the end counted, not by the sum.
        renormalise: whether probabilities are made to sum to 1 over the allowed pieces.
        cost: counts what the search takes.
    """
    finished = _All()
    cost = cost or Cost()
    nodes = [_Node(automaton.start, -1, 0.0, 0, None)]
    state = begun
    while nodes:
        state, children = _expand(decoder, state, automaton, nodes, renormalise, cost, finished)
        nodes = sorted(children, key=lambda child: child.score, reverse=True)[:beams]
        if not per_piece and len(finished.strings) >= best:
            # A sum can only fall: what is behind the best finished strings now stays behind.
            bound = sorted((string.score for string in finished.strings), reverse=True)[best - 1]
            nodes = [node for node in nodes if node.score > bound]
    rank = (lambda string: string.score / len(string.curve)) if per_piece else (lambda string: string.score)
    return sorted(finished.strings, key=rank, reverse=True)[:best]


def greedy(
    decoder: StepDecoder,
    begun: Any,
    automaton: Automaton,
    *,
    renormalise: bool = False,
    cost: Cost | None = None,
) -> Found | None:
    """The string of the most probable allowed piece at every step; None where that leads nowhere."""
    found = beam_search(decoder, begun, automaton, beams=1, renormalise=renormalise, cost=cost)
    return found[0] if found else None


class _All:
    """All finished strings."""

    def __init__(self) -> None:
        self.strings: list[Found] = []

    def offer(self, node: _Node, score: float) -> None:
        self.strings.append(node.trace(score))


def _expand(
    decoder: StepDecoder,
    state: Any,
    automaton: Automaton,
    nodes: Sequence[_Node],
    renormalise: bool,
    cost: Cost,
    finished: _Best | _All,
) -> tuple[Any, list[_Node]]:
    """One call of the decoder: its new state, and the children of all nodes; finished strings are offered."""
    if nodes[0].before is None:
        log_probs_NV, state = decoder.step(state, None)
    else:
        state = decoder.select(state, [node.row for node in nodes])
        log_probs_NV, state = decoder.step(state, [node.piece for node in nodes])
    cost.nodes += len(nodes)
    cost.calls += 1
    children: list[_Node] = []
    for row, node in enumerate(nodes):
        following = automaton.next(node.state)
        accepts = automaton.accepts(node.state)
        pieces = [*following, decoder.end] if accepts else list(following)
        if not pieces:
            continue
        gained = log_probs_NV[row, pieces].astype(np.float64)
        if renormalise:
            gained -= np.logaddexp.reduce(gained)
        scores = (node.score + gained).tolist()
        if accepts:
            finished.offer(node, scores[-1])
        children.extend(
            _Node(after, piece, score, row, node)
            for (piece, after), score in zip(following.items(), scores, strict=False)
        )
    return state, children
