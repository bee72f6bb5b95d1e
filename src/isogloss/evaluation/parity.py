"""Whether two networks answer alike: logits, labels and scores of one beside those of the other, on the same texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from isogloss.evaluation.scoring import score_table
from isogloss.metrics import interval

if TYPE_CHECKING:
    from isogloss.example import Example
    from isogloss.member import Member
    from isogloss.run import Run
    from isogloss.tasks import Prediction, Task

CHUNK = 512


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a network says to N examples, in their order.

    Attributes:
        predictions: N decoded answers.
        owners: for each of F features the index of its example.
        pieces: for each feature its piece ids.
        logits: for each feature C numbers, or T x C for token tasks.
    """

    predictions: list[Prediction] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    pieces: list[list[int]] = field(default_factory=list)
    logits: list[np.ndarray] = field(default_factory=list)

    @property
    def values(self) -> list[Any]:
        """The predicted values."""
        return [prediction.value for prediction in self.predictions]


def answers(
    member: Member, task: Task, examples: Sequence[Example], run: Run, *, title: str, pieces: int | None = None
) -> Answers:
    """The answers of a network by itself, in float32, without inference parts; labels are not looked at.

    ``title`` stands beside the progress bar, ``pieces`` is how many are computed at once (by default as usual).
    """
    from isogloss.train import forward, longest_input

    most = longest_input(member.model, member.tokenizer)
    found = Answers()
    with run.progress(title, len(examples)) as tick:
        for start in range(0, len(examples), CHUNK):
            chunk = task.hide(examples[start : start + CHUNK])
            encoded = task.encode(chunk, member.tokenizer, max_length=most, labelled=False)
            logits = forward(
                member.model, member.tokenizer, encoded.features, precision="fp32", tokens_per_batch=pieces
            )
            found.predictions.extend(task.decode(logits, encoded, chunk))
            found.owners.extend(start + owner for owner in encoded.owner)
            found.pieces.extend(feature["input_ids"] for feature in encoded.features)
            found.logits.extend(logits)
            tick(len(chunk))
    return found


def difference(reference: Answers, other: Answers, *, regression: bool) -> dict[str, Any]:
    """How far the answers of two networks to the same examples lie apart.

    Returns:
        ``texts``; ``max_logit_difference`` (null without any logits of the same shape, which long texts and tagging
        lose where pieces differ in number); ``labels_changed``, the number of texts with another answer (null for a
        regression, whose answers are numbers).
    """
    largest: list[float] = []
    if reference.owners == other.owners:
        pairs = zip(reference.logits, other.logits, strict=True)
        largest = [float(np.abs(a - b).max(initial=0)) for a, b in pairs if a.shape == b.shape]
    changed = sum(a != b for a, b in zip(reference.values, other.values, strict=True))
    return {
        "texts": len(reference.predictions),
        "max_logit_difference": max(largest, default=None),
        "labels_changed": None if regression else changed,
    }


def cut_differently(reference: Answers, other: Answers, kept: Sequence[int]) -> dict[str, Any]:
    """What a trimmed tokenizer did to texts: ``kept`` are the old ids of the new pieces.

    Returns:
        ``texts``, ``texts_cut_differently``, and the number of pieces before and after.
    """
    before, after = ([(i, *p) for i, p in zip(a.owners, a.pieces, strict=True)] for a in (reference, other))
    renamed = {(i, *(kept[piece] for piece in pieces)) for i, *pieces in after}
    return {
        "texts": len(reference.predictions),
        "texts_cut_differently": len({i for i, *pieces in before if (i, *pieces) not in renamed}),
        "pieces": [sum(map(len, reference.pieces)), sum(map(len, other.pieces))],
    }


def score_drops(
    task: Task, tests: Mapping[str, Sequence[Example]], reference: Mapping[str, Answers], other: Mapping[str, Answers]
) -> dict[str, Any]:
    """Scores in the primary metric and what was lost, by language and for the mean of languages.

    The interval of a drop (reference less other) is paired: both networks are scored on the same resamples.
    """
    before, after = (
        score_table(task, tests, {0: {lang: there[lang].values for lang in tests}}) for there in (reference, other)
    )
    rows: dict[str, Any] = {}
    for lang, examples in tests.items():
        values = before.by_language[lang][task.metric], after.by_language[lang][task.metric]
        spread_R = before.draws[lang] - after.draws[lang]
        rows[lang] = _row(*values, spread_R) | {"n": len(examples)}
    (one, one_R), (two, two_R) = (there.mean(list(tests)) or (0.0, np.zeros(1)) for there in (before, after))
    return {"metric": task.metric, "languages": rows, "mean": _row(one, two, one_R - two_R)}


def _row(before: float, after: float, drops_R: np.ndarray) -> dict[str, Any]:
    return {"torch": before, "exported": after, "drop": before - after, "ci95": list(interval(drops_R))}
