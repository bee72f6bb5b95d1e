"""Which recipe to begin with: the first rule that fits what the problem has, with what our benchmark says for it.

Figures are those of docs/results.md, in points, with ``isogloss:e5-small``; none is a prediction for the problem.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from isogloss.backbones.encoder import DEFAULT

ENOUGH = 50
"""Labels of each target from which few-shot training was above zero-shot on names."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the choice of a recipe hangs on.

    Attributes:
        task, metric: names.
        few: the labelled examples that every target has at least.
        few_help: whether a matrix says that so many are known to help.
        unread: whether a good part of every target's text is unknown to the encoder.
        into_source, into_target: whether a translator that is installed serves every target.
        raw: whether there is raw text of a target.
        sources: how many languages have labels.
        backbone: the encoder's name.
    """

    task: str
    metric: str
    few: int = 0
    few_help: bool = False
    unread: bool = False
    into_source: bool = False
    into_target: bool = False
    raw: bool = False
    sources: int = 1
    backbone: str = DEFAULT

    @property
    def names(self) -> bool:
        """Whether the task is like that of names on our benchmark: spans in a text."""
        return self.task == "tagging" and self.metric == "span_f1"

    @property
    def topics(self) -> bool:
        """Whether the task is like that of topics on our benchmark: a label for a text."""
        return self.task == "classification"


@dataclass(frozen=True, kw_only=True)
class Advised:
    """A recipe by its name, and why."""

    name: str
    reason: str


Rule = tuple[str, Callable[[Facts], bool], str]
RULES: tuple[Rule, ...] = (
    (
        "translate-test",
        lambda facts: facts.unread and facts.into_source,
        "The encoder cannot read the targets, and a translator is installed: on our benchmark answering translations "
        "of questions in a cipher, which no encoder knows, was 18.8 points [12.9, 25.8] above direct.",
    ),
    (
        "few-shot",
        lambda facts: facts.few > 0 and facts.few_help,
        "Every target has labels, and by the matrix so many are known to help.",
    ),
    (
        "few-shot",
        lambda facts: facts.few >= ENOUGH and facts.names,
        "Every target has 50 labels or more: on our benchmark 50 labels a language brought 5.1 points [1.1, 10.1] on "
        "names.",
    ),
    ("direct", lambda facts: True, "It is the default: it trains on the source labels and needs nothing else."),
)
NOTES: tuple[tuple[Callable[[Facts], bool], str], ...] = (
    (
        lambda facts: 0 < facts.few < ENOUGH and facts.topics,
        "The few labels are left out: on our benchmark ten of seven classes cost 6.6 points [1.8, 12.4] on topics.",
    ),
    (
        lambda facts: facts.few >= ENOUGH and facts.topics,
        "The few labels are left out: on our benchmark of topics 50 and 100 a language were inconclusive.",
    ),
    (
        lambda facts: 0 < facts.few < ENOUGH and facts.names,
        "The few labels are left out: on our benchmark of names ten a language were inconclusive.",
    ),
    (
        lambda facts: facts.names and (facts.into_target or facts.into_source),
        "A translator is installed, but on our benchmark of names translate-train was 8.5 points [5.9, 10.9] below "
        "direct at equal updates, and translate-test 5.2 [1.5, 8.6].",
    ),
    (
        lambda facts: facts.topics and (facts.into_target or facts.into_source),
        "A translator is installed, but on our benchmark of topics (Spanish) every recipe that translates was 1 to 3 "
        "points below direct, two of them clearly.",
    ),
    (
        lambda facts: facts.raw and (facts.names or facts.topics),
        "There is raw text, but on our benchmark going on with pretraining (maft) took topics from 67.3 to 55.4 and "
        "names from 43.8 to 39.4.",
    ),
    (
        lambda facts: facts.topics,
        "Three runs averaged (run-averaging) were 3.5 points [1.1, 6.7] above one on our benchmark of topics, for "
        "three times the training.",
    ),
    (lambda facts: facts.unread, "The encoder cannot read the targets: expect little, or choose another --backbone."),
    (lambda facts: facts.sources > 1, "With several source languages no recipes were compared."),
    (
        lambda facts: not (facts.names or facts.topics),
        "On a task like this one no recipes were compared in a language that the encoder reads.",
    ),
    (lambda facts: facts.backbone != DEFAULT, f"What our benchmark says is of {DEFAULT}."),
)
"""What is said beside ``direct``: why not another one."""


def advise(facts: Facts) -> Advised:
    """The recipe of the first rule that fits; ``direct`` comes with what speaks against the others."""
    name, _, reason = next(rule for rule in RULES if rule[1](facts))
    notes = [note for fits, note in NOTES if fits(facts)] if name == "direct" else []
    return Advised(name=name, reason=" ".join((reason, *notes)))
