"""Which characters a script is written with: Unicode's scripts behind the ISO 15924 codes of languages."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import regex

# Codes of ISO 15924 for mixtures and styles, which Unicode does not give to any character.
_MADE_OF = {
    "Jpan": ("Hira", "Kana", "Hani"), "Hrkt": ("Hira", "Kana"), "Kore": ("Hang", "Hani"), "Hans": ("Hani",),
    "Hant": ("Hani",), "Hanb": ("Hani", "Bopo"), "Jamo": ("Hang",), "Aran": ("Arab",), "Latf": ("Latn",),
    "Latg": ("Latn",), "Cyrs": ("Cyrl",), "Geok": ("Geor",), "Syre": ("Syrc",), "Syrj": ("Syrc",), "Syrn": ("Syrc",),
}  # fmt: skip


def unicode_scripts(script: str) -> tuple[str, ...]:
    """The Unicode scripts, by their four letters, that text in an ISO 15924 script uses (``Jpan``: three of them)."""
    return _MADE_OF.get(script, (script,))


@lru_cache(maxsize=64)
def _within(scripts: tuple[str, ...]) -> regex.Pattern[str]:
    import regex

    return regex.compile("[" + "".join(rf"\p{{Script={s}}}" for s in ("Common", "Inherited", *scripts)) + "]*+")


def written_in(text: str, scripts: Iterable[str]) -> bool:
    """Whether all letters of a text belong to the Unicode scripts; digits, punctuation and signs belong to every one.

    Raises:
        ValueError: Unicode has no script of that name.
    """
    import regex

    try:
        return _within(tuple(sorted(set(scripts)))).fullmatch(text) is not None
    except regex.error as error:
        raise ValueError(f"Unicode has no script {', '.join(sorted(set(scripts)))} ({error})") from None
