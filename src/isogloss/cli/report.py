"""``isogloss report``: the table and the page of a finished run."""

from __future__ import annotations

import logging

import typer

from isogloss.cli.options import Json, Quiet, RunFolder
from isogloss.cli.talk import console

log = logging.getLogger("isogloss")

EXAMPLES = """\b
Examples:
  isogloss report runs/first
  isogloss report runs/first --json | jq .mean_target
"""


def report(run: RunFolder, json: Json = False, quiet: Quiet = False) -> None:
    """Print the results of a finished run.

    Its page report.html is drawn anew from report.json.
    """
    from isogloss.evaluation import Report
    from isogloss.evaluation.probes.scoring import Probed

    found = Report.load(run)
    folder = run if run.is_dir() else run.parent
    page = found.save(folder)
    if json:
        typer.echo(found.to_json())
    else:
        from isogloss.evaluation.table import print_report

        print_report(found, console())
        if probed := Probed.load(folder):
            means = ", ".join(f"{lang} {mean:.3f}" for lang, mean in probed.means.items())
            typer.echo(f"Probes, mean accuracy over {', '.join(probed.phenomena)}: {means}.")
    log.info("Report: %s", page)
