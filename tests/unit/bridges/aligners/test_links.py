"""Rules that take links from a table: both sides alike, no order of rows and columns, hand cases, ties."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from isogloss.bridges.aligners.links import (
    agreement,
    itermax,
    mutual_argmax,
    softmax_links,
    transposed,
    units_of_pieces,
    word_links,
)

Rule = Callable[[Any], Any]
RULES: dict[str, Rule] = {
    "softmax": lambda table: softmax_links(3 * table, 0.2),
    "argmax": mutual_argmax,
    "itermax": itermax,
    "itermax of four": lambda table: itermax(table, iterations=4, alpha=0.5),
}
# Eighths: sums and products of few of them are exact, and ties are frequent.
TABLES = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=6),
    elements=st.integers(-8, 8).map(lambda n: n / 8),
)
each_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)


def pairs(linked: Any) -> set[tuple[int, int]]:
    return set(zip(*(axis.tolist() for axis in np.nonzero(linked)), strict=True))


@each_rule
@given(table=TABLES)
@settings(max_examples=60, deadline=None)
def test_the_sides_can_change_places(rule: Rule, table: Any) -> None:
    assert (rule(table.T) == rule(table).T).all()


@each_rule
@given(table=TABLES, seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_the_order_of_rows_and_columns_does_not_matter(rule: Rule, table: Any, seed: int) -> None:
    generator = np.random.default_rng(seed)
    rows, columns = generator.permutation(table.shape[0]), generator.permutation(table.shape[1])
    assert (rule(table[rows][:, columns]) == rule(table)[rows][:, columns]).all()


@given(table=TABLES)
@settings(max_examples=60, deadline=None)
def test_mutual_maxima_are_the_largest_of_their_row_and_column(table: Any) -> None:
    expected = {
        (i, j)
        for i in range(table.shape[0])
        for j in range(table.shape[1])
        if table[i, j] == max(table[i]) == max(table[:, j])
    }
    assert pairs(mutual_argmax(table)) == expected
    assert expected  # the largest of all is always one


@given(table=TABLES)
@settings(max_examples=60, deadline=None)
def test_itermax_only_adds(table: Any) -> None:
    one, two, three = (itermax(table, iterations=n) for n in (1, 2, 3))
    assert (one == mutual_argmax(table)).all()
    assert (one <= two).all()
    assert (two <= three).all()


def test_itermax_gives_a_word_a_second_partner_but_takes_none_away() -> None:
    table = np.array([[0.9, 0.8, 0.1], [0.2, 0.1, 0.7]])
    assert pairs(mutual_argmax(table)) == {(0, 0), (1, 2)}
    assert pairs(itermax(table)) == {(0, 0), (1, 2), (0, 1)}
    # Where both sides of a pair are taken it stays out, however alike they are.
    assert pairs(itermax(np.array([[1.0, 0.9], [0.9, 1.0]]), iterations=5)) == {(0, 0), (1, 1)}


def test_itermax_discounts_what_is_taken() -> None:
    # Row 1 and column 1 are free; column 1 likes row 0, which is taken, a little better than row 1.
    table = np.array([[1.0, 0.6, 0.0], [0.1, 0.58, 0.59], [0.0, 0.0, 0.9]])
    assert pairs(itermax(table, alpha=0.9)) == {(0, 0), (2, 2), (1, 1)}
    assert pairs(itermax(table, alpha=1.0)) == {(0, 0), (2, 2), (0, 1), (1, 2)}


def test_softmax_wants_a_share_on_both_sides() -> None:
    table = np.log(np.array([[8.0, 1.0, 1.0], [1.0, 1.0, 8.0]]))
    # Row shares 0.8 0.1 0.1; column shares 8/9 1/2 1/9.
    assert pairs(softmax_links(table, 0.5)) == {(0, 0), (1, 2)}
    assert pairs(softmax_links(table, 0.099)) == {(i, j) for i in range(2) for j in range(3)}
    assert pairs(softmax_links(table, 0.101)) == {(0, 0), (1, 2)}


def test_ties_count_together() -> None:
    assert mutual_argmax(np.zeros((2, 3))).all()
    assert softmax_links(np.zeros((2, 3)), 0.3).all()
    assert not softmax_links(np.zeros((2, 3)), 0.34).any()


@each_rule
@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (2, 0)])
def test_an_empty_side_has_no_links(rule: Rule, shape: tuple[int, int]) -> None:
    assert rule(np.zeros(shape)).shape == shape


def test_large_products_do_not_overflow() -> None:
    assert pairs(softmax_links(np.array([[5000.0, 0.0], [0.0, -5000.0]]), 0.4)) == {(0, 0)}


UNITS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), max_size=8).map(
    lambda steps: [
        (start, start + length)
        for start, length in zip(
            np.cumsum([0] + [gap + length for gap, length in steps])[:-1].tolist(),
            [length for _, length in steps],
            strict=True,
        )
    ]
)


@given(units=UNITS, pieces=UNITS)
@settings(max_examples=200, deadline=None)
def test_pieces_belong_to_the_units_they_share_a_character_with(units: Any, pieces: Any) -> None:
    expected = [
        tuple(n for n, (start, end) in enumerate(units) if set(range(start, end)) & set(range(*piece)))
        for piece in pieces
    ]
    assert units_of_pieces(units, pieces) == expected


def test_words_are_linked_if_any_of_their_pieces_are() -> None:
    source = units_of_pieces([(0, 4), (5, 7)], [(0, 2), (2, 4), (5, 7)])
    target = units_of_pieces([(0, 2), (2, 5), (6, 8)], [(0, 5), (6, 8)])  # the first piece spans two words
    linked = np.array([[True, False], [True, False], [False, True]])
    assert word_links(linked, source, target) == {(0, 0), (0, 1), (1, 2)}
    assert word_links(linked.T, target, source) == transposed(word_links(linked, source, target))


def test_agreement_is_the_f1_of_two_sets_of_links() -> None:
    one = [frozenset({(0, 0), (1, 1)}), frozenset({(0, 0)})]
    other = [frozenset({(0, 0)}), frozenset({(0, 1)})]
    assert agreement(one, one) == 1
    assert agreement(one, other) == agreement(other, one) == 2 * 1 / (3 + 2)
    assert agreement([frozenset()], [frozenset()]) == 0
