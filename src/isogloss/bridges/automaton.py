"""Finite-state automata over a template: pieces that must be copied in order, and markers that may stand among them.

What an automaton accepts, stripped of markers, is the template piece by piece, whatever a model's probabilities are.
Two pieces may read alike (a bracket of the text and the marker's bracket, the first piece of two tags): an automaton
is written down with several arcs for one piece and made deterministic while it is walked, so every accepted string is
reached on one path only and ``next`` is a dictionary.

Sources: Le et al., "Constrained Decoding for Cross-lingual Label Projection" (CODEC), ICLR 2024, section 3;
García-Ferrero et al., constrained decoding for zero-shot sequence labelling, 2024 (thesis, chapter 5).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Generic, Protocol, TypeVar

from isogloss.errors import RecipeError

State = Hashable
"""Of an automaton; nobody but the automaton looks into it."""
Place = TypeVar("Place", bound=Hashable)
Reading = TypeVar("Reading")
Marker = tuple[Sequence[int], Sequence[int]]
"""Pieces of an opening and of a closing marker, at least one each."""


class Automaton(Protocol):
    """A deterministic automaton over pieces."""

    @property
    def start(self) -> State:
        """Before the first piece."""
        ...

    def next(self, state: State) -> Mapping[int, State]:
        """The pieces allowed next, each with the state it leads to."""
        ...

    def accepts(self, state: State) -> bool:
        """Whether the sentence may end here."""
        ...


class Lazy(ABC, Generic[Place, Reading]):
    """An automaton with several arcs for a piece, made deterministic state by state as a search asks for them.

    A state is the frozen set of the places one may be in. ``read`` gives what a string means.
    """

    def __init__(self) -> None:
        self._next: dict[State, dict[int, State]] = {}

    @abstractmethod
    def first(self) -> Place:
        """The place before the first piece."""

    @abstractmethod
    def arcs(self, place: Place) -> Iterator[tuple[int, Place]]:
        """The pieces that may follow, each with the place it leads to."""

    @abstractmethod
    def ends(self, place: Place) -> bool:
        """Whether the sentence may end at a place."""

    @abstractmethod
    def meaning(self, path: Sequence[Place]) -> Reading:
        """What the places passed through say, the first one included."""

    @property
    def start(self) -> State:
        return frozenset((self.first(),))

    def next(self, state: State) -> Mapping[int, State]:
        if state not in self._next:
            reached: dict[int, set[Place]] = {}
            for place in self._places(state):
                for piece, after in self.arcs(place):
                    reached.setdefault(piece, set()).add(after)
            self._next[state] = {piece: frozenset(places) for piece, places in reached.items()}
        return self._next[state]

    def accepts(self, state: State) -> bool:
        return any(self.ends(place) for place in self._places(state))

    def read(self, pieces: Sequence[int]) -> list[Reading]:
        """Every meaning of a string of pieces; none where it is not accepted, one where nothing reads alike."""
        paths: list[tuple[Place, ...]] = [(self.first(),)]
        for piece in pieces:
            paths = [(*path, after) for path in paths for arc, after in self.arcs(path[-1]) if arc == piece]
        return [self.meaning(path) for path in paths if self.ends(path[-1])]

    @staticmethod
    def _places(state: State) -> frozenset[Any]:
        assert isinstance(state, frozenset)  # noqa: S101 - states are of our own making
        return state


class OneSpan(Lazy[tuple[int, int, int, int], tuple[int, int]]):
    """A template with exactly one opening and one closing marker (CODEC).

    A template of n pieces has C(n + 2, 2) such strings where every position is allowed, empty spans among them; a
    meaning is the span [start, end) in pieces.

    Args:
        template: pieces to copy in order.
        marker: pieces of the opening and of the closing marker.
        openings: positions 0..n before which the opening may stand; None for all.
        closings: positions 0..n before which the closing may stand; None for all.
        empty: whether the closing may follow the opening at once.

    Raises:
        RecipeError: a marker has no pieces.
    """

    def __init__(
        self,
        template: Sequence[int],
        marker: Marker,
        *,
        openings: Collection[int] | None = None,
        closings: Collection[int] | None = None,
        empty: bool = True,
    ) -> None:
        super().__init__()
        _not_empty(marker)
        self.template = tuple(template)
        self.opening, self.closing = map(tuple, marker)
        everywhere = range(len(self.template) + 1)
        closable = frozenset(everywhere if closings is None else closings)
        last = max(closable, default=-1) - (not empty)
        # An opening after which no closing may come leads nowhere: a search would walk to the end to find out.
        self.openings = frozenset(i for i in (everywhere if openings is None else openings) if i <= last)
        self.closings, self.empty = closable, empty
        self._last_opening, self._last_closing = max(self.openings, default=-1), max(closable, default=-1)

    def first(self) -> tuple[int, int, int, int]:
        # (pieces copied, pieces of markers written, start, end of the span: -1 as long as unknown)
        return 0, 0, -1, -1

    def arcs(self, place: tuple[int, int, int, int]) -> Iterator[tuple[int, tuple[int, int, int, int]]]:
        copied, written, start, end = place
        before, within = len(self.opening), len(self.opening) + len(self.closing)
        if 0 < written < before:
            yield self.opening[written], (copied, written + 1, start, end)
        elif before < written < within:
            yield self.closing[written - before], (copied, written + 1, start, end)
        else:
            latest = (self._last_opening, self._last_closing)[written == before] if written < within else copied + 1
            if copied < len(self.template) and copied < latest:
                yield self.template[copied], (copied + 1, written, start, end)
            if written == 0 and copied in self.openings:
                yield self.opening[0], (copied, 1, copied, -1)
            if written == before and copied in self.closings and (self.empty or copied > start):
                yield self.closing[0], (copied, written + 1, start, copied)

    def ends(self, place: tuple[int, int, int, int]) -> bool:
        return place[0] == len(self.template) and place[1] == len(self.opening) + len(self.closing)

    def meaning(self, path: Sequence[tuple[int, int, int, int]]) -> tuple[int, int]:
        return path[-1][2], path[-1][3]


Tagged = tuple[int, int, str]
"""A span of words [start, end) with its tag."""


class Tags(Lazy[tuple[int, int, str, int], tuple[Tagged, ...]]):
    """A sentence with tags around words: no nesting, no empty span, adjacent spans allowed (sequence labelling).

    With one tag, n words have 1, 2, 5, 13, 34 ... such strings for n = 0, 1, 2, 3, 4 (every other Fibonacci number); a
    meaning is the tuple of spans [start, end) in words with their tags. Tags open and close at word boundaries only,
    and once the words are used up an open tag must close. Tags may share their first pieces. The public code forgets
    where it is after a closing tag of several pieces and so never accepts adjacent spans; here they are accepted.

    Args:
        words: the pieces of each word.
        tags: by name the pieces of the opening and of the closing tag.

    Raises:
        RecipeError: a word or a tag has no pieces.
    """

    def __init__(self, words: Sequence[Sequence[int]], tags: Mapping[str, Marker]) -> None:
        super().__init__()
        for marker in tags.values():
            _not_empty(marker)
        if not all(words):
            raise RecipeError("A word without pieces cannot be copied", fix="Leave empty words out")
        self.words = tuple(map(tuple, words))
        self.tags = {name: (tuple(opening), tuple(closing)) for name, (opening, closing) in tags.items()}

    def first(self) -> tuple[int, int, str, int]:
        # (words begun, pieces still to come of what is being written, open tag,
        #  1 once the tag's span has a word and -1 while the tag closes)
        return 0, 0, "", 0

    def arcs(self, place: tuple[int, int, str, int]) -> Iterator[tuple[int, tuple[int, int, str, int]]]:
        begun, missing, tag, size = place
        if missing:
            written = (
                self.tags[tag][0] if tag and size == 0 else self.tags[tag][1] if size < 0 else self.words[begun - 1]
            )
            closed = size < 0 and missing == 1
            yield written[-missing], (begun, missing - 1, "", 0) if closed else (begun, missing - 1, tag, size)
            return
        if begun < len(self.words):
            word = self.words[begun]
            yield word[0], (begun + 1, len(word) - 1, tag, int(bool(tag)))
            if not tag:
                for name, (opening, _) in self.tags.items():
                    yield opening[0], (begun, len(opening) - 1, name, 0)
        if tag and size > 0:
            closing = self.tags[tag][1]
            yield closing[0], (begun, len(closing) - 1, tag, -1) if len(closing) > 1 else (begun, 0, "", 0)

    def ends(self, place: tuple[int, int, str, int]) -> bool:
        begun, missing, tag, _ = place
        return begun == len(self.words) and not missing and not tag

    def meaning(self, path: Sequence[tuple[int, int, str, int]]) -> tuple[Tagged, ...]:
        spans: list[Tagged] = []
        for (_, _, tag, _), (begun, _, after, _) in pairwise(path):
            if after and not tag:
                spans.append((begun, begun, after))
            elif after:
                spans[-1] = (spans[-1][0], begun, after)
        return tuple(spans)


def prefix_allowed(
    automata: Automaton | Sequence[Automaton], end: int, *, skip: int = 1
) -> Callable[[int, Any], list[int]]:
    """The automaton as ``prefix_allowed_tokens_fn`` of ``transformers``' ``generate``.

    Args:
        automata: one for all rows of the batch, or one for each.
        end: the piece that ends a sentence; also what a finished sentence is filled up with.
        skip: pieces in front that are none of the automaton's (the decoder's start, a language code).

    Returns:
        From (row of the batch, pieces so far as a tensor or a list) to the pieces allowed next.
    """

    def allowed(row: int, ids: Any) -> list[int]:
        automaton = automata[row] if isinstance(automata, Sequence) else automata
        state = automaton.start
        for piece in list(map(int, ids))[skip:]:
            following = automaton.next(state)
            if piece not in following:  # the end was written, or nothing may follow at all
                return [end]
            state = following[piece]
        return [*automaton.next(state), *([end] if automaton.accepts(state) else [])] or [end]

    return allowed


def _not_empty(marker: Marker) -> None:
    if not all(marker):
        raise RecipeError("A marker has no pieces in the translator's vocabulary", fix="Choose another marker")
