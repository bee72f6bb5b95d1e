"""``isogloss evaluate``: score a finished system on a problem's test files."""

from __future__ import annotations

from isogloss.cli.options import Json, ProblemFolder, Quiet, RunFolder
from isogloss.cli.talk import print_json, print_table

EXAMPLES = """\b
Examples:
  isogloss evaluate runs/first my-problem
  isogloss evaluate runs/first another-problem --json > scores.json
"""


def evaluate(run: RunFolder, problem: ProblemFolder, json: Json = False, quiet: Quiet = False) -> None:
    """Score a finished system on a problem's test files.

    The problem has the task and the labels of the system.
    """
    from isogloss import commands

    scores = commands.evaluate(run, problem, quiet=quiet)
    if json:
        print_json(scores)
        return
    metrics = [name for name in next(iter(scores.values())) if name not in ("n", "ci95")]
    rows = []
    for lang, row in scores.items():
        cells = [f"{row[name]:.3f} [{row['ci95'][name][0]:.3f}, {row['ci95'][name][1]:.3f}]" for name in metrics]
        rows.append((lang, *cells, str(row["n"])))
    print_table(("language", *metrics, "n"), rows, numbers=(*metrics, "n"))
