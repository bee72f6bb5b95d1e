"""The leaderboard on invented runs: who is ranked with whom, what is merged, and what is refused and why."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from isogloss import Problem
from isogloss.errors import IsoglossError
from isogloss.evaluation.comparing import tabled
from isogloss.evaluation.leaderboard import leaderboard
from isogloss.evaluation.leaderboard_page import cost_quality
from isogloss.evaluation.report import Report

ITEMS = 40


@pytest.fixture(scope="module")
def problem() -> Problem:
    test = {
        lang: [{"id": str(n), "text": f"{lang} {n}", "label": "food" if n % 2 else "tool"} for n in range(ITEMS)]
        for lang in ("yor", "rus")
    }
    train = [{"text": f"new {n}", "label": "food" if n % 2 else "tool"} for n in range(8)]
    return Problem.from_data(
        task="classification", source="eng", targets=["yor", "rus"], train={"eng": train}, test=test
    )


@pytest.fixture
def make(problem: Problem, tmp_path: Path) -> Callable[..., Path]:
    def run(name: str, wrong: int, *, seeds: tuple[int, ...] = (1, 2), **changes: Any) -> Path:
        """A run that errs on the first ``wrong`` items, and on one more with every seed."""
        answers = {
            seed: {
                lang: ["tool" if (e.fields["label"] == "food") == (n < wrong + i) else "food"
                       for n, e in enumerate(examples)]
                for lang, examples in problem.test.items()
            }
            for i, seed in enumerate(seeds)
        }  # fmt: skip
        fields: dict[str, Any] = {
            "problem": "x", "task": "classification", "metric": "accuracy", "labels": ["food", "tool"],
            "regime": "zero-shot", "tier": "nothing", "recipe": name, "settings": {"source_dev": {}},
            "backbone": {"id": "tiny"}, "source": ["eng"], "targets": ["yor", "rus"],
            "selection": {"rule": "source_dev", "runs": []}, "seeds": list(seeds),
            "scores": tabled(problem, answers).by_language, "seconds": {"objective": 10.0 * (1 + wrong)},
        }  # fmt: skip
        folder = tmp_path / f"{name}-{len(list(tmp_path.iterdir()))}"
        (folder / "predictions").mkdir(parents=True)
        (folder / "report.json").write_text(Report(**fields | changes).to_json())
        for lang, examples in problem.test.items():
            rows = [
                {"id": e.id, "lang": lang, "by_seed": {seed: given[lang][n] for seed, given in answers.items()}}
                for n, e in enumerate(examples)
            ]
            (folder / "predictions" / f"{lang}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return folder

    return run


def test_systems_of_a_tier_are_ranked_against_the_first(problem: Problem, make: Callable[..., Path]) -> None:
    board = leaderboard(problem, [make("direct", 20), make("frozen", 4)])
    (group,) = board.groups.values()
    best, base = group
    assert [(s.name, s.rank) for s in group] == [("frozen", 1), ("direct", 2)]
    assert (base.baseline, base.verdict, best.baseline) == (None, None, "direct")
    assert best.delta == pytest.approx(16 / ITEMS)
    assert best.verdict == "better"
    assert best.p is not None
    assert best.p < 0.01
    assert best.languages["yor"]["p"] == pytest.approx(2 * best.p, abs=0.01)  # Holm over two languages of equal answers
    assert best.mean == pytest.approx(1 - 4.5 / ITEMS)
    assert best.languages["yor"]["by_seed"] == {"1": 0.9, "2": 0.875}


def test_no_interval_of_an_accuracy_leaves_its_range(problem: Problem, make: Callable[..., Path]) -> None:
    """A recipe whose two seeds lie far apart; the other has every item right with one seed."""
    apart = [make("direct", wrong, seeds=(seed,)) for seed, wrong in ((1, 2), (2, 30))]
    (group,) = leaderboard(problem, [*apart, make("frozen", 0, seeds=(1,))]).groups.values()
    right, wide = group
    assert wide.ci95 == wide.languages["yor"]["ci95"] == (0.0, 1.0)
    assert right.languages["yor"]["ci95"] == pytest.approx((0.025 ** (1 / ITEMS), 1.0))


def test_tiers_are_ranked_together_only_if_asked(problem: Problem, make: Callable[..., Path]) -> None:
    runs = [make("direct", 9), make("maft", 3, tier="raw text")]
    apart = leaderboard(problem, runs)
    assert list(apart.groups) == ["nothing", "raw text"]
    assert [(s.rank, s.delta) for s in apart.standings] == [(1, None), (1, None)]
    together = leaderboard(problem, runs, across_tiers=True)
    assert [(s.name, s.rank, s.baseline) for s in together.standings] == [("maft", 1, "direct"), ("direct", 2, None)]


def test_runs_of_one_recipe_are_merged_by_seed(problem: Problem, make: Callable[..., Path]) -> None:
    runs = [make("direct", 9), make("frozen", 3), make("direct", 9, seeds=(3,)), make("direct", 8, seeds=(2, 4))]
    board = leaderboard(problem, runs)
    (direct,) = [s for s in board.standings if s.name == "direct"]
    assert direct.seeds == [1, 2, 3]
    assert len(direct.runs) == 2
    assert "seed 2" in board.refused[str(runs[3])]
    other = make("direct", 9, seeds=(5,), resources={"train": {"eng": 3}})
    assert "learnt from other data" in leaderboard(problem, [*runs[:2], other]).refused[str(other)]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"task": "tagging"}, "its task is tagging"),
        ({"metric": "macro_f1"}, "its metric is macro_f1"),
        ({"labels": ["food", "toys"]}, "another label set"),
        ({"source": ["deu"]}, "learnt from deu"),
        ({"scores": {}}, "no answers in rus and yor"),
    ],
)
def test_what_cannot_be_compared_is_named(
    problem: Problem, make: Callable[..., Path], changes: dict[str, Any], why: str
) -> None:
    odd = make("filter", 2, **changes)
    board = leaderboard(problem, [make("direct", 9), make("frozen", 3), odd])
    assert why in board.refused[str(odd)]
    assert {s.name for s in board.standings} == {"direct", "frozen"}
    with pytest.raises(IsoglossError, match="no two systems"):
        leaderboard(problem, [make("direct", 9), odd])


def test_other_test_items_are_noticed_by_id_and_by_score(problem: Problem, make: Callable[..., Path]) -> None:
    first, second, relabelled = make("direct", 9), make("frozen", 3), make("maft", 3)
    path = second / "predictions" / "yor.jsonl"
    path.write_text("".join(reversed(path.read_text().splitlines(keepends=True))))
    path = relabelled / "predictions" / "yor.jsonl"
    path.write_text(path.read_text().replace("food", "tool"))
    board = leaderboard(problem, [first, second, relabelled, make("filter", 1)])
    assert "other test items in yor" in board.refused[str(second)]
    assert "score otherwise" in board.refused[str(relabelled)]


def test_an_oracle_has_no_rank_and_shows_what_it_would_have_claimed(
    problem: Problem, make: Callable[..., Path]
) -> None:
    peeked = make("direct", 5, seeds=(2, 3), regime="oracle", tier="oracle", settings={"oracle": {}},
                  selection={"rule": "oracle", "runs": []})  # fmt: skip
    board = leaderboard(problem, [make("direct", 9), make("frozen", 3), peeked], across_tiers=True)
    (ceiling,) = board.groups["oracle"]
    assert ceiling.rank is None
    (direct,) = [s for s in board.standings if s.recipe == "direct" and s.rank]
    assert direct.oracle is not None
    assert direct.oracle["seeds"] == [2]  # the one that both have: 10 errors, and 5 with peeking
    assert direct.oracle["more"] == pytest.approx(5 / ITEMS)
    assert [s.oracle for s in board.standings if s.name == "frozen"] == [None]


def test_the_page_is_whole_and_escapes(problem: Problem, make: Callable[..., Path], tmp_path: Path) -> None:
    board = leaderboard(problem, [make("direct", 9), make("frozen", 3), make("maft", 3, tier="raw text")])
    board.refused["<script>"] = "why"
    page = board.save(tmp_path).read_text()
    assert "<script" not in page
    assert "http" not in page
    for name in ("direct", "frozen", "maft"):
        assert name in page
    read = json.loads((tmp_path / "leaderboard.json").read_text())
    assert [s["rank"] for s in read["groups"]["nothing"]] == [1, 2]


def test_marks_of_the_plot_lie_where_cost_and_quality_are(problem: Problem, make: Callable[..., Path]) -> None:
    board = leaderboard(problem, [make("direct", 9), make("frozen", 3)])
    plot = cost_quality(list(board.groups.values()))
    assert plot is not None
    dear, cheap = sorted(plot.marks, key=lambda mark: -mark.x)
    assert (dear.name, cheap.name) == ("direct", "frozen")
    assert cheap.y < dear.y  # from the top
    assert (cheap.best, dear.best) == (True, False)
    for mark in plot.marks:
        assert 0 <= mark.top <= mark.y <= mark.bottom <= 100
    for standing in board.standings:
        standing.seconds = 0.0
    assert cost_quality(list(board.groups.values())) is None
