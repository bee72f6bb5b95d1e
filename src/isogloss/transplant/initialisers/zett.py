"""Zero-shot tokenizer transfer: rows predicted by a hypernetwork (Minixhofer, Ponti and Vulic, NeurIPS 2024)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar

from isogloss.errors import ResourceError
from isogloss.transplant.base import How, Initialiser, Rows, Swap
from isogloss.transplant.hypersettings import HyperTraining

if TYPE_CHECKING:
    import torch

    from isogloss.nets.hypernetwork import Hypernetwork

_made: dict[str, Hypernetwork] = {}
"""The hypernetwork trained last in this process, by all that it depends on: both sides of a network ask for one."""


@dataclass(frozen=True, kw_only=True)
class Zett(HyperTraining, Initialiser):
    """Rows from a hypernetwork that was trained over many tokenizers, so that this one needs no training.

    The new tokenizer's own way of cutting text plays no part. A hypernetwork of a network serves whatever was made of
    it by training that left the word vectors (and an untied output layer) as they were.

    Attributes:
        hypernetwork: folder of one that ``Hypernetwork.save`` wrote; "" trains one on the texts of the swap.
        language: whose tokens they are, for a hypernetwork that knows languages.
        copy_shared: whether tokens that both vocabularies have keep their rows. The paper predicts them all and copies
            special ones only.
    """

    name: ClassVar[str] = "zett"

    hypernetwork: str = ""
    language: str = ""
    copy_shared: bool = False

    @property
    def needs_text(self) -> bool:  # type: ignore[override]
        """Only to train one."""
        return not self.hypernetwork

    def __call__(self, swap: Swap) -> Rows:
        """Rows for all new tokens.

        Raises:
            ResourceError: there is neither a network nor text to train with; the hypernetwork is of another backbone or
                does not know the language.
        """
        from isogloss.nets.hypernetwork import padded
        from isogloss.transplant.hypertraining import pieces_of

        rows_VE = _rows(swap)
        made = self._hypernetwork(swap, rows_VE)
        ids = sorted(swap.new.forms)
        cuts = pieces_of(swap.old, [swap.new.forms[i] for i in ids], rows=len(rows_VE))
        ordinary = [i for i in swap.old.forms if i < len(rows_VE)]
        rows_ND = swap.rows_VD[ordinary].float().mean(0).repeat(swap.new.size, 1)
        how: list[How] = ["fallback"] * swap.new.size
        written = [(i, cut) for i, cut in zip(ids, cuts, strict=True) if cut]
        if written:
            given = padded([cut for _, cut in written]).to(rows_VE.device)
            predicted_NE = made.predict(given, rows_VE, language=self.language).rows_NE
            side = slice(made.design.width) if swap.side == "input" else slice(-made.design.width, None)
            rows_ND[[i for i, _ in written]] = predicted_NE[:, side]
            for i, _ in written:
                how[i] = "approximated"
        for i, j in swap.shared.items():
            if self.copy_shared or i in swap.new.special:
                rows_ND[i], how[i] = swap.rows_VD[j], "exact"
        return Rows(rows_ND=rows_ND, how=how, notes=_notes(made, [cut for _, cut in written]))

    def _hypernetwork(self, swap: Swap, rows_VE: torch.Tensor) -> Hypernetwork:
        """The one in the folder, or one trained now, once for a network, a text and settings."""
        from isogloss.nets.hypernetwork import Hypernetwork
        from isogloss.transplant.hypertraining import fingerprint, train_hypernetwork

        mine = fingerprint(rows_VE, swap.old)
        if self.hypernetwork:
            made = Hypernetwork.load(self.hypernetwork)
            if made.backbone != mine:
                raise ResourceError(
                    f"The hypernetwork in '{self.hypernetwork}' was made for other word vectors or another tokenizer",
                    fix="Use the network it was trained with, or what was made of it with its word vectors frozen",
                )
            return made.to(rows_VE.device)
        if swap.model is None or not swap.texts:
            raise ResourceError(
                "A hypernetwork is trained with the network and raw text",
                fix="Give both, or a folder with one: zett.hypernetwork=FOLDER",
            )
        settings = HyperTraining(**{field.name: getattr(self, field.name) for field in fields(HyperTraining)})
        facts = (mine, type(swap.model).__name__, settings, list(swap.texts), swap.seed)
        key = hashlib.sha256(repr(facts).encode("utf-8", "surrogatepass")).hexdigest()
        if key not in _made:
            made = train_hypernetwork(
                swap.model, swap.old.tokenizer, list(swap.texts), settings=settings, seed=swap.seed
            )
            _made.clear()
            _made[key] = made
        return _made[key]


def _rows(swap: Swap) -> torch.Tensor:
    """The old rows (V x E): those of the swap, or both sides of a network whose output layer is not tied."""
    from isogloss.transplant.reader import old_rows

    return swap.rows_VD.float() if swap.model is None else old_rows(swap.model)


def _notes(made: Hypernetwork, cuts: list[list[int]]) -> tuple[str, ...]:
    single, long = sum(len(cut) == 1 for cut in cuts), sum(len(cut) > made.design.longest for cut in cuts)
    kind = "subword mean and learnt residual (our variant)" if made.design.residual else "the paper's"
    notes = [f"Rows were predicted by a hypernetwork (parametrisation: {kind}); {single:,} of {len(cuts):,} tokens are "
             f"one token of the original vocabulary."]  # fmt: skip
    if long:
        notes.append(f"Of {long:,} tokens only the first {made.design.longest} pieces were read.")
    return tuple(notes)
