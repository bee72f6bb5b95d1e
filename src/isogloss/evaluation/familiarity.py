"""Familiarity: how much of what a tagger is tested on it has met under like names (Golde et al., NAACL 2025).

A score on "unseen" labels says little where the training labels were synonyms of them. For an evaluation label, list
every training mention with the similarity of its label's name, the most similar first, and keep K: the weighted mean of
these similarities is the label's familiarity. A mention's weight depends on its rank alone, and the mentions of one
training label follow one another, so that each label has the weight between two points of a running sum: no list is
ever written out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from isogloss.errors import DataError, IsoglossError
from isogloss.tasks.tagging import gold_spans

if TYPE_CHECKING:
    from isogloss.example import Example
    from isogloss.problem import Problem
    from isogloss.tasks import Task

# M evaluation labels, L training labels, K mentions, E width of a vector

Embed = Callable[[Sequence[str]], np.ndarray]
"""From N names to their vectors, N x E."""
Weighting = Literal["zipf", "linear", "none"]
Difficulty = Literal["easy", "medium", "hard"]

BLOCK = 16
"""Evaluation labels whose similarities to all training labels are held at once."""
ROUNDING = 1e-3
"""What a similarity may lie outside [-1, 1]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelFamiliarity:
    """One evaluation label.

    Attributes:
        label: its name.
        value: its familiarity, in [0, 1].
        nearest: the most similar training label, of several the one with the most mentions.
        similarity: of the two, in [0, 1].
        mentions: how often the nearest label occurs in training.
        share: of the whole weight, what the nearest label's mentions have.
    """

    label: str
    value: float
    nearest: str
    similarity: float
    mentions: int
    share: float


@dataclass(frozen=True, kw_only=True)
class Familiarity:
    """The familiarity of a set of evaluation labels.

    Attributes:
        value: the mean over the labels, in [0, 1]. Its level depends on the embedder: compare within one only.
        labels: each label, in the order given.
        k: how many mentions were ranked.
        weights: by what.
    """

    value: float
    labels: tuple[LabelFamiliarity, ...]
    k: int
    weights: Weighting

    def table(self) -> str:
        """The labels as a Markdown table, the least familiar first."""
        lines = [
            "| label | familiarity | nearest training label | similarity | mentions | share of weight |",
            "|---|---:|---|---:|---:|---:|",
        ]
        lines += [
            f"| {row.label} | {row.value:.3f} | {row.nearest} | {row.similarity:.3f} | {row.mentions:,} "
            f"| {row.share:.1%} |"
            for row in sorted(self.labels, key=lambda row: (row.value, row.label))
        ]
        return "\n".join([*lines, f"| **mean** | **{self.value:.3f}** | | | | |"])


def familiarity(
    train_labels: Mapping[str, int],
    test_labels: Sequence[str],
    *,
    embed: Embed | None = None,
    similarities: np.ndarray | None = None,
    weights: Weighting = "zipf",
    k: int = 1000,
) -> Familiarity:
    """How familiar training made a tagger with the evaluation labels, 0 (nothing alike) to 1 (all seen).

    Args:
        train_labels: how often each training label is mentioned (see :func:`label_mentions`).
        test_labels: the evaluation labels.
        embed: from names to vectors; by default the embedded multilingual encoder's, with which the two sets of names
            may be in different languages.
        similarities: instead of an embedder, cosines M x L of ``test_labels`` and ``train_labels`` in their orders.
        weights: of the mention at rank r of K: ``zipf`` 1/r, as in the paper, ``linear`` (K - r + 1)/K, ``none`` 1.
        k: mentions that are ranked, K. Where training has fewer, all of them are: K is their number.

    Raises:
        DataError: there are no labels, one is there twice or has no name, or counts or similarities are not such.
    """
    if weights not in get_args(Weighting):
        raise IsoglossError(f"There are no weights '{weights}'", fix=f"Choose one of {', '.join(get_args(Weighting))}")
    if k < 1:
        raise IsoglossError(f"k = {k} mentions cannot be ranked", fix="Give k of 1 or more")
    if not isinstance(train_labels, Mapping):
        what = "This is no table of how often each label is mentioned"
        raise DataError(what, where="train_labels", fix='Give {"person": 12, ...}, as label_mentions(examples) does')
    if odd := [label for label, count in train_labels.items() if not _is_count(count)]:
        what = f"the label '{odd[0]}' is mentioned {train_labels[odd[0]]} times"
        raise DataError(what, where="train_labels", fix="Give whole numbers from 0 on")
    cosines = _Cosines.of(list(train_labels), test_labels, embed, similarities)
    counts_L = np.array([int(count) for count in train_labels.values()])
    # Most mentions first, then by name: ties in similarity are told apart the same way whatever the order given.
    mentioned = [(-count, name, i) for i, (name, count) in enumerate(train_labels.items()) if count]
    if not mentioned:
        raise DataError("No training label is mentioned", where="train_labels")
    order = np.array([i for _, _, i in sorted(mentioned)])
    counts_L = counts_L[order]
    running = _running_weights(weights, k := min(k, int(counts_L.sum())))
    rows = []
    for label, all_L in cosines.rows():
        near_L = all_L[order]
        # Each label has a mention at least: the k nearest labels hold the k nearest mentions.
        chosen = np.argpartition(-near_L, k - 1)[:k] if k < len(near_L) else np.arange(len(near_L))
        chosen = chosen[np.argsort(-near_L[chosen], kind="stable")]
        ends = np.minimum(np.cumsum(counts_L[chosen]), k)
        parts = np.diff(running[ends], prepend=0.0) / running[k]
        first = int(near_L.argmax())
        rows.append(
            LabelFamiliarity(
                label=label,
                value=min(1.0, float(parts @ near_L[chosen])),
                nearest=cosines.train[order[first]],
                similarity=float(near_L[first]),
                mentions=int(counts_L[first]),
                share=float(running[min(k, counts_L[first])] / running[k]),
            )
        )
    return Familiarity(value=float(np.mean([row.value for row in rows])), labels=tuple(rows), k=k, weights=weights)


def _is_count(value: object) -> bool:
    return isinstance(value, int | float | np.number) and float(value) >= 0 and float(value).is_integer()


def _running_weights(weights: Weighting, k: int) -> np.ndarray:
    """Sums of the weights of the first 0, 1, ... k ranks."""
    ranks = np.arange(1, k + 1, dtype=float)
    by_rank = {"zipf": 1 / ranks, "linear": (k - ranks + 1) / k, "none": np.ones(k)}[weights]
    return np.concatenate([[0.0], np.cumsum(by_rank)])


def difficulty_splits(
    train_labels: Collection[str],
    test_labels: Sequence[str],
    *,
    embed: Embed | None = None,
    similarities: np.ndarray | None = None,
    by: Literal["entropy", "maximum"] = "entropy",
    easy: float = 0.01,
    medium: float = 0.01,
    hard: float = 0.05,
    temperature: float = 0.01,
) -> dict[Difficulty, tuple[str, ...]]:
    """Training labels from which the evaluation labels are easy, of medium difficulty or hard to get at.

    A tagger that trains on one split (:func:`trained_on`) shows what its score owes to labels that it met. A training
    label is the harder the less it is like one evaluation label (``maximum`` of its similarities) or the less it tells
    which (``entropy`` of the softmax of its similarities over ``temperature``).

    The shares of labels are the paper's, for tens of thousands of them; a smaller set needs larger shares. Quantiles
    are of the labels given: for several benchmarks call it for each, and join what comes out.

    Args:
        train_labels: the training labels; how often they are mentioned does not matter.
        test_labels: the evaluation labels.
        embed: as in :func:`familiarity`.
        similarities: as in :func:`familiarity`.
        by: what makes a label hard.
        easy: share of the easiest labels.
        medium: share of those around the median.
        hard: share of the hardest.
        temperature: of the softmax.

    Returns:
        The training labels of each split, in the order given; a label that fits two counts for the easier.

    Raises:
        DataError: a split has no label.
    """
    cosines = _Cosines.of(list(train_labels), test_labels, embed, similarities)
    near_ML = np.stack([near_L for _, near_L in cosines.rows()])
    hardness_L = -near_ML.max(axis=0) if by == "maximum" else _entropy(near_ML / temperature)
    lowest, low, high, highest = np.quantile(hardness_L, [easy, 0.5 - medium / 2, 0.5 + medium / 2, 1 - hard])
    fits: dict[Difficulty, np.ndarray] = {
        "easy": hardness_L <= lowest,
        "medium": (hardness_L >= low) & (hardness_L <= high),
        "hard": hardness_L >= highest,
    }
    taken_L = np.zeros(len(hardness_L), dtype=bool)
    splits: dict[Difficulty, tuple[str, ...]] = {}
    for name, fits_L in fits.items():
        splits[name] = tuple(cosines.train[i] for i in np.flatnonzero(fits_L & ~taken_L).tolist())
        taken_L |= fits_L
        if not splits[name]:
            raise DataError(
                f"Of {len(hardness_L)} training labels none is {name}", where="train_labels", fix="Give larger shares"
            )
    return splits


def _entropy(scores_ML: np.ndarray) -> np.ndarray:
    """Of the softmax over the first axis, in nats."""
    log_p = scores_ML - scores_ML.max(axis=0)
    log_p -= np.log(np.exp(log_p).sum(axis=0))
    entropy_L: np.ndarray = -(np.exp(log_p) * log_p).sum(axis=0)
    return entropy_L


def label_mentions(examples: Iterable[Example]) -> Counter[str]:
    """How often each entity type is mentioned in labelled examples of tagging."""
    return Counter(kind for example in examples for _, _, kind in gold_spans(example.fields))


def only_labels(task: Task, examples: Iterable[Example], labels: Collection[str]) -> list[Example]:
    """The examples that mention one of the labels, without the mentions of others."""
    kept = []
    for example in examples:
        marked = task.marked(example.fields)["text"]
        if spans := tuple(span for span in marked.spans if span[2] in labels):
            fields = task.remade(example.fields, {"text": replace(marked, spans=spans)})
            kept.append(replace(example, fields=fields, views={}))
    return kept


def trained_on(problem: Problem, labels: Collection[str]) -> Problem:
    """The problem with training and source development data of these labels alone; what is tested stays.

    Raises:
        DataError: no training example mentions one of them.
    """
    train, dev = (
        {lang: tuple(only_labels(problem.task, rows, labels)) for lang, rows in split.items()}
        for split in (problem.train, problem.dev)
    )
    if not any(train.values()):
        raise DataError("No training example mentions one of these labels", where="labels", fix="Give larger shares")
    known = tuple(label for label in problem.task.labels if label in labels)
    return replace(problem, task=replace(problem.task, labels=known), train=train, dev=dev)


@dataclass(frozen=True, kw_only=True)
class _Cosines:
    """Similarities of names, max(0, cosine), one evaluation label after the other."""

    train: Sequence[str]
    test: Sequence[str]
    given: np.ndarray | None
    vectors: tuple[np.ndarray, np.ndarray] | None

    @classmethod
    def of(
        cls, train: Sequence[str], test: Sequence[str], embed: Embed | None, similarities: np.ndarray | None
    ) -> _Cosines:
        for names, where in ((train, "train_labels"), (test, "test_labels")):
            if isinstance(names, str) or not names or len(set(names)) != len(names):
                raise DataError("This is not a list of different labels", where=where)
            if not all(isinstance(name, str) and name.strip() for name in names):
                raise DataError("A label has no name", where=where, fix="Give each label a name in words")
        if similarities is None:
            vectors = tuple(_unit((embed or _embedded)(names), len(names)) for names in (test, train))
            return cls(train=train, test=test, given=None, vectors=(vectors[0], vectors[1]))
        given = np.asarray(similarities)
        if given.shape != (len(test), len(train)):
            what = f"There are {given.shape} similarities for {len(test)} evaluation and {len(train)} training labels"
            raise DataError(what, where="similarities")
        if not (np.abs(given) <= 1 + ROUNDING).all():  # false of nan, too
            raise DataError("A similarity is not between -1 and 1", where="similarities", fix="Give cosines")
        return cls(train=train, test=test, given=given, vectors=None)

    def rows(self) -> Iterable[tuple[str, np.ndarray]]:
        """Each evaluation label with its similarities to all training labels (L)."""
        for start in range(0, len(self.test), BLOCK):
            block = slice(start, start + BLOCK)
            if self.vectors is None:
                assert self.given is not None  # noqa: S101
                near_BL = self.given[block]
            else:
                near_BL = self.vectors[0][block] @ self.vectors[1].T
            yield from zip(self.test[block], np.clip(near_BL, 0, 1), strict=True)


def _unit(vectors: np.ndarray, names: int) -> np.ndarray:
    """Vectors of length 1 (or of zeros)."""
    vectors_NE = np.asarray(vectors)
    vectors_NE = vectors_NE if vectors_NE.dtype.kind == "f" else vectors_NE.astype(float)
    if vectors_NE.ndim != 2 or len(vectors_NE) != names or not np.isfinite(vectors_NE).all():
        raise DataError(f"The embedder gave no {names} vectors of finite numbers", where="embed")
    lengths_N1 = np.linalg.norm(vectors_NE, axis=1, keepdims=True)
    unit_NE: np.ndarray = vectors_NE / np.where(lengths_N1 == 0, 1, lengths_N1)
    return unit_NE


def _embedded(names: Sequence[str]) -> np.ndarray:
    from isogloss.backbones import Backbone
    from isogloss.backbones.sentences import sentence_vectors

    return sentence_vectors(Backbone.load(), names)
