"""Arguments and options that several commands share, and how their text is read."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Annotated

import typer


def hush(quiet: bool) -> bool:
    """Let errors only through to stderr."""
    if quiet:
        logging.getLogger("isogloss").setLevel(logging.ERROR)
        os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    return quiet


ProblemFolder = Annotated[Path, typer.Argument(metavar="PROBLEM", help="Folder with problem.toml.", show_default=False)]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder that 'transfer' wrote.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, to stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", callback=hush, help="Errors only on stderr, no progress bars.")]
BackboneName = Annotated[
    str | None,
    typer.Option(
        "--backbone", metavar="ID", help="Encoder: a folder, a hub id or isogloss:e5-small. By default the recipe's."
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="PART.FIELD=VALUE", help="Change a hyper-parameter (see 'isogloss recipes NAME'). Repeatable."
    ),
]
Select = Annotated[
    str | None,
    typer.Option(
        "--select",
        metavar="RULE",
        help="How weights are chosen: source_dev, last, checkpoint_averaging, run_averaging or oracle. "
        "By default as the recipe says.",
    ),
]
TranslatorName = Annotated[
    str | None,
    typer.Option(
        "--translator",
        metavar="ID",
        help="For recipes that translate: auto (the default), isogloss:eng-por, apertium, a hub id, a folder, ...",
    ),
]
ProjectorName = Annotated[
    str | None,
    typer.Option(
        "--projector", metavar="NAME", help="How spans follow a translation: align, codec, markers, copy, ensemble, ..."
    ),
]
Seeds = Annotated[
    str | None, typer.Option("--seeds", metavar="1,2,3", help="One training for each; scores are their means.")
]
Device = Annotated[str, typer.Option("--device", metavar="D", help="cpu, or what torch calls a device.")]
Precision = Annotated[
    str, typer.Option("--precision", metavar="P", help="auto (bf16 where the processor has it), fp32 or bf16.")
]
Threads = Annotated[
    int | None,
    typer.Option("--threads", metavar="N", min=1, help="Processor threads. By default as many as torch takes."),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on in an existing --out.")]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing --out.")]


def listed(text: str, option: str) -> list[str]:
    """The parts of ``a,b,c``. A usage error if one is empty."""
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise typer.BadParameter(f"'{text}' is not a list such as a,b,c", param_hint=option)
    return parts


def seeds_of(text: str | None) -> list[int] | None:
    """The numbers of ``1,2,3``, None where nothing was given. A usage error if one is none, or not one of 32 bits."""
    if text is None:
        return None
    parts = listed(text, "--seeds")
    if not all(part.isascii() and part.isdecimal() and int(part) < 2**32 for part in parts):
        raise typer.BadParameter(f"'{text}' is not a list of whole numbers such as 1,2,3", param_hint="--seeds")
    return [int(part) for part in parts]


def pairs_of(items: list[str] | None, option: str) -> dict[str, str]:
    """``{"a": "b"}`` of ``["a=b"]``. A usage error where there is no equals sign."""
    pairs = {}
    for item in items or ():
        name, equals, value = item.partition("=")
        if not equals or not name.strip():
            raise typer.BadParameter(f"'{item}' has not the form name=value", param_hint=option)
        pairs[name.strip()] = value.strip()
    return pairs
