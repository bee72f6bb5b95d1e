"""Going on with pretraining on raw text: encoders fill in hidden pieces, encoder-decoders write corrupted spans.

The softmax over a quarter of a million pieces is most of the work, and a table of as many rows most of the memory. So
by default pieces are told apart among those that the corpora have: an exact softmax over that vocabulary, whose rows
are all that is learnt of the table. The rows of other pieces stay as they are, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, Literal, cast

import torch

from isogloss.errors import RecipeError
from isogloss.nets.seen_rows import SeenRows, seen_rows, untied
from isogloss.tasks import Encoded
from isogloss.train.batching import Feature, collator, longest_input
from isogloss.train.corpora import Corpus, sample_languages
from isogloss.train.corruption import find_sentinels
from isogloss.train.denoising import corrupted_batch, encode_plain
from isogloss.train.masking import NO_TARGET, Masking, masked_batch, word_numbers
from isogloss.train.phases import Phase, train_on_text
from isogloss.train.sparse_tuning import Sparse, learnt_delta, sparse_tune_text
from isogloss.train.trainable import Trains, in_head

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from isogloss.nets.sparse_delta import SparseDelta
    from isogloss.run import Run
    from isogloss.train.schedule import Plan

# B rows, T pieces, N hidden pieces, S pieces in the softmax, D width of the network

Softmax = Literal["seen", "all"]
"""Which pieces a hidden one is told apart from: those of the corpora, or the whole vocabulary."""

Batch = Mapping[str, torch.Tensor]
Ask = Callable[..., tuple[dict[str, torch.Tensor], torch.Tensor]]
"""Of a batch and a ``generator``: the network's inputs, and the pieces asked for (-100 where none is)."""


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Mean loss of a hidden piece in held-out text, before and after, in nats: over the same pieces, hidden alike."""

    before: float
    after: float
    pieces: int


@dataclass(frozen=True, kw_only=True)
class Pretrained:
    """What came of it.

    Attributes:
        held_out: by language.
        vocabulary: pieces in the softmax.
        steps: updates of the network.
        tokens: pieces trained on, those of the fresh head's training among them.
        delta: what a sparse training has changed; None where it was none.
    """

    held_out: Mapping[str, HeldOut]
    vocabulary: int
    steps: int
    tokens: int
    delta: SparseDelta | None = None


def pretrain(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    corpora: Sequence[Corpus],
    run: Run,
    *,
    fresh_head: bool = False,
    masking: Masking = "tokens",
    rate: float = 0.15,
    softmax: Softmax = "seen",
    epochs: int = 3,
    steps: int = 0,
    batch_size: int = 16,
    max_length: int = 256,
    learning_rate: float = 5e-5,
    warmup: float = 0.0,
    alpha: float = 1.0,
    head_steps: int = 200,
    head_learning_rate: float = 1e-3,
    trains: Trains = "all",
    sparse: Sparse | None = None,
) -> Pretrained:
    """Train ``model`` in place. There is no weight decay, so that what has no gradient stays as it is.

    Args:
        model: a masked language model, or an encoder-decoder of the family of T5.
        tokenizer: its tokenizer.
        corpora: text by language.
        run: its seed decides the order, masks and dropout; it has folders for checkpoints.
        fresh_head: whether the head was drawn anew: then it is trained alone before anything else.
        masking: what is hidden at a time (:mod:`isogloss.train.masking`); an encoder-decoder has T5's spans.
        rate: share of the pieces that is hidden.
        softmax: see :data:`Softmax`.
        epochs: passes over the text.
        steps: where not 0, so many updates instead. Where both are 0, only the head is trained.
        batch_size: rows in a batch.
        max_length: pieces in a row; longer lines make several rows.
        learning_rate: peak of the linear schedule.
        warmup: share of the updates during which it rises.
        alpha: exponent of the sampling of languages (:func:`isogloss.train.corpora.sample_languages`).
        head_steps: updates of a fresh head, the network frozen.
        head_learning_rate: their peak rate.
        trains: which weights learn, but for a fresh head's own training.
        sparse: where given, LT-SFT (:mod:`isogloss.train.sparse_tuning`): input and output word vectors are untied
            while it lasts, and the head is frozen with the output's; ``steps`` and ``epochs`` are those of the sparse
            training.

    Raises:
        RecipeError: the network does not predict hidden pieces, or not by a last layer of their vectors.
        ResourceError: the tokenizer of an encoder-decoder has no sentinels.
    """
    writes = bool(model.config.is_encoder_decoder)
    sentinels = find_sentinels(tokenizer) if writes else ()
    if not writes:
        require_masks(model, tokenizer)
    elif sparse is not None:
        raise RecipeError("Sparse deltas of a language are learnt by encoders only", fix="Choose an encoder")
    torch.nn.Module.to(model, run.device)
    encode = partial(
        encode_plain if writes else encode_lines, tokenizer=tokenizer, most=_longest(model, tokenizer, max_length)
    )
    rows = {corpus.lang: encode([e.fields["text"] for e in corpus.train]) for corpus in corpora}
    apart = {corpus.lang: encode([e.fields["text"] for e in corpus.held_out]) for corpus in corpora}
    marks = (*sentinels, model.config.eos_token_id, model.config.decoder_start_token_id) if writes else ()
    ids_S = pieces_of([*rows.values(), *apart.values()], tokenizer, marks)
    ask: Ask
    if writes:
        ask = partial(corrupted_batch, model=model, sentinels=sentinels, rate=rate)
    else:
        ordinary = ids_S[~torch.isin(ids_S, torch.tensor(tokenizer.all_special_ids))]
        ask = partial(masked_batch, mask_id=tokenizer.mask_token_id, pieces_N=ordinary, masking=masking, rate=rate)
    among = ids_S if softmax == "seen" else None
    fixed = {lang: ask_once(some, tokenizer, ask, seed=f"{run.seed} {lang}") for lang, some in apart.items()}
    features = [feature for some in rows.values() for feature in some]
    langs = [lang for lang, some in rows.items() for _ in some]
    examples = [example for corpus in corpora for example in corpus.train]
    phase = Phase(
        name="continued pretraining",
        examples=examples,
        trains=trains,
        loss=partial(asked_loss, ask=ask, ids_S=among),
        encode=lambda _: Encoded(features=features, owner=[]),
        batch_size=batch_size,
        learning_rate=learning_rate,
        head_learning_rate=learning_rate,
        warmup=warmup,
        weight_decay=0.0,
        snapshots=0,
    )

    def laid_out(steps: int) -> Callable[[Sequence[Feature], int], Plan]:
        def batches(features: Sequence[Feature], seed: int) -> Plan:
            lengths = [len(feature["input_ids"]) for feature in features]
            return sample_languages(
                lengths, langs, alpha=alpha, epochs=epochs, steps=steps, batch_size=batch_size, seed=seed
            )

        return batches

    tokens = done = 0
    delta = None
    with seen_rows(model, ids_S) if softmax == "seen" else nullcontext():
        if fresh_head and head_steps:
            head = replace(
                phase, name="head", trains="head", head_learning_rate=head_learning_rate, warmup=0.1,
                batches=laid_out(head_steps),
            )  # fmt: skip
            tokens += train_on_text(model, tokenizer, [head], run).tokens
        before = {lang: held_out_loss(model, tokenizer, some, run, ids_S=among) for lang, some in fixed.items()}
        after = before
        with untied(model) if sparse else nullcontext():
            if steps or epochs:
                body = replace(phase, batches=laid_out(steps))
                done = len(body.plan(features, run.seed))
                if sparse is None:
                    tokens += train_on_text(model, tokenizer, [body], run).tokens
                else:
                    body = replace(body, pull=sparse.pull, trains=_body(model) if trains == "all" else trains)
                    dense = max(1, round(sparse.first * done))
                    learnt = sparse_tune_text(
                        model, tokenizer, first=replace(body, name="dense", batches=laid_out(dense)), phase=body,
                        run=run, k=sparse.k, density=sparse.density, names=sparse.names,
                    )  # fmt: skip
                    done, tokens, delta = done + dense, tokens + learnt.tokens, learnt_delta(learnt)
                after = {lang: held_out_loss(model, tokenizer, some, run, ids_S=among) for lang, some in fixed.items()}
    return Pretrained(
        held_out={
            lang: HeldOut(before=before[lang], after=after[lang], pieces=_count(some)) for lang, some in fixed.items()
        },
        vocabulary=len(ids_S) if softmax == "seen" else int(model.config.vocab_size),
        steps=done,
        tokens=tokens,
        delta=delta,
    )


def _body(model: PreTrainedModel) -> Callable[[str], bool]:
    return lambda name: not in_head(model, name)


def require_masks(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Raises RecipeError where there is nothing that says "hidden", or nothing that predicts what is."""
    if tokenizer.mask_token_id is None or not type(model).__name__.endswith("MaskedLM"):
        raise RecipeError(
            f"{type(model).__name__} does not predict hidden pieces of a text, so it cannot be trained on by masking",
            fix="Choose an encoder such as isogloss:e5-small, or an encoder-decoder of the family of T5",
        )


def encode_lines(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, most: int) -> list[dict[str, Any]]:
    """Rows of at most ``most`` pieces, each with the tokenizer's own template; a longer text makes several rows.

    ``maskable`` is 1 where a piece may be hidden, ``words`` a number for its word.
    """
    special = set(tokenizer.all_special_ids)
    found = tokenizer(
        list(texts), truncation=True, max_length=most, return_overflowing_tokens=True, return_special_tokens_mask=True
    )
    rows = []
    for i, ids in enumerate(found["input_ids"]):
        marks = found["special_tokens_mask"][i]
        row = {name: found[name][i] for name in tokenizer.model_input_names if name in found}
        row["maskable"] = [int(not mark and piece not in special) for piece, mark in zip(ids, marks, strict=True)]
        row["words"] = word_numbers(tokenizer.convert_ids_to_tokens(ids), found.word_ids(i))
        if any(row["maskable"]):
            rows.append(row)
    return rows


def _longest(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, wanted: int) -> int:
    """Pieces in a row; networks of the family of T5 have no limit of their own."""
    if hasattr(model.config, "max_position_embeddings"):
        return longest_input(model, tokenizer, wanted)
    return min(tokenizer.model_max_length, wanted)


def pieces_of(
    sets: Sequence[Sequence[Feature]], tokenizer: PreTrainedTokenizerBase, marks: Sequence[int] = ()
) -> torch.Tensor:
    """The pieces of all rows, the mask and other marks, ascending (S)."""
    found = {piece for rows in sets for row in rows for piece in row["input_ids"]} | {tokenizer.mask_token_id, *marks}
    return torch.tensor(sorted(found - {tokenizer.pad_token_id, None}))


def asked_loss(model: PreTrainedModel, batch: Batch, *, ask: Ask, ids_S: torch.Tensor | None) -> torch.Tensor:
    """Mean cross-entropy of the pieces that are asked for now, in nats; 0 where none is."""
    inputs, targets_BT = ask(batch)
    return _loss(model, inputs, targets_BT, ids_S).mean() if (targets_BT != NO_TARGET).any() else _nothing(model)


def masked_logits(
    model: PreTrainedModel, inputs: Batch, hidden_BT: torch.Tensor, ids_S: torch.Tensor | None = None
) -> torch.Tensor:
    """Scores of the pieces ``ids_S`` (of all where None) at the places that are hidden (N x S, float32).

    The network runs up to its last layer, which is computed only there and only for these pieces.

    Raises:
        RecipeError: its last layer is not one that multiplies by a row for each piece.
    """
    output: Any = model.get_output_embeddings()
    with _last_layer_skipped(output) as caught:
        model(**inputs)
    if not caught:
        raise RecipeError(
            f"The head of {type(model).__name__} has no last layer of word vectors",
            fix="Choose an encoder of the shape of BERT or XLM-R",
        )
    weight, bias = output.weight, output.bias
    table = model.get_input_embeddings()
    if ids_S is not None:
        ids_S = ids_S.to(weight.device)
        tied = isinstance(table, SeenRows) and weight is table.full.weight
        weight = cast("SeenRows", table).seen_rows if tied else weight[ids_S]
        bias = None if bias is None else bias[ids_S]
    states_ND = caught[0][hidden_BT]
    bias = None if bias is None else bias.to(states_ND.dtype)
    return torch.nn.functional.linear(states_ND, weight.to(states_ND.dtype), bias).float()


@contextmanager
def _last_layer_skipped(output: torch.nn.Module) -> Iterator[list[torch.Tensor]]:
    """While the block runs, a layer computes nothing; what it was given (B x T x D) is caught."""
    caught: list[torch.Tensor] = []

    def catch(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        caught.append(inputs[0])
        return (inputs[0][:, :0],)

    handle = output.register_forward_pre_hook(catch)
    try:
        yield caught
    finally:
        handle.remove()


def hide_once(
    features: Sequence[Feature], tokenizer: PreTrainedTokenizerBase, mask: Mapping[str, Any], *, seed: str
) -> list[dict[str, Any]]:
    """Rows with pieces hidden for good (``mask``: see :func:`isogloss.train.masking.masked_batch`), as ``labels``."""
    return ask_once(features, tokenizer, partial(masked_batch, **mask), seed=seed)


def ask_once(
    features: Sequence[Feature], tokenizer: PreTrainedTokenizerBase, ask: Ask, *, seed: str
) -> list[dict[str, Any]]:
    """Rows in which the same is asked for whenever they are read, as ``labels``; one with nothing is left out."""
    generator = torch.Generator().manual_seed(Random(seed).getrandbits(32))
    collate = collator(tokenizer)
    rows = []
    for feature in features:
        inputs, targets_BT = ask(collate([feature]), generator=generator)
        if (targets_BT != NO_TARGET).any():
            rows.append({name: value[0].tolist() for name, value in (inputs | {"labels": targets_BT}).items()})
    return rows


def held_out_loss(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[Feature],
    run: Run,
    *,
    ids_S: torch.Tensor | None = None,
    batch_size: int = 16,
) -> float:
    """Mean cross-entropy of the hidden pieces of rows from :func:`hide_once`, in nats; nan where there are none."""
    was_training = model.training
    model.eval()
    collate, device = collator(tokenizer), model.device
    losses = []
    order = sorted(rows, key=lambda row: len(row["input_ids"]))
    for start in range(0, len(order), batch_size):
        batch = {name: value.to(device) for name, value in collate(order[start : start + batch_size]).items()}
        targets_BT = batch.pop("labels")
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=run.precision == "bf16"):
            losses.append(_loss(model, batch, targets_BT, ids_S).cpu())
    model.train(was_training)
    return float(torch.cat(losses).double().mean()) if losses else float("nan")


def _loss(model: PreTrainedModel, inputs: Batch, targets_BT: torch.Tensor, ids_S: torch.Tensor | None) -> torch.Tensor:
    """Cross-entropy of each hidden piece (N)."""
    hidden_BT = targets_BT != NO_TARGET
    logits_NS = masked_logits(model, inputs, hidden_BT, ids_S)
    targets_N = targets_BT[hidden_BT]
    if ids_S is not None:
        targets_N = torch.searchsorted(ids_S.to(targets_N.device), targets_N)
    return torch.nn.functional.cross_entropy(logits_NS, targets_N, reduction="none")


def _nothing(model: PreTrainedModel) -> torch.Tensor:
    """A loss of 0 that still has a gradient for everything that learns."""
    return torch.stack([p.sum() * 0 for p in model.parameters() if p.requires_grad]).sum()


def _count(rows: Sequence[Feature]) -> int:
    return sum(label != NO_TARGET for row in rows for label in row["labels"])
