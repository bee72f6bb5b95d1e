"""The figures on transfer matrices: planted distances are found, and nothing is claimed where there is none."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from isogloss.planning.matrix import Cell, TransferMatrix
from isogloss.planning.prediction import Pairs

FOLDER = Path(__file__).resolve().parents[3] / "benchmarks" / "transfer-matrix"
MODULES = ("labelled", "measure", "matrices", "figures")


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("figures")


def planted(figures: ModuleType, *, strength: float, seed: int = 0) -> Pairs:
    """Twelve languages whose scores fall with syntactic distance, beside the targets' own levels and noise."""
    drawn = np.random.default_rng(seed)
    codes = ["eng", *(f"a{letter}a" for letter in "bcdefghijkl")]
    points_LKD = drawn.random((len(codes), len(figures.KINDS), 3))
    level = dict(zip(codes, drawn.normal(0.6, 0.1, len(codes)), strict=True))
    ends = [(s, t) for s in codes for t in codes if s != t]
    distances_NK = np.array(
        [np.linalg.norm(points_LKD[codes.index(s)] - points_LKD[codes.index(t)], axis=1) for s, t in ends]
    )
    syntactic_N = distances_NK[:, figures.KINDS.index("syntactic")]
    noise_N = drawn.normal(0, 0.01, len(ends))
    scores_N = np.array([level[t] for _, t in ends]) - strength * syntactic_N + noise_N
    return Pairs(
        sources=tuple(s for s, _ in ends), targets=tuple(t for _, t in ends), distances_NK=distances_NK,
        scores_N=scores_N,
    )  # fmt: skip


def test_planted_group_explains_the_variance_and_the_others_do_not(figures: ModuleType) -> None:
    groups = figures.by_group(planted(figures, strength=0.2))
    assert groups["syntax"]["r2"] > 0.9
    assert groups["syntax"]["beyond_the_others"] > 0.8
    assert groups["syntax"]["p"] == 1 / (1 + figures.PERMUTATIONS)
    assert groups["syntax"]["spearman"]["syntactic"] < -0.9
    assert all(groups[name]["r2"] < 0.3 for name in ("phonology", "family", "place"))


def test_a_plan_beats_constants_where_distance_counts_and_not_where_it_does_not(figures: ModuleType) -> None:
    found = figures.choosing(planted(figures, strength=0.2))
    assert found["spearman"]["mean"] > 0.9
    assert found["regret"]["plan"]["mean"] < 0.01
    assert found["regret_less_plan"]["English"]["ci95"][0] > 0
    assert found["regret"]["English"]["n"] == 11  # English has no English source
    nothing = figures.choosing(planted(figures, strength=0.0))
    assert nothing["regret_less_plan"]["English"]["ci95"][0] < 0 < nothing["regret_less_plan"]["English"]["ci95"][1]
    assert nothing["variance"]["target"] > 0.8


def test_the_law_is_met_where_curves_follow_it(figures: ModuleType) -> None:
    cells = []
    for number, lang in enumerate(figures.FEW_LANGUAGES):
        for n in (0, *figures.FEW):
            true = 0.4 + 0.02 * number + 0.05 * np.log(n + 10)
            scores = {seed: float(true + 0.001 * (-1) ** seed) for seed in (1, 2)}
            cells.append(
                Cell(source="eng", target=lang, task="classification", metric="accuracy", examples=n, scores=scores)
            )
    found = figures.law(TransferMatrix(cells=tuple(cells)))
    assert found["error"]["law, n = 500"]["mean"] < 0.01
    assert found["error"]["gains of the other languages, n = 500"]["mean"] < 0.01
    assert found["error"]["as with 100, n = 500"]["mean"] > 0.05
    assert found["covered"] == 1.0


def test_random_sets_are_twenty_of_each_size_and_always_the_same(figures: ModuleType) -> None:
    sets = list(figures.random_sets("ner"))
    assert sets == list(figures.random_sets("ner"))
    assert len(set(sets)) == len(sets)
    assert [sum(len(s) == k for s in sets) for k in figures.SIZES] == [20, 20, 20]


def test_cells_that_were_not_measured_again_stay(
    figures: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    matrices = sys.modules["matrices"]
    old = [
        Cell(source="eng", target=lang, task="classification", metric="accuracy", scores={1: score})
        for lang, score in (("deu", 0.5), ("fin", 0.4))
    ]
    monkeypatch.setattr(matrices, "scores", lambda place, name, sources: {"deu": 0.7})
    monkeypatch.setattr(matrices, "problem_of", lambda name, sources: Problem())
    monkeypatch.setattr(matrices, "land_of", lambda name: Land())
    (tmp_path / "topic-eng-2.json").write_text("{}", encoding="utf-8")
    found = matrices.matrix("topic", tmp_path, TransferMatrix(cells=tuple(old)))
    assert {cell.target: dict(cell.scores) for cell in found.cells} == {"deu": {2: 0.7}, "fin": {1: 0.4}}


class Problem:
    class task:  # noqa: N801
        metric = "accuracy"


class Land:
    def between(self, source: str, target: str, kinds: object) -> list[float]:
        return [0.5]
