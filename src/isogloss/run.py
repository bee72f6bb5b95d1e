"""One run of the flow: its seed, device, precision, work folder, ledger and cost, and the way to nest another."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isogloss.ledger import Item, Ledger

if TYPE_CHECKING:
    from isogloss.backbones import Backbone
    from isogloss.problem import Problem, Split
    from isogloss.recipes import Recipe
    from isogloss.system import System
    from isogloss.train import Precision

log = logging.getLogger("isogloss")

Flow = Callable[["Recipe", "Problem", "Backbone", "Run"], "System"]
STAGES = ("data", "model", "objective", "weights", "inference")


@dataclass(kw_only=True)
class Run:
    """What every part is given besides the problem and the backbone.

    Attributes:
        flow: the five stages as a function; the run carries it so that a part can nest a transfer of its own.
        folder: work folder for snapshots and nested systems.
        seed: seed of the head, the order of the data and dropout.
        device: ``cpu`` or what torch calls the device.
        precision: number format of training and prediction.
        quiet: no progress bars.
        test: the test data, for oracle selection and for nothing else; None everywhere but there.
        seconds: wall time by stage, nested runs included.
        nested: one row of cost for each nested run.
        choices: what the weights part chose, one row for each selection.
    """

    flow: Flow
    folder: Path
    seed: int = 1
    device: str = "cpu"
    precision: Precision = "fp32"
    quiet: bool = False
    test: Split | None = None
    ledger: Ledger = field(default_factory=Ledger)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    nested: list[dict[str, Any]] = field(default_factory=list)
    choices: list[dict[str, Any]] = field(default_factory=list)
    tokens: int = 0

    def fit(self, recipe: Recipe, problem: Problem, backbone: Backbone | None = None) -> System:
        """A transfer inside this one: a teacher, an annotator, a round of self-teaching.

        The result is kept under a hash of everything it depends on, so that the same nested run is done once, also
        after a restart. What it saw is entered in this run's ledger, what it cost in ``nested``.
        """
        from isogloss.backbones import Backbone
        from isogloss.system import System

        backbone = backbone or Backbone.load(recipe.backbone)
        key = self._key(recipe, problem, backbone)
        home = self.folder / "fits" / key
        if (home / "done.json").is_file():
            record = json.loads((home / "done.json").read_text(encoding="utf-8"))
            self._adopt(record)
            return replace(System.from_pretrained(home / "model"), inference=recipe.inference)
        inner = replace(
            self,
            folder=home,
            ledger=Ledger(),
            seconds=dict.fromkeys(STAGES, 0.0),
            nested=[],
            choices=[],
            tokens=0,
        )
        home.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        system = self.flow(recipe, problem.blind(), backbone, inner)
        system.save_pretrained(home / "model")
        record = {
            "cost": {
                "recipe": recipe.name,
                "seed": self.seed,
                "seconds": time.perf_counter() - started,
                **inner.seconds,
            },
            "items": [asdict(item) for item in inner.ledger.items],
            "selected_on_test": inner.ledger.selected_on_test,
            "nested": inner.nested,
            "choices": inner.choices,
            "tokens": inner.tokens,
        }
        inner.clear_scratch()
        _write_atomically(home / "done.json", json.dumps(record))
        self._adopt(record)
        return system

    def _adopt(self, record: Mapping[str, Any]) -> None:
        self.ledger.items += [Item(**item | {"texts": tuple(item["texts"])}) for item in record["items"]]
        self.ledger.selected_on_test |= record["selected_on_test"]
        self.nested += [record["cost"], *record["nested"]]
        self.choices += record["choices"]
        self.tokens += record["tokens"]

    def _key(self, recipe: Recipe, problem: Problem, backbone: Backbone) -> str:
        test = (
            ""
            if self.test is None
            else repr(sorted((lang, [e.fields for e in items]) for lang, items in self.test.items()))
        )
        facts = (
            repr(recipe),
            problem.fingerprint(),
            backbone.id,
            backbone.path,
            self.seed,
            self.device,
            self.precision,
            test,
        )
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the wall time of the block to a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - started

    def scratch(self, name: str) -> Path:
        """A folder for temporary files of this run."""
        folder = self.folder / "scratch" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def clear_scratch(self) -> None:
        """Remove the temporary files."""
        import shutil

        shutil.rmtree(self.folder / "scratch", ignore_errors=True)

    def say(self, message: str) -> None:
        """Tell the user something (stderr on the command line)."""
        log.warning("%s", message)

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Callable[[int], None]]:
        """A progress bar on stderr that is gone when it is done, or when stderr is not a terminal.

        Yields a function that advances the bar by a number of steps.
        """
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        if self.quiet or not console.is_terminal:
            yield lambda _: None
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(title, total=total)
            yield lambda steps: bar.advance(task, steps)


def _write_atomically(path: Path, text: str) -> None:
    staged = path.with_name(f".{path.name}.tmp")
    staged.write_text(text, encoding="utf-8")
    staged.replace(path)
