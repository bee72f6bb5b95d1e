"""The training loop and everything around it."""

from __future__ import annotations

from isogloss.train.batching import forward, longest_input
from isogloss.train.encodings import Encodings
from isogloss.train.phases import Phase, Trained, Training, train_on_text, train_phases
from isogloss.train.precision import Precision, choose_precision

__all__ = [
    "Encodings",
    "Phase",
    "Precision",
    "Trained",
    "Training",
    "choose_precision",
    "forward",
    "longest_input",
    "train_on_text",
    "train_phases",
]
