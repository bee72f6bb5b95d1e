"""Another tokenizer for the encoder, with rows for its tokens made out of those that are there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Ge

from isogloss.transplant.base import Initialiser
from isogloss.transplant.initialisers.subword_mean import SubwordMean

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from isogloss.backbones import Backbone
    from isogloss.problem import Problem
    from isogloss.run import Run

REPORT = "transplant.json"
MOST_REPEATS = 20


@dataclass(frozen=True, kw_only=True)
class EmbeddingTransplant:
    """Swap the encoder's tokenizer for one that suits the targets; its body stays as it is.

    Attributes:
        initialiser: what makes the rows of the new tokens.
        tokenizer: folder or hub id of the new tokenizer; empty for that of ``donor`` or, without one, a tokenizer
            trained on the targets' raw text and the source's training text, as much of each language.
        donor: folder or hub id of a model with the new tokenizer, for initialisers that learn from one.
        size: tokens of a tokenizer that is trained.
        kind: its model.
        seed: of whatever is drawn; the same for all seeds of a run.
    """

    changes: ClassVar[tuple[str, ...]] = ("vocabulary",)
    needs: ClassVar[tuple[str, ...]] = ("unlabelled",)

    initialiser: Initialiser = field(default_factory=SubwordMean)
    tokenizer: str = ""
    donor: str = ""
    size: Annotated[int, Ge(100)] = 16_000
    kind: Literal["unigram", "bpe"] = "unigram"
    seed: Annotated[int, Ge(0)] = 1

    def __call__(self, backbone: Backbone, problem: Problem, run: Run) -> Backbone:
        """Swap once for all seeds; the report is kept beside the network in ``transplant.json``."""
        texts = balanced(_texts_by_language(problem))
        digest = hashlib.sha256("\n".join(texts).encode("utf-8", "surrogatepass")).hexdigest()
        others = [*(_fingerprint(name) for name in (self.tokenizer, self.donor)), *_contents(self.initialiser)]

        def build(folder: Path) -> None:
            self._swap(backbone, texts, source_texts(problem), folder)

        folder = run.make((repr(self), backbone.fingerprint(), digest, others), build)
        for target in problem.targets:
            run.ledger.note_text("adapt", problem.unlabelled.get(target, ()))
        for line in json.loads((folder / REPORT).read_text(encoding="utf-8"))["lines"]:
            run.say_once(line)
        return backbone.moved(folder, f"tokenizer by {self.initialiser.name}")

    def _swap(self, backbone: Backbone, texts: Sequence[str], old_texts: Sequence[str], folder: Path) -> None:
        from isogloss.backbones import Backbone
        from isogloss.backbones.hush import hushed
        from isogloss.transplant.network import swap_tokenizer

        model, old = backbone.bare(), backbone.tokenizer()
        new = self._new_tokenizer(old, texts)
        donor = Backbone.load(self.donor).bare() if self.donor else None
        report = swap_tokenizer(
            model, old, new, self.initialiser, texts=texts, old_texts=old_texts, donor=donor, seed=self.seed
        )
        with hushed():
            model.save_pretrained(folder)
            new.save_pretrained(folder)
        content = asdict(report) | {"lines": report.lines()}
        (folder / REPORT).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def _new_tokenizer(self, old: PreTrainedTokenizerBase, texts: Sequence[str]) -> PreTrainedTokenizerBase:
        from isogloss.backbones import Backbone
        from isogloss.transplant.new_tokenizer import train_tokenizer

        if name := self.tokenizer or self.donor:
            return Backbone.load(name).tokenizer()
        return train_tokenizer(texts, like=old, size=self.size, kind=self.kind, seed=self.seed)


def balanced(by_language: Sequence[Sequence[str]]) -> list[str]:
    """The texts of all languages, those of a language with less text repeated, at most ``MOST_REPEATS`` times."""
    lengths = [sum(map(len, texts)) for texts in by_language]
    return [
        text
        for texts, length in zip(by_language, lengths, strict=True)
        for text in texts
        for _ in range(min(MOST_REPEATS, max(1, round(max(lengths) / max(length, 1)))))
    ]


def _texts_by_language(problem: Problem) -> list[list[str]]:
    """Raw text of the targets, and what the training examples of each source consist of."""
    raw = [[e.fields["text"] for e in problem.unlabelled.get(target, ())] for target in problem.targets]
    return [*raw, *(_training_texts(problem, lang) for lang in problem.source)]


def source_texts(problem: Problem) -> list[str]:
    """What the training examples of the sources consist of."""
    return [text for lang in problem.source for text in _training_texts(problem, lang)]


def _training_texts(problem: Problem, lang: str) -> list[str]:
    return [text for example in problem.train.get(lang, ()) for text in problem.task.texts(example.fields)]


def _contents(initialiser: Initialiser) -> list[str]:
    """SHA-256 of every file that a field of the initialiser names, alone or in a folder: a lexicon, a hypernetwork."""
    places = [Path(value) for value in vars(initialiser).values() if isinstance(value, str) and value]
    files = [file for place in places for file in (sorted(place.iterdir()) if place.is_dir() else [place])]
    return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.is_file()]


def _fingerprint(name: str) -> str:
    """What a model's folder holds; nothing for no model."""
    from isogloss.backbones import Backbone

    return Backbone.load(name).fingerprint() if name else ""
