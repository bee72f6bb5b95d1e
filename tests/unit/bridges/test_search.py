"""Search over automata: exact where it says so, honest about its cost where not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from isogloss.bridges.automaton import OneSpan, Tags
from isogloss.bridges.search import Cost, beam_search, branch_and_bound, greedy

END, OPEN, CLOSE, VOCABULARY = 0, 1, 2, 48


class Toy:
    """A step decoder whose probabilities depend on the whole prefix; a state is the list of its prefixes."""

    end = END

    def __init__(self, seed: int, sharpness: float = 1.0) -> None:
        self.seed, self.sharpness = seed, sharpness
        self.known: dict[tuple[int, ...], np.ndarray] = {}

    def begin(self, source_text: str) -> list[tuple[int, ...]]:
        return [()]

    def pieces(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        raise NotImplementedError

    def step(self, state: Any, pieces_N: Sequence[int] | None) -> tuple[np.ndarray, Any]:
        if pieces_N is not None:
            assert len(pieces_N) == len(state)
            state = [(*prefix, piece) for prefix, piece in zip(state, pieces_N, strict=True)]
        return np.stack([self.log_probs(prefix) for prefix in state]), state

    def select(self, state: Any, rows: Sequence[int]) -> Any:
        return [state[row] for row in rows]

    def log_probs(self, prefix: tuple[int, ...]) -> np.ndarray:
        if prefix not in self.known:
            logits = self.sharpness * np.random.default_rng((self.seed, *prefix)).normal(size=VOCABULARY)
            self.known[prefix] = (logits - np.logaddexp.reduce(logits)).astype(np.float32)
        return self.known[prefix]

    def score(self, pieces: Sequence[int], automaton: Any = None) -> float:
        """Of a whole string; renormalised over what an automaton allows, if one is given."""
        total, state = 0.0, automaton and automaton.start
        for n, piece in enumerate([*pieces, END]):
            log_probs = self.log_probs(tuple(pieces[:n])).astype(float)
            if automaton:
                allowed = [*automaton.next(state), *([END] if automaton.accepts(state) else [])]
                total -= np.logaddexp.reduce(log_probs[allowed])
                state = automaton.next(state).get(piece)
            total += log_probs[piece]
        return total


def one_span(n: int) -> OneSpan:
    return OneSpan([3 + number % 45 for number in range(n)], ((OPEN,), (CLOSE,)))


def marked(n: int) -> list[tuple[int, ...]]:
    template = one_span(n).template
    return [(*template[:i], OPEN, *template[i:j], CLOSE, *template[j:]) for i in range(n + 1) for j in range(i, n + 1)]


@pytest.mark.parametrize(("n", "hypotheses", "instances"), [(10, 66, 20), (20, 231, 6), (40, 861, 2)])
def test_exact_search_is_brute_force(n: int, hypotheses: int, instances: int) -> None:
    assert len(marked(n)) == hypotheses
    for seed in range(instances):
        toy = Toy(seed)
        scores: dict[tuple[int, ...], float] = {}
        totals: dict[tuple[int, ...], float] = {(): 0.0}
        for string in marked(n):
            for end in range(1, len(string) + 1):
                if string[:end] not in totals:
                    totals[string[:end]] = totals[string[: end - 1]] + float(
                        toy.log_probs(string[: end - 1])[string[end - 1]]
                    )
            scores[string] = totals[string] + float(toy.log_probs(string)[END])
        expected = sorted(scores, key=scores.__getitem__, reverse=True)[:5]
        found = branch_and_bound(toy, toy.begin(""), one_span(n), best=5)
        assert [string.pieces for string in found] == expected
        assert [string.score for string in found] == pytest.approx([scores[s] for s in expected], abs=1e-9)


def test_exact_search_does_not_depend_on_batches() -> None:
    """No child that ought to be cut slips through at the edge of a batch, and none is lost there."""
    toy = Toy(3)
    found = [branch_and_bound(toy, [()], one_span(12), best=4, batch=batch) for batch in (1, 2, 5, 16, 1000)]
    assert all(one == found[0] for one in found)


def test_without_a_bound_every_prefix_is_expanded() -> None:
    n, cost = 8, Cost()
    found = branch_and_bound(Toy(0), [()], one_span(n), best=1000, cost=cost)
    assert sorted(string.pieces for string in found) == sorted(marked(n))
    assert cost.nodes == len({string[:end] for string in marked(n) for end in range(len(string) + 1)})


def test_heuristic_bound() -> None:
    """The best string nearly always, ever more nodes for a wider look ahead, none above the exact search."""
    instances, right = 60, {1: 0, 5: 0}
    nodes: dict[int | None, int] = dict.fromkeys((0, 1, 5, 10, None), 0)
    for seed in range(instances):
        tops, toy = {}, Toy(seed, 2.0)
        for alpha in nodes:
            cost = Cost()
            tops[alpha] = branch_and_bound(toy, [()], one_span(10), best=5, alpha=alpha, cost=cost)[0]
            nodes[alpha] += cost.nodes
        for alpha in right:
            right[alpha] += tops[alpha] == tops[None]
    counts = list(nodes.values())
    assert counts == sorted(counts)
    assert counts[0] < 0.6 * counts[-1]
    assert min(right.values()) >= 0.95 * instances


def test_the_bound_holds_with_the_first_k_strings() -> None:
    """With the best string first, all others are cut: n + 3 prefixes of one string, and its siblings not expanded."""

    class Certain(Toy):
        def log_probs(self, prefix: tuple[int, ...]) -> np.ndarray:
            values = np.full(VOCABULARY, -20.0, np.float32)
            values[([OPEN, 3, 4, CLOSE, 5, END])[len(prefix) % 6]] = -1e-6
            return values

    cost = Cost()
    found = branch_and_bound(Certain(0), [()], OneSpan([3, 4, 5], ((OPEN,), (CLOSE,))), best=1, batch=1, cost=cost)
    assert found[0].pieces == (OPEN, 3, 4, CLOSE, 5)
    assert (cost.nodes, cost.calls) == (6, 6)


@pytest.mark.parametrize("renormalise", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_a_wide_beam_and_the_exact_search_agree_with_brute_force(seed: int, renormalise: bool) -> None:
    toy, automaton = Toy(seed), Tags([[3, 4], [5], [6]], {"A": ([7], [8]), "B": ([7, 9], [8, 10])})
    strings, waiting = [], [((), automaton.start)]
    while waiting:
        pieces, state = waiting.pop()
        strings += [pieces] if automaton.accepts(state) else []
        waiting += [((*pieces, piece), after) for piece, after in automaton.next(state).items()]
    scores = {string: toy.score(string, automaton if renormalise else None) for string in strings}
    expected = sorted(scores, key=scores.__getitem__, reverse=True)
    for found in (
        beam_search(toy, [()], automaton, beams=len(strings), best=3, renormalise=renormalise),
        branch_and_bound(toy, [()], automaton, best=3, renormalise=renormalise),
    ):
        assert [string.pieces for string in found] == expected[:3]
        assert found[0].score == pytest.approx(scores[expected[0]], abs=1e-6)
    by_mean = max(scores, key=lambda string: scores[string] / (len(string) + 1))
    mean = beam_search(toy, [()], automaton, beams=len(strings), per_piece=True, renormalise=renormalise)[0]
    assert mean.pieces == by_mean


def test_renormalised_probabilities_sum_to_one() -> None:
    found = branch_and_bound(Toy(1), [()], one_span(6), best=1000, renormalise=True)
    assert sum(np.exp(string.score) for string in found) == pytest.approx(1, abs=1e-6)


def test_greedy_takes_the_best_piece_at_every_step() -> None:
    toy, automaton = Toy(5), one_span(9)
    found = greedy(toy, [()], automaton)
    assert found is not None
    state, prefix = automaton.start, ()
    while not automaton.accepts(state):
        log_probs = toy.log_probs(prefix)
        piece = max(automaton.next(state), key=lambda p: log_probs[p])
        state, prefix = automaton.next(state)[piece], (*prefix, piece)
    assert found.pieces == prefix
    assert np.diff((0.0, *found.curve)).max() <= 0
    assert greedy(toy, [()], OneSpan([3], ((OPEN,), (CLOSE,)), openings=[])) is None


def test_a_long_sentence_needs_no_deep_recursion() -> None:
    class Flat(Toy):
        def log_probs(self, prefix: tuple[int, ...]) -> np.ndarray:
            return np.full(VOCABULARY, -1.0 if len(prefix) % 2 else -0.5, np.float32)

        def step(self, state: Any, pieces_N: Sequence[int] | None) -> tuple[np.ndarray, Any]:
            return np.full((len(state), VOCABULARY), -0.5, np.float32), state

    automaton = OneSpan([3] * 3000, ((OPEN,), (CLOSE,)), openings=[1500], closings=[1501])
    assert len(branch_and_bound(Flat(0), [()], automaton)[0].pieces) == 3002
