"""The one data flow as code: data, model, objective, weights, inference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from isogloss.errors import ResourceError
from isogloss.member import Member
from isogloss.system import System

if TYPE_CHECKING:
    from isogloss.backbones import Backbone
    from isogloss.example import Example
    from isogloss.methods import Score, Weights
    from isogloss.problem import Problem
    from isogloss.recipes import Recipe
    from isogloss.run import Run
    from isogloss.tasks import Task
    from isogloss.train import Trained

SEED_STEP = 1000
"""Between the seeds of the trainings that one run averages: far enough from the seeds that users give."""


def fit(recipe: Recipe, problem: Problem, backbone: Backbone, run: Run) -> System:
    """Run the five stages, once for all targets or once for each, as the recipe's scope says."""
    joint = recipe.scope == "joint"
    task, networks = problem.task, {}
    for target in [""] if joint else problem.targets:
        task, networks[target] = carry(recipe, problem if joint else problem.narrow(target), backbone, run)
    return System(
        task=task,
        base=networks.pop("", None),
        members=networks,
        source=problem.source,
        targets=problem.targets,
        recipe=recipe.name,
        backbone={"id": backbone.id, "exposure": backbone.exposure},
        precision=run.precision,
        inference=recipe.inference,
        translator=run.translator.id if run.translator and "into_source" in recipe.inference_needs else None,
    )


def carry(recipe: Recipe, problem: Problem, backbone: Backbone, run: Run) -> tuple[Task, Member]:
    """Stages one to four: a problem and a backbone in, a finished network out, with the task as it has learnt it."""
    import transformers

    problem, backbone = prepare(recipe, problem, backbone, run)
    finish = recipe.finishes_by
    with run.stage("objective"):
        transformers.set_seed(run.seed)  # the head is the same whatever came before
        trained = recipe.learns_by(backbone, problem, run)
        run.tokens += trained.tokens
        others = [_again(trained, number, recipe, backbone, problem, run) for number in range(1, finish.runs)]
    with run.stage("weights"):
        scorer = target_score if finish.oracle else source_score
        chosen = finish([trained, *others], scorer(problem, recipe, run), run)
        trained.load(chosen.weights)
        run.choices.append({"seed": run.seed, "level": run.level, **chosen.how})
    pieces = {} if trained.take_out is None else trained.take_out()
    return trained.task, Member(model=trained.model.eval(), tokenizer=trained.tokenizer, pieces=pieces)


def prepare(recipe: Recipe, problem: Problem, backbone: Backbone, run: Run) -> tuple[Problem, Backbone]:
    """Stages one and two: the data and the encoder that the task will be learnt from."""
    import transformers

    transformers.set_seed(run.seed)
    run.ledger.note_backbone(backbone.id, backbone.adapted)
    with run.stage("data"):
        for data_part in recipe.data:
            problem = data_part(problem, run)
    with run.stage("model"):
        for model_part in recipe.model:
            backbone = model_part(backbone, problem, run)
    return problem, backbone


def _again(first: Trained, number: int, recipe: Recipe, backbone: Backbone, problem: Problem, run: Run) -> Trained:
    """One more training of the same recipe, with another seed and, if its rule says so, under the first one's head."""
    import transformers

    head = first.head() if getattr(recipe.finishes_by, "shared_head", True) else None
    later = replace(run, seed=run.seed + SEED_STEP * number, head=head, tokens=0)
    transformers.set_seed(later.seed)
    trained = recipe.learns_by(backbone, problem, later)
    run.tokens += trained.tokens + later.tokens
    return replace(trained, model=first.model)  # one network is enough: the weights are in the snapshots


def source_score(problem: Problem, recipe: Recipe, run: Run) -> Score:
    """Score of weights on source dev: all that an honest weights part may look at."""
    examples = problem.source_examples("dev")
    hidden = problem.task.hide(examples)
    seen = False

    def score(trained: Trained, weights: Weights) -> float:
        nonlocal seen
        if not seen:  # a rule that never asks has not seen the data
            run.ledger.record("select", examples, problem.task)
            seen = True
        trained.load(weights)
        return _primary(trained, examples, hidden, recipe, run)

    return score


def target_score(problem: Problem, recipe: Recipe, run: Run) -> Score:
    """Mean score of weights over the targets' test files: for the oracle only."""
    tests = {
        lang: (examples, problem.task.hide(examples))
        for lang, examples in (run.test or {}).items()
        if lang in problem.targets
    }
    if not tests:
        there = ", ".join(problem.spelling(lang) for lang in problem.targets)
        raise ResourceError(
            f"The oracle has no test data of {there}", fix="Add test/<target> or choose --select source_dev"
        )

    def score(trained: Trained, weights: Weights) -> float:
        trained.load(weights)
        values = [_primary(trained, *test, recipe, run) for test in tests.values()]
        return sum(values) / len(values)

    return score


def _primary(
    trained: Trained, examples: Sequence[Example], hidden: Sequence[Example], recipe: Recipe, run: Run
) -> float:
    """The primary metric, predicted as the finished system will predict: through the recipe's inference parts."""
    from isogloss.metrics import ones

    member = Member(model=trained.model, tokenizer=trained.tokenizer)
    predictions = member.wrapped(trained.task, recipe.inference, run)(hidden)
    values = trained.task.scores(examples, [prediction.value for prediction in predictions], ones(len(examples)))
    return float(values[trained.task.metric][0])
