"""``apertium``, the rule-based translator of Debian: a separate program, called with many sentences at a time.

Forcada et al., "Apertium: a free/open-source platform for rule-based machine translation", Machine Translation 25,
2011. Starting it takes half a second, so sentences go in together with a blank line between them, which it leaves as it
is.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from typing import Literal

from isogloss.bridges.base import Translation, Translator
from isogloss.errors import ResourceError
from isogloss.languages import Language, find
from isogloss.tasks.base import clean

PROGRAM = "apertium"
INSTALL = "apt install apertium-eng-spa, or another pair that 'apt-cache search apertium-' lists"
TOGETHER = 500
"""Texts of one call."""
CALL_SECONDS, TEXT_SECONDS = 60, 2
MODE = re.compile(r"([a-z]{2,3})-([a-z]{2,3})(?:_(BS|HR|SR))?")
STANDARDS = {"BS": "bos", "HR": "hrv", "SR": "srp_Latn"}
"""Of Serbo-Croatian: which one is written is a variant of the mode, any of them is read."""
CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


class ApertiumTranslator(Translator):
    """Every pair that the installed data of Apertium have.

    Variants of a language (``cat_valencia``) are left out, but for the standards of Serbo-Croatian.

    The ability ``markup`` is :meth:`translate_markup`.

    Raises:
        ResourceError: the program is not installed, or does not run.
    """

    id = PROGRAM
    abilities = frozenset({"markup"})

    def __init__(self) -> None:
        self.version, self._modes = _installed()

    def serves(self, source: str, target: str) -> bool:
        return self._mode(source, target) is not None

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, best: int = 1
    ) -> list[tuple[Translation, ...]]:
        return [(Translation(text=text),) for text in self._all(texts, source, target, "txt")]

    def translate_markup(self, texts: Sequence[str], source: str, target: str) -> list[str]:
        """Fragments of HTML: tags stay, moving with the words they stand at; entities are read and written.

        Between closely related languages tags hardly disturb the analysis; from English they often do.
        """
        return self._all(texts, source, target, "html")

    def _all(self, texts: Sequence[str], source: str, target: str, form: Literal["txt", "html"]) -> list[str]:
        mode = self._mode(source, target)
        if mode is None:
            raise ResourceError(
                f"The installed Apertium does not translate from {source} to {target}", fix=f"Try {INSTALL}"
            )
        lines = [_line(text) for text in texts]
        wanted = [number for number, line in enumerate(lines) if line]
        results = [""] * len(texts)
        for first in range(0, len(wanted), TOGETHER):
            some = wanted[first : first + TOGETHER]
            for number, translation in zip(some, _counted([lines[n] for n in some], mode, form), strict=True):
                results[number] = translation
        return results

    def _mode(self, source: str, target: str) -> str | None:
        one = find(source, {a for a, _ in self._modes})
        other = find(target, {b for a, b in self._modes if one and a == one.code})
        return self._modes[one.code, other.code] if one and other else None


def available() -> bool:
    """Whether the program is installed."""
    return shutil.which(PROGRAM) is not None


@cache
def _installed() -> tuple[str, dict[tuple[str, str], str]]:
    """Version, and the modes by canonical codes."""
    if not available():
        raise ResourceError("The program apertium is not installed", fix=INSTALL)
    version = _call(["-V"], "", CALL_SECONDS).strip()
    found: dict[tuple[str, str], str] = {}
    for line in _call(["-l"], "", CALL_SECONDS).split():
        if match := MODE.fullmatch(line):
            source, target, standard = match.groups()
            one = [Language.parse(source).code, *(STANDARDS.values() if source == "hbs" else ())]
            other = STANDARDS[standard] if standard else Language.parse(target).code
            found |= dict.fromkeys(((code, other) for code in one), line)
    return version, found


def _line(text: str) -> str:
    """A text on one line, without what would end the input."""
    return " ".join(CONTROLS.sub(" ", clean(text)).splitlines()).strip()


def _counted(lines: Sequence[str], mode: str, form: str) -> list[str]:
    """One translation a line. Where the count comes out wrong the lines go in again in two halves."""
    seconds = CALL_SECONDS + TEXT_SECONDS * len(lines)
    output = _call(["-u", "-f", form, mode], "".join(line + "\n\n" for line in lines), seconds)
    parts = output.removesuffix("\n\n").split("\n\n")
    if len(parts) == len(lines):
        return [part.strip() for part in parts]
    if len(lines) == 1:
        raise ResourceError(
            f"Apertium ({mode}) made {len(parts)} paragraphs of one sentence ('{lines[0][:40]}')",
            fix="Leave the sentence out, or choose another translator",
        )
    half = len(lines) // 2
    return [*_counted(lines[:half], mode, form), *_counted(lines[half:], mode, form)]


def _call(arguments: Sequence[str], text: str, seconds: float) -> str:
    program = shutil.which(PROGRAM)
    if program is None:
        raise ResourceError("The program apertium is not installed", fix=INSTALL)
    try:
        done = subprocess.run(  # noqa: S603 (no shell; the arguments are ours)
            [program, *arguments], input=text.encode(), capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise ResourceError(f"Apertium did not answer within {seconds:.0f} seconds", fix="Try again") from None
    except OSError as error:
        raise ResourceError(f"Apertium does not start ({error.strerror})", fix=INSTALL) from error
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split())[:200]
        raise ResourceError(f"Apertium broke down: {said or f'exit code {done.returncode}'}", fix="Install it again")
    return done.stdout.decode(errors="replace")
