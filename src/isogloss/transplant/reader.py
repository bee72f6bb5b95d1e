"""A frozen network as a language model over whatever vocabulary it is given the rows of.

Legend of shapes: B texts, T pieces of a text, M pieces to be told, N tokens of the vocabulary at hand, V old ones, D
width, E rows of input and, where it is not tied to it, output side by side (D or 2 D).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import nn

from isogloss.errors import ResourceError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

IGNORED = -100


class Batch(NamedTuple):
    """Pieces (B x T), which of them are there, and what is to be told in each place (-100 where nothing is)."""

    ids_BT: torch.Tensor
    there_BT: torch.Tensor
    labels_BT: torch.Tensor


class MaskedHead(nn.Module):
    """The head of BERT for a network that has none: a transform of the states, then products with the word vectors."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.transform = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width))

    def forward(self, states_MD: torch.Tensor, rows_ND: torch.Tensor, bias_N: torch.Tensor) -> torch.Tensor:
        """Logits (M x N)."""
        logits_MN: torch.Tensor = self.transform(states_MD) @ rows_ND.T + bias_N
        return logits_MN


class Reader:
    """The network behind rows that come from elsewhere; gradients reach the rows only.

    Args:
        model: the network. While it is used it is frozen and without dropout (:meth:`frozen`).
        head: what tells masked pieces where the network has no output layer of its own; None for a fresh one, drawn
            from torch's global generator, which :meth:`teach` must train.

    Raises:
        ResourceError: the network is an encoder-decoder, or a decoder without its output layer.
    """

    def __init__(self, model: PreTrainedModel, head: MaskedHead | None = None) -> None:
        from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

        self.model, self.rows_VE = model, old_rows(model)
        table: Any = model.get_input_embeddings()
        self.table, self.width = table, int(table.weight.shape[1])
        self.output: Any = model.get_output_embeddings()
        self.causal = model.config.model_type not in MODEL_FOR_MASKED_LM_MAPPING_NAMES
        if model.config.is_encoder_decoder or (self.causal and self.output is None):
            kind = "an encoder-decoder" if model.config.is_encoder_decoder else "a decoder without its output layer"
            raise ResourceError(
                f"A hypernetwork cannot be trained with {type(model).__name__}, {kind}",
                fix="Choose an encoder, a decoder with its head, or another initialiser",
            )
        self.head = None if self.output is not None else (head or MaskedHead(self.width).to(self.rows_VE))
        self.bias_V = self.rows_VE.new_zeros(len(self.rows_VE))
        if getattr(self.output, "bias", None) is not None:
            self.bias_V = self.output.bias.detach().float()
        self._names: dict[str, str] = {}
        for name, tensor in model.named_parameters(remove_duplicate=False):
            if self.output is not None and any(tensor is own for own in (self.output.weight, self.output.bias)):
                self._names["weight" if tensor is self.output.weight else "bias"] = name

    def loss(self, batch: Batch, rows_NE: torch.Tensor, bias_N: torch.Tensor) -> torch.Tensor:
        """Mean cross-entropy (nats) of the labelled pieces among all N tokens."""
        return nn.functional.cross_entropy(*self.told(batch, rows_NE, bias_N))

    def told(self, batch: Batch, rows_NE: torch.Tensor, bias_N: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (M x N) in the places that have a label, and the labels (M)."""
        rows_ND, output_ND = rows_NE[:, : self.width], rows_NE[:, -self.width :]
        vectors_BTD = nn.functional.embedding(batch.ids_BT, rows_ND) * getattr(self.table, "embed_scale", 1.0)
        asked_BT = batch.labels_BT != IGNORED
        given = {"inputs_embeds": vectors_BTD, "attention_mask": batch.there_BT.long()}
        if self.head is not None:
            states_BTD = self.model(**given).last_hidden_state
            return self.head(states_BTD[asked_BT], output_ND, bias_N), batch.labels_BT[asked_BT]
        fresh = {self._names["weight"]: output_ND}
        if "bias" in self._names:
            fresh[self._names["bias"]] = bias_N
        logits_BTN = torch.func.functional_call(self.model, fresh, (), given).logits
        return logits_BTN[asked_BT], batch.labels_BT[asked_BT]

    def frozen(self) -> _Frozen:
        """Within the block no weight of the network asks for gradients and there is no dropout."""
        return _Frozen(self.model)


class _Frozen:
    def __init__(self, model: PreTrainedModel) -> None:
        self.model = model

    def __enter__(self) -> None:
        self.training = self.model.training
        self.asked = [weight for weight in self.model.parameters() if weight.requires_grad]
        self.model.eval().requires_grad_(False)

    def __exit__(self, *_: object) -> None:
        for weight in self.asked:
            weight.requires_grad_(True)
        self.model.train(self.training)


def old_rows(model: PreTrainedModel) -> torch.Tensor:
    """A network's word vectors and, where they are not tied to it, the rows of its output layer beside them (V x E)."""
    table: Any = model.get_input_embeddings()
    output: Any = model.get_output_embeddings()
    if output is None or output.weight is table.weight:
        return table.weight.detach().float()  # type: ignore[no-any-return]
    return torch.cat([table.weight.detach().float(), output.weight.detach().float()], 1)


def batch_of(
    texts: Sequence[Sequence[int]], *, tokens: int, ordinary: Sequence[int], mask: int | None, share: float = 0.15
) -> Batch:
    """Texts as ids, padded with 0s, and what is to be told: what follows, or masked pieces if there is a mask.

    Of the pieces a share is chosen, one at least; of these 80% are masked, 10% exchanged for a random token and 10%
    left (Devlin et al., NAACL 2019). Draws from torch's global generator.

    Args:
        texts: ids of each text, with special ones.
        tokens: N.
        ordinary: ids that can be chosen and drawn.
        mask: the mask's id; None for a decoder, which tells every piece but the first.
        share: of the ordinary pieces.
    """
    longest = max(len(text) for text in texts)
    ids_BT = torch.zeros(len(texts), longest, dtype=torch.long)
    there_BT = torch.zeros(len(texts), longest, dtype=torch.bool)
    for row, text in enumerate(texts):
        ids_BT[row, : len(text)], there_BT[row, : len(text)] = torch.tensor(text), True
    if mask is None:
        labels_BT = torch.full_like(ids_BT, IGNORED)
        labels_BT[:, :-1] = torch.where(there_BT[:, 1:], ids_BT[:, 1:], IGNORED)
        return Batch(ids_BT, there_BT, labels_BT)
    usual_N = torch.zeros(tokens, dtype=torch.bool)
    usual_N[torch.tensor(ordinary)] = True
    free_BT = usual_N[ids_BT] & there_BT
    chance_BT = torch.rand(ids_BT.shape).masked_fill(~free_BT, 2.0)
    chosen_BT = (chance_BT < share) | ((chance_BT == chance_BT.min()) & free_BT)
    fate_BT = torch.rand(ids_BT.shape)
    others_BT = torch.tensor(ordinary)[torch.randint(len(ordinary), ids_BT.shape)]
    read_BT = torch.where(chosen_BT & (fate_BT < 0.8), mask, ids_BT)
    read_BT = torch.where(chosen_BT & (fate_BT >= 0.9), others_BT, read_BT)
    return Batch(read_BT, there_BT, torch.where(chosen_BT, ids_BT, IGNORED))
