"""``isogloss init``: a commented problem folder."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from isogloss.cli.options import Json, Quiet, listed, pairs_of
from isogloss.cli.talk import print_json

log = logging.getLogger("isogloss")

EXAMPLES = """\b
Examples:
  isogloss init topics --task classification --from news.csv --targets yor,swa
  isogloss init topics --task classification --from news.csv --columns text=sentence,label=topic
"""


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The new folder.", show_default=False)],
    task: Annotated[
        str,
        typer.Option(
            "--task", metavar="T", help="classification, pair, tagging, qa or event_arguments.", show_default=False
        ),
    ],
    source: Annotated[str, typer.Option("--source", metavar="LANG", help="Language of the data.")] = "eng",
    targets: Annotated[
        str | None, typer.Option("--targets", metavar="LANGS", help="Languages to transfer to: yor,swa.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Labelled rows; a tenth becomes dev data.")
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option("--columns", metavar="FIELD=COLUMN,...", help="Columns that are called something else."),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a commented problem folder."""
    from isogloss import commands

    made = commands.init(
        folder,
        task=task,
        source=source,
        targets=listed(targets, "--targets") if targets is not None else (),
        data=data,
        columns=pairs_of(listed(columns, "--columns") if columns is not None else None, "--columns"),
    )
    if json:
        files = sorted(path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file())
        print_json({"folder": str(made), "files": files})
    else:
        typer.echo(made)
    step = f"isogloss check {made}" if data is not None else f"put your data into {made} (see its README.md)"
    log.info("next: %s", step)
