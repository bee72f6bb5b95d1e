"""The hypernetwork of zero-shot tokenizer transfer: from the pieces a token is cut into, a row for that token.

Minixhofer, Ponti and Vulic, "Zero-Shot Tokenizer Transfer", NeurIPS 2024, section 3. A token never sees another one:
each is read alone, whatever the vocabulary, the batch and its order.

Legend of shapes: N tokens, L pieces of a token, V old ids, D width of the network, E what stands for a piece: its word
vector, and where the output layer is not tied its output row beside it (D or 2 D).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from isogloss.errors import ResourceError

WEIGHTS, FACTS = "hypernetwork.safetensors", "hypernetwork.json"


@dataclass(frozen=True, kw_only=True)
class Design:
    """What a hypernetwork is made of.

    Attributes:
        width: D.
        sides: 1, or 2 where the output layer is not tied to the word vectors.
        layers: of the transformer that reads a token's pieces.
        residual: False is the paper's: rows come from the last layer. True is OUR variant: they are the mean of the
            pieces' rows plus what the last layer gives, which is 0 before training.
        languages: those that have a vector of their own beside the pieces; none for a hypernetwork without.
        longest: pieces of a token that are read; those beyond are not (but count in the mean of our variant).
    """

    width: int
    sides: int = 1
    layers: int = 1
    residual: bool = False
    languages: tuple[str, ...] = ()
    longest: int = 7


class Predicted(NamedTuple):
    """Rows (N x E) and, for the output layer of masked language models, biases (N)."""

    rows_NE: torch.Tensor
    bias_N: torch.Tensor


class Hypernetwork(nn.Module):
    """Predicts rows for tokens from the old rows of their pieces.

    Args:
        design: its sizes.
        backbone: fingerprint of the rows and pieces it is made for.
        record: how it was trained, for the report.
    """

    def __init__(self, design: Design, *, backbone: str = "", record: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.design, self.backbone, self.record = design, backbone, record or {}
        width, across = design.width, design.width * design.sides
        heads = next(n for n in range(max(1, width // 64), 0, -1) if width % n == 0)
        self.enter_scale, self.leave_scale = nn.Buffer(torch.ones(across)), nn.Buffer(torch.ones(across))
        self.enter_shift, self.leave_shift = nn.Buffer(torch.zeros(across)), nn.Buffer(torch.zeros(across))
        self.enter = nn.Sequential(nn.Linear(across, width), Block(width))
        self.places = nn.Parameter(torch.randn(design.longest, width) * 0.02)
        self.languages = nn.Parameter(torch.randn(len(design.languages), width) * 0.02)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, 2 * width, dropout=0.0, activation="gelu", batch_first=True)
            for _ in range(design.layers)
        )
        last = [nn.Linear(width, width) for _ in range(design.sides)]
        self.leave = nn.ModuleList(nn.Sequential(Block(width), one) for one in last)
        self.bias = nn.Linear(width, 1)
        for linear in (self.bias, *(last if design.residual else ())):
            nn.init.zeros_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(self, cuts_NL: torch.Tensor, rows_VE: torch.Tensor, *, language: str = "") -> Predicted:
        """Rows and biases of tokens.

        Args:
            cuts_NL: old ids of each token's pieces, at least one, then -1 up to L.
            rows_VE: the old rows.
            language: whose tokens they are; "" for a hypernetwork without languages.

        Raises:
            ResourceError: the language is not one of its own.
        """
        spoken = self._language(language)
        lengths_N = (cuts_NL >= 0).sum(1)
        if not len(cuts_NL) or not lengths_N.all():
            raise ValueError("every token needs at least one piece")
        read_N = lengths_N.clamp(max=self.design.longest)
        states, places = [], []
        for length in read_N.unique().tolist():  # tokens of one length have no padding to be kept out of sight
            mine = (read_N == length).nonzero()[:, 0]
            states.append(self._read(rows_VE[cuts_NL[mine, :length]], spoken))
            places.append(mine)
        states_ND = torch.cat(states)[torch.cat(places).argsort()]
        rows_NE = self.leave_scale * torch.cat([head(states_ND) for head in self.leave], 1) + self.leave_shift
        if self.design.residual:
            rows_NE = subword_means(rows_VE, cuts_NL) + rows_NE
        return Predicted(rows_NE, self.bias(states_ND)[:, 0])

    def _language(self, language: str) -> torch.Tensor | None:
        known = self.design.languages
        if not known:
            return None
        if language not in known:
            what = f"The hypernetwork does not know the language '{language}'" if language else "No language is named"
            raise ResourceError(what, fix=f"Name one it was trained with: {', '.join(known)}")
        return self.languages[known.index(language)]

    def _read(self, vectors_NLE: torch.Tensor, spoken: torch.Tensor | None) -> torch.Tensor:
        """The state (N x D) of the first piece of tokens of one length, after the transformer."""
        states = self.enter(vectors_NLE * self.enter_scale + self.enter_shift) + self.places[: vectors_NLE.shape[1]]
        if spoken is not None:
            states = torch.cat([states, spoken.expand(len(states), 1, -1)], 1)
        for layer in self.layers:
            states = layer(states)
        first_ND: torch.Tensor = states[:, 0]
        return first_ND

    @torch.no_grad()
    def fit(self, cuts_NL: torch.Tensor, rows_VE: torch.Tensor, *, bias: float = 0.0) -> None:
        """Set the two rescalings, once before training.

        What enters has mean 0 and deviation 1 in every dimension. What leaves has the mean and the deviation of the old
        rows over the given tokens; in our variant, whose residual begins at 0, it has only their deviation for a unit.

        Args:
            cuts_NL: tokens to fit on, as in :meth:`forward`.
            rows_VE: the old rows.
            bias: mean of the old output biases.
        """
        mean, deviation = rows_VE.mean(0), rows_VE.std(0).clamp(min=1e-6)
        self.enter_scale.copy_(1 / deviation)
        self.enter_shift.copy_(-mean / deviation)
        self.bias.bias.fill_(bias)
        self.leave_scale.fill_(1)
        self.leave_shift.fill_(0)
        if self.design.residual:
            self.leave_scale.copy_(deviation)
            return
        language = next(iter(self.design.languages), "")
        made = self(cuts_NL, rows_VE, language=language).rows_NE
        self.leave_scale.copy_(deviation / made.std(0).clamp(min=1e-6))
        self.leave_shift.copy_(mean - self.leave_scale * made.mean(0))

    @torch.no_grad()
    def predict(
        self, cuts_NL: torch.Tensor, rows_VE: torch.Tensor, *, language: str = "", batch: int = 4096
    ) -> Predicted:
        """As :meth:`forward`, for whole vocabularies: in batches, without gradients."""
        made = [self(cuts, rows_VE, language=language) for cuts in cuts_NL.split(batch)]
        return Predicted(torch.cat([one.rows_NE for one in made]), torch.cat([one.bias_N for one in made]))

    def save(self, folder: Path | str) -> None:
        """Write weights (safetensors), design, record and the backbone's fingerprint (JSON)."""
        from safetensors.torch import save_file

        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        save_file({name: value.contiguous() for name, value in self.state_dict().items()}, place / WEIGHTS)
        facts = {"design": asdict(self.design), "backbone": self.backbone, "record": self.record}
        (place / FACTS).write_text(json.dumps(facts, indent=1, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path | str) -> Hypernetwork:
        """Read what :meth:`save` wrote.

        Raises:
            ResourceError: it is not there or not whole.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        place = Path(folder)
        try:
            facts = json.loads((place / FACTS).read_text(encoding="utf-8"))
            design = facts["design"] | {"languages": tuple(facts["design"]["languages"])}
            made = cls(Design(**design), backbone=facts["backbone"], record=facts["record"])
            made.load_state_dict(load_file(place / WEIGHTS))
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            reason = str(error).strip().splitlines()[0].rstrip(".") if str(error) else type(error).__name__
            raise ResourceError(
                f"The hypernetwork in '{place}' cannot be read: {reason}",
                fix="Give a folder that Hypernetwork.save wrote, or none to train one",
            ) from error
        return made.eval()


class Block(nn.Module):
    """``LayerNorm(x + GELU(W2 GELU(W1 x)))``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width), nn.GELU())
        self.norm = nn.LayerNorm(width)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Any shape that ends in the width."""
        normed: torch.Tensor = self.norm(states + self.inner(states))
        return normed


def padded(cuts: list[list[int]]) -> torch.Tensor:
    """Lists of ids as one tensor (N x L), with -1 after the end."""
    made = torch.full((len(cuts), max((len(cut) for cut in cuts), default=1)), -1)
    for place, cut in enumerate(cuts):
        made[place, : len(cut)] = torch.tensor(cut)
    return made


def subword_means(rows_VE: torch.Tensor, cuts_NL: torch.Tensor) -> torch.Tensor:
    """The mean (N x E) of the rows of each token's pieces, all of them; ``cuts_NL`` ends in -1."""
    there_NL = cuts_NL >= 0
    starts_N = there_NL.sum(1).cumsum(0) - there_NL.sum(1)
    # One sum for a token whatever stands beside it, and the same one that the initialiser "subword_mean" takes.
    return nn.functional.embedding_bag(cuts_NL[there_NL], rows_VE, starts_N, mode="mean")
