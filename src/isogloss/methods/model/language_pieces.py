"""Pieces of languages: each is learnt from the raw text of one language, the encoder staying as it is."""

from __future__ import annotations

import shutil
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from isogloss.errors import RecipeError
from isogloss.methods.model.text_training import TextTraining, workshop

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from isogloss.backbones import Backbone
    from isogloss.nets.pieces import Piece
    from isogloss.problem import Problem
    from isogloss.run import Run
    from isogloss.train.corpora import Corpus
    from isogloss.train.pretraining import Pretrained

FILE = "piece.safetensors"


@dataclass(frozen=True, kw_only=True)
class LanguagePieces(TextTraining):
    """Learn one piece for each target and for the source: what :class:`LanguageAdapters` and others share.

    The source's training texts serve where it has no raw text. A piece depends on its own language's text alone: one
    that is learnt later changes nothing for the others. Each has its own head for hidden pieces where the encoder
    comes without one, which is not kept.
    """

    changes: ClassVar[tuple[str, ...]] = ("delta",)

    def __call__(self, backbone: Backbone, problem: Problem, run: Run) -> Backbone:
        """The same encoder, knowing where the pieces are: each is made once for all seeds and recipes."""
        from isogloss.member import refuse_own_name
        from isogloss.train.corpora import read_corpora

        for lang in (*problem.source, *problem.targets):
            refuse_own_name(lang)
        if len(problem.source) > 1:
            raise RecipeError(
                f"The task is learnt over the piece of one source language, and {problem.name} has several",
                fix="Leave one source in problem.toml",
            )
        corpora = read_corpora(problem, min_words=self.min_words)
        for corpus in corpora:
            run.ledger.note_text("adapt", corpus.examples)
        self.look_at(corpora, problem, run)
        files = {corpus.lang: self.learn(backbone, corpus, problem.spelling(corpus.lang), run) for corpus in corpora}
        return replace(backbone, pieces=tuple((lang, str(file)) for lang, file in sorted(files.items())))

    def learn(self, backbone: Backbone, corpus: Corpus, name: str, run: Run) -> Path:
        """The file of one language's piece.

        Args:
            backbone: the encoder, without pieces.
            corpus: the language's text.
            name: how the language is spelled.
            run: what is made goes into its shared folder.
        """
        from isogloss.nets.pieces import load_piece

        facts = (type(self).__name__, self, backbone.fingerprint(), corpus.fingerprint())
        folder = run.make(facts, lambda place: self._build(backbone, corpus, place, run))
        shutil.rmtree(workshop(folder), ignore_errors=True)
        loss = load_piece(folder / FILE).facts["loss"]
        run.say_once(f"Piece of {name}: loss of hidden pieces {loss['before']:.2f} -> {loss['after']:.2f}.")
        return folder / FILE

    def _build(self, backbone: Backbone, corpus: Corpus, folder: Path, run: Run) -> None:
        import transformers

        from isogloss.nets.pieces import network_fingerprint, save_piece

        transformers.set_seed(self.seed)
        model, found = backbone.language_model()
        own = network_fingerprint(model)
        piece, result = self._learn(model, backbone, corpus, self.workplace(folder, run), fresh_head=not found)
        piece.network, piece.facts = (
            own,
            {
                "language": corpus.lang,
                "lines": len(corpus.train),
                "loss": asdict(result.held_out[corpus.lang]),
                "steps": result.steps,
                "tokens": result.tokens,
                "backbone": backbone.id,
                "part": {type(self).__name__: asdict(self)},
            },
        )
        save_piece(piece, folder / FILE)

    @abstractmethod
    def _learn(
        self, model: PreTrainedModel, backbone: Backbone, corpus: Corpus, run: Run, *, fresh_head: bool
    ) -> tuple[Piece, Pretrained]:
        """Train a piece in ``model``, a masked language model, which is thrown away afterwards."""


def load_pieces(backbone: Backbone) -> dict[str, Piece]:
    """The pieces of a backbone by language."""
    from isogloss.nets.pieces import load_piece

    return {lang: load_piece(Path(file)) for lang, file in backbone.pieces}


def source_piece(pieces: Mapping[str, Piece], problem: Problem) -> Piece:
    """The piece that the task is learnt over."""
    return pieces[problem.source[0]]
