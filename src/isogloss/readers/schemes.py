"""Tag schemes of chunks (entities, slots): recognised over a whole file, checked, and turned into IOB2."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from isogloss.errors import DataError

# Both closed schemes mark the last token and the entity of one token; BMES calls the inside M.
_CLOSED = {"BIOES": "ESM", "BILOU": "LU"}
_LIKE_BIOES = {"L": "E", "U": "S", "M": "I"}
_CHUNK = re.compile(r"[BIESLUM]-.+", re.DOTALL)
# A file with so large a share of chunk tags is a chunk file with a slip; with fewer, its tags are plain.
_CHUNK_SHARE = 0.9


def is_chunk_tag(tag: str) -> bool:
    """Whether a tag is ``O`` or a prefix B, I, E, S, L, U or M with a type, like ``B-PER``."""
    return tag == "O" or _CHUNK.fullmatch(tag) is not None


def to_iob2(
    sentences: Sequence[Sequence[str]],
    where: Path | str | None = None,
    lines: Sequence[Sequence[int]] | None = None,
) -> list[list[str]]:
    """The tags in IOB2; plain tags (parts of speech) come back untouched.

    The scheme is that of all sentences together. Any E-, S- or M- makes it BIOES, any L- or U- BILOU. Otherwise it is
    IOB1 if some I-X does not follow B-X or I-X while every B-X does; else IOB2. Tags are plain if none has a prefix,
    or if fewer than 90 % are ``O`` or have one.

    Args:
        sentences: the tags of each sentence.
        where: the file, for messages.
        lines: the line of each tag, for messages; without it they count sentences and tokens from 1.

    Raises:
        DataError: a tag may not stand where it stands in the scheme, or does not belong to it.
    """
    tags = _Tags(sentences, where, lines)
    counts = Counter(tag for sentence in sentences for tag in sentence)
    prefixes = {tag[0] for tag in counts if _CHUNK.fullmatch(tag)}
    odd = {tag for tag in counts if not is_chunk_tag(tag)}
    if not prefixes or (odd and sum(counts[tag] for tag in odd) > (1 - _CHUNK_SHARE) * counts.total() + 1e-9):
        return [list(sentence) for sentence in sentences]
    if odd:
        tags.refuse_first(odd, "is neither O nor a prefix and a type like B-PER", "Correct it")
    schemes = [name for name, marks in _CLOSED.items() if prefixes & set(marks)]
    if len(schemes) > 1:
        marked = {tag for tag in counts if tag[0] in _CLOSED["BILOU"] and tag != "O"}
        tags.refuse_first(marked, "is BILOU but the file has BIOES tags too", "Use one scheme in the whole file")
    return tags.from_closed(schemes[0]) if schemes else tags.from_open()


class _Tags:
    """The tags of a file and the place of each."""

    def __init__(
        self, sentences: Sequence[Sequence[str]], where: Path | str | None, lines: Sequence[Sequence[int]] | None
    ) -> None:
        self.sentences, self.where, self.lines = sentences, where, lines

    def from_open(self) -> list[list[str]]:
        """IOB1 or IOB2 to IOB2."""
        orphans, lone = [], False
        for s, t, before, tag in self._pairs():
            if tag != "O" and before[2:] != tag[2:]:
                lone = lone or tag[0] == "B"
                if tag[0] == "I":
                    orphans.append((s, t, before))
        if orphans and lone:
            s, t, before = orphans[0]
            why = f"{_after(before)}; in IOB2 an entity starts with B-"
            self._refuse(s, t, why, "Write B- there or correct the type")
        converted = [list(sentence) for sentence in self.sentences]
        for s, t, _ in orphans:
            converted[s][t] = "B" + converted[s][t][1:]
        return converted

    def from_closed(self, scheme: str) -> list[list[str]]:
        """BIOES or BILOU to IOB2."""
        inside, last, single = ("I", "L", "U") if scheme == "BILOU" else ("I", "E", "S")
        converted: list[list[str]] = [[] for _ in self.sentences]
        fix = f"The tags {inside}-, {last}- and {single}- make the file {scheme}"
        for s, t, before, tag in self._pairs():
            prefix, unfinished = _bioes(tag), _bioes(before) in ("B", "I")
            goes_on = prefix in ("I", "E")
            if unfinished and not (goes_on and before[2:] == tag[2:]):
                self._refuse(s, t, f"{_after(before)}; in {scheme} that entity goes on until {last}-", fix)
            if goes_on and not unfinished:
                self._refuse(s, t, f"{_after(before)}; in {scheme} an entity starts with B- or {single}-", fix)
            if prefix in ("B", "I") and t + 1 == len(self.sentences[s]):
                self._refuse(s, t, f"ends the sentence; in {scheme} an entity ends with {last}- or {single}-", fix)
            converted[s].append(tag if tag == "O" else {"S": "B", "E": "I"}.get(prefix, prefix) + tag[1:])
        return converted

    def refuse_first(self, wrong: set[str], why: str, fix: str) -> NoReturn:
        """Refuse the first of the tags in ``wrong``, all of which occur."""
        s, t = next((s, t) for s, t, _, tag in self._pairs() if tag in wrong)
        self._refuse(s, t, why, fix)

    def _pairs(self) -> Iterator[tuple[int, int, str, str]]:
        """Sentence, token, the tag before (empty at the start of a sentence) and the tag."""
        for s, sentence in enumerate(self.sentences):
            before = ""
            for t, tag in enumerate(sentence):
                yield s, t, before, tag
                before = tag

    def _refuse(self, s: int, t: int, why: str, fix: str) -> NoReturn:
        place = "" if self.lines else f" (sentence {s + 1}, token {t + 1})"
        line = self.lines[s][t] if self.lines else None
        raise DataError(f"tag {self.sentences[s][t]} {why}{place}", where=self.where, line=line, fix=fix)


def _bioes(tag: str) -> str:
    return _LIKE_BIOES.get(tag[:1], tag[:1])


def _after(before: str) -> str:
    return f"follows {before}" if before else "starts a sentence"
