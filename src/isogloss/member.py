"""A member of a system: one network with its tokenizer, and the pieces that are put into it to predict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from isogloss.engines import Engine
from isogloss.errors import IsoglossError
from isogloss.languages import find

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from isogloss.example import Example
    from isogloss.methods import InferencePart, Predict
    from isogloss.nets.pieces import Piece
    from isogloss.run import Run
    from isogloss.tasks import Encoded, Prediction, Task

TASK = "task"
"""The name of the piece that knows the task, beside those that know a language."""
NETWORK = "base"
"""What the network that all pieces are put into is called where the parts of a system are listed."""
CHUNK = 512
"""Examples encoded at a time: bounds the memory, and is enough to sort batches by length."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """One network with its tokenizer, and the pieces that are put into it to predict.

    Attributes:
        model: torch's network, or an exported one in an engine.
        tokenizer: its tokenizer.
        pieces: by language, and the task's under :data:`TASK`. Where a language has one, all that is read has to be in
            such a language: its piece is put in, and then the task's.
    """

    model: PreTrainedModel | Engine
    tokenizer: PreTrainedTokenizerBase
    pieces: Mapping[str, Piece] = field(default_factory=dict)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that have a piece."""
        return tuple(sorted(name for name in self.pieces if name != TASK))

    @contextmanager
    def composed(self, lang: str) -> Iterator[None]:
        """While the block runs, the network holds the pieces of a language and of the task, in this order.

        Raises:
            IsoglossError: other languages have pieces, and this one has none.
        """
        names = [TASK] if TASK in self.pieces else []
        if self.languages:
            match = find(lang, self.languages)
            if match is None:
                raise no_piece(lang, self.languages)
            names.insert(0, match.code)
        with ExitStack() as stack:
            for name in names:
                stack.enter_context(self.pieces[name].within(cast("PreTrainedModel", self.model)))
            yield

    def predict(self, task: Task, examples: Sequence[Example], *, run: Run) -> list[Prediction]:
        """Predictions in the order of ``examples``, whose labels are not looked at.

        A network that was trained on pairs reads an example together with its view, where it has one.
        """
        by_lang: dict[str, list[int]] = {}
        for i, example in enumerate(examples):
            by_lang.setdefault(example.lang if self.pieces else "", []).append(i)
        found: dict[int, Prediction] = {}
        for lang, chosen in by_lang.items():
            with self.composed(lang):
                found |= zip(chosen, self._predict(task, [examples[i] for i in chosen], run), strict=True)
        return [found[i] for i in range(len(examples))]

    def _predict(self, task: Task, examples: Sequence[Example], run: Run) -> list[Prediction]:
        from isogloss.train import forward, longest_input

        most = longest_input(self.model, self.tokenizer)
        predictions: list[Prediction] = []
        with run.progress("predicting", len(examples)) as tick:
            for start in range(0, len(examples), CHUNK):
                chunk = examples[start : start + CHUNK]
                encoded = run.encodings.encode(task, chunk, self.tokenizer, max_length=most, labelled=False)
                network, features = self._paired(task, chunk, encoded, most, run)
                logits = forward(network, self.tokenizer, features, precision=run.precision)
                predictions += task.decode(logits, encoded, chunk)
                tick(len(chunk))
        return predictions

    def _paired(
        self, task: Task, chunk: Sequence[Example], encoded: Encoded, most: int, run: Run
    ) -> tuple[Any, Sequence[Mapping[str, Any]]]:
        """The network and what it reads: of a network for pairs, examples side by side with their views."""
        from isogloss.nets.fusion import PairReader, remembered

        reading = remembered(self.model.config)
        if reading is None or not any(example.views for example in chunk):
            return self.model, encoded.features
        if isinstance(self.model, Engine):
            run.say_once("An exported network reads every text alone, not with its translation.")
            return self.model, encoded.features
        from isogloss.train.pairing import partner, side_by_side

        partners = [partner(example, reading["source"]) for example in chunk]
        others = run.encodings.encode(task, partners, self.tokenizer, max_length=most, labelled=False)
        reader = PairReader(self.model, local=reading["local"], fusion=reading["fusion"])
        return reader, side_by_side(encoded, others, self.tokenizer.model_input_names)

    def wrapped(self, task: Task, inference: Sequence[InferencePart], run: Run) -> Predict:
        """Prediction through inference parts, of which the first listed is the outermost."""

        def answer(examples: Sequence[Example]) -> list[Prediction]:
            return self.predict(task, examples, run=run)

        predict: Predict = answer
        for part in reversed(inference):
            predict = part(predict, task, run)
        return predict


def no_member(lang: str, there: Iterable[str]) -> IsoglossError:
    """What is said where a language is asked for that has no network, in a system with one for each language."""
    return _absent(f"no member for '{lang}'", lang, there, "Give one of these")


def no_piece(lang: str, there: Iterable[str]) -> IsoglossError:
    """What is said where a language is asked for that has no piece, in a system with one for each language."""
    return _absent(f"no piece of '{lang}'", lang, there, "Give one of these, or add it with 'isogloss parts add'")


def refuse_own_name(lang: str) -> None:
    """Raises IsoglossError where a language is called as a part of the system is that knows no language."""
    if lang in (TASK, NETWORK):
        raise IsoglossError(
            f"'{lang}' is the name of a part that every system of pieces has, and cannot be a language's",
            fix="Give the language another code",
        )


def _absent(what: str, lang: str, there: Iterable[str], fix: str) -> IsoglossError:
    known = ", ".join(sorted(there))
    if lang == "und":
        return IsoglossError(f"The language of the texts is not known, and the system has {known}", fix="Give --lang")
    return IsoglossError(f"The system has {what}; it has {known}", fix=fix)
