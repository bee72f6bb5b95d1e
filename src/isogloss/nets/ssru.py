"""A small translation network: a transformer encoder and a decoder whose self-attention is a simpler recurrence.

The simpler simple recurrent unit (Kim et al., "From research to production and back: ludicrously fast neural machine
translation", WNGT 2019, section 3.1) is one elementwise line: ``c_t = f_t * c_(t-1) + (1 - f_t) * W x_t`` with the
forget gate ``f_t = sigmoid(W_f x_t + b_f)``; its output is ``relu(c_t)``. Everything else in the decoder looks at one
position alone, so that a given translation is read in one pass and only that line runs along time.

Legend: B sentences, S source pieces, Q queries, D width, H heads, d width of a head, L layers, V pieces of the
vocabulary. The queries of a sentence are its hypotheses at one time step, or the time steps of one translation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

EPSILON = 1e-6


@dataclass(frozen=True, slots=True)
class Memory:
    """What the decoder keeps of B source sentences: keys and values of every layer, and the bias that hides padding."""

    keys_LBHSd: torch.Tensor
    values_LBHSd: torch.Tensor
    bias_B11S: torch.Tensor

    def select(self, rows_B: torch.Tensor) -> Memory:
        """The sentences ``rows_B`` in that order."""
        return Memory(
            self.keys_LBHSd.index_select(1, rows_B),
            self.values_LBHSd.index_select(1, rows_B),
            self.bias_B11S.index_select(0, rows_B),
        )


class Attention(nn.Module):
    """Multi-head attention whose keys and values are computed apart, once a sentence."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def split(self, states_BQD: torch.Tensor) -> torch.Tensor:
        """B x Q x D to B x H x Q x d."""
        return states_BQD.view(*states_BQD.shape[:2], self.heads, -1).transpose(1, 2)

    def memory(self, states_BSD: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values, each B x H x S x d."""
        return self.split(self.key(states_BSD)), self.split(self.value(states_BSD))

    def forward(
        self, states_BQD: torch.Tensor, keys_BHSd: torch.Tensor, values_BHSd: torch.Tensor, bias_B11S: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What is read (B x Q x D) and the attention weights (B x H x Q x S)."""
        queries_BHQd = self.split(self.query(states_BQD)) / math.sqrt(keys_BHSd.shape[-1])
        weights_BHQS = (queries_BHQd @ keys_BHSd.transpose(2, 3) + bias_B11S).softmax(3)
        return self.out((weights_BHQS @ values_BHSd).transpose(1, 2).flatten(2)), weights_BHQS


class FeedForward(nn.Module):
    """Two linear maps with a rectifier between, added to the input and normalised."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.into = nn.Linear(width, inner)
        self.out = nn.Linear(inner, width)
        self.norm = nn.LayerNorm(width, EPSILON)

    def forward(self, states_BQD: torch.Tensor) -> torch.Tensor:
        """B x Q x D to the same shape."""
        return self.norm(states_BQD + self.out(F.relu(self.into(states_BQD))))  # type: ignore[no-any-return]


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward, each followed by layer normalisation."""

    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.attention = Attention(width, heads)
        self.norm = nn.LayerNorm(width, EPSILON)
        self.feed_forward = FeedForward(width, inner)

    def forward(self, states_BSD: torch.Tensor, bias_B11S: torch.Tensor) -> torch.Tensor:
        """B x S x D to the same shape."""
        read_BSD, _ = self.attention(states_BSD, *self.attention.memory(states_BSD), bias_B11S)
        return self.feed_forward(self.norm(states_BSD + read_BSD))  # type: ignore[no-any-return]


class DecoderLayer(nn.Module):
    """The recurrence, attention to the source and feed-forward, each followed by layer normalisation."""

    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.candidate = nn.Linear(width, width, bias=False)
        self.forget = nn.Linear(width, width)
        self.recurrence_norm = nn.LayerNorm(width, EPSILON)
        self.attention = Attention(width, heads)
        self.norm = nn.LayerNorm(width, EPSILON)
        self.feed_forward = FeedForward(width, inner)

    def cells(self, states_BQD: torch.Tensor, before_BQD: torch.Tensor | None) -> torch.Tensor:
        """Cells after one more piece of each hypothesis, or (without ``before_BQD``) of all time steps from the first.

        Shapes: B x Q x D all.
        """
        forget_BQD = torch.sigmoid(self.forget(states_BQD))
        fresh_BQD: torch.Tensor = (1 - forget_BQD) * self.candidate(states_BQD)
        if before_BQD is not None:
            return forget_BQD * before_BQD + fresh_BQD
        cell_BD, cells = torch.zeros_like(fresh_BQD[:, 0]), []
        for forget_BD, fresh_BD in zip(forget_BQD.unbind(1), fresh_BQD.unbind(1), strict=True):
            cell_BD = forget_BD * cell_BD + fresh_BD
            cells.append(cell_BD)
        return torch.stack(cells, 1)

    def forward(
        self, states_BQD: torch.Tensor, before_BQD: torch.Tensor | None, memory: Memory, layer: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """States (B x Q x D), cells (B x Q x D) and attention (B x H x Q x S)."""
        cells_BQD = self.cells(states_BQD, before_BQD)
        states_BQD = self.recurrence_norm(states_BQD + F.relu(cells_BQD))
        read_BQD, weights_BHQS = self.attention(
            states_BQD, memory.keys_LBHSd[layer], memory.values_LBHSd[layer], memory.bias_B11S
        )
        return self.feed_forward(self.norm(states_BQD + read_BQD)), cells_BQD, weights_BHQS


class SsruTranslator(nn.Module):
    """The whole network; one table of embeddings serves source, target and output.

    Args:
        vocabulary, width, heads, inner: V, D, H and the width inside the feed-forward blocks.
        encoder_layers, decoder_layers: how many of each.
    """

    def __init__(
        self, *, vocabulary: int, width: int, heads: int, inner: int, encoder_layers: int, decoder_layers: int
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.encoder = nn.ModuleList(EncoderLayer(width, heads, inner) for _ in range(encoder_layers))
        self.decoder = nn.ModuleList(DecoderLayer(width, heads, inner) for _ in range(decoder_layers))
        self.output_bias = nn.Parameter(torch.zeros(vocabulary))

    def encode(self, pieces_BS: torch.Tensor, there_BS: torch.Tensor) -> Memory:
        """Read sources padded on the right; ``there_BS`` is false at padding."""
        bias_B11S = torch.zeros(there_BS.shape).masked_fill(~there_BS, -torch.inf)[:, None, None]
        states_BSD = self._placed(self.embedding(pieces_BS), torch.arange(pieces_BS.shape[1]))
        for layer in self.encoder:
            states_BSD = layer(states_BSD, bias_B11S)
        keys, values = zip(*(layer.attention.memory(states_BSD) for layer in self.decoder), strict=True)  # type: ignore[operator, union-attr]
        return Memory(torch.stack(keys), torch.stack(values), bias_B11S)

    def begin(self, memory: Memory) -> torch.Tensor:
        """The cells (L x B x 1 x D) of one hypothesis a sentence that has no piece yet."""
        layers, sentences = memory.keys_LBHSd.shape[:2]
        return torch.zeros(layers, sentences, 1, self.embedding.embedding_dim)

    def step(
        self, pieces_BQ: torch.Tensor | None, time: int, cells_LBQD: torch.Tensor, memory: Memory
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Extend hypotheses by their last pieces (None before the first one; ``time`` pieces went before).

        Returns:
            Logits of the next piece (B x Q x V) and the new cells (L x B x Q x D).
        """
        embedded_BQD = torch.zeros(cells_LBQD.shape[1:]) if pieces_BQ is None else self.embedding(pieces_BQ)
        states_BQD = self._placed(embedded_BQD, torch.tensor([time]))
        cells = []
        for number, layer in enumerate(self.decoder):
            states_BQD, cell_BQD, _ = layer(states_BQD, cells_LBQD[number], memory, number)
            cells.append(cell_BQD)
        return self.logits(states_BQD), torch.stack(cells)

    def read(self, pieces_BT: torch.Tensor, memory: Memory) -> tuple[torch.Tensor, torch.Tensor]:
        """Read given translations, each piece after those before it.

        Returns:
            States (B x (T + 1) x D) from which piece t and, last, what follows all T is predicted; and the attention
            (B x (T + 1) x S) of the first head of the last layer, which such networks are trained to align with.
        """
        embedded_BTD = F.pad(self.embedding(pieces_BT), (0, 0, 1, 0))
        states_BTD = self._placed(embedded_BTD, torch.arange(embedded_BTD.shape[1]))
        for number, layer in enumerate(self.decoder):
            states_BTD, _, weights_BHTS = layer(states_BTD, None, memory, number)
        return states_BTD, weights_BHTS[:, 0]

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """... x D to ... x V."""
        return F.linear(states, self.embedding.weight, self.output_bias)

    def _placed(self, embedded_BQD: torch.Tensor, times_Q: torch.Tensor) -> torch.Tensor:
        """Scaled embeddings with the sinusoids of their positions, sines in the first half and cosines in the other."""
        half = embedded_BQD.shape[2] // 2
        speeds = torch.exp(torch.arange(half) * (-math.log(10000.0) / (half - 1)))
        angles_Qh = times_Q[:, None] * speeds
        return embedded_BQD * math.sqrt(embedded_BQD.shape[2]) + torch.cat([angles_Qh.sin(), angles_Qh.cos()], 1)
