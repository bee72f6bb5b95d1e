"""What can be had without reading: the most frequent label, and a guess from the hypothesis alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from isogloss.languages import units


def majority(labels: Sequence[str]) -> float:
    """The share of the most frequent label."""
    return max(Counter(labels).values()) / len(labels)


def hypothesis_only(train: Sequence[tuple[str, str]], test: Sequence[tuple[str, str]]) -> float:
    """Accuracy of naive Bayes over the words of the hypothesis (Poliak et al., *SEM 2018, with a plainer model).

    Args:
        train: hypotheses with their labels.
        test: hypotheses of other items with theirs.
    """
    labels = Counter(label for _, label in train)
    counts = {
        label: Counter(word for text, other in train if other == label for word in _words(text)) for label in labels
    }
    vocabulary = set().union(*counts.values())

    def score(words: set[str], label: str) -> float:
        inside = sum(math.log((counts[label][word] + 1) / (labels[label] + 2)) for word in words & vocabulary)
        return math.log(labels[label]) + inside

    right = 0
    for text, label in test:
        words = _words(text)
        right += label == max(sorted(labels), key=lambda guess: score(words, guess))
    return right / len(test)


def crossed(rows: Sequence[tuple[str, str]]) -> float | None:
    """The same where there are no other items to learn from: each half guessed from the other. None for one row."""
    halves = rows[::2], rows[1::2]
    if not all(halves):
        return None
    scores = [hypothesis_only(halves[1 - i], halves[i]) * len(halves[i]) for i in range(2)]
    return sum(scores) / len(rows)


def _words(text: str) -> set[str]:
    return {text[start:end].lower() for start, end in units(text)}
