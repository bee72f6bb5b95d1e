"""Pretraining goes on with raw text of the languages that the model is for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Le

from isogloss.backbones.hush import hushed
from isogloss.methods.model.text_training import TextTraining, workshop

if TYPE_CHECKING:
    from isogloss.backbones import Backbone
    from isogloss.problem import Problem
    from isogloss.run import Run
    from isogloss.train.corpora import Corpus

FACTS = "pretraining.json"
"""Beside the adapted network: what it was trained on, and how well it predicts held-out text before and after."""


@dataclass(frozen=True, kw_only=True)
class ContinuedPretraining(TextTraining):
    """Go on with masked-language-model training on raw text (unlabelled/<language>.txt), then learn the task.

    An encoder-decoder with sentinels (T5, mT5) goes on with T5's span corruption; decoders are refused. All seeds share
    one adapted network.

    Attributes:
        languages: ``all``: targets and source (whose training texts serve where it has no raw text); or ``targets``.
        alpha: a language with n lines is drawn in proportion to ``n ** alpha``: 1 is all the text, shuffled, 0 gives
            all languages the same share.

    All else is as in text_training.
    """

    changes: ClassVar[tuple[str, ...]] = ("weights",)

    languages: Literal["all", "targets"] = "all"
    alpha: Annotated[float, Ge(0), Le(1)] = 1.0

    def __call__(self, backbone: Backbone, problem: Problem, run: Run) -> Backbone:
        """The adapted encoder: made once, then taken from where it is."""
        from isogloss.train.corpora import read_corpora

        corpora = read_corpora(problem, languages=self.languages, min_words=self.min_words)
        for corpus in corpora:
            run.ledger.note_text("adapt", corpus.examples)
        facts = (type(self).__name__, self, backbone.fingerprint(), [corpus.fingerprint() for corpus in corpora])

        def build(folder: Path) -> None:
            self.look_at(corpora, problem, run)
            self._adapt(backbone, corpora, folder, run)

        folder = run.make(facts, build)
        shutil.rmtree(workshop(folder), ignore_errors=True)
        run.say_once(told(json.loads((folder / FACTS).read_text(encoding="utf-8"))))
        return backbone.moved(folder, f"continued on {', '.join(problem.spelling(corpus.lang) for corpus in corpora)}")

    def _adapt(self, backbone: Backbone, corpora: Sequence[Corpus], folder: Path, run: Run) -> None:
        """Train, and save network, tokenizer and facts."""
        import transformers

        from isogloss.train.pretraining import pretrain

        transformers.set_seed(self.seed)
        model, found = backbone.language_model()
        tokenizer = backbone.tokenizer()
        if not found and self.head_steps:
            run.say(f"{backbone.id} has no head that predicts pieces: one is trained first, {self.head_steps} updates.")
        inner, how = self.workplace(folder, run), self.how()
        result = pretrain(model, tokenizer, corpora, inner, fresh_head=not found, alpha=self.alpha, **how)
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
        facts = {"languages": languages, **sizes, "head_found": found, "settings": asdict(self)}
        (folder / FACTS).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def told(facts: dict[str, Any]) -> str:
    """The losses as a sentence."""
    losses = {lang: row["loss"] for lang, row in facts["languages"].items()}
    if not facts["steps"]:
        heads = ", ".join(f"{lang} {loss['after']:.2f}" for lang, loss in losses.items())
        return f"Loss of hidden pieces in held-out text, the head alone being trained: {heads}."
    each = ", ".join(f"{lang} {loss['before']:.2f} -> {loss['after']:.2f}" for lang, loss in losses.items())
    return f"Loss of hidden pieces in held-out text before and after {facts['steps']} updates: {each}."
