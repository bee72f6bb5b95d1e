"""Scores, their intervals and the verdict on a difference.

Every metric is a function of gold, predictions and a weight matrix of R resamples x N items. On a row of ones it is the
point estimate, on bootstrap counts the same function gives the values the interval is read from: one definition for
both. Differences are paired when the two systems are scored with the same weights.
"""

from __future__ import annotations

from isogloss.metrics.answers import answer_f1, answer_scores, answer_tokens, exact_match
from isogloss.metrics.crossed import Sample, crossed_interval
from isogloss.metrics.intervals import Verdict, interval, never_certain, ones, resamples, verdict, verdict_of
from isogloss.metrics.scores import accuracy, limits_of, macro_f1, spearman, token_accuracy
from isogloss.metrics.significance import (
    Equivalence,
    chance_corrected,
    equivalence,
    flips,
    holm,
    label_distance,
    label_shift,
    only_labels,
    only_spans,
    permutation_p,
    shared_labels,
    swapped_differences,
)
from isogloss.metrics.spans import Span, repair, span_scores, spans_of, tags_of

__all__ = [
    "Equivalence",
    "Sample",
    "Span",
    "Verdict",
    "accuracy",
    "answer_f1",
    "answer_scores",
    "answer_tokens",
    "chance_corrected",
    "crossed_interval",
    "equivalence",
    "exact_match",
    "flips",
    "holm",
    "interval",
    "label_distance",
    "label_shift",
    "limits_of",
    "macro_f1",
    "never_certain",
    "ones",
    "only_labels",
    "only_spans",
    "permutation_p",
    "repair",
    "resamples",
    "shared_labels",
    "span_scores",
    "spans_of",
    "spearman",
    "swapped_differences",
    "tags_of",
    "token_accuracy",
    "verdict",
    "verdict_of",
]
