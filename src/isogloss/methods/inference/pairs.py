"""Prediction for a text that is read together with its translation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from isogloss.example import Example
    from isogloss.methods import Predict
    from isogloss.run import Run
    from isogloss.tasks import Prediction


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Answer for examples as one half of a pair, the other half being their view in the source language.

    A network that was trained on pairs carries in its config how it reads them, and does so wherever an example has a
    view. One without is paired with itself, which is the same as reading it alone; the user is told how many are.
    """

    needs: ClassVar[tuple[str, ...]] = ()

    def __call__(self, predict: Predict, run: Run) -> Predict:
        """Prediction that tells how many texts have no translation."""

        def answer(examples: Sequence[Example]) -> list[Prediction]:
            into = {lang for example in examples for lang in example.views}  # a text in these is in no need of one
            if alone := sum(not example.views and example.lang not in into for example in examples):
                run.say_once(f"{alone} of {len(examples)} texts have no translation: they are read alone.")
            return predict(examples)

        return answer
