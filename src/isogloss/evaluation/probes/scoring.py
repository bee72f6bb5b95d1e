"""Scores of a probe by language and phenomenon, each beside what can be had without understanding anything."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from isogloss.errors import DataError
from isogloss.evaluation.probes.answering import Names
from isogloss.evaluation.probes.baselines import crossed, hypothesis_only, majority
from isogloss.evaluation.probes.forms import Item
from isogloss.metrics import accuracy, interval, never_certain, ones, resamples

SCORES_FILE, PAGE_FILE = "probe.json", "probe.html"
"""What :meth:`Probed.save` writes to a folder."""

Answers = Mapping[tuple[str, str, str], str]
"""What the system answers, in its own words, by language and the two texts."""


@dataclass(frozen=True, kw_only=True)
class Probed:
    """What a probe found.

    Attributes:
        system: the recipe and the encoder, for titles.
        scores: by language and phenomenon: ``n``, ``accuracy``, ``ci95``, ``majority`` (the share of the most frequent
            label), ``hypothesis_only`` (a naive Bayes guess that never sees the premise; None where nothing teaches
            it), ``most_answered`` (the share of the system's most frequent answer: 1 is a constant), ``by_label``; for
            changed rows also ``unchanged`` (accuracy before the change) and ``kept`` (the share of answers that the
            change did not move).
        labels: the system's name of each label that it knows.
        notices: what was left out and why.
        settings: count, seed and what else makes the items.
        items: what was asked, by language and phenomenon.
    """

    system: str
    scores: Mapping[str, Mapping[str, Mapping[str, Any]]]
    labels: Mapping[str, str]
    notices: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    items: Mapping[str, Mapping[str, Sequence[Item]]] = field(repr=False, default_factory=dict)

    @property
    def phenomena(self) -> tuple[str, ...]:
        """All phenomena that have a score in some language, in order."""
        return tuple(dict.fromkeys(name for table in self.scores.values() for name in table))

    @property
    def means(self) -> dict[str, float]:
        """By language the mean accuracy over its phenomena, each counting the same."""
        return {lang: sum(s["accuracy"] for s in table.values()) / len(table) for lang, table in self.scores.items()}

    def record(self) -> dict[str, Any]:
        """All but the items, as JSON has it."""
        facts = {"system": self.system, "labels": dict(self.labels), "settings": dict(self.settings)}
        return facts | {"notices": list(self.notices), "mean": self.means, "scores": self.scores}

    def save(self, folder: str | Path) -> Path:
        """Write the scores and the self-contained page to a folder that is there; returns the path of the page."""
        from isogloss.evaluation.probes.page import probe_page

        page = Path(folder) / PAGE_FILE
        page.write_text(probe_page(self), encoding="utf-8")
        text = json.dumps(self.record(), indent=1, ensure_ascii=False) + "\n"
        (Path(folder) / SCORES_FILE).write_text(text, encoding="utf-8")
        return page

    @classmethod
    def load(cls, folder: str | Path) -> Probed | None:
        """What :meth:`save` wrote to a folder, without the items; None where there is no such file.

        Raises:
            DataError: the file does not hold what a probe found.
        """
        path = Path(folder) / SCORES_FILE
        if not path.is_file():
            return None
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            made = cls(
                system=found["system"],
                scores=found["scores"],
                labels=found["labels"],
                notices=tuple(found["notices"]),
                settings=found["settings"],
            )
            for score in (score for table in made.scores.values() for score in table.values()):
                low, high = score["ci95"]
                floats = (score["accuracy"], score["majority"], low, high, score["hypothesis_only"] or 0.0, score["n"])
                if not all(isinstance(number, int | float) for number in floats):
                    raise TypeError
        except (ValueError, KeyError, TypeError, AttributeError):
            raise DataError(
                "This is not what a probe found", where=path, fix="Repeat 'isogloss probe', or remove the file"
            ) from None
        return made


def score_phenomenon(
    asked: Mapping[str, Sequence[Item]], answers: Answers, names: Names, learnt: Mapping[str, Sequence[Item]]
) -> dict[str, dict[str, Any]]:
    """Scores of one phenomenon by language.

    Args:
        asked: items by language, all with labels that the system knows.
        answers: of the system, to every item and to what it was before a change.
        names: of the labels.
        learnt: other items by language, for the guess from the hypothesis alone; where there are none it is learnt
            from one half and tried on the other.
    """
    weights = resamples({lang: [item.id for item in items] for lang, items in asked.items()})
    return {lang: _score(items, answers, names, learnt.get(lang, ()), weights[lang]) for lang, items in asked.items()}


def _score(
    items: Sequence[Item], answers: Answers, names: Names, learnt: Sequence[Item], weights_RN: np.ndarray
) -> dict[str, Any]:
    gold = [str(names.gold(item.label)) for item in items]
    found = [answers[(item.lang, item.text_a, item.text_b)] for item in items]
    rows = [(item.text_b, label) for item, label in zip(items, gold, strict=True)]
    guess = hypothesis_only(_rows(learnt, names), rows) if learnt else crossed(rows)
    low, high = never_certain(interval(accuracy(gold, found, weights_RN)), len(items))
    score: dict[str, Any] = {
        "n": len(items),
        "accuracy": _accuracy(gold, found),
        "ci95": [round(low, 4), round(high, 4)],
        "majority": round(majority(gold), 4),
        "hypothesis_only": None if guess is None else round(guess, 4),
        "most_answered": round(max(Counter(found).values()) / len(found), 4),
        "by_label": {
            label: _accuracy(*zip(*(pair for pair in zip(gold, found, strict=True) if pair[0] == label), strict=True))
            for label in sorted(set(gold))
        },
    }
    if items[0].base is not None:
        before = [answers[(item.lang, *(item.base or ("", "")))] for item in items]
        score["unchanged"] = _accuracy(gold, before)
        score["kept"] = _accuracy(before, found)
    return score


def _rows(items: Sequence[Item], names: Names) -> list[tuple[str, str]]:
    labelled = ((item.text_b, names.gold(item.label)) for item in items)
    return [(text, label) for text, label in labelled if label is not None]


def _accuracy(gold: Sequence[str], found: Sequence[str]) -> float:
    return round(float(accuracy(list(gold), list(found), ones(len(gold)))[0]), 4)
