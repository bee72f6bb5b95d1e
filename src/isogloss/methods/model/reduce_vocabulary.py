"""The network loses the pieces that none of its languages uses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Lt

from isogloss.backbones.hush import hushed

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from isogloss.backbones import Backbone
    from isogloss.nets.vocabulary import Vocabulary
    from isogloss.problem import Problem
    from isogloss.run import Run
    from isogloss.train.corpora import Corpus

FACTS = "vocabulary.json"
"""Beside the network: its size before and after, and how held-out text is cut by both tokenizers."""


@dataclass(frozen=True, kw_only=True)
class ReduceVocabulary:
    """Keep the pieces that raw text of the targets and the source uses, and every single character.

    No text becomes unknown by it, but words whose pieces are gone are cut into smaller ones: how often that happens in
    held-out text is told. Much text, or ``keep=scripts``, makes it rare. BPE tokenizers are refused.

    Attributes:
        keep: ``used``: pieces that the text has; ``scripts``: besides them all pieces in the languages' own scripts.
        least: a piece stays that is such a share of the running pieces of one of the languages: below a million running
            pieces all that occur.
        min_words: shorter lines are left out.
    """

    needs: ClassVar[tuple[str, ...]] = ("unlabelled",)
    changes: ClassVar[tuple[str, ...]] = ("vocabulary",)

    keep: Literal["used", "scripts"] = "used"
    least: Annotated[float, Ge(0), Lt(1)] = 1e-6
    min_words: Annotated[int, Ge(1)] = 6

    def __call__(self, backbone: Backbone, problem: Problem, run: Run) -> Backbone:
        """The smaller encoder: made once, then taken from where it is."""
        from isogloss.train.corpora import read_corpora

        corpora = read_corpora(problem, min_words=self.min_words)
        for corpus in corpora:
            run.ledger.note_text("adapt", corpus.examples)
        facts = (type(self).__name__, self, backbone.fingerprint(), [corpus.fingerprint() for corpus in corpora])

        def build(folder: Path) -> None:
            tokenizer = backbone.tokenizer()
            vocabulary = self._vocabulary(tokenizer, corpora)
            smaller, model = vocabulary.tokenizer(tokenizer), backbone.bare()
            before = model.num_parameters()
            vocabulary.shrink(model)
            with hushed():
                model.save_pretrained(folder)
                smaller.save_pretrained(folder)
            result = {
                "pieces": [len(tokenizer), len(smaller)],
                "weights": [before, model.num_parameters()],
                "languages": {corpus.lang: compared(tokenizer, smaller, corpus) for corpus in corpora},
            }
            (folder / FACTS).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")

        folder = run.make(facts, build)
        run.say_once(told(json.loads((folder / FACTS).read_text(encoding="utf-8"))))
        return backbone.moved(folder, f"vocabulary of {', '.join(problem.spelling(c.lang) for c in corpora)}")

    def _vocabulary(self, tokenizer: PreTrainedTokenizerBase, corpora: Sequence[Corpus]) -> Vocabulary:
        from isogloss.languages import Language
        from isogloss.languages.alphabet import unicode_scripts
        from isogloss.nets.vocabulary import Vocabulary

        vocabulary = Vocabulary(kept=())
        for corpus in corpora:
            texts = (example.fields["text"] for example in corpus.train)
            vocabulary |= Vocabulary.of_texts(tokenizer, texts, least=self.least)
            if self.keep == "scripts" and (script := Language.parse(corpus.lang).script):
                vocabulary |= Vocabulary.of_scripts(tokenizer, unicode_scripts(script))
        return vocabulary


def compared(old: PreTrainedTokenizerBase, new: PreTrainedTokenizerBase, corpus: Corpus) -> dict[str, Any]:
    """How two tokenizers cut the held-out lines of a corpus.

    Returns:
        ``cut_alike``: share of the lines that both cut alike; ``longer``: by which share the new one needs more pieces;
        ``unknown``: share of unknown pieces by the old and the new one.
    """
    texts = [example.fields["text"] for example in corpus.held_out]
    cuts = [
        [t.convert_ids_to_tokens(ids) for ids in t(texts, add_special_tokens=False)["input_ids"]] for t in (old, new)
    ]
    sizes = [sum(map(len, lines)) for lines in cuts]
    unknown = [sum(line.count(t.unk_token) for line in lines) for t, lines in zip((old, new), cuts, strict=True)]
    return {
        "held_out": len(texts),
        "cut_alike": sum(one == other for one, other in zip(*cuts, strict=True)) / len(texts),
        "longer": sizes[1] / sizes[0] - 1,
        "unknown": [count / size for count, size in zip(unknown, sizes, strict=True)],
    }


def told(facts: dict[str, Any]) -> str:
    """Sizes and cuts as a sentence."""
    (pieces, fewer), (weights, less) = facts["pieces"], facts["weights"]
    cuts = ", ".join(f"{lang} {row['longer']:+.1%}" for lang, row in facts["languages"].items())
    sizes = f"{pieces:,} pieces -> {fewer:,}, {weights / 1e6:.1f} M weights -> {less / 1e6:.1f} M"
    return f"Vocabulary reduced: {sizes}; pieces of held-out text: {cuts}."
