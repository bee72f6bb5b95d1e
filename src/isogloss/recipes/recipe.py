"""The recipe: a named composition of parts, and how two of them combine."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from isogloss.errors import RecipeError, unknown
from isogloss.methods import part_name
from isogloss.methods.objective.cross_entropy import CrossEntropy
from isogloss.methods.weights.source_dev import SourceDev
from isogloss.tool import Tool

if TYPE_CHECKING:
    from isogloss.methods import DataPart, InferencePart, ModelPart, ObjectivePart, Part, WeightsPart

DEFAULT_BACKBONE = "isogloss:e5-small"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A composition of parts, one list or slot for each stage of the flow.

    Attributes:
        name: what the user types.
        summary: one line for ``isogloss recipes``.
        paper, link: the source, empty for what we made up.
        data, model, inference: parts in the order in which they act (inference: the first is the outermost).
        objective: None stands for the default, cross-entropy on the source labels.
        weights: None stands for the default, the snapshot best on source dev.
        scope: ``joint`` makes one model for all targets, ``target`` one member for each.
        backbone: the encoder it starts from unless the user names another.
        deviations: where we depart from the paper or its code, and why.
    """

    name: str
    summary: str = ""
    paper: str = ""
    link: str = ""
    data: tuple[DataPart, ...] = ()
    model: tuple[ModelPart, ...] = ()
    objective: ObjectivePart | None = None
    weights: WeightsPart | None = None
    inference: tuple[InferencePart, ...] = ()
    scope: Literal["joint", "target"] = "joint"
    backbone: str = DEFAULT_BACKBONE
    deviations: str = field(default="", repr=False)

    def __str__(self) -> str:
        """The name: how a recipe is written where a part holds one."""
        return self.name

    @property
    def learns_by(self) -> ObjectivePart:
        """The objective in force."""
        return self.objective or CrossEntropy()

    @property
    def finishes_by(self) -> WeightsPart:
        """The weights part in force."""
        return self.weights or SourceDev()

    def parts(self) -> Iterator[Part]:
        """All parts in force, in the order of the flow."""
        yield from (*self.data, *self.model, self.learns_by, self.finishes_by, *self.inference)

    @property
    def needs(self) -> tuple[str, ...]:
        """The resources that some part, also of a nested recipe, cannot do without."""
        return tuple(sorted({need for r in (self, *self.nested()) for part in r.parts() for need in part.needs}))

    @property
    def inference_needs(self) -> frozenset[str]:
        """The resources that prediction with the finished system cannot do without."""
        return frozenset(need for part in self.inference for need in part.needs)

    def nested(self) -> Iterator[Recipe]:
        """The recipes that parts hold, and those inside them."""
        for part in self.parts():
            for inner in vars(part).values():
                if isinstance(inner, Recipe):
                    yield from (inner, *inner.nested())

    def __add__(self, other: Recipe) -> Recipe:
        """Both recipes in one; raises RecipeError where they cannot go together."""
        for slot in ("objective", "weights"):
            mine, theirs = getattr(self, slot), getattr(other, slot)
            if mine is not None and theirs is not None and mine != theirs:
                raise RecipeError(
                    f"'{self.name}' brings {slot} ({part_name(mine)}) and so does '{other.name}' ({part_name(theirs)})",
                    fix="A run has one; leave one of the two recipes out",
                )
        _check_order((*self.model, *other.model))
        if len({self.backbone, other.backbone, DEFAULT_BACKBONE}) > 2:
            raise RecipeError(
                f"'{self.name}' is made for {self.backbone}, '{other.name}' for {other.backbone}",
                fix="Choose recipes for the same encoder",
            )
        return replace(
            self,
            name=f"{self.name}+{other.name}",
            summary="",
            paper="; ".join(filter(None, (self.paper, other.paper))),
            link="",
            data=(*self.data, *other.data),
            model=(*self.model, *other.model),
            objective=self.objective or other.objective,
            weights=self.weights or other.weights,
            inference=(*self.inference, *other.inference),
            scope="target" if "target" in (self.scope, other.scope) else "joint",
            backbone=other.backbone if self.backbone == DEFAULT_BACKBONE else self.backbone,
            deviations=" ".join(filter(None, (self.deviations, other.deviations))),
        )

    def set(self, values: Mapping[str, str]) -> Recipe:
        """The recipe with fields of its parts changed, ``{"cross_entropy.epochs": "3"}``.

        Raises:
            RecipeError: there is no such part or field, or the value does not fit its type.
        """
        changed = self
        for key, value in values.items():
            changed = changed._set_one(key, value)
        return changed

    def _set_one(self, key: str, value: str) -> Recipe:
        name, dot, attribute = key.partition(".")
        parts = self.named_parts()
        if not dot or name not in parts:
            raise RecipeError(unknown("part", name, parts).rstrip("."), fix="Settings have the form part.field=value")
        return self._with_part(parts[name], _with_field(parts[name], attribute, value))

    def _with_part(self, old: Any, new: Any) -> Recipe:
        """The recipe with one part in place of another, which may be a part of a nested recipe."""

        def swapped(part: Any) -> Any:
            if part is old or (part is not None and part == old):
                return new
            inner = {f.name: getattr(part, f.name) for f in fields(part)} if part is not None else {}
            changed: dict[str, Any] = {
                name: value._with_part(old, new)
                for name, value in inner.items()
                if isinstance(value, Recipe) and old in list(value.all_parts())
            }
            for name, value in inner.items():
                if isinstance(value, Tool):
                    changed[name] = swapped(value)
            changed = {name: value for name, value in changed.items() if value != inner[name]}
            return replace(part, **changed) if changed else part

        return replace(
            self,
            data=tuple(map(swapped, self.data)),
            model=tuple(map(swapped, self.model)),
            inference=tuple(map(swapped, self.inference)),
            objective=self.objective if swapped(self.learns_by) == self.learns_by else swapped(self.learns_by),
            weights=self.weights if swapped(self.finishes_by) == self.finishes_by else swapped(self.finishes_by),
        )

    def settings(self) -> dict[str, dict[str, Any]]:
        """Every part's hyper-parameters by part name, as plain values."""
        return {
            name: {f.name: _plain(getattr(part, f.name)) for f in fields(part)}
            for name, part in self.named_parts().items()
        }

    def all_parts(self) -> Iterator[Any]:
        """The parts in force, each before the tools it holds, then those of the recipes that they hold."""
        for recipe in (self, *self.nested()):
            for part in recipe.parts():
                yield part
                yield from tools(part)

    def named_parts(self) -> dict[str, Any]:
        """All parts by name, nested ones last; a second one of the same kind is called ``name_2``.

        Equal tools of several parts are one: a setting changes them all.
        """
        named: dict[str, Any] = {}
        for part in self.all_parts():
            if isinstance(part, Tool) and part in named.values():
                continue
            name, number = part_name(part), 1
            while name in named:
                number += 1
                name = f"{part_name(part)}_{number}"
            named[name] = part
        return named


def tools(part: Any) -> tuple[Tool, ...]:
    """The projectors, aligners and initialisers that a part holds, each before those that it holds itself."""
    held = [value for value in vars(part).values() if isinstance(value, Tool)]
    return tuple(tool for value in held for tool in (value, *tools(value)))


def _plain(value: Any) -> Any:
    """A setting as it is written: a nested recipe or tool by its name, what else JSON lacks by its repr."""
    if isinstance(value, Recipe | Tool):
        return value.name
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | float | bool) else repr(value)


def _with_field(part: Any, attribute: str, value: str) -> Any:
    from pydantic import TypeAdapter, ValidationError

    names = [f.name for f in fields(part)]
    if attribute not in names:
        raise RecipeError(unknown(f"field of {part_name(part)}", attribute, names).rstrip("."))
    if isinstance(getattr(part, attribute), Recipe):
        from isogloss.recipes import resolve

        return replace(part, **{attribute: resolve(value)})
    if isinstance(tool := getattr(part, attribute), Tool):
        return replace(part, **{attribute: tool.find(value)})
    if isinstance(getattr(part, attribute), tuple):
        return replace(part, **{attribute: tuple(each.strip() for each in value.split(",") if each.strip())})
    try:
        fitting = TypeAdapter(_type_of(part, attribute)).validate_python(value)
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise RecipeError(f"{part_name(part)}.{attribute}={value} does not fit: {reason}") from None
    return replace(part, **{attribute: fitting})


def _type_of(part: Any, attribute: str) -> Any:
    """The resolved type of one field; other fields may have types that only a type checker imports."""
    owner = next(cls for cls in type(part).__mro__ if attribute in inspect.get_annotations(cls))
    lone = {"__annotations__": {attribute: inspect.get_annotations(owner)[attribute]}, "__module__": owner.__module__}
    return typing.get_type_hints(type("lone", (), lone), include_extras=True)[attribute]


def _check_order(parts: tuple[ModelPart, ...]) -> None:
    delta: ModelPart | None = None
    for part in parts:
        if delta is not None:
            raise RecipeError(
                f"{part_name(part)} changes the {' and '.join(sorted(part.changes))} after {part_name(delta)} "
                "has learnt pieces for the network as it was",
                fix=f"Name the recipe with {part_name(part)} first",
            )
        if "delta" in part.changes:
            delta = part
