"""What the registries say about a language code: its ISO 639-3 form, macrolanguage, usual script and English name.

A thin reading of the tables of ``langcodes`` (IANA and CLDR). Its own standardisation is not used, because it replaces
languages: Standard Arabic (``arb``) would become Arabic, Montenegrin (``cnr``) would become Serbian. ``langcodes`` is
imported on first use, so that importing ``isogloss`` stays fast.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langcodes import Language as Tag

# The one two-letter code whose three-letter form was itself withdrawn: Moldavian is Romanian.
_WITHDRAWN = {"mol": "ron"}

# CLDR does not list these, and the script of their macrolanguage is not theirs.
_SCRIPTS = {"azb": "Arab", "mvf": "Mong", "uzs": "Arab"}


def read(tag: str, *, normalize: bool = False) -> Tag | None:
    """The parts of a BCP-47 tag, or None if it does not have the shape of one."""
    from langcodes import Language as Tag
    from langcodes.tag_parser import LanguageTagError

    if not tag.isascii():
        return None
    try:
        return Tag.get(tag, normalize=normalize)
    except LanguageTagError:
        return None


def iso3(language: str) -> str:
    """The ISO 639-3 code of a two- or three-letter one, bibliographic and withdrawn ones included; else unchanged."""
    from langcodes.data_dicts import LANGUAGE_ALPHA3, LANGUAGE_REPLACEMENTS

    # `ger` is listed as replaced by `de`, and `de` as `deu` in three letters. Longer replacements are other languages.
    short = language if len(language) == 2 else LANGUAGE_REPLACEMENTS.get(language, "")
    long = LANGUAGE_ALPHA3.get(short, language) if len(short) == 2 else language
    return _WITHDRAWN.get(long, long)


def replaced(tag: str) -> str | None:
    """What a registered tag of several parts stands for (``zh-min-nan``: ``nan``), or None if it is not registered."""
    from langcodes.data_dicts import LANGUAGE_REPLACEMENTS

    return LANGUAGE_REPLACEMENTS.get(tag) if "-" in tag else None


def is_script(script: str) -> bool:
    """Whether ISO 15924 lists the script, written as in ``Latn``."""
    from langcodes.data_dicts import ALL_SCRIPTS

    return script in ALL_SCRIPTS


@cache
def _macrolanguages() -> dict[str, str]:
    from langcodes.data_dicts import MACROLANGUAGES

    return {iso3(member): iso3(macro) for member, macro in MACROLANGUAGES.items()}


def macrolanguage(base: str) -> str | None:
    """The macrolanguage that an ISO 639-3 language belongs to (``swh``: ``swa``), or None."""
    return _macrolanguages().get(base)


@lru_cache(maxsize=4096)
def usual_script(base: str, territory: str = "") -> str:
    """The ISO 15924 script a language is usually written in (in a territory), or "" when no registry says.

    A language that CLDR does not list takes the script of its macrolanguage.
    """
    from langcodes.data_dicts import LIKELY_SUBTAGS

    if base in _SCRIPTS:
        return _SCRIPTS[base]
    tag = read(f"{base}-{territory}" if territory else base, normalize=True)
    if tag is None or tag.language is None:
        return ""
    for broader in tag.broader_tags():
        # CLDR also guesses a script for an unknown language (Latin); a guess is not knowledge.
        if broader in LIKELY_SUBTAGS and not broader.startswith("und"):
            return LIKELY_SUBTAGS[broader].split("-")[1]
    macro = macrolanguage(base)
    return usual_script(macro) if macro else ""


@cache
def _two_letter() -> dict[str, str]:
    from langcodes.data_dicts import LANGUAGE_ALPHA3

    return {long: short for short, long in LANGUAGE_ALPHA3.items() if len(short) == 2}


@lru_cache(maxsize=4096)
def english_name(base: str, script: str = "") -> str:
    """``Serbian``, or with a script ``Serbian (Latin)``; the code itself for a language without a registered name."""
    from langcodes import Language as Tag

    # Names are listed under the shortest code, today's (`he`) and the withdrawn one (`iw`) alike.
    short = _two_letter().get(base, base)
    name = Tag.make(language=short).language_name("en")
    if name == f"Unknown language [{short}]":
        name = base
    return f"{name} ({Tag.make(script=script).script_name('en')})" if script else name
