"""``isogloss export``: a finished system for ONNX Runtime or OpenVINO."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from isogloss.cli.options import Force, Json, Quiet, RunFolder, listed
from isogloss.cli.talk import print_json

log = logging.getLogger("isogloss")

EXAMPLES = """\b
Examples:
  isogloss export runs/first --format onnx --int8 --problem my-problem
  isogloss export runs/first --format openvino --int8 --trim --lang yor,swa --corpus texts.txt
"""


def export(
    run: RunFolder,
    format: Annotated[
        str, typer.Option("--format", metavar="F", help="onnx, openvino, or torch (with --trim).", show_default=False)
    ],
    int8: Annotated[
        bool, typer.Option("--int8", help="Integers of eight bits: a quarter of the size, and faster.")
    ] = False,
    trim: Annotated[
        bool, typer.Option("--trim", help="Keep only the text pieces that the languages' scripts, or a corpus, need.")
    ] = False,
    lang: Annotated[
        str | None,
        typer.Option("--lang", metavar="LANGS", help="Languages to export for: yor,swa. By default all it knows."),
    ] = None,
    corpus: Annotated[
        list[Path] | None,
        typer.Option("--corpus", metavar="FILE", help="Text, a line each, to trim by and check on. Repeatable."),
    ] = None,
    problem: Annotated[
        Path | None,
        typer.Option("--problem", metavar="DIR", help="Score its test files before and after.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the exported system. By default RUN-FORMAT.")
    ] = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a finished system for a faster engine.

    It is checked against the original on real text; what that shows goes into its README.md and export.json.
    """
    langs = listed(lang, "--lang") if lang is not None else None
    from isogloss import commands
    from isogloss.evaluation.export_card import export_sentences

    marks = [format, *(["int8"] if int8 else []), *(["trim"] if trim else [])]
    named = run if run.name else run.resolve()
    folder = out or named.parent / "-".join([named.name, *marks])
    record = commands.export(
        run,
        format=format,
        out=folder,
        int8=int8,
        trim=trim,
        langs=langs,
        corpus=corpus or (),
        problem=problem,
        force=force,
        quiet=quiet,
    )
    if json:
        print_json(record)
    else:
        typer.echo(folder)
        for sentence in export_sentences(record):
            typer.echo(sentence)
    log.info("next: isogloss predict %s --lang %s < texts.txt", folder, record["languages"][-1])
