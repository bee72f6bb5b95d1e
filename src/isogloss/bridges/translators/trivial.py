"""Two translators that need nothing: one returns the text, the other writes it in an artificial language."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence

import numpy as np

from isogloss.bridges.base import Attention, Translation, Translator
from isogloss.errors import ResourceError
from isogloss.languages import Language, units

BLOCK = 128


class IdentityTranslator(Translator):
    """Returns the text. Every recipe that translates must do with it what it does without a translation."""

    id = "identity"
    version = "1"
    abilities = frozenset({"attend", "markup"})

    def serves(self, source: str, target: str) -> bool:
        return True

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, best: int = 1
    ) -> list[tuple[Translation, ...]]:
        return [(Translation(text=text),) for text in texts]

    def translate_markup(self, texts: Sequence[str], source: str, target: str) -> list[str]:
        """The same texts: their tags stay where they are."""
        return list(texts)

    def attend(self, pairs: Sequence[tuple[str, str]], source: str, target: str) -> list[Attention]:
        return [_diagonal(*pair) for pair in pairs]


class CipherTranslator(Translator):
    """Every language is a cipher of ``source``: its letters are exchanged for others of their script, one for one.

    From a to b a text is deciphered from a, then enciphered into b, where nothing is done for ``source`` itself. So a
    translation back always gives the text again, and so does any detour. Case, length, words and all that is not a
    letter stay as they are. Letters change places only within their 128 code points.

    Args:
        seed: another seed gives other languages.
        source: code of the language that is written in clear.
    """

    abilities = frozenset({"attend"})

    def __init__(self, seed: int = 0, source: str = "eng") -> None:
        self.seed, self.source = seed, Language.parse(source).code
        self.id = f"cipher:{seed}" if seed else "cipher"
        self.version = f"1 source={self.source}"
        self._ciphers: dict[str, _Cipher] = {}

    def serves(self, source: str, target: str) -> bool:
        return Language.parse(source) != Language.parse(target)

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, best: int = 1
    ) -> list[tuple[Translation, ...]]:
        if not self.serves(source, target):
            raise ResourceError(f"{self.id} does not translate from {source} to itself", fix="Name two languages")
        clear, secret = self._cipher(source).backward, self._cipher(target).forward
        return [(Translation(text=text.translate(clear).translate(secret)),) for text in texts]

    def attend(self, pairs: Sequence[tuple[str, str]], source: str, target: str) -> list[Attention]:
        return [_diagonal(*pair) for pair in pairs]

    def _cipher(self, lang: str) -> _Cipher:
        code = Language.parse(lang).code
        if code not in self._ciphers:
            self._ciphers[code] = _Cipher("" if code == self.source else f"{self.seed} {code}")
        return self._ciphers[code]


class _Table(dict[int, int]):
    """A table for ``str.translate`` that is filled as characters are met."""

    def __init__(self, cipher: _Cipher, step: int) -> None:
        super().__init__()
        self.cipher, self.step = cipher, step

    def __missing__(self, code: int) -> int:
        self[code] = self.cipher.exchanged(code, self.step)
        return self[code]


class _Cipher:
    """The permutation of all letters that belongs to a key; nothing changes under the empty key.

    The letters of a class stand in a circle whose order the key decides; each is exchanged for the next one.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self.forward, self.backward = _Table(self, 1), _Table(self, -1)
        self._circles: dict[tuple[str, str, int], list[str]] = {}

    def exchanged(self, code: int, step: int) -> int:
        char = chr(code)
        small = char.lower()
        kind = _class(small) if len(small) == 1 else None
        if not self.key or kind is None or char not in (small, small.upper()):
            return code
        circle = self._circle(kind)
        other = circle[(circle.index(small) + step) % len(circle)]
        return ord(other if char == small else other.upper())

    def _circle(self, kind: tuple[str, str, int]) -> list[str]:
        if kind not in self._circles:
            first = kind[2] * BLOCK
            members = [char for char in map(chr, range(first, first + BLOCK)) if _class(char) == kind]
            self._circles[kind] = sorted(members, key=lambda c: hashlib.sha256(f"{self.key} {c}".encode()).digest())
        return self._circles[kind]


def _class(char: str) -> tuple[str, str, int] | None:
    """Script, kind and block of a letter that may be exchanged; None for everything else.

    A letter of two cases belongs only if it is the one small form of its one capital form. Syllables of Hangul are of
    two kinds, because an open one melts with a final that follows. Vowel signs that Unicode counts as letters stay.
    """
    category = unicodedata.category(char)
    if category == "Ll":
        capital = char.upper()
        kind = "cased" if len(capital) == 1 and capital != char and capital.lower() == char else ""
    elif category == "Lo":
        kind = "" if unicodedata.decomposition(char).startswith("<") else _break(char)
    else:
        kind = ""
    if not kind:
        return None
    return unicodedata.name(char, "").split(" ")[0], kind, ord(char) // BLOCK


def _break(char: str) -> str:
    """How a caseless letter holds together with its neighbours, "" where exchanging it would shift the words."""
    import regex

    for name in ("Other", "LV", "LVT"):
        if regex.fullmatch(rf"(?V1)[\p{{GCB={name}}}--\p{{Default_Ignorable_Code_Point}}]", char):
            return name
    return ""


def _diagonal(source: str, target: str) -> Attention:
    """Word by word, as far as both have words."""
    source_units, target_units = units(source), units(target)
    return Attention(
        weights_TS=np.eye(len(target_units), len(source_units), dtype=np.float32),
        source_offsets=tuple(source_units),
        target_offsets=tuple(target_units),
    )
