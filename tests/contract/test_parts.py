"""What every part and recipe promises, and how recipes are named, changed and put together."""

from __future__ import annotations

import dataclasses
import inspect
import subprocess
import sys
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from isogloss import Recipe
from isogloss.errors import RecipeError
from isogloss.methods.objective.cross_entropy import CrossEntropy
from isogloss.methods.weights.last import Last
from isogloss.methods.weights.oracle import Oracle
from isogloss.methods.weights.source_dev import SourceDev
from isogloss.recipes import NEEDS, SELECTION, catalogue, part_name, resolve
from isogloss.recipes.recipe import _check_order

RECIPES = list(catalogue().values())
PARTS: list[Any] = list(
    {
        part_name(part): part
        for part in [*(part for recipe in RECIPES for part in recipe.parts()), *(rule() for rule in SELECTION.values())]
    }.values()
)
FIELDS = [(part, field.name) for part in PARTS for field in dataclasses.fields(part)]


@dataclass(frozen=True, kw_only=True)
class Grow:
    """Grow the vocabulary."""

    needs: ClassVar[tuple[str, ...]] = ("unlabelled",)
    changes: ClassVar[tuple[str, ...]] = ("vocabulary",)
    size: int = 10

    def __call__(self, backbone: Any, problem: Any, run: Any) -> Any:
        return backbone


@dataclass(frozen=True, kw_only=True)
class Deepen(Grow):
    """Add layers."""

    changes: ClassVar[tuple[str, ...]] = ("depth", "weights")


@dataclass(frozen=True, kw_only=True)
class Adapt(Grow):
    """Attach a delta."""

    needs: ClassVar[tuple[str, ...]] = ()
    changes: ClassVar[tuple[str, ...]] = ("delta",)


@dataclass(frozen=True, kw_only=True)
class Retrain(Grow):
    """Change weights in place."""

    changes: ClassVar[tuple[str, ...]] = ("weights",)


@dataclass(frozen=True, kw_only=True)
class Other(CrossEntropy):
    """Another objective."""


@pytest.mark.parametrize("part", PARTS, ids=part_name)
class TestEveryPart:
    def test_is_a_frozen_keyword_only_dataclass(self, part: Any) -> None:
        assert dataclasses.is_dataclass(part)
        assert type(part).__dataclass_params__.frozen
        assert all(field.kw_only for field in dataclasses.fields(part))

    def test_is_hashable_and_equal_to_its_copy(self, part: Any) -> None:
        assert hash(dataclasses.replace(part)) == hash(part)
        assert dataclasses.replace(part) == part

    def test_says_what_it_does_and_needs(self, part: Any) -> None:
        assert type(part).__doc__
        assert not type(part).__doc__.startswith(type(part).__name__ + "(")  # the docstring dataclasses make up
        assert set(part.needs) <= NEEDS.keys()

    def test_has_one_method(self, part: Any) -> None:
        own = [name for name, value in vars(type(part)).items() if inspect.isfunction(value)]
        assert [name for name in own if not name.startswith("_")] == []
        assert any("__call__" in vars(cls) for cls in type(part).__mro__[:2])  # its own, or that of what it shares


@pytest.mark.parametrize(("part", "name"), FIELDS, ids=[f"{part_name(part)}.{name}" for part, name in FIELDS])
def test_every_field_can_be_set_to_its_own_spelling(part: Any, name: str) -> None:
    recipe = next((r for r in RECIPES if part in list(r.parts())), None) or Recipe(name="x", weights=part)
    value = getattr(part, name)
    spelled = ",".join(value) if isinstance(value, tuple) else str(value)
    assert list(recipe.set({f"{part_name(part)}.{name}": spelled}).parts()) == list(recipe.parts())


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
class TestEveryRecipe:
    def test_is_known_by_its_name_and_says_what_it_is(self, recipe: Recipe) -> None:
        assert catalogue()[recipe.name] is recipe
        assert recipe.summary
        assert "\n" not in recipe.summary
        assert bool(recipe.paper) == bool(recipe.link)

    def test_does_not_peek(self, recipe: Recipe) -> None:
        assert not recipe.finishes_by.oracle

    def test_parts_have_names_of_their_own(self, recipe: Recipe) -> None:
        names = [part_name(part) for part in recipe.parts()]
        assert len(set(names)) == len(names)

    def test_needs_are_known(self, recipe: Recipe) -> None:
        assert set(recipe.needs) <= NEEDS.keys()


def test_listing_recipes_imports_nothing_heavy() -> None:
    program = (
        "import sys; from isogloss.recipes import catalogue; print(*catalogue());"
        "print(*({'torch', 'transformers', 'datasets', 'pandas'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    names, heavy = run.stdout.split("\n")[:2]
    assert "direct" in names.split()
    assert heavy == ""


class TestResolve:
    def test_a_misspelt_recipe_is_answered_with_the_nearest(self) -> None:
        with pytest.raises(RecipeError) as error:
            resolve("drect")
        assert str(error.value) == "Unknown recipe 'drect'. Did you mean 'direct'?"

    @pytest.mark.parametrize("name", ["", "+", "direct+", "direct++frozen", "direct frozen"])
    def test_a_name_that_is_none_is_refused(self, name: str) -> None:
        with pytest.raises(RecipeError, match="Unknown recipe"):
            resolve(name)

    def test_two_objectives_do_not_go_together(self) -> None:
        other = dataclasses.replace(catalogue()["frozen"], name="other", objective=CrossEntropy(epochs=1))
        with pytest.raises(RecipeError, match=r"'frozen' brings objective .* and so does 'other'"):
            _ = catalogue()["frozen"] + other

    def test_direct_adds_nothing_of_its_own(self) -> None:
        assert resolve("direct+frozen").objective == catalogue()["frozen"].objective

    def test_the_oracle_must_be_asked_for_by_name(self) -> None:
        peeking = dataclasses.replace(catalogue()["direct"], weights=Oracle())
        for select in (None, "source_dev", "last"):
            with pytest.raises(RecipeError, match="--select oracle"):
                resolve(peeking, select=select)
        assert resolve(peeking, select="oracle").finishes_by == Oracle()
        assert resolve("direct", select="oracle").finishes_by == Oracle()

    @pytest.mark.parametrize(("select", "rule"), [(None, SourceDev()), ("source_dev", SourceDev()), ("last", Last())])
    def test_selection_is_by_source_dev_unless_named(self, select: str | None, rule: object) -> None:
        assert resolve("direct", select=select).finishes_by == rule

    def test_an_unknown_rule_is_answered_with_the_nearest(self) -> None:
        with pytest.raises(RecipeError, match=r"Unknown selection rule 'orcle'\. Did you mean 'oracle'\?"):
            resolve("direct", select="orcle")

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"crossentropy.epochs": "1"}, r"Unknown part 'crossentropy'\. Did you mean 'cross_entropy'\?"),
            ({"epochs": "1"}, "part.field=value"),
            ({"": "1"}, "part.field=value"),
            ({"cross_entropy": "1"}, "part.field=value"),
            ({"cross_entropy.epoch": "1"}, r"Unknown field of cross_entropy 'epoch'\. Did you mean 'epochs'\?"),
            ({"cross_entropy.needs": "dev"}, "Unknown field of cross_entropy 'needs'"),
            ({"cross_entropy.epochs.x": "1"}, "Unknown field"),
            ({"cross_entropy.epochs": "many"}, r"cross_entropy\.epochs=many does not fit"),
            ({"cross_entropy.epochs": "1.5"}, "does not fit"),
            ({"cross_entropy.epochs": ""}, "does not fit"),
            ({"cross_entropy.trains": "feet"}, "does not fit"),
        ],
    )
    def test_a_setting_that_does_not_fit_is_refused(self, settings: dict[str, str], message: str) -> None:
        with pytest.raises(RecipeError, match=message):
            resolve("direct", settings=settings)

    @pytest.mark.parametrize(
        "settings",
        [
            {"cross_entropy.epochs": "0"},
            {"cross_entropy.epochs": "-1"},
            {"cross_entropy.batch_size": "0"},
            {"cross_entropy.learning_rate": "nan"},
            {"cross_entropy.learning_rate": "inf"},
            {"cross_entropy.max_length": "1"},
        ],
    )
    def test_a_number_that_cannot_train_is_refused(self, settings: dict[str, str]) -> None:
        with pytest.raises(RecipeError):
            resolve("direct", settings=settings)

    def test_settings_change_what_they_name_and_nothing_else(self) -> None:
        changed = resolve("direct", settings={"cross_entropy.epochs": "3", "cross_entropy.learning_rate": "2e-5"})
        expected = dataclasses.replace(CrossEntropy(), epochs=3, learning_rate=2e-5)
        assert changed == dataclasses.replace(catalogue()["direct"], objective=expected, weights=SourceDev()) or (
            changed == dataclasses.replace(catalogue()["direct"], objective=expected)
        )
        assert catalogue()["direct"].learns_by == CrossEntropy()

    def test_the_default_objective_can_be_set_too(self) -> None:
        assert Recipe(name="bare").set({"cross_entropy.epochs": "3"}).objective == CrossEntropy(epochs=3)


class TestComposition:
    def test_parts_append_in_order(self) -> None:
        first = Recipe(name="a", model=(Grow(),), data=(Adapt(),), inference=(Adapt(size=1),), paper="A")
        second = Recipe(name="b", model=(Retrain(),), data=(Grow(),), inference=(Adapt(size=2),), paper="B")
        both = first + second
        assert both.name == "a+b"
        assert both.model == (Grow(), Retrain())
        assert both.data == (Adapt(), Grow())
        assert both.inference == (Adapt(size=1), Adapt(size=2))
        assert both.paper == "A; B"

    def test_the_slot_that_one_of_them_fills_is_kept(self) -> None:
        plain, special = Recipe(name="a"), Recipe(name="b", objective=Other(epochs=2), weights=Last())
        for both in (plain + special, special + plain):
            assert (both.objective, both.weights) == (Other(epochs=2), Last())

    @pytest.mark.parametrize("slot", [{"objective": Other()}, {"weights": Last()}])
    def test_two_fillings_of_one_slot_are_refused(self, slot: dict[str, Any]) -> None:
        name, value = next(iter(slot.items()))
        mine = Recipe(name="a", **{name: CrossEntropy() if name == "objective" else SourceDev()})
        with pytest.raises(RecipeError, match=f"{part_name(value)}"):
            mine + Recipe(name="b", **slot)

    def test_the_same_filling_twice_is_one(self) -> None:
        assert (Recipe(name="a", objective=Other()) + Recipe(name="b", objective=Other())).objective == Other()

    def test_one_part_for_each_target_makes_members_of_all(self) -> None:
        assert (Recipe(name="a") + Recipe(name="b", scope="target")).scope == "target"
        assert (Recipe(name="a", scope="target") + Recipe(name="b")).scope == "target"
        assert (Recipe(name="a") + Recipe(name="b")).scope == "joint"

    def test_needs_are_those_of_all_parts(self) -> None:
        assert Recipe(name="a", model=(Grow(),)).needs == ("dev", "train", "unlabelled")
        assert Recipe(name="a", weights=Last()).needs == ("train",)

    @pytest.mark.parametrize("late", [Grow(), Deepen(), Retrain(), Adapt()])
    def test_the_network_of_a_piece_does_not_change(self, late: Any) -> None:
        with pytest.raises(RecipeError, match=f"{part_name(late)}.* after adapt"):
            _check_order((Grow(), Adapt(), late))
        with pytest.raises(RecipeError, match=f"{part_name(late)} first"):
            Recipe(name="a", model=(Adapt(),)) + Recipe(name="b", model=(late,))

    @pytest.mark.parametrize("parts", [(), (Grow(), Adapt()), (Retrain(), Adapt()), (Deepen(), Grow())])
    def test_any_other_order_is_fine(self, parts: tuple[Any, ...]) -> None:
        _check_order(parts)


@pytest.mark.parametrize(
    ("cls", "name"), [(CrossEntropy, "cross_entropy"), (SourceDev, "source_dev"), (Grow, "grow"), (Last, "last")]
)
def test_users_write_the_names_of_parts_with_underscores(cls: type, name: str) -> None:
    assert part_name(cls()) == name
