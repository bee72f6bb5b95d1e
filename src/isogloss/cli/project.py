"""``isogloss project``: labelled data of the targets, made from the source data."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from isogloss.cli.options import Force, Json, ProblemFolder, Quiet, TranslatorName, listed
from isogloss.cli.talk import print_json, print_table

log = logging.getLogger("isogloss")

EXAMPLES = """\b
Examples:
  isogloss project my-problem --projector align --out projected
  isogloss project my-problem --projector codec --translator isogloss:eng-por --out projected
"""


def project(
    problem: ProblemFolder,
    projector: Annotated[
        str,
        typer.Option("--projector", metavar="NAME", help="align, codec, t_projection, markers, xml, copy, ensemble."),
    ] = "align",
    translator: TranslatorName = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for the labelled target data.")] = Path("projected"),
    lang: Annotated[
        str | None, typer.Option("--lang", metavar="LANGS", help="Targets: por,spa. By default all of the problem's.")
    ] = None,
    split: Annotated[str, typer.Option("--split", metavar="S", help="Which source data: train or dev.")] = "train",
    incomplete: Annotated[bool, typer.Option("--incomplete", help="Keep sentences that lost a span.")] = False,
    least: Annotated[
        float, typer.Option("--least", metavar="SCORE", min=0, max=1, help="Leave out what is less reliable.")
    ] = 0.0,
    skip_unserved: Annotated[
        bool, typer.Option("--skip-unserved", help="Leave out targets that the translator cannot serve.")
    ] = False,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Translate the labelled source data and carry the labels over.

    Writes train/<target>.jsonl, a page to look at for each target, and project.json. Translations are cached: a
    command that broke off finds them again.
    """
    langs = listed(lang, "--lang") if lang is not None else None
    from isogloss import commands
    from isogloss.languages import Language
    from isogloss.problem import Problem

    given = Problem.read(problem)
    result = commands.project(
        given,
        projector,
        translator or "auto",
        split=split,
        targets=None if langs is None else [Language.parse(code).code for code in langs],
        complete=not incomplete,
        least=least,
        skip_unserved=skip_unserved,
        out=out,
        force=force,
    )
    if json:
        print_json({given.spelling(lang): facts for lang, facts in result.report.items()})
        return
    columns = ("target", "translator", "examples", "written", "spans carried", "unsure", "lost", "a second")
    rows = []
    for target, facts in result.report.items():
        rate = facts["projection_rate"]
        lost = ", ".join(f"{reason} {count}" for reason, count in facts["lost"].items())
        rows.append(
            (
                given.spelling(target),
                facts["translator"],
                str(facts["examples"]),
                str(facts["written"]),
                "-" if rate is None else f"{rate:.1%}",
                str(facts["spans_unsure"]),
                lost or "-",
                str(facts["sentences_per_second"]),
            )
        )
    print_table(columns, rows)
    log.info("Look at it: %s", ", ".join(str(out / f"{given.spelling(target)}.html") for target in result.report))
