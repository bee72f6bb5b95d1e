"""Orthogonal matching pursuit: its identities, and that haste changes nothing."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isogloss.errors import ResourceError
from isogloss.transplant.pursuit import Sums, pursue


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def left(targets: torch.Tensor, atoms: torch.Tensor, sums: Sums) -> torch.Tensor:
    return targets - sums.of(atoms)


def by_definition(target: torch.Tensor, atoms: torch.Tensor, k: int, normalise: bool) -> dict[int, float]:
    """Weights by atom: choose, solve least squares anew, subtract."""
    chosen: list[int] = []
    weights, rest = target.new_zeros(0), target
    for _ in range(k):
        scores = (atoms @ rest).abs() / (atoms.norm(dim=1) if normalise else 1)
        scores[chosen] = -1
        chosen.append(int(scores.argmax()))
        weights = torch.linalg.lstsq(atoms[chosen].T, target[:, None]).solution[:, 0]
        rest = target - atoms[chosen].T @ weights
    return dict(zip(chosen, weights.tolist(), strict=True))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.booleans())
def test_it_is_what_the_definition_says(seed: int, k: int, normalise: bool) -> None:
    atoms = normal(30, 9, seed=seed) * normal(30, 1, seed=seed + 1).exp()
    targets = normal(4, 9, seed=seed + 2)
    sums = pursue(targets, atoms, k=k, normalise=normalise)
    for row, target in enumerate(targets):
        wanted = by_definition(target, atoms, k, normalise)
        found = dict(zip(sums.atoms_NK[row].tolist(), sums.weights_NK[row].tolist(), strict=True))
        assert found == pytest.approx(wanted, rel=1e-8)


def test_what_is_left_is_at_right_angles_to_the_atoms_taken() -> None:
    atoms, targets = normal(200, 40), normal(20, 40, seed=1)
    sums = pursue(targets, atoms, k=15)
    rest = left(targets, atoms, sums)
    assert torch.einsum("nke,ne->nk", atoms[sums.atoms_NK], rest).abs().max() < 1e-11
    assert torch.allclose(rest.norm(dim=1) / targets.norm(dim=1), sums.left_N, atol=1e-12)


def test_less_is_left_with_every_atom_and_nothing_at_full_width() -> None:
    atoms, targets = normal(60, 12), normal(10, 12, seed=1)
    rests = torch.stack([pursue(targets, atoms, k=k).left_N for k in range(1, 13)])
    assert (rests.diff(dim=0) < 0).all()
    assert rests[-1].max() < 1e-10
    sums = pursue(targets, atoms, k=40)
    assert left(targets, atoms, sums).abs().max() < 1e-10
    assert (sums.weights_NK != 0).sum(1).max() <= 12


def test_a_linear_map_of_the_atoms_maps_what_is_left() -> None:
    atoms, targets, linear = normal(100, 20), normal(15, 20, seed=1), normal(20, 33, seed=2)
    sums = pursue(targets, atoms, k=8)
    error = targets @ linear - sums.of(atoms @ linear)
    assert torch.allclose(error, left(targets, atoms, sums) @ linear, atol=1e-10)
    single = pursue(targets.float(), atoms.float(), k=8)
    error = targets.float() @ linear.float() - single.of((atoms @ linear).float())
    assert torch.allclose(error, left(targets.float(), atoms.float(), single) @ linear.float(), atol=1e-4)


def test_planted_sums_are_found_by_the_angle_and_rarely_by_the_inner_product() -> None:
    lengths = (0.8 * normal(400, 1, seed=3)).exp()
    atoms = torch.nn.functional.normalize(normal(400, 128), dim=1) * lengths
    draw = torch.Generator().manual_seed(4)
    planted = torch.stack([torch.randperm(400, generator=draw)[:5] for _ in range(100)])
    signs = torch.randint(0, 2, (100, 5), generator=draw) * 2.0 - 1
    # Each atom has the same share in the target, whatever its length.
    weights = signs * (1 + torch.rand(100, 5, generator=draw)) / lengths[planted, 0]
    targets = torch.einsum("nk,nke->ne", weights.double(), atoms[planted])

    def share_found(normalise: bool) -> float:
        found = pursue(targets, atoms, k=5, normalise=normalise).atoms_NK
        return float((found.sort(1).values == planted.sort(1).values).all(1).double().mean())

    assert share_found(normalise=True) == 1.0
    assert share_found(normalise=False) < 0.5


@pytest.mark.parametrize("spread", [0.0, 2.0])
def test_screening_in_bytes_takes_the_same_atoms(spread: float) -> None:
    # A common direction, as matrices of networks have it, makes all atoms alike; also more than one batch.
    common = spread * normal(1, 48, seed=9)
    atoms = (normal(3001, 48) + common).float()
    targets = (normal(700, 48, seed=1) + common).float()
    fast, plain = (pursue(targets, atoms, k=10, screen=screen) for screen in (True, False))
    same = (fast.atoms_NK == plain.atoms_NK).all(1)
    assert same.double().mean() > 0.99  # the others are ties to the precision of float32
    assert torch.allclose(fast.left_N, plain.left_N, atol=1e-4)
    assert torch.allclose(fast.weights_NK[same], plain.weights_NK[same], atol=1e-4)


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("screen", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_atoms_that_depend_on_each_other_get_no_huge_weights(normalise: bool, screen: bool, dtype: torch.dtype) -> None:
    plain = normal(6, 24, dtype=dtype)
    nearly = plain + 1e-6 * normal(6, 24, seed=5, dtype=dtype)
    atoms, targets = torch.cat([plain, plain, nearly]), normal(9, 24, seed=1, dtype=dtype)
    sums = pursue(targets, atoms, k=18, normalise=normalise, screen=screen and normalise and dtype == torch.float32)
    assert torch.isfinite(sums.weights_NK).all()
    assert sums.weights_NK.abs().max() < 10
    best = targets - torch.linalg.lstsq(plain.T, targets.T).solution.T @ plain
    assert torch.allclose(left(targets, atoms, sums), best, atol=1e-4)


def test_a_target_of_length_zero_is_an_empty_sum() -> None:
    sums = pursue(torch.zeros(2, 5), normal(8, 5, dtype=torch.float32), k=3)
    assert not sums.weights_NK.any()
    assert not sums.left_N.any()


def test_an_atom_itself_is_found_at_once() -> None:
    atoms = normal(50, 16, dtype=torch.float32)
    sums = pursue(3 * atoms[[7, 11]], atoms, k=4)
    assert sums.atoms_NK[:, 0].tolist() == [7, 11]
    assert torch.allclose(sums.weights_NK[:, 0], torch.tensor([3.0, 3.0]))
    assert sums.weights_NK[:, 1:].abs().max() < 1e-5


def test_more_atoms_than_there_are_is_one_sentence() -> None:
    with pytest.raises(
        ResourceError, match=r"^9 shared tokens a new one are wanted and there are 8\. Set a lower k\.$"
    ):
        pursue(normal(2, 5), normal(8, 5), k=9)
