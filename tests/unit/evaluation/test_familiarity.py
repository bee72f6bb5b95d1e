"""Familiarity against its definition and the paper's numbers; the splits by difficulty."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isogloss import Backbone, Problem
from isogloss.backbones.sentences import sentence_vectors
from isogloss.errors import DataError, IsoglossError
from isogloss.evaluation.familiarity import (
    Weighting,
    difficulty_splits,
    familiarity,
    label_mentions,
    only_labels,
    trained_on,
)

WEIGHTS: tuple[Weighting, ...] = ("zipf", "linear", "none")
Case = tuple[list[float], list[int], int]


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        (["person"], ["people"], "no table of how often"),
        ({"person": math.nan}, ["people"], "mentioned nan times"),
        ({"person": math.inf}, ["people"], "mentioned inf times"),
        ({"person": 1.5}, ["people"], "mentioned 1.5 times"),
        ({"person": "3"}, ["people"], "mentioned 3 times"),
        ({"person": -1}, ["people"], "mentioned -1 times"),
        ({"": 3}, ["people"], "train_labels: A label has no name"),
        ({"person": 3}, [" "], "test_labels: A label has no name"),
    ],
)
def test_labels_that_are_none_are_refused(train: Any, test: list[str], said: str) -> None:
    with pytest.raises(DataError, match=said):
        familiarity(train, test, similarities=np.ones((1, 1)))


def value(similarities: Sequence[float], counts: Sequence[int], k: int, weights: Weighting = "zipf") -> float:
    """The familiarity of one label."""
    train = {f"label {i}": count for i, count in enumerate(counts)}
    return familiarity(train, ["one"], similarities=np.array([similarities]), weights=weights, k=k).value


def by_definition(similarities: Sequence[float], counts: Sequence[int], k: int, weights: Weighting) -> float:
    """Every mention written out, sorted and weighted."""
    mentions = sorted((s for s, n in zip(similarities, counts, strict=True) for _ in range(n)), reverse=True)[:k]
    most = len(mentions)
    ranks = range(1, most + 1)
    by_rank = {"zipf": [1 / r for r in ranks], "linear": [(most - r + 1) / most for r in ranks], "none": [1.0] * most}
    return sum(w * max(0.0, s) for w, s in zip(by_rank[weights], mentions, strict=True)) / sum(by_rank[weights])


@pytest.mark.parametrize(
    ("similarities", "counts", "k", "expected"),
    [
        (["0.95", "0.8"], [200, 200], 400, (0.93420, 0.91240, 0.875)),
        (["0.95", "0.8", "0.7"], [200, 500, 100], 800, (0.91956, 0.86401, 0.825)),
    ],
)
def test_the_known_values_to_five_decimals(
    similarities: list[str], counts: list[int], k: int, expected: tuple[float, ...]
) -> None:
    """The first five decimals, cut off: in fractions they go on 0.912406 and 0.919568, which round to other ones."""
    mentions = [Fraction(s) for s, n in zip(similarities, counts, strict=True) for _ in range(n)]
    ranks = range(1, k + 1)
    by_rank: dict[Weighting, list[Fraction]] = {
        "zipf": [Fraction(1, r) for r in ranks],
        "linear": [Fraction(k - r + 1, k) for r in ranks],
        "none": [Fraction(1)] * k,
    }
    for weights, five in zip(WEIGHTS, expected, strict=True):
        found = value([float(s) for s in similarities], counts, k, weights)
        exact = sum(w * s for w, s in zip(by_rank[weights], mentions, strict=True)) / sum(by_rank[weights])
        assert found == pytest.approx(float(exact), abs=1e-13)
        assert math.floor(exact * 10**5) == round(five * 10**5)


def test_the_closed_form_is_the_definition_in_a_thousand_cases() -> None:
    rng = np.random.default_rng(5)
    apart = 0.0
    for case in range(1000):
        labels = int(rng.integers(1, 30))
        # Rounded, so that there are ties; some below 0, some labels without a mention.
        similarities = np.round(rng.uniform(-0.3, 1, labels), int(rng.integers(1, 4))).tolist()
        counts = [*rng.integers(0, int(rng.choice([2, 5, 60])), labels - 1).tolist(), 1]
        k, weights = int(rng.integers(1, 200)), WEIGHTS[case % 3]
        apart = max(
            apart, abs(value(similarities, counts, k, weights) - by_definition(similarities, counts, k, weights))
        )
    assert apart < 1e-12


def test_zipf_rests_on_the_first_mentions() -> None:
    shares = [familiarity({"a": n, "b": 2000}, ["x"], similarities=np.array([[0.9, 0.1]])).labels[0].share
              for n in (10, 100)]  # fmt: skip
    assert shares == pytest.approx([0.3913, 0.6930], abs=5e-5)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    size = draw(st.integers(1, 12))
    similarities = draw(st.lists(st.floats(-1, 1), min_size=size, max_size=size))
    counts = draw(st.lists(st.integers(1, 40), min_size=size, max_size=size))
    return similarities, counts, draw(st.integers(1, 300))


@given(cases(), st.sampled_from(WEIGHTS), st.data())
@settings(max_examples=100, deadline=None)
def test_it_rises_with_similarity_and_with_mentions_of_the_similar(
    case: Case, weights: Weighting, data: st.DataObject
) -> None:
    similarities, counts, k = case
    plain = value(similarities, counts, k, weights)
    assert 0 <= plain <= 1
    order = data.draw(st.permutations(range(len(counts))))
    turned = value([similarities[i] for i in order], [counts[i] for i in order], k, weights)
    assert turned == pytest.approx(plain, abs=1e-12)
    here = data.draw(st.integers(0, len(counts) - 1))
    nearer = [s + (1 - s) / 2 if i == here else s for i, s in enumerate(similarities)]
    assert value(nearer, counts, k, weights) >= plain - 1e-12
    best = int(np.argmax(similarities))
    moved = list(counts)
    moved[here] -= 1
    moved[best] += 1
    assert value(similarities, moved, k, weights) >= plain - 1e-12


@pytest.mark.parametrize("weights", WEIGHTS)
def test_a_label_seen_k_times_is_wholly_familiar(weights: Weighting) -> None:
    assert value([1.0, 0.2], [50, 900], 50, weights) == pytest.approx(1, abs=1e-12)
    assert value([1.0, 0.2], [49, 900], 50, weights) < 1


def test_more_ranks_than_mentions_rank_all_of_them() -> None:
    for weights in WEIGHTS:
        assert value([0.9, 0.5], [3, 4], 1000, weights) == value([0.9, 0.5], [3, 4], 7, weights)
    assert familiarity({"a": 3}, ["x"], similarities=np.ones((1, 1))).k == 3


def letters(names: Sequence[str]) -> np.ndarray:
    """An embedder: how often each letter occurs."""
    return np.array([[name.count(c) for c in "abcdefghijklmnopqrstuvwxyz"] for name in names])


def test_an_embedder_gives_what_its_cosines_give() -> None:
    train, test = {"person": 40, "place": 5, "...": 9, "team": 70}, ["persons", "mate", "tea", *map(str, range(40))]
    length = [np.linalg.norm(letters([*names]), axis=1, keepdims=True) for names in (test, train)]
    length = [np.where(n == 0, 1, n) for n in length]
    cosines = (letters(test) / length[0]) @ (letters([*train]) / length[1]).T
    by_vector = familiarity(train, test, embed=letters, k=60)
    by_cosine = familiarity(train, test, similarities=cosines, k=60)
    assert [row.label for row in by_vector.labels] == test
    for mine, other in zip(by_vector.labels, by_cosine.labels, strict=True):
        assert mine.value == pytest.approx(other.value, abs=1e-6)
    mate = by_vector.labels[1]
    assert (mate.nearest, mate.mentions) == ("team", 70)
    assert mate.value == pytest.approx(1, abs=1e-6)
    assert by_vector.labels[5].value == 0  # a name without a letter has a vector of zeros
    assert by_vector.value == pytest.approx(np.mean([row.value for row in by_vector.labels]))


def test_the_table_begins_with_the_least_familiar() -> None:
    found = familiarity({"a": 9, "b": 1200}, ["x", "y"], similarities=np.array([[0.9, 0.2], [0.1, 0.05]]), k=10)
    lines = found.table().splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["y", "x", "**mean**"]
    assert lines[3].startswith("| x | 0.876 | a | 0.900 | 9 | 96.6% |")


@pytest.mark.parametrize(
    ("train", "test", "more", "says"),
    [
        ({}, ["x"], {}, "train_labels"),
        ({"a": 0}, ["x"], {}, "No training label"),
        ({"a": -1}, ["x"], {}, "mentioned -1 times"),
        ({"a": 1}, [], {}, "test_labels"),
        ({"a": 1}, ["x", "x"], {}, "test_labels"),
        ({"a": 1}, ["x"], {"weights": "power"}, "weights 'power'"),
        ({"a": 1}, ["x"], {"k": 0}, "k = 0"),
        ({"a": 1}, ["x"], {"similarities": np.ones((2, 1))}, "similarities"),
        ({"a": 1}, ["x"], {"similarities": np.full((1, 1), np.nan)}, "not between"),
        ({"a": 1}, ["x"], {"similarities": np.full((1, 1), 3.0)}, "not between"),
        ({"a": 1}, ["x"], {"embed": lambda _: np.zeros(3)}, "embed"),
    ],
)
def test_what_cannot_be_ranked_is_said(
    train: dict[str, int], test: list[str], more: dict[str, object], says: str
) -> None:
    arguments = more if "embed" in more or "similarities" in more else more | {"embed": letters}
    with pytest.raises(IsoglossError, match=says):
        familiarity(train, test, **arguments)  # type: ignore[arg-type]


def test_splits_by_the_nearest_label() -> None:
    names = [f"l{i:03}" for i in range(200)]
    rise = np.linspace(0, 1, 200)
    splits = difficulty_splits(names, ["x", "y"], similarities=np.stack([rise, 0 * rise]), by="maximum")
    # Two of 200 the most similar, two around the median, ten the least similar.
    assert splits == {"easy": ("l198", "l199"), "medium": ("l099", "l100"), "hard": tuple(names[:10])}


def test_splits_by_entropy() -> None:
    """The further apart two similarities, the less doubt; of the level nothing is left."""
    gaps = np.linspace(0, 0.05, 200)
    splits = difficulty_splits(
        [f"l{i:03}" for i in range(200)], ["x", "y"], similarities=np.stack([0.9 - gaps, 0.9 + 0 * gaps])
    )
    assert splits["easy"] == ("l198", "l199")
    assert splits["hard"] == tuple(f"l{i:03}" for i in range(10))
    assert difficulty_splits(["a", "b", "c"], ["x", "y"], similarities=np.array([[0.5, 0.9, 0.8], [0.5, 0.7, 0.79]]),
                             easy=0.1, hard=0.1) == {"easy": ("b",), "medium": ("c",), "hard": ("a",)}  # fmt: skip


def test_a_split_without_labels_is_said() -> None:
    with pytest.raises(DataError, match="none is medium"):
        difficulty_splits(["a", "b"], ["x"], similarities=np.array([[0.1, 0.9]]))


def test_an_easy_split_is_more_familiar_than_a_hard_one() -> None:
    names = [f"l{i}" for i in range(400)]
    cosines = np.random.default_rng(2).uniform(0, 1, (6, 400))
    splits = difficulty_splits(names, list("uvwxyz"), similarities=cosines, by="maximum")
    values = []
    for split in splits.values():
        chosen = cosines[:, [names.index(name) for name in split]]
        values.append(familiarity(dict.fromkeys(split, 10), list("uvwxyz"), similarities=chosen, k=20).value)
    assert values[0] > values[1] > values[2]


def test_mentions_and_training_rows_of_a_split(tiny_problem: Callable[..., Problem]) -> None:
    problem = tiny_problem("spans")
    examples = problem.source_examples("train")
    assert label_mentions(examples) == {"WHO": 32, "WHAT": 32}
    rows = only_labels(problem.task, examples, {"WHAT"})
    assert len(rows) == 32
    assert label_mentions(rows) == {"WHAT": 32}
    assert {tag for row in rows for tag in row.fields["tags"]} <= {"O", "B-WHAT", "I-WHAT"}
    assert [row.fields["text"] for row in rows] == [example.fields["text"] for example in examples]
    assert only_labels(problem.task, examples, {"WHERE"}) == []
    everything = only_labels(problem.task, examples, {"WHO", "WHAT"})
    assert [row.fields["tags"] for row in everything] == [example.fields["tags"] for example in examples]


def test_a_problem_of_a_split_trains_on_its_labels_and_tests_on_all(tiny_problem: Callable[..., Problem]) -> None:
    whole = tiny_problem("spans")
    part = trained_on(whole, ("WHAT",))
    assert part.task.labels == ("WHAT",)
    assert label_mentions(part.source_examples("train")) == {"WHAT": 32}
    assert label_mentions(part.source_examples("dev")) == {"WHAT": 12}
    assert part.test == whole.test
    with pytest.raises(DataError, match="No training example"):
        trained_on(whole, ("WHERE",))


def test_vectors_of_names_do_not_depend_on_their_company(tiny_backbone: object) -> None:
    backbone = Backbone.load(str(tiny_backbone))
    names = ["bread", "the old king", "a", "our teacher found the red apple"] * 20
    vectors = sentence_vectors(backbone, names)
    assert vectors.shape == (80, 32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(vectors[3], sentence_vectors(backbone, names[3:4])[0], atol=1e-5)
    np.testing.assert_allclose(vectors[:4], vectors[40:44], atol=1e-5)
