"""The report as one self-contained page: inline style and drawings, no script, nothing fetched."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from isogloss.evaluation import view
from isogloss.evaluation.charts import plan_chart, score_bars, stacked
from isogloss.evaluation.errors import frequent_confusions
from isogloss.evaluation.report import Report

if TYPE_CHECKING:
    from jinja2 import Environment

    from isogloss.evaluation.probes.scoring import Probed

MOST_LABELS = 24
"""Larger confusion matrices are not drawn: nobody can read them."""

SPAN_HUES = 8
_BRACKETS = re.compile(r"\[[^\]]*\]")  # intervals, which no line break may tear

ROLES = {
    "train": ("Training", "labelled items it learned from"),
    "select": ("Selection", "labelled items that chose the weights"),
    "few": ("Few-shot", "labelled target items it learned from"),
    "adapt": ("Adaptation", "raw text it read"),
    "parallel": ("Parallel text", "sentences with their translations"),
    "prompt": ("Prompts", "labelled items shown in prompts"),
    "bridge": ("Bridge", "items translated at prediction time"),
    "test": ("Test", "items scored here, never learned from"),
}
LEAK_KINDS = {"exact": "same text", "normalised": "same but for case and punctuation", "parallel": "same id"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A stretch of a sentence: plain, or a span of a type; ``agrees`` if the other side has the very same span."""

    text: str
    kind: str | None = None
    agrees: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A cell of a confusion matrix; ``tone`` in [0, 1] is how dark it is."""

    count: int
    tone: float
    right: bool


def render_html(report: Report, probed: Probed | None = None) -> str:
    """The page as text, to be written as UTF-8; with what a probe of the system has found, where there is one."""
    from isogloss.evaluation.probes.page import understood

    rows = view.rows(report)
    axis, bars = score_bars(rows, report.metric, report.source_score)
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            rows=rows,
            understood=None if probed is None else understood(probed),
            metrics=view.metric_names(report),
            axis=axis,
            bars=bars,
            summary=_BRACKETS.sub(lambda match: match[0].replace(" ", "\N{NO-BREAK SPACE}"), view.summary(report)),
            knowledge=view.knowledge(report),
            rule=view.selection_rule(report),
            cautions=view.cautions(report),
            leaks=_leaks(report.leaks),
            open_errors=_open(report, rows),
            hues=_hues(report.errors),
            guesses=plan_chart(report.plan["targets"] if report.plan else {}),
            held=view.held(report),
            stages=stacked(report.seconds),
            choices=_choices(report.selection.get("runs", [])),
            roles=[
                (*ROLES.get(role, (role, "")), counts) for role, counts in sorted(report.resources.items(), key=_place)
            ],
        )
    )


def environment() -> Environment:
    """Templates of this folder, with the filters they use; what they are given is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("isogloss.evaluation", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "decimal": view.decimal,
        "bounds": view.bounds,
        "language": view.language_name,
        "metric": view.metric_label,
        "duration": duration,
        "tag": lambda code: code.replace("_", "-"),  # as the lang attribute wants it: it chooses the font for Han
        "matrix": _matrix,
        "frequent": frequent_confusions,
    }
    environment.globals |= {
        "segments": segments,
        "listed": view.listed,
        "counted": view.counted,
        "MOST_LABELS": MOST_LABELS,
    }
    return environment


def segments(text: str, spans: Sequence[Sequence[Any]], others: Sequence[Sequence[Any]]) -> list[Segment]:
    """Cut a text at its spans. Where spans overlap, the earlier one keeps the shared characters."""
    known = {tuple(span) for span in others}
    found: list[Segment] = []
    at = 0
    for start, end, kind in sorted(map(tuple, spans)):
        begin = max(start, at)
        if begin >= end:
            continue
        found += [
            Segment(text=text[at:begin]),
            Segment(text=text[begin:end], kind=kind, agrees=(start, end, kind) in known),
        ]
        at = end
    return [segment for segment in [*found, Segment(text=text[at:])] if segment.text]


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 05 s``, ``2 h 07 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _matrix(confusion: Mapping[str, Any]) -> list[tuple[str, list[Cell]]]:
    """The rows of the matrix: the tone is the root of a cell's part of its row, so that small errors are seen too."""
    return [
        (label, [Cell(count=n, tone=(n / max(sum(row), 1)) ** 0.5, right=g == p) for p, n in enumerate(row)])
        for g, (label, row) in enumerate(zip(confusion["labels"], confusion["counts"], strict=True))
    ]


def _hues(errors: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """A colour number for each span type, the same in all languages."""
    examples = [example for table in errors.values() if "spans" in table for example in table["examples"]]
    kinds = {kind for example in examples for *_, kind in (*example["gold"], *example["predicted"])}
    return {kind: i % SPAN_HUES for i, kind in enumerate(sorted(kinds))}


def _open(report: Report, rows: Sequence[view.Row]) -> set[str]:
    """The languages whose errors are unfolded: the sources and the worst target."""
    there = [row for row in rows if report.errors.get(row.code)]
    return {row.code for row in there if row.source} | {row.code for row in there[-1:]}


def _leaks(leaks: Mapping[str, Any]) -> list[tuple[str, str, int]]:
    """Kind, role and number of leaks, in words."""
    table = []
    for name, count in leaks.get("by_kind", {}).items():
        kind, role = name.split(":")
        table.append((LEAK_KINDS.get(kind, kind), ROLES.get(role, (role, ""))[0], count))
    return table


def _choices(runs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """By seed what was chosen or averaged: the training step or steps, and the score that it has on source dev."""
    chosen: dict[str, list[str]] = {}
    for run in runs:
        score = f" ({view.decimal(run['score'])})" if "score" in run else ""
        if "runs" in run:
            what = f"mean of {run['runs']} runs" if not run["fell_back"] else "first run alone"
        elif "steps" in run:
            what = f"mean of steps {', '.join(map(str, run['steps']))}"
        else:
            what = f"step {run.get('step', view.NO_VALUE)}"
        chosen.setdefault(f"seed {run['seed']}", []).append(what + score)
    return {seed: ", ".join(steps) for seed, steps in chosen.items()}


def _place(entry: tuple[str, Any]) -> int:
    order = list(ROLES)
    return order.index(entry[0]) if entry[0] in order else len(order)
