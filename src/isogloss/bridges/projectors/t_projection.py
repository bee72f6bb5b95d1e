"""T-Projection: candidate spans of the target are compared with the source span by how well they translate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Le

from isogloss.bridges.base import Ability, Outcome, Parallel, Projection, Projector, Span, Translator
from isogloss.bridges.projectors.candidates import Generator, ngrams, occurrences
from isogloss.errors import RecipeError, ResourceError
from isogloss.languages.scripts import units

if TYPE_CHECKING:
    import numpy as np

MOST_PARTIAL = 4096
"""Partial assignments kept at a time; with up to 12 spans in a sentence none is ever left out."""


class Likeness:
    """NMTScore-direct between short texts of two languages, both ways (Vamvas and Sennrich, EMNLP Findings 2022).

    s(a, b) = 1/2 [p(a|b) / p(a|a) + p(b|a) / p(b|b)], p the geometric mean of the probabilities of the pieces, the end
    counted. Each p(x|y) comes from the direction that writes x's language; p(x|x) has x on both sides of the same
    direction. So s(a, a) = 1, s is the same from either side, and it can exceed 1 a little. Every pair of strings is
    scored once, in batches.

    Args:
        translator: of both directions, with the ability ``score``.
        source: language of the first texts.
        target: language of the second texts.
    """

    def __init__(self, translator: Translator, source: str, target: str) -> None:
        self.translator, self.langs = translator, (source, target)
        self.known: dict[tuple[bool, str, str], float] = {}

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """The value of s for each (source text, target text)."""
        wanted = [key for one, other in pairs for key in self._keys(one, other)]
        self._score(wanted)
        values = []
        for one, other in pairs:
            back, itself, forth, other_itself = (self.known[key] for key in self._keys(one, other))
            values.append((math.exp(back - itself) + math.exp(forth - other_itself)) / 2)
        return values

    @staticmethod
    def _keys(one: str, other: str) -> tuple[tuple[bool, str, str], ...]:
        # (whether the target language is written, what is read, what is written)
        return (False, other, one), (False, one, one), (True, one, other), (True, other, other)

    def _score(self, keys: Iterable[tuple[bool, str, str]]) -> None:
        new = [key for key in dict.fromkeys(keys) if key not in self.known]
        for forth in (False, True):
            some = [key for key in new if key[0] is forth]
            if some:
                langs = self.langs if forth else self.langs[::-1]
                scored = self.translator.score([key[1:] for key in some], *langs)
                self.known.update((key, float(one.log_probs.mean())) for key, one in zip(some, scored, strict=True))


@dataclass(frozen=True, kw_only=True)
class TProjection(Projector):
    """Candidates, compared by translation probability (García-Ferrero et al., "T-Projection", EMNLP Findings 2023).

    A span's candidates are all runs of words that hold no punctuation, or what a text-to-text model that was
    fine-tuned on the labelled source data fills into a skeleton of the source's types; of the latter only what occurs
    in the target. Each is compared with the source span by :class:`Likeness`. The score of an outcome is that number,
    at most 1. Comparing is costly, so that runs of words go through a cheaper choice first: for each word of the target
    the translation of the source span is scored once along the ``longest`` words that begin there, and the
    ``shortlist`` runs whose pieces so far are the most probable on average are compared.

    Repeated spans take an occurrence each: a run of words is a place, not a string, and no two places that are taken
    overlap (the public code maps all to the first free occurrence).

    Attributes:
        candidates: ``ngrams`` or ``generator``.
        longest: words of a run, at most.
        shortlist: runs of words that are compared for each span; 0 for all of them.
        generator: the text-to-text model, a folder or a name, where candidates come from it.
        beams: outputs of the generator for each sentence.
        inside_words: whether a candidate of the generator may be a part of the target's words (agglutinative targets).
        assignment: ``greedy`` in the order of the source, as in the paper, or ``optimal``: the largest sum of scores
            over all assignments without overlap (what the Hungarian method gives where no candidates overlap).
        least: score below which a span counts as lost.
        length_ratio: a run is left out if it has more than so many times the span's characters, or the other way
            round; 8 characters more never count.
    """

    name: ClassVar[str] = "t_projection"
    needs: ClassVar[tuple[Ability, ...]] = ("score",)

    candidates: Literal["ngrams", "generator"] = "ngrams"
    longest: Annotated[int, Ge(1)] = 8
    shortlist: Annotated[int, Ge(0)] = 12
    generator: str | None = None
    beams: Annotated[int, Ge(1)] = 25
    inside_words: bool = False
    assignment: Literal["greedy", "optimal"] = "greedy"
    least: Annotated[float, Ge(0), Le(1)] = 0.0
    length_ratio: Annotated[float, Gt(0)] = 4.0

    def __post_init__(self) -> None:
        if (self.candidates == "generator") != (self.generator is not None):
            raise RecipeError(
                "T-Projection's candidates come from n-grams or from a generator's model, one of the two",
                fix="Set candidates=generator together with generator=MODEL, or neither",
            )

    def __call__(
        self, items: Sequence[Parallel], translator: Translator | None, source: str, target: str
    ) -> list[Projection]:
        if translator is None or "score" not in translator.abilities:
            who = "there is none" if translator is None else f"{translator.id} does not give them"
            raise ResourceError(f"The projector t_projection needs a translator's probabilities, and {who}")
        for pair in ((source, target), (target, source)):
            if not translator.serves(*pair):
                raise ResourceError(
                    f"The projector t_projection needs both directions, and {translator.id} does not translate from "
                    f"{pair[0]} to {pair[1]}",
                    fix="Choose another translator or another projector",
                )
        places = self._places(items, translator, source, target)
        pairs = [
            (item.source[start:end], item.target[slice(*place)])
            for item, spans in zip(items, places, strict=True)
            for (start, end, _), several in zip(item.spans, spans, strict=True)
            for place in several
        ]
        scores = iter(Likeness(translator, source, target)(pairs))
        results = []
        for item, spans in zip(items, places, strict=True):
            scored = [[(place, value) for place, value in zip(one, scores, strict=False)] for one in spans]
            results.append(Projection.of(item, self._outcomes(scored)))
        return results

    def _places(
        self, items: Sequence[Parallel], translator: Translator, source: str, target: str
    ) -> list[list[list[Span]]]:
        """For each item and span the places that are compared."""
        words = [units(item.target) if item.target_units is None else list(item.target_units) for item in items]
        if self.generator is not None:
            pooled = Generator(self.generator, self.beams)(items)
            return [
                [
                    sorted({
                        place
                        for text in by_type[kind]
                        for place in occurrences(item.target, there, text, inside_words=self.inside_words)
                    })
                    for _, _, kind in item.spans
                ]
                for item, there, by_type in zip(items, words, pooled, strict=True)
            ]  # fmt: skip
        every = [
            [
                [run for run in runs if self._alike_in_length(end - start, run[1] - run[0])]
                for start, end, _ in item.spans
            ]
            for item, there in zip(items, words, strict=True)
            for runs in [ngrams(item.target, there, self.longest) if item.spans else []]
        ]
        return self._shortlisted(items, every, translator, source, target) if self.shortlist else every

    def _alike_in_length(self, one: int, other: int) -> bool:
        # Short words may be written out in the other language: a few characters more never count.
        return max(one, other) <= self.length_ratio * min(one, other) + 8

    def _shortlisted(
        self, items: Sequence[Parallel], every: list[list[list[Span]]], translator: Translator, source: str, target: str
    ) -> list[list[list[Span]]]:
        asked = [
            (number, which, start, max(end for begin, end in runs if begin == start))
            for number, spans in enumerate(every)
            for which, runs in enumerate(spans)
            if len(runs) > self.shortlist
            for start in dict.fromkeys(begin for begin, _ in runs)
        ]
        pairs = [
            (items[n].source[slice(*items[n].spans[which][:2])], items[n].target[start:end])
            for n, which, start, end in asked
        ]
        unique = list(dict.fromkeys(pairs))
        scored = dict(zip(unique, translator.score(unique, source, target), strict=True)) if unique else {}
        ranks: dict[tuple[int, int], list[tuple[float, Span]]] = {}
        for (number, which, start, _), pair in zip(asked, pairs, strict=True):
            one = scored[pair]
            means = _means_by_end(one.log_probs, [start + end for _, end in one.offsets])
            ranks.setdefault((number, which), []).extend(
                (means.get(run[1], max(means.values(), default=0.0)), run)
                for run in every[number][which]
                if run[0] == start
            )
        return [
            [
                [run for _, run in sorted(ranks[n, which], key=lambda r: -r[0])[: self.shortlist]]
                if (n, which) in ranks
                else runs
                for which, runs in enumerate(spans)
            ]
            for n, spans in enumerate(every)
        ]

    def _outcomes(self, scored: Sequence[Sequence[tuple[Span, float]]]) -> list[Outcome]:
        chosen = (greedily if self.assignment == "greedy" else optimally)(scored)
        outcomes = []
        for candidates, best in zip(scored, chosen, strict=True):
            if best is None:
                outcomes.append(Outcome(span=None, score=0.0, reason="overlap" if candidates else "not_found"))
            elif best[1] < self.least:
                outcomes.append(Outcome(span=None, score=0.0, reason="low_score"))
            else:
                outcomes.append(Outcome(span=best[0], score=min(best[1], 1.0)))
        return outcomes


Scores = Sequence[Sequence[tuple[Span, float]]]


def greedily(scored: Scores) -> list[tuple[Span, float] | None]:
    """In order, for each span its best candidate that is still free; among equals the first in the sentence."""
    chosen: list[tuple[Span, float] | None] = []
    for candidates in scored:
        taken = [one[0] for one in chosen if one is not None]
        free = [one for one in candidates if not any(one[0][0] < end and start < one[0][1] for start, end in taken)]
        chosen.append(min(free, key=lambda one: (-one[1], one[0]), default=None))
    return chosen


def optimally(scored: Scores) -> list[tuple[Span, float] | None]:
    """The assignment without overlap of the largest sum of scores, found from left to right in the sentence.

    Exact with up to 12 spans; with more, the ``MOST_PARTIAL`` best partial assignments are kept, and the greedy one is
    taken where that is better.
    """
    # By the set of spans assigned: (sum, end of the last place, choices). A set has several entries where one has the
    # larger sum and another ends earlier; places are tried in the order of their starts.
    places = sorted((span, number, value) for number, row in enumerate(scored) for span, value in row)
    partial: dict[int, list[tuple[float, int, tuple[tuple[int, Span, float], ...]]]] = {0: [(0.0, 0, ())]}
    for (start, end), number, value in places:
        new: dict[int, tuple[float, int, tuple[tuple[int, Span, float], ...]]] = {}
        for done, entries in partial.items():
            if done >> number & 1:
                continue
            fitting = [entry for entry in entries if entry[1] <= start]
            if fitting:
                total, _, choices = max(fitting, key=lambda entry: entry[0])
                new[done | 1 << number] = (total + value, end, (*choices, (number, (start, end), value)))
        for done, entry in new.items():
            others = partial.get(done, [])
            if not any(other[0] >= entry[0] and other[1] <= entry[1] for other in others):
                partial[done] = [o for o in others if o[0] > entry[0] or o[1] < entry[1]] + [entry]
        if len(partial) > MOST_PARTIAL:
            best = sorted(partial, key=lambda done: -max(entry[0] for entry in partial[done]))[:MOST_PARTIAL]
            partial = {done: partial[done] for done in best}
    total, _, choices = max((entry for entries in partial.values() for entry in entries), key=lambda entry: entry[0])
    chosen: list[tuple[Span, float] | None] = [None] * len(scored)
    for number, span, value in choices:
        chosen[number] = (span, value)
    rival = greedily(scored)
    return rival if sum(one[1] for one in rival if one) > total else chosen


def _means_by_end(log_probs: np.ndarray, ends: Sequence[int]) -> dict[int, float]:
    """The mean log-probability of all pieces up to each place where one ends."""
    means: dict[int, float] = {}
    for count, end in enumerate(ends, start=1):
        means[end] = float(log_probs[:count].mean())
    return means
