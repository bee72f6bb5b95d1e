"""The hypernetwork: each token alone, the two parametrisations, the rescalings, files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isogloss.errors import ResourceError
from isogloss.nets.hypernetwork import Design, Hypernetwork, padded, subword_means

V, D = 50, 16
CUTS = [[3], [4, 5], [6, 7, 8], [3, 3], [9], [1, 2, 3, 4, 5, 6, 7, 8, 9], [49, 0]]
IDS = st.lists(st.lists(st.integers(0, V - 1), min_size=1, max_size=9), min_size=2, max_size=6)


def rows(sides: int = 1) -> torch.Tensor:
    scale = torch.linspace(0.5, 2, D * sides)
    return torch.randn(V, D * sides, generator=torch.Generator().manual_seed(1)) * scale + 0.3


def net(**changes: object) -> Hypernetwork:
    torch.manual_seed(5)
    return Hypernetwork(Design(**{"width": D, **changes})).eval()  # type: ignore[arg-type]


def shaken(**changes: object) -> Hypernetwork:
    """One whose every weight, also those that begin at 0, is something."""
    made = net(**changes)
    with torch.no_grad():
        for weight in made.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return made


@pytest.mark.parametrize("residual", [False, True])
def test_permuting_the_vocabulary_permutes_the_rows(residual: bool) -> None:
    made, order = shaken(residual=residual), [4, 0, 6, 2, 5, 1, 3]
    whole = made.predict(padded(CUTS), rows())
    mixed = made.predict(padded([CUTS[n] for n in order]), rows())
    torch.testing.assert_close(mixed.rows_NE, whole.rows_NE[order], atol=1e-6, rtol=0)
    torch.testing.assert_close(mixed.bias_N, whole.bias_N[order], atol=1e-6, rtol=0)


@settings(max_examples=20, deadline=None)
@given(cuts=IDS, residual=st.booleans())
def test_a_token_does_not_see_the_others_nor_padding(cuts: list[list[int]], residual: bool) -> None:
    made = shaken(residual=residual)
    together = made.predict(padded(cuts), rows()).rows_NE
    wider = torch.cat([padded(cuts), torch.full((len(cuts), 3), -1)], 1)
    alone = torch.cat([made.predict(padded([cut]), rows()).rows_NE for cut in cuts])
    torch.testing.assert_close(alone, together, atol=1e-5, rtol=0)
    torch.testing.assert_close(made.predict(wider, rows(), batch=2).rows_NE, together, atol=1e-5, rtol=0)


def test_the_order_of_pieces_matters_and_those_beyond_the_longest_do_not() -> None:
    made = shaken()
    one = made.predict(padded([[3, 4], [4, 3], list(range(9)), [*range(7), 30, 31]]), rows()).rows_NE
    assert not torch.allclose(one[0], one[1], atol=1e-3)
    torch.testing.assert_close(one[2], one[3])


@pytest.mark.parametrize("sides", [1, 2])
def test_our_variant_is_the_subword_mean_before_training(sides: int) -> None:
    made = net(residual=True, sides=sides)
    made.fit(padded(CUTS), rows(sides))
    predicted = made.predict(padded(CUTS), rows(sides)).rows_NE
    assert torch.equal(predicted, subword_means(rows(sides), padded(CUTS)))
    expected = torch.stack([rows(sides)[cut].mean(0) for cut in CUTS])
    torch.testing.assert_close(predicted, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("sides", [1, 2])
def test_the_papers_rows_have_mean_and_deviation_of_the_old_ones_at_first(sides: int) -> None:
    made, whole = net(sides=sides), padded([[i] for i in range(V)])
    before = made.predict(whole, rows(sides)).rows_NE
    made.fit(whole, rows(sides))
    after = made.predict(whole, rows(sides)).rows_NE
    torch.testing.assert_close(after.mean(0), rows(sides).mean(0), atol=1e-4, rtol=0)
    torch.testing.assert_close(after.std(0), rows(sides).std(0), atol=1e-3, rtol=0)
    assert not torch.allclose(before.std(0), rows(sides).std(0), atol=1e-2)


def test_the_bias_head_begins_at_the_mean_of_the_old_biases() -> None:
    made = net()
    made.fit(padded(CUTS), rows(), bias=-1.5)
    assert torch.equal(made.predict(padded(CUTS), rows()).bias_N, torch.full((len(CUTS),), -1.5))


def test_languages_have_vectors_of_their_own() -> None:
    made = shaken(languages=("deu", "yor"))
    deu, yor = (made.predict(padded(CUTS), rows(), language=name).rows_NE for name in ("deu", "yor"))
    assert not torch.allclose(deu, yor, atol=1e-4)
    for language in ("", "eng"):
        with pytest.raises(ResourceError, match="deu, yor"):
            made.predict(padded(CUTS), rows(), language=language)


def test_a_token_without_pieces_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one piece"):
        net().predict(padded([[3], []]), rows())


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    made = shaken(languages=("deu", "yor"), sides=2, residual=True)
    made.backbone, made.record = "abc", {"seed": 3}
    made.fit(padded(CUTS), rows(2))
    made.save(tmp_path / "it")
    back = Hypernetwork.load(tmp_path / "it")
    assert (back.design, back.backbone, back.record) == (made.design, "abc", {"seed": 3})
    for one, other in zip(back.predict(padded(CUTS), rows(2), language="yor"),
                          made.predict(padded(CUTS), rows(2), language="yor"), strict=True):  # fmt: skip
        assert torch.equal(one, other)


def test_what_cannot_be_read_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="cannot be read"):
        Hypernetwork.load(tmp_path / "nothing")
    shaken().save(tmp_path)
    (tmp_path / "hypernetwork.safetensors").write_bytes(b"broken")
    with pytest.raises(ResourceError, match="cannot be read"):
        Hypernetwork.load(tmp_path)
