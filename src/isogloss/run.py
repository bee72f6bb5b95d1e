"""One run of the flow: its seed, device, precision, work folder, ledger and cost, and the way to nest another."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isogloss import __version__
from isogloss.errors import ResourceError
from isogloss.ledger import Item, Ledger

if TYPE_CHECKING:
    from isogloss.backbones import Backbone
    from isogloss.bridges.base import Projector, Translator
    from isogloss.bridges.bridge import Bridge, View
    from isogloss.example import Example
    from isogloss.methods import Weights
    from isogloss.problem import Problem, Split
    from isogloss.recipes import Recipe
    from isogloss.system import System
    from isogloss.tasks import Task
    from isogloss.train import Encodings, Precision

log = logging.getLogger("isogloss")

Flow = Callable[["Recipe", "Problem", "Backbone", "Run"], "System"]
STAGES = ("data", "model", "objective", "weights", "inference")


def _encodings() -> Encodings:
    from isogloss.train import Encodings

    return Encodings()


@dataclass(kw_only=True)
class Run:
    """What every part is given besides the problem and the backbone.

    Attributes:
        flow: the five stages as a function; the run carries it so that a part can nest a transfer of its own.
        folder: work folder for snapshots, checkpoints and nested systems.
        seed: seed of the head, the order of the data and dropout.
        device: ``cpu`` or what torch calls the device.
        precision: number format of training and prediction.
        quiet: no progress bars.
        test: the test data, for oracle selection and for nothing else; None everywhere but there.
        level: 0 for the command, 1 for its trainings, more for the runs nested in them.
        seconds: wall time by stage at this level, nested runs included.
        costs: one row for each finished :meth:`fit`, with its level.
        choices: what the weights parts chose, one row for each selection, with its level.
        tokens: pieces trained on, nested runs included.
        adopted: keys of the nested runs whose records are in this one.
        checkpoint_seconds: time between two checkpoints of a training.
        head: weights of a head that trainings take over and leave as they are; None for one of their own.
        encodings: tokenised text, shared with nested runs.
        source: the languages that have labels: what translation at prediction time goes into.
        translator: for parts that translate; None where none was asked for.
        bridges: what translation and projection made of the data, one row for each use.
        views: what was carried already, shared with nested runs and between seeds.
        trainings: numbers for the folders of this run's trainings, in their order.
        told: what the user has been told once, nested runs included.
        shared: folder of what is made once for all seeds and nested runs; in the work folder by default.
    """

    flow: Flow
    folder: Path
    seed: int = 1
    device: str = "cpu"
    precision: Precision = "fp32"
    quiet: bool = False
    test: Split | None = None
    level: int = 0
    ledger: Ledger = field(default_factory=Ledger)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    costs: list[dict[str, Any]] = field(default_factory=list)
    choices: list[dict[str, Any]] = field(default_factory=list)
    tokens: int = 0
    adopted: set[str] = field(default_factory=set)
    checkpoint_seconds: float = 60.0
    head: Weights | None = None
    encodings: Encodings = field(default_factory=_encodings)
    source: tuple[str, ...] = ()
    translator: Translator | None = None
    bridges: list[dict[str, Any]] = field(default_factory=list)
    views: dict[str, list[View]] = field(default_factory=dict)
    trainings: Iterator[int] = field(default_factory=count)
    told: set[str] = field(default_factory=set)
    shared: Path | None = None

    def __post_init__(self) -> None:
        """The outermost run's folder holds what is shared."""
        self.shared = self.shared or self.folder / "shared"

    def fit(self, recipe: Recipe, problem: Problem, backbone: Backbone | None = None) -> System:
        """A transfer inside this one: a teacher, an annotator, a round of self-teaching.

        The result is kept under a hash of everything it depends on, so that the same nested run is done once, also
        after a restart. What it saw is entered in this run's ledger, what it cost in ``costs``. The random generators
        are left as they were found, so that it makes no difference whether it was trained now or earlier.
        """
        from isogloss.backbones import Backbone
        from isogloss.system import System

        backbone = backbone or Backbone.load(recipe.backbone)
        key = self._key(recipe, problem, backbone)
        home = self.folder / "fits" / key
        if (home / "done.json").is_file():
            self._adopt(key, json.loads((home / "done.json").read_text(encoding="utf-8")))
            return System.from_pretrained(home / "model", inference=recipe.inference)
        inner = replace(
            self,
            folder=home,
            level=self.level + 1,
            ledger=Ledger(),
            seconds=dict.fromkeys(STAGES, 0.0),
            costs=[],
            choices=[],
            bridges=[],
            adopted=set(),
            tokens=0,
            head=None,
            trainings=count(),
        )
        home.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        with _generators_kept():
            system = self.flow(recipe, problem.blind(), backbone, inner)
        system.save_pretrained(home / "model")
        whole = time.perf_counter() - started
        cost = {"recipe": recipe.name, "seed": self.seed, "level": inner.level, "seconds": whole, **inner.seconds}
        record = {
            "costs": [cost, *inner.costs],
            "items": [asdict(item) for item in inner.ledger.items],
            "selected_on_test": inner.ledger.selected_on_test,
            "choices": inner.choices,
            "bridges": inner.bridges,
            "tokens": inner.tokens,
        }
        staged = home / ".done.json"
        staged.write_text(json.dumps(record), encoding="utf-8")
        staged.replace(home / "done.json")
        inner.clear_trainings()
        self._adopt(key, record)
        return system

    def _adopt(self, key: str, record: Mapping[str, Any]) -> None:
        if key in self.adopted:  # asked for twice, done once
            return
        self.adopted.add(key)
        self.ledger.items += [Item(**item | {"texts": tuple(item["texts"])}) for item in record["items"]]
        self.ledger.selected_on_test |= record["selected_on_test"]
        self.costs += record["costs"]
        self.choices += record["choices"]
        self.bridges += record["bridges"]
        self.tokens += record["tokens"]

    def _key(self, recipe: Recipe, problem: Problem, backbone: Backbone) -> str:
        translator = self.translator and (self.translator.id, self.translator.version)
        where = (self.seed, self.device, self.precision, translator, __version__)
        facts = (repr(recipe), problem.fingerprint(), backbone.fingerprint(), where, fingerprint_of_test(self.test))
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]

    def make(self, facts: object, build: Callable[[Path], None]) -> Path:
        """A folder that ``build`` fills, such as an adapted encoder: made once for all seeds and nested runs.

        Args:
            facts: all that its content depends on, with a telling ``repr``.
            build: is given an empty folder. What it leaves there when it is broken off is not taken for whole.
        """
        where = (self.device, self.precision, __version__)
        place = (self.shared or self.folder) / hashlib.sha256(
            repr((facts, where)).encode("utf-8", "surrogatepass")
        ).hexdigest()[:16]
        if not place.is_dir():
            staged = place.with_name(f".{place.name}")
            shutil.rmtree(staged, ignore_errors=True)
            staged.mkdir(parents=True)
            with _generators_kept():
                build(staged)
            staged.replace(place)
        return place

    def bridge(self, projector: Projector) -> Bridge:
        """The run's translator and a projector, as a bridge. Raises ResourceError where there is no translator."""
        from isogloss.bridges.bridge import Bridge

        if self.translator is None:
            raise ResourceError("The recipe translates, and there is no translator", fix="Give one with --translator")
        return Bridge(translator=self.translator, projector=projector)

    def carry(self, examples: Sequence[Example], task: Task, to: str, projector: Projector) -> list[View]:
        """The examples, all of one language, in the language ``to``: done once for all seeds and nested runs."""
        content = [(e.id, e.lang, sorted(e.fields.items())) for e in examples]
        facts = (content, task.config(), to, repr(projector))
        key = hashlib.sha256(repr(facts).encode("utf-8", "surrogatepass")).hexdigest()
        if key not in self.views:
            self.views[key] = self.bridge(projector).carry(examples, task, to)
        return self.views[key]

    def served_source(self, sources: Sequence[str], *, into: str | None = None, out_of: str | None = None) -> str:
        """The first source language that the translator joins with a target: from it ``into``, or into it ``out_of``.

        Raises:
            ResourceError: there is none.
        """
        for source in sources:
            pair = (source, into) if into is not None else (out_of or "", source)
            if self.translator is not None and self.translator.serves(*pair):
                return source
        what = f"from {', '.join(sources)} into {into}" if into is not None else f"from {out_of} into a source language"
        name = "none" if self.translator is None else f"'{self.translator.id}'"
        what = f"No translation {what} is to be had (translator: {name})"
        raise ResourceError(what, fix="Give --translator or --lang")

    def note_bridge(
        self,
        source: str,
        target: str,
        projector: Projector,
        views: Sequence[View],
        *,
        kept: int | None = None,
        inference: bool = False,
    ) -> None:
        """Enter in the record what became of carried examples, and say what was lost.

        Args:
            source: the language they were in.
            target: the language they were carried into.
            projector: what carried their spans.
            views: what came out.
            kept: how many are used; all that there are by default.
            inference: whether this is translation at prediction time, which the ledger then knows.
        """
        from isogloss.bridges.bridge import summary

        there = [view.example for view in views if view.example is not None]
        facts = summary(views)
        row = {
            "from": source,
            "into": target,
            "translator": self.translator.used(source, target) if self.translator else "",
            "projector": projector.name if facts["spans"] else "",
            "at": "inference" if inference else "training",
            **facts,
            "used": len(there) if kept is None else kept,
        }
        if row not in self.bridges:
            self.bridges.append(row)
        if inference:
            self.ledger.note_translations(there)
        if (lost := len(views) - row["used"]) and not inference:
            self.say(f"{lost} of {len(views)} examples could not be carried from {source} into {target} whole.")
        if inference and (bare := len(views) - len(there)):
            self.say(f"{bare} of {len(views)} texts have no translation from {source}: answered as they are.")

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the wall time of the block to a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - started

    def training_folder(self) -> Path:
        """A folder for the next training: the same one again when a run that was broken off comes to this point."""
        place = self.folder / "trainings" / f"{next(self.trainings):03}"
        place.mkdir(parents=True, exist_ok=True)
        return place

    def clear_trainings(self) -> None:
        """Remove snapshots and checkpoints."""
        shutil.rmtree(self.folder / "trainings", ignore_errors=True)

    def say(self, message: str) -> None:
        """Tell the user something (stderr on the command line)."""
        log.warning("%s", message)

    def say_once(self, message: str) -> None:
        """Tell the user something that comes up again and again."""
        if message not in self.told:
            self.told.add(message)
            self.say(message)

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


def fingerprint_of_test(test: Split | None) -> str:
    """SHA-256 over test data, labels included."""
    items = [
        (lang, [(e.id, sorted(e.fields.items())) for e in examples]) for lang, examples in sorted((test or {}).items())
    ]
    return hashlib.sha256(repr(items).encode()).hexdigest()


@contextmanager
def _generators_kept() -> Iterator[None]:
    from isogloss.train.generators import capture, restore

    states = capture()
    try:
        yield
    finally:
        restore(states)
