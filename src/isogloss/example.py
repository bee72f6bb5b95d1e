"""One labelled or unlabelled item: the unit every stage of the flow passes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Origin = Literal["gold", "post-edited", "translated", "projected", "llm", "synthetic"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """One item of a task.

    Attributes:
        id: name of the item; the same id in two languages means that the two are translations of each other.
        lang: canonical language code (see ``isogloss.languages``).
        fields: the task's own fields, for instance ``{"text": ..., "label": ...}``.
        origin: where the label and the text come from.
        score: how much the origin trusts the item, in [0, 1].
        views: the same item in other languages, by language code.
        place: where it was read, ``test/yor.jsonl:12``; for messages only.
    """

    id: str
    lang: str
    fields: Mapping[str, Any]
    origin: Origin = "gold"
    score: float = 1.0
    views: Mapping[str, Example] = field(default_factory=dict)
    place: str = field(default="", compare=False)
