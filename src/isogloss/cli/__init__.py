"""The command line: thin shells over the public functions of the same names. Data on stdout, talk on stderr."""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated

import typer

from isogloss import __version__
from isogloss.cli import (
    adapt,
    check,
    compare,
    doctor,
    evaluate,
    export,
    init,
    parts,
    plan,
    predict,
    probe,
    project,
    recipes,
    report,
    transfer,
)
from isogloss.cli.talk import listen
from isogloss.errors import IsoglossError

__all__ = ["app", "main"]

app = typer.Typer(
    name="isogloss",
    help="Labels in one language in, a working model for the others out.",
    epilog="Begin with 'isogloss init', or with a folder of examples/: 'isogloss transfer examples/helpdesk'.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(epilog=init.EXAMPLES)(init.init)
app.command(epilog=check.EXAMPLES)(check.check)
app.command(epilog=plan.EXAMPLES)(plan.plan)
app.command(epilog=adapt.EXAMPLES)(adapt.adapt)
app.command(epilog=transfer.EXAMPLES)(transfer.transfer)
app.command(epilog=predict.EXAMPLES)(predict.predict)
app.command(epilog=evaluate.EXAMPLES)(evaluate.evaluate)
app.command(epilog=export.EXAMPLES)(export.export)
app.add_typer(parts.parts, name="parts")
app.command(epilog=compare.EXAMPLES)(compare.compare)
app.command(epilog=project.EXAMPLES)(project.project)
app.command(epilog=probe.EXAMPLES)(probe.probe)
app.command(epilog=report.EXAMPLES)(report.report)
app.command(epilog=recipes.EXAMPLES)(recipes.recipes)
app.command(epilog=doctor.EXAMPLES)(doctor.doctor)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"isogloss {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version and leave.")
    ] = False,
) -> None:
    """Labels in one language in, a working model for the others out."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command line, the process's own by default, and leave with its exit code.

    0 is fine, 1 the user's input is wrong (one line on stderr), 2 usage, 130 interrupted. Only a fault of ours shows a
    traceback.
    """
    listen()
    _quieten_libraries()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # our data is UTF-8 whatever the locale says
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        app(args=None if arguments is None else list(arguments), prog_name="isogloss")
    except IsoglossError as error:
        _fail(str(error))
    except OSError as error:  # a full disk, a missing right; any other one is not the user's doing
        if error.strerror is None:
            raise
        place = f"{error.filename}: " if error.filename is not None else ""
        _fail(f"{place}{error.strerror}.")


def _fail(sentence: str) -> None:
    typer.echo(f"error: {sentence}", err=True)
    sys.exit(1)


def _quieten_libraries() -> None:
    """What other libraries have to say is not for the users of this one; their bars know no pipes."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
