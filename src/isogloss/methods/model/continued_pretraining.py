"""Pretraining goes on with raw text of the languages that the model is for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le, Lt

from isogloss.backbones.hush import hushed

if TYPE_CHECKING:
    from isogloss.backbones import Backbone
    from isogloss.problem import Problem
    from isogloss.run import Run
    from isogloss.train.corpora import Corpus

FACTS = "pretraining.json"
"""Beside the adapted network: what it was trained on, and how well it predicts held-out text before and after."""
OF_THE_TEXT = frozenset(("languages", "min_words", "check", "seed"))
"""Fields that say what is trained on; the others say how."""


@dataclass(frozen=True, kw_only=True)
class ContinuedPretraining:
    """Go on with masked-language-model training on raw text (unlabelled/<language>.txt), then learn the task.

    An encoder-decoder with sentinels (T5, mT5) goes on with T5's span corruption; decoders are refused.
    A twentieth of the lines of each language is never trained on, 200 at most: how well their hidden pieces are
    predicted before and after is told, and kept beside the network. All seeds share one adapted network.

    Attributes:
        languages: ``all``: targets and source (whose training texts serve where it has no raw text); or ``targets``.
        masking: what is hidden at a time: ``tokens``, whole ``words``, or ``spans`` (neighbouring pieces).
        rate: share of the pieces that is hidden.
        softmax: ``seen``: a hidden piece is told apart from those that the text has, and only their word vectors learn;
            ``all``: from the whole vocabulary, as far as memory and patience go.
        epochs: passes over the text.
        steps: where not 0, so many updates instead.
        batch_size, max_length: lines in an update and pieces in a row; longer lines make several rows.
        learning_rate, warmup: peak of the linear schedule, and the share of the updates during which it rises.
        alpha: a language with n lines is drawn in proportion to ``n ** alpha``: 1 is all the text, shuffled, 0 gives
            all languages the same share.
        head_steps, head_learning_rate: an encoder without a head for this gets one whose matrix is the word vectors;
            what is fresh in it is first trained alone, for so many updates.
        min_words: shorter lines are left out.
        check: whether text that is clearly in another language than said is refused.
        seed: of order, masks and dropout.
    """

    needs: ClassVar[tuple[str, ...]] = ("unlabelled",)
    changes: ClassVar[tuple[str, ...]] = ("weights",)

    languages: Literal["all", "targets"] = "all"
    masking: Literal["tokens", "words", "spans"] = "tokens"
    rate: Annotated[float, Gt(0), Lt(1)] = 0.15
    softmax: Literal["seen", "all"] = "seen"
    epochs: Annotated[int, Ge(0)] = 3
    steps: Annotated[int, Ge(0)] = 0
    batch_size: Annotated[int, Ge(1)] = 16
    max_length: Annotated[int, Ge(8)] = 256
    learning_rate: Annotated[float, Gt(0), Le(1)] = 5e-5
    warmup: Annotated[float, Ge(0), Le(1)] = 0.0
    alpha: Annotated[float, Ge(0), Le(1)] = 1.0
    head_steps: Annotated[int, Ge(0)] = 200
    head_learning_rate: Annotated[float, Gt(0), Le(1)] = 1e-3
    min_words: Annotated[int, Ge(1)] = 6
    check: bool = True
    seed: Annotated[int, Ge(0)] = 1

    def __call__(self, backbone: Backbone, problem: Problem, run: Run) -> Backbone:
        """The adapted encoder: made once, then taken from where it is."""
        from isogloss.train.corpora import read_corpora

        corpora = read_corpora(problem, languages=self.languages, min_words=self.min_words)
        for corpus in corpora:
            run.ledger.note_text("adapt", corpus.examples)
        facts = (type(self).__name__, self, backbone.fingerprint(), [corpus.fingerprint() for corpus in corpora])

        def build(folder: Path) -> None:
            self._check(corpora, problem, run)
            self._adapt(backbone, corpora, folder, run)

        folder = run.make(facts, build)
        shutil.rmtree(_workshop(folder), ignore_errors=True)
        run.say_once(told(json.loads((folder / FACTS).read_text(encoding="utf-8"))))
        return backbone.moved(folder, f"continued on {', '.join(problem.spelling(corpus.lang) for corpus in corpora)}")

    def _check(self, corpora: Sequence[Corpus], problem: Problem, run: Run) -> None:
        from isogloss.train.corpora import check_language

        for corpus in corpora:
            name = problem.spelling(corpus.lang)
            if corpus.left_out:
                lines = len(corpus.examples) + corpus.left_out
                run.say(f"{corpus.left_out} of {lines} lines in {name} are too short or double: left out.")
            if self.check and corpus.raw:
                check_language(corpus, name, run.say)

    def _adapt(self, backbone: Backbone, corpora: Sequence[Corpus], folder: Path, run: Run) -> None:
        """Train, and save network, tokenizer and facts."""
        import transformers

        from isogloss.ledger import Ledger
        from isogloss.train.pretraining import pretrain

        transformers.set_seed(self.seed)
        model, found = backbone.language_model()
        tokenizer = backbone.tokenizer()
        if not found and self.head_steps:
            run.say(f"{backbone.id} has no head that predicts pieces: one is trained first, {self.head_steps} updates.")
        inner = replace(
            run, folder=_workshop(folder), seed=self.seed, ledger=Ledger(), trainings=count(), head=None, tokens=0
        )
        options: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(ContinuedPretraining)}
        how = {name: value for name, value in options.items() if name not in OF_THE_TEXT}
        result = pretrain(model, tokenizer, corpora, inner, fresh_head=not found, **how)
        tokenizer.backend_tokenizer.no_truncation()  # how it was called last is no part of what is saved
        with hushed():
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
        languages = {
            corpus.lang: {
                "lines": len(corpus.train),
                "held_out": len(corpus.held_out),
                "left_out": corpus.left_out,
                "loss": asdict(result.held_out[corpus.lang]),
            }
            for corpus in corpora
        }
        sizes = {"vocabulary": result.vocabulary, "steps": result.steps, "tokens": result.tokens}
        facts = {"languages": languages, **sizes, "head_found": found, "settings": options}
        (folder / FACTS).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def told(facts: dict[str, Any]) -> str:
    """The losses as a sentence."""
    losses = {lang: row["loss"] for lang, row in facts["languages"].items()}
    if not facts["steps"]:
        heads = ", ".join(f"{lang} {loss['after']:.2f}" for lang, loss in losses.items())
        return f"Loss of hidden pieces in held-out text, the head alone being trained: {heads}."
    each = ", ".join(f"{lang} {loss['before']:.2f} -> {loss['after']:.2f}" for lang, loss in losses.items())
    return f"Loss of hidden pieces in held-out text before and after {facts['steps']} updates: {each}."


def _workshop(folder: Path) -> Path:
    """Where checkpoints of what will be ``folder`` go: what one run broke off, another goes on with."""
    return folder.with_name(f"{folder.name.lstrip('.')}-training")
