"""Where output goes: data to stdout, everything that is said to the user to stderr."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

log = logging.getLogger("isogloss")

PIPE_WIDTH = 200
"""Characters in a row when stdout is no terminal: tables are as wide as they are, and not broken."""


class Talk(logging.Handler):
    """Log messages as plain sentences on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        typer.echo(self.format(record), err=True)


def listen() -> None:
    """Show what the library says: notices and warnings, until ``--quiet`` asks for less."""
    log.handlers = [handler for handler in log.handlers if not isinstance(handler, Talk)]
    log.addHandler(Talk())
    log.setLevel(logging.INFO)


def console() -> Console:
    """The console of stdout: colours and width of the terminal, plain and wide where it is none."""
    from rich.console import Console

    there = Console(markup=False, emoji=False, highlight=False, soft_wrap=False)
    return there if there.is_terminal else Console(markup=False, emoji=False, highlight=False, width=PIPE_WIDTH)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Sequence[str] = ()) -> None:
    """A table on stdout; the columns in ``numbers`` are set to the right."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console().print(table)


def print_json(value: Any) -> None:
    """A value as indented JSON on stdout."""
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False))
