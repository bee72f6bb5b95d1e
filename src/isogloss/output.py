"""The run folder: what a transfer writes, where, and when it may write at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isogloss.errors import IsoglossError

if TYPE_CHECKING:
    from isogloss.evaluation import Report
    from isogloss.problem import Problem
    from isogloss.recipes import Recipe
    from isogloss.system import System
    from isogloss.tasks import Prediction

WORK = "work"
"""Snapshots and finished trainings while a run goes on; removed when the report is written."""


class OutputFolder:
    """``runs/x``.

    Raises:
        IsoglossError: the folder is there and neither ``resume`` nor ``force`` was given, or it is not one of ours.
    """

    def __init__(self, folder: str | Path, *, resume: bool, force: bool) -> None:
        self.folder = Path(folder)
        self.force = force
        if resume and force:
            raise IsoglossError("--resume and --force contradict each other", fix="Give one of them")
        if not self.folder.exists():
            return
        if not self.folder.is_dir():
            raise IsoglossError("This is a file, not a folder", where=folder, fix="Choose another --out")
        if any(self.folder.iterdir()):
            if not resume and not force:
                raise IsoglossError(
                    "The folder exists already", where=folder, fix="Choose another --out, or give --resume or --force"
                )
            if not self._ours():
                raise IsoglossError("The folder was not written by isogloss", where=folder, fix="Choose another --out")

    def _ours(self) -> bool:
        marks = (WORK, "report.json")
        inside = [self.folder, *(path for path in self.folder.iterdir() if path.is_dir())]  # a comparison holds runs
        return any((path / mark).exists() for path in inside for mark in marks)

    @property
    def finished(self) -> bool:
        """Whether a run has ended well in this folder: the report is written last."""
        return (self.folder / "report.json").is_file()

    def claim(self) -> Path:
        """Make the folder, emptied if ``force`` was given."""
        if self.force and self.folder.exists():
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder

    @contextmanager
    def work(self) -> Iterator[Path]:
        """The work folder inside; removed when the run ends well, kept for ``resume`` when it breaks off."""
        place = self.claim() / WORK
        place.mkdir(exist_ok=True)
        yield place
        shutil.rmtree(place)

    def write(
        self,
        system: System,
        report: Report,
        problem: Problem,
        recipe: Recipe,
        answers: Mapping[int, Mapping[str, Sequence[Prediction]]],
    ) -> None:
        """Write model, card, predictions, resolved recipe and log, and the report last."""
        from isogloss.evaluation.card import render_card

        system.save_pretrained(self.folder / "model")
        (self.folder / "model" / "README.md").write_text(render_card(report), encoding="utf-8")
        self._write_predictions(problem, answers, report.model_seed or report.seeds[0])
        (self.folder / "recipe.toml").write_text(_toml(report, recipe), encoding="utf-8")
        rows = [{"event": "selection", **choice} for choice in report.selection["runs"]]
        rows += [{"event": "cost", **row} for row in report.nested]
        (self.folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        report.save(self.folder)

    def _write_predictions(
        self, problem: Problem, answers: Mapping[int, Mapping[str, Sequence[Prediction]]], seed: int
    ) -> None:
        place = self.folder / "predictions"
        place.mkdir(exist_ok=True)
        for lang, examples in problem.test.items():
            with (place / f"{problem.spelling(lang)}.jsonl").open("w", encoding="utf-8") as file:
                for i, example in enumerate(examples):
                    shown = answers[seed][lang][i]
                    row: dict[str, Any] = {
                        "id": example.id,
                        "lang": lang,
                        "prediction": shown.value,
                        "score": round(shown.score, 6),
                        "by_seed": {str(s): given[lang][i].value for s, given in answers.items()},
                    }
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _toml(report: Report, recipe: Recipe) -> str:
    lines = [
        f"recipe = {json.dumps(recipe.name)}",
        f"backbone = {json.dumps(report.backbone['id'])}",
        f"select = {json.dumps(report.selection['rule'])}",
        f"seeds = {json.dumps(report.seeds)}",
        f"precision = {json.dumps(report.precision)}",
    ]
    for part, values in report.settings.items():
        if values:
            lines += ["", f"[{part}]", *(f"{name} = {json.dumps(value)}" for name, value in values.items())]
    return "\n".join(lines) + "\n"
