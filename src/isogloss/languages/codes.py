"""Language codes: whatever spelling the user prefers, one canonical code inside."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from isogloss.errors import DataError
from isogloss.languages import registry

_WITH_SCRIPT = re.compile(r"(?P<base>.+)_(?P<script>[A-Z][a-z]{3})", re.DOTALL)

# Scripts that name a part or a style of another one: `kor_Hang` is simply Korean, `cmn_Hani` simply Mandarin.
_PART_OF = {"Hang": {"Kore"}, "Hani": {"Hans", "Hant"}, "Aran": {"Arab"}}


@dataclass(frozen=True, slots=True)
class Language:
    """A language as the library sees it. Two are equal when their codes are, however they were spelled.

    Attributes:
        code: ISO 639-3, with ``_`` and an ISO 15924 script where that is not the language's usual one (``srp_Latn``).
            An unknown code is kept in lower case.
        spelled: the code as the user wrote it, for reports.
    """

    code: str
    spelled: str = field(compare=False)

    @staticmethod
    def parse(text: str) -> Language:
        """Read a BCP-47, FLORES, two-letter or three-letter code in any case.

        The usual script is dropped (``hin_Deva`` is ``hin``), and so are regions, after they have decided the script
        (``zh-TW`` is ``zho_Hant``), variants and extensions. The language is never replaced by a wider or newer one
        (``arb`` stays ``arb``). Anything unknown, private-use tags included, is a language of its own.

        Raises:
            DataError: the text is empty, or could not name a file: it has blanks, control characters, a path
                separator, or a full stop at its start.
        """
        return _parse(text)

    @property
    def base(self) -> str:
        """The code without a script."""
        match = _WITH_SCRIPT.fullmatch(self.code)
        return match["base"] if match else self.code

    @property
    def script(self) -> str:
        """ISO 15924 code of the script it is written in; "" when no registry says."""
        match = _WITH_SCRIPT.fullmatch(self.code)
        return match["script"] if match else registry.usual_script(self.code)

    @property
    def name(self) -> str:
        """English name, ``Serbian (Latin)``; the code for a language without a registered name."""
        match = _WITH_SCRIPT.fullmatch(self.code)
        return registry.english_name(self.base, match["script"] if match else "")

    def __str__(self) -> str:
        return self.code


@lru_cache(maxsize=4096)
def _parse(text: str) -> Language:
    # str.isprintable is false for control and format characters, lone surrogates and every blank but the space.
    if not text or not text.isprintable() or any(c in " /\\" for c in text) or text.startswith("."):
        raise DataError(
            f"{text!r} cannot be a language code",
            fix="Write a code such as 'yor', 'sw', 'pt-BR' or 'srp_Latn', without blanks or path separators",
        )
    return Language(_canonical(text.lower()), text)


def _canonical(lowered: str) -> str:
    hyphened = lowered.replace("_", "-")
    tag = registry.read(hyphened)
    if tag is None or tag.private or (tag.script and not registry.is_script(tag.script)):
        return lowered
    language = tag.language or "und"
    if tag.extlangs:
        # `zh-yue` spells Cantonese with its macrolanguage in front. `bat-smg` only looks like that.
        language = tag.extlangs[0]
        if registry.replaced(f"{tag.language}-{language}") is None:
            return lowered
    elif meaning := registry.replaced(hyphened):
        return _canonical(meaning.lower())
    if len(language) > 3:
        return lowered
    base = registry.iso3(language)
    usual = registry.usual_script(base)
    script = tag.script or (registry.usual_script(base, tag.territory) if tag.territory else usual)
    return base if script == usual or usual in _PART_OF.get(script, ()) else f"{base}_{script}"
