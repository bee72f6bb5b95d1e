"""Transfer that was measured: which source language reached which score on which target, kept as JSON.

    {"schema": 1, "about": {"backbone": ..., "examples": ...},
     "cells": [{"source": "eng", "target": "yor", "task": "classification", "metric": "accuracy", "examples": 0,
                "scores": {"1": 0.71, "2": 0.69}, "distances": {"script": 0.0, "pieces": 0.8, "lexical": 0.6}}]}

``scores`` are by seed; ``examples`` counts labelled examples of the target (0 by default: zero-shot); ``distances`` are
those that were measured on the text of the two languages (:mod:`isogloss.languages.overlap`), where they were.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from isogloss.errors import DataError
from isogloss.languages import Language
from isogloss.languages.overlap import MEASURED

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One pair of languages on one task.

    Attributes:
        source, target: canonical codes.
        task, metric: names, as in a problem.
        scores: by seed, in [0, 1].
        examples: labelled examples of the target that training saw.
        distances: measured on text, by kind.
    """

    source: str
    target: str
    task: str
    scores: Mapping[int, float]
    metric: str = ""
    examples: int = 0
    distances: Mapping[str, float] = field(default_factory=dict)

    @property
    def score(self) -> float:
        """The mean over seeds."""
        return fmean(self.scores.values())


@dataclass(frozen=True, kw_only=True)
class TransferMatrix:
    """Cells, no two of them of the same pair, task and number of examples.

    Attributes:
        cells: in any order; not every pair need be there.
        about: how they were measured, for reports.
    """

    cells: tuple[Cell, ...]
    about: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: str | Path, *, task: str | None = None) -> TransferMatrix:
        """Read a matrix file, or a folder with runs: every ``report.json`` below it.

        Args:
            path: of either.
            task: runs of other tasks are left out; by default none is.

        Raises:
            DataError: it is neither, or holds something that is no score of transfer.
        """
        path = Path(path)
        if path.is_dir():
            return cls.of_runs(sorted(path.rglob("report.json")), where=path, task=task)
        content = _json(path)
        if (
            not isinstance(content, dict)
            or content.get("schema") != SCHEMA
            or not isinstance(content.get("cells"), list)
        ):
            raise DataError(
                f"This is no transfer matrix of schema {SCHEMA}",
                where=path,
                fix='Give a file with {"schema": 1, "cells": [...]} or a folder of runs',
            )
        about = content.get("about", {})
        cells = (_cell(entry, path, number) for number, entry in enumerate(content["cells"], start=1))
        return cls(cells=_unique(cells, path), about=about if isinstance(about, dict) else {})

    @classmethod
    def of_runs(cls, reports: Iterable[Path], *, where: Path, task: str | None = None) -> TransferMatrix:
        """The scores in reports of zero-shot runs with one source language each.

        What is no such run, or of another task than ``task``, is left out; ``about["left_out"]`` says which and why.

        Raises:
            DataError: there is none, they are of several recipes, encoders or metrics (no single matrix), or two of
                them measured the same pair.
        """
        cells: list[tuple[str, Cell]] = []
        made: dict[tuple[str, str, str], list[str]] = {}
        apart: dict[str, list[str]] = {}
        for path in reports:
            name = _run_name(path, where)
            try:
                report = _json(path)
                how = (report["recipe"], report["backbone"]["id"], report["metric"])
                if why := _no_transfer(report, task):
                    apart.setdefault(why, []).append(name)
                    continue
                told = {"source": report["source"][0], "task": report["task"], "metric": report["metric"]}
                scores = {
                    lang: {seed: by[report["metric"]] for seed, by in found["by_seed"].items()}
                    for lang, found in report["scores"].items()
                }
            except (KeyError, TypeError, AttributeError):
                apart.setdefault("no report of a run", []).append(name)
                continue
            made.setdefault(how, []).append(name)
            for number, (lang, by_seed) in enumerate(scores.items(), start=1):
                cells.append((name, _cell({**told, "target": lang, "scores": by_seed}, path, number)))
        left_out = [f"{_some(names)} ({why})" for why, names in apart.items()]
        if not cells:
            raise DataError(
                "No zero-shot run from one source language"
                + (f" on {task}" if task else "")
                + " is in it"
                + (f"; left out: {', '.join(left_out)}" if left_out else ""),
                where=where,
                fix="Give another folder",
            )
        if len(made) > 1:
            ways = "; ".join(f"{', '.join(how)}: {_some(names)}" for how, names in made.items())
            raise DataError(
                f"The runs differ in recipe, encoder or metric ({ways})",
                where=where,
                fix="Keep runs of one kind in one folder",
            )
        ((recipe, backbone, metric),) = made
        about = {"recipe": recipe, "backbone": backbone, "metric": metric}
        ran: dict[tuple[str, str, str], str] = {}
        for name, cell in cells:
            if (first := ran.setdefault((cell.source, cell.target, cell.task), name)) != name:
                raise DataError(
                    f"{cell.source} to {cell.target} was measured by two runs ({first}, {name})",
                    where=where,
                    fix="Keep one of them, or one run with both seeds",
                )
        found = _unique((cell for _, cell in cells), where)
        return cls(cells=found, about=about | ({"left_out": left_out} if left_out else {}))

    def write(self, path: str | Path) -> None:
        """Write the file that :meth:`read` reads."""
        content = {"schema": SCHEMA, "about": dict(self.about), "cells": [asdict(cell) for cell in self.cells]}
        Path(path).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def of_task(self, task: str) -> TransferMatrix:
        """The part that is about one task."""
        return TransferMatrix(cells=tuple(cell for cell in self.cells if cell.task == task), about=self.about)

    def zero_shot(self) -> tuple[Cell, ...]:
        """The pairs of two different languages, without labelled examples of the target."""
        return tuple(cell for cell in self.cells if cell.source != cell.target and cell.examples == 0)

    def curves(self) -> list[tuple[list[int], list[float]]]:
        """Of each pair with at least three numbers of examples: these numbers, and the scores, over all seeds."""
        by_pair: dict[tuple[str, str], list[tuple[int, float]]] = {}
        for cell in self.cells:
            if cell.source != cell.target:
                points = [(cell.examples, score) for score in cell.scores.values()]
                by_pair.setdefault((cell.source, cell.target), []).extend(points)
        there = [sorted(points) for _, points in sorted(by_pair.items()) if len({n for n, _ in points}) > 2]
        return [([n for n, _ in points], [score for _, score in points]) for points in there]

    def gained(self) -> dict[int, list[float]]:
        """By number of examples: what they added to each pair's zero-shot score, over the seeds that both have."""
        without = {(cell.source, cell.target): cell.scores for cell in self.zero_shot()}
        found: dict[int, list[float]] = {}
        for cell in self.cells:
            base = without.get((cell.source, cell.target), {})
            if cell.examples and (seeds := base.keys() & cell.scores.keys()):
                added = fmean(cell.scores[seed] - base[seed] for seed in sorted(seeds))
                found.setdefault(cell.examples, []).append(added)
        return dict(sorted(found.items()))


def _run_name(report: Path, where: Path) -> str:
    """The run's folder, seen from the one that was given."""
    folder = report.parent
    return str(folder.relative_to(where)) if folder.is_relative_to(where) and folder != where else folder.name


def _no_transfer(report: Mapping[str, Any], task: str | None) -> str:
    """Why a run is no transfer on the task from one language; "" where it is."""
    if task is not None and report["task"] != task:
        return f"task {report['task']}"
    if report["regime"] != "zero-shot":
        return f"{report['regime']}"
    return "" if len(report["source"]) == 1 else "several sources"


def _some(names: Sequence[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError("There is no such file", where=path, fix="Give a transfer matrix or a folder of runs") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"This is not JSON ({error})", where=path, fix="Give a transfer matrix") from None


def _cell(entry: Any, path: Path, number: int) -> Cell:
    """A cell from JSON."""

    def wrong(what: str) -> DataError:
        return DataError(
            f"Cell {number} {what}", where=path, fix="A cell needs source, target, task and scores by seed"
        )

    if not isinstance(entry, dict):
        raise wrong("is not an object")
    for name in ("source", "target", "task"):
        if not isinstance(entry.get(name), str) or not entry[name]:
            raise wrong(f"has no {name}")
    scores, distances, examples = entry.get("scores"), entry.get("distances", {}), entry.get("examples", 0)
    if not isinstance(scores, dict) or not scores or not all(map(_share, scores.values())):
        raise wrong("has no scores by seed between 0 and 1")
    if not all(isinstance(seed, int) or seed.isdecimal() for seed in scores):
        raise wrong("has a seed that is no number")
    if not isinstance(distances, dict) or not all(k in MEASURED and _share(v) for k, v in distances.items()):
        raise wrong(f"has distances other than {', '.join(MEASURED)} between 0 and 1")
    if not isinstance(examples, int) or isinstance(examples, bool) or examples < 0:
        raise wrong("has a number of examples that is none")
    return Cell(
        source=Language.parse(entry["source"]).code,
        target=Language.parse(entry["target"]).code,
        task=entry["task"],
        metric=str(entry.get("metric", "")),
        scores={int(seed): float(score) for seed, score in scores.items()},
        examples=examples,
        distances={kind: float(value) for kind, value in distances.items()},
    )


def _share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _unique(cells: Iterable[Cell], where: Path) -> tuple[Cell, ...]:
    found: dict[tuple[str, str, str, int], Cell] = {}
    for cell in cells:
        key = (cell.source, cell.target, cell.task, cell.examples)
        if key in found:
            raise DataError(
                f"{cell.source} to {cell.target} is there twice for {cell.task} with {cell.examples} examples",
                where=where,
                fix="Keep one, with the scores of all seeds",
            )
        found[key] = cell
    return tuple(found.values())
