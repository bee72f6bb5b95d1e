"""Training the hypernetwork of zero-shot tokenizer transfer (ZeTT, section 3; notes of its code).

Stage 0, ours, only for an encoder without a head: a masked-language head is trained on the original vocabulary, the
body frozen. Stage 1: the rows of tokens of the original vocabulary are to be told from their pieces (as in MIMICK,
Pinter, Guthrie and Eisenstein, EMNLP 2017). Stage 2: in every step another tokenizer is drawn, its predicted rows go
into the frozen body, and the loss is that of the language model over the drawn vocabulary plus the distance of those
rows that the original vocabulary has.

The paper trains 200,000 steps on TPUs; the defaults here take some minutes of one core with the embedded encoder. A
training that is broken off begins anew.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from isogloss.errors import ResourceError
from isogloss.nets.hypernetwork import Design, Hypernetwork, padded, subword_means
from isogloss.transplant.hypersettings import HyperTraining
from isogloss.transplant.reader import Batch, Reader, batch_of
from isogloss.transplant.sampler import Sampler
from isogloss.transplant.tokens import Tokens

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Texts = Sequence[str] | Mapping[str, Sequence[str]]
HELD_OUT = 512
"""Tokens, at most a tenth of all, whose rows stage 1 does not see."""
SPECIAL = ("start", "end", "mask", "pad")


def fingerprint(rows_VE: torch.Tensor, old: Tokens) -> str:
    """SHA-256 of the rows and pieces that a hypernetwork reads: all of a backbone that it depends on in use."""
    digest = hashlib.sha256(repr((sorted(old.forms.items()), sorted(old.special.items()))).encode())
    digest.update(rows_VE.detach().float().contiguous().cpu().numpy().tobytes())
    return digest.hexdigest()


def pieces_of(old: Tokens, forms: Sequence[bytes], *, rows: int) -> list[list[int]]:
    """The old ids that write each form, without those that have no row; none where it cannot be written."""
    return [[i for i in cut if i < rows] for cut in old.cut_all(forms)]


def train_hypernetwork(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Texts,
    *,
    settings: HyperTraining | None = None,
    seed: int = 1,
    reader: Reader | None = None,
    progress: Callable[[int], None] | None = None,
) -> Hypernetwork:
    """A hypernetwork for a network and its tokenizer. The network is left as it was.

    Args:
        model: an encoder, with a head for masked pieces or without, or a decoder with its output layer.
        tokenizer: its own.
        texts: raw text, by language if the hypernetwork is to know languages.
        settings: sizes, steps and rates.
        seed: of everything that is drawn; torch's global generator is left as it was.
        reader: the network with a head that is trained already (:func:`train_head`).
        progress: is called after every update of each stage with 1 (``head_steps + identity_steps + steps`` in all).

    Raises:
        ResourceError: there is no text, or the network cannot be a language model.
    """
    how, tell = settings or HyperTraining(), progress or (lambda _: None)
    by_language = _by_language(texts)
    old = Tokens.of(tokenizer)
    languages = tuple(by_language) if isinstance(texts, Mapping) else ()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        reader = reader or train_head(model, tokenizer, texts, settings=how, seed=seed, progress=progress)
        task = _Training(reader=reader, old=old, texts=by_language, how=how, seed=seed, named=bool(languages))
        with reader.frozen():
            made = task.hypernetwork(languages)
            before = task.errors(made)
            identity = task.identity(made, tell)
            between = task.errors(made)
            losses = task.language(made, tell)
    made.record = {
        "settings": asdict(how), "seed": seed, "texts": {name: len(rows) for name, rows in by_language.items()},
        "single": task.single, "held_out": len(task.held), "head": reader.head is not None,
        "errors": {"untrained": before, "stage 1": between, "stage 2": task.errors(made)},
        "identity_loss": identity, "language_loss": losses,
    }  # fmt: skip
    return made.eval()


def train_head(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Texts,
    *,
    settings: HyperTraining | None = None,
    seed: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Reader:
    """The network as a language model: with its own head, or a fresh one trained on the original vocabulary.

    The fresh head tells masked pieces among those that occur in the texts; its transform and bias learn, the body and
    the word vectors do not.
    """
    how = settings or HyperTraining()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        reader = Reader(model)
        if reader.head is None:
            return reader
        old, rows_VE = Tokens.of(tokenizer), reader.rows_VE
        everything = [text for rows in _by_language(texts).values() for text in rows]
        mask, (start, end) = _mask(old), _ends(old.roles)
        room = how.max_length - len(start) - len(end)
        bare = tokenizer(everything, add_special_tokens=False, verbose=False)["input_ids"]
        encoded = [start + ids[:room] + end for ids in bare]
        seen = sorted({i for row in encoded for i in row} | {mask})
        place = {i: n for n, i in enumerate(seen)}
        ordinary, rows_SE = [place[i] for i in seen if i in old.forms], rows_VE[seen]
        bias_S = torch.nn.Parameter(torch.zeros(len(seen), device=rows_VE.device))
        weights = [*reader.head.parameters(), bias_S]
        update = _updates(weights, steps=how.head_steps, rate=how.head_rate, how=how)
        with reader.frozen():
            for _ in range(how.head_steps):
                chosen = torch.randperm(len(encoded))[: how.batch_size].tolist()
                some = [[place[i] for i in encoded[n]] for n in chosen]
                batch = batch_of(some, tokens=len(seen), ordinary=ordinary, mask=place[mask])
                update(reader.loss(_to(batch, rows_VE.device), rows_SE, bias_S))
                if progress:
                    progress(1)
        reader.bias_V[seen] = bias_S.detach()
        reader.head.requires_grad_(False)
    return reader


@dataclass(kw_only=True)
class _Training:
    """What the stages share."""

    reader: Reader
    old: Tokens
    texts: dict[str, list[str]]
    how: HyperTraining
    seed: int
    named: bool
    known: dict[bytes, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rows_VE = self.reader.rows_VE
        self.norm = float(self.rows_VE.norm(dim=1).mean())
        self.ids = [i for i in sorted(self.old.forms) if i < len(self.rows_VE)]
        order = torch.randperm(len(self.ids)).tolist()
        most = min(HELD_OUT, len(self.ids) // 10)
        self.held, self.shown = [self.ids[n] for n in order[:most]], [self.ids[n] for n in order[most:]]
        whole = self.cuts([self.old.forms[i] for i in self.ids])
        self.whole = dict(zip(self.ids, whole, strict=True))
        self.single = sum(cut == [i] for i, cut in self.whole.items()) / len(self.ids)
        self.halved = {i: cut for i in self.held if (cut := self.halves(i)) is not None}

    def hypernetwork(self, languages: tuple[str, ...]) -> Hypernetwork:
        width = self.reader.width
        design = Design(
            width=width, sides=self.rows_VE.shape[1] // width, layers=self.how.layers, residual=self.how.residual,
            languages=languages,
        )  # fmt: skip
        made = Hypernetwork(design, backbone=fingerprint(self.rows_VE, self.old)).to(self.rows_VE)
        sample = [self.whole[i] for i in self.shown[: 4 * self.how.tokens]]
        made.fit(self.padded(sample), self.rows_VE, bias=float(self.reader.bias_V[self.ids].mean()))
        return made

    def cuts(self, forms: Sequence[bytes]) -> list[list[int]]:
        """As :func:`pieces_of`; what cannot be written is read as unknown."""
        unknown = self.old.roles.get("unk", self.ids[0])
        missing = list(dict.fromkeys(form for form in forms if form not in self.known))
        found = pieces_of(self.old, missing, rows=len(self.rows_VE))
        self.known |= {form: cut or [unknown] for form, cut in zip(missing, found, strict=True)}
        return [self.known[form] for form in forms]

    def halves(self, i: int) -> list[int] | None:
        """A token as two others, cut at a random one of the places where that can be done."""
        form = self.old.forms[i]
        places = [n for n in range(1, len(form)) if form[n] & 0xC0 != 0x80]
        pairs = [(self.old.ids.get(form[:n]), self.old.ids.get(form[n:])) for n in places]
        good = [[a, b] for a, b in pairs if a is not None and b is not None and max(a, b) < len(self.rows_VE)]
        return good[int(torch.randint(len(good), ()))] if good else None

    def padded(self, cuts: list[list[int]]) -> torch.Tensor:
        return padded(cuts).to(self.rows_VE.device)

    def some_language(self) -> str:
        sizes = torch.tensor([float(len(rows)) for rows in self.texts.values()])
        return list(self.texts)[int(torch.multinomial(sizes**self.how.alpha, 1))]

    def identity(self, made: Hypernetwork, tell: Callable[[int], None]) -> list[float]:
        """Stage 1: mean squared distance of the predicted rows from the tokens' own."""
        how, losses = self.how, []
        update = _updates(list(made.parameters()), steps=how.identity_steps, rate=how.identity_rate, how=how)
        for _ in range(how.identity_steps):
            ids = [self.shown[n] for n in torch.randint(len(self.shown), (how.tokens,)).tolist()]
            apart = (torch.rand(len(ids)) < how.apart).tolist()
            cuts = [(self.halves(i) if cut else None) or self.whole[i] for i, cut in zip(ids, apart, strict=True)]
            language = self.some_language() if self.named else ""
            predicted = made(self.padded(cuts), self.rows_VE, language=language).rows_NE
            losses.append(update(_distance(predicted, self.rows_VE[ids]) / made.design.sides))
            tell(1)
        return losses

    def language(self, made: Hypernetwork, tell: Callable[[int], None]) -> list[float]:
        """Stage 2: the language model's loss under drawn tokenizers, and the distance to known rows."""
        how, losses = self.how, []
        samplers = {
            name: Sampler(self.old.tokenizer, size=how.vocabulary, pool=how.pool, seed=self.seed) for name in self.texts
        }
        for name, sampler in samplers.items():  # a pool is full before the first tokenizer is drawn
            sampler.push(self._texts(name, how.pool))
        update = _updates(list(made.parameters()), steps=how.steps, rate=how.learning_rate, how=how)
        for _ in range(how.steps):
            name = self.some_language()
            some = self._texts(name, how.batch_size)
            samplers[name].push(some)
            losses.append(update(self.step(made, samplers[name], some, name if self.named else "")))
            tell(1)
        return losses

    def step(self, made: Hypernetwork, sampler: Sampler, texts: list[str], language: str) -> torch.Tensor:
        """The loss of one step of stage 2."""
        drawn = sampler.sample()
        cuts = self.cuts(drawn.forms)
        predicted = made(self.padded(cuts), self.rows_VE, language=language)
        roles = [role for role in SPECIAL if role in self.old.roles]
        special = [self.old.roles[role] for role in roles]
        unknown = self.rows_VE[self.old.roles["unk"]] if "unk" in self.old.roles else self.rows_VE.mean(0)
        rows_NE = torch.cat([unknown[None], predicted.rows_NE, self.rows_VE[special]])
        bias_N = torch.cat([self.reader.bias_V[:1] * 0, predicted.bias_N, self.reader.bias_V[special]])
        place = {role: 1 + len(cuts) + n for n, role in enumerate(roles)}
        start, end = _ends(place)
        room = self.how.max_length - len(start) - len(end)
        encoded = [start + one.ids[:room] + end for one in drawn.engine.encode_batch(texts)]
        if not self.reader.causal:
            _mask(self.old)
        mask = None if self.reader.causal else place["mask"]
        batch = batch_of(encoded, tokens=len(rows_NE), ordinary=range(1, len(cuts) + 1), mask=mask)
        told = self.reader.loss(_to(batch, rows_NE.device), rows_NE, bias_N)
        return told + self.how.lexical * lexical_loss(predicted.rows_NE, cuts, self.rows_VE, norm=self.norm)

    @torch.no_grad()
    def errors(self, made: Hypernetwork) -> dict[str, float]:
        """Mean squared distance of held-out tokens: cut as they are, and cut into two others, beside the subword mean.

        ``spread`` is the distance of the same rows from their own mean.
        """
        language = next(iter(made.design.languages), "")
        found: dict[str, float] = {}
        for name, cuts in (("whole", {i: self.whole[i] for i in self.held}), ("halves", self.halved)):
            if not cuts:
                continue
            own, given = self.rows_VE[list(cuts)], self.padded(list(cuts.values()))
            found[name] = float(_distance(made.predict(given, self.rows_VE, language=language).rows_NE, own))
            found[f"{name}, subword mean"] = float(_distance(subword_means(self.rows_VE, given), own))
            found[f"{name}, spread"] = float(_distance(own.mean(0), own))
        return found

    def _texts(self, language: str, number: int) -> list[str]:
        rows = self.texts[language]
        return [rows[n] for n in torch.randperm(len(rows))[:number].tolist()]


def lexical_loss(
    predicted_NE: torch.Tensor, cuts: Sequence[Sequence[int]], rows_VE: torch.Tensor, *, norm: float
) -> torch.Tensor:
    """Mean squared distance of tokens that are one old token from its row, by the mean ``norm`` of the old rows.

    0 where there are none.
    """
    single = [(n, cut[0]) for n, cut in enumerate(cuts) if len(cut) == 1]
    if not single:
        return predicted_NE.new_zeros(())
    mine, theirs = ([pair[side] for pair in single] for side in (0, 1))
    return _distance(predicted_NE[mine], rows_VE[theirs]) / norm


def _distance(one_NE: torch.Tensor, other_NE: torch.Tensor) -> torch.Tensor:
    return ((one_NE - other_NE) ** 2).sum(1).mean()


def _updates(
    weights: list[torch.nn.Parameter], *, steps: int, rate: float, how: HyperTraining
) -> Callable[[torch.Tensor], float]:
    """A function that takes a loss and makes one update: AdamW, a rate that rises over a tenth and falls to a tenth."""
    optimizer = torch.optim.AdamW(weights, lr=rate, betas=(0.9, 0.95), weight_decay=how.decay)
    rise = max(1, steps // 10)

    def share(step: int) -> float:
        if step < rise:
            return (step + 1) / rise
        return 0.55 + 0.45 * math.cos(math.pi * (step - rise) / max(1, steps - rise))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)

    def update(loss: torch.Tensor) -> float:
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, how.clip)
        optimizer.step()
        schedule.step()
        return float(loss.detach())

    return update


def _by_language(texts: Texts) -> dict[str, list[str]]:
    groups: Mapping[str, Sequence[str]] = texts if isinstance(texts, Mapping) else {"": texts}
    found = {name: [text for text in rows if text.strip()] for name, rows in groups.items()}
    if not found or not all(found.values()):
        raise ResourceError(
            "A hypernetwork is trained on raw text, and there is none", fix="Give some in every language"
        )
    return found


def _ends(ids: Mapping[str, int]) -> tuple[list[int], list[int]]:
    """What a text begins and ends with."""
    return ([ids["start"]] if "start" in ids else []), ([ids["end"]] if "end" in ids else [])


def _mask(old: Tokens) -> int:
    if "mask" not in old.roles:
        raise ResourceError(
            "The tokenizer has no mask, by which an encoder is trained", fix="Choose another initialiser"
        )
    return old.roles["mask"]


def _to(batch: Batch, device: Any) -> Batch:
    return Batch(*(tensor.to(device) for tensor in batch))
