"""What is known of a language offline: the tables of URIEL (Littell et al., EACL 2017), as lang2vec 1.1.2 ships them.

Its files alone are read, never its code, which has no working distances. They list 7,970 ISO 639-3 codes. All have
a place and 7,294 a family; of 3,357 some typology was observed (WALS, SSWL, PHOIBLE, Ethnologue), and the values of the
others are what URIEL infers from the nearest languages by family, place and known features.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from isogloss.errors import ResourceError
from isogloss.languages.codes import Language
from isogloss.languages.registry import macrolanguage

Kind = Literal["syntax", "morphology", "phonology", "inventory", "family", "geography"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SOURCE = "URIEL, as in lang2vec 1.1.2"

# Rows of the tables that are no languages: miscellaneous, several, undetermined, no linguistic content.
_NO_LANGUAGE = {"mis", "mul", "und", "zbl", "zxx"}
_PREFIXES: dict[Kind, str] = {"syntax": "S_", "morphology": "S_", "phonology": "P_", "inventory": "INV_"}
# What is bound to a word, or shows on it. Two kinds of mark are words of their own: that of a question, of which URIEL
# tells the place, and classifiers of numerals.
_BOUND = re.compile(r"(?<![^_])(?:AFFIX|PREFIX|SUFFIX|(?:PRO|EN)?CLITIC|REDUP|AGREEMENT|(?:HEAD|DEP)?MARK)(?![^_])")
_FREE = re.compile(r"POLARQ_MARK|NUMCLASS_MARK")


@dataclass(frozen=True, kw_only=True)
class _Table:
    """The values of one kind: L languages, F features.

    Attributes:
        row: of each code.
        names: of the features, length F.
        averages_LF: means over what the sources say; nan where none says anything.
        completed_LF: the same, gaps filled by URIEL's nearest neighbours.
    """

    row: dict[str, int]
    names: tuple[str, ...]
    averages_LF: NDArray[np.floating]
    completed_LF: NDArray[np.floating]

    def known(self, code: str) -> bool:
        """Whether a source says anything of the language."""
        return code in self.row and bool((~np.isnan(self.averages_LF[self.row[code]])).any())


def installed() -> bool:
    """Whether the tables are there: the extra ``plan``."""
    return _folder() is not None


def _folder() -> Path | None:
    """Of the tables; None where lang2vec is not installed.

    By what was installed, not by what would be imported: lang2vec puts a script of its own name beside the interpreter,
    and there the command line's path begins.
    """
    try:
        return Path(str(distribution("lang2vec").locate_file("lang2vec"))) / "data"
    except PackageNotFoundError:
        return None


def listed(language: Language | str, kind: Kind) -> str | None:
    """The code under which URIEL knows a language, or None.

    Its own where something of the kind was observed for it, else its macrolanguage's where something was (``lvs``:
    ``lav``), else its own with inferred values alone (typology only).

    Raises:
        ResourceError: the tables are not installed.
        DataError: a code given as text cannot be one.
    """
    base = (language if isinstance(language, Language) else Language.parse(language)).base
    table = _table(kind)
    for code in (base, macrolanguage(base)):
        if code is not None and table.known(code):
            return code
    return base if base in table.row and kind in _PREFIXES else None


def vector(language: Language | str, kind: Kind, *, completed: bool = True) -> NDArray[np.float32] | None:
    """The values of a language, None if it is not listed.

    Args:
        language: a language, or its code in any spelling.
        kind: ``syntax`` (103 values), ``phonology`` (28), ``inventory`` (158) and ``family`` (3,718 families and
            branches, 1 for those it belongs to) in [0, 1]; ``geography``: its place as a unit vector of length 3;
            ``morphology``: those 40 of ``syntax`` that are about affixes, clitics, reduplication, agreement and marks
            (of case, gender, tense, on heads or dependents), which URIEL files under syntax: the split is ours, by the
            words in the features' names.
        completed: fill what no source says with URIEL's inference; otherwise it is nan.

    Raises:
        ResourceError: the tables are not installed.
        DataError: a code given as text cannot be one.
    """
    code = listed(language, kind)
    if code is None:
        return None
    table = _table(kind)
    values_LF = table.completed_LF if completed else table.averages_LF
    values_F: NDArray[np.float32] = values_LF[table.row[code]].astype(np.float32)
    return values_F


def names(kind: Kind) -> tuple[str, ...]:
    """What the values of a kind are called, in their order."""
    return _table(kind).names


def observed(language: Language | str, kind: Kind) -> float:
    """The share of a language's values that some source states, in [0, 1]: the rest is inferred. 0 if unlisted."""
    values = vector(language, kind, completed=False)
    return 0.0 if values is None else float((~np.isnan(values)).mean())


def languages(kind: Kind) -> tuple[str, ...]:
    """The codes of which something of the kind was observed, in alphabetical order."""
    table = _table(kind)
    return tuple(sorted(code for code in table.row if table.known(code)))


@cache
def _table(kind: Kind) -> _Table:
    return _READERS[kind](kind)


def _typology(kind: Kind) -> _Table:
    rows, features, averages_LF = _read("feature_averages")
    same_rows, same_features, completed_LF = _read("feature_predictions")
    if rows != same_rows or features != same_features:
        raise ResourceError("The tables of lang2vec do not belong together", fix="Install it anew: lang2vec==1.1.2")
    chosen = [i for i, name in enumerate(features) if name.startswith(_PREFIXES[kind])]
    if kind == "morphology":
        chosen = [i for i in chosen if _BOUND.search(features[i]) and not _FREE.search(features[i])]
    averages_LF = averages_LF[:, chosen]
    return _Table(
        row=_rows(rows),
        names=tuple(features[i].removeprefix(_PREFIXES[kind]) for i in chosen),
        averages_LF=np.where(averages_LF < 0, np.nan, averages_LF),
        completed_LF=completed_LF[:, chosen],
    )


def _family(kind: Kind) -> _Table:
    rows, families, members_LF = _read("family_features")
    # A language without a family is one that URIEL could not place, not an isolate.
    there: NDArray[np.bool_] = np.asarray(members_LF.any(axis=1))
    found = members_LF[there].astype(np.float16)  # 54 MB; zeros and ones lose nothing
    row = _rows([code for code, has in zip(rows, there, strict=True) if has])
    return _Table(row=row, names=tuple(f.removeprefix("F_") for f in families), averages_LF=found, completed_LF=found)


def _geography(kind: Kind) -> _Table:
    """Places, found again from the distances to 299 points that the table gives, as shares of half the globe.

    The cosine of the angle to a point p is p . u, linear in the place u: least squares over all points finds it
    (residuals below 0.5 % of half the globe for every language).
    """
    rows, points, shares_LG = _read("geocoord_features")
    degrees_G2 = np.radians([[float(part) for part in name.split("_")[1:]] for name in points])
    points_G3 = _on_globe(degrees_G2[:, 0], degrees_G2[:, 1])
    places_L3 = np.linalg.lstsq(points_G3, np.cos(np.pi * shares_LG.astype(float)).T, rcond=None)[0].T
    places_L3 /= np.linalg.norm(places_L3, axis=1, keepdims=True)
    found = places_L3.astype(np.float32)
    return _Table(row=_rows(rows), names=("x", "y", "z"), averages_LF=found, completed_LF=found)


def _on_globe(latitude: NDArray[np.float64], longitude: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors from radians."""
    flat = np.cos(latitude)
    return np.stack([flat * np.cos(longitude), flat * np.sin(longitude), np.sin(latitude)], axis=1)


def _rows(codes: list[str]) -> dict[str, int]:
    return {code: i for i, code in enumerate(codes) if code not in _NO_LANGUAGE}


def _read(name: str) -> tuple[list[str], list[str], NDArray[np.float32]]:
    """Codes, features and the L x F values of a file."""
    folder = _folder()
    if folder is None:
        raise ResourceError(
            "Knowledge of languages needs the tables of lang2vec", fix="Install them: pip install isogloss[plan]"
        )
    path = folder / f"{name}.npz"
    if not path.is_file():
        raise ResourceError("A table of lang2vec is missing", where=path, fix="Install it anew: lang2vec==1.1.2")
    with np.load(path, allow_pickle=False) as file:
        return file["langs"].tolist(), file["feats"].tolist(), file["data"][:, :, 0].astype(np.float32, copy=False)


_READERS: dict[Kind, Callable[[Kind], _Table]] = {
    "syntax": _typology,
    "morphology": _typology,
    "phonology": _typology,
    "inventory": _typology,
    "family": _family,
    "geography": _geography,
}
