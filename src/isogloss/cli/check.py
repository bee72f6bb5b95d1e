"""``isogloss check``: validate, count, look for leaks."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from isogloss.cli.options import Json, ProblemFolder, Quiet
from isogloss.cli.talk import print_json, print_table

if TYPE_CHECKING:
    from isogloss.commands.check import CheckResult

log = logging.getLogger("isogloss")

EXAMPLES = """\b
Examples:
  isogloss check my-problem
  isogloss check my-problem --deep --json > check.json
"""

MOST_LABELS = 8


def check(
    problem: ProblemFolder,
    deep: Annotated[bool, typer.Option("--deep", help="Look at labels, lengths and unknown text pieces too.")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Validate a problem folder, count, look for leaks.

    The exit code is 1 if anything leaks.
    """
    from isogloss import commands
    from isogloss.commands.check import mend

    found = commands.check(problem, deep=deep)
    if json:
        leaks = [{**asdict(leak), "mend": mend(leak)} for leak in found.leaks]
        print_json({**asdict(found), "leaks": leaks, "clean": found.clean})
    else:
        _print(found)
        for leak in found.leaks:
            typer.echo(f"leak: {leak}. {mend(leak)}.")
    if not found.clean:
        files = sorted({leak.test.rpartition(":")[0] for leak in found.leaks})
        count = f"{len(found.leaks)} leak" + ("s" if len(found.leaks) > 1 else "")
        typer.echo(f"error: {problem}: {count} into {', '.join(files)}. Mend them and check again.", err=True)
        raise typer.Exit(1)
    log.info("No leaks. next: isogloss transfer %s", problem)


def _print(found: CheckResult) -> None:
    typer.echo(
        f"{found.problem}: {found.task}, {len(found.labels)} labels\n"
        if found.labels
        else f"{found.problem}: {found.task}\n"
    )
    rows = [
        (split, lang, str(counts[""]), _labels(counts))
        for split, langs in found.counts.items()
        for lang, counts in langs.items()
    ]
    print_table(("split", "language", "examples", "with the label"), rows, numbers=("examples",))
    if found.lengths:
        typer.echo()
        seen = [(lang, f"{mean:.1f}", f"{100 * found.unknown[lang]:.1f} %") for lang, mean in found.lengths.items()]
        print_table(
            ("language", "mean characters", "unknown pieces"), seen, numbers=("mean characters", "unknown pieces")
        )
    for finding in found.findings:
        typer.echo(finding)


def _labels(counts: dict[str, int]) -> str:
    labels = [f"{label} {n}" for label, n in counts.items() if label]
    more = len(labels) - MOST_LABELS
    return ", ".join(labels[:MOST_LABELS]) + (f" and {more} more" if more > 0 else "")
