"""Make an encoder fit the languages of a problem, and keep it."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from isogloss.backbones import Backbone
from isogloss.backbones.encoder import RECORD
from isogloss.errors import IsoglossError, RecipeError
from isogloss.evaluation.building import leak_table
from isogloss.flow import fit, prepare
from isogloss.machine import versions
from isogloss.output import staged
from isogloss.problem import Problem
from isogloss.processes import processor_threads
from isogloss.recipes import Recipe, check_needs, resolve
from isogloss.run import Run

log = logging.getLogger("isogloss")


def adapt(
    problem: Problem | str | Path,
    recipe: str | Recipe = "maft",
    *,
    out: str | Path,
    backbone: str | None = None,
    settings: Mapping[str, str] | None = None,
    target: str | None = None,
    skip_unserved: bool = False,
    device: str = "cpu",
    precision: str = "auto",
    threads: int | None = None,
    force: bool = False,
    quiet: bool = False,
) -> Backbone:
    """Run the first two stages of a recipe alone: what it does to text and encoder before any label is learnt.

    Args:
        problem: the problem, or its folder; its labels are not used, but where the recipe chooses text by them.
        recipe: one that changes the encoder: ``maft``, ``maft-small``, ``focus``, ``omp+maft``, ...
        out: folder for the encoder with its tokenizer: name it as ``backbone`` later, in isogloss or in transformers.
        backbone: the encoder to begin with; by default the recipe's.
        settings: changed hyper-parameters, ``{"continued_pretraining.steps": "500"}``.
        target: the one target that it is for; needed where the recipe makes an encoder for each.
        skip_unserved: leave out targets that have no raw text.
        device: ``cpu``, or what torch calls a device.
        precision: ``auto`` (bf16 where the processor has it), ``fp32`` or ``bf16``.
        threads: processor threads of torch.
        force: replace an existing ``out``.
        quiet: no progress bars.

    Raises:
        IsoglossError: the recipe leaves the encoder as it is, there is no text, or the folder is not ours to replace.
    """
    from isogloss.train import choose_precision

    problem = problem if isinstance(problem, Problem) else Problem.read(problem)
    chosen = resolve(recipe, settings=settings)
    if not chosen.model:
        raise RecipeError(
            f"The recipe '{chosen.name}' does not change the encoder before the task is learnt",
            fix="Choose one that does, such as maft, maft-small or focus",
        )
    if target is not None:
        if target not in problem.targets:
            raise IsoglossError(f"'{target}' is no target of {problem.name}", fix="Name one of problem.toml")
        problem = problem.narrow(target)
    if chosen.scope == "target" and len(problem.targets) > 1:
        raise RecipeError(
            f"The recipe '{chosen.name}' makes an encoder for each target, and {problem.name} has several",
            fix="Name one: --lang CODE",
        )
    unserved = check_needs(chosen, problem, skip_unserved=skip_unserved)
    problem = replace(problem, targets=tuple(lang for lang in problem.targets if lang not in unserved))
    network = Backbone.load(backbone or chosen.backbone)
    number_format = choose_precision(precision, device)
    with staged(out, force=force) as place, tempfile.TemporaryDirectory(prefix="isogloss-") as work:
        run = Run(
            flow=fit, folder=Path(work), device=device, precision=number_format, quiet=quiet, source=problem.source
        )
        with processor_threads(threads):
            _, made = prepare(chosen, problem.blind(), network, run)
        shutil.copytree(made.path, place, dirs_exist_ok=True)
        for examples in problem.test.values():
            run.ledger.record("test", examples, problem.task)
        leaks = leak_table(run.ledger)
        record = {
            "recipe": chosen.name,
            "settings": dict(settings or {}),
            "backbone": network.id,
            "exposure": network.exposure,
            "resources": run.ledger.resources(),
            "leaks": leaks,
            "seconds": run.seconds["model"],
            "versions": versions(),
        }
        (place / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    if leaks["total"]:
        log.warning("%d test texts stand in the raw text: scores on them would be too good.", leaks["total"])
    return Backbone.load(str(out))
