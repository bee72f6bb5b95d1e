"""Which language a text is in, by the n-gram models of lingua (75 languages)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from isogloss.errors import ResourceError
from isogloss.languages.codes import Language
from isogloss.languages.registry import macrolanguage

if TYPE_CHECKING:
    from lingua import LanguageDetector

_log = logging.getLogger("isogloss")

# Full models take about 20 MB and 0.15 s of loading per language, 1.2 GB for all 75. Beyond this many languages lingua
# uses its trigrams alone (90 MB for all), which costs some accuracy on texts shorter than a sentence.
MAX_FULL_MODELS = 40

_HAN = {"Hans", "Hant"}


def detect(texts: Sequence[str], candidates: Sequence[Language] | None = None) -> list[str]:
    """The language of each text.

    Args:
        texts: any text; whole sentences are told apart far better than single words.
        candidates: the languages that are possible. Those that lingua does not know are named in a warning and never
            returned. If it knows fewer than two of them, or none are given, all languages of lingua are possible.

    Returns:
        One canonical code per text, a candidate's own where there are candidates; ``und`` for a text that cannot be
        decided, such as an empty one or an emoji.

    Raises:
        ResourceError: lingua is not installed.
    """
    detector, codes = _detector(tuple(dict.fromkeys(language.code for language in candidates or ())))
    # lingua takes well-formed Unicode only: a lone surrogate becomes a question mark.
    found = detector.detect_languages_in_parallel_of([t.encode("utf-8", "replace").decode() for t in texts])
    return ["und" if one is None else codes[one.iso_code_639_3.name.lower()] for one in found]


def known_languages() -> set[str]:
    """The codes of the languages that lingua knows. Raises ImportError where it is not installed."""
    import lingua

    return {model.iso_code_639_3.name.lower() for model in lingua.Language.all()}


@lru_cache(maxsize=8)
def _detector(candidates: tuple[str, ...]) -> tuple[LanguageDetector, dict[str, str]]:
    """The detector, and the code to answer with for each of its languages. Models are shared between detectors."""
    try:
        import lingua
    except ImportError as error:
        raise ResourceError(
            "Language detection needs the library lingua", fix="Install it: pip install isogloss[detect]"
        ) from error
    models = {model.iso_code_639_3.name.lower(): model for model in lingua.Language.all()}
    codes = _answers([Language.parse(code) for code in candidates], models.keys())
    if len(set(codes.values())) < 2:
        if candidates:
            _log.warning("Language detection knows fewer than two of the languages: it chooses among all its own.")
        codes = {known: codes.get(known, Language.parse(known).code) for known in models}
    builder = lingua.LanguageDetectorBuilder.from_languages(*(models[known] for known in codes))
    if len(codes) > MAX_FULL_MODELS:
        builder = builder.with_low_accuracy_mode()
    return builder.build(), codes


def _answers(candidates: Iterable[Language], known: Iterable[str]) -> dict[str, str]:
    """Which candidate each known language stands for; warns of the candidates that none stands for."""
    known = set(known)
    answers: dict[str, str] = {}
    # Exact ones first: where both `swa` and `swh` are candidates, the model of Swahili is that of `swa`.
    for language in sorted(candidates, key=lambda language: language.base not in known):
        models = [code for code in _models(language, known) if _same_script(language, Language.parse(code))]
        if not models:
            _log.warning("Language detection does not know '%s' (%s).", language.code, language.name)
        elif taken := [answers[code] for code in models if code in answers]:
            _log.warning("Language detection cannot tell '%s' from '%s'.", language.code, "', '".join(taken))
        for code in models:
            answers.setdefault(code, language.code)
    return answers


def _models(language: Language, known: set[str]) -> list[str]:
    base, macro = language.base, macrolanguage(language.base)
    if base in known:
        return [base]
    if macro in known:
        return [macro]
    return sorted(code for code in known if macrolanguage(code) == base)


def _same_script(one: Language, other: Language) -> bool:
    return not one.script or one.script == other.script or {one.script, other.script} <= _HAN
