"""A network under another tokenizer: its matrices, biases, sizes and special ids, changed in place.

Shapes: V old rows, N new ones, D width, E width of a donor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from isogloss.errors import ResourceError
from isogloss.transplant.base import Initialiser, Rows, Swap
from isogloss.transplant.digits import digit_note
from isogloss.transplant.tokens import Tokens

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Side = Literal["input", "output"]


@dataclass(frozen=True, kw_only=True)
class SwapReport:
    """What a change of tokenizer did.

    Attributes:
        initialiser: the name of what made the rows.
        old_size, new_size: rows before and after.
        shared: ordinary tokens that both vocabularies have.
        rows: for each matrix, input and untied output, how many rows came about how.
        parameters_before, parameters_after: weights of the whole network.
        tokens_before, tokens_after: mean tokens a text, without special ones; None where no text was given.
        unknown_before, unknown_after: share of the tokens that are unknown; None where no text was given.
        notes: what the user should know, in one sentence each.
    """

    initialiser: str
    old_size: int
    new_size: int
    shared: int
    rows: dict[str, dict[str, int]]
    parameters_before: int
    parameters_after: int
    tokens_before: float | None = None
    tokens_after: float | None = None
    unknown_before: float | None = None
    unknown_after: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def ratio(self) -> float | None:
        """New tokens a text by old ones."""
        return self.tokens_after / self.tokens_before if self.tokens_before and self.tokens_after is not None else None

    def lines(self) -> list[str]:
        """The report in a few sentences."""
        said = [
            f"Tokenizer changed ({self.initialiser}): {self.old_size:,} rows become {self.new_size:,}, "
            f"{self.shared:,} ordinary tokens are shared; {self.parameters_before / 1e6:.1f}M weights become "
            f"{self.parameters_after / 1e6:.1f}M."
        ]
        for side, counts in self.rows.items():
            found = ", ".join(f"{number:,} {how}" for how, number in counts.items())
            said.append(f"Rows of the {side} matrix: {found}.")
        if self.tokens_before is not None and self.ratio is not None:
            said.append(
                f"A text has {self.tokens_after:.1f} tokens in place of {self.tokens_before:.1f} "
                f"({self.ratio:.2f} times); unknown are {self.unknown_after:.2%} (before {self.unknown_before:.2%})."
            )
        return [*said, *self.notes]

    def __str__(self) -> str:
        """The report, one sentence a line."""
        return "\n".join(self.lines())


def swap_tokenizer(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    new_tokenizer: PreTrainedTokenizerBase,
    initialiser: Initialiser | str,
    *,
    texts: Sequence[str] = (),
    old_texts: Sequence[str] = (),
    donor: torch.Tensor | PreTrainedModel | None = None,
    seed: int = 1,
) -> SwapReport:
    """Give a network the vocabulary of another tokenizer, in place.

    The input matrix and, where it is not tied to it, the output matrix get the initialiser's rows; what was tied stays
    tied. Special tokens that both have keep their rows bit for bit. An output bias is copied for shared tokens and is
    the mean of the old one for the rest. Sizes, special ids and the padding row follow, also in the configs.

    Args:
        model: the network.
        tokenizer: the one that it was trained with.
        new_tokenizer: the one that it is to have.
        initialiser: what makes the rows, or its name.
        texts: raw text that the new tokenizer is for; some initialisers need it, and lengths are measured on it.
        old_texts: raw text in the language of the old tokenizer, which WECHSEL needs as well.
        donor: a vector for each new token (N x E), or a model with the new tokenizer.
        seed: for whatever is drawn.

    Raises:
        ResourceError: the network counts positions from its padding id, which would change; it has several
            vocabularies; the donor has too few rows; or the initialiser misses something that it needs.
    """
    maker = Initialiser.find(initialiser) if isinstance(initialiser, str) else initialiser
    old, new = Tokens.of(tokenizer), Tokens.of(new_tokenizer)
    matrices, size = _matrices(model)
    _check_positions(model, new_tokenizer.pad_token_id)
    if maker.needs_text and not texts:
        raise ResourceError(
            f"The initialiser '{maker.name}' needs raw text", fix="Give some (texts=), or choose another one"
        )
    before = model.num_parameters()
    made: dict[str, Rows] = {}
    fresh: dict[torch.Tensor, torch.Tensor] = {}
    shared: dict[int, int] = {}
    for name, side, matrix in matrices:
        swap = Swap(
            rows_VD=matrix.detach().float(), old=old, new=new, texts=texts, model=model, side=side, seed=seed,
            old_texts=old_texts, donor_NE=_donor_rows(donor, side, new.size),
        )  # fmt: skip
        shared = swap.shared
        made[name] = _specials_kept(maker(swap), swap)
        fresh[matrix] = made[name].rows_ND
    digits = digit_note(tokenizer, new_tokenizer) if model.can_generate() else None
    notes = [digits, *(note for rows in made.values() for note in rows.notes)]
    biases = _biases(model, size)
    for bias in biases:
        fresh[bias] = _new_bias(bias, shared, new.size, [i for i in old.forms if i < size])
    if any(bias.detach().any() for bias in biases):
        notes.append("The output bias is copied for shared tokens and the mean of the old one for the rest.")
    _replace(model, fresh, size, new.size)
    notes += _follow_ids(model, old, new, shared)
    ordinary = sum(i not in new.special for i in shared)
    report = SwapReport(
        initialiser=maker.name,
        old_size=size,
        new_size=new.size,
        shared=ordinary,
        rows={name: rows.counts() for name, rows in made.items()},
        parameters_before=before,
        parameters_after=model.num_parameters(),
        notes=tuple(dict.fromkeys(note for note in notes if note)),
    )
    return _measured(report, tokenizer, new_tokenizer, texts)


def _matrices(model: PreTrainedModel) -> tuple[list[tuple[str, Side, torch.nn.Parameter]], int]:
    """The different matrices with a row for each token, by what they are, and the number of their rows."""
    from transformers import PreTrainedModel as Network

    table: Any = model.get_input_embeddings()
    size = len(table.weight)
    found: list[tuple[str, Side, torch.nn.Parameter]] = [("input", "input", table.weight)]
    for part, module in model.named_modules():
        if isinstance(module, Network) and module is not model:
            try:
                inner: Any = module.get_input_embeddings()
            except NotImplementedError:  # a part that reads no tokens
                continue
            if inner is not None and all(inner.weight is not matrix for *_, matrix in found):
                found.append((f"input ({part})", "input", inner.weight))
    output: Any = model.get_output_embeddings()
    if output is not None and all(output.weight is not matrix for *_, matrix in found):
        found.append(("output", "output", output.weight))
    if any(len(matrix) != size for *_, matrix in found):
        raise ResourceError(
            f"The network ({type(model).__name__}) has vocabularies of several sizes",
            fix="Choose one with a single one",
        )
    return found, size


def _check_positions(model: PreTrainedModel, padding: int | None) -> None:
    """Refuse another padding id where positions are counted from it."""
    for name, module in model.named_modules():
        counted = getattr(module, "padding_idx", None)
        if "position" in name.rpartition(".")[2] and counted is not None and counted != padding:
            raise ResourceError(
                f"The network ({type(model).__name__}) counts positions from its padding id {counted}, and the new "
                f"tokenizer's is {padding}",
                fix="Use a tokenizer with the same id for padding; train_tokenizer makes one",
            )


def _donor_rows(donor: torch.Tensor | PreTrainedModel | None, side: Side, size: int) -> torch.Tensor | None:
    """The donor's matrix of a side, with a row for each new token."""
    import torch

    if donor is None:
        return None
    if isinstance(donor, torch.Tensor):
        rows = donor
    else:
        layer: Any = donor.get_output_embeddings() if side == "output" else None
        table: Any = donor.get_input_embeddings() if layer is None else layer
        rows = table.weight.detach()
    if len(rows) < size:
        raise ResourceError(
            f"The donor has {len(rows)} rows for {size} tokens", fix="Give a donor with the new tokenizer"
        )
    return rows[:size].float()


def _specials_kept(rows: Rows, swap: Swap) -> Rows:
    """The initialiser's rows with those of shared special tokens copied."""
    if rows.rows_ND.shape != (swap.new.size, swap.rows_VD.shape[1]) or len(rows.how) != swap.new.size:
        raise ValueError(f"rows of shape {tuple(rows.rows_ND.shape)} for {swap.new.size} tokens")
    rows_ND, how = rows.rows_ND.clone(), list(rows.how)
    for i in swap.new.special:
        if i in swap.shared:
            rows_ND[i], how[i] = swap.rows_VD[swap.shared[i]], "exact"
    return replace(rows, rows_ND=rows_ND, how=how)


def _biases(model: PreTrainedModel, size: int) -> list[torch.Tensor]:
    """Output biases with a value for each token, also those that only stand beside the layer in use."""
    output: Any = model.get_output_embeddings()
    found: list[torch.Tensor] = []
    for module in model.modules():
        if output is None or not (module is output or any(child is output for child in module.children())):
            continue
        for name in ("bias", "final_logits_bias"):
            bias: Any = getattr(module, name, None)
            if bias is not None and bias.shape[-1] == size and all(bias is not other for other in found):
                found.append(bias)
    return found


def _new_bias(bias: torch.Tensor, shared: dict[int, int], size: int, ordinary: list[int]) -> torch.Tensor:
    """Copied for shared tokens, the mean over ordinary tokens for the rest; leading dimensions stay."""
    old = bias.detach()
    mean = old[..., ordinary].double().mean(-1, keepdim=True).to(old.dtype)
    new = mean.expand(*old.shape[:-1], size).clone()
    if shared:
        new[..., list(shared)] = old[..., list(shared.values())]
    return new


def _replace(model: PreTrainedModel, fresh: dict[torch.Tensor, torch.Tensor], size: int, new_size: int) -> None:
    """Put new tensors in place of old ones wherever these are used, so that what was tied stays tied."""
    import torch

    made = {
        old: torch.nn.Parameter(values.to(old), requires_grad=old.requires_grad)
        if isinstance(old, torch.nn.Parameter)
        else values.to(old)
        for old, values in fresh.items()
    }
    module: Any
    held: dict[str, Any]
    for module in model.modules():
        for held in (module._parameters, module._buffers):
            changed = False
            for name, tensor in held.items():
                if tensor is not None and tensor in made:
                    held[name], changed = made[tensor], True
            for count in ("num_embeddings", "out_features") if changed else ():
                if getattr(module, count, None) == size:
                    setattr(module, count, new_size)
        if getattr(module, "vocab_size", None) == size:
            module.vocab_size = new_size
    for config in _configs(model):
        if getattr(config, "vocab_size", None) == size:
            config.vocab_size = new_size


def _configs(model: PreTrainedModel) -> Iterator[Any]:
    """The configs of a network and of its parts, each once."""
    seen: list[Any] = []
    for module in model.modules():
        config: Any = getattr(module, "config", None)
        if config is None or not hasattr(config, "get_text_config"):
            continue
        for one in (config, config.get_text_config()):
            if all(one is not other for other in seen):
                seen.append(one)
                yield one


def _follow_ids(model: PreTrainedModel, old: Tokens, new: Tokens, shared: dict[int, int]) -> list[str]:
    """Special ids in the configs and padding rows under the new numbering. Gives sentences on what has no new id."""
    ids = {old_id: i for i, old_id in reversed(shared.items()) if i in new.special}
    padding = getattr(model.config.get_text_config(), "pad_token_id", None)
    lost: list[str] = []

    def follow(name: str, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [follow(name, one) for one in value]
        found = getattr(new.tokenizer, name, None)
        if found is not None and value == getattr(old.tokenizer, name, None):
            return found
        if value in ids:
            return ids[value]
        if found is None and value is not None and value >= 0:
            lost.append(name)
        return found

    generation = getattr(model, "generation_config", None)
    for config in [*_configs(model), *([generation] if generation is not None else [])]:
        for name, value in config.to_dict().items():
            if name.endswith("_token_id") and (value is not None or hasattr(new.tokenizer, name)):
                setattr(config, name, follow(name, value))
    for module in model.modules():
        if getattr(module, "padding_idx", None) is not None and module.padding_idx == padding:
            module.padding_idx = new.tokenizer.pad_token_id
    return [f"The new tokenizer has no token for {name}: it is unset." for name in dict.fromkeys(lost)]


def _measured(
    report: SwapReport, old: PreTrainedTokenizerBase, new: PreTrainedTokenizerBase, texts: Sequence[str]
) -> SwapReport:
    """The report with lengths and unknown tokens of texts."""
    if not texts:
        return report
    found: list[float] = []
    for tokenizer in (old, new):
        rows = tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]
        total = sum(len(row) for row in rows)
        unknown = sum(row.count(tokenizer.unk_token_id) for row in rows) if tokenizer.unk_token_id is not None else 0
        found += [total / len(texts), unknown / max(total, 1)]
    before, unknown_before, after, unknown_after = found
    return replace(
        report, tokens_before=before, tokens_after=after, unknown_before=unknown_before, unknown_after=unknown_after
    )
