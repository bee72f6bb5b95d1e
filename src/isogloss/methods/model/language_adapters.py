"""Language adapters: bottleneck layers and an invertible layer learnt from raw text (MAD-X, EMNLP 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Gt, Le

from isogloss.methods.model.language_pieces import LanguagePieces

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from isogloss.backbones import Backbone
    from isogloss.nets.pieces import Piece
    from isogloss.run import Run
    from isogloss.train.corpora import Corpus
    from isogloss.train.pretraining import Pretrained


@dataclass(frozen=True, kw_only=True)
class LanguageAdapters(LanguagePieces):
    """Learn an adapter for each target and the source with masked-language modelling; the encoder stays as it is.

    Attributes:
        reduction: how many times narrower than the encoder a bottleneck is.
        invertible: whether the word vectors pass through an invertible layer, whose inverse precedes the last layer of
            the head for hidden pieces.

    All else is as in text_training. The objective has to be one that knows pieces, such as task_adapter.
    """

    reduction: Annotated[int, Ge(1)] = 16
    invertible: bool = True
    learning_rate: Annotated[float, Gt(0), Le(1)] = 1e-3

    def _learn(
        self, model: PreTrainedModel, backbone: Backbone, corpus: Corpus, run: Run, *, fresh_head: bool
    ) -> tuple[Piece, Pretrained]:
        from isogloss.nets.adapters import Adapter
        from isogloss.train.pretraining import pretrain

        piece = Adapter.fresh(model, reduction=self.reduction, invertible=self.invertible)
        with piece.within(model):
            result = pretrain(
                model, backbone.tokenizer(), [corpus], run, fresh_head=fresh_head, trains=piece.holds, **self.how()
            )
        return piece, result
