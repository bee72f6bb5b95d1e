"""Distillation: a student learns to attend as its teacher does, and to give the states that it gives.

Both read the same rows, and no label is needed. Of n student layers and n * r teacher layers, student layer j (from 0)
is compared with teacher layer r * (j + 1) - 1, and the states after j layers with the teacher's after r * j.

Ansell, Ponti, Korhonen and Vulić, 'Distilling Efficient Language-Specific Models for Cross-Lingual Transfer', Findings
of ACL 2023, section 3.2. Unlike in the authors' code, padding counts neither in maps nor in states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from isogloss.errors import DataError, RecipeError
from isogloss.nets.pointing import choices_of
from isogloss.nets.seen_rows import seen_rows
from isogloss.nets.student import Inside, attention_maps, look_inside
from isogloss.tasks import Encoded
from isogloss.train.batching import Feature, collator, longest_input
from isogloss.train.masking import NO_TARGET, masked_batch
from isogloss.train.phases import Phase, train_on_text
from isogloss.train.pretraining import Ask, encode_lines, pieces_of
from isogloss.train.schedule import Plan, plan_batches

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from isogloss.run import Run
    from isogloss.train.corpora import Corpus

# B rows, T pieces, D width, H heads, C choices

Batch = Mapping[str, torch.Tensor]
RATE = 0.15
"""Share of the pieces that are hidden in what both networks read."""


@dataclass(frozen=True, kw_only=True)
class Apart:
    """How far a student is from its teacher: mean squared differences of attention probabilities and of states."""

    attention: float
    hidden: float

    @property
    def loss(self) -> float:
        """What is trained on: their sum."""
        return self.attention + self.hidden


@dataclass(frozen=True, kw_only=True)
class Distilled:
    """What came of it, on held-out text by language.

    Attributes:
        before, after: of the copied layers, and of the state that was kept.
        rows: how many are trained on in each language: as many in all of them.
        best: the update whose state was kept.
        tokens: pieces trained on.
    """

    before: Mapping[str, Apart]
    after: Mapping[str, Apart]
    rows: int
    best: int
    tokens: int


def inner_losses(student: Inside, teacher: Inside, mask_BT: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean squared differences of the attention maps and of the states.

    Args:
        student: what the n student layers computed.
        teacher: what the r * n teacher layers did.
        mask_BT: 0 where there is padding, whose queries, keys and states do not count.

    Returns:
        The mean over student layers of each map's mean over rows, heads and pairs of pieces; the mean over layers, what
        the first one reads among them, of each state's mean over pieces and width.

    Raises:
        RecipeError: the teacher's depth is no multiple of the student's.
    """
    n, of = len(student.maps), len(teacher.maps)
    if of % n:
        raise RecipeError(
            f"A student of {n} layers cannot be compared with a teacher of {of}",
            fix="Choose a student of every second or third layer of its teacher",
        )
    r = of // n
    read_BT = mask_BT.float()
    pairs_B1TT = (read_BT[:, :, None] * read_BT[:, None, :])[:, None]
    attention = [
        _mean_square(own, teacher.maps[r * (j + 1) - 1], pairs_B1TT, its=own.shape[1])
        for j, own in enumerate(student.maps)
    ]
    hidden = [
        _mean_square(own, teacher.states[r * j], read_BT[:, :, None], its=own.shape[2])
        for j, own in enumerate(student.states)
    ]
    return torch.stack(attention).mean(), torch.stack(hidden).mean()


def _mean_square(one: torch.Tensor, other: torch.Tensor, counts: torch.Tensor, *, its: int) -> torch.Tensor:
    """Mean squared difference where ``counts`` (which stretches over one axis of length ``its``) is 1."""
    return ((one.float() - other.float()) ** 2 * counts).sum() / (counts.sum() * its)


def soft_loss(
    choices: torch.Tensor, teacher: torch.Tensor, labels: torch.Tensor, *, temperature: float
) -> torch.Tensor:
    """Cross-entropy of the student's answers to the teacher's, both logits divided by the temperature.

    The mean over rows (B x C), over labelled pieces (B x T x C, labels -100 elsewhere), or over the starts and ends of
    answers (B x 2 x T). Where labels are numbers, which have no temperature, it is the squared difference.
    """
    if labels.is_floating_point():
        return ((choices.float() - teacher.float()) ** 2).mean()
    p = torch.softmax(teacher.float() / temperature, dim=-1)
    values = -(p * torch.log_softmax(choices.float() / temperature, dim=-1)).sum(-1)
    counts = torch.ones_like(values) if values.ndim == 1 else (labels != NO_TARGET).float()
    return (values * counts).sum() / counts.sum().clamp(min=1)


def task_loss(student: PreTrainedModel, batch: Batch, *, teacher: PreTrainedModel, temperature: float) -> torch.Tensor:
    """Attention, states and soft answers together, each with weight 1. The labels say where an answer is, not which.

    Both networks must be within :func:`isogloss.nets.student.attention_maps`.
    """
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    own_output, own = look_inside(student, inputs)
    with torch.no_grad():
        output, its = look_inside(teacher, inputs)
    mask_BT = inputs["attention_mask"]
    attention, hidden = inner_losses(own, its, mask_BT)
    own_choices, choices = choices_of(own_output, mask_BT), choices_of(output, mask_BT)
    return attention + hidden + soft_loss(own_choices, choices, batch["labels"], temperature=temperature)


def text_losses(student: PreTrainedModel, teacher: PreTrainedModel, inputs: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """:func:`inner_losses` of two networks that read the same rows; their heads are not asked."""
    _, own = look_inside(cast("PreTrainedModel", student.base_model), inputs)
    with torch.no_grad():
        _, its = look_inside(cast("PreTrainedModel", teacher.base_model), inputs)
    return inner_losses(own, its, inputs["attention_mask"])


def distil(
    student: PreTrainedModel,
    teacher: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    corpora: Sequence[Corpus],
    run: Run,
    *,
    steps: int,
    batch_size: int = 8,
    learning_rate: float = 1e-4,
    max_length: int = 256,
    checks: int = 5,
) -> Distilled:
    """Train ``student`` in place on raw text, of which both networks read 85 %, and keep its best state.

    Every update is of one language, and the languages take turns; all have as many rows as the one with fewest.
    The loss is that of :func:`inner_losses`, without dropout on either side; hidden pieces are not asked for.

    Args:
        student: a network of :func:`isogloss.nets.student.student_of`.
        teacher: the one that it was made of; does not change.
        tokenizer: of both.
        corpora: text by language.
        run: its seed decides order and masks; it has folders for checkpoints.
        steps: updates; with 0 the student is only compared.
        batch_size: rows in an update.
        learning_rate: where the linear schedule begins; it ends at 0.
        max_length: pieces in a row; longer lines make several rows.
        checks: how often, evenly over the updates, it is compared with its teacher on held-out text.

    Raises:
        RecipeError: there is no piece that says "hidden".
        DataError: a language has no row to train on or to be compared on.
    """
    if tokenizer.mask_token_id is None:
        raise RecipeError(
            "The tokenizer has no piece that says 'hidden'", fix="Choose an encoder that was trained by masking"
        )
    for model in (student, teacher):
        torch.nn.Module.to(model, run.device)
    encode = partial(encode_lines, tokenizer=tokenizer, most=longest_input(student, tokenizer, max_length))
    rows = {corpus.lang: encode([e.fields["text"] for e in corpus.train]) for corpus in corpora}
    apart = {corpus.lang: encode([e.fields["text"] for e in corpus.held_out]) for corpus in corpora}
    for lang in rows:
        if not rows[lang] or not apart[lang]:
            raise DataError(f"The tokenizer knows no piece of some text in {lang}", fix="Give more text, or other text")
    fewest = min(map(len, rows.values()))
    rows = {lang: some[:fewest] for lang, some in rows.items()}
    ids_S = pieces_of([*rows.values(), *apart.values()], tokenizer)
    ordinary = ids_S[~torch.isin(ids_S, torch.tensor(tokenizer.all_special_ids))]
    ask: Ask = partial(masked_batch, mask_id=tokenizer.mask_token_id, pieces_N=ordinary, masking="tokens", rate=RATE)
    fixed = {lang: _hidden_once(some, tokenizer, ask, seed=f"{run.seed} {lang}") for lang, some in apart.items()}
    langs = [lang for lang, some in rows.items() for _ in some]
    teacher.requires_grad_(False).eval()

    def loss(model: PreTrainedModel, batch: Batch) -> torch.Tensor:
        attention, hidden = text_losses(model, teacher, ask(batch)[0])
        return attention + hidden

    def batches(features: Sequence[Feature], seed: int) -> Plan:
        lengths = [len(feature["input_ids"]) for feature in features]
        return in_turn(lengths, langs, steps=steps, batch_size=batch_size, seed=seed)

    def compared() -> dict[str, Apart]:
        return {lang: held_out(student, teacher, some, run) for lang, some in fixed.items()}

    phase = Phase(
        name="distillation",
        examples=[example for corpus in corpora for example in corpus.train],
        trains="all",
        loss=loss,
        encode=lambda _: Encoded(features=[row for some in rows.values() for row in some], owner=[]),
        batches=batches,
        learning_rate=learning_rate,
        head_learning_rate=learning_rate,
        warmup=0.0,
        weight_decay=0.0,
        snapshots=checks,
    )
    with attention_maps(student, teacher), seen_rows(student, ids_S):
        before = compared()
        if not steps:
            return Distilled(before=before, after=before, rows=fewest, best=0, tokens=0)
        training = train_on_text(student, tokenizer, [phase], run)
        found = []
        for snapshot in training.snapshots:
            student.load_state_dict(snapshot.load(), strict=False)
            found.append((snapshot, compared()))
        best, after = min(found, key=lambda one: sum(apart.loss for apart in one[1].values()))
        student.load_state_dict(best.load(), strict=False)
    return Distilled(before=before, after=after, rows=fewest, best=best.step, tokens=training.tokens)


def held_out(student: PreTrainedModel, teacher: PreTrainedModel, batches: Sequence[Batch], run: Run) -> Apart:
    """How far two networks are apart over batches: the mean over their rows."""
    was_training = student.training
    student.eval()
    sums, count = np.zeros(2), 0
    for batch in batches:
        inputs = {name: value.to(student.device) for name, value in batch.items()}
        kind = student.device.type
        with torch.inference_mode(), torch.autocast(kind, torch.bfloat16, enabled=run.precision == "bf16"):
            both = text_losses(student, teacher, inputs)
        rows = len(inputs["input_ids"])
        sums, count = sums + rows * np.array([float(value) for value in both]), count + rows
    student.train(was_training)
    attention, hidden = (sums / count).tolist()
    return Apart(attention=attention, hidden=hidden)


def _hidden_once(
    features: Sequence[Feature], tokenizer: PreTrainedTokenizerBase, ask: Ask, *, seed: str, batch_size: int = 8
) -> list[Batch]:
    """Batches of like length in which the same pieces are hidden whenever they are read."""
    generator = torch.Generator().manual_seed(Random(seed).getrandbits(32))
    collate = collator(tokenizer)
    order = sorted(features, key=lambda row: len(row["input_ids"]))
    return [
        ask(collate(order[start : start + batch_size]), generator=generator)[0]
        for start in range(0, len(order), batch_size)
    ]


def in_turn(lengths: Sequence[int], langs: Sequence[str], *, steps: int, batch_size: int, seed: int) -> Plan:
    """Exactly ``steps`` batches of one language each, the languages in turn, each gone through again and again.

    Args:
        lengths: pieces of each row.
        langs: language of each row.
        steps: how many batches.
        batch_size: rows in a batch, all of like length.
        seed: of the order.
    """
    own = {lang: [row for row, its in enumerate(langs) if its == lang] for lang in dict.fromkeys(langs)}
    each = -(-steps // len(own))
    generator = np.random.default_rng(seed)
    plans: list[Plan] = []
    for some in own.values():
        epochs = -(-each * batch_size // len(some))
        numbers = plan_batches(
            [lengths[row] for row in some], epochs=epochs, batch_size=batch_size, seed=int(generator.integers(1 << 31))
        )
        plans.append([[some[i] for i in batch] for batch in numbers][:each])
    return [batch for turn in zip(*plans, strict=True) for batch in turn][:steps]
