"""Sparse deltas: exact support under ties, put in and taken out bit for bit, sums, files, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import nn
from transformers import BertConfig, BertForMaskedLM, BertForSequenceClassification

from isogloss.errors import RecipeError, ResourceError
from isogloss.nets import pieces
from isogloss.nets.pieces import load_piece, network_fingerprint, save_piece
from isogloss.nets.seen_rows import seen_rows
from isogloss.nets.sparse_delta import SparseDelta, largest

FEW = settings(max_examples=80, deadline=None)
ROUNDING = 2.0**-24
Weights = dict[str, torch.Tensor]


def bert(seed: int = 0, kind: Any = BertForSequenceClassification, **changes: Any) -> Any:
    torch.manual_seed(seed)
    shape = {"vocab_size": 30, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = BertConfig(**shape | changes, intermediate_size=16, max_position_embeddings=12, pad_token_id=0)
    return kind(config).eval()


def weights(model: nn.Module) -> Weights:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def same(one: Mapping[str, torch.Tensor], two: Mapping[str, torch.Tensor]) -> bool:
    """Equal bit for bit, the signs of zeros among them."""
    return one.keys() == two.keys() and all(
        torch.equal(one[n].view(torch.int32), two[n].view(torch.int32)) for n in one
    )


def moved(before: Weights, seed: int, share: float = 0.3) -> Weights:
    """Some of the weights changed, by much and by little."""
    generator = torch.Generator().manual_seed(seed)
    after = {}
    for name, was in before.items():
        change = torch.randn(was.shape, generator=generator) * 10 ** (
            4 * torch.rand(was.shape, generator=generator) - 4
        )
        after[name] = torch.where(torch.rand(was.shape, generator=generator) < share, was + change, was)
    return after


def in_head(name: str) -> bool:
    return name.startswith("classifier.")


def in_body(name: str) -> bool:
    return not in_head(name)


def halves(before: Weights) -> tuple[SparseDelta, SparseDelta]:
    """Two deltas over every other weight each."""
    deltas = []
    for odd in (0, 1):
        places = {name: (torch.arange(w.numel()) % 2 == odd).view(w.shape) for name, w in before.items()}
        after = moved(before, seed=odd, share=1.0)
        after = {name: torch.where(places[name], after[name], before[name]) for name in before}
        deltas.append(SparseDelta.between(before, after, masks=places))
    return deltas[0], deltas[1]


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read without the other kinds of pieces."""
    monkeypatch.setattr(pieces, "kinds", lambda: {"delta": SparseDelta})


class TestLargest:
    @FEW
    @given(st.data())
    def test_exactly_k_the_largest_and_among_equals_the_first(self, data: st.DataObject) -> None:
        """Against a stable sort of everything; few different sizes, so that nearly every threshold is a tie."""
        shapes = data.draw(st.lists(arrays.array_shapes(max_dims=3, max_side=4, min_side=1), min_size=1, max_size=4))
        drawn = st.sampled_from([-2.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 1e-40, 3e38])
        changes = {
            f"w{i}": torch.from_numpy(data.draw(arrays.arrays(np.float32, shape, elements=drawn.map(np.float32))))
            for i, shape in enumerate(shapes)
        }
        flat = torch.cat([change.flatten() for change in changes.values()]).abs()
        k = data.draw(st.integers(0, len(flat)))
        wanted = set(sorted(range(len(flat)), key=lambda i: (-float(flat[i]), i))[:k])
        masks = largest(changes, k)
        assert {name: mask.shape for name, mask in masks.items()} == {n: c.shape for n, c in changes.items()}
        assert all(mask.dtype == torch.bool for mask in masks.values())
        got = torch.cat([mask.flatten() for mask in masks.values()])
        assert set(got.nonzero().flatten().tolist()) == wanted

    def test_where_nothing_changed_the_first_k_are_taken(self) -> None:
        masks = largest({"b": torch.zeros(2, 2), "a": torch.zeros(5)}, 6)
        assert masks["b"].all()
        assert masks["a"].tolist() == [True, True, False, False, False]

    def test_changes_that_are_laid_out_otherwise_are_counted_in_their_own_order(self) -> None:
        change = torch.tensor([[1.0, 2.0], [1.0, 1.0]])
        assert torch.equal(largest({"w": change.T.contiguous().T}, 2)["w"], largest({"w": change}, 2)["w"])

    def test_more_than_there_are_is_refused_with_both_numbers(self) -> None:
        with pytest.raises(RecipeError, match=r"^8 weights are to be chosen, and there are 7\. "):
            largest({"a": torch.zeros(3), "b": torch.zeros(2, 2)}, 8)

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_what_is_no_number_is_refused(self, value: float) -> None:
        with pytest.raises(RecipeError, match="not numbers"):
            largest({"a": torch.tensor([1.0, value])}, 1)


class TestWithin:
    @pytest.mark.parametrize("seed", range(3))
    def test_it_adds_up_and_is_gone_bit_for_bit(self, seed: int) -> None:
        model = bert()
        before = weights(model)
        after = moved(before, seed)
        delta = SparseDelta.between(before, after, names=in_body, whole=in_head, network=network_fingerprint(model))
        with delta.within(model):
            now = weights(model)
        assert same(weights(model), before)
        for name in before:
            if in_head(name):
                assert torch.equal(now[name], after[name])
                continue
            off = (now[name].double() - after[name].double()).abs()
            value = (after[name].double() - before[name].double()).abs()
            assert (off <= 1.0001 * ROUNDING * (value + after[name].double().abs())).all()
            untouched = after[name] == before[name]
            assert torch.equal(now[name][untouched], before[name][untouched])

    def test_a_network_computes_with_it_what_the_trained_one_does(self) -> None:
        model, other = bert(), bert()
        other.load_state_dict(moved(weights(model), seed=5), strict=False)
        delta = SparseDelta.between(weights(model), weights(other), whole=in_head)
        ids = torch.tensor([[1, 5, 7, 2]])
        plain = model(ids).logits
        with delta.within(model):
            assert torch.allclose(model(ids).logits, other(ids).logits, atol=1e-6)
        assert torch.equal(model(ids).logits, plain)

    def test_zeros_keep_their_sign(self) -> None:
        model = nn.Linear(2, 1, bias=False)
        model.weight.data.copy_(torch.tensor([[-0.0, -0.0]]))
        before = weights(model)
        places = {"weight": torch.tensor([[True, False]])}
        delta = SparseDelta.between(before, {"weight": torch.tensor([[1.0, -0.0]])}, masks=places)
        with delta.within(model):
            assert model.weight.tolist() == [[1.0, 0.0]]
        assert same(weights(model), before)

    def test_deltas_in_one_another_and_broken_off(self) -> None:
        model = bert()
        before = weights(model)
        language, task = (SparseDelta.between(before, moved(before, seed), names=in_body) for seed in (1, 2))
        head = SparseDelta.between({}, {n: torch.ones_like(w) for n, w in before.items() if in_head(n)})

        def both() -> None:
            with language.within(model):
                inner = weights(model)
                with task.within(model), head.within(model):
                    assert not same(weights(model), inner)
                assert same(weights(model), inner)
                with task.within(model), head.within(model):
                    raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            both()
        assert same(weights(model), before)

    def test_one_after_the_other_is_their_sum(self) -> None:
        model = bert()
        one, two = halves(weights(model))
        found = []
        for outer, inner in ((one, two), (two, one)):
            with outer.within(model), inner.within(model):
                found.append(weights(model))
        with (two + one).within(model):
            found.append(weights(model))
        assert same(found[0], found[1])
        assert same(found[0], found[2])

    def test_tied_weights_are_changed_once(self) -> None:
        model = bert(kind=BertForMaskedLM)
        before = weights(model)
        delta = SparseDelta.between(before, moved(before, seed=3, share=1.0))
        with delta.within(model):
            table, output = model.get_input_embeddings().weight, model.get_output_embeddings().weight
            assert table is output
            assert not torch.equal(table, before["bert.embeddings.word_embeddings.weight"])
        assert same(weights(model), before)


class TestBetween:
    def test_the_support_is_the_mask_and_has_k_places(self) -> None:
        before = weights(bert())
        masks = largest({name: torch.zeros_like(w) for name, w in before.items()}, 37)
        assert SparseDelta.between(before, before, masks=masks).size == 37
        assert SparseDelta.between(before, before).size == 0

    def test_a_change_outside_the_mask_does_not_get_lost(self) -> None:
        before = {"w": torch.zeros(3)}
        with pytest.raises(ValueError, match="outside the mask"):
            SparseDelta.between(before, {"w": torch.ones(3)}, masks={"w": torch.tensor([True, True, False])})

    def test_what_was_not_there_before_is_whole(self) -> None:
        delta = SparseDelta.between({"w": torch.zeros(3)}, {"w": torch.ones(3), "head": torch.ones(2)})
        assert delta.size == 3
        assert list(delta.whole) == ["head"]


class TestSums:
    def test_disjoint_deltas_commute_bit_for_bit(self) -> None:
        one, two = halves(weights(bert()))
        assert same((one + two).tensors(), (two + one).tensors())
        assert (one + two).size == one.size + two.size
        assert list((one + two).sparse) == list((two + one).sparse)

    @FEW
    @given(st.data())
    def test_sums_are_those_of_dense_vectors(self, data: st.DataObject) -> None:
        numbers = st.floats(-8, 8, width=32)
        drawn = [torch.from_numpy(data.draw(arrays.arrays(np.float32, 9, elements=numbers))) for _ in range(2)]
        zeros = {"w": torch.zeros(9)}
        one, two = (SparseDelta.between(zeros, {"w": values}) for values in drawn)

        def dense(delta: SparseDelta) -> torch.Tensor:
            found = torch.zeros(9)
            for indices, values in delta.sparse.values():
                found[indices] = values
            return found

        assert torch.equal(dense(one + two), drawn[0] + drawn[1])
        assert torch.equal(dense(two + one), drawn[0] + drawn[1])
        assert torch.equal(dense(one - two), drawn[0] - drawn[1])
        assert torch.equal(dense(0.5 * one), 0.5 * drawn[0])
        assert torch.equal(dense(-one), -drawn[0])

    def test_heads_and_what_they_do_not_go_with(self) -> None:
        zeros = {"w": torch.zeros(3), "head": torch.zeros(2)}
        ones = {name: torch.ones_like(value) for name, value in zeros.items()}
        task = SparseDelta.between(zeros, ones, whole="head".__eq__)
        language = SparseDelta.between(zeros, ones, names="w".__eq__)
        assert list((language + task).whole) == ["head"]
        assert (task - language).sparse["w"][1].tolist() == [0, 0, 0]
        for other in (task, SparseDelta.between(zeros, ones)):
            with pytest.raises(ResourceError, match="Both deltas have weights for 'head'"):
                task + other
        with pytest.raises(ResourceError, match="a whole 'head', which cannot be scaled or subtracted"):
            task * 2
        with pytest.raises(ResourceError, match="a whole 'head', which cannot be scaled or subtracted"):
            language - task

    def test_deltas_of_different_networks_are_refused(self) -> None:
        one = SparseDelta(network="a")
        assert (one + SparseDelta()).network == (SparseDelta() + one).network == "a"
        with pytest.raises(ResourceError, match="learnt in different networks"):
            one + SparseDelta(network="b")


class TestRefused:
    @pytest.fixture
    def delta(self) -> SparseDelta:
        model = bert()
        return SparseDelta.between(
            weights(model), moved(weights(model), 1), whole=in_head, network=network_fingerprint(model)
        )

    @pytest.mark.parametrize(
        ("model", "sentence"),
        [
            (lambda: bert(seed=1), "was learnt in another network"),
            (lambda: bert(hidden_size=12), r"of the shape \(30, 8\), and the network's is \(30, 12\)"),
            (lambda: bert(num_hidden_layers=1), "which the network does not have"),
            (lambda: bert(kind=BertForMaskedLM), "which the network does not have"),
            (lambda: nn.Linear(2, 2), r"The delta has \d+ values, and the network only 6 weights"),
        ],
    )
    def test_another_network(self, delta: SparseDelta, model: Callable[[], nn.Module], sentence: str) -> None:
        network = model()
        before = weights(network)
        with pytest.raises(ResourceError, match=sentence):
            delta.check(network)
        if "another network" not in sentence:  # over another piece the network is not the one that it was learnt in
            with pytest.raises(ResourceError, match=sentence), delta.within(network):
                pass
        assert same(weights(network), before)

    def test_a_table_that_is_split_for_training(self, delta: SparseDelta) -> None:
        model = bert()
        with seen_rows(model, torch.tensor([3, 4])), pytest.raises(ResourceError, match="does not have"):
            delta.check(model)
        delta.check(model)


@pytest.mark.usefixtures("kinds")
class TestFiles:
    @pytest.fixture
    def delta(self) -> SparseDelta:
        return SparseDelta.between(weights(bert()), moved(weights(bert()), 4), whole=in_head, network="n")

    def test_a_round_trip_is_exact(self, delta: SparseDelta, tmp_path: Path) -> None:
        save_piece(delta, tmp_path / "a.safetensors")
        found = load_piece(tmp_path / "a.safetensors")
        assert isinstance(found, SparseDelta)
        assert same(found.tensors(), delta.tensors())
        assert (found.settings(), found.network, found.size) == (delta.settings(), "n", delta.size)
        assert all(indices.dtype == torch.int64 for indices, _ in found.sparse.values())

    def test_indices_are_wide_where_they_must_be(self) -> None:
        place = torch.tensor([5, 2**31 + 7])
        delta = SparseDelta(sparse={"w": (place, torch.ones(2))}, shapes={"w": (2**16, 2**16)})
        held = delta.tensors()
        assert held["indices/w"].dtype == torch.int64
        assert torch.equal(SparseDelta.of(held, delta.settings()).sparse["w"][0], place)
        narrow = replace(delta, sparse={"w": (torch.tensor([5]), torch.ones(1))})
        assert narrow.tensors()["indices/w"].dtype == torch.int32

    @pytest.mark.parametrize("left", [0, 100, -1])
    def test_a_file_that_is_cut_short(self, delta: SparseDelta, tmp_path: Path, left: int) -> None:
        file = tmp_path / "a.safetensors"
        save_piece(delta, file)
        file.write_bytes(file.read_bytes()[:left])
        with pytest.raises(ResourceError, match="damaged or cut short"):
            load_piece(file)

    @pytest.mark.parametrize(
        ("name", "tensor"),
        [
            ("indices/w", torch.tensor([0, 9])),  # outside
            ("indices/w", torch.tensor([-1, 2])),
            ("indices/w", torch.tensor([2, 2])),
            ("indices/w", torch.tensor([3, 2])),
            ("indices/w", torch.tensor([1])),
            ("values/w", torch.ones(3)),
            ("values/v", torch.ones(3)),  # belongs to nothing
        ],
    )
    def test_a_file_whose_tensors_do_not_go_together(
        self, tmp_path: Path, name: str, tensor: torch.Tensor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        delta = SparseDelta(sparse={"w": (torch.tensor([1, 2]), torch.ones(2))}, shapes={"w": (3, 3)})
        held = delta.tensors() | {name: tensor}
        monkeypatch.setattr(SparseDelta, "tensors", lambda _: held)
        save_piece(delta, tmp_path / "a.safetensors")
        with pytest.raises(ResourceError, match="damaged or cut short"):
            load_piece(tmp_path / "a.safetensors")
