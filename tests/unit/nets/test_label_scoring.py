"""Spans against names of labels: the formula, and the loss over spans and labels."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from isogloss.nets.label_scoring import PRIOR, SPREAD, label_vectors, span_loss, span_scores, spread_head, width_codes

SIZE, WIDEST = 6, 3


def network(outputs_ET: torch.Tensor) -> Any:
    """A network that looks pieces up."""
    return lambda input_ids, attention_mask: SimpleNamespace(logits=outputs_ET[input_ids])


@pytest.fixture
def outputs() -> torch.Tensor:
    return torch.randn(20, 3 * SIZE, generator=torch.Generator().manual_seed(1))


def masked(rows: list[list[int]]) -> dict[str, torch.Tensor]:
    longest = max(map(len, rows))
    return {
        "input_ids": torch.tensor([row + [0] * (longest - len(row)) for row in rows]),
        "attention_mask": torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows]),
    }


def test_widths_have_different_codes() -> None:
    codes = width_codes(12, 128)
    assert codes.shape == (12, 128)
    assert codes.abs().max() <= 0.5
    assert torch.pdist(codes).min() > 0.1
    torch.testing.assert_close(width_codes(3, 128), codes[:3])


def test_a_name_is_the_mean_of_its_pieces_whatever_it_is_padded_to(outputs: torch.Tensor) -> None:
    found = label_vectors(network(outputs), masked([[3, 4], [5, 6, 7, 8]]))
    torch.testing.assert_close(found[0], outputs[[3, 4], 2 * SIZE :].mean(0))
    torch.testing.assert_close(found[1], outputs[[5, 6, 7, 8], 2 * SIZE :].mean(0))


def test_the_loss_is_that_of_every_span_with_every_label_by_hand(outputs: torch.Tensor) -> None:
    # Two texts: four words of one piece, the first piece being none; two words, of two pieces and of one, and padding.
    texts = masked([[0, 9, 10, 11, 12], [0, 13, 14, 15]])
    words = [[1, 2, 3, 4], [1, 3]]
    gold = {(0, 1, 2): 4, (1, 1, 0): 2}
    ends, labels = torch.zeros(2, 5, WIDEST).long(), torch.zeros(2, 5, WIDEST).long()
    for text, pieces in enumerate(words):
        for i, piece in enumerate(pieces):
            for width, end in enumerate(pieces[i : i + WIDEST]):
                ends[text, piece, width] = end + 1
    for place, label in gold.items():
        labels[place] = label + 1
    names, chosen = masked([[16], [17, 18], [19]]), torch.tensor([4, 7, 2])
    found = span_loss(network(outputs), texts, ends, labels, names, chosen)

    codes, name_vectors = width_codes(WIDEST, SIZE), label_vectors(network(outputs), names)
    total, spans = 0.0, 0
    for text, pieces in enumerate(words):
        for i, piece in enumerate(pieces):
            for width, end in enumerate(pieces[i : i + WIDEST]):
                ids = texts["input_ids"][text]
                span = torch.relu(outputs[ids[piece], :SIZE] + outputs[ids[end], SIZE : 2 * SIZE] + codes[width])
                spans += 1
                for number, vector in zip([4, 7, 2], name_vectors, strict=True):
                    odds = float(span @ vector) / math.sqrt(SIZE) + PRIOR
                    probability = 1 / (1 + math.exp(-odds))
                    wanted = gold.get((text, piece, width)) == number
                    total -= math.log(probability if wanted else 1 - probability)
    assert spans == 4 + 3 + 2 + 2 + 1
    assert float(found) == pytest.approx(total / 6, rel=1e-5)


def test_a_score_does_not_depend_on_other_labels() -> None:
    generator = torch.Generator().manual_seed(2)
    starts, ends, codes = (torch.randn(5, SIZE, generator=generator) for _ in range(3))
    labels = torch.randn(4, SIZE, generator=generator)
    together = span_scores(starts, ends, codes, labels)
    for i in range(4):
        torch.testing.assert_close(span_scores(starts, ends, codes, labels[i : i + 1])[:, 0], together[:, i])


class Alike(torch.nn.Module):
    """States that are nearly the same for all pieces, under a head, with dropout between."""

    def __init__(self, hidden: int = 10) -> None:
        super().__init__()
        drawn = torch.Generator().manual_seed(3)
        states = torch.randn(hidden, generator=drawn) + 0.05 * torch.randn(20, hidden, generator=drawn)
        self.states = torch.nn.Parameter(states)
        self.dropout = torch.nn.Dropout(0.5)
        self.head = torch.nn.Linear(hidden, 3 * SIZE)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(logits=self.head(self.dropout(self.states[input_ids])))


def test_a_spread_head_tells_pieces_and_names_apart() -> None:
    model: Any = Alike()
    texts, names = masked([[0, 9, 10, 11, 12], [0, 13, 14]]), masked([[16], [17, 18], [19]])
    spread_head(model, model.head, texts, names)
    assert model.training
    model.eval()
    outputs = model(**texts).logits[texts["attention_mask"].bool()]
    for part in (outputs[:, :SIZE], outputs[:, SIZE : 2 * SIZE], label_vectors(model, names)):
        torch.testing.assert_close(part.mean(0), torch.zeros(SIZE), atol=1e-5, rtol=0)
        assert float(part.detach().square().mean().sqrt()) == pytest.approx(SPREAD, rel=1e-4)


def test_spreading_a_head_is_an_affine_map_of_each_part_and_of_one_name_a_shift() -> None:
    model: Any = Alike()
    before = model.head.weight.detach().clone()
    spread_head(model, model.head, masked([[0, 9, 10]]), masked([[17, 18]]))
    ratio = model.head.weight.detach() / before
    for part in range(2):
        rows = ratio[part * SIZE : (part + 1) * SIZE]
        assert rows.std() < 1e-4 * rows.mean()
        assert rows.mean() > 5
    torch.testing.assert_close(ratio[2 * SIZE :], torch.ones_like(ratio[2 * SIZE :]))
    model.eval()
    torch.testing.assert_close(label_vectors(model, masked([[17, 18]])), torch.zeros(1, SIZE), atol=1e-6, rtol=0)
