"""Finds what items of a test share with what was seen before it: text, most of a text, an id, a translation, the order.

The ledger knows equal texts and equal ids. Links between real data sets are often neither: a sentence of a test stands
inside a paragraph of raw text, a test item's translation was seen in another language, two files hold the same items in
the same order under no ids at all. Here they are looked for, and counted by pairs of files.

* **Most of a text**: at least ``MOST`` of the shorter text's stretches of ``STRETCH`` letters occur in the longer one
  (containment, Broder 1997; candidates are found by a fixed sample of the stretches, then counted in full).
* **Order**: row i of one file answers as row i + d of the other does, far more often than chance, and than at the
  neighbouring d. The chance of so many agreements is bounded by Chernoff's inequality over all d. Where answers do not
  tell, the numbers that occur in the texts do: they survive translation.
"""

from __future__ import annotations

import math
import unicodedata
import zlib
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from isogloss.ledger import BY_SPLIT, Role, normalise

if TYPE_CHECKING:
    from isogloss.example import Example
    from isogloss.problem import Problem

LinkKind = Literal["text", "part", "id", "translation", "order"]

STRETCH = 12
"""Letters in a stretch; spaces and punctuation are left out before."""
SAMPLED = 4
"""One of so many stretches is looked up."""
MOST = 0.8
"""The part of the shorter text that makes two texts the same sentence."""
SHORTEST = 24
"""Letters below which equal texts say nothing; a Han, kana or Hangul character counts for three."""
COMMON = 50
"""A stretch that so many texts hold is a phrase, not a sentence."""

FEWEST_ROWS = 20
AGREEING = 0.8
"""Share of rows that must agree in their answers, or in the numbers in their texts."""
CHANCE = 1e-6
NEIGHBOURS = 10
FREQUENT = 64
"""So many values are counted by Fourier transforms, the rarer ones pair by pair."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """What a test file shares with a file that is seen before it, or with another test file.

    Attributes:
        kind: ``text`` (an equal text), ``part`` (most of one text is in the other), ``id``, ``translation`` (the item's
            translation in another test file is linked by text), ``order`` (rows are parallel).
        seen, test: the files.
        role: in which role the first is seen; ``test`` where it is a test file too.
        count: test items that are linked.
        of: test items there are.
        example: places of a first pair of items.
    """

    kind: LinkKind
    seen: str
    test: str
    role: Role
    count: int
    of: int
    example: tuple[str, str]

    def __str__(self) -> str:
        what = {
            "text": "share a text with",
            "part": "are in the main part of, or hold the main part of, a text of",
            "id": "have an id that is also in",
            "translation": "have a translation whose text is in",
            "order": "stand row by row beside",
        }
        seen, test = self.example
        return f"{self.test}: {self.count} of {self.of} items {what[self.kind]} {self.seen} ({test} and {seen})"


@dataclass(frozen=True, kw_only=True, slots=True)
class _File:
    """The items of one file in their order."""

    name: str
    role: Role
    places: tuple[str, ...]
    texts: tuple[tuple[str, ...], ...]
    ids: tuple[str | None, ...]
    answers: tuple[Hashable, ...]


def find_links(problem: Problem) -> list[Link]:
    """Every link between test files and what is seen before them, and test files in one order without common ids."""
    files = list(_files(problem))
    seen = [file for file in files if file.role != "test"]
    tests = [file for file in files if file.role == "test"]
    index = _Index(seen)
    by_text = {test.name: [index.find(texts) for texts in test.texts] for test in tests}
    partners = _partners(tests)
    links: list[Link] = []
    for test in tests:
        found: dict[tuple[LinkKind, int], dict[int, str]] = defaultdict(dict)
        for row in range(len(test.places)):
            for kind, file, place in _strongest(test, row, seen, by_text, partners):
                found[kind, file].setdefault(row, place)
        links += [
            Link(
                kind=kind, seen=seen[file].name, test=test.name, role=seen[file].role, count=len(rows),
                of=len(test.places), example=(rows[first := min(rows)], test.places[first]),
            )
            for (kind, file), rows in found.items()
        ]  # fmt: skip
        linked = {file for (_, file), rows in found.items() if len(rows) > len(test.places) / 2}
        links += _ordered([file for i, file in enumerate(seen) if i not in linked], test)
    for i, test in enumerate(tests):
        links += _ordered(tests[:i], test)[:1]
    return links


def _files(problem: Problem) -> Iterator[_File]:
    task = problem.task
    for split, role in BY_SPLIT.items():
        for examples in getattr(problem, split).values():
            texts = [task.texts(e.fields) for e in examples]
            yield _file(role, examples, texts, [_answer(e.fields, task.labels_in(e.fields)) for e in examples])
    for raw in problem.unlabelled.values():
        yield _file("adapt", raw, [(e.fields["text"],) for e in raw], [None] * len(raw))
    for pairs in problem.parallel.values():
        for side in zip(*pairs, strict=True):
            yield _file("parallel", side, [(e.fields["text"],) for e in side], [None] * len(side))


def _file(
    role: Role, examples: Sequence[Example], texts: Iterable[tuple[str, ...]], answers: Iterable[Hashable]
) -> _File:
    places = tuple(e.place or e.id for e in examples)
    return _File(
        name=places[0].rpartition(":")[0] or places[0],
        role=role,
        places=places,
        texts=tuple(texts),
        ids=tuple(None if e.id.startswith(f"{e.lang}/") else e.id for e in examples),
        answers=tuple(answers),
    )


def _answer(fields: Any, labels: set[str]) -> Hashable:
    """What survives translation of an answer: labels or a score, not places in a text."""
    return fields["score"] if "score" in fields else (tuple(sorted(labels)) or None)


def _strongest(
    test: _File,
    row: int,
    seen: Sequence[_File],
    by_text: dict[str, list[dict[int, tuple[LinkKind, str]]]],
    partners: dict[str, list[tuple[str, int]]],
) -> Iterator[tuple[LinkKind, int, str]]:
    """For each seen file the strongest link of a test item: by text, by id, by the text of a translation."""
    direct = by_text[test.name][row]
    name = test.ids[row]
    for file, there in enumerate(seen):
        if file in direct:
            yield (*direct[file], file)[0], file, direct[file][1]
        elif name is not None and name in there.ids:
            yield "id", file, there.places[there.ids.index(name)]
        elif name is not None:
            for other, place in partners.get(name, ()):
                if other != test.name and file in by_text[other][place]:
                    yield "translation", file, by_text[other][place][file][1]
                    break


def _partners(tests: Sequence[_File]) -> dict[str, list[tuple[str, int]]]:
    """Test file and row of every id that more than one of them has."""
    table: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for test in tests:
        for row, name in enumerate(test.ids):
            if name is not None:
                table[name].append((test.name, row))
    return {name: rows for name, rows in table.items() if len(rows) > 1}


class _Index:
    """Seen texts by their normalised form and by sampled stretches of it."""

    def __init__(self, files: Sequence[_File]) -> None:
        self.forms: list[str] = []
        self.owners: list[dict[int, str]] = []
        self.number: dict[str, int] = {}
        self.holders: dict[int, list[int]] = defaultdict(list)
        self.sampled: list[int] = []
        for f, file in enumerate(files):
            for place, texts in zip(file.places, file.texts, strict=True):
                for form in filter(_telling, map(normalise, texts)):
                    self._add(form, f, place)

    def _add(self, form: str, file: int, place: str) -> None:
        if form not in self.number:
            self.number[form] = len(self.forms)
            self.forms.append(form)
            self.owners.append({})
            sample = _sample(form)
            self.sampled.append(len(sample))
            for stretch in sample:
                self.holders[stretch].append(self.number[form])
        self.owners[self.number[form]].setdefault(file, place)

    def find(self, texts: Sequence[str]) -> dict[int, tuple[LinkKind, str]]:
        """By seen file how a test item is linked to it, and the place there."""
        found: dict[int, tuple[LinkKind, str]] = {}
        for form in filter(_telling, map(normalise, texts)):
            if form in self.number:
                found |= {file: ("text", place) for file, place in self.owners[self.number[form]].items()}
        for form in filter(_telling, map(normalise, texts)):
            for other in self._parts(form):
                for file, place in self.owners[other].items():
                    found.setdefault(file, ("part", place))
        return found

    def _parts(self, form: str) -> Iterator[int]:
        sample = _sample(form)
        holders = [self.holders[s] for s in sample if s in self.holders]
        shared = Counter(other for few in holders if len(few) <= COMMON for other in few)
        for other, count in shared.items():
            if count >= 0.6 * min(len(sample), self.sampled[other]) and self.forms[other] != form:
                ours, theirs = _stretches(form), _stretches(self.forms[other])
                if len(ours & theirs) >= MOST * min(len(ours), len(theirs)):
                    yield other


def _telling(form: str) -> bool:
    return len(form) + 2 * sum(c >= "\u2e80" for c in form) >= SHORTEST


def _stretches(form: str) -> set[str]:
    return {form[i : i + STRETCH] for i in range(len(form) - STRETCH + 1)}


def _sample(form: str) -> set[int]:
    hashes = (zlib.crc32(stretch.encode("utf-8", "surrogatepass")) for stretch in _stretches(form))
    return {value for value in hashes if value % SAMPLED == 0}


def _ordered(others: Iterable[_File], test: _File) -> list[Link]:
    """Files whose rows run parallel to those of a test, unless common ids say so already."""
    links = []
    for other in others:
        if set(other.ids) & set(test.ids) - {None}:
            continue
        found = parallel_rows(other.answers, test.answers) or parallel_rows(_numbers(other), _numbers(test))
        if found:
            offset, count = found
            first = max(0, -offset)
            links.append(
                Link(
                    kind="order", seen=other.name, test=test.name, role=other.role, count=count, of=len(test.places),
                    example=(other.places[first + offset], test.places[first]),
                )
            )  # fmt: skip
    return links


def _numbers(file: _File) -> tuple[Hashable, ...]:
    """The digits of every row, in any script, sorted by number; None for a row without any."""
    rows = []
    for texts in file.texts:
        digits = "".join(str(unicodedata.digit(c, " ")) if c.isdigit() else " " for c in "\t".join(texts))
        rows.append(tuple(sorted(digits.split())) or None)
    return tuple(rows)


def parallel_rows(seen: Sequence[Hashable], test: Sequence[Hashable]) -> tuple[int, int] | None:
    """The offset at which two lists of values agree row by row, and how many rows of the test it covers; else None.

    Rows whose value is None count for nothing. ``seen[i + offset]`` goes with ``test[i]``. Lists that agree by their
    make, sorted ones or those whose values take turns, agree at the neighbouring offsets too and are not parallel.
    """
    counts_seen, counts_test = (Counter(v for v in side if v is not None) for side in (seen, test))
    known = sum(counts_seen.values()), sum(counts_test.values())
    if min(known) < FEWEST_ROWS:
        return None
    overlap_D = _correlate([v is not None for v in seen], [v is not None for v in test])
    agree_D = np.zeros_like(overlap_D)
    common = sorted(counts_seen.keys() & counts_test.keys(), key=lambda v: -counts_seen[v] * counts_test[v])
    for value in common[:FREQUENT]:
        agree_D += _correlate([v == value for v in seen], [v == value for v in test])
    rare = set(common[FREQUENT:])
    places: dict[Hashable, list[int]] = defaultdict(list)
    for j, value in enumerate(test):
        if value in rare:
            places[value].append(j)
    for i, value in enumerate(seen):
        for j in places.get(value, ()):
            agree_D[i - j + len(test) - 1] += 1
    by_chance = sum(counts_seen[v] * counts_test[v] for v in common) / (known[0] * known[1])
    rate_D = np.where(overlap_D >= FEWEST_ROWS, agree_D / np.maximum(overlap_D, 1), 0.0)
    best = int(np.argmax(overlap_D * (rate_D - by_chance).clip(0) ** 2))
    beside = [d for d in range(best - NEIGHBOURS, best + NEIGHBOURS + 1) if d != best and 0 <= d < len(rate_D)]
    usual = max(by_chance, *(float(rate_D[d]) for d in beside)) if beside else by_chance
    rate, rows = float(rate_D[best]), float(overlap_D[best])
    if rate < AGREEING or _log_chance(rate, usual) * rows + math.log(len(rate_D)) > math.log(CHANCE):
        return None
    offset = best - (len(test) - 1)
    return offset, min(len(test), len(seen) - offset) - max(0, -offset)


def _correlate(seen: Sequence[bool], test: Sequence[bool]) -> np.ndarray:
    """For every offset from 1 - len(test) to len(seen) - 1 at how many rows both are true."""
    size = len(seen) + len(test) - 1
    first, second = np.fft.rfft(np.asarray(seen, float), size), np.fft.rfft(np.asarray(test, float)[::-1], size)
    return np.rint(np.fft.irfft(first * second, size))


def _log_chance(rate: float, usual: float) -> float:
    """Chernoff's bound, by row: the log of the chance to see ``rate`` or more where ``usual`` is expected."""
    if rate <= usual:
        return 0.0
    if usual <= 0.0:
        return -math.inf
    rest = (1 - rate) * math.log((1 - rate) / (1 - usual)) if rate < 1 else 0.0
    return -(rate * math.log(rate / usual) + rest)
