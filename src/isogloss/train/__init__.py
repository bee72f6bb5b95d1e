"""The training loop and everything around it."""

from __future__ import annotations

from isogloss.train.batching import forward, longest_input
from isogloss.train.phases import Phase, Snapshot, Trained, train_phases
from isogloss.train.precision import Precision, choose_precision

__all__ = ["Phase", "Precision", "Snapshot", "Trained", "choose_precision", "forward", "longest_input", "train_phases"]
