"""``evaluate``: score a finished system on a problem."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from isogloss.commands.transfer import predict_tests, scored
from isogloss.errors import IsoglossError
from isogloss.problem import Problem
from isogloss.system import System
from isogloss.tasks import OpenTagging


def evaluate(
    system: System | str | Path, problem: Problem | str | Path, *, quiet: bool = True
) -> dict[str, dict[str, Any]]:
    """Score a finished system on the test files of a problem of the same task and labels.

    Returns:
        By language as the user spells it: every metric, its 95 % interval, and the number of items.

    Raises:
        IsoglossError: there is no test file, or task or labels differ.
    """
    system = system if isinstance(system, System) else System.from_pretrained(system)
    problem = problem if isinstance(problem, Problem) else Problem.read(problem)
    check_agreement(system, problem)
    if not problem.test:
        raise IsoglossError(f"{problem.name} has no test files", fix="Add test/<language> files")
    with tempfile.TemporaryDirectory(prefix="isogloss-") as folder:
        run = system.new_run(Path(folder), quiet)
        table = scored(replace(problem, task=system.task), {0: predict_tests(system, problem, run)})
    return {
        problem.spelling(lang): {key: value for key, value in row.items() if key != "by_seed"}
        for lang, row in table.by_language.items()
    }


def check_agreement(system: System, problem: Problem) -> None:
    """Raises IsoglossError unless a problem has the task and no other labels than a system, whose labels are closed."""
    tasks = (system.task, problem.task)
    if len({(task.name, task.metrics) for task in tasks}) > 1:
        names = [task.name for task in tasks]
        if names[0] == names[1]:  # a pair may have a label or a score, tagging mark spans or words
            names = [f"{task.name} measured by {task.metrics[0]}" for task in tasks]
        raise IsoglossError(
            f"The system was made for {names[0]}, the problem is {names[1]}", fix="Use a problem of the system's task"
        )
    if isinstance(system.task, OpenTagging):
        return
    used = {label for examples in problem.test.values() for e in examples for label in problem.task.labels_in(e.fields)}
    if strange := used - set(system.task.labels):
        raise IsoglossError(
            f"The system does not know the label '{min(strange)}' of the problem",
            fix=f"It knows {', '.join(system.task.labels)}",
        )
