"""What one half of a pair gives away: a small classifier that never sees the other half.

In natural language inference the hypothesis alone often tells the label (Poliak et al., *SEM 2018; Gururangan et al.,
NAACL 2018), and a model that has learnt that has learnt nothing of inference. Naive Bayes over words and their pairs,
or over characters where a script writes no spaces, in five folds. A premise with all its hypotheses is in one fold:
else its words are met under the other labels only, and the classifier learns to say the wrong ones.
"""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from isogloss.metrics import interval, resamples

FOLDS = 5
_UNSPACED = re.compile("[\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")


@dataclass(frozen=True, kw_only=True)
class PartialInput:
    """How well a part of the input tells the label.

    Attributes:
        accuracy: in cross-validation, in [0, 1].
        majority: share of the commonest label.
        above: 95 % interval of the difference between the two, over items.
    """

    accuracy: float
    majority: float
    above: tuple[float, float]


def partial_input(texts: Sequence[str], labels: Sequence[str], *, groups: Sequence[str] | None = None) -> PartialInput:
    """Cross-validate a classifier of ``texts`` alone; items of one of the ``groups`` (by default: texts) share a fold.

    Raises:
        ValueError: the lengths do not agree, or there is nothing.
    """
    groups = texts if groups is None else groups
    if not len(texts) == len(labels) == len(groups) or not texts:
        raise ValueError(
            f"{len(texts)} texts, {len(labels)} labels, {len(groups)} groups: as many are needed, and some."
        )
    features = [_features(text) for text in texts]
    folds = [zlib.crc32(group.casefold().encode("utf-8", "surrogatepass")) % FOLDS for group in groups]
    # Of all, not of the other folds: where labels are balanced, what is common there is rare in the fold left out.
    commonest = Counter(sorted(labels)).most_common(1)[0][0]
    common = np.array([label == commonest for label in labels], dtype=np.float64)
    right = np.zeros(len(texts))
    for fold in set(folds):
        there = [i for i, f in enumerate(folds) if f != fold]
        if not there:
            continue
        model = _Bayes([features[i] for i in there], [labels[i] for i in there])
        for i in (i for i, f in enumerate(folds) if f == fold):
            right[i] = model.answer(features[i]) == labels[i]
    weights_RN = resamples({"": [str(i) for i in range(len(texts))]})[""]
    above_R = weights_RN @ (right - common) / len(texts)
    return PartialInput(accuracy=float(right.mean()), majority=float(common.mean()), above=interval(above_R))


class _Bayes:
    """Multinomial naive Bayes with one added to every count."""

    def __init__(self, features: Sequence[Counter[str]], labels: Sequence[str]) -> None:
        self.prior = Counter(labels)
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for bag, label in zip(features, labels, strict=True):
            counts[label].update(bag)
        self.counts = dict(sorted(counts.items()))
        self.words = len({word for bag in self.counts.values() for word in bag})
        self.total = {label: bag.total() for label, bag in self.counts.items()}

    def answer(self, bag: Counter[str]) -> str:
        def score(label: str) -> float:
            counts, room = self.counts[label], self.total[label] + self.words
            return math.log(self.prior[label]) + sum(n * math.log((counts[w] + 1) / room) for w, n in bag.items())

        return max(self.counts, key=score)


def _features(text: str) -> Counter[str]:
    words = re.findall(r"\w+", _UNSPACED.sub(lambda match: f" {match[0]} ", text.casefold()))
    return Counter([*words, *map(" ".join, pairwise(words))])
