"""Where in a sentence a string stands: the runs of words that look most like it."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Sequence
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from isogloss.languages.scripts import units

if TYPE_CHECKING:
    from isogloss.bridges.base import Parallel, Span

Found = tuple["Span", float]
"""A span and its likeness to what was looked for: difflib's ratio, in (0, 1]; 1 is equal but for case."""

BUDGET = 4_000_000
"""Pairs of characters compared for one string. Names need a few thousand; this bounds the time for whole paragraphs."""

EXACT = 1 - 1e-9
"""The cut-off that lets nothing but equal strings pass."""


def target_units(item: Parallel) -> tuple[Span, ...]:
    """The words of the target: those that the data define, or else those that its script suggests."""
    return tuple(units(item.target)) if item.target_units is None else item.target_units


def best_window(
    wanted: str, text: str, words: Sequence[Span], *, cutoff: float, near: float = 0.5, taken: Collection[Span] = ()
) -> Found | None:
    """The run of words most like ``wanted``, letter case apart, if its likeness is above ``cutoff``.

    Every run that could pass is compared, the most promising first, until no other can be better: a run's letters,
    counted regardless of order, bound its likeness from above. Runs that touch a span of ``taken`` are left out. Of
    equal ones the one that lies nearest to ``near``, a place between 0 (start of the text) and 1, is taken.
    """
    low = [char.lower() for char in text]  # one by one: the lower case of a string may depend on its neighbours
    goal = "".join(char.lower() for char in wanted)
    if not goal.strip():
        return None
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(goal)
    best, best_key, spent = None, (cutoff, -2.0), 0
    for bound, distance, start, end in sorted(_candidates(goal, low, words, cutoff, near, taken)):
        spent += len(goal) * (end - start)
        if -bound < best_key[0] or spent > BUDGET:
            break
        matcher.set_seq1("".join(low[start:end]))
        key = (matcher.ratio(), -distance)
        if key[0] > cutoff and key > best_key:
            best, best_key = ((start, end), key[0]), key
    return best


def _candidates(
    goal: str, low: Sequence[str], words: Sequence[Span], cutoff: float, near: float, taken: Collection[Span]
) -> list[tuple[float, float, int, int]]:
    """(-bound, distance from ``near``, start, end) of the runs whose bound is above the cut-off."""
    letters, found = Counter(goal), []
    longest = len(goal) * (2 - cutoff) / cutoff + 1e-6 if cutoff > 0 else float("inf")
    for first, (start, _) in enumerate(words):
        left, shared, size, at = letters.copy(), 0, 0, start
        for _, end in words[first:]:
            for char in "".join(low[at:end]):
                size += 1
                if left[char] > 0:
                    left[char] -= 1
                    shared += 1
            at = max(at, end)
            if size > longest or any(start < stop and begin < end for begin, stop in taken):
                break
            bound = 2 * shared / (size + len(goal))
            if bound > cutoff and start < end:
                found.append((-bound, abs(start / len(low) - near), start, end))
    return found


def place(
    wanted: Sequence[str], near: Sequence[float], text: str, words: Sequence[Span], *, cutoff: float
) -> list[Found | None]:
    """A window for each string, none of which overlap: the likest pair is settled first, then the next.

    So an exact copy is never lost to a vague one, and a name that occurs twice is found in two places.

    Args:
        wanted: S strings, some of them perhaps empty.
        near: S places between 0 and 1, where each is expected.
        text: where they are looked for.
        words: spans in ``text``, in order.
        cutoff: likeness that must be exceeded.
    """
    placed: list[Found | None] = [None] * len(wanted)
    taken: list[Span] = []
    queue: list[tuple[float, int, Span]] = []

    def look(number: int) -> None:
        if found := best_window(wanted[number], text, words, cutoff=cutoff, near=near[number], taken=taken):
            heapq.heappush(queue, (-found[1], number, found[0]))

    for number in range(len(wanted)):
        look(number)
    while queue:
        likeness, number, span = heapq.heappop(queue)
        if any(span[0] < end and start < span[1] for start, end in taken):
            look(number)
        else:
            placed[number] = (span, -likeness)
            taken.append(span)
    return placed


def source_places(item: Parallel) -> list[float]:
    """How far into the source each span begins, from 0 to 1."""
    return [start / max(len(item.source), 1) for start, _, _ in item.spans]
