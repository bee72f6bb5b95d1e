"""The kinds of prediction. One task, one file; a new one is added to ``TASKS``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isogloss.errors import DataError, unknown
from isogloss.tasks.base import Encoded, Marked, Prediction, Task
from isogloss.tasks.classification import Classification
from isogloss.tasks.event_arguments import EventArguments
from isogloss.tasks.open_tagging import OpenTagging
from isogloss.tasks.pair import Pair
from isogloss.tasks.qa import QuestionAnswering
from isogloss.tasks.tagging import Tagging

__all__ = [
    "TASKS",
    "Classification",
    "Encoded",
    "EventArguments",
    "Marked",
    "OpenTagging",
    "Pair",
    "Prediction",
    "QuestionAnswering",
    "Tagging",
    "Task",
    "find_task",
    "task_from_config",
]

TASKS: dict[str, type[Task]] = {
    task.name: task for task in (Classification, Pair, Tagging, QuestionAnswering, EventArguments)
}


def find_task(name: str, *, where: object = None) -> type[Task]:
    """The task class of that name. Raises DataError with the nearest known name."""
    if name not in TASKS:
        raise DataError(unknown("task", str(name), TASKS, where=None if where is None else str(where)).rstrip("."))
    return TASKS[name]


def task_from_config(config: Mapping[str, Any]) -> Task:
    """The task that ``Task.config`` described."""
    values = {key: value for key, value in config.items() if key not in ("name", "form")}
    task = OpenTagging if config.get("form") == OpenTagging.form else find_task(config["name"])
    return task(**values | {"labels": tuple(config["labels"])})
