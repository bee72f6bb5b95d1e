"""The audit of a problem's data: what may make its scores say something else than they seem to.

Nothing here stops a transfer. Leaks by equal text or id are the ledger's business and do; the audit looks for what is
odd: labels that contradict each other, sets of one class, classes that a language does not have, labels spread
otherwise than where training is, pairs of which one half tells the label, and links between files (``links.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from isogloss.evaluation.links import find_links
from isogloss.evaluation.partial import partial_input
from isogloss.evaluation.view import counted, decimal, listed
from isogloss.example import Example
from isogloss.ledger import normalise
from isogloss.metrics import holm, label_shift
from isogloss.problem import Problem
from isogloss.tasks import Task

FindingKind = Literal["conflict", "one class", "missing classes", "label shift", "partial input", "link"]

SHIFT = 0.1
"""Label distributions closer than this (total variation) are spoken of as the same."""
SURE = 0.01
"""Level, over all test languages together, at which a shift is no chance."""
DEALS = 10_000
FEWEST_PAIRS = 200
TELLING = 0.05
"""Accuracy that half a pair must have beyond the commonest label."""
CONFLICTS_SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something odd: one sentence with file and line, and what a machine wants of it."""

    kind: FindingKind
    text: str
    figures: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text


def audit(problem: Problem) -> tuple[Finding, ...]:
    """Everything that looks odd in a problem, kind by kind."""
    return (
        *_conflicts(problem),
        *_one_class(problem),
        *_missing_classes(problem),
        *_shifts(problem),
        *_partial(problem),
        *_links(problem),
    )


def _conflicts(problem: Problem) -> Iterator[Finding]:
    """The same text with different answers; and translations of an item with different labels."""
    first: dict[tuple[str, str], Example] = {}
    by_id: dict[str, Example] = {}
    found: list[tuple[Example, Example, str]] = []
    for split in ("train", "dev", "few", "test"):
        for example in (e for examples in getattr(problem, split).values() for e in examples):
            form = "\t".join(map(normalise, problem.task.texts(example.fields)))
            before = first.setdefault((example.lang, form), example)
            if form.strip() and _answer(problem.task, before) != _answer(problem.task, example):
                found.append((example, before, "the same text"))
            if "label" in example.fields and not example.id.startswith(f"{example.lang}/"):
                other = by_id.setdefault(example.id, example)
                if other.lang != example.lang and other.fields["label"] != example.fields["label"]:
                    found.append((example, other, "the same id"))
    for example, before, what in found[:CONFLICTS_SHOWN]:
        yield Finding(kind="conflict", text=f"{example.place}: {what} as {before.place}, and another label.")
    if len(found) > CONFLICTS_SHOWN:
        rest = len(found) - CONFLICTS_SHOWN
        yield Finding(
            kind="conflict", text=f"{counted(rest, 'more item')} with conflicting labels.", figures={"more": rest}
        )


def _one_class(problem: Problem) -> Iterator[Finding]:
    for split in ("dev", "few", "test"):
        for examples in getattr(problem, split).values():
            if len(examples) > 1 and len({_answer(problem.task, example) for example in examples}) == 1:
                text = (
                    f"{_file(examples)}: all {len(examples)} examples have the same label; a score on them says little."
                )
                yield Finding(kind="one class", text=text, figures={"items": len(examples)})


def _missing_classes(problem: Problem) -> Iterator[Finding]:
    """Test files without labels that other test files have: means over classes are not comparable between them."""
    used = {lang: set(_counts(problem.task, examples)) for lang, examples in problem.test.items()}
    everywhere = set().union(*used.values()) if used else set()
    for lang, labels in used.items():
        missing = sorted(everywhere - labels)
        if missing and len(labels) > 1:
            text = f"{_file(problem.test[lang])}: no item has the label {listed(missing)}, which other test files have."
            yield Finding(kind="missing classes", text=text, figures={"missing": missing})


def _shifts(problem: Problem) -> Iterator[Finding]:
    """Test files whose labels are spread otherwise than those of the training data."""
    learnt = _counts(problem.task, problem.source_examples("train"))
    if not learnt:
        return
    tested = {
        lang: label_shift(_counts(problem.task, examples), learnt, count=DEALS)
        for lang, examples in problem.test.items()
    }
    sure = holm({lang: p for lang, (_, p) in tested.items()})
    for lang, (distance, _) in tested.items():
        if distance >= SHIFT and sure[lang] <= SURE:
            here, n = _counts(problem.task, problem.test[lang]), sum(learnt.values())
            most = max(sorted(here | learnt), key=lambda label: abs(here[label] / here.total() - learnt[label] / n))
            text = (
                f"{_file(problem.test[lang])}: labels are spread otherwise than in training (distance "
                f"{decimal(distance, 2)}; '{most}' {100 * here[most] / here.total():.0f} %, there "
                f"{100 * learnt[most] / n:.0f} %)."
            )
            yield Finding(kind="label shift", text=text, figures={"distance": distance, "p": sure[lang]})


def _partial(problem: Problem) -> Iterator[Finding]:
    """Files of labelled pairs of which one half alone tells the label."""
    for split in ("train", "test"):
        for examples in getattr(problem, split).values():
            if len(examples) < FEWEST_PAIRS or "label" not in examples[0].fields:
                continue
            labels = [example.fields["label"] for example in examples]
            halves = list(zip(*(problem.task.texts(example.fields) for example in examples), strict=True))
            for name, half in zip(problem.task.inputs, halves if len(halves) > 1 else (), strict=False):
                found = partial_input(half, labels, groups=halves[0])
                if found.above[0] > 0 and found.accuracy - found.majority >= TELLING:
                    text = (
                        f"{_file(examples)}: {name} alone tells the label in {decimal(found.accuracy, 2)} of the "
                        f"cases, the commonest label in {decimal(found.majority, 2)}; a model can learn that instead "
                        "of the pair."
                    )
                    figures = {"field": name, "accuracy": found.accuracy, "majority": found.majority}
                    yield Finding(kind="partial input", text=text, figures=figures | {"above": found.above})


def _links(problem: Problem) -> Iterator[Finding]:
    for link in find_links(problem):
        mend = ""
        if link.kind == "order" and link.role == "test":
            mend = "; give parallel items the same ids, or intervals over languages come out too narrow"
        figures = {"link": link.kind, "seen": link.seen, "test": link.test, "role": link.role}
        yield Finding(kind="link", text=f"{link}{mend}.", figures=figures | {"count": link.count, "of": link.of})


def _counts(task: Task, examples: Sequence[Example]) -> Counter[str]:
    return Counter(label for example in examples for label in task.labels_in(example.fields))


def _file(examples: Sequence[Example]) -> str:
    return examples[0].place.rpartition(":")[0]


def _answer(task: Task, example: Example) -> Any:
    """What two examples of one text must have in common."""
    fields = example.fields
    if "answers" in fields:
        return frozenset(text for text, _ in fields["answers"])
    return fields.get("score", frozenset(task.labels_in(fields)))
