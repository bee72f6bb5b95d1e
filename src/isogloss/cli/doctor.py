"""``isogloss doctor``: what this machine can do, and what the encoder can read."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from isogloss.cli.options import BackboneName, Json, Quiet
from isogloss.cli.talk import print_json, print_table

EXAMPLES = """\b
Examples:
  isogloss doctor
  isogloss doctor my-problem --backbone xlm-roberta-base
"""


def doctor(
    problem: Annotated[
        Path | None, typer.Argument(metavar="[PROBLEM]", help="Look at this problem's text too.", show_default=False)
    ] = None,
    backbone: BackboneName = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show what this machine can do.

    With a problem, show also how much of its text the encoder can read.
    """
    from isogloss import commands

    found = commands.doctor(problem, backbone)
    if json:
        print_json(asdict(found) | {"blind": list(found.blind)})
        return
    lines = {
        **found.versions,
        **{key: str(value) for key, value in found.machine.items()},
        "precision": f"{found.precision} (--precision auto)",
        "offline encoder": "installed" if found.embedded else "not installed",
        "language detection": "installed" if found.detector else "not installed: pip install isogloss[detect]",
        "translators": "; ".join(found.translators) or "none installed: pip install isogloss[translate], or apertium",
        "cache": f"{found.cache} ({found.free_gb} GB free)",
    }
    print_table(("what", "found"), list(lines.items()))
    if found.unknown:
        typer.echo()
        shares = [(lang, f"{100 * share:.1f} %") for lang, share in found.unknown.items()]
        print_table(("language", f"unknown to {found.backbone}"), shares, numbers=(f"unknown to {found.backbone}",))
