"""How good a plan's predictions were, once the run is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isogloss.errors import DataError
from isogloss.languages import Language
from isogloss.planning.plan import read_plan


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One prediction and what came of it; ``inside`` is None where the prediction had no bounds."""

    target: str
    predicted: float
    interval: tuple[float, float] | None
    score: float
    inside: bool | None


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """All predictions of a plan that a run put to the test.

    Attributes:
        sha256: of the plan.
        level: that the intervals promised.
        outcomes: one for each target that has both a prediction and a score.
        error: mean absolute error; None without outcomes.
        covered: the share of scores within their interval; None where there was no interval.
    """

    sha256: str
    level: float
    outcomes: tuple[Outcome, ...]
    error: float | None
    covered: float | None


def calibration(plan: str | Path, report: Mapping[str, Any]) -> Calibration:
    """Hold a report against the plan that was written before it.

    Args:
        plan: the file, whose hash must be right.
        report: ``report.json`` as read, of a run with one source language.

    Raises:
        DataError: the plan was changed or predicts no score, or the run is of another task, metric or several sources.
    """
    content = read_plan(plan)
    if not content["evidence"]:
        raise DataError("The plan predicts no score", where=plan, fix="Make it with --matrix")
    for name in ("task", "metric"):
        if content[name] != report[name]:
            raise DataError(f"The plan's {name} is {content[name]}, the run's {report[name]}", where=plan)
    sources = {Language.parse(code).code for code in report["source"]}
    if len(sources) != 1:
        raise DataError("The run has several sources, and a prediction is of one", where=plan)
    outcomes = []
    for spelled, found in report["scores"].items():
        target, score = Language.parse(spelled).code, found[report["metric"]]
        for entry in content["ranked"].get(target, ()):
            guess = entry["prediction"]
            if entry["source"] in sources and guess is not None and score is not None:
                bounds = None if guess["low"] is None else (guess["low"], guess["high"])
                inside = None if bounds is None else bounds[0] <= score <= bounds[1]
                outcomes.append(
                    Outcome(target=target, predicted=guess["value"], interval=bounds, score=score, inside=inside)
                )
    held = [outcome.inside for outcome in outcomes if outcome.inside is not None]
    return Calibration(
        sha256=content["sha256"],
        level=content["evidence"][0]["level"],
        outcomes=tuple(outcomes),
        error=sum(abs(o.predicted - o.score) for o in outcomes) / len(outcomes) if outcomes else None,
        covered=sum(held) / len(held) if held else None,
    )
