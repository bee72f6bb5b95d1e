"""What a recipe needs is looked for in every language that needs it, before anything is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest

from isogloss import Problem, Recipe
from isogloss.errors import RecipeError, ResourceError
from isogloss.methods.weights.last import Last
from isogloss.methods.weights.oracle import Oracle
from isogloss.recipes import check_needs

ROWS = [{"text": "a", "label": "food"}, {"text": "b", "label": "tool"}]


def needing(*wanted: str) -> Recipe:
    class Part:
        needs: ClassVar[tuple[str, ...]] = wanted

        def __call__(self, problem: Problem, run: Any) -> Problem:
            return problem

    return Recipe(name="needy", data=(Part(),), weights=Last())


@dataclass(frozen=True, kw_only=True)
class Teach:
    """A part that holds a recipe."""

    needs: ClassVar[tuple[str, ...]] = ()
    teacher: Recipe

    def __call__(self, problem: Problem, run: Any) -> Problem:
        return problem


RESOURCES = {
    "few": {"few": {"yo": ROWS}},
    "unlabelled": {"unlabelled": {"yo": ["text"], "eng": ["text"]}},
    "parallel": {"parallel": {("yo", "eng"): [("a", "b")], ("yor", "rus"): [("a", "b")]}},
}
FILES = {"few": "few/rus.jsonl", "unlabelled": "unlabelled/rus.txt", "parallel": "parallel/eng-rus.tsv"}


@pytest.mark.parametrize("need", RESOURCES)
class TestTargets:
    def test_one_of_two_is_not_enough(self, need: str, tiny_problem: Callable[..., Problem]) -> None:
        problem = tiny_problem(**RESOURCES[need])
        with pytest.raises(ResourceError, match="--skip-unserved") as error:
            check_needs(needing(need), problem)
        assert FILES[need] in str(error.value)
        assert check_needs(needing(need), problem.narrow("yor")) == {}

    def test_the_other_may_be_left_out(self, need: str, tiny_problem: Callable[..., Problem]) -> None:
        problem = tiny_problem(**RESOURCES[need])
        assert check_needs(needing(need), problem, skip_unserved=True) == {"rus": f"there is no {FILES[need]}"}
        assert check_needs(needing(), problem, skip_unserved=True) == {}

    def test_not_all_of_them(self, need: str, tiny_problem: Callable[..., Problem]) -> None:
        problem = tiny_problem(targets=["rus"], **RESOURCES[need])
        with pytest.raises(ResourceError):
            check_needs(needing(need), problem, skip_unserved=True)


def test_not_all_of_them_between_two_needs(tiny_problem: Callable[..., Problem]) -> None:
    problem = tiny_problem(few={"yor": ROWS}, unlabelled={"rus": ["text"]})
    with pytest.raises(ResourceError):
        check_needs(needing("few", "unlabelled"), problem, skip_unserved=True)


@pytest.mark.parametrize("need", ["train", "dev"])
def test_the_source_has_what_is_learnt_from(need: str, tiny_problem: Callable[..., Problem]) -> None:
    problem = tiny_problem()
    check_needs(needing(need), problem)
    strange = replace(problem, **{need: {"yor": problem.train["eng"]}})
    with pytest.raises(ResourceError, match=f"{need}/<source>"):
        check_needs(needing(need), strange, skip_unserved=True)


def test_the_oracle_looks_at_a_target(tiny_problem: Callable[..., Problem]) -> None:
    problem = tiny_problem()
    oracle = Recipe(name="oracle", weights=Oracle())
    check_needs(oracle, replace(problem, test={"rus": problem.test["rus"]}))
    with pytest.raises(ResourceError, match="test/<target>"):
        check_needs(oracle, replace(problem, test={"eng": problem.test["eng"]}))


def test_recipes_inside_parts_need_their_source_data(tiny_problem: Callable[..., Problem]) -> None:
    problem = replace(tiny_problem(), dev={})
    inner = Recipe(name="inner")
    outer = Recipe(
        name="outer", data=(Teach(teacher=Recipe(name="mid", data=(Teach(teacher=inner),), weights=Last())),)
    )
    outer = replace(outer, weights=Last())
    with pytest.raises(ResourceError, match="dev/<source>"):
        check_needs(outer, problem)
    check_needs(Recipe(name="plain", weights=Last()), problem)


def test_a_need_that_is_none(tiny_problem: Callable[..., Problem]) -> None:
    with pytest.raises(RecipeError, match="Did you mean 'unlabelled'"):
        check_needs(needing("unlabeled"), tiny_problem())
