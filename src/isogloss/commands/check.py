"""Looks a problem over before anything is trained: what it holds, what leaks, and with ``deep`` what looks odd."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from isogloss.ledger import BY_SPLIT, Leak, Ledger
from isogloss.problem import Problem

if TYPE_CHECKING:
    from isogloss.evaluation.audit import Finding


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What a problem holds and what is wrong with it.

    Attributes:
        counts: examples by split, language (as the user spells it) and label, ``counts["train"]["eng"]["sports"]``; an
            example with several labels counts for each. The key ``""`` is the number of examples.
        leaks: test items that something before the test would see.
        findings: what ``deep`` found odd, one sentence each, with file and line; none of it stops a transfer.
        audit: the same findings with their kinds and figures.
        lengths: mean number of characters of a text by language (deep only).
        unknown: share of pieces unknown to the default encoder by language, in [0, 1] (deep only).
    """

    problem: str
    task: str
    labels: tuple[str, ...]
    counts: dict[str, dict[str, dict[str, int]]]
    leaks: tuple[Leak, ...]
    notices: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    audit: tuple[Finding, ...] = ()
    lengths: dict[str, float] = field(default_factory=dict)
    unknown: dict[str, float] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        """Whether nothing leaks."""
        return not self.leaks


def check(problem: Problem | str | Path, deep: bool = False) -> CheckResult:
    """Read a problem, count it and look for leaks.

    Args:
        problem: the problem, or its folder.
        deep: look also for conflicting labels, test files with one label only or with labels spread otherwise than in
            training, pairs of which one half tells the label, links between files (``isogloss.evaluation.audit``), at
            text lengths and at text that the default encoder cannot read.

    Raises:
        DataError: the folder cannot be read as a problem.
    """
    problem = problem if isinstance(problem, Problem) else Problem.read(problem)
    found = CheckResult(
        problem=problem.name,
        task=problem.task.name,
        labels=problem.task.labels,
        counts={split: _counts(problem, split) for split in BY_SPLIT if getattr(problem, split)} | _raw(problem),
        leaks=tuple(Ledger.of(problem).leaks()),
        notices=(*problem.notices, *_missing(problem)),
    )
    return _deepened(found, problem) if deep else found


def _missing(problem: Problem) -> Iterator[str]:
    for split, mend in (("train", "nothing can be trained"), ("dev", "transfer needs it, or --select last")):
        if not problem.source_examples(split):
            yield f"There is no {split}/{problem.spelling(problem.source[0])} file: {mend}."


def mend(leak: Leak) -> str:
    """How to mend a leak."""
    if leak.kind == "parallel":
        return "Remove one of the two; or drop the ids, if they only restart in each file and name no translation"
    return "Remove one of the two"


def _counts(problem: Problem, split: str) -> dict[str, dict[str, int]]:
    table = {}
    for lang, examples in getattr(problem, split).items():
        labels = Counter(label for example in examples for label in problem.task.labels_in(example.fields))
        table[problem.spelling(lang)] = {"": len(examples), **dict(sorted(labels.items()))}
    return table


def _raw(problem: Problem) -> dict[str, dict[str, dict[str, int]]]:
    """Lines of raw text by language, in the shape of the labelled splits."""
    lines = {problem.spelling(lang): {"": len(examples)} for lang, examples in problem.unlabelled.items()}
    return {"unlabelled": lines} if lines else {}


def _deepened(found: CheckResult, problem: Problem) -> CheckResult:
    from isogloss.backbones import Backbone
    from isogloss.commands.doctor import texts_of, unknown_shares
    from isogloss.evaluation.audit import audit

    odd = audit(problem)
    texts = {problem.spelling(lang): list(texts_of(problem, lang)) for lang in (*problem.source, *problem.targets)}
    return replace(
        found,
        findings=tuple(map(str, odd)),
        audit=odd,
        lengths={lang: round(sum(map(len, lines)) / len(lines), 1) for lang, lines in texts.items() if lines},
        unknown=unknown_shares(problem, Backbone.load().tokenizer()),
    )
