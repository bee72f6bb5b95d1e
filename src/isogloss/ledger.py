"""The ledger: who saw which item. Tier, regime and leaks of a result are derived from it, never declared."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from isogloss.example import Example, Origin

if TYPE_CHECKING:
    from isogloss.problem import Problem
    from isogloss.tasks import Task

Role = Literal["train", "select", "few", "adapt", "parallel", "prompt", "bridge", "test"]
LeakKind = Literal["exact", "normalised", "parallel"]

BY_SPLIT: dict[str, Role] = {"train": "train", "dev": "select", "few": "few", "test": "test"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One text in one role.

    Attributes:
        texts: its input texts; a sentence pair has two.
        group: the id it shares with its translations; None where it has no name that another item could share.
        labelled: whether its label was seen too.
    """

    texts: tuple[str, ...]
    lang: str
    role: Role
    group: str | None
    origin: Origin = "gold"
    labelled: bool = True
    place: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Leak:
    """A test item that something before the test has seen.

    Attributes:
        kind: ``exact`` (the same text), ``normalised`` (but for case, punctuation, spacing and Unicode form) or
            ``parallel`` (the same id: the item itself or its translation).
        role: in which role it was seen.
        seen, test: where the two copies stand, ``train/eng.jsonl:12``.
    """

    kind: LeakKind
    role: Role
    seen: str
    test: str
    lang: str

    def __str__(self) -> str:
        what = {
            "exact": "the same text",
            "normalised": "the same text up to case and punctuation",
            "parallel": "the same id",
        }
        return f"{self.test}: {what[self.kind]} as {self.seen} (role {self.role})"


def normalise(text: str) -> str:
    """Letters, marks and digits only, case folded, in Unicode form NFKC: what counts as the same sentence."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if unicodedata.category(c)[0] in "LMN")


def _wholes(item: Item, form: Callable[[str], str]) -> set[str]:
    """What an item's texts are found by: a pair as a whole, and in raw text and tests each sentence alone too."""
    forms = [form(text) for text in item.texts]
    alone = set(forms) if not item.labelled or item.role == "test" else set()
    return (alone | {"\t".join(forms)}) - {"", "\t"}


@dataclass
class Ledger:
    """A record of items by role. Fill it with :meth:`record`, then read what follows from it."""

    items: list[Item] = field(default_factory=list)
    selected_on_test: bool = False

    @classmethod
    def of(cls, problem: Problem) -> Ledger:
        """Everything that a problem holds, each split in the role it would play."""
        ledger = cls()
        for split, role in BY_SPLIT.items():
            for examples in getattr(problem, split).values():
                ledger.record(role, examples, problem.task)
        ledger.record_text(problem)
        return ledger

    def record(self, role: Role, examples: Iterable[Example], task: Task) -> None:
        """Note that ``examples`` were seen, with their labels, in ``role``."""
        for example in examples:
            named = not re.fullmatch(rf"{re.escape(example.lang)}/\w+/\d+", example.id)  # made by the reader
            self.items.append(
                Item(
                    texts=task.texts(example.fields),
                    lang=example.lang,
                    role=role,
                    group=example.id if named else None,
                    origin=example.origin,
                    place=example.place or example.id,
                )
            )

    def record_text(self, problem: Problem) -> None:
        """Note the problem's raw and parallel text."""
        for examples in problem.unlabelled.values():
            self.note_text("adapt", examples)
        for pairs in problem.parallel.values():
            self.note_text("parallel", (side for pair in pairs for side in pair))

    def note_text(self, role: Role, examples: Iterable[Example]) -> None:
        """Note raw text that was seen in ``role``: examples with the field ``text``."""
        for e in examples:
            text = (e.fields["text"],)
            self.items.append(Item(texts=text, lang=e.lang, role=role, group=None, labelled=False, place=e.place))

    def note_backbone(self, name: str, langs: Iterable[str]) -> None:
        """Note that an encoder had been adapted to raw text of languages before: one item each, its text not kept."""
        for lang in langs:
            item = Item(texts=(), lang=lang, role="adapt", group=None, labelled=False, place=name)
            if item not in self.items:
                self.items.append(item)

    def note_translations(self, examples: Iterable[Example]) -> None:
        """Note texts that were translated in order to be answered."""
        for e in examples:
            self.items.append(
                Item(
                    texts=(), lang=e.lang, role="bridge", group=None, origin="translated", labelled=False, place=e.place
                )
            )

    def leaks(self) -> list[Leak]:
        """Every test item that another role has seen, under the strongest kind that holds for each role."""
        tests = [item for item in self.items if item.role == "test"]
        seen = [item for item in self.items if item.role not in ("test", "bridge")]
        found: dict[tuple[str, Role], Leak] = {}
        keys: dict[LeakKind, Callable[[Item], set[str]]] = {
            "exact": lambda item: _wholes(item, str.strip),
            "normalised": lambda item: _wholes(item, normalise),
            "parallel": lambda item: {item.group} if item.group is not None else set(),
        }
        for kind, keys_of in keys.items():
            index: dict[str, dict[Role, Item]] = {}
            for item in seen:
                for key in keys_of(item):
                    index.setdefault(key, {}).setdefault(item.role, item)
            for test in tests:
                for key in keys_of(test):
                    for role, item in index.get(key, {}).items():
                        leak = Leak(kind=kind, role=role, seen=item.place, test=test.place, lang=test.lang)
                        found.setdefault((test.place, role), leak)
        return list(found.values())

    def regime(self, targets: Iterable[str]) -> Literal["zero-shot", "few-shot", "oracle"]:
        """Oracle if anything was chosen on test labels, few-shot if target labels were trained on, else zero-shot."""
        if self.selected_on_test:
            return "oracle"
        return "few-shot" if self._target_labels(targets) else "zero-shot"

    def tier(self, targets: Iterable[str]) -> str:
        """What the result was allowed to know of the targets, the most telling first."""
        if self.selected_on_test:
            return "oracle"
        if labels := self._target_labels(targets):
            return f"{labels} target labels"
        aims = set(targets)
        roles = {item.role for item in self.items}
        made = {item.origin for item in self.items if item.role in ("train", "select")}
        trained = bool(made & {"translated", "projected"})
        if "bridge" in roles:
            return "MT in training and at inference" if trained else "MT at inference"
        if trained:
            return "MT in training"
        if any(item.role == "parallel" and item.lang in aims for item in self.items):
            return "parallel text"
        return "raw text" if any(item.role == "adapt" and item.lang in aims for item in self.items) else "nothing"

    def _target_labels(self, targets: Iterable[str]) -> int:
        aims = set(targets)
        human = {i for i in self.items if i.lang in aims and i.labelled and i.origin in ("gold", "post-edited")}
        return len({(i.lang, i.place, i.texts) for i in human if i.role in ("train", "select", "few", "prompt")})

    @property
    def transductive(self) -> bool:
        """Whether raw text of the test itself was used for adaptation."""
        return any(leak.role == "adapt" and leak.kind != "parallel" for leak in self.leaks())

    def resources(self) -> dict[str, dict[str, int]]:
        """Number of different items seen, by role and language."""
        counts = Counter((item.role, item.lang) for item in set(self.items))
        table: dict[str, dict[str, int]] = {}
        for (role, lang), count in sorted(counts.items()):
            table.setdefault(role, {})[lang] = count
        return table
