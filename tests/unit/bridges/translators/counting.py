"""A translator that counts what it is asked and can be made to die."""

from __future__ import annotations

from collections.abc import Sequence

from isogloss.bridges.base import Translation, Translator
from isogloss.errors import ResourceError


class Counting(Translator):
    id, version, abilities = "counting", "1", frozenset({"n_best"})

    def __init__(self, dies_after: int | None = None) -> None:
        self.asked: list[str] = []
        self.dies_after = dies_after

    def serves(self, source: str, target: str) -> bool:
        return source != target

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, best: int = 1
    ) -> list[tuple[Translation, ...]]:
        if self.dies_after is not None and len(self.asked) + len(texts) > self.dies_after:
            raise ResourceError("It died")
        self.asked += texts
        return [
            tuple(Translation(text=text and f"{target}{n} {text}", score=-n / 7) for n in range(best)) for text in texts
        ]
