"""Find a language among others: the same one, or the only one that can be meant."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from isogloss.languages.codes import Language
from isogloss.languages.registry import macrolanguage

_log = logging.getLogger("isogloss")


def find(language: Language | str, among: Iterable[Language | str]) -> Language | None:
    """The member of ``among`` that ``language`` means, as it was spelled there, or None.

    An equal canonical code comes first. Failing that, a macrolanguage and its member match (``swa`` and ``swh``), and
    so does one spelling with a script and one without where no registry knows the usual script (``lus`` and
    ``lus_Latn``): only in the same script, only if a single language of ``among`` qualifies, and with a warning on the
    logger ``isogloss`` that names both.

    Raises:
        DataError: a code given as text cannot be one (see ``Language.parse``).
    """
    wanted = _language(language)
    others = [_language(other) for other in among]
    for other in others:
        if other == wanted:
            return other
    related = {other.code: other for other in reversed(others) if _related(wanted, other)}
    if len(related) != 1:
        return None
    (match,) = related.values()
    _log.warning(
        "'%s' (%s) is taken to be '%s' (%s), the only related language there is.",
        *(wanted.spelled, wanted.name, match.spelled, match.name),
    )
    return match


def _language(language: Language | str) -> Language:
    return language if isinstance(language, Language) else Language.parse(language)


def _related(one: Language, other: Language) -> bool:
    if one.script and other.script and one.script != other.script:
        return False
    return one.base == other.base or macrolanguage(one.base) == other.base or macrolanguage(other.base) == one.base
