"""Translators by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isogloss.errors import ResourceError, unknown

if TYPE_CHECKING:
    from isogloss.bridges.base import Translator

__all__ = ["load_translator"]


def load_translator(name: str = "auto") -> Translator:
    """The translator called ``name``: ``isogloss:eng-por``, ``cipher``, ``cipher:SEED``, ``identity`` or ``auto``.

    Raises:
        ResourceError: there is none of that name, or what it needs is not installed.
    """
    from isogloss.bridges.translators.embedded import NAME, EmbeddedTranslator
    from isogloss.bridges.translators.trivial import CipherTranslator, IdentityTranslator

    kind, _, rest = name.partition(":")
    if name in (NAME, "auto"):
        return EmbeddedTranslator()
    if name == "identity":
        return IdentityTranslator()
    if kind == "cipher" and (not rest or rest.isdecimal()):
        return CipherTranslator(int(rest or 0))
    raise ResourceError(unknown("translator", name, ["auto", "cipher", "identity", NAME]).rstrip("."))
