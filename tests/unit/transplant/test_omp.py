"""OMP: its identities on whole vocabularies."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from isogloss import Backbone
from isogloss.errors import ResourceError
from isogloss.transplant.base import Swap
from isogloss.transplant.initialisers import find_initialiser
from isogloss.transplant.initialisers.omp import Omp
from isogloss.transplant.tokens import Tokens

WIDTH = 24


def without(tokens: Tokens, lost: set[int]) -> Tokens:
    """The vocabulary as if it lacked some ordinary tokens."""
    return replace(tokens, forms={i: form for i, form in tokens.forms.items() if i not in lost})


@pytest.fixture
def whole(tiny_backbone: Path) -> Tokens:
    return Tokens.of(Backbone.load(str(tiny_backbone)).tokenizer())


@pytest.fixture
def swap(whole: Tokens) -> Swap:
    """Every fifth ordinary token is new; the donor is wider than the base."""
    draw = torch.Generator().manual_seed(1)
    rows = torch.randn(whole.size, WIDTH, generator=draw)
    return Swap(
        rows_VD=rows,
        old=without(whole, set(sorted(whole.forms)[::5])),
        new=whole,
        donor_NE=torch.randn(whole.size, 2 * WIDTH, generator=draw),
    )


def fresh(swap: Swap) -> list[int]:
    return [i for i in sorted(swap.new.forms) if i not in swap.shared]


def test_the_same_tokenizer_gives_the_same_matrix(swap: Swap) -> None:
    same = replace(swap, old=swap.new)
    rows = Omp(k=5)(same)
    assert torch.equal(rows.rows_ND[sorted(same.shared)], same.rows_VD[sorted(same.shared)])
    assert rows.counts() == {"exact": len(same.shared), "approximated": 0, "fallback": swap.new.size - len(same.shared)}
    assert rows.notes == ()


def test_shared_rows_are_copied_and_new_ones_made(swap: Swap) -> None:
    rows = Omp(k=5)(swap)
    for i, j in swap.shared.items():
        assert torch.equal(rows.rows_ND[i], swap.rows_VD[j])
        assert rows.how[i] == "exact"
    assert len(fresh(swap)) > 20
    assert {rows.how[i] for i in fresh(swap)} == {"approximated"}
    assert len(rows.notes) == 1


def test_the_error_is_the_linear_map_of_what_is_left(swap: Swap) -> None:
    draw = torch.Generator().manual_seed(2)
    base, linear = torch.randn(swap.new.size, WIDTH, generator=draw), torch.randn(WIDTH, 2 * WIDTH, generator=draw)
    # The base is the first columns of the donor, so that both errors can be seen.
    donor = torch.cat([base, base @ linear], dim=1)
    given = replace(swap, rows_VD=base, donor_NE=donor)
    seen = replace(given, rows_VD=donor)
    ids = fresh(swap)
    left = donor[ids] - Omp(k=7)(seen).rows_ND[ids]
    error = base[ids] - Omp(k=7)(given).rows_ND[ids]
    assert torch.allclose(error, left[:, :WIDTH], atol=1e-4)
    assert torch.allclose(error @ linear, left[:, WIDTH:], atol=1e-3)


def test_a_donor_that_is_the_base_is_rebuilt_the_better_the_more_tokens_are_used(swap: Swap) -> None:
    ids, given = fresh(swap), replace(swap, donor_NE=swap.rows_VD)
    errors = [float((Omp(k=k)(given).rows_ND - swap.rows_VD)[ids].norm()) for k in (1, 4, 12, WIDTH)]
    assert errors[0] > errors[1] > errors[2] > errors[3]
    assert errors[3] < 1e-3


def test_a_new_order_of_the_vocabulary_is_a_new_order_of_the_rows(swap: Swap) -> None:
    order = list(range(swap.new.size))
    random.Random(3).shuffle(order)
    place = {old: new for new, old in enumerate(order)}
    assert swap.donor_NE is not None
    moved = replace(
        swap,
        new=replace(
            swap.new,
            forms={place[i]: form for i, form in swap.new.forms.items()},
            special={place[i]: role for i, role in swap.new.special.items()},
        ),
        donor_NE=swap.donor_NE[order],
    )
    ids = sorted(swap.new.forms)
    before, after = Omp(k=5)(swap).rows_ND, Omp(k=5)(moved).rows_ND
    assert torch.allclose(after[[place[i] for i in ids]], before[ids], atol=1e-5)


def test_tokens_without_a_donor_vector_are_drawn(swap: Swap) -> None:
    ids = fresh(swap)
    assert swap.donor_NE is not None
    donor = swap.donor_NE.clone()
    donor[ids[0]], donor[ids[1], 3] = 0, float("nan")
    shared = next(i for i in swap.shared if i in swap.new.forms)
    donor[shared] = 0
    rows = Omp(k=5)(replace(swap, donor_NE=donor))
    assert [rows.how[i] for i in ids[:3]] == ["fallback", "fallback", "approximated"]
    assert torch.equal(rows.rows_ND[shared], swap.rows_VD[swap.shared[shared]])
    assert torch.isfinite(rows.rows_ND).all()


def test_without_a_donor_text_takes_its_place(swap: Swap) -> None:
    text = ["the girl saw the red bread", "my uncle sold a small hammer", "a farmer found the old king"] * 30
    rows = Omp(k=3, dim=8, epochs=1)(replace(swap, donor_NE=None, texts=text))
    assert rows.notes[0].startswith("There is no donor for omp. Vectors of ")
    assert rows.counts()["exact"] == len(swap.shared)


def test_what_is_missing_is_one_sentence(swap: Swap, whole: Tokens) -> None:
    anchors = len(set(swap.shared) & set(swap.new.forms))
    with pytest.raises(ResourceError, match=rf"are wanted and there are {anchors}\. Set a lower k\.$"):
        Omp(k=anchors + 1)(swap)
    with pytest.raises(
        ResourceError, match=r"share no ordinary token that has a vector\. Choose another initialiser\.$"
    ):
        Omp()(replace(swap, old=without(whole, set(whole.forms))))
    with pytest.raises(ResourceError, match=r"trained on raw text and there is none\. Give texts or a donor\.$"):
        Omp()(replace(swap, donor_NE=None))


def test_its_name_finds_it() -> None:
    assert find_initialiser("omp") == Omp()
