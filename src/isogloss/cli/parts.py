"""``isogloss parts``: what a system is made of, and one language more or less."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from isogloss.cli.options import Json, Quiet, Threads
from isogloss.cli.talk import print_json, print_table

log = logging.getLogger("isogloss")

EXAMPLES = """\b
Examples:
  isogloss parts ls runs/x
  isogloss parts add runs/x wol --text wolof.txt
  isogloss parts add runs/x wol --from runs/y
  isogloss parts remove runs/x wol
"""

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.", show_default=False)]
Lang = Annotated[str, typer.Argument(metavar="LANG", help="Code of the language.", show_default=False)]

parts = typer.Typer(
    help="List what a system is made of; add or remove a language without training the task again.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@parts.command("ls", epilog=EXAMPLES)
def ls(run: RunFolder, json: Json = False, quiet: Quiet = False) -> None:
    """List networks and pieces: kind, weights, size on disk, lines of text learnt from, loss of hidden pieces."""
    from isogloss import commands

    rows = commands.list_parts(run)
    if json:
        print_json(rows)
        return
    names = ("part", "kind", "weights", "MB", "lines", "loss")
    losses = [f"{r['loss']['before']:.2f} -> {r['loss']['after']:.2f}" if "loss" in r else "" for r in rows]
    table = [
        (r["part"], r["kind"], "" if r["weights"] is None else f"{r['weights']:,}", f"{r['megabytes']:.2f}",
         str(r.get("lines", "")), loss)
        for r, loss in zip(rows, losses, strict=True)
    ]  # fmt: skip
    print_table(names, table)
    for row in rows:
        if "error" in row:
            log.error("%s", row["error"])


@parts.command("add", epilog=EXAMPLES)
def add(
    run: RunFolder,
    lang: Lang,
    text: Annotated[
        Path | None, typer.Option("--text", metavar="FILE", help="Raw text of the language, one sentence a line.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="RUN|FILE", help="A piece that there is already.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the piece that the language has.")] = False,
    threads: Threads = None,
    quiet: Quiet = False,
) -> None:
    """Give a system of pieces one more language: learnt from raw text as the others were, or taken from elsewhere."""
    from isogloss import commands

    commands.add_part(run, lang, text=text, source=source, force=force, threads=threads, quiet=quiet)
    log.info("next: isogloss predict %s --lang %s < texts.txt", run, lang)


@parts.command("remove", epilog=EXAMPLES)
def remove(run: RunFolder, lang: Lang, quiet: Quiet = False) -> None:
    """Take a language out of a system of pieces; its file is deleted."""
    from isogloss import commands

    left = commands.remove_part(run, lang)
    typer.echo(f"removed: {lang}")
    typer.echo(f"left: {', '.join(left)}")
