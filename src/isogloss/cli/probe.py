"""``isogloss probe``: stress tests for systems of natural language inference."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from isogloss.cli.options import Json, Quiet, RunFolder, listed, pairs_of
from isogloss.cli.talk import print_json, print_table

log = logging.getLogger("isogloss")

EXAMPLES = """\b
Examples:
  isogloss probe runs/nli
  isogloss probe runs/nli --langs eng,deu --phenomena negation,numbers --out look
  isogloss probe runs/nli --count 500 --out probes
  isogloss probe runs/nli --labels 0=entailment,1=neutral,2=contradiction
"""


def probe(
    run: RunFolder,
    langs: Annotated[
        str | None,
        typer.Option("--langs", metavar="LANGS", help="eng,por,spa,deu,zho. By default those of the system."),
    ] = None,
    phenomena: Annotated[
        str | None,
        typer.Option(
            "--phenomena",
            metavar="A,B",
            help="negation, numbers, quantifiers, booleans, antonyms, overlap, distraction, spelling. By default all.",
        ),
    ] = None,
    count: Annotated[int, typer.Option("--count", metavar="N", min=3, help="Items of each in each language.")] = 300,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Of the items.")] = 0,
    labels: Annotated[
        str | None,
        typer.Option("--labels", metavar="A=B,...", help="What the system's labels mean: 0=entailment,1=neutral."),
    ] = None,
    on: Annotated[
        Path | None,
        typer.Option("--on", metavar="PROBLEM", help="Pair problem whose test rows distraction and spelling change."),
    ] = None,
    suite: Annotated[
        Path | None, typer.Option("--suite", metavar="FOLDER", help="Published Chinese suites to ask from, too.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Folder for the items (a pair problem), the scores and the page. By default scores and page are put "
            "beside the run's report, which shows them too.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an existing --out, or what an earlier probe of the run has found.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Ask an NLI system what it understands.

    Items are made by rule in five languages, so that their labels are right. Each score stands beside the share of the
    most frequent label and a guess from the hypothesis alone; one that is not above both says nothing.
    """
    chosen = listed(langs, "--langs") if langs is not None else None
    wanted = listed(phenomena, "--phenomena") if phenomena is not None else None
    meanings = pairs_of(listed(labels, "--labels"), "--labels") if labels is not None else None
    from isogloss import commands

    result = commands.probe(
        run,
        langs=chosen,
        phenomena=wanted,
        count=count,
        seed=seed,
        labels=meanings,
        on=on,
        suite=suite,
        out=out,
        force=force,
        quiet=quiet,
    )
    if json:
        print_json(result.record())
        return
    numbers = ("accuracy", "95 %", "majority", "hypothesis only", "unchanged", "n")
    rows = []
    for name in result.phenomena:
        for lang, table in result.scores.items():
            if name in table:
                score = table[name]
                cells = [score["accuracy"], None, score["majority"], score["hypothesis_only"], score.get("unchanged")]
                shown = ["-" if cell is None else f"{cell:.3f}" for cell in cells]
                shown[1] = f"[{score['ci95'][0]:.3f}, {score['ci95'][1]:.3f}]"
                rows.append((name, lang, *shown, str(score["n"])))
    print_table(("phenomenon", "language", *numbers), rows, numbers=numbers)
    if out is not None:
        log.info("Look at it: %s", out / "probe.html")
    elif (run / "report.json").is_file():
        log.info("Look at it: %s, and %s with the items", run / "report.html", run / "probe.html")
