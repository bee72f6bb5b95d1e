"""The nouns of the bridges: what a translator, an aligner and a projector are given and what they give.

Legend of shapes: N hypotheses, T target pieces, S source pieces, V entries of a vocabulary. Spans are [start, end) in
characters. Log-probabilities are natural logarithms of a softmax over the whole vocabulary, never renormalised.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from isogloss.errors import ResourceError
from isogloss.tool import Tool

if TYPE_CHECKING:
    import numpy as np

Span = tuple[int, int]
LabelledSpan = tuple[int, int, str]

Ability = Literal["n_best", "score", "attend", "decode", "markup"]
"""What a translator can do besides translating: several translations, the probability of a given one, attention from a
given one to its source, step-by-step decoding, and keeping tags in their place."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Translation:
    """A translation and how sure the translator is of it.

    Attributes:
        text: the translation; empty where the translator returned nothing.
        score: mean log-probability of its pieces, the end of the sentence counted; None where there is none to be had.
    """

    text: str
    score: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Scored:
    """A given translation under a model (teacher forcing).

    Attributes:
        log_probs: T + 1 values, the last one for the end of the sentence.
        offsets: T spans of the pieces in the translation's text.
    """

    log_probs: np.ndarray
    offsets: tuple[Span, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Attention:
    """Where a given translation's pieces look in the source: rows of ``weights_TS`` sum to at most 1."""

    weights_TS: np.ndarray
    source_offsets: tuple[Span, ...]
    target_offsets: tuple[Span, ...]


class StepDecoder(Protocol):
    """Decodes one piece at a time along prefixes of the caller's choice; states are opaque.

    ``begin`` gives a state of one hypothesis before its first piece; ``step`` of that state is called without pieces.
    """

    end: int
    """The piece that ends a sentence."""

    def pieces(self, text: str) -> tuple[list[int], list[Span]]:
        """A target text as pieces, without the end, and where each lies in the text."""
        ...

    def begin(self, source_text: str) -> Any:
        """Encode a source text."""
        ...

    def step(self, state: Any, pieces_N: Sequence[int] | None) -> tuple[np.ndarray, Any]:
        """Log-probabilities (N x V, float32) of the next piece after each hypothesis was extended by its piece."""
        ...

    def select(self, state: Any, rows: Sequence[int]) -> Any:
        """The state of the hypotheses ``rows``, in that order; one may be named several times."""
        ...


class Translator(ABC):
    """Translates sentences. Languages are canonical codes; the translator knows its own spelling of them."""

    id: str
    """As the user names it."""
    version: str
    """Of the weights or the program: part of the provenance of everything it translates."""
    abilities: frozenset[Ability] = frozenset()

    @abstractmethod
    def serves(self, source: str, target: str) -> bool:
        """Whether it translates from ``source`` to ``target``."""

    def can(self, abilities: Iterable[Ability], source: str, target: str) -> bool:
        """Whether it serves the pair and has all the abilities there."""
        return self.serves(source, target) and self.abilities.issuperset(abilities)

    def _lacking(self, ability: Ability) -> ResourceError:
        return ResourceError(f"The translator '{self.id}' lacks the ability '{ability}'", fix="Name another translator")

    def used(self, source: str, target: str) -> str:
        """What translates this pair, with its version: for reports."""
        return f"{self.id} {self.version}"

    @abstractmethod
    def translate(
        self, texts: Sequence[str], source: str, target: str, *, best: int = 1
    ) -> list[tuple[Translation, ...]]:
        """For each text its translations, the best first: one, or up to ``best`` where it has the ability ``n_best``.

        Raises:
            ResourceError: it does not serve the pair, broke down, or a text is longer than it reads.
        """

    def score(self, pairs: Sequence[tuple[str, str]], source: str, target: str) -> list[Scored]:
        """The probability of given translations; ability ``score``.

        Raises:
            ResourceError: it lacks the ability.
        """
        raise self._lacking("score")

    def attend(self, pairs: Sequence[tuple[str, str]], source: str, target: str) -> list[Attention]:
        """The attention of given translations to their sources; ability ``attend``.

        Raises:
            ResourceError: it lacks the ability.
        """
        raise self._lacking("attend")

    def decoder(self, source: str, target: str) -> StepDecoder:
        """Step-by-step decoding; ability ``decode``.

        Raises:
            ResourceError: it lacks the ability.
        """
        raise self._lacking("decode")


@dataclass(frozen=True, kw_only=True, slots=True)
class Bitext:
    """A sentence and its translation, with the words that links are to join."""

    source: str
    target: str
    source_units: tuple[Span, ...]
    target_units: tuple[Span, ...]


Links = frozenset[tuple[int, int]]
"""(source unit, target unit) pairs."""


class Aligner(Tool):
    """Finds which words of two sentences translate each other. A frozen keyword-only dataclass of its settings."""

    @classmethod
    def find(cls, name: str) -> Aligner:
        """The aligner of a name. Raises ResourceError if there is none."""
        from isogloss.bridges.aligners import load_aligner

        return load_aligner(name)

    def with_translator(self, translator: Translator | None) -> Aligner:
        """The same aligner, reading this translator's attention if that is what it reads."""
        return self

    @abstractmethod
    def __call__(self, bitexts: Sequence[Bitext], source: str, target: str) -> list[Links]:
        """Links of each sentence pair, in order."""


Reason = Literal[
    "ok", "not_found", "no_link", "marker_lost", "marker_added", "ambiguous", "empty", "overlap", "low_score",
    "no_translation",
]  # fmt: skip
"""What became of a span: carried over (``ok``), or why not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parallel:
    """A sentence with labelled spans and its translation, onto which the spans are to be carried.

    Attributes:
        source: the sentence that has the spans.
        spans: in order, without overlap.
        target: its translation, which may be gold text that nobody may change.
        target_units: the words of ``target`` where the data define them; None for those that its script suggests.
        fixed: whether ``target`` must stay as it is; where it may change, a projector may translate anew.
    """

    source: str
    spans: tuple[LabelledSpan, ...]
    target: str
    target_units: tuple[Span, ...] | None = None
    fixed: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of one source span.

    Attributes:
        span: [start, end) in the target, None where it was lost.
        score: how reliable the projector holds it, in [0, 1]; 0 where it was lost.
        reason: ``ok``, or why it was lost.
    """

    span: Span | None
    score: float
    reason: Reason = "ok"


@dataclass(frozen=True, kw_only=True, slots=True)
class Projection:
    """A target sentence with what became of every source span, in the order of the source spans."""

    target: str
    outcomes: tuple[Outcome, ...]
    spans: tuple[LabelledSpan, ...] = field(default=())
    """The spans carried over, sorted, without overlap."""

    @classmethod
    def of(cls, item: Parallel, outcomes: Sequence[Outcome], target: str | None = None) -> Projection:
        """From one outcome for each span of ``item``. Of two that overlap, the less reliable one is lost."""
        text = item.target if target is None else target
        kept: list[tuple[int, int, int]] = []
        settled = list(outcomes)
        for number in sorted(range(len(settled)), key=lambda n: (-settled[n].score, n)):
            span = settled[number].span
            if span is None:
                continue
            if any(span[0] < end and start < span[1] for start, end, _ in kept):
                settled[number] = Outcome(span=None, score=0.0, reason="overlap")
            else:
                kept.append((*span, number))
        spans = tuple(sorted((start, end, item.spans[number][2]) for start, end, number in kept))
        return cls(target=text, outcomes=tuple(settled), spans=spans)

    @property
    def complete(self) -> bool:
        """Whether no span was lost."""
        return all(outcome.span is not None for outcome in self.outcomes)


class Projector(Tool):
    """Carries labelled spans over to translations. A frozen keyword-only dataclass of its settings, one file each."""

    needs: ClassVar[tuple[Ability, ...]] = ()
    """Abilities of the translator that it cannot do without."""
    translates: ClassVar[bool] = False
    """Whether it makes a translation of its own where ``Parallel.fixed`` is false."""

    @classmethod
    def find(cls, name: str) -> Projector:
        """The projector of a name. Raises RecipeError if there is none."""
        from isogloss.bridges.projectors import find_projector

        return find_projector(name)

    @abstractmethod
    def __call__(
        self, items: Sequence[Parallel], translator: Translator | None, source: str, target: str
    ) -> list[Projection]:
        """One projection an item, in order.

        Args:
            items: sentences of the language ``source`` with spans and their translations into ``target``.
            translator: between the two languages; None only where ``needs`` is empty and nothing is translated.
            source: canonical code of the language that has the spans.
            target: canonical code of the other one.

        Raises:
            ResourceError: the translator cannot do what is needed, or broke down.
        """
