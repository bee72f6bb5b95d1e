"""Zero, random, mean and subword mean."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_tokenizers import gpt2, llama, wordpiece, xlmr

from isogloss.errors import RecipeError
from isogloss.transplant.base import Initialiser, Rows, Swap
from isogloss.transplant.initialisers.mean import Mean
from isogloss.transplant.initialisers.random import Random
from isogloss.transplant.initialisers.subword_mean import SubwordMean
from isogloss.transplant.initialisers.zero import Zero
from isogloss.transplant.tokens import Tokens

PLAIN: tuple[Any, ...] = (Zero, Random, Mean, SubwordMean)


def swap(old: Any = xlmr, new: Any = llama, seed: int = 1) -> Swap:
    old_tokens = Tokens.of(old())
    rows_VD = torch.randn(old_tokens.size, 8, generator=torch.Generator().manual_seed(0))
    return Swap(rows_VD=rows_VD, old=old_tokens, new=Tokens.of(new()), seed=seed)


def fresh(given: Swap) -> list[int]:
    return [i for i in range(given.new.size) if i not in given.shared]


@pytest.mark.parametrize("kind", PLAIN)
def test_they_are_found_by_name_and_copy_what_is_shared(kind: Any) -> None:
    assert Initialiser.find(kind.name) == kind()
    given = swap()
    rows: Rows = kind()(given)
    assert rows.rows_ND.shape == (given.new.size, 8)
    assert torch.equal(rows.rows_ND[list(given.shared)], given.rows_VD[list(given.shared.values())])
    assert {i for i, how in enumerate(rows.how) if how == "exact"} == set(given.shared)
    assert sum(rows.counts().values()) == given.new.size


@pytest.mark.parametrize("kind", [Zero, Random, Mean])
def test_without_copying_only_special_tokens_are_kept(kind: Any) -> None:
    given = swap()
    special = {i for i in given.shared if i in given.new.special}
    plain, copied = kind(copy_shared=False)(given), kind()(given)
    assert {i for i, how in enumerate(plain.how) if how == "exact"} == special
    assert torch.equal(plain.rows_ND[sorted(special)], copied.rows_ND[sorted(special)])
    assert torch.equal(plain.rows_ND[fresh(given)], copied.rows_ND[fresh(given)])
    shared = [i for i in given.shared if i not in special]
    assert not torch.equal(plain.rows_ND[shared], copied.rows_ND[shared])


def test_zero_is_zero() -> None:
    given = swap()
    assert not Zero()(given).rows_ND[fresh(given)].any()


def test_mean_is_that_of_ordinary_rows() -> None:
    given = swap()
    mean = given.rows_VD[sorted(given.old.forms)].mean(0)
    assert torch.allclose(Mean()(given).rows_ND[fresh(given)], mean)


def test_random_has_mean_and_spread_of_the_old_rows_and_follows_its_seed() -> None:
    given = swap()
    shifted = Swap(rows_VD=given.rows_VD * 3 + 5, old=given.old, new=Tokens.of(llama()))
    drawn = Random(copy_shared=False)(shifted).rows_ND[sorted(shifted.new.forms)]
    ordinary = shifted.rows_VD[sorted(given.old.forms)]
    error = ordinary.std(0) / len(drawn) ** 0.5
    assert ((drawn.mean(0) - ordinary.mean(0)).abs() < 5 * error).all()
    assert torch.allclose(drawn.std(0), ordinary.std(0, correction=0), rtol=0.25)
    assert torch.equal(Random()(given).rows_ND, Random()(swap()).rows_ND)
    assert not torch.equal(Random()(given).rows_ND, Random()(swap(seed=2)).rows_ND)


def test_subword_mean_is_the_mean_of_the_pieces_that_write_the_token() -> None:
    given = swap(xlmr, wordpiece)
    other = Swap(rows_VD=given.rows_VD, old=given.old, new=Tokens.of(xlmr(words=("casas", "perro"))))
    new = other.new.ids[b" casas"]
    pieces = [given.old.ids[b" casa"], given.old.ids[b"s"]]
    rows = SubwordMean()(other)
    assert torch.allclose(rows.rows_ND[new], given.rows_VD[pieces].mean(0))
    assert rows.how[new] == "approximated"


def test_what_the_old_vocabulary_cannot_write_gets_the_mean() -> None:
    given = swap(wordpiece, gpt2)
    rows = SubwordMean()(given)
    lost = [i for i, form in given.new.forms.items() if not given.old.cut(form)]
    assert lost
    assert {rows.how[i] for i in lost} == {"fallback"}
    assert torch.allclose(rows.rows_ND[lost], given.rows_VD[sorted(given.old.forms)].mean(0))


def test_rows_that_the_matrix_lacks_are_not_asked_for() -> None:
    given = swap()
    short = Swap(rows_VD=given.rows_VD[:-4], old=given.old, new=given.new)
    for kind in PLAIN:
        assert kind()(short).rows_ND.isfinite().all()


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(RecipeError, match="Did you mean 'random'"):
        Initialiser.find("randon")
