"""CODEC: the translation stays as it is; a search under the translator finds where a span's markers belong in it."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt

from isogloss.bridges.automaton import Marker, OneSpan
from isogloss.bridges.base import Ability, Outcome, Parallel, Projection, Projector, Span, Translator
from isogloss.bridges.projectors.template import Template
from isogloss.bridges.search import Found, beam_search, branch_and_bound
from isogloss.errors import ResourceError

if TYPE_CHECKING:
    from isogloss.bridges.base import StepDecoder

MARKERS: dict[str, tuple[str, str]] = {
    "brackets": ("[", "]"),
    "quotes": ('"', '"'),
    "parentheses": ("(", ")"),
    "stars": ("*", "*"),
}
"""What a translator may have seen; in the order in which one stands in for another."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A place where a span may be.

    Attributes:
        span: [start, end) in the target.
        text: what stands there.
        log_prob: of the target with markers, given the source with markers.
        nll: negative log-likelihood of the source span given ``text``, in nats, summed over pieces; None if unknown.
        likeness: difflib's ratio to the source span or to its own translation, the larger one, in [0, 1].
    """

    span: Span
    text: str
    log_prob: float
    nll: float | None = None
    likeness: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Codec(Projector):
    """Constrained decoding of markers (Le et al., "Constrained Decoding for Cross-lingual Label Projection", 2024).

    Each span is put between markers in the source, one at a time. Under the translator, given that source, the best
    places for an opening and a closing marker in the given target are searched for; nothing else may be written, so
    that the target stays what it is. Three steps as in the paper: positions for the opening marker are those whose
    probability the source's marker changes; a branch-and-bound search keeps the ``k`` best; these are ranked anew by
    how well their text alone translates back into the source span. Last comes a rule of choice (:func:`choose`).

    Source markers touch the words they enclose, or stand apart from them where ``spaced`` holds ("[ Lisboa ]"). In the
    target the pieces of a word are the same with and without a marker before it: the opening is written as it is after
    a space, the closing as it is after a letter, or after a space where ``spaced`` holds. A sentence that itself has
    the marker's characters gets the next of ``MARKERS``. Without a translator of the other direction there is no
    re-ranking: the rule of choice then goes by likeness alone, and by the search.

    What differs from the public code: markers of several pieces; by default they stand at the boundaries of words
    only (there an opening is moved left after the search; ``boundaries="pieces"`` does so, and moves closings right,
    which is ours); a lost span does not cost the others of its sentence, which ``Projection.complete`` tells apart;
    the score, which the paper does not have, is the share of the chosen place in the probability of all places
    found, and for ``greedy`` the geometric mean of the probabilities of the markers' pieces.

    Attributes:
        mode: ``exact`` search, with the ``heuristic`` bound, or ``greedy``: the most probable piece at every step.
        k: places that are found and ranked anew; greedy search finds one.
        alpha: how many pieces ahead the heuristic bound looks; None for the paper's 1 (train) and 5 (test).
        delta: change of a log-probability from which a position is a seed.
        near: change from which a position near a seed may have the opening.
        window: what is near, in pieces.
        prune: whether only such positions may have the opening; all may where there is no seed.
        marker: a name in ``MARKERS``.
        spaced: whether markers stand apart from what they enclose, in source and target.
        empty: whether nothing may stand between the markers; such a span is lost with the reason ``empty``. The paper
            lets the search find such places.
        boundaries: whether markers may stand at the boundaries of words or of pieces.
        rerank: whether places are ranked anew with the translator's other direction, where it has one.
        setting: which rule of choice: for training data (``train``: the paper's translate-train) or for predictions
            carried back (``test``: translate-test).
        batch: prefixes expanded at a time.
    """

    name: ClassVar[str] = "codec"
    needs: ClassVar[tuple[Ability, ...]] = ("score", "decode")

    mode: Literal["exact", "heuristic", "greedy"] = "heuristic"
    k: Annotated[int, Ge(1)] = 5
    alpha: Annotated[int, Ge(0)] | None = None
    delta: Annotated[float, Gt(0)] = 0.5
    near: Annotated[float, Ge(0)] = 0.1
    window: Annotated[int, Ge(0)] = 5
    prune: bool = True
    marker: Literal["brackets", "quotes", "parentheses", "stars"] = "brackets"
    spaced: bool = False
    empty: bool = True
    boundaries: Literal["words", "pieces"] = "words"
    rerank: bool = True
    setting: Literal["train", "test"] = "train"
    batch: Annotated[int, Ge(1)] = 16

    def __call__(
        self, items: Sequence[Parallel], translator: Translator | None, source: str, target: str
    ) -> list[Projection]:
        if translator is None or not translator.abilities.issuperset(self.needs):
            who = "There is no translator" if translator is None else f"The translator {translator.id} cannot do it"
            raise ResourceError(f"{who}: the projector codec needs the probabilities of a translator's pieces")
        decoder = translator.decoder(source, target)
        templates = [Template.of(item, decoder) for item in items]
        markers = [self._marker(item) for item in items]
        marked = [
            [_marked(item.source, span[:2], marker, self.spaced) for span in item.spans]
            for item, marker in zip(items, markers, strict=True)
        ]
        openings = self._openings(items, templates, marked, translator, source, target)
        found: list[list[list[tuple[Candidate, float]]]] = [
            [
                self._search(decoder, text, template, _pieces(decoder, marker, self.spaced), allowed)
                for text, allowed in zip(texts, sets, strict=True)
            ]
            for template, texts, sets, marker in zip(templates, marked, openings, markers, strict=True)
        ]
        ranked = self._ranked(items, found, translator, source, target)
        return [
            Projection.of(item, [self._outcome(candidates, template) for candidates in spans])
            for item, template, spans in zip(items, templates, ranked, strict=True)
        ]

    def _marker(self, item: Parallel) -> tuple[str, str]:
        wanted = MARKERS[self.marker]
        free = (pair for pair in (wanted, *MARKERS.values()) if not any(c in item.source + item.target for c in pair))
        return next(free, wanted)

    def _openings(
        self,
        items: Sequence[Parallel],
        templates: Sequence[Template],
        marked: Sequence[Sequence[str]],
        translator: Translator,
        source: str,
        target: str,
    ) -> list[list[Collection[int]]]:
        """For each span the positions before which the opening may stand."""
        every = [template.openings if self.boundaries == "words" else template.everywhere for template in templates]
        if not self.prune:
            return [[allowed] * len(texts) for allowed, texts in zip(every, marked, strict=True)]
        pairs = [
            (text, item.target) for item, texts in zip(items, marked, strict=True) for text in (item.source, *texts)
        ]
        scored = iter(translator.score([pair for pair in pairs if pair[1].strip()], source, target))
        kept: list[list[Collection[int]]] = []
        for item, template, allowed, texts in zip(items, templates, every, marked, strict=True):
            if not item.target.strip():
                kept.append([allowed] * len(texts))
                continue
            plain, *others = (next(scored).log_probs for _ in range(len(texts) + 1))
            if len(plain) != len(template.pieces) + 1:
                raise ResourceError(
                    f"The translator {translator.id} cuts a text in two ways: when scoring and decoding"
                )
            kept.append(
                [move_left(likely_openings(other - plain, self.delta, self.near, self.window), allowed) or allowed
                 for other in others]
            )  # fmt: skip
        return kept

    def _search(
        self, decoder: StepDecoder, text: str, template: Template, marker: Marker, openings: Collection[int]
    ) -> list[tuple[Candidate, float]]:
        """The places found, the best first, each with the mean log-probability of the markers' pieces."""
        if not template.pieces:
            return []
        automaton = OneSpan(
            template.pieces,
            marker,
            openings=openings,
            closings=template.closings | set(openings) if self.boundaries == "words" else None,
            empty=self.empty,
        )
        begun = decoder.begin(text)
        if self.mode == "greedy":
            found = beam_search(decoder, begun, automaton, beams=1)
        else:
            ahead = self.alpha if self.alpha is not None else 1 if self.setting == "train" else 5
            alpha = None if self.mode == "exact" else ahead
            found = branch_and_bound(decoder, begun, automaton, best=self.k, alpha=alpha, batch=self.batch)
        return [_candidate(string, automaton, template) for string in found]

    def _ranked(
        self,
        items: Sequence[Parallel],
        found: Sequence[Sequence[Sequence[tuple[Candidate, float]]]],
        translator: Translator,
        source: str,
        target: str,
    ) -> list[list[list[tuple[Candidate, float]]]]:
        """The places with ``nll`` and ``likeness``; every distinct string goes through the translator once."""
        back = self.rerank and translator.serves(target, source)
        entities = [[item.source[start:end] for start, end, _ in item.spans] for item in items]
        pairs = {
            (candidate.text, entity): math.inf
            for row, names in zip(found, entities, strict=True)
            for candidates, entity in zip(row, names, strict=True)
            for candidate, _ in candidates
            if candidate.text
        }
        if back:
            for pair, scored in zip(pairs, translator.score(list(pairs), target, source), strict=True):
                pairs[pair] = -float(np.sum(scored.log_probs))
        alone: dict[str, str] = {}
        if self.setting == "train":
            names = list(dict.fromkeys(name for row in entities for name in row))
            translations = translator.translate(names, source, target)
            alone = {name: best[0].text if best else "" for name, best in zip(names, translations, strict=True)}

        def completed(candidate: Candidate, entity: str) -> Candidate:
            return Candidate(
                span=candidate.span,
                text=candidate.text,
                log_prob=candidate.log_prob,
                nll=pairs.get((candidate.text, entity), math.inf) if back else None,
                likeness=max(likeness(candidate.text, entity), likeness(candidate.text, alone.get(entity, ""))),
            )

        return [
            [
                [(completed(candidate, entity), mean) for candidate, mean in candidates]
                for candidates, entity in zip(row, names, strict=True)
            ]
            for row, names in zip(found, entities, strict=True)
        ]

    def _outcome(self, found: Sequence[tuple[Candidate, float]], template: Template) -> Outcome:
        candidates = [candidate for candidate, _ in found]
        if not candidates:
            return Outcome(span=None, score=0.0, reason="empty" if not template.pieces else "not_found")
        number = choose(candidates, self.setting)
        if number is None:
            return Outcome(span=None, score=0.0, reason="low_score")
        if not candidates[number].text:
            return Outcome(span=None, score=0.0, reason="empty")
        if self.mode == "greedy":
            score = math.exp(found[number][1])
        else:
            shares = np.exp([candidate.log_prob - candidates[0].log_prob for candidate in candidates])
            score = float(shares[number] / shares.sum())
        return Outcome(span=template.snapped(candidates[number].span), score=min(score, 1.0))


def likely_openings(change: np.ndarray, delta: float, near: float, window: int) -> frozenset[int]:
    """Positions before which an opening marker may belong (CODEC, section 3.1); none where nothing changes enough.

    Args:
        change: T + 1 differences of log-probabilities that the marker in the source makes; the last is the end's.
        delta: from which absolute difference a position is a seed.
        near: from which a position up to ``window`` from a seed is kept.
        window: in pieces.
    """
    size = np.abs(change)
    seeds = np.flatnonzero(size >= delta)
    kept = np.flatnonzero(size >= min(near, delta))
    return frozenset(int(j) for j in kept if len(seeds) and np.abs(seeds - j).min() <= window)


def move_left(positions: Collection[int], allowed: Collection[int]) -> frozenset[int]:
    """Each position moved to the nearest allowed one at or before it; those without one are left out."""
    before = (max((a for a in allowed if a <= position), default=-1) for position in positions)
    return frozenset(position for position in before if position >= 0)


def likeness(one: str, other: str) -> float:
    """How alike two strings are: difflib's ratio."""
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def choose(candidates: Sequence[Candidate], setting: Literal["train", "test"]) -> int | None:
    """The number of the place to take, or None where none is good enough.

    Training data: places that are neither alike (ratio above 0.5) nor probable (nll below 5) are out; one that is very
    alike (0.9) is taken, the most alike one, among equals the one of lower nll. Otherwise, and always for predictions,
    the places are gone through by nll: the first one within the text of the best place of the search, of lower nll
    than that, is taken, else the best place itself. Without nll only likeness can put a place forward, and none is out.

    Args:
        candidates: in the order of the search, the best first.
        setting: training data or predictions.
    """
    known = candidates[0].nll is not None
    nll = [math.inf if candidate.nll is None else candidate.nll for candidate in candidates]
    kept = list(range(len(candidates)))
    if setting == "train":
        if known:
            kept = [n for n in kept if candidates[n].likeness > 0.5 or nll[n] < 5]
        if not kept:
            return None
        alike = min(kept, key=lambda n: (-candidates[n].likeness, nll[n], n))
        if candidates[alike].likeness >= 0.9:
            return alike
    top = kept[0]
    for number in sorted(kept, key=lambda n: (nll[n], n)):
        if nll[number] >= nll[top]:
            break
        if candidates[number].text and candidates[number].text in candidates[top].text:
            return number
    return top


def _marked(text: str, span: Span, marker: tuple[str, str], spaced: bool) -> str:
    (start, end), (opening, closing), gap = span, marker, " " * spaced
    return f"{text[:start]}{opening}{gap}{text[start:end]}{gap}{closing}{text[end:]}"


def _pieces(decoder: StepDecoder, marker: tuple[str, str], spaced: bool) -> Marker:
    """The markers as pieces: the opening after a space, the closing after a space or, if not spaced, after a letter."""
    opening, closing = (decoder.pieces(text)[0] for text in marker)
    if spaced:
        return opening, closing
    letter, both = decoder.pieces("a")[0], decoder.pieces(f"a{marker[1]}")[0]
    return opening, both[len(letter) :] if both[: len(letter)] == letter else closing


def _candidate(string: Found, automaton: OneSpan, template: Template) -> tuple[Candidate, float]:
    start, end = automaton.read(string.pieces)[0]
    span = template.span(start, end)
    steps = np.diff((0.0, *string.curve))
    opening, closing = len(automaton.opening), len(automaton.closing)
    markers: Any = np.r_[start : start + opening, end + opening : end + opening + closing]
    return (
        Candidate(span=span, text=template.text[slice(*span)], log_prob=string.score),
        float(steps[markers].mean()),
    )
