"""``isogloss predict``: texts on stdin, predictions on stdout."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from isogloss.cli.options import Quiet, RunFolder, listed

EXAMPLES = """\b
Examples:
  isogloss predict runs/first --lang yor < texts.txt > predictions.jsonl
  isogloss predict runs/first --lang auto < inputs.jsonl > predictions.jsonl
"""


def predict(
    run: RunFolder,
    lang: Annotated[
        str | None, typer.Option("--lang", metavar="LANG", help="The texts' language; auto detects it text by text.")
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option("--labels", metavar="A,B,C", help="The label set; any if labels are open, else its own."),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold", metavar="P", help="Of open labels: what is likelier is an entity. By default as trained."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Accepted for symmetry: the output is JSON lines anyway.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Predict for texts on stdin.

    Reads text lines or JSON lines and writes JSON lines with id, lang, prediction and score.
    """
    from isogloss import commands

    wanted = listed(labels, "--labels") if labels is not None else None
    for row in commands.predict(run, sys.stdin.buffer, lang=lang, labels=wanted, threshold=threshold, quiet=quiet):
        typer.echo(json.dumps(row, ensure_ascii=False))
