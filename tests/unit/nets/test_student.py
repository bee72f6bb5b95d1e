"""Students of every r-th layer: what is copied, and what is seen of the layers of both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertModel,
    PreTrainedModel,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from isogloss.errors import RecipeError
from isogloss.nets.mean_pooling import append_mean_pooling, has_mean_pooling
from isogloss.nets.student import attention_maps, depth_of, look_inside, student_of

SHAPE: dict[str, Any] = {
    "vocab_size": 40, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 24,
    "max_position_embeddings": 32, "initializer_range": 0.3,
}  # fmt: skip


def bert(layers: int = 6, kind: type[PreTrainedModel] = BertForMaskedLM) -> PreTrainedModel:
    torch.manual_seed(0)
    return kind(BertConfig(**SHAPE, num_hidden_layers=layers)).eval()


def layers_of(model: PreTrainedModel) -> list[dict[str, torch.Tensor]]:
    base: Any = model.base_model
    return [layer.state_dict() for layer in base.encoder.layer]


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.fixture
def rows(single_thread: None) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    mask = torch.ones(3, 7, dtype=torch.long)
    mask[1, 4:] = 0
    return {"input_ids": torch.randint(5, 40, (3, 7)), "attention_mask": mask}


class TestStudentOf:
    @pytest.mark.parametrize("every", [1, 2, 3, 6])
    def test_its_layer_j_is_the_last_of_the_jth_group(self, every: int) -> None:
        teacher = bert()
        student = student_of(teacher, every=every)
        own, its = layers_of(student), layers_of(teacher)
        assert len(own) == 6 // every == student.config.num_hidden_layers == depth_of(student)
        for j, layer in enumerate(own):
            matching = [i for i, other in enumerate(its) if same(layer, other)]
            assert matching == [every * (j + 1) - 1]

    def test_the_rest_is_copied_and_shares_no_memory(self) -> None:
        teacher = bert()
        before = {name: value.clone() for name, value in teacher.state_dict().items()}
        student = student_of(teacher, every=2)
        rest = {name: value for name, value in student.state_dict().items() if ".layer." not in name}
        assert "bert.embeddings.word_embeddings.weight" in rest
        assert "cls.predictions.transform.dense.weight" in rest
        assert all(torch.equal(value, before[name]) for name, value in rest.items())
        with torch.no_grad():
            for parameter in student.parameters():
                parameter.fill_(7)
        assert same(before, dict(teacher.state_dict()))
        assert len(layers_of(teacher)) == teacher.config.num_hidden_layers == 6

    def test_there_is_no_dropout_also_after_saving(self, tmp_path: Path) -> None:
        student = student_of(bert(), every=3)
        student.save_pretrained(tmp_path)
        again = BertForSequenceClassification.from_pretrained(tmp_path)
        for model in (student, again):
            assert {m.p for m in model.modules() if isinstance(m, torch.nn.Dropout)} == {0.0}
        assert len(layers_of(again)) == 2
        assert all(same(*pair) for pair in zip(layers_of(again), layers_of(student), strict=True))

    def test_every_first_layer_is_the_teacher(self, rows: dict[str, torch.Tensor]) -> None:
        teacher = bert()
        student = student_of(teacher, every=1).train()  # in training too: nothing is dropped
        assert torch.equal(student(**rows).logits, teacher(**rows).logits)

    def test_a_depth_that_it_does_not_divide_is_refused(self) -> None:
        with pytest.raises(RecipeError, match=r"has 6 layers.*every to one of 1, 2, 3, 6"):
            student_of(bert(), every=4)

    def test_other_shapes_are_refused(self) -> None:
        other = DistilBertModel(DistilBertConfig(vocab_size=40, dim=16, n_layers=2, n_heads=2, hidden_dim=16))
        with pytest.raises(RecipeError, match="DistilBertModel cannot be compared"):
            student_of(other, every=2)

    def test_the_averaging_layer_stays_on_top(self) -> None:
        teacher = bert(4, BertForSequenceClassification)
        append_mean_pooling(teacher.base_model)
        student = student_of(teacher, every=2)
        assert (depth_of(teacher), depth_of(student)) == (4, 2)
        assert has_mean_pooling(student.base_model)
        assert len(layers_of(student)) == 3 == student.config.num_hidden_layers


class TestLookInside:
    @pytest.mark.parametrize("make", [bert, lambda: XLMRobertaModel(XLMRobertaConfig(**SHAPE, num_hidden_layers=6))])
    def test_what_it_sees_is_what_transformers_gives(
        self, make: Callable[[], PreTrainedModel], rows: dict[str, torch.Tensor]
    ) -> None:
        model = make().eval()
        with attention_maps(model):
            output, inside = look_inside(model, rows)
            given = model(**rows, output_hidden_states=True, output_attentions=True)
        assert (len(inside.states), len(inside.maps)) == (7, 6)
        assert all(torch.equal(*pair) for pair in zip(inside.states, given.hidden_states, strict=True))
        assert all(torch.equal(*pair) for pair in zip(inside.maps, given.attentions, strict=True))
        assert torch.equal(output[0], given[0])

    def test_nothing_of_it_stays(self, rows: dict[str, torch.Tensor]) -> None:
        model = bert()
        chosen = model.config._attn_implementation
        with attention_maps(model):
            _, inside = look_inside(model, rows)
            assert model.config._attn_implementation == "eager"
            model(**rows)
        assert len(inside.maps) == 6
        assert model.config._attn_implementation == chosen != "eager"
        assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())

    def test_the_averaging_layer_is_not_seen(self, rows: dict[str, torch.Tensor]) -> None:
        model = bert(4, BertForSequenceClassification)
        with attention_maps(model):
            _, before = look_inside(model, rows)
            append_mean_pooling(model.base_model)
            _, after = look_inside(model, rows)
        assert (len(after.states), len(after.maps)) == (5, 4)
        assert all(torch.equal(*pair) for pair in zip(before.states, after.states, strict=True))
