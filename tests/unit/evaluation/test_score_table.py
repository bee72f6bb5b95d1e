"""Intervals of scores where no resample of the items shows any spread."""

from __future__ import annotations

import pytest
from invented_reports import report

from isogloss import Problem
from isogloss.evaluation.building import _summarise
from isogloss.evaluation.scoring import score_table


def solved(*, english: str, others: str) -> tuple[Problem, dict[str, list[str]]]:
    """A problem with 6 Yoruba and 30 Russian items, all labelled "a", and constant answers to them."""
    sizes = {"eng": 12, "yor": 6, "rus": 30}
    test = {lang: [{"text": f"{lang} {i}", "label": "a"} for i in range(n)] for lang, n in sizes.items()}
    train = [{"text": f"new {label}", "label": label} for label in "ab"]
    problem = Problem.from_data(
        task="classification", source="eng", targets=["yor", "rus"], train={"eng": train}, test=test
    )
    return problem, {lang: [english if lang == "eng" else others] * n for lang, n in sizes.items()}


def slack(items: int) -> float:
    return 1 - 0.025 ** (1 / items)


@pytest.mark.parametrize("others", ["a", "b"])
def test_a_mean_of_scores_without_spread_is_not_certain(others: str) -> None:
    problem, answers = solved(english="a", others=others)
    table = score_table(problem.task, problem.test, {1: answers, 2: answers})
    made = report()
    _summarise(made, problem, table, [])
    room = (slack(6) + slack(30)) / 2
    share, gap = (1.0, 0.0) if others == "a" else (0.0, 1.0)
    assert (made.mean_target, made.gap) == (share, gap)
    assert made.mean_target_ci95 == pytest.approx((1 - room, 1) if others == "a" else (0, room))
    assert made.gap_ci95 == pytest.approx((-slack(12), room) if others == "a" else (1 - slack(12) - room, 1))


def test_a_mean_of_scores_with_spread_is_resampled() -> None:
    problem, answers = solved(english="a", others="a")
    answers["rus"][:10] = ["b"] * 10
    low, high = score_table(problem.task, problem.test, {1: answers}).bounds(problem.targets)
    assert 0.7 < low < 5 / 6 < high < 1
