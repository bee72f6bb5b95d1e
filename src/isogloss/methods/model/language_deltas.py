"""Language deltas: few changed weights, learnt from raw text by lottery-ticket sparse fine-tuning (LT-SFT)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Gt, Le

from isogloss.errors import RecipeError
from isogloss.methods.model.language_pieces import LanguagePieces

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from isogloss.backbones import Backbone
    from isogloss.nets.pieces import Piece
    from isogloss.run import Run
    from isogloss.train.corpora import Corpus
    from isogloss.train.pretraining import Pretrained


@dataclass(frozen=True, kw_only=True)
class LanguageDeltas(LanguagePieces):
    """Learn a sparse delta for each target and the source with masked-language modelling (Ansell et al., 2022).

    The encoder is trained twice from the same weights: first wholly, then only the weights that changed most. Layer
    norms, the head and the vectors that hidden pieces are told apart by stay as they are.

    Attributes:
        density: share of the weights in question that a delta holds.
        first: updates of the first training, as a multiple of those of the second, which ``epochs`` and ``steps`` say.
        pull: strength of an L1 pull to the encoder's weights, in both.

    All else is as in text_training. The objective has to be one that knows pieces, such as sparse_fine_tuning.
    """

    density: Annotated[float, Gt(0), Le(1)] = 0.04
    first: Annotated[float, Gt(0)] = 1.0
    pull: Annotated[float, Ge(0)] = 0.1
    learning_rate: Annotated[float, Gt(0), Le(1)] = 5e-5

    def _learn(
        self, model: PreTrainedModel, backbone: Backbone, corpus: Corpus, run: Run, *, fresh_head: bool
    ) -> tuple[Piece, Pretrained]:
        from isogloss.train.pretraining import pretrain
        from isogloss.train.sparse_tuning import Sparse

        result = pretrain(
            model,
            backbone.tokenizer(),
            [corpus],
            run,
            fresh_head=fresh_head,
            sparse=Sparse(density=self.density, first=self.first, pull=self.pull),
            **self.how(),
        )
        if result.delta is None:
            raise RecipeError("No language is learnt in no updates", fix="Set language_deltas.epochs or .steps")
        return result.delta, result
