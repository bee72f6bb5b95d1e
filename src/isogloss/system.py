"""The system: what a transfer leaves behind. Predicts, and is saved and loaded as ordinary transformers folders."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from isogloss import __version__
from isogloss.backbones.hush import hushed
from isogloss.backbones.safety import inspect_folder
from isogloss.engines import Engine, load_engine
from isogloss.errors import DataError, IsoglossError, ResourceError
from isogloss.example import Example
from isogloss.languages import Language, find
from isogloss.member import TASK, Member, no_member, no_piece
from isogloss.problem import make_examples
from isogloss.readers import Row
from isogloss.tasks import OpenTagging, Prediction, Task, task_from_config

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from isogloss.methods import InferencePart
    from isogloss.nets.pieces import Piece
    from isogloss.run import Run
    from isogloss.train import Precision

CARD = "isogloss.json"
FORMAT = 1
CARD_KEYS = {"base", "source", "targets", "recipe", "settings", "backbone", "precision", "inference"}


@dataclass(frozen=True, kw_only=True)
class System:
    """A trained system.

    Attributes:
        task: the task with its labels.
        base: the shared network of a joint system; None for a system of members only.
        members: networks by target language, for recipes whose scope is the target.
        source, targets: canonical language codes.
        recipe, settings: the recipe's name and what was changed in it.
        inference: the recipe's inference parts, the outermost first.
        backbone: id and exposure of the encoder it began with.
        precision: the number format it was trained and scored in, used for prediction too.
        translator: the name of the translator that its inference parts use; None where they use none.
    """

    task: Task
    base: Member | None
    members: Mapping[str, Member] = field(default_factory=dict)
    source: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    recipe: str = "direct"
    settings: Mapping[str, str] = field(default_factory=dict)
    backbone: Mapping[str, str] = field(default_factory=dict)
    precision: Precision = "fp32"
    inference: tuple[InferencePart, ...] = ()
    translator: str | None = None

    def predict(
        self,
        inputs: Sequence[str | Mapping[str, Any]],
        *,
        lang: str | None = None,
        labels: Sequence[str] | None = None,
        threshold: float | None = None,
        quiet: bool = True,
    ) -> list[Prediction]:
        """Predict for texts, or for dictionaries with the task's input fields.

        Args:
            inputs: texts, or dictionaries (for pairs with ``text_a`` and ``text_b``; for tagging also with ``tokens``;
                for others with what the task calls its ``inputs``).
            lang: the inputs' language; ``"auto"`` detects it text by text. A joint system works without it.
            labels: the labels to choose from, see :meth:`with_labels`; by default those of ``task``.
            threshold: of open labels, also there; by default that of ``task``.
            quiet: no progress bar.

        Returns:
            One prediction an input, in order.

        Raises:
            DataError: an input is not what the task reads.
            IsoglossError: the system has members and none for the language, or has closed labels and not these.
        """
        if labels is not None or threshold is not None:
            asked = self.with_labels(self.task.labels if labels is None else labels, threshold=threshold)
            return asked.predict(inputs, lang=lang, quiet=quiet)
        if isinstance(inputs, str | Mapping):
            raise DataError(
                "The inputs are a single one, not a list of them", where="inputs", fix="Write predict([text])"
            )
        rows = [Row(line=i, fields=self._fields(value, i)) for i, value in enumerate(inputs, start=1)]
        examples = make_examples(type(self.task), rows, lang="und", split="inputs", place="inputs", labelled=False)
        return self.predict_examples(examples, langs=self.languages(examples, lang), quiet=quiet)

    def with_labels(self, labels: Sequence[str], *, threshold: float | None = None) -> System:
        """The same networks with another label set, and where labels are open with another threshold.

        Raises:
            IsoglossError: the labels are closed and not these, there are none, one is there twice, or the threshold is
                not between 0 and 1.
            DataError: they are no list of names.
        """
        if isinstance(labels, str) or not all(isinstance(label, str) for label in labels):
            raise DataError("This is not a list of names", where="labels", fix='Write labels=["person", "place"]')
        wanted = tuple(labels)
        if twice := [label for label, count in Counter(wanted).items() if count > 1]:
            raise IsoglossError(f"The label '{twice[0]}' is given twice", fix="Give each label once")
        if set(wanted) == set(self.task.labels) and threshold is None:
            return self
        if not isinstance(self.task, OpenTagging):
            what = f"The system has closed labels ({', '.join(self.task.labels)}), not {', '.join(wanted)}"
            what = what if threshold is None else "The system has closed labels, and no threshold"
            raise IsoglossError(what, fix="Leave that out, or train one with --recipe open-labels")
        if not wanted or not all(label.strip() for label in wanted):
            raise IsoglossError("There are no labels to choose from, or one has no name", fix="Give labels a,b,c")
        threshold = self.task.threshold if threshold is None else threshold
        if not 0 < threshold < 1:
            raise IsoglossError(f"The threshold {threshold} is no probability", fix="Give one between 0 and 1")
        return replace(self, task=replace(self.task, labels=wanted, threshold=threshold))

    def languages(self, examples: Sequence[Example], lang: str | None) -> list[str]:
        """The language of each example: the given one, or the detected one for ``"auto"``."""
        if lang != "auto":
            return [Language.parse(lang).code if lang else "und"] * len(examples)
        from isogloss.languages.detect import detect

        known = self.base.languages if self.base is not None else ()
        candidates = [Language.parse(code) for code in known or (*self.source, *self.targets)]
        return detect([self.task.text(example.fields) for example in examples], candidates)

    def predict_examples(
        self, examples: Sequence[Example], *, langs: Sequence[str], quiet: bool = True, run: Run | None = None
    ) -> list[Prediction]:
        """Route each example to its language's member, or all to the base, through the recipe's inference parts.

        Labels are taken off first. ``run`` is the run to enter costs and ledger items in; by default one of its own.
        """
        with ExitStack() as stack:
            if run is None:
                run = self.new_run(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="isogloss-"))), quiet)
            results: dict[int, Prediction] = {}
            for member, chosen in self._routes(langs).items():
                answer = self._member(member).wrapped(self.task, self.inference, run)
                found = answer(self.task.hide([_in_language(examples[i], langs[i]) for i in chosen]))
                results |= dict(zip(chosen, found, strict=True))
        return [results[i] for i in range(len(examples))]

    @property
    def engine(self) -> str:
        """What runs its networks: ``torch``, or the engine they were exported for."""
        models = [member.model for member in (self.base, *self.members.values()) if member is not None]
        return next((model.name for model in models if isinstance(model, Engine)), "torch")

    def serves(self, lang: str) -> bool:
        """Whether the system has a network for a language."""
        if self.base is None:
            return find(lang, self.members) is not None
        return not self.base.languages or find(lang, self.base.languages) is not None

    def _fields(self, value: str | Mapping[str, Any], number: int) -> dict[str, Any]:
        if isinstance(value, Mapping):
            return dict(value)
        names = self.task.inputs
        if not isinstance(value, str) or len(names) > 1:
            raise DataError(
                f"an input of this task is a dictionary with {' and '.join(names)}, not {value!r:.40}",
                where="inputs",
                line=number,
            )
        return {names[0]: value}

    def _routes(self, langs: Sequence[str]) -> dict[str, list[int]]:
        home: dict[str, str] = {}
        for lang in dict.fromkeys(langs):
            match = find(lang, self.members) if self.members else None
            if match is None and not self.serves(lang):
                raise no_member(lang, self.members) if self.base is None else no_piece(lang, self.base.languages)
            home[lang] = "" if match is None else match.code
        routes: dict[str, list[int]] = {}
        for i, lang in enumerate(langs):
            routes.setdefault(home[lang], []).append(i)
        return routes

    def _member(self, name: str) -> Member:
        member = self.members[name] if name else self.base
        assert member is not None  # noqa: S101  # _routes has seen to it
        return member

    def new_run(self, folder: Path, quiet: bool) -> Run:
        """A run to predict in, with the translator if there is one to be used."""
        from isogloss.bridges.translators import load_translator
        from isogloss.flow import fit
        from isogloss.run import Run

        translator = load_translator(self.translator) if self.translator else None
        return Run(
            flow=fit,
            folder=folder,
            precision=self.precision,
            quiet=quiet,
            source=self.source,
            translator=translator,
        )

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the system to a folder.

        A joint system is an ordinary transformers folder (config, safetensors, tokenizer) and ``isogloss.json``;
        members are such folders under ``members/<language>``; pieces are files ``pieces/<language>.safetensors``.
        """
        from isogloss.nets.pieces import save_piece

        folder = Path(folder)
        with hushed():
            for place, member in self._homes(folder, {"": self.base} | dict(self.members)):
                member.model.save_pretrained(place)
                member.tokenizer.save_pretrained(place)
                for file in place.glob("*.safetensors"):  # safetensors would let nobody else read
                    shutil.copymode(place / "config.json", file)
                for name, piece in member.pieces.items():
                    save_piece(piece, place / piece_file(name))
        (folder / CARD).write_text(json.dumps(self.card(), indent=1, ensure_ascii=False), encoding="utf-8")

    def card(self) -> dict[str, Any]:
        """What ``isogloss.json`` says."""
        card: dict[str, Any] = {
            "format": FORMAT,
            "isogloss": __version__,
            "task": self.task.config(),
            "source": self.source,
            "targets": self.targets,
            "recipe": self.recipe,
            "settings": dict(self.settings),
            "backbone": dict(self.backbone),
            "precision": self.precision,
            "base": self.base is not None,
            "members": sorted(self.members),
            "pieces": sorted(self.base.pieces) if self.base is not None else [],
            "inference": len(self.inference),
        }
        if self.engine != "torch":
            card["engine"] = self.engine
        if self.translator is not None:
            card["translator"] = self.translator
        return card

    @staticmethod
    def _homes(folder: Path, members: Mapping[str, Member | None]) -> list[tuple[Path, Member]]:
        folder.mkdir(parents=True, exist_ok=True)
        return [(folder / "members" / name if name else folder, m) for name, m in members.items() if m is not None]

    @classmethod
    def from_pretrained(cls, folder: str | Path, *, inference: tuple[InferencePart, ...] | None = None) -> System:
        """Load a system from its folder, or from the run folder that holds it as ``model/``.

        Args:
            folder: the folder.
            inference: the inference parts, where the recipe is not one that is found by its name.

        Raises:
            ResourceError: the folder holds no system, or one of a newer format, or is not safe to load.
        """
        folder = Path(folder)
        folder = folder / "model" if (folder / "model" / CARD).is_file() else folder
        card = read_card(folder)
        task = task_from_config(card["task"])
        engine = card.get("engine", "torch")
        members = {name: load_member(folder / "members" / name, task, engine) for name in card["members"]}
        base = load_member(folder, task, engine) if card["base"] else None
        if base is not None and card.get("pieces"):
            base = replace(base, pieces=_load_pieces(folder, card["pieces"], base))
        return cls(
            task=task,
            base=base,
            members=members,
            source=tuple(card["source"]),
            targets=tuple(card["targets"]),
            recipe=card["recipe"],
            settings=card["settings"],
            backbone=card["backbone"],
            precision=card["precision"],
            inference=_inference_parts(card) if inference is None else inference,
            translator=card.get("translator"),
        )


def _in_language(example: Example, lang: str) -> Example:
    return example if example.lang == lang else replace(example, lang=lang)


def read_card(folder: Path) -> dict[str, Any]:
    """What a system's ``isogloss.json`` says. Raises ResourceError where it is not there, not whole or too new."""
    path = folder / CARD
    if not path.is_file() and (folder / "work").is_dir():
        raise ResourceError("The run is not finished", where=folder, fix="Repeat the command with --resume")
    if not path.is_file():
        raise ResourceError(
            "There is no isogloss system here", where=folder, fix="Give the folder that 'isogloss transfer --out' wrote"
        )
    try:
        card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if card["format"] == FORMAT:
            task_from_config(card["task"])
            named = [*card["members"], *(name for name in card.get("pieces", ()) if name != TASK)]
            strange = [name for name in named if Language.parse(name).code != name]
            damaged = bool(strange) or not card.keys() >= CARD_KEYS
        else:
            damaged = not isinstance(card["format"], int)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, DataError):
        damaged = True
    if damaged:
        raise ResourceError("The system's card is damaged", where=path, fix="Copy the folder again or repeat the run")
    if card["format"] != FORMAT:
        what = f"The system has format {card['format']}, this version reads {FORMAT}"
        raise ResourceError(what, where=path, fix="Update isogloss")
    return card


def _inference_parts(card: Mapping[str, Any]) -> tuple[InferencePart, ...]:
    from isogloss.recipes import resolve

    return resolve(card["recipe"], settings=card["settings"]).inference if card["inference"] else ()


def _load_pieces(folder: Path, names: Sequence[str], base: Member) -> dict[str, Piece]:
    from isogloss.nets.pieces import network_fingerprint

    own = network_fingerprint(cast("PreTrainedModel", base.model))
    return {name: load_own_piece(folder, name, own) for name in names}


def load_own_piece(folder: Path, name: str, network: str) -> Piece:
    """A system's piece of a language, or of the task.

    Raises:
        ResourceError: its file is missing or damaged, or it was learnt in another network than ``network``, the
            fingerprint of the system's; the message says how the system is used without it.
    """
    from isogloss.nets.pieces import load_piece

    file = folder / piece_file(name)
    mend = "Copy the folder again or repeat the run"
    if name != TASK:
        mend = f"Copy it again, or do without this language: 'isogloss parts remove {folder} {name}'"
    try:
        piece = load_piece(file)
    except ResourceError as error:
        raise ResourceError(error.what, where=file, fix=mend) from error
    if piece.network not in ("", network):
        raise ResourceError("The piece was learnt in another network than this one", where=file, fix=mend)
    return piece


def piece_file(name: str) -> str:
    """Where the piece of a language, or of the task, is in a system's folder."""
    return f"pieces/{name}.safetensors"


def load_member(folder: Path, task: Task, engine: str) -> Member:
    """A network with its tokenizer, without pieces. Raises ResourceError where it is not whole or not safe to load."""
    import transformers
    from safetensors import SafetensorError

    from isogloss.nets.mean_pooling import quicken_mean_pooling

    inspect_folder(folder)
    auto = getattr(transformers, task.auto_class)
    try:
        with hushed():
            model: PreTrainedModel | Engine = (
                auto.from_pretrained(folder, use_safetensors=True, trust_remote_code=False)
                if engine == "torch"
                else load_engine(engine, folder)
            )
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise ResourceError(
            f"The model cannot be loaded: {reason}", where=folder, fix="Copy the folder again or repeat the run"
        ) from error
    if not isinstance(model, Engine):
        quicken_mean_pooling(model.base_model)
    return Member(model=model.eval(), tokenizer=tokenizer)
