"""LT-SFT: K weights and no others learn, from where the network was; resumed bit for bit; deltas of raw text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from transformers import PreTrainedModel

from isogloss import Backbone, Example, Problem
from isogloss.errors import RecipeError
from isogloss.flow import fit
from isogloss.nets.seen_rows import SeenRows, seen_rows, untied
from isogloss.nets.sparse_delta import largest
from isogloss.run import Run
from isogloss.train import Phase, Trained, train_phases
from isogloss.train.corpora import Corpus
from isogloss.train.origin import Origin
from isogloss.train.pretraining import Pretrained, encode_lines, pieces_of, pretrain
from isogloss.train.sparse_tuning import Sparse, learnt_delta, not_norms, sparse_tune
from isogloss.train.trainable import in_head
from isogloss.train.trainer import Inside

K = 101
Weights = dict[str, torch.Tensor]


def weights(model: torch.nn.Module) -> Weights:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def same(one: Weights, two: Weights) -> bool:
    return one.keys() == two.keys() and all(
        torch.equal(one[n].view(torch.int32), two[n].view(torch.int32)) for n in one
    )


class Setting:
    """A problem, a network and two phases whose weights decay fast."""

    def __init__(self, problem: Problem, encoder: Path, folder: Path) -> None:
        self.task, self.folder, self.backbone = problem.task, folder, Backbone.load(str(encoder))
        self.tokenizer = self.backbone.tokenizer()
        self.phase = Phase(
            name="sparse",
            examples=problem.train_examples(),
            epochs=2,
            learning_rate=5e-3,
            weight_decay=0.5,
            snapshots=2,
        )
        self.first = replace(self.phase, name="dense", epochs=1)

    def run(self, name: str = "run", **options: Any) -> Run:
        return Run(flow=fit, folder=self.folder / name, quiet=True, **{"checkpoint_seconds": 1e9} | options)

    def model(self) -> PreTrainedModel:
        transformers.set_seed(1)
        return self.backbone.model(self.task)

    def tuned(self, run: Run | None = None, *, pull: float = 0.0, **options: Any) -> Trained:
        first, phase = (replace(one, pull=pull) for one in (self.first, self.phase))
        return sparse_tune(
            self.model(), self.tokenizer, self.task, first=first, phase=phase, run=run or self.run(),
            **options or {"k": K},
        )  # fmt: skip

    def alone(self, phase: Phase) -> Trained:
        """One training of the weights that LT-SFT trains."""
        model = self.model()
        accepted = not_norms(model)
        table = "embeddings."
        names = {n for n in weights(model) if in_head(model, n) or (accepted(n) and table not in n)}
        return train_phases(
            model, self.tokenizer, self.task, [replace(phase, trains=names.__contains__)], self.run("alone")
        )


@pytest.fixture
def setting(tiny_problem: Callable[..., Problem], tiny_backbone: Path, tmp_path: Path) -> Setting:
    return Setting(tiny_problem(), tiny_backbone, tmp_path)


class TestTwoTrainings:
    def test_k_weights_of_the_body_and_the_head_learn_and_nothing_else(self, setting: Setting) -> None:
        before, result = weights(setting.model()), setting.tuned()
        assert result.masks is not None
        assert result.start is not None
        assert sum(int(mask.sum()) for mask in result.masks.values()) == K
        after = weights(result.model)
        for name in before:
            moved = before[name].view(torch.int32) != after[name].view(torch.int32)
            if in_head(result.model, name):
                assert moved.any()
            elif name in result.masks:
                assert not (moved & ~result.masks[name]).any(), name
            else:
                assert not moved.any(), name
        assert any(mask.any() for mask in result.masks.values())
        assert all("embeddings" not in name and "LayerNorm" not in name for name in result.masks)
        assert all(torch.equal(value, before[name]) for name, value in result.start.items())
        assert {n for n in before if in_head(result.model, n)} == result.start.keys() - result.masks.keys()

    def test_weight_decay_would_move_them(self, setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Inside, "on_optimizer_step", lambda *_, **__: None)
        result, before = setting.tuned(), weights(setting.model())
        after = weights(result.model)
        assert any(((after[n] != before[n]) & ~mask).any() for n, mask in (result.masks or {}).items())

    def test_it_is_the_largest_changes_then_a_masked_training_from_the_beginning(self, setting: Setting) -> None:
        before, result = weights(setting.model()), setting.tuned()
        assert result.masks is not None
        dense = setting.alone(setting.first)
        changes = {name: weights(dense.model)[name] - before[name] for name in result.masks}
        assert all(torch.equal(mask, result.masks[name]) for name, mask in largest(changes, K).items())
        setting.folder /= "second"
        sparse = setting.alone(replace(setting.phase, masks=result.masks))
        assert same(weights(result.model), weights(sparse.model))
        assert result.tokens == dense.tokens + sparse.tokens
        assert [row["phase"] for row in result.history] == [1] * len(dense.history) + [2] * len(sparse.history)
        assert len(result.snapshots) == 2

    def test_with_every_weight_it_is_the_dense_training(self, setting: Setting) -> None:
        result, plain = setting.tuned(density=1.0), setting.alone(setting.phase)
        assert same(weights(result.model), weights(plain.model))

    def test_a_density_is_a_share_of_what_may_be_chosen(self, setting: Setting) -> None:
        result = setting.tuned(density=0.08, names=lambda name: name.endswith("query.weight"))
        assert result.masks is not None
        assert [tuple(mask.shape) for mask in result.masks.values()] == [(32, 32)] * 2
        assert sum(int(mask.sum()) for mask in result.masks.values()) == round(0.08 * 2048)

    def test_the_delta_makes_the_trained_network_again(self, setting: Setting) -> None:
        result, fresh = setting.tuned(), setting.model()
        delta, before = learnt_delta(result), weights(fresh)
        assert delta.size == K
        with delta.within(fresh):
            for name, value in weights(result.model).items():
                assert torch.allclose(fresh.get_parameter(name), value, rtol=0, atol=1e-6), name
        assert same(weights(fresh), before)
        first = learnt_delta(result, after=result.snapshots[0].load())
        assert first.size == K
        assert not torch.equal(first.whole["classifier.weight"], delta.whole["classifier.weight"])

    def test_a_head_that_is_given_does_not_learn(self, setting: Setting) -> None:
        head = {n: torch.randn_like(w) for n, w in weights(setting.model()).items() if n.startswith("classifier.")}
        result = setting.tuned(setting.run(head=head))
        assert all(torch.equal(result.model.get_parameter(name), value) for name, value in head.items())
        assert not head.keys() & (result.start or {}).keys()


class TestPull:
    def test_its_gradient_is_that_of_the_formula(self, setting: Setting) -> None:
        model, phase = setting.model(), replace(setting.phase, pull=0.3)
        origin = Origin.of(model, [phase])
        body = {n: p for n, p in model.named_parameters() if n in origin.weights}
        with torch.no_grad():
            for parameter in body.values():
                parameter[..., 0] += 0.1
                parameter[..., 1] -= 0.1
        count = sum(parameter.numel() for parameter in body.values())
        loss = 0.3 / count * torch.stack([(p - origin.weights[n]).abs().sum() for n, p in body.items()]).sum()
        wanted = torch.autograd.grad(loss, list(body.values()))
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None
        origin.pull(model, phase)
        assert all(torch.allclose(p.grad, w) for p, w in zip(body.values(), wanted, strict=True) if p.grad is not None)
        heads = [p.grad for n, p in model.named_parameters() if in_head(model, n)]
        assert all(grad is not None and not grad.any() for grad in heads)
        assert not any(in_head(model, name) or "embeddings" in name for name in body)

    def test_it_keeps_the_body_nearer_to_where_it_was(self, setting: Setting) -> None:
        setting.phase, setting.first = (replace(p, weight_decay=0.0) for p in (setting.phase, setting.first))

        def distance(pull: float) -> float:
            setting.folder /= "more"
            delta = learnt_delta(setting.tuned(pull=pull))
            return float(sum(values.abs().sum() for _, values in delta.sparse.values()))

        assert distance(0.0) > distance(1e4)


class Broken:
    """Breaks a training off after so many batches."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
        self.done, self.at = 0, at
        original = Inside.on_optimizer_step
        cut = self

        def step(callback: Inside, *given: Any, **options: Any) -> None:
            if cut.done == cut.at:
                raise KeyboardInterrupt
            cut.done += 1
            original(callback, *given, **options)

        monkeypatch.setattr(Inside, "on_optimizer_step", step)


@pytest.fixture(scope="module")
def whole(
    tiny_problem: Callable[..., Problem], tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    """A training that nothing has broken off: 2 updates of the dense one, then 4 of the sparse one."""
    return Setting(tiny_problem(), tiny_backbone, tmp_path_factory.mktemp("whole")).tuned(pull=10.0)


@pytest.mark.parametrize("at", [1, 2, 4])
def test_a_training_that_was_broken_off_ends_as_if_it_had_not_been(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, whole: Trained, at: int
) -> None:
    cut = Broken(monkeypatch, at)
    with pytest.raises(KeyboardInterrupt):
        setting.tuned(setting.run("broken", checkpoint_seconds=0), pull=10.0)
    cut.done, cut.at = 0, -1
    resumed = setting.tuned(setting.run("broken", checkpoint_seconds=0), pull=10.0)
    assert cut.done == 6 - at
    assert whole.masks is not None
    assert resumed.masks is not None
    assert all(torch.equal(mask, resumed.masks[name]) for name, mask in whole.masks.items())
    assert same(weights(whole.model), weights(resumed.model))
    assert same(dict(whole.start or {}), dict(resumed.start or {}))


class TestRefused:
    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            ({"k": 10**9}, r"^1000000000 weights are to learn, of \d+ that may be chosen"),
            ({"k": 0}, "^0 weights are to learn"),
            ({"k": 5, "density": 0.1}, "is to be said once"),
            ({"names": lambda name: True}, "is to be said once"),
            ({"k": 5, "names": lambda name: False}, "No weights of the body learn"),
        ],
    )
    def test_a_number_that_cannot_be(self, setting: Setting, options: dict[str, Any], sentence: str) -> None:
        with pytest.raises(RecipeError, match=sentence):
            setting.tuned(**options)

    def test_a_table_of_seen_rows(self, setting: Setting) -> None:
        setting.phase = replace(setting.phase, trains="seen")
        with pytest.raises(RecipeError, match="no table of seen word vectors"):
            setting.tuned()

    def test_a_dense_training_that_diverged(self, setting: Setting) -> None:
        setting.first = replace(setting.first, loss=lambda model, batch: model(**batch).loss * float("nan"))
        with pytest.raises(RecipeError, match="not numbers"):
            setting.tuned()

    def test_a_mask_of_something_else(self, setting: Setting) -> None:
        with pytest.raises(ValueError, match="not for a weight of the network: nothing"):
            setting.alone(replace(setting.phase, masks={"nothing": torch.ones(1, dtype=torch.bool)}))


LINES = ["the girl saw the red bread", "my uncle sold the small hammer", "a farmer liked the heavy plough"] * 6
TABLE = "bert.embeddings.word_embeddings.weight"


def corpus() -> Corpus:
    rows = tuple(Example(id=f"eng/unlabelled/{n}", lang="eng", fields={"text": t}) for n, t in enumerate(LINES))
    return Corpus(lang="eng", train=rows[:-3], held_out=rows[-3:])


class TestText:
    @pytest.fixture
    def backbone(self, tiny_backbone: Path) -> Backbone:
        return Backbone.load(str(tiny_backbone))

    @pytest.fixture
    def adapted(self, backbone: Backbone, tmp_path: Path) -> Callable[..., tuple[PreTrainedModel, Pretrained]]:
        def make(name: str = "run", **options: Any) -> tuple[PreTrainedModel, Pretrained]:
            torch.manual_seed(1)
            model = backbone.language_model()[0]
            run = Run(flow=fit, folder=tmp_path / name, quiet=True, checkpoint_seconds=1e9)
            how: dict[str, Any] = {"batch_size": 4, "learning_rate": 5e-3, "head_steps": 4, "steps": 16, "rate": 0.3}
            return model, pretrain(model, backbone.tokenizer(), [corpus()], run, fresh_head=True, **how | options)

        return make

    @pytest.mark.parametrize("softmax", ["seen", "all"])
    def test_k_weights_of_the_body_learn_and_the_head_stays(
        self, adapted: Callable[..., tuple[PreTrainedModel, Pretrained]], softmax: str
    ) -> None:
        """Against the network after its fresh head's own training: that head is what a delta is learnt under."""
        plain, _ = adapted("plain", steps=0, epochs=0, softmax=softmax)
        model, result = adapted("delta", sparse=Sparse(k=K, first=0.5, pull=0.1), softmax=softmax)
        before, after, delta = weights(plain), weights(model), result.delta
        assert delta is not None
        assert (delta.size, result.steps, delta.whole) == (K, 24, {})
        assert TABLE in delta.sparse
        assert before.keys() == after.keys()
        changed = 0
        for name in before:
            moved = before[name] != after[name]
            changed += int(moved.sum())
            if moved.any():
                assert not in_head(model, name)
                assert "LayerNorm" not in name
                indices, values = delta.sparse[name]
                assert set(moved.flatten().nonzero().flatten().tolist()) <= set(indices.tolist())
                assert torch.equal(values, (after[name] - before[name]).flatten()[indices])
        assert 0.9 * K < changed <= K
        assert model.get_output_embeddings().weight is model.get_input_embeddings().weight  # tied again
        assert result.held_out["eng"].after < result.held_out["eng"].before
        with delta.within(plain):
            assert all(torch.allclose(value, after[n], rtol=0, atol=1e-6) for n, value in weights(plain).items())

    def test_the_output_side_is_what_it_was_while_the_input_learns(self, backbone: Backbone) -> None:
        model, tokenizer = backbone.language_model()[0], backbone.tokenizer()
        ids = pieces_of([encode_lines(LINES, tokenizer, 64)], tokenizer)
        output: Any = model.get_output_embeddings()
        before = output.weight.detach().clone()
        with seen_rows(model, ids):
            with untied(model):
                table: Any = model.get_input_embeddings()
                assert isinstance(table, SeenRows)
                assert not output.weight.requires_grad
                assert output.weight is not table.full.weight
                table.seen_rows.data.mul_(2)
                assert torch.equal(output.weight, before)
            assert output.weight is table.full.weight
        assert torch.equal(output.weight[ids], 2 * before[ids])
        with untied(model):
            model.get_input_embeddings().get_parameter("weight").data.mul_(2)
            assert torch.equal(output.weight[ids], 2 * before[ids])

    def test_weights_can_be_picked_by_name(self, adapted: Callable[..., tuple[PreTrainedModel, Pretrained]]) -> None:
        plain, _ = adapted("plain", steps=0, epochs=0)
        model, result = adapted("picked", trains=lambda name: "layer.1." in name)
        before, after = weights(plain), weights(model)
        changed = {name for name in before if not torch.equal(before[name], after[name])}
        assert changed
        assert all("layer.1." in name for name in changed)
        assert result.delta is None

    def test_an_encoder_decoder_is_refused(self, backbone: Backbone, tmp_path: Path) -> None:
        from transformers import T5Config, T5ForConditionalGeneration

        tokenizer = backbone.tokenizer()
        tokenizer.add_special_tokens({"additional_special_tokens": [f"<extra_id_{i}>" for i in range(3)]})
        config = T5Config(vocab_size=len(tokenizer), d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
        run = Run(flow=fit, folder=tmp_path, quiet=True)
        with pytest.raises(RecipeError, match="learnt by encoders only"):
            pretrain(T5ForConditionalGeneration(config), tokenizer, [corpus()], run, sparse=Sparse(k=3))
