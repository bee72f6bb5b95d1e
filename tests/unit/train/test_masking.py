"""Masks: how many pieces, which, and what stands in their place."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isogloss import Backbone
from isogloss.train.masking import (
    NO_TARGET,
    Masking,
    choose_pieces,
    joined,
    mask_tokens,
    word_numbers,
)

KINDS: tuple[Masking, ...] = ("tokens", "words", "spans")
ROWS, LENGTH, MASK, PIECES = 400, 128, 4, torch.arange(100, 200)


@pytest.fixture
def ids() -> torch.Tensor:
    return torch.randint(10, 90, (ROWS, LENGTH), generator=torch.Generator().manual_seed(1))


@pytest.fixture
def maskable() -> torch.Tensor:
    """All but the ends of every row, and padding in the second half of the rows."""
    open_BT = torch.ones(ROWS, LENGTH, dtype=torch.bool)
    open_BT[:, [0, -1]] = False
    open_BT[ROWS // 2 :, LENGTH // 2 :] = False
    return open_BT


@pytest.fixture
def words() -> torch.Tensor:
    """Words of three pieces."""
    return (torch.arange(LENGTH) // 3 * 3).expand(ROWS, LENGTH)


def lengths_of_runs(chosen: torch.Tensor) -> torch.Tensor:
    rows = ("".join("01"[int(v)] for v in row) for row in chosen)
    return torch.tensor([len(run) for row in rows for run in row.split("0") if run]).float()


def seeded(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("masking", KINDS)
class TestEveryMask:
    def test_the_share_is_the_rate_and_nothing_else_is_touched(
        self, masking: Masking, ids: torch.Tensor, maskable: torch.Tensor, words: torch.Tensor
    ) -> None:
        masked = mask_tokens(
            ids, maskable, mask_id=MASK, pieces_N=PIECES, masking=masking, words_BT=words, generator=seeded()
        )
        chosen = masked.targets != NO_TARGET
        assert not (chosen & ~maskable).any()
        assert abs(chosen.sum().item() / maskable.sum().item() - 0.15) < 0.01
        assert torch.equal(masked.targets[chosen], ids[chosen])
        assert torch.equal(masked.input_ids[~chosen], ids[~chosen])

    def test_of_the_chosen_eight_tenths_are_hidden_and_one_is_replaced(
        self, masking: Masking, ids: torch.Tensor, maskable: torch.Tensor, words: torch.Tensor
    ) -> None:
        masked = mask_tokens(
            ids, maskable, mask_id=MASK, pieces_N=PIECES, masking=masking, words_BT=words, generator=seeded()
        )
        now = masked.input_ids[masked.targets != NO_TARGET]
        assert abs((now == MASK).float().mean().item() - 0.8) < 0.02
        assert abs(torch.isin(now, PIECES).float().mean().item() - 0.1) < 0.015
        assert abs(torch.isin(now, ids).float().mean().item() - 0.1) < 0.015

    def test_every_draw_is_another_and_the_generator_decides(
        self, masking: Masking, maskable: torch.Tensor, words: torch.Tensor
    ) -> None:
        torch.manual_seed(5)
        first, second = (choose_pieces(maskable, masking=masking, words_BT=words) for _ in range(2))
        torch.manual_seed(5)
        again = choose_pieces(maskable, masking=masking, words_BT=words)
        assert torch.equal(first, again)
        assert not torch.equal(first, second)

    def test_rate_nought_hides_nothing_and_one_hides_all(
        self, masking: Masking, maskable: torch.Tensor, words: torch.Tensor
    ) -> None:
        assert not choose_pieces(maskable, masking=masking, rate=0.0, words_BT=words).any()
        assert torch.equal(choose_pieces(maskable, masking=masking, rate=1.0, words_BT=words), maskable)


def test_words_are_hidden_whole(maskable: torch.Tensor, words: torch.Tensor) -> None:
    chosen = choose_pieces(maskable, masking="words", words_BT=words, generator=seeded())
    for row, open_row in zip(chosen, maskable, strict=True):
        for start in range(0, LENGTH - 2, 3):
            one_word = row[start : start + 3][open_row[start : start + 3]]
            assert one_word.all() or not one_word.any()


def test_whole_words_without_their_numbers_are_an_error(maskable: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="numbers"):
        choose_pieces(maskable, masking="words")


class TestSpans:
    """CrossNER's rule, at the setting at which its effect was measured: a fifth of 128 pieces."""

    def test_runs_get_longer_and_hardly_any_piece_stays_alone(self) -> None:
        open_BT = torch.ones(2000, 128, dtype=torch.bool)
        single = choose_pieces(open_BT, rate=0.2, generator=seeded())
        spans = joined(single, open_BT)
        before, after = lengths_of_runs(single), lengths_of_runs(spans)
        assert before.mean().item() == pytest.approx(1.25, abs=0.02)
        assert (before == 1).float().mean().item() == pytest.approx(0.80, abs=0.01)
        assert after.mean().item() == pytest.approx(2.20, abs=0.06)
        assert (after == 1).float().mean().item() == pytest.approx(0.038, abs=0.012)

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
    def test_the_number_stays_and_only_maskable_pieces_are_chosen(self, places: list[tuple[bool, bool]]) -> None:
        maskable = torch.tensor([[may for may, _ in places]])
        chosen = torch.tensor([[may and wanted for may, wanted in places]])
        spans = joined(chosen, maskable)
        assert spans.sum() == chosen.sum()
        assert not (spans & ~maskable).any()

    @pytest.mark.parametrize(
        ("row", "expected"),
        [
            ("1000100", "0001100"),
            ("10100", "01100"),
            ("1001100100", "0011100100"),  # the next one may begin a run
            ("1100100100", "1100001100"),
            ("0100", "0100"),
            ("1010100", "0110100"),  # the third waits in vain
            ("110110", "110110"),
        ],
    )
    def test_a_piece_that_stands_alone_joins_the_next(self, row: str, expected: str) -> None:
        chosen = torch.tensor([[c == "1" for c in row]])
        assert "".join("01"[int(v)] for v in joined(chosen, torch.ones_like(chosen))[0]) == expected

    def test_a_piece_stays_where_a_special_token_is_in_the_way(self) -> None:
        chosen = torch.tensor([[True, False, False, True]])
        maskable = torch.tensor([[True, True, False, True]])
        assert torch.equal(joined(chosen, maskable), chosen)


class TestWordNumbers:
    def test_pieces_of_a_word_share_the_place_of_its_first(self, tiny_backbone: Path) -> None:
        tokenizer = Backbone.load(str(tiny_backbone)).tokenizer()
        encoded = tokenizer("the saw blade painted")
        pieces = tokenizer.convert_ids_to_tokens(encoded["input_ids"])
        numbers = word_numbers(pieces, encoded.word_ids())
        words: dict[int, str] = {}
        for piece, number in zip(pieces, numbers, strict=True):
            words[number] = words.get(number, "") + piece
        assert list(words.values()) == ["<s>", "▁the", "▁saw", "▁blade", "▁painted", "</s>"]

    def test_marks_tell_words_apart_where_the_tokenizer_does_not(self) -> None:
        assert word_numbers(["▁a", "b", "▁", "c", "d"], [0, 0, 0, 0, 0]) == [0, 0, 2, 2, 2]

    def test_word_ids_tell_words_apart_where_there_are_no_marks(self) -> None:
        assert word_numbers(["[CLS]", "un", "##do", "it", "[SEP]"], [None, 0, 0, 1, None]) == [0, 1, 1, 3, 4]
