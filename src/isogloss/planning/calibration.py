"""What a plan foretells of a run, read before it; and how good that was, once the run is done."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from isogloss.errors import DataError
from isogloss.languages import Language
from isogloss.planning.plan import read_plan
from isogloss.planning.prediction import CASES

VERY_PAIR = "this very pair was measured"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One prediction and what came of it.

    Attributes:
        target: as the report spells it.
        predicted: the score that the plan expects.
        interval: of the prediction; None where it had no bounds.
        score: None where the target has no test file.
        inside: whether the score is within the interval; None where either is missing.
    """

    target: str
    predicted: float
    interval: tuple[float, float] | None
    score: float | None
    inside: bool | None


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """All predictions of a plan for a run, and those among them that were put to the test.

    Attributes:
        sha256: of the plan.
        level: that the intervals promised.
        outcomes: one for each target with a prediction.
        error: mean absolute error; None where nothing was tested.
        shift: mean of score minus prediction: how far all scores lie above or below; None as before.
        covered: the share of scores within their interval; None where there was no interval.
        differs: how the run is no test of the predictions, or not what they are of; one sentence each.
    """

    sha256: str
    level: float
    outcomes: tuple[Outcome, ...]
    error: float | None
    shift: float | None
    covered: float | None
    differs: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The field ``plan`` of a report; outcomes are ``targets``, by language."""
        found = asdict(self)
        targets = {outcome.pop("target"): outcome for outcome in found.pop("outcomes")}
        return {"sha256": self.sha256, "level": self.level, "targets": targets} | found


@dataclass(frozen=True, kw_only=True)
class Foretold:
    """The predictions of a plan file for one run.

    Attributes:
        sha256: of the plan.
        level: of the intervals.
        entries: by canonical code of the target, what the plan says of it and the run's source.
        evidence: what the predictions rest on, as in the plan.
        about: how the transfers behind them were measured, as far as it is known.
        problem: that the plan was made for; None where the file does not say.
        planned: canonical codes of its targets.
    """

    sha256: str
    level: float
    entries: Mapping[str, Mapping[str, Any]]
    evidence: tuple[Mapping[str, Any], ...]
    about: Mapping[str, Any]
    problem: str | None = None
    planned: tuple[str, ...] = ()

    def mismatches(self, problem: str, targets: Iterable[str], settings: Mapping[str, Any]) -> Iterator[str]:
        """How a run that is not begun yet is not what the plan was made for, one sentence each.

        Args:
            problem: its name.
            targets: that will be asked for, however spelled.
            settings: of the recipe's parts, by name.
        """
        if self.problem is not None and self.problem != problem:
            yield f"The plan was made for the problem {self.problem}; this run is of {problem}."
        codes = {lang: Language.parse(lang).code for lang in targets}
        there = sum(code in codes.values() for code in self.planned)
        if there < len(self.planned):
            yield f"Of the plan's {len(self.planned)} targets this run has {there}."
        if silent := [lang for lang, code in codes.items() if code not in self.entries]:
            yield f"The plan predicts no score for {', '.join(silent)}."
        if other := _other_settings(self.about, settings):
            was, now = (", ".join(f"{name} {pair[i]}" for name, pair in other.items()) for i in (0, 1))
            yield f"The transfers behind the predictions were trained with {was}; this run with {now}."

    def estimate(self, lang: str) -> dict[str, Any] | None:
        """The entry of a report's ``estimate`` for a target, however spelled; None where the plan has no prediction."""
        entry = self.entries.get(Language.parse(lang).code)
        if entry is None:
            return None
        told = next(told for told in self.evidence if told["kinds"] == entry["rests_on"])
        case = CASES[entry["case"]] if entry["measured"] is None else VERY_PAIR
        basis = f"{told['pairs']} measured transfers among {told['languages']} languages, by {', '.join(told['kinds'])}"
        return {
            "value": entry["prediction"]["value"],
            "interval": _bounds(entry),
            "level": self.level,
            "basis": f"a plan, from {basis}; {case}; for the data that those were measured on",
        }

    def against(self, report: Mapping[str, Any]) -> Calibration:
        """Hold a finished report, as it is in JSON, against the predictions."""
        langs = dict.fromkeys((*report["scores"], *report.get("targets", ())))
        scores = {lang: _defined(report["scores"].get(lang, {}).get(report["metric"])) for lang in langs}
        entries = {lang: self.entries.get(Language.parse(lang).code) for lang in langs}
        outcomes = [_outcome(lang, entry, scores[lang]) for lang, entry in entries.items() if entry is not None]
        missed = [outcome.score - outcome.predicted for outcome in outcomes if outcome.score is not None]
        held = [outcome.inside for outcome in outcomes if outcome.inside is not None]
        return Calibration(
            sha256=self.sha256,
            level=self.level,
            outcomes=tuple(outcomes),
            error=fmean(map(abs, missed)) if missed else None,
            shift=fmean(missed) if missed else None,
            covered=fmean(held) if held else None,
            differs=tuple(self._differs(report, entries)),
        )

    def _differs(self, report: Mapping[str, Any], entries: Mapping[str, Mapping[str, Any] | None]) -> Iterable[str]:
        """Only of what is known of the measured transfers is anything said."""
        if "problem" in report and "targets" in report:
            yield from self.mismatches(report["problem"], report["targets"], report.get("settings", {}))
        if report.get("regime", "zero-shot") != "zero-shot":
            yield f"The predictions are of zero-shot transfer; this run is {report['regime']}."
        if told := [lang for lang, entry in entries.items() if entry is not None and entry["measured"] is not None]:
            yield f"The plan's matrix held this very source with {', '.join(told)}: no test of what it foretells."
        made = {"recipe": report.get("recipe"), "encoder": report.get("backbone", {}).get("id")}
        for what, was in (("recipe", self.about.get("recipe")), ("encoder", self.about.get("backbone"))):
            if isinstance(was, str) and made[what] is not None and was != made[what]:
                yield f"The transfers behind the predictions had the {what} {was}; this run has {made[what]}."


def foretold(
    plan: str | Path, *, task: str, metric: str, sources: Iterable[str], targets: Iterable[str] | None = None
) -> Foretold:
    """What a plan file predicts for a run, before anything is trained.

    Args:
        plan: the file, whose hash must be right.
        task: its name.
        metric: of the problem.
        sources: of the run, however spelled: one language.
        targets: of the run; at least one of them must have a prediction. By default none need.

    Raises:
        DataError: it cannot be read, is no plan or was changed; it is of another task or metric, or predicts no score
            of this run; or the run has several sources.
    """
    try:
        content = read_plan(plan)
    except OSError as error:
        raise DataError(f"The plan cannot be read ({error.strerror})", where=plan, fix="Give a file") from None
    for name, own in (("task", task), ("metric", metric)):
        if content[name] != own:
            raise DataError(
                f"The plan's {name} is {content[name]}, the run's {own}", where=plan, fix="Make a plan of this problem"
            )
    if not content["evidence"]:
        raise DataError("The plan predicts no score", where=plan, fix="Make it without --matrix none")
    codes = {Language.parse(code).code for code in sources}
    if len(codes) != 1:
        raise DataError("The run has several sources, and a prediction is of one", where=plan, fix="Leave the plan out")
    entries = {
        target: entry
        for target, ranked in content["ranked"].items()
        for entry in ranked
        if entry["source"] in codes and entry["prediction"] is not None
    }
    wanted = None if targets is None else {Language.parse(code).code for code in targets}
    if wanted is not None and not wanted & entries.keys():
        raise DataError(
            f"The plan predicts no score from {codes.pop()} to a target of this run",
            where=plan,
            fix="Make a plan of this problem",
        )
    return Foretold(
        sha256=content["sha256"],
        level=content["evidence"][0]["level"],
        entries=entries,
        evidence=tuple(content["evidence"]),
        about=content.get("about", {}),
        problem=content.get("problem"),
        planned=tuple(content.get("targets", ())),
    )


def calibration(plan: str | Path, report: Mapping[str, Any]) -> Calibration:
    """Hold a report against the plan that was written before it.

    Args:
        plan: the file, whose hash must be right.
        report: ``report.json`` as read, of a run with one source language.

    Raises:
        DataError: as :func:`foretold`.
    """
    told = foretold(
        plan,
        task=report["task"],
        metric=report["metric"],
        sources=report["source"],
        targets=report.get("targets"),
    )
    return told.against(report)


def _other_settings(about: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """By name what the measured transfers were trained with and the run, where no part of the run has the same."""
    known = {"epochs": about.get("epochs"), **about.get("learning", {})}
    run = {name: [part[name] for part in settings.values() if name in part] for name in known}
    return {
        name: (was, run[name][0])
        for name, was in known.items()
        if was is not None and run[name] and was not in run[name]
    }


def _defined(score: float | None) -> float | None:
    return None if score is None or math.isnan(score) else score


def _bounds(entry: Mapping[str, Any]) -> tuple[float, float] | None:
    guess = entry["prediction"]
    return None if guess["low"] is None else (guess["low"], guess["high"])


def _outcome(lang: str, entry: Mapping[str, Any], score: float | None) -> Outcome:
    bounds = _bounds(entry)
    inside = None if bounds is None or score is None else bounds[0] <= score <= bounds[1]
    return Outcome(target=lang, predicted=entry["prediction"]["value"], interval=bounds, score=score, inside=inside)
