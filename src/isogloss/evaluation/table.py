"""The report in the terminal: one row for each language, the mean, the gap, and what the numbers rest on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from isogloss.evaluation.report import Report
from isogloss.evaluation.view import (
    Row,
    bounds,
    cautions,
    counted,
    decimal,
    held,
    knowledge,
    leak_count,
    metric_label,
    metric_names,
    rows,
    selection_rule,
    summary,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def render_table(report: Report) -> Table:
    """Languages by score, the source first; below them the mean over targets and the gap to the source."""
    from rich import box
    from rich.table import Table

    others = metric_names(report)[1:]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    # The widths fit into 80 columns with three metrics and five-digit counts.
    table.add_column("language", overflow="ellipsis", no_wrap=True, max_width=17 if len(others) > 1 else 26)
    table.add_column("code", overflow="ellipsis", no_wrap=True, max_width=8)
    for title in (metric_label(report.metric), "95 % interval", *map(metric_label, others), "n"):
        table.add_column(title, justify="right", no_wrap=True)
    found = rows(report)
    for i, row in enumerate(found):
        last = i + 1 == len(found) or (row.source and not found[i + 1].source)
        table.add_row(*_cells(row, report.metric), style="bold" if row.source else None, end_section=last)
    if report.mean_target is not None:
        mean = (decimal(report.mean_target), bounds(report.mean_target_ci95))
        table.add_row("mean of targets", "", *mean, style="bold")
    if report.gap is not None:
        table.add_row("gap to source", "", decimal(report.gap), bounds(report.gap_ci95))
    return table


def print_report(report: Report, console: Console) -> None:
    """Print the table and what it rests on; plain text where the console is no terminal."""
    from rich.text import Text

    console.print(Text(summary(report)))
    console.print()
    console.print(render_table(report))
    console.print()
    loud = "bold red" if report.regime == "oracle" else ""
    leaks = leak_count(report)
    console.print(
        Text.assemble(
            (report.regime, loud or "bold"),
            f" · saw {knowledge(report)} · selected by {selection_rule(report)} · ",
            (counted(leaks, "leak"), "bold red") if leaks else "no leaks",
        )
    )
    for line in _of_plan(report):
        console.print(Text(line))
    for caution in cautions(report):
        console.print(Text(caution.text, style="bold red" if caution.grave else "yellow"))


def _of_plan(report: Report) -> Iterator[str]:
    """How good the plan was, how the run differs from it, and what it expects where nothing was measured."""
    if report.plan is None:
        return
    yield f"Plan: {held(report)}"
    yield from report.plan["differs"]
    guesses = [
        f"{lang} {decimal(guess['value'])} {bounds(guess['interval'])}".rstrip()
        for lang, guess in report.estimate.items()
        if guess is not None
    ]
    if guesses:
        yield f"Expected by the plan, and not measured: {'; '.join(guesses)}."


def _cells(row: Row, metric: str) -> list[str]:
    others = [decimal(value) for name, value in row.values.items() if name != metric]
    return [row.name, row.code, decimal(row.values[metric]), bounds(row.intervals[metric]), *others, f"{row.n:,}"]
