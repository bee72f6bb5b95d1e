"""A report in the words and order people read it in: what the page, the terminal table and the model card share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from isogloss.evaluation.report import Report
from isogloss.languages import Language

METRIC_NAMES = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "span_f1": "span F1",
    "precision": "precision",
    "recall": "recall",
    "spearman": "Spearman's ρ",
    "f1": "F1",
    "exact_match": "exact match",
}
TIER_WORDS = {
    "nothing": "nothing of the targets",
    "raw text": "raw text of the targets",
    "parallel text": "parallel text with the targets",
    "MT in training": "machine-translated training data",
    "MT at inference": "machine translation at prediction time",
    "MT in training and at inference": "machine translation in training and at prediction time",
    "oracle": "the targets' test labels",
}
NO_VALUE = "–"

Interval = tuple[float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One language of the results.

    Attributes:
        code: as the user spelled it.
        name: English name.
        source: whether labels came from this language.
        n: test items.
        values, intervals: by metric; None where a score is not defined.
        seeds: the primary metric of each seed.
        gap: source score minus this one; None for a source, or where either is unknown.
    """

    code: str
    name: str
    source: bool
    n: int
    values: dict[str, float | None]
    intervals: dict[str, Interval | None]
    seeds: list[float]
    gap: float | None


def language_name(code: str) -> str:
    """English name of a language as the user spelled it."""
    return Language.parse(code).name


def rows(report: Report) -> list[Row]:
    """The languages that have a score: sources first, then targets from best to worst on the primary metric."""
    found = [_row(report, lang, entry) for lang, entry in report.scores.items()]
    return sorted(found, key=lambda row: (not row.source, -_sortable(row.values[report.metric]), row.name))


def _row(report: Report, lang: str, entry: dict[str, Any]) -> Row:
    metrics = metric_names(report)
    value, source = _number(entry[report.metric]), lang in report.source
    known = not source and value is not None and report.source_score is not None
    seeds = [_number(scores[report.metric]) for scores in entry["by_seed"].values()]
    return Row(
        code=lang,
        name=language_name(lang),
        source=source,
        n=entry["n"],
        values={metric: _number(entry[metric]) for metric in metrics},
        intervals={metric: _interval(entry["ci95"].get(metric)) for metric in metrics},
        seeds=[score for score in seeds if score is not None],
        gap=report.source_score - value if known else None,  # type: ignore[operator]
    )


def metric_names(report: Report) -> list[str]:
    """The metrics of the report, the primary one first."""
    first = next(iter(report.scores.values()), {})
    return [report.metric, *(name for name in first if name not in {"n", "ci95", "by_seed", report.metric})]


def metric_label(metric: str) -> str:
    """A metric's name as people write it."""
    return METRIC_NAMES.get(metric, metric.replace("_", " "))


def _number(value: float | None) -> float | None:
    """The value, or None where it is not defined (JSON has no nan, so that a loaded report has None already)."""
    return None if value is None or math.isnan(value) else value


def _interval(pair: Sequence[float | None] | None) -> Interval | None:
    low, high = (_number(bound) for bound in pair) if pair else (None, None)
    return None if low is None or high is None else (low, high)


def _sortable(value: float | None) -> float:
    return -math.inf if value is None else value


def decimal(value: float | None, digits: int = 3) -> str:
    """A score with a fixed number of decimals and a true minus sign; a dash where there is none."""
    number = _number(value)
    # Adding 0.0 to a rounded -0.0 makes it 0.0.
    return NO_VALUE if number is None else f"{round(number, digits) + 0.0:.{digits}f}".replace("-", "−")


def bounds(interval: Sequence[float | None] | None, digits: int = 3) -> str:
    """``[0.82, 0.86]``, or nothing where there is no interval."""
    pair = _interval(interval)
    return "" if pair is None else f"[{decimal(pair[0], digits)}, {decimal(pair[1], digits)}]"


def listed(names: Sequence[str], most: int = 4) -> str:
    """``English, Hindi and Yoruba``; a long list is cut: ``English, Hindi, Yoruba and 14 more``."""
    names = [*names[: most - 1], f"{len(names) - most + 1} more"] if len(names) > most else list(names)
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def counted(number: int, noun: str) -> str:
    """``1 language``, ``17 languages``, ``2,000 items``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def summary(report: Report) -> str:
    """The result in one or two plain sentences."""
    sources = listed([language_name(lang) for lang in report.source])
    tested = [row for row in rows(report) if not row.source]
    start = f"Trained on {sources} labels"
    if report.regime == "few-shot":
        start += " and some target labels"
    if not tested or report.mean_target is None:
        return f"{start}. No target language has test data, so that there is no score."
    where = f"in {counted(len(tested), 'language')}" if len(tested) > 1 else f"in {tested[0].name}"
    mean = "mean " if len(tested) > 1 else ""
    value = f"{decimal(report.mean_target, 2)} {bounds(report.mean_target_ci95, 2)}".rstrip()
    return f"{start}, tested {where}: {mean}{metric_label(report.metric)} {value}{_distance(report, sources)}."


def _distance(report: Report, sources: str) -> str:
    if report.gap is None:
        return ""
    reference = f"{sources} (on its development data)" if report.source_basis == "dev" else sources
    size = decimal(abs(report.gap), 2)
    if size == decimal(0.0, 2):
        return f", level with {reference}"
    return f", {size} {'below' if report.gap > 0 else 'above'} {reference}"


def held(report: Report) -> str:
    """How good the plan's predictions were, in a sentence; "" without a plan."""
    if report.plan is None:
        return ""
    guesses = report.plan["targets"].values()
    tested, bounded = ([g for g in guesses if g[key] is not None] for key in ("score", "inside"))
    if not tested:
        return "No target with a prediction has a test file, so that the plan was not put to the test."
    mean = "a mean absolute error" if len(tested) > 1 else "an error"
    words = f"The plan predicted {counted(len(tested), 'score')} with {mean} of {decimal(report.plan['error'])}"
    if bounded:
        inside = sum(guess["inside"] for guess in bounded)
        words += f"; {inside} of {len(bounded)} within intervals that promise {100 * report.plan['level']:.3g} %"
    return f"{words}."


def knowledge(report: Report) -> str:
    """What the result was allowed to know, in words."""
    return TIER_WORDS.get(report.tier, report.tier)


def selection_rule(report: Report) -> str:
    """Name of the rule that chose the weights."""
    return str(report.selection.get("rule", "none"))


def leak_count(report: Report) -> int:
    """Number of test items that something before the test has seen."""
    return int(report.leaks.get("total", 0))


@dataclass(frozen=True, kw_only=True, slots=True)
class Caution:
    """What a reader must know before they trust the numbers; ``grave`` if it may make them worthless."""

    text: str
    grave: bool = False


def cautions(report: Report) -> list[Caution]:
    """Everything that stands between the reader and the numbers, the gravest first."""
    found = []
    if report.regime == "oracle":
        words = "Oracle: the weights were chosen on the test labels. This is a ceiling, not a result."
        found.append(Caution(text=words, grave=True))
    if leaks := leak_count(report):
        words = f"{counted(leaks, 'leak')}: test items that were seen before the test. The scores may be too high."
        found.append(Caution(text=words, grave=True))
    if report.transductive:
        found.append(Caution(text="Transductive: raw text of the test was used for adaptation."))
    if report.unserved:
        names = [f"{language_name(lang)} ({reason})" for lang, reason in report.unserved.items()]
        found.append(Caution(text=f"Not served, hence without a score: {listed(names, most=8)}."))
    return found + [Caution(text=notice) for notice in report.notices]
