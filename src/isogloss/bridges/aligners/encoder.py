"""Links from the likeness of an encoder's piece states: no training, no parallel text.

Shape letters: K layers, S source pieces, T target pieces, D width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Gt, Lt
from numpy.typing import NDArray

from isogloss.backbones import DEFAULT, Backbone
from isogloss.bridges.aligners.links import (
    Linked,
    Table,
    agreement,
    itermax,
    mutual_argmax,
    softmax_links,
    units_of_pieces,
    word_links,
)
from isogloss.bridges.aligners.states import depth, piece_states
from isogloss.bridges.base import Aligner, Bitext, Links
from isogloss.errors import ResourceError

if TYPE_CHECKING:
    from isogloss.bridges.aligners.states import PieceStates

BITEXTS = 256
"""Sentence pairs whose states are held in memory at a time."""


@dataclass(frozen=True, kw_only=True)
class EncoderAligner(Aligner):
    """Two words are linked if their states are alike.

    States of one layer are centred sentence by sentence, brought to length ``scale`` and multiplied; links are taken
    from the table of products. Centring removes what all pieces of a sentence share, which in embedding models is most
    of a state: without it their last layers are of no use here. Links from softmax on both sides are those of
    awesome-align (Dou and Neubig, EACL 2021, section 2.1), mutual maxima and itermax those of SimAlign (Jalili Sabet et
    al., Findings of EMNLP 2020); neither of them centres, and the scale and threshold of awesome-align belong to mBERT.

    Attributes:
        backbone: any encoder, as :meth:`Backbone.load` takes it.
        layer: the layer whose states are compared, 0 being the embeddings. None: each call chooses by
            :meth:`choose_layer` on the sentence pairs it is given; :meth:`settled` fixes a choice for many calls.
        rule: how links are taken from the table.
        threshold: of the softmax rule.
        scale: length of a state; a product is the cosine times its square. The softmax rule alone depends on it.
        centred: whether the mean state of the sentence is taken off.
        precision: bfloat16 where the processor has it (auto), never, or always.
        batch_tokens: pieces read at once, padding counted.
        device: where the encoder computes.
    """

    backbone: str = DEFAULT
    layer: Annotated[int, Ge(0)] | None = None
    rule: Literal["softmax", "argmax", "itermax"] = "softmax"
    threshold: Annotated[float, Gt(0), Lt(1)] = 0.1
    scale: Annotated[float, Gt(0)] = 7.0
    centred: bool = True
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    batch_tokens: Annotated[int, Ge(1)] = 4096
    device: str = "cpu"

    @property
    def name(self) -> str:
        return "encoder"

    def __call__(self, bitexts: Sequence[Bitext], source: str, target: str) -> list[Links]:
        """Links of each sentence pair; the encoder needs no word of which languages they are.

        Raises:
            ResourceError: the encoder cannot be loaded or has no such layer.
        """
        if not bitexts:
            return []
        layer = self.choose_layer(bitexts) if self.layer is None else self.layer
        return [links for (links,) in self.by_layer(bitexts, [layer])]

    def by_layer(self, bitexts: Sequence[Bitext], layers: Sequence[int]) -> list[list[Links]]:
        """For each sentence pair its links in each of K layers, from one pass through the encoder."""
        return [
            [word_links(self.linked(table_ST), *owners) for table_ST in tables_KST]
            for tables_KST, owners in self.tables(bitexts, layers)
        ]

    def choose_layer(self, bitexts: Sequence[Bitext], most: int = 64) -> int:
        """The layer whose links agree best with those of all layers: the medoid of the layers. No labels are needed.

        Layers err in different ways: the lower ones follow form and place, the upper ones blur neighbouring pieces.
        What many layers say is more likely right than what one says, so the layer closest to all of them (mean F1
        between its mutual maxima and each other layer's) is the one of least expected error, as in minimum Bayes risk
        decoding. The embeddings neither vote nor stand for election.

        Args:
            bitexts: translations of each other, some dozens of them for a steady choice.
            most: how many of them are looked at, evenly spread.

        Raises:
            ResourceError: there is no sentence pair, or the encoder cannot be loaded.
        """
        if not bitexts:
            raise ResourceError("There is no sentence pair to choose a layer by", fix="Give some, or name a layer")
        layers = range(1, depth(Backbone.load(self.backbone), self.device) + 1)
        sample = [bitexts[n * len(bitexts) // most] for n in range(most)] if len(bitexts) > most else bitexts
        by_layer = list(zip(*replace(self, rule="argmax").by_layer(sample, layers), strict=True))
        votes = [sum(agreement(one, other) for other in by_layer if other is not one) for one in by_layer]
        return layers[int(np.argmax(votes))]

    def settled(self, bitexts: Sequence[Bitext]) -> EncoderAligner:
        """This aligner with its layer chosen on these sentence pairs, if it had none."""
        return self if self.layer is not None else replace(self, layer=self.choose_layer(bitexts))

    def tables(
        self, bitexts: Sequence[Bitext], layers: Sequence[int]
    ) -> Iterator[tuple[list[Table], tuple[list[tuple[int, ...]], list[tuple[int, ...]]]]]:
        """For each sentence pair K tables S x T of products, and the words that each piece of either side belongs to.

        Raises:
            ResourceError: the encoder cannot be loaded or has no such layer.
        """
        backbone = Backbone.load(self.backbone)
        top = depth(backbone, self.device)
        if odd := [layer for layer in layers if not 0 <= layer <= top]:
            raise ResourceError(f"The encoder {self.backbone} has {top} layers, no layer {odd[0]}", fix="Name another")
        options: dict[str, Any] = {"layers": layers, "batch_tokens": self.batch_tokens, "device": self.device}
        for some in (bitexts[start : start + BITEXTS] for start in range(0, len(bitexts), BITEXTS)):
            texts = [text for bitext in some for text in (bitext.source, bitext.target)]
            states = piece_states(texts, backbone, half=self._half(), **options)
            for bitext, left, right in zip(some, states[::2], states[1::2], strict=True):
                tables = self._ready(left) @ self._ready(right).swapaxes(1, 2)
                owners = (
                    units_of_pieces(bitext.source_units, left.offsets),
                    units_of_pieces(bitext.target_units, right.offsets),
                )
                yield list(tables), owners

    def _ready(self, pieces: PieceStates) -> NDArray[np.float32]:
        states_KTD = pieces.states_KTD
        if self.centred and states_KTD.shape[1]:
            states_KTD = states_KTD - states_KTD.mean(axis=1, keepdims=True)
        lengths_KT1 = np.linalg.norm(states_KTD, axis=-1, keepdims=True)
        return np.asarray(states_KTD * (self.scale / np.maximum(lengths_KT1, 1e-6)), dtype=np.float32)

    def linked(self, table_ST: Table) -> Linked:
        """Links of pieces by the rule of this aligner, S x T."""
        if self.rule == "softmax":
            return softmax_links(table_ST, self.threshold)
        return mutual_argmax(table_ST) if self.rule == "argmax" else itermax(table_ST)

    def _half(self) -> bool:
        import torch

        if self.precision != "auto":
            return self.precision == "bf16"
        if self.device != "cpu":
            return self.device.startswith("cuda") and torch.cuda.is_bf16_supported()
        flags = torch.cpu.get_capabilities()
        return bool(flags.get("avx512_bf16") or flags.get("amx_bf16") or flags.get("bf16"))
