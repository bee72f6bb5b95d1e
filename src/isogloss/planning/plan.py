"""The plan: everything that is foretold of a problem, under a hash, so that a later report can be held against it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from isogloss.errors import DataError
from isogloss.planning.landscape import Landscape
from isogloss.planning.law import Estimate
from isogloss.planning.planner import Evidence, Ranked, Sets, Way
from isogloss.planning.recipe import Advised
from isogloss.planning.resources import Resources

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to expect, and which languages to annotate.

    Attributes:
        problem, task: names.
        metric: of the predicted scores: the matrix's own; the problem's where nothing is predicted.
        source, targets: canonical codes, as the problem has them.
        candidates: all languages that could be annotated.
        land: the distances, and what is known of each language.
        ranked: by target the candidates, the best first.
        ways: in which languages are compared, the most used first: one for each tuple of kinds of distance.
        sets: of 1, 2, ... sources to annotate beside those that have labels.
        evidence: what the predictions rest on, for each set of kinds of distance that one was made from, the most used
            first; empty where nothing is predicted.
        gains: by number of labelled target examples, what they add to the zero-shot score; empty if never measured.
        resources: by target what could be bought for it, what that is known to bring, and the advice.
        recipe: which one to begin with, and why.
        about: how the matrix was measured.
        seconds: of training the source data once with the recipe ``direct``, on this machine; None if not measured.
        spelled: the user's spelling of codes.
        notices: what the reader must know, one sentence each.
    """

    problem: str
    task: str
    metric: str
    source: tuple[str, ...]
    targets: tuple[str, ...]
    candidates: tuple[str, ...]
    land: Landscape
    ranked: Mapping[str, tuple[Ranked, ...]]
    ways: Mapping[tuple[str, ...], Way]
    sets: Sets
    evidence: tuple[Evidence, ...] = ()
    gains: Mapping[int, Estimate] = field(default_factory=dict)
    resources: Mapping[str, Resources]
    recipe: Advised
    about: Mapping[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    spelled: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    def spelling(self, lang: str) -> str:
        """The user's spelling of a canonical code."""
        return self.spelled.get(lang, lang)

    def content(self) -> dict[str, Any]:
        """The plan as JSON has it, without its hash; what is not known is null."""
        basis = {lang: {**asdict(found), "basis": found.sentence} for lang, found in self.land.basis.items()}
        found = {
            "schema": SCHEMA,
            "problem": self.problem,
            "task": self.task,
            "metric": self.metric,
            "source": self.source,
            "targets": self.targets,
            "candidates": self.candidates,
            "languages": basis,
            "order": self.land.languages,
            "distances": {kind: np.round(matrix, 6).tolist() for kind, matrix in self.land.distances.items()},
            "ranked": {target: [asdict(entry) for entry in entries] for target, entries in self.ranked.items()},
            "ways": [asdict(way) for way in self.ways.values()],
            "sets": asdict(self.sets),
            "evidence": [asdict(told) for told in self.evidence],
            "gains": {str(n): asdict(gain) for n, gain in self.gains.items()},
            "resources": {target: asdict(found) for target, found in self.resources.items()},
            "recipe": asdict(self.recipe),
            "about": dict(self.about),
            "seconds": self.seconds,
            "notices": self.notices,
        }
        known: dict[str, Any] = _known(found)
        return known

    def to_json(self) -> dict[str, Any]:
        """The content with ``sha256``, the hash of everything else in it."""
        content = self.content()
        return {**content, "sha256": digest(content)}

    def write(self, path: str | Path) -> None:
        """Write the file that :func:`read_plan` and :func:`isogloss.planning.calibration.calibration` read."""
        Path(path).write_text(json.dumps(self.to_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def digest(content: Mapping[str, Any]) -> str:
    """SHA-256 over the content as JSON with sorted keys and no blanks, ``sha256`` itself apart."""
    plain = {key: value for key, value in content.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read_plan(path: str | Path) -> dict[str, Any]:
    """The content of a plan file, hash and all.

    Raises:
        DataError: it is no plan, or was changed after it was written.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError("There is no such plan", where=path, fix="Write it with 'isogloss plan --out'") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"This is no plan ({error})", where=path, fix="Give one that 'isogloss plan' wrote") from None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA or "ranked" not in content:
        raise DataError("This is no plan", where=path, fix="Give one that 'isogloss plan --out' wrote")
    if content.get("sha256") != digest(content):
        raise DataError("The plan was changed after it was written", where=path, fix="Make a new one before the run")
    return content


def _known(value: Any) -> Any:
    """The same for JSON: null for what is not a number, lists for tuples."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _known(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_known(entry) for entry in value]
    return value
