"""Distillation: its losses, what pads and labels do to them, batches of one language, and what training does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from isogloss import Backbone, Problem
from isogloss.errors import DataError, RecipeError
from isogloss.flow import fit
from isogloss.nets.mean_pooling import append_mean_pooling
from isogloss.nets.student import Inside, attention_maps, look_inside, student_of
from isogloss.run import Run
from isogloss.tasks import task_from_config
from isogloss.train.corpora import Corpus, read_corpora
from isogloss.train.distilling import distil, in_turn, inner_losses, soft_loss, task_loss, text_losses

TEXT = {
    "yor": [f"eht lrigo waso derdo {word}" for word in ("daerbo", "puoso", "eciro", "elppao", "remmaho", "hguolpo")],
    "eng": [f"the girl saw a {how} {word}" for how in ("red", "new") for word in ("bread", "soup", "rice", "apple")],
}


@pytest.fixture
def backbone(tiny_backbone: Path) -> Backbone:
    return Backbone.load(str(tiny_backbone))


@pytest.fixture
def tokenizer(backbone: Backbone) -> PreTrainedTokenizerBase:
    return backbone.tokenizer()


@pytest.fixture
def teacher(backbone: Backbone) -> PreTrainedModel:
    """Of four layers: the backbone's two, each twice, differently."""
    from transformers import AutoModel

    torch.manual_seed(2)
    config = backbone.bare().config
    config.num_hidden_layers = 4
    model: PreTrainedModel = AutoModel.from_config(config)
    return model.eval()


@pytest.fixture
def corpora(tiny_problem: Callable[..., Problem]) -> list[Corpus]:
    return read_corpora(tiny_problem(targets=["yor"], unlabelled=TEXT), min_words=3)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(flow=fit, folder=tmp_path / "run", quiet=True)


def rows(width: int = 9, pad: int = 1) -> dict[str, torch.Tensor]:
    """Four rows of 9, 7, 5 and 3 pieces, padded to ``width``."""
    torch.manual_seed(5)
    ids = torch.full((4, width), pad)
    mask = torch.zeros(4, width, dtype=torch.long)
    for row, length in enumerate((9, 7, 5, 3)):
        ids[row, :length] = torch.randint(6, 60, (length,))
        mask[row, :length] = 1
    return {"input_ids": ids, "attention_mask": mask}


class TestInnerLosses:
    def test_a_student_of_every_layer_is_at_no_distance(self, teacher: PreTrainedModel) -> None:
        student = student_of(teacher, every=1).train()
        with attention_maps(student, teacher):
            attention, hidden = text_losses(student, teacher, rows())
        assert (attention.item(), hidden.item()) == (0.0, 0.0)

    @pytest.mark.parametrize("every", [2, 4])
    def test_padding_makes_no_difference(self, teacher: PreTrainedModel, every: int) -> None:
        student = student_of(teacher, every=every)
        with attention_maps(student, teacher):
            narrow, wide = (text_losses(student, teacher, rows(width)) for width in (9, 14))
        for one, other in zip(narrow, wide, strict=True):
            assert one.item() > 0
            torch.testing.assert_close(one, other, rtol=1e-5, atol=0)

    def test_means_are_over_what_is_read_and_over_layers(self, teacher: PreTrainedModel) -> None:
        student, batch = student_of(teacher, every=2), rows()
        with torch.no_grad(), attention_maps(student, teacher):
            attention, hidden = text_losses(student, teacher, batch)
            own, its = look_inside(student, batch)[1], look_inside(teacher, batch)[1]
        lengths = batch["attention_mask"].sum(1).tolist()
        maps = [
            torch.cat([(own.maps[j][b, :, :n, :n] - its.maps[2 * j + 1][b, :, :n, :n]).flatten()
                       for b, n in enumerate(lengths)]).square().mean() for j in range(2)
        ]  # fmt: skip
        states = [
            torch.cat([(own.states[j][b, :n] - its.states[2 * j][b, :n]).flatten()
                       for b, n in enumerate(lengths)]).square().mean() for j in range(3)
        ]  # fmt: skip
        torch.testing.assert_close(attention, torch.stack(maps).mean())
        torch.testing.assert_close(hidden, torch.stack(states).mean())
        assert states[0].item() == 0.0  # the embeddings are the teacher's

    def test_depths_that_do_not_divide_are_refused(self) -> None:
        def of(layers: int) -> Inside:
            return Inside(states=[torch.zeros(1, 2, 3)] * (layers + 1), maps=[torch.zeros(1, 1, 2, 2)] * layers)

        with pytest.raises(RecipeError, match="2 layers cannot be compared with a teacher of 3"):
            inner_losses(of(2), of(3), torch.ones(1, 2))


class TestSoftLoss:
    @settings(deadline=None)
    @given(st.floats(0.5, 8), st.integers(0, 9))
    def test_it_is_least_where_the_answers_are_the_teachers(self, temperature: float, seed: int) -> None:
        torch.manual_seed(seed)
        teacher, labels = torch.randn(5, 3), torch.zeros(5, dtype=torch.long)
        least = soft_loss(teacher + 4.0, teacher, labels, temperature=temperature)  # a shift changes no answer
        p = torch.softmax(teacher / temperature, -1)
        torch.testing.assert_close(least, -(p * p.log()).sum(-1).mean())
        assert soft_loss(torch.randn(5, 3), teacher, labels, temperature=temperature) > least

    def test_there_is_no_factor_of_the_temperature(self) -> None:
        own, teacher, labels = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 4.0]]), torch.tensor([0])
        p, q = torch.softmax(torch.tensor([0.0, 2.0]), 0), torch.softmax(torch.tensor([1.0, 0.0]), 0)
        torch.testing.assert_close(soft_loss(own, teacher, labels, temperature=2.0), -(p * q.log()).sum())

    def test_pieces_without_a_label_do_not_count_and_no_label_is_read(self) -> None:
        torch.manual_seed(0)
        own, teacher = torch.randn(2, 4, 3), torch.randn(2, 4, 3)
        labels = torch.tensor([[0, -100, 1, -100], [2, -100, -100, -100]])
        loss = soft_loss(own, teacher, labels, temperature=2.0)
        other = torch.where(labels == -100, labels, 2 - labels)
        assert torch.equal(loss, soft_loss(own, teacher, other, temperature=2.0))
        kept = labels != -100
        torch.testing.assert_close(loss, soft_loss(own[kept], teacher[kept], labels[kept], temperature=2.0))
        own[~kept] += 9
        torch.testing.assert_close(loss, soft_loss(own, teacher, labels, temperature=2.0))

    def test_places_of_padding_have_no_part_in_an_answer(self) -> None:
        torch.manual_seed(0)
        own, teacher, labels = torch.randn(2, 2, 4), torch.randn(2, 2, 4), torch.tensor([[0, 1], [2, 2]])
        least = torch.full((2, 2, 3), torch.finfo(torch.float32).min)
        wide = soft_loss(torch.cat((own, least), -1), torch.cat((teacher, least), -1), labels, temperature=2.0)
        torch.testing.assert_close(wide, soft_loss(own, teacher, labels, temperature=2.0))

    def test_numbers_are_compared_by_their_squares(self) -> None:
        own, teacher = torch.tensor([[1.0], [2.0]]), torch.tensor([[1.5], [4.0]])
        loss = soft_loss(own, teacher, torch.tensor([0.0, 0.0]), temperature=2.0)
        torch.testing.assert_close(loss, torch.tensor((0.25 + 4) / 2))


class TestTaskLoss:
    @pytest.mark.parametrize(("name", "labels"), [
        ("classification", torch.tensor([0, 1, 1, 0])),
        ("tagging", torch.tensor([[-100, 1, 0, 0, -100, 1, 0, -100, -100]] * 4)),
        ("qa", torch.tensor([[0, 1], [1, 1], [2, 2], [0, 2]])),
    ])  # fmt: skip
    def test_a_student_of_every_layer_only_lacks_certainty(
        self, backbone: Backbone, name: str, labels: torch.Tensor
    ) -> None:
        """Of the three terms, one is left: the entropy of the teacher's answers."""
        from isogloss.nets.pointing import choices_of

        given = [] if name == "qa" else ["B-WHO", "O"] if name == "tagging" else ["food", "tool"]
        task = task_from_config({"name": name, "labels": given, "metric": task_metric(name)})
        teacher = backbone.model(task).eval()
        student, batch = student_of(teacher, every=1), rows() | {"labels": labels}
        with torch.no_grad(), attention_maps(student, teacher):
            loss = task_loss(student, batch, teacher=teacher, temperature=2.0)
            choices = choices_of(teacher(**rows()), batch["attention_mask"])
        torch.testing.assert_close(loss, soft_loss(choices, choices, labels, temperature=2.0))

    def test_the_averaging_layer_of_both_is_part_of_the_head(self, backbone: Backbone) -> None:
        task = task_from_config({"name": "classification", "labels": ["food", "tool"], "metric": "accuracy"})
        teacher = backbone.model(task).eval()
        append_mean_pooling(teacher.base_model)
        student, batch = student_of(teacher, every=2), rows() | {"labels": torch.tensor([0, 1, 1, 0])}
        with attention_maps(student, teacher):
            task_loss(student, batch, teacher=teacher, temperature=2.0).backward()
        learnt = {name for name, p in student.named_parameters() if p.grad is not None and bool(p.grad.any())}
        assert "classifier.weight" in learnt
        assert any("layer.0" in name for name in learnt)
        assert all(p.grad is None for p in teacher.parameters())


def task_metric(name: str) -> str:
    return {"classification": "accuracy", "tagging": "f1", "qa": "f1"}[name]


class TestInTurn:
    @settings(deadline=None)
    @given(
        st.lists(st.sampled_from("ab"), min_size=2, max_size=40).filter(lambda langs: len(set(langs)) == 2),
        st.integers(1, 30),
        st.integers(1, 6),
    )
    def test_batches_have_one_language_and_languages_the_same_share(
        self, langs: list[str], steps: int, batch_size: int
    ) -> None:
        plan = in_turn([3] * len(langs), langs, steps=steps, batch_size=batch_size, seed=1)
        assert len(plan) == steps
        own = [{langs[row] for row in batch} for batch in plan]
        assert all(len(some) == 1 for some in own)
        counts = Counter(next(iter(some)) for some in own)
        assert abs(counts["a"] - counts["b"]) <= 1
        assert all(len(batch) == len(set(batch)) <= batch_size for batch in plan)

    def test_all_rows_come_before_one_comes_again(self) -> None:
        plan = in_turn(list(range(1, 13)), ["a"] * 6 + ["b"] * 6, steps=6, batch_size=2, seed=3)
        assert Counter(row for batch in plan for row in batch) == Counter(range(12))


class TestDistil:
    def test_it_brings_the_student_nearer_and_leaves_the_teacher(
        self, teacher: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, corpora: list[Corpus], run: Run
    ) -> None:
        before = {name: value.clone() for name, value in teacher.state_dict().items()}
        student = student_of(teacher, every=2)
        chosen = student.config._attn_implementation
        result = distil(student, teacher, tokenizer, corpora, run, steps=40, learning_rate=3e-3)
        assert result.rows == min(len(corpus.train) for corpus in corpora) == 5
        for lang in ("yor", "eng"):
            assert result.after[lang].hidden < 0.7 * result.before[lang].hidden
        assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
        assert student.config._attn_implementation == teacher.config._attn_implementation == chosen
        assert student.get_input_embeddings().weight.shape == teacher.get_input_embeddings().weight.shape

    def test_no_updates_leave_the_copy(
        self, teacher: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, corpora: list[Corpus], run: Run
    ) -> None:
        student = student_of(teacher, every=2)
        before = {name: value.clone() for name, value in student.state_dict().items()}
        result = distil(student, teacher, tokenizer, corpora, run, steps=0)
        assert result.before == result.after
        assert (result.best, result.tokens) == (0, 0)
        assert all(torch.equal(value, before[name]) for name, value in student.state_dict().items())

    def test_a_student_of_every_layer_stays_the_teacher(
        self, teacher: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, corpora: list[Corpus], run: Run
    ) -> None:
        student = student_of(teacher, every=1)
        result = distil(student, teacher, tokenizer, corpora, run, steps=3, learning_rate=0.01)
        assert all(apart.loss == 0.0 for apart in (*result.before.values(), *result.after.values()))
        assert all(torch.equal(value, student.state_dict()[name]) for name, value in teacher.state_dict().items())

    def test_the_best_state_is_kept(
        self, teacher: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, corpora: list[Corpus], run: Run,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        """Held-out text is made to say that it gets worse after the second look."""
        from isogloss.train import distilling

        looks: list[dict[str, torch.Tensor]] = []

        def seen(student: PreTrainedModel, *_: Any) -> distilling.Apart:
            looks.append({name: value.detach().clone() for name, value in student.named_parameters()})
            return distilling.Apart(attention=0.0, hidden=abs(len(looks) - 4))

        monkeypatch.setattr(distilling, "held_out", seen)
        student = student_of(teacher, every=2)
        result = distil(student, teacher, tokenizer, corpora[:1], run, steps=8, learning_rate=0.01, checks=4)
        assert (len(looks), result.best) == (5, 6)
        own = dict(student.named_parameters())
        shared = [name for name in looks[3] if name in own]
        assert len(shared) > 10
        assert all(torch.equal(looks[3][name], own[name]) for name in shared)
        assert not all(torch.equal(looks[4][name], own[name]) for name in shared)

    def test_a_language_whose_held_out_text_is_unknown_is_named(
        self, teacher: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, corpora: list[Corpus], run: Run
    ) -> None:
        unknown = replace(corpora[0].held_out[0], fields={"text": "<unk>"})
        bare = [replace(corpora[0], held_out=(unknown,)), corpora[1]]
        with pytest.raises(DataError, match="no piece of some text in yor"):
            distil(student_of(teacher, every=2), teacher, tokenizer, bare, run, steps=1)

    def test_a_tokenizer_that_hides_nothing_is_refused(
        self, teacher: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, corpora: list[Corpus], run: Run
    ) -> None:
        import copy

        maskless = copy.deepcopy(tokenizer)
        maskless.mask_token = None
        with pytest.raises(RecipeError, match="no piece that says 'hidden'"):
            distil(student_of(teacher, every=2), teacher, maskless, corpora, run, steps=1)
