"""Prompts: learnt vectors before every text, as a piece of a network (prompt tuning, Lester et al. 2021, section 2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from inspect import signature
from typing import Any, ClassVar, Self, cast

import torch
from torch import nn

from isogloss.errors import RecipeError, ResourceError
from isogloss.nets.adapters import layers_of, seated, vector_width
from isogloss.nets.peft_pieces import peft_package
from isogloss.nets.pieces import Piece, check_network, network_fingerprint

# B rows, T pieces of text, K vectors of a prompt, D width of the network's word vectors


class Prompt(Piece):
    """Vectors that stand before every text, in the place of word vectors (K x D).

    The network reads them as it reads words, at the first K positions; the text's own positions begin after them. What
    it gives back has the text's own positions alone (its ``attentions``, where asked for, have all). A mean over the
    states, such as the averaging layer takes, is over the vectors too. A fresh prompt is K word vectors drawn anew: it
    changes from the start what the network computes. The text has room for K pieces less: the network's configuration
    says so too while the prompt is in.

    Args:
        vectors: peft's module.
    """

    kind: ClassVar[str] = "prompt"

    def __init__(self, vectors: nn.Module) -> None:
        self.vectors: Any = vectors
        self._place = ""

    @classmethod
    def fresh(cls, model: nn.Module, *, vectors: int = 16) -> Self:
        """Vectors of words drawn from the vocabulary by torch's generator (Lester et al. 2021, section 3.2).

        Raises:
            RecipeError: the network has not the shape of BERT, or not twice as many positions.
            ResourceError: peft is not installed.
        """
        layers_of(model)
        if vectors < 1:
            raise RecipeError(f"A prompt of {vectors} vectors is none", fix="Set 1 or more")
        base: Any = getattr(model, "base_model", model)
        table = base.get_input_embeddings()
        piece = cls(_prompt(vectors, table.weight.shape[1], table))
        piece._leaves_room(model)
        piece.network = network_fingerprint(model)
        return piece

    @property
    def count(self) -> int:
        """How many vectors there are."""
        return int(self.vectors.embedding.num_embeddings)

    @property
    def size(self) -> int:
        return int(self.vectors.embedding.weight.numel())

    def check(self, model: nn.Module) -> None:
        self._fits(model)
        check_network(self, model)

    @contextmanager
    def within(self, model: nn.Module) -> Iterator[None]:
        """Put it in; of several that are nested, the later one's vectors stand before the earlier one's.

        Raises:
            RecipeError: it is in a network already, this one has not the shape of BERT or not twice as many positions;
                in the block, where a text leaves no room for the vectors.
            ResourceError: the network's word vectors have another width.
        """
        if self._place:
            raise RecipeError("The prompt is in a network already", fix="Put it in once, or load it a second time")
        self._fits(model)
        self._leaves_room(model)
        base: Any = getattr(model, "base_model", model)
        with seated(model, self.vectors) as place, ExitStack() as handles:
            self._place = place
            handles.callback(setattr, self, "_place", "")
            handles.callback(setattr, base.config, "max_position_embeddings", base.config.max_position_embeddings)
            base.config.max_position_embeddings -= self.count
            handles.callback(base.register_forward_pre_hook(self._extend, with_kwargs=True).remove)
            handles.callback(base.encoder.register_forward_hook(self._cut).remove)
            handles.callback(base.register_forward_hook(self._cut_states).remove)
            yield

    def holds(self, name: str) -> bool:
        return bool(self._place) and self._place in name

    def tensors(self) -> dict[str, torch.Tensor]:
        return {"vectors": self.vectors.embedding.weight.detach().cpu().float().clone()}

    def settings(self) -> dict[str, Any]:
        return {}

    @classmethod
    def of(cls, tensors: Mapping[str, torch.Tensor], settings: Mapping[str, Any]) -> Self:
        if tensors.keys() != {"vectors"} or tensors["vectors"].dim() != 2:
            raise ValueError("the weights are others than those of a prompt")
        count, width = tensors["vectors"].shape
        piece = cls(_prompt(count, width, None))
        with torch.no_grad():
            piece.vectors.embedding.weight.copy_(tensors["vectors"])
        return piece

    def _fits(self, model: nn.Module) -> None:
        layers_of(model)
        own, width = self.vectors.embedding.embedding_dim, vector_width(model)
        if own != width:
            raise ResourceError(
                f"The prompt was made for a network of width {own}, this one has {width}",
                fix="Use it in the network it was learnt in",
            )

    def _leaves_room(self, model: nn.Module) -> None:
        if 2 * self.count >= (positions := _positions(model)):
            raise RecipeError(
                f"{self.count} vectors are half or more of the {positions} positions that the network has",
                fix="Set fewer vectors",
            )

    def _extend(self, base: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[()], dict[str, Any]]:
        """The network's inputs with the vectors before the text."""
        given = dict(zip(signature(base.forward).parameters, args, strict=False)) | kwargs
        text_BTD, ids_BT = given.get("inputs_embeds"), given.pop("input_ids", None)
        if text_BTD is None:
            text_BTD = base.get_input_embeddings()(ids_BT)
        (rows, length, _), k = text_BTD.shape, self.count
        if length + k > _positions(base):
            raise RecipeError(
                f"A text of {length} pieces leaves no room for {k} vectors among {_positions(base)} positions",
                fix="Set a smaller max_length or fewer vectors",
            )
        numbers_K = torch.arange(k, device=text_BTD.device)
        prompt_BKD = self.vectors(numbers_K).to(text_BTD.dtype).expand(rows, -1, -1)
        given["inputs_embeds"] = torch.cat([prompt_BKD, text_BTD], 1)
        if (mask_BT := given.get("attention_mask")) is not None:
            if mask_BT.dim() != 2:
                raise RecipeError("A prompt needs a mask of one row per text", fix="Give the tokenizer's mask")
            given["attention_mask"] = torch.cat([mask_BT.new_ones(rows, k), mask_BT], 1)
        if (types_BT := given.get("token_type_ids")) is not None:
            given["token_type_ids"] = torch.cat([types_BT.new_zeros(rows, k), types_BT], 1)
        if (places_BT := given.get("position_ids")) is not None:
            given["position_ids"] = torch.cat([places_BT[:, :1] + numbers_K, places_BT + k], 1)
        return (), given

    def _cut(self, _: nn.Module, __: Any, given: Any) -> Any:
        """The states of the text alone, for the pooler and for the heads."""
        if isinstance(given, tuple):
            return (given[0][:, self.count :], *given[1:])
        given.last_hidden_state = given.last_hidden_state[:, self.count :]
        return given

    def _cut_states(self, _: nn.Module, __: Any, given: Any) -> Any:
        states = getattr(given, "hidden_states", None)
        if states is not None:
            length = given.last_hidden_state.shape[1]
            given.hidden_states = tuple(layer[:, layer.shape[1] - length :] for layer in states)
        return given


def _prompt(count: int, width: int, table: nn.Module | None) -> nn.Module:
    peft = peft_package()
    config = peft.PromptTuningConfig(
        num_virtual_tokens=count,
        token_dim=width,
        num_transformer_submodules=1,
        prompt_tuning_init="RANDOM" if table is None else "SAMPLE_VOCAB",
    )
    return cast("nn.Module", peft.PromptEmbedding(config, table))


def _positions(model: nn.Module) -> int:
    """How many pieces the network can read at once: some count from the padding's number on."""
    base: Any = getattr(model, "base_model", model)
    table = base.embeddings.position_embeddings
    return int(table.num_embeddings) - (0 if table.padding_idx is None else int(table.padding_idx) + 1)
