"""The run folder: what a transfer writes, where, and when it may write at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isogloss.errors import IsoglossError

if TYPE_CHECKING:
    from isogloss.evaluation import Report
    from isogloss.problem import Problem
    from isogloss.system import System
    from isogloss.tasks import Prediction

MARKER = ".isogloss"
"""Written first into every folder of ours: only a folder that has it is ever resumed or replaced."""
MARK = "This folder was written by isogloss; --force may replace what it wrote here.\n"
WORK = "work"
"""Snapshots, finished trainings and the staged result while a run goes on; removed when it has ended well."""
BEGUN = "begun.json"
"""Precision and threads: with others, a resumed run would not end in the same bits."""


class OutputFolder:
    """``runs/x``. Nothing is written before :meth:`work`, nothing old is removed before the new result is complete.

    Raises:
        IsoglossError: the folder holds something and neither ``resume`` nor ``force`` was given, or it is not ours.
    """

    def __init__(self, folder: str | Path, *, resume: bool, force: bool) -> None:
        self.folder = Path(folder)
        self.force = force
        if resume and force:
            raise IsoglossError("--resume and --force contradict each other", fix="Give one of them")
        if holds_ours(self.folder) and not resume and not force:
            raise IsoglossError(
                "The folder exists already", where=folder, fix="Choose another --out, or give --resume or --force"
            )

    @property
    def finished(self) -> bool:
        """Whether a run has ended well in this folder: the report is put in place last."""
        return (self.folder / "report.json").is_file()

    def begin(self, facts: Mapping[str, Any]) -> None:
        """Write down what a resumed run must take over, unless an earlier start has done so."""
        path = self.folder / WORK / BEGUN
        if not path.exists():
            staged = path.with_suffix(".part")
            staged.write_text(json.dumps(facts), encoding="utf-8")
            staged.replace(path)

    def begun(self) -> dict[str, Any]:
        """What an earlier start has written down; empty without one."""
        path = self.folder / WORK / BEGUN
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def claim(self) -> Path:
        """Make the folder and put our mark on it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / MARKER).write_text(MARK, encoding="utf-8")
        return self.folder

    @contextmanager
    def work(self) -> Iterator[Path]:
        """The work folder inside; removed when the run ends well, kept for ``resume`` when it breaks off."""
        place = self.claim() / WORK
        if self.force:
            shutil.rmtree(place, ignore_errors=True)
        place.mkdir(exist_ok=True)
        yield place
        self.tidy()

    def tidy(self) -> None:
        """Remove the work folder, also one that a kill at the very end has left behind."""
        shutil.rmtree(self.folder / WORK, ignore_errors=True)

    def write(
        self,
        system: System,
        report: Report,
        problem: Problem,
        answers: Mapping[int, Mapping[str, Sequence[Prediction]]],
    ) -> None:
        """Stage model, card, predictions, resolved recipe, log and report, then swap them in, the report last."""
        from isogloss.evaluation.card import render_card
        from isogloss.evaluation.probes.scoring import PAGE_FILE, SCORES_FILE

        staged = self.folder / WORK / "result"
        shutil.rmtree(staged, ignore_errors=True)
        system.save_pretrained(staged / "model")
        (staged / "model" / "README.md").write_text(render_card(report), encoding="utf-8")
        write_predictions(staged / "predictions", report, problem, answers)
        (staged / "recipe.toml").write_text(recipe_toml(report), encoding="utf-8")
        rows = [{"event": "selection", **choice} for choice in report.selection["runs"]]
        rows += [{"event": "cost", **row} for row in report.nested]
        (staged / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        report.save(staged)
        probed = (SCORES_FILE, PAGE_FILE)  # of the network that was here
        for name in ("report.json", "model", "predictions", "recipe.toml", "log.jsonl", "report.html", *probed):
            _remove(self.folder / name)
        for name in ("model", "predictions", "recipe.toml", "log.jsonl", "report.html", "report.json"):
            (staged / name).replace(self.folder / name)


def holds_ours(folder: Path) -> bool:
    """Whether a folder holds something that we wrote; False if it is empty or not there.

    Raises:
        IsoglossError: it is a file, or holds something that is not ours and that nothing may replace.
    """
    if not folder.exists():
        return False
    if not folder.is_dir():
        raise IsoglossError("This is a file, not a folder", where=folder, fix="Choose another --out")
    if not any(folder.iterdir()):
        return False
    if not (folder / MARKER).is_file():
        raise IsoglossError(
            "The folder exists and was not written by isogloss", where=folder, fix="Choose another --out"
        )
    return True


def check_free(out: str | Path, *, force: bool) -> None:
    """Whether a folder may be written, to be asked before the work is done.

    Raises:
        IsoglossError: ``out`` is there and ``force`` is not given, or is not ours to replace.
    """
    if holds_ours(Path(out)) and not force:
        raise IsoglossError("The folder exists already", where=out, fix="Choose another --out, or give --force")


@contextmanager
def staged(out: str | Path, *, force: bool) -> Iterator[Path]:
    """A folder written beside ``out`` that takes its place when the block ends well; nothing is left when it does not.

    Raises:
        IsoglossError: as :func:`check_free`.
    """
    out = Path(out)
    check_free(out, force=force)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as beside:
        place = Path(beside) / "new"
        place.mkdir()
        yield place
        (place / MARKER).write_text(MARK, encoding="utf-8")
        if out.exists():
            out.replace(Path(beside) / "old")
        place.replace(out)


def write_predictions(
    place: Path, report: Report, problem: Problem, answers: Mapping[int, Mapping[str, Sequence[Prediction]]]
) -> None:
    """One file for each language: the answers of the network that was kept, and those of every seed."""
    place.mkdir(parents=True)
    kept = report.seeds[0] if report.model_seed is None else report.model_seed
    for lang, shown in answers[kept].items():
        with (place / f"{problem.spelling(lang)}.jsonl").open("w", encoding="utf-8") as file:
            for i, (example, prediction) in enumerate(zip(problem.test[lang], shown, strict=True)):
                row: dict[str, Any] = {
                    "id": example.id,
                    "lang": lang,
                    "prediction": prediction.value,
                    "score": round(prediction.score, 6),
                    "by_seed": {str(seed): given[lang][i].value for seed, given in answers.items()},
                }
                file.write(json.dumps(row, ensure_ascii=False) + "\n")


def recipe_toml(report: Report) -> str:
    """Everything resolved, in a form that ``--recipe`` takes."""
    lines = [
        f"# isogloss transfer {report.problem} --recipe recipe.toml",
        f"recipe = {json.dumps(report.recipe)}",
        f"backbone = {json.dumps(report.backbone['id'])}",
        f"select = {json.dumps(report.selection['rule'])}",
        f"seeds = {json.dumps(report.seeds)}",
        f"precision = {json.dumps(report.precision)}",
    ]
    if report.translator is not None:
        lines.append(f"translator = {json.dumps(report.translator)}")
    for part, values in report.settings.items():
        given = {name: value for name, value in values.items() if value is not None}
        lines += ["", f"[{part}]", *(f"{name} = {json.dumps(value)}" for name, value in given.items())] if given else []
    return "\n".join(lines) + "\n"


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
