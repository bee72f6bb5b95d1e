"""A translator and an aligner that say what a test tells them to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from isogloss.bridges.base import Ability, Aligner, Bitext, Links, Translation, Translator


class Scripted(Translator):
    """Translates by a table, and what is not in it word by word; keeps what it was asked."""

    id = "scripted"
    version = "1"

    def __init__(
        self, table: Mapping[str, str] | None = None, score: float | None = None, abilities: Sequence[Ability] = ()
    ) -> None:
        self.table, self.log_prob, self.abilities = dict(table or {}), score, frozenset(abilities)
        self.asked: list[str] = []

    def serves(self, source: str, target: str) -> bool:
        return target != "nowhere"

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, best: int = 1
    ) -> list[tuple[Translation, ...]]:
        self.asked += texts
        return [(Translation(text=self.table.get(text, text), score=self.log_prob),) for text in texts]

    def translate_markup(self, texts: Sequence[str], source: str, target: str) -> list[str]:
        self.asked += texts
        return [self.table.get(text, text) for text in texts]


@dataclass(frozen=True, kw_only=True)
class Linked(Aligner):
    """The same links for every pair."""

    links: Links = field(default=frozenset())
    name: ClassVar[str] = "linked"

    def __call__(self, bitexts: Sequence[Bitext], source: str, target: str) -> list[Links]:
        return [self.links for _ in bitexts]
