"""``isogloss adapt``: an encoder that fits the languages of a problem."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from isogloss.cli.options import (
    BackboneName,
    Device,
    Force,
    Json,
    Precision,
    ProblemFolder,
    Quiet,
    Settings,
    Threads,
    pairs_of,
)

log = logging.getLogger("isogloss")

EXAMPLES = """\b
Examples:
  isogloss adapt my-problem --recipe maft --out my-encoder
  isogloss adapt my-problem --recipe laft --lang yor --out yoruba-encoder
  isogloss transfer my-problem --backbone my-encoder
"""


def adapt(
    problem: ProblemFolder,
    recipe: Annotated[
        str, typer.Option("--recipe", metavar="A+B", help="One that changes the encoder: maft, laft, fvt, focus, ...")
    ] = "maft",
    out: Annotated[Path, typer.Option("--out", help="Folder for the encoder.")] = Path("encoder"),
    backbone: BackboneName = None,
    setting: Settings = None,
    lang: Annotated[str | None, typer.Option("--lang", metavar="CODE", help="For this target alone.")] = None,
    skip_unserved: Annotated[
        bool, typer.Option("--skip-unserved", help="Leave out targets that have no raw text.")
    ] = False,
    device: Device = "cpu",
    precision: Precision = "auto",
    threads: Threads = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Adapt an encoder to raw text of the targets, before any label is learnt, and keep it.

    Writes an ordinary transformers folder with its tokenizer, what was done to it, and adapt.json.
    """
    changed = pairs_of(setting, "--set")
    from isogloss import commands
    from isogloss.backbones.encoder import RECORD
    from isogloss.languages import Language

    commands.adapt(
        problem,
        recipe,
        out=out,
        backbone=backbone,
        settings=changed,
        target=None if lang is None else Language.parse(lang).code,
        skip_unserved=skip_unserved,
        device=device,
        precision=precision,
        threads=threads,
        force=force,
        quiet=quiet,
    )
    if json:
        typer.echo((out / RECORD).read_text(encoding="utf-8"), nl=False)
    else:
        typer.echo(str(out))
    log.info("next: isogloss transfer %s --backbone %s", problem, out)
