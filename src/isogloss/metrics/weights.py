"""What every metric does with its weight matrix: check it, and divide without warnings.

Shape letters: R resamples, N items.
"""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Weights = NDArray[np.integer[Any] | np.floating[Any]]


def as_weights(weights_RN: Weights, gold: Sized, pred: Sized) -> Floats:
    """The weights as float64, so that sums of small types neither overflow nor round.

    Raises:
        ValueError: gold, predictions and weights do not have the same N, or a weight is negative or nan.
    """
    if weights_RN.ndim != 2 or not len(gold) == len(pred) == weights_RN.shape[1]:
        raise ValueError(
            f"{len(gold)} gold items, {len(pred)} predictions and weights of shape {weights_RN.shape}: "
            "the weights must be resamples x items, with as many items as gold and predictions."
        )
    if not np.all(weights_RN >= 0):
        raise ValueError("Weights are counts: none may be negative or nan.")
    return weights_RN.astype(np.float64, copy=False)


def ratio(numerator: Floats, denominator: Floats, *, empty: float) -> Floats:
    """Element-wise quotient of two arrays of one shape; ``empty`` where the denominator is 0."""
    quotient = np.full(denominator.shape, empty)
    np.divide(numerator, denominator, out=quotient, where=denominator != 0)
    return quotient
