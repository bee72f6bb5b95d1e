"""Options that make training cheaper must not change what it is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import isogloss
from isogloss import Backbone, Problem, Recipe
from isogloss.errors import RecipeError
from isogloss.flow import fit
from isogloss.methods.objective.cross_entropy import CrossEntropy
from isogloss.methods.weights.last import Last
from isogloss.run import Run
from isogloss.train import Trained
from isogloss.train.batching import collator

SHORT = CrossEntropy(epochs=3, min_steps=0, learning_rate=1e-3, weight_decay=0.0, snapshots=3)
KINDS = ("classification", "pair_labels", "pair_scores", "spans", "words")


def trained(
    problem: Problem, encoder: Path, folder: Path, objective: CrossEntropy = SHORT, *, dropout: float | None = None
) -> Trained:
    import transformers

    backbone = Backbone.load(str(encoder))
    run = Run(flow=fit, folder=folder, quiet=True, checkpoint_seconds=1e9)
    transformers.set_seed(1)
    if dropout is not None:  # the network is built inside the objective: its config is the way in
        config = transformers.AutoConfig.from_pretrained(encoder)
        config.hidden_dropout_prob = config.attention_probs_dropout_prob = dropout
        import shutil

        place = folder / "encoder"
        shutil.copytree(encoder, place)
        config.save_pretrained(place)
        backbone = replace(backbone, path=str(place))
    return objective(backbone, problem, run)


def table(result: Trained) -> torch.Tensor:
    return result.model.get_input_embeddings().weight


@pytest.mark.parametrize("kind", KINDS)
def test_seen_rows_end_where_all_rows_do(
    kind: str, tiny_problem: Callable[..., Problem], tiny_backbone: Path, tmp_path: Path
) -> None:
    """Without weight decay a row that no text has keeps still, so leaving it out changes nothing."""
    problem = tiny_problem(kind)
    fresh = Backbone.load(str(tiny_backbone)).model(problem.task).get_input_embeddings().weight
    whole = trained(problem, tiny_backbone, tmp_path / "all", replace(SHORT, trains="all"))
    seen = trained(problem, tiny_backbone, tmp_path / "seen", replace(SHORT, trains="seen"))
    moved = (table(whole) != fresh).any(1)
    assert 0 < moved.sum() < len(moved)
    assert (table(seen) != fresh).any(1).tolist() == moved.tolist()
    # Their gradients are summed in another order: equal but for rounding.
    assert torch.allclose(table(seen), table(whole), atol=2e-5)
    assert seen.snapshots[-1].path.stat().st_size < whole.snapshots[-1].path.stat().st_size


def test_snapshots_of_seen_rows_are_put_into_the_table(
    tiny_problem: Callable[..., Problem], tiny_backbone: Path, tmp_path: Path
) -> None:
    result = trained(tiny_problem(), tiny_backbone, tmp_path, replace(SHORT, trains="seen"))
    last = table(result).clone()
    result.load(result.snapshots[0].load())
    early = table(result).clone()
    assert not torch.equal(early, last)
    result.load(result.snapshots[-1].load())
    assert torch.equal(table(result), last)


@pytest.mark.parametrize("kind", KINDS)
def test_frozen_layers_are_what_they_were_and_computed_once(
    kind: str, tiny_problem: Callable[..., Problem], tiny_backbone: Path, tmp_path: Path
) -> None:
    """Against the same training in which the lower layer is frozen and computed anew in every update."""
    problem = tiny_problem(kind)
    cached = trained(problem, tiny_backbone, tmp_path / "a", replace(SHORT, freeze_layers=1), dropout=0.0)
    by_name = {name for name, p in cached.model.named_parameters() if p.requires_grad}
    assert not any("layer.0." in name or "embeddings" in name for name in by_name)
    assert any("layer.1." in name for name in by_name)

    from isogloss.train import Phase, train_phases

    backbone = Backbone.load(str(tmp_path / "a" / "encoder"))
    run = Run(flow=fit, folder=tmp_path / "b", quiet=True, checkpoint_seconds=1e9)
    import transformers

    transformers.set_seed(1)
    model = backbone.model(problem.task)
    phase = Phase(
        name="p", examples=problem.source_examples("train"), trains=by_name.__contains__,
        epochs=3, learning_rate=1e-3, weight_decay=0.0, snapshots=3,
    )  # fmt: skip
    plain = train_phases(model, backbone.tokenizer(), problem.task, [phase], run)
    for name, value in cached.model.state_dict().items():
        assert torch.allclose(value, plain.model.state_dict()[name], atol=2e-5), name
    assert not list((tmp_path / "a").rglob("*lower-states"))
    features = problem.task.encode(problem.dev["eng"], backbone.tokenizer(), max_length=64, labelled=True).features
    batch = collator(backbone.tokenizer())(features[:3])
    assert cached.model.eval()(**batch).logits.shape == plain.model.eval()(**batch).logits.shape


def test_more_frozen_layers_than_there_are_is_one_sentence(
    tiny_problem: Callable[..., Problem], tiny_backbone: Path, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match="There are 2 layers"):
        trained(tiny_problem(), tiny_backbone, tmp_path, replace(SHORT, freeze_layers=2))


def test_a_token_budget_trains(tiny_problem: Callable[..., Problem], tiny_backbone: Path, tmp_path: Path) -> None:
    result = trained(tiny_problem(), tiny_backbone, tmp_path, replace(SHORT, batch_tokens=64))
    fixed = trained(tiny_problem(), tiny_backbone, tmp_path / "fixed")
    assert result.snapshots[-1].step > fixed.snapshots[-1].step
    assert result.tokens == fixed.tokens


def test_nothing_is_tokenised_twice(
    tiny_problem: Callable[..., Problem], tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = tiny_problem()
    asked: list[int] = []
    encode = type(problem.task).encode

    def counted(self: Any, examples: Any, *args: Any, **options: Any) -> Any:
        asked.append(len(examples))
        return encode(self, examples, *args, **options)

    monkeypatch.setattr(type(problem.task), "encode", counted)
    isogloss.transfer(problem, Recipe(name="a", objective=SHORT), backbone=str(tiny_backbone), seeds=[1, 2])
    # train once for both seeds, dev once a seed for all its snapshots, the three tests together once a seed
    assert sorted(asked) == [12, 12, 32, 36, 36]


def test_attention_is_put_back(tiny_problem: Callable[..., Problem], tiny_backbone: Path, tmp_path: Path) -> None:
    assert trained(tiny_problem(), tiny_backbone, tmp_path).model.config._attn_implementation == "sdpa"


def test_a_damaged_snapshot_is_not_used(
    tiny_problem: Callable[..., Problem], tiny_backbone: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Training begins anew where the snapshots that a checkpoint speaks of are not whole, and ends in the same bits."""
    first = trained(tiny_problem(), tiny_backbone, tmp_path)
    expected = first.snapshots[-1].load()
    path = first.snapshots[0].path
    path.write_bytes(path.read_bytes()[:-1])
    with caplog.at_level(logging.WARNING, logger="isogloss"):
        again = trained(tiny_problem(), tiny_backbone, tmp_path)
    assert "is damaged" in caplog.text
    assert len(again.snapshots[0].load()) == len(expected)
    assert all(torch.equal(value, expected[name]) for name, value in again.snapshots[-1].load().items())


def test_a_finished_training_is_read_back(
    tiny_problem: Callable[..., Problem], tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from isogloss.train.trainer import PhaseTrainer

    first = trained(tiny_problem(), tiny_backbone, tmp_path)
    monkeypatch.setattr(PhaseTrainer, "train", lambda self: pytest.fail("trained again"))
    again = trained(tiny_problem(), tiny_backbone, tmp_path)
    assert all(torch.equal(value, first.model.state_dict()[name]) for name, value in again.model.state_dict().items())
    assert [snapshot.step for snapshot in again.snapshots] == [snapshot.step for snapshot in first.snapshots]
    assert again.tokens == first.tokens


def test_threads_are_set_for_the_run_alone(tiny_problem: Callable[..., Problem], tiny_backbone: Path) -> None:
    before = torch.get_num_threads()
    recipe = Recipe(name="a", objective=SHORT, weights=Last())
    isogloss.transfer(tiny_problem(), recipe, backbone=str(tiny_backbone), threads=2)
    assert torch.get_num_threads() == before
    with pytest.raises(isogloss.IsoglossError, match="--threads 1 or more"):
        isogloss.transfer(tiny_problem(), recipe, backbone=str(tiny_backbone), threads=0)
