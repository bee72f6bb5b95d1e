"""Every projector carries any spans over any sentences: nothing breaks, and what comes out is what a projection is.

A few thousand sentences from seeds and those that hypothesis writes; ``ISOGLOSS_SPANS=100000`` draws so many spans for
each projector.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isogloss.bridges.base import (
    Ability,
    Aligner,
    Attention,
    Bitext,
    Links,
    Parallel,
    Projection,
    Projector,
    Reason,
    Scored,
    Span,
    StepDecoder,
    Translation,
    Translator,
)
from isogloss.bridges.projectors import PROJECTORS, find_projector
from isogloss.bridges.projectors.align import Align
from isogloss.bridges.projectors.ensemble import Ensemble
from isogloss.bridges.projectors.markers import Markers
from isogloss.bridges.projectors.marks import SCHEMES
from isogloss.languages.scripts import units

SPANS = int(os.environ.get("ISOGLOSS_SPANS", "3000"))
SLOW = {"codec": 20, "t_projection": 20}
"""Projectors that search with a model are given so many times fewer."""

LETTERS = (
    "abc XYZ.,!?'-", "àéîõüçñ e\u0301", "我喜欢红色的面包。，", "اللغة العربية", "हिन्दी की", "ฉันชอบข้าว", "İıßΣς",
    "\u200b\u200d\u202e\ufeff", "\0\t\n\r", "\ud800\udfff", "[]()«»\"''<a></a><b id=\"1\"></b>&lt;", "👩‍🌾🇫🇷👍🏽",
)  # fmt: skip


class Noisy(Translator):
    """Has every ability and no sense: it drops, doubles, bends and moves pieces of what it is given."""

    id = "noisy"
    version = "1"
    abilities = frozenset(get_args(Ability))

    def serves(self, source: str, target: str) -> bool:
        return True

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, best: int = 1
    ) -> list[tuple[Translation, ...]]:
        return [
            tuple(Translation(text=noise(f"{text} {n}", text), score=-float(n)) for n in range(best)) for text in texts
        ]

    def translate_markup(self, texts: Sequence[str], source: str, target: str) -> list[str]:
        return [noise(text, text) for text in texts]

    def score(self, pairs: Sequence[tuple[str, str]], source: str, target: str) -> list[Scored]:
        return [
            Scored(log_probs=-generator(pair).random(len(spots) + 1) * 9, offsets=tuple(spots))
            for pair in pairs
            for _, spots in [NoisyDecoder().pieces(pair[1])]
        ]

    def attend(self, pairs: Sequence[tuple[str, str]], source: str, target: str) -> list[Attention]:
        found = []
        for pair in pairs:
            here, there = units(pair[0]), units(pair[1])
            weights_TS = generator(pair).random((len(there), len(here))).astype(np.float32)
            weights_TS /= np.maximum(weights_TS.sum(axis=1, keepdims=True), 1)
            found.append(Attention(weights_TS=weights_TS, source_offsets=tuple(here), target_offsets=tuple(there)))
        return found

    def decoder(self, source: str, target: str) -> StepDecoder:
        return NoisyDecoder()


class NoisyDecoder:
    """Pieces are characters, 128 of them as they are and the others by their last bits; probabilities are arbitrary."""

    end = 0
    entries = 512

    def pieces(self, text: str) -> tuple[list[int], list[Span]]:
        found = [n for n, char in enumerate(text) if not char.isspace()]
        return [1 + (ord(text[n]) if text[n] < "\x80" else 128 + ord(text[n]) % 256) for n in found], [
            (n, n + 1) for n in found
        ]

    def begin(self, source_text: str) -> Any:
        return [(seed_of(source_text),)]

    def step(self, state: Any, pieces_N: Sequence[int] | None) -> tuple[np.ndarray, Any]:
        grown = state if pieces_N is None else [(*row, piece) for row, piece in zip(state, pieces_N, strict=True)]
        logits = np.stack([np.random.default_rng(hash(row) % 2**32).normal(size=self.entries) for row in grown])
        return (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32), grown

    def select(self, state: Any, rows: Sequence[int]) -> Any:
        return [state[row] for row in rows]


@dataclass(frozen=True, kw_only=True)
class AnyLinks(Aligner):
    """Links that chance has drawn."""

    name: ClassVar[str] = "any"

    def __call__(self, bitexts: Sequence[Bitext], source: str, target: str) -> list[Links]:
        found = []
        for bitext in bitexts:
            rng = random.Random(seed_of(bitext.source + bitext.target))
            sizes = len(bitext.source_units), len(bitext.target_units)
            count = rng.randrange(2 * max(sizes) + 1)
            found.append(frozenset((rng.randrange(sizes[0]), rng.randrange(sizes[1])) for _ in range(count)))
        return found


def seed_of(text: str) -> int:
    return int.from_bytes(text.encode("utf-8", "surrogatepass")[-64:], "little") + len(text)


def generator(pair: tuple[str, str]) -> np.random.Generator:
    return np.random.default_rng(seed_of("\0".join(pair)))


def noise(seed: str, text: str) -> str:
    rng = random.Random(seed_of(seed))
    kind = rng.randrange(6)
    if kind == 0:
        return text
    if kind == 1:
        return "".join(char for char in text if rng.random() > 0.1)
    if kind == 2:
        return "".join(char * rng.choice((1, 1, 1, 2)) for char in text)
    if kind == 3:
        cut = rng.randrange(len(text) + 1)
        return text[cut:] + text[:cut]
    if kind == 4:
        return text.translate(str.maketrans('[]<>"', "［］＜＞“"))
    return " " * rng.randrange(3)


def text_of(rng: random.Random) -> str:
    length = int(rng.expovariate(0.05))
    if rng.random() < 0.2:
        return "".join(chr(rng.randrange(0x110000)) for _ in range(length))
    letters = "".join(rng.sample(LETTERS, 2)) if rng.random() < 0.5 else LETTERS[rng.randrange(4)]
    return "".join(rng.choice(letters) for _ in range(length))


def parallel_of(rng: random.Random) -> Parallel:
    source = text_of(rng)
    borders = sorted(rng.sample(range(len(source) + 1), min(2 * rng.randrange(6), len(source) // 2 * 2)))
    spans = tuple((s, e, rng.choice(("PER", "LOC", ""))) for s, e in zip(borders[::2], borders[1::2], strict=True))
    target = noise(source, source) if rng.random() < 0.6 else text_of(rng)
    words = None
    if rng.random() < 0.3:
        cuts = sorted(rng.sample(range(len(target) + 1), min(len(target), 6)))
        words = tuple(pairwise(cuts))
    return Parallel(source=source, spans=spans, target=target, target_units=words, fixed=rng.random() < 0.5)


@st.composite
def parallels(draw: st.DrawFn) -> Parallel:
    letters = st.one_of(st.characters(exclude_categories=[]), st.sampled_from("".join(LETTERS)))
    source, target = draw(st.text(letters, max_size=20)), draw(st.text(letters, max_size=20))
    borders = sorted(draw(st.sets(st.integers(0, len(source)), max_size=6)))
    spans = tuple((s, e, draw(st.sampled_from("XY"))) for s, e in zip(borders[::2], borders[1::2], strict=False))
    target = draw(st.sampled_from([target, source, source + target]))
    return Parallel(source=source, spans=spans, target=target, fixed=draw(st.booleans()))


def built(name: str) -> list[Projector]:
    """A projector in its variants; aligners are replaced by chance, for which no model is needed."""
    if name == "align":
        return [Align(aligner=AnyLinks()), Align(aligner=AnyLinks(), span_rule="min_max", gap=0)]
    if name == "ensemble":
        return [Ensemble(projectors=(Align(aligner=AnyLinks()), "xml", "copy"), needed=n) for n in (1, 2)]
    if name == "markers":
        return [find_projector(name), *(Markers(scheme=scheme, cutoff=0.2) for scheme in SCHEMES)]
    return [find_projector(name)]


def check(item: Parallel, projection: Projection) -> None:
    assert len(projection.outcomes) == len(item.spans)
    assert not item.fixed or projection.target == item.target
    carried = []
    for (_, _, label), outcome in zip(item.spans, projection.outcomes, strict=True):
        assert outcome.reason in get_args(Reason)
        assert 0 <= outcome.score <= 1
        assert (outcome.reason == "ok") == (outcome.span is not None)
        if outcome.span is None:
            assert outcome.score == 0
        else:
            start, end = outcome.span
            assert 0 <= start < end <= len(projection.target)
            carried.append((start, end, label))
    assert list(projection.spans) == sorted(carried)
    assert all(one[1] <= other[0] for one, other in pairwise(projection.spans))


@pytest.mark.parametrize("name", PROJECTORS)
def test_many_spans_from_seeds(name: str) -> None:
    projectors = built(name)
    for place, projector in enumerate(projectors):
        rng, count, carried = random.Random(f"{name} {place}"), 0, 0
        most = SPANS // len(projectors) // SLOW.get(name, 1)
        while count < most:
            items = [parallel_of(rng) for _ in range(20)]
            projections = projector(items, Noisy(), "eng", "deu")
            assert len(projections) == len(items)
            for item, projection in zip(items, projections, strict=True):
                check(item, projection)
            count += sum(len(item.spans) for item in items)
            carried += sum(len(projection.spans) for projection in projections)
        assert 0 < carried < count


@pytest.mark.parametrize("name", PROJECTORS)
def test_any_sentence(name: str) -> None:
    projectors = built(name)

    @settings(deadline=None, max_examples=200 // SLOW.get(name, 1), suppress_health_check=list(HealthCheck))
    @given(st.lists(parallels(), max_size=3))
    def hold(items: list[Parallel]) -> None:
        for projector in projectors:
            for item, projection in zip(items, projector(items, Noisy(), "eng", "deu"), strict=True):
                check(item, projection)

    hold()


def test_the_same_question_has_the_same_answer() -> None:
    rng = random.Random(7)
    items = [parallel_of(rng) for _ in range(200)]
    for name in ("copy", "markers", "xml"):
        projector = find_projector(name)
        assert projector(items, Noisy(), "eng", "deu") == projector(items, Noisy(), "eng", "deu")
