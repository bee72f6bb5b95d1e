"""``auto``: for each pair of languages the best translator that is installed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from isogloss.bridges.base import Ability, Attention, Scored, StepDecoder, Translation, Translator
from isogloss.errors import ResourceError


class AutoTranslator(Translator):
    """The first of several translators that serves a pair; :meth:`used` says which.

    Its abilities are those that any of them has: whether the one for a pair has it is known by :meth:`route`.

    Args:
        translators: the best first.
    """

    id = "auto"

    def __init__(self, translators: Sequence[Translator]) -> None:
        self.translators = tuple(translators)
        self.version = "; ".join(f"{one.id} {one.version}" for one in self.translators)
        self.abilities = frozenset(ability for one in self.translators for ability in one.abilities)

    def serves(self, source: str, target: str) -> bool:
        return any(one.serves(source, target) for one in self.translators)

    def can(self, abilities: Iterable[Ability], source: str, target: str) -> bool:
        return self.serves(source, target) and self.route(source, target).can(abilities, source, target)

    def route(self, source: str, target: str, ability: Ability | None = None) -> Translator:
        """The translator for a pair.

        Raises:
            ResourceError: none serves it, or the one that does lacks the ability.
        """
        for one in self.translators:
            if one.serves(source, target):
                if ability is not None and ability not in one.abilities:
                    raise ResourceError(
                        f"The translator from {source} to {target}, {one.id}, lacks the ability '{ability}'",
                        fix="Name another translator",
                    )
                return one
        raise ResourceError(
            f"No installed translator translates from {source} to {target}",
            fix="Name one (a hub id or folder, ctranslate2:FOLDER, openai:MODEL@URL), install an apertium pair, or for "
            "English and Portuguese pip install 'isogloss[translate]'",
        )

    def used(self, source: str, target: str) -> str:
        """Name and version of the translator for a pair. Raises ResourceError if there is none."""
        return self.route(source, target).used(source, target)

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, best: int = 1
    ) -> list[tuple[Translation, ...]]:
        return self.route(source, target).translate(texts, source, target, best=best)

    def translate_markup(self, texts: Sequence[str], source: str, target: str) -> list[str]:
        """As the translator for the pair does it; ability ``markup``."""
        translator: Any = self.route(source, target, "markup")
        return list(translator.translate_markup(texts, source, target))

    def score(self, pairs: Sequence[tuple[str, str]], source: str, target: str) -> list[Scored]:
        return self.route(source, target, "score").score(pairs, source, target)

    def attend(self, pairs: Sequence[tuple[str, str]], source: str, target: str) -> list[Attention]:
        return self.route(source, target, "attend").attend(pairs, source, target)

    def decoder(self, source: str, target: str) -> StepDecoder:
        return self.route(source, target, "decode").decoder(source, target)
