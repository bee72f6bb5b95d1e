"""All that is known of how far languages are apart, and on what it rests: URIEL's tables and the user's own text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from isogloss.errors import DataError
from isogloss.languages import Language, features
from isogloss.languages.distances import DISTANCES, distances
from isogloss.languages.features import Kind
from isogloss.languages.overlap import MEASURED, MOST_PIECES, Pieces, Profile, measured
from isogloss.planning.weights import Floats
from isogloss.readers import read_lines

ALL_KINDS: tuple[str, ...] = (*DISTANCES, *MEASURED)
_KIND_OF: dict[str, Kind] = {
    "syntactic": "syntax",
    "morphological": "morphology",
    "phonological": "phonology",
    "inventory": "inventory",
    "genetic": "family",
    "geographic": "geography",
}


@dataclass(frozen=True, kw_only=True)
class Basis:
    """What is known of a language.

    Attributes:
        listed: the code in URIEL by distance (``syntactic`` and so on); only those that it has values for.
        observed: by the same, the share of values that some source states, in [0, 1]; the rest is inferred.
        lines: of the user's text; 0 where there is none that has letters.
        tables: whether URIEL could be asked.
    """

    listed: Mapping[str, str] = field(default_factory=dict)
    observed: Mapping[str, float] = field(default_factory=dict)
    lines: int = 0
    tables: bool = True

    @property
    def sentence(self) -> str:
        """The same in words."""
        text = f"{self.lines:,} line{'' if self.lines == 1 else 's'} of its text" if self.lines else ""
        if not self.listed:
            why = "not listed in URIEL" if self.tables else "URIEL's tables are not installed"
            return f"{why}; {text} alone" if text else f"{why}, and no text: nothing is known"
        # Morphology is a part of syntax, and would count twice.
        typology = [self.observed[kind] for kind in ("syntactic", "phonological", "inventory") if kind in self.observed]
        share = (
            f", {sum(typology) / len(typology):.0%} of its typology observed and the rest inferred" if typology else ""
        )
        return f"URIEL{share}" + (f"; {text}" if text else "; no text")


@dataclass(frozen=True, kw_only=True)
class Landscape:
    """L languages and the distances between them.

    Attributes:
        languages: canonical codes, each once.
        distances: by kind L x L in [0, 1]; nan where not known. Every kind is there.
        basis: of each language.
        pieces: how many pieces of each text were compared.
    """

    languages: tuple[str, ...]
    distances: Mapping[str, Floats]
    basis: Mapping[str, Basis]
    pieces: int

    def kinds(self, pairs: Iterable[tuple[str, str]]) -> tuple[str, ...]:
        """The kinds of distance that are known for all of these pairs."""
        rows = [(self.languages.index(one), self.languages.index(other)) for one, other in pairs]
        return tuple(
            kind for kind in ALL_KINDS if not any(np.isnan(self.distances[kind][row]) for row in rows) and rows
        )

    def known(self, lang: str, among: Iterable[str]) -> tuple[str, ...]:
        """The kinds of distance that are known between a language and any other one of some."""
        row = self.languages.index(lang)
        others = [self.languages.index(other) for other in among if other != lang]
        return tuple(kind for kind in ALL_KINDS if not np.isnan(self.distances[kind][row, others]).all())

    def between(self, one: str, other: str, kinds: Sequence[str]) -> Floats:
        """The distances of one pair, in the order of ``kinds``."""
        i, j = self.languages.index(one), self.languages.index(other)
        return np.array([self.distances[kind][i, j] for kind in kinds])


def survey(
    languages: Sequence[str], texts: Mapping[str, Iterable[str]] | None = None, *, pieces: Pieces | None = None
) -> Landscape:
    """Look up and measure.

    Args:
        languages: codes; two spellings of one language count once.
        texts: lines by canonical code, of as many of them as have any.
        pieces: as for :meth:`isogloss.languages.overlap.Profile.of`.

    Without the extra ``plan`` the distances of URIEL are unknown for all.
    """
    codes = tuple(dict.fromkeys(Language.parse(code).code for code in languages))
    profiles = [Profile.of((texts or {}).get(code, ()), pieces=pieces) for code in codes]
    found: dict[str, Floats] = {}
    for kind in DISTANCES:
        found[kind] = distances(codes, kind) if features.installed() else np.where(np.eye(len(codes)), 0.0, np.nan)
    sizes = [len(profile.pieces) for profile in profiles if profile is not None]
    return Landscape(
        languages=codes,
        distances=found | measured(profiles),
        basis={code: _basis(code, profile) for code, profile in zip(codes, profiles, strict=True)},
        pieces=min([*sizes, MOST_PIECES]) if sizes else 0,
    )


def read_texts(folder: Path) -> dict[str, list[str]]:
    """Lines by canonical code from a folder of ``<code>.txt`` files.

    Raises:
        DataError: there is no such folder, a name is no language code or names a language twice, or a file is not
            UTF-8.
    """
    if not folder.is_dir():
        raise DataError(
            "There is no such folder", where=folder, fix="Give one with a file such as yor.txt per language"
        )
    found: dict[str, list[str]] = {}
    for path in sorted(folder.glob("*.txt")):
        code = Language.parse(path.stem).code
        if code in found:
            raise DataError(f"There is a second file of {code}", where=path, fix="Put its lines into one file")
        found[code] = read_lines(path)
    return found


def _basis(code: str, profile: Profile | None) -> Basis:
    lines = profile.lines if profile is not None else 0
    if not features.installed():
        return Basis(lines=lines, tables=False)
    listed: dict[str, str] = {
        kind: there for kind in DISTANCES if (there := features.listed(code, _KIND_OF[kind])) is not None
    }
    return Basis(
        listed=listed, observed={kind: features.observed(code, _KIND_OF[kind]) for kind in listed}, lines=lines
    )
