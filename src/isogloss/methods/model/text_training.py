"""How raw text is learnt: the settings that parts share which go on with pretraining."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le, Lt

from isogloss.methods import part_name

if TYPE_CHECKING:
    from isogloss.problem import Problem
    from isogloss.run import Run
    from isogloss.train.corpora import Corpus

OF_THE_TEXT = frozenset(("min_words", "check", "seed"))
"""Fields that say what is trained on; the others say how."""
FEW = 200
"""Lines of text from which little is learnt: the user is told where there are fewer."""


@dataclass(frozen=True, kw_only=True)
class TextTraining:
    """Train with masked-language modelling on raw text (unlabelled/<language>.txt).

    A twentieth of the lines of each language is never trained on, 200 at most: how well their hidden pieces are
    predicted before and after is told, and kept beside what was made.

    Attributes:
        masking: what is hidden at a time: ``tokens``, whole ``words``, or ``spans`` (neighbouring pieces).
        rate: share of the pieces that is hidden.
        softmax: ``seen``: a hidden piece is told apart from those that the text has, and only their word vectors learn;
            ``all``: from the whole vocabulary, as far as memory and patience go.
        epochs: passes over the text.
        steps: where not 0, so many updates instead.
        batch_size, max_length: lines in an update and pieces in a row; longer lines make several rows.
        learning_rate, warmup: peak of the linear schedule, and the share of the updates during which it rises.
        head_steps, head_learning_rate: an encoder without a head for this gets one whose matrix is the word vectors;
            what is fresh in it is first trained alone, for so many updates.
        min_words: shorter lines are left out.
        check: whether text that is clearly in another language than said is refused.
        seed: of order, masks and dropout.
    """

    needs: ClassVar[tuple[str, ...]] = ("unlabelled",)

    masking: Literal["tokens", "words", "spans"] = "tokens"
    rate: Annotated[float, Gt(0), Lt(1)] = 0.15
    softmax: Literal["seen", "all"] = "seen"
    epochs: Annotated[int, Ge(0)] = 3
    steps: Annotated[int, Ge(0)] = 0
    batch_size: Annotated[int, Ge(1)] = 16
    max_length: Annotated[int, Ge(8)] = 256
    learning_rate: Annotated[float, Gt(0), Le(1)] = 5e-5
    warmup: Annotated[float, Ge(0), Le(1)] = 0.0
    head_steps: Annotated[int, Ge(0)] = 200
    head_learning_rate: Annotated[float, Gt(0), Le(1)] = 1e-3
    min_words: Annotated[int, Ge(1)] = 6
    check: bool = True
    seed: Annotated[int, Ge(0)] = 1

    def how(self) -> dict[str, Any]:
        """The settings that :func:`isogloss.train.pretraining.pretrain` takes."""
        return {f.name: getattr(self, f.name) for f in fields(TextTraining) if f.name not in OF_THE_TEXT}

    def look_at(self, corpora: Sequence[Corpus], problem: Problem, run: Run) -> None:
        """Say what was left out of the text; raises DataError where it is in another language than said."""
        from isogloss.train.corpora import check_language

        for corpus in corpora:
            name = problem.spelling(corpus.lang)
            if corpus.left_out:
                lines = len(corpus.examples) + corpus.left_out
                run.say(f"{corpus.left_out} of {lines} lines in {name} are too short or double: left out.")
            if corpus.raw and len(corpus.train) < FEW:
                run.say(f"{len(corpus.train)} lines in {name} to learn from: from fewer than {FEW} little is learnt.")
            if self.check and corpus.raw:
                check_language(corpus, name, run.say, part=part_name(self))

    def workplace(self, folder: Path, run: Run) -> Run:
        """The run that trains what will be ``folder``: what one run broke off there, another goes on with."""
        from isogloss.ledger import Ledger

        return replace(
            run, folder=workshop(folder), seed=self.seed, ledger=Ledger(), trainings=count(), head=None, tokens=0
        )


def workshop(folder: Path) -> Path:
    """Where the checkpoints of what will be ``folder`` go."""
    return folder.with_name(f"{folder.name.lstrip('.')}-training")
