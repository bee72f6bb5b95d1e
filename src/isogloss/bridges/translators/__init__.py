"""Translators by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from isogloss.errors import ResourceError, unknown

if TYPE_CHECKING:
    from isogloss.bridges.base import Translator

__all__ = ["installed", "load_translator"]

NAMES = ("auto", "apertium", "cipher", "identity", "isogloss:eng-por")
FORMS = {"cipher": "cipher:SEED", "ctranslate2": "ctranslate2:FOLDER", "openai": "openai:MODEL@URL"}


def load_translator(name: str = "auto", *, cache: Path | Literal["user"] | None = "user") -> Translator:
    """The translator called ``name``.

    Args:
        name: ``auto`` (for each pair the best installed one), ``isogloss:eng-por``, ``apertium``, ``identity``,
            ``cipher``, ``cipher:SEED``, ``ctranslate2:FOLDER``, ``openai:MODEL@URL``, or the hub id or folder of a
            model of transformers (NLLB, M2M-100, mBART-50, Marian).
        cache: folder where translations are kept, ``user`` for the one in the user's cache (``ISOGLOSS_CACHE``), None
            to keep none. Identity and cipher are never cached.

    Raises:
        ResourceError: there is none of that name, or what it needs is not installed.
    """
    from isogloss.backbones.embedded import cache_folder

    folder = cache_folder() / "translations" if cache == "user" else cache
    if name == "auto":
        from isogloss.bridges.translators.auto import AutoTranslator

        return AutoTranslator([_kept(translator, folder) for translator in installed()])
    return _kept(_named(name), folder)


def installed() -> list[Translator]:
    """The translators that are there without being named, the best first."""
    from isogloss.bridges.translators import apertium, embedded

    found: list[Translator] = []
    if embedded.available():
        found.append(embedded.EmbeddedTranslator())
    if apertium.available():
        found.append(apertium.ApertiumTranslator())
    return found


def _named(name: str) -> Translator:
    kind, colon, rest = name.partition(":")
    if name == "isogloss:eng-por":
        from isogloss.bridges.translators.embedded import EmbeddedTranslator

        return EmbeddedTranslator()
    if name == "identity":
        from isogloss.bridges.translators.trivial import IdentityTranslator

        return IdentityTranslator()
    if name == "cipher" or (kind == "cipher" and rest.isdecimal()):
        from isogloss.bridges.translators.trivial import CipherTranslator

        return CipherTranslator(int(rest or 0))
    if name == "apertium":
        from isogloss.bridges.translators.apertium import ApertiumTranslator

        return ApertiumTranslator()
    if kind == "ctranslate2" and rest:
        from isogloss.bridges.translators.ctranslate2 import CTranslate2Translator

        return CTranslate2Translator(rest)
    if kind == "openai" and rest:
        from isogloss.bridges.translators.endpoint import EndpointTranslator

        return EndpointTranslator.named(name)
    if name and (Path(name).is_dir() or ("/" in name and not colon)):
        from isogloss.bridges.translators.seq2seq import Seq2SeqTranslator

        return Seq2SeqTranslator(name)
    if kind in FORMS and colon:
        raise ResourceError(f"'{name}' is not of the form {FORMS[kind]}", fix="Complete it")
    raise ResourceError(
        unknown("translator", name, NAMES).rstrip("."),
        fix=f"Or give {', '.join(FORMS.values())}, a hub id such as facebook/nllb-200-distilled-600M, or a folder",
    )


def _kept(translator: Translator, folder: Path | None) -> Translator:
    from isogloss.bridges.translators.cached import CHUNK, Cached
    from isogloss.bridges.translators.endpoint import EndpointTranslator
    from isogloss.bridges.translators.trivial import CipherTranslator, IdentityTranslator

    if folder is None or isinstance(translator, IdentityTranslator | CipherTranslator):
        return translator
    # One request a sentence: hours of them are not to be lost for the last one.
    return Cached(translator, folder, chunk=8 if isinstance(translator, EndpointTranslator) else CHUNK)
