"""The ledger: who saw which item. Tier, regime and leaks of a result are derived from it, never declared."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from isogloss.example import Example, Origin

if TYPE_CHECKING:
    from isogloss.problem import Problem

Role = Literal["train", "select", "few", "adapt", "parallel", "prompt", "bridge", "test"]
LeakKind = Literal["exact", "normalised", "parallel"]

BY_SPLIT: dict[str, Role] = {"train": "train", "dev": "select", "few": "few", "test": "test"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One text in one role.

    Attributes:
        group: the id it shares with its translations; None where it has no name that another item could share.
        labelled: whether its label was seen too.
    """

    text: str
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
                ledger.record(role, examples, problem)
        ledger.record_text(problem)
        return ledger

    def record(self, role: Role, examples: Iterable[Example], problem: Problem) -> None:
        """Note that ``examples`` were seen, with their labels, in ``role``."""
        for example in examples:
            named = not example.id.startswith(f"{example.lang}/")  # ids made by the reader name no translation
            self.items.append(
                Item(
                    text=problem.task.text(example.fields),
                    lang=example.lang,
                    role=role,
                    group=example.id if named else None,
                    origin=example.origin,
                    place=example.place or example.id,
                )
            )

    def record_text(self, problem: Problem) -> None:
        """Note the problem's raw and parallel text."""
        for lang, lines in problem.unlabelled.items():
            for number, text in enumerate(lines, start=1):
                self._note_text(text, lang, "adapt", f"unlabelled/{lang}:{number}")
        for langs, pairs in problem.parallel.items():
            for number, pair in enumerate(pairs, start=1):
                for lang, text in zip(langs, pair, strict=True):
                    self._note_text(text, lang, "parallel", f"parallel/{'-'.join(langs)}:{number}")

    def _note_text(self, text: str, lang: str, role: Role, place: str) -> None:
        self.items.append(Item(text=text, lang=lang, role=role, group=None, labelled=False, place=place))

    def leaks(self) -> list[Leak]:
        """Every test item that another role has seen, under the strongest kind that holds for each role."""
        tests = [item for item in self.items if item.role == "test"]
        seen = [item for item in self.items if item.role != "test"]
        found: dict[tuple[str, Role], Leak] = {}
        kinds: dict[LeakKind, Any] = {
            "exact": lambda item: item.text.strip() or None,
            "normalised": lambda item: normalise(item.text) or None,
            "parallel": lambda item: item.group,
        }
        for kind, key in kinds.items():
            index: dict[str, dict[Role, Item]] = {}
            for item in seen:
                if (value := key(item)) is not None:
                    index.setdefault(value, {}).setdefault(item.role, item)
            for test in tests:
                value = key(test)
                for role, item in index.get(value, {}).items() if value is not None else ():
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
        roles = {item.role for item in self.items}
        made = {item.origin for item in self.items if item.role in ("train", "select")}
        if "bridge" in roles:
            return "MT at inference"
        if made & {"translated", "projected"}:
            return "MT in training"
        if "parallel" in roles:
            return "parallel text"
        return "raw text" if "adapt" in roles else "nothing"

    def _target_labels(self, targets: Iterable[str]) -> int:
        aims = set(targets)
        human = [i for i in self.items if i.lang in aims and i.labelled and i.origin in ("gold", "post-edited")]
        return sum(item.role in ("train", "select", "few", "prompt") for item in human)

    @property
    def transductive(self) -> bool:
        """Whether raw text of the test itself was used for adaptation."""
        return any(leak.role == "adapt" and leak.kind == "exact" for leak in self.leaks())

    def resources(self) -> dict[str, dict[str, int]]:
        """Number of items seen, by role and language."""
        counts = Counter((item.role, item.lang) for item in self.items)
        table: dict[str, dict[str, int]] = {}
        for (role, lang), count in sorted(counts.items()):
            table.setdefault(role, {})[lang] = count
        return table
