"""FILTER: pairs of texts and translations, its losses, self-teaching, and prediction with a translation."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import isogloss
from isogloss import Backbone, Problem, System
from isogloss.errors import RecipeError
from isogloss.example import Example
from isogloss.flow import fit
from isogloss.methods.objective.filter import Filter, divergence, label_loss, pair_loss
from isogloss.nets.fusion import remembered
from isogloss.recipes import Recipe, resolve
from isogloss.run import Run
from isogloss.tasks import Encoded, Task
from isogloss.train.batching import collator
from isogloss.train.keeping import Keeper
from isogloss.train.pairing import matched, pair_rows, partner, side_by_side

KINDS = ("classification", "pair_labels", "pair_scores", "spans", "words")
FAST = {"filter.epochs": "2", "filter.min_steps": "0", "filter.snapshots": "2"}
LANGS = ("yor", "rus")


def cipher(text: str, lang: str) -> str:
    """The words of the invented languages of the tiny problems."""
    if lang == "yor":
        return " ".join(word[::-1] + "o" for word in text.split())
    return "".join(chr(ord("а") + ord(c) - ord("a")) if "a" <= c <= "z" else c for c in text)


def translated(example: Example, lang: str, origin: str = "translated") -> Example:
    """The example in an invented language, word by word; labels stay, tags are left behind."""
    fields = dict(example.fields)
    if "units" not in fields:
        fields |= {name: cipher(text, lang) for name, text in fields.items() if name.startswith("text")}
        return replace(example, lang=lang, fields=fields, origin=origin)  # type: ignore[arg-type]
    text = cipher(fields["text"], lang)
    words, at = [], 0
    for word in text.split():
        at = text.index(word, at)
        words.append((at, at + len(word)))
        at += len(word)
    return replace(example, lang=lang, fields={"text": text, "units": tuple(words)}, origin=origin)  # type: ignore[arg-type]


def with_views(examples: Sequence[Example], langs: Sequence[str] = LANGS) -> tuple[Example, ...]:
    return tuple(replace(e, views={lang: translated(e, lang) for lang in langs}) for e in examples)


def bridged(problem: Problem) -> Problem:
    """Views for training and dev in the targets, for tests of the targets in the source language."""
    english = {example.id: example for example in problem.test["eng"]}
    test = {
        lang: tuple(replace(e, views={"eng": english[e.id]}) for e in examples) if lang in LANGS else examples
        for lang, examples in problem.test.items()
    }
    dev = {"eng": with_views(problem.dev["eng"])}
    return replace(problem, train={"eng": with_views(problem.train["eng"])}, dev=dev, test=test)


@pytest.fixture
def problem(tiny_problem: Callable[..., Problem]) -> Problem:
    return bridged(tiny_problem())


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(flow=fit, folder=tmp_path / "run", quiet=True)


def rows(problem: Problem, backbone: Path, **options: Any) -> Any:
    tokenizer = Backbone.load(str(backbone)).tokenizer()
    return pair_rows(problem.task, problem.train["eng"], LANGS, tokenizer, **{"max_length": 128} | options)


class TestPairs:
    """Which rows meet."""

    def test_windows_meet_at_the_same_share_of_the_text(self) -> None:
        assert matched([1, 2], [7, 8]) == [(1, 7), (2, 8)]
        assert matched([1, 2, 3, 4], [7, 8]) == [(1, 7), (2, 7), (3, 8), (4, 8)]
        assert matched([1], [7, 8]) == [(1, 7), (1, 8)]
        assert matched([], [7]) == []

    def test_every_epoch_pairs_every_text_once_with_a_language_of_its_own(
        self, problem: Problem, tiny_backbone: Path
    ) -> None:
        pairing = rows(problem, tiny_backbone)
        options = {"min_steps": 0, "batch_size": 5, "batch_tokens": 0, "seed": 3}
        plan = pairing.plan(epochs=40, **options)
        per_epoch = len(plan) // 40
        langs: Counter[str] = Counter()
        drawn = []
        for epoch in range(40):
            pairs = [
                pair
                for batch in plan[epoch * per_epoch : (epoch + 1) * per_epoch]
                for pair in zip(batch[: len(batch) // 2], batch[len(batch) // 2 :], strict=True)
            ]
            owners = [(pairing.encoded.owner[target], pairing.encoded.owner[source]) for target, source in pairs]
            assert sorted(source for _, source in owners) == list(range(32))
            assert all(pairing.texts[target].id == pairing.texts[source].id for target, source in owners)
            langs.update(pairing.texts[target].lang for target, _ in owners)
            drawn.append({source: pairing.texts[target].lang for target, source in owners})
        assert all(abs(langs[lang] / (40 * 32) - 1 / 3) < 0.05 for lang in ("eng", *LANGS))
        assert drawn[0] != drawn[1]
        assert pairing.plan(epochs=40, **options) == plan
        assert pairing.plan(epochs=2, **options) == plan[: 2 * per_epoch]
        assert pairing.plan(epochs=1, **options | {"min_steps": per_epoch + 1}) == plan[: 2 * per_epoch]
        assert pairing.plan(epochs=40, **options | {"seed": 4}) != plan

    def test_a_text_without_a_translation_is_its_own(self, problem: Problem, tiny_backbone: Path) -> None:
        train = tuple(replace(e, views={}) if i % 2 else e for i, e in enumerate(problem.train["eng"]))
        pairing = rows(replace(problem, train={"eng": train}), tiny_backbone)
        assert pairing.alone == 16 * 2
        assert pairing.others[0][1] == pairing.own[1]
        assert pairing.others[0][0] != pairing.own[0]

    @pytest.mark.parametrize("kind", KINDS)
    def test_labels_of_translations(self, kind: str, tiny_problem: Callable[..., Problem], tiny_backbone: Path) -> None:
        pairing = rows(bridged(tiny_problem(kind)), tiny_backbone)
        translations = [
            f for f, owner in zip(pairing.encoded.features, pairing.encoded.owner, strict=True) if owner > 31
        ]
        assert {feature["gold"] for feature in translations} == {int(kind not in ("spans", "words"))}
        if kind == "spans":
            assert {label for feature in translations for label in feature["labels"]} == {-100, 0}

    def test_projected_tags_count_where_they_are_wanted(
        self, tiny_problem: Callable[..., Problem], tiny_backbone: Path
    ) -> None:
        plain = tiny_problem("spans")
        train = tuple(
            replace(e, views={"yor": replace(v := translated(e, "yor"), fields={**v.fields, "tags": e.fields["tags"]})})
            for e in plain.train["eng"]
        )
        problem = replace(plain, train={"eng": train})
        for wanted in (False, True):
            features = rows(problem, tiny_backbone, target_labels=wanted).encoded.features
            assert {feature["gold"] for feature in features[32:]} == {int(wanted)}
            assert any(label > 0 for feature in features[32:] for label in feature["labels"]) is wanted

    def test_the_partner_is_the_source_text_else_some_translation(self, problem: Problem) -> None:
        target, source = problem.test["yor"][0], problem.dev["eng"]
        assert partner(target, ["eng"]) is target.views["eng"]
        chosen = [partner(example, ["eng"]) for example in source]
        assert {example.lang for example in chosen} == set(LANGS)
        assert chosen == [partner(example, ["eng"]) for example in source]
        assert partner(source[0].views["yor"], ["eng"]) is source[0].views["yor"]

    def test_windows_side_by_side(self) -> None:
        def encoded(owners: list[int], mark: int) -> Encoded:
            return Encoded(features=[{"input_ids": [mark, i], "labels": 1} for i in range(len(owners))], owner=owners)

        targets, sources = encoded([0, 0, 1, 2], 5), encoded([0, 1, 1], 6)
        found = side_by_side(targets, sources, ("input_ids", "token_type_ids"))
        assert [feature["input_ids"] for feature in found] == [[5, 0], [5, 1], [5, 2], [5, 3]]
        assert [feature["source_input_ids"] for feature in found] == [[6, 0], [6, 0], [6, 1], [5, 3]]
        assert set(found[0]) == {"input_ids", "source_input_ids"}


def sides(monkeypatch: pytest.MonkeyPatch, target: torch.Tensor, source: torch.Tensor) -> Any:
    """The loss of given logits of both sides."""
    monkeypatch.setattr("isogloss.nets.fusion.fused", lambda *_, **__: (target, source))

    def loss(batch: dict[str, torch.Tensor], **options: Any) -> torch.Tensor:
        return pair_loss(SimpleNamespace(), batch, local=1, fusion=1, **options)  # type: ignore[arg-type]

    return loss


SHAPES = [
    pytest.param((2, 4), torch.tensor([1, 3]), False, id="classes"),
    pytest.param((2, 5, 3), torch.tensor([[0, 1, 2, -100, -100], [-100, 1, 1, 0, 2]]), False, id="tokens"),
    pytest.param((2, 5, 2), torch.tensor([[1, 2], [0, 3]]), True, id="answers"),
    pytest.param((2, 1), torch.tensor([0.5, 2.0]), False, id="numbers"),
]
entropy = torch.nn.functional.cross_entropy


class TestLoss:
    """Labels on both sides, the teacher on the target's."""

    @pytest.mark.parametrize(("shape", "labels", "points"), SHAPES)
    def test_is_the_sum_of_both_sides(
        self, shape: tuple[int, ...], labels: torch.Tensor, points: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        target, source = torch.randn(shape), torch.randn(shape)
        loss = sides(monkeypatch, target, source)
        mask = torch.ones(4, 5, dtype=torch.long)

        def own(logits: torch.Tensor) -> float:
            if labels.is_floating_point():
                return float(((logits[:, 0] - labels) ** 2).mean())
            if points:
                return float((entropy(logits[..., 0], labels[:, 0]) + entropy(logits[..., 1], labels[:, 1])) / 2)
            return float(entropy(logits.flatten(0, -2), labels.flatten(), ignore_index=-100))

        batch = {"labels": torch.cat([labels, labels]), "gold": torch.ones(4), "attention_mask": mask}
        assert loss(batch, points=points) == pytest.approx(own(target) + own(source), abs=1e-5)
        batch["gold"] = torch.tensor([0, 0, 1, 1])
        assert loss(batch, points=points) == pytest.approx(own(source), abs=1e-5)
        batch |= {"gold": torch.ones(4), "teacher": torch.randn(4, *shape[1:])}
        taught = divergence(*(x.mT if points else x for x in (target, batch["teacher"][:2])), labels, 2.0)
        expected = own(source) + 0.7 * own(target) + 0.3 * float(taught)
        assert loss(batch, points=points, alpha=0.3, temperature=2.0) == pytest.approx(expected, abs=1e-5)

    @pytest.mark.parametrize(("shape", "labels", "points"), SHAPES)
    def test_a_student_that_equals_its_teacher_has_nothing_to_learn(
        self, shape: tuple[int, ...], labels: torch.Tensor, points: bool
    ) -> None:
        logits = torch.randn(shape, dtype=torch.float64, requires_grad=True)
        choices = logits.mT if points else logits
        loss = divergence(choices, choices.detach(), labels, 3.0)
        loss.backward()  # type: ignore[no-untyped-call]
        assert loss.item() == pytest.approx(0, abs=1e-12)
        assert logits.grad is not None
        assert logits.grad.abs().max() < 1e-12
        assert divergence(choices, choices.detach().flip(-1, 0), labels, 3.0) > 1e-3

    @pytest.mark.parametrize(("shape", "labels", "points"), SHAPES)
    def test_two_rows_are_the_mean_of_both(self, shape: tuple[int, ...], labels: torch.Tensor, points: bool) -> None:
        logits, teacher = torch.randn(shape), torch.randn(shape)
        if points:
            logits, teacher = logits.mT, teacher.mT
        both = divergence(logits, teacher, labels, 2.0)
        each = [divergence(logits[i : i + 1], teacher[i : i + 1], labels[i : i + 1], 2.0) for i in (0, 1)]
        assert both == pytest.approx(float(sum(each)) / 2, abs=1e-6)

    def test_the_divergence_is_that_of_the_book(self) -> None:
        logits, teacher = torch.randn(3, 4), torch.randn(3, 4)
        p, q = (teacher / 2).softmax(-1), (logits / 2).softmax(-1)
        expected = 4 * (p * (p / q).log()).sum() / 3
        assert divergence(logits, teacher, torch.zeros(3).long(), 2.0) == pytest.approx(float(expected), abs=1e-6)

    def test_padding_has_no_part_in_an_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        narrow, wide = torch.randn(2, 4, 2), torch.randn(2, 9, 2)
        wide[:, :4] = narrow
        teacher = torch.randn(4, 9, 2)
        found = []
        for width, logits in ((4, narrow), (9, wide)):
            mask = (torch.arange(width) < 4).long().expand(4, width)
            batch = {"labels": torch.tensor([[1, 2]] * 4), "gold": torch.ones(4), "attention_mask": mask}
            loss = sides(monkeypatch, logits, logits)
            found.append(float(loss(batch | {"teacher": teacher[:, :width]}, points=True, alpha=0.5)))
        assert found[0] == pytest.approx(found[1], abs=1e-5)

    def test_no_label_that_counts_is_no_loss(self) -> None:
        assert label_loss(torch.randn(2, 3), {"labels": torch.tensor([0, 1]), "gold": torch.zeros(2)}) == 0

    def test_the_source_is_read_at_its_own_first_token(self, problem: Problem, tiny_backbone: Path) -> None:
        backbone = Backbone.load(str(tiny_backbone))
        model = backbone.model(problem.task).eval()
        pairing = rows(problem, tiny_backbone)
        row = pairing.own[0][0]
        batch = collator(backbone.tokenizer())([pairing.encoded.features[r] for r in (pairing.others[0][0][0], row)])
        batch["gold"] = torch.tensor([0, 1])
        loss = pair_loss(model, batch, local=1, fusion=0)  # without fusion the source reads nothing but itself
        alone = collator(backbone.tokenizer())([pairing.encoded.features[row]])
        logits = model(input_ids=alone["input_ids"], attention_mask=alone["attention_mask"]).logits
        assert loss.item() == pytest.approx(entropy(logits, alone["labels"]).item(), abs=1e-5)

    def test_a_question_answerer_learns(self, tiny_backbone: Path) -> None:
        from transformers import AutoModelForQuestionAnswering

        torch.manual_seed(0)
        model = AutoModelForQuestionAnswering.from_pretrained(tiny_backbone)
        ids = torch.randint(5, 60, (8, 12))
        places = torch.randint(1, 11, (4, 1)).expand(4, 2)
        batch = {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "labels": torch.cat([places, places]),
            "gold": torch.tensor([1, 1, 0, 1, 1, 1, 1, 1]),
            "teacher": torch.randn(8, 12, 2),
        }
        optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
        losses = []
        for _ in range(12):
            loss = pair_loss(model, batch, local=1, fusion=1, points=True, alpha=0.2)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            losses.append(loss.item())
        assert losses[-1] < 0.7 * losses[0]


def transferred(problem: Problem, backbone: Path, recipe: str, settings: dict[str, str], **options: Any) -> Any:
    """A transfer by a recipe without its translator: these problems bring their translations."""
    bare = replace(resolve(recipe), data=(), inference=())
    return isogloss.transfer(
        problem,
        bare,
        backbone=str(backbone),
        settings=settings,
        precision="fp32",
        threads=1,
        translator="cipher",
        **options,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_task_trains_predicts_and_is_loaded_again(
    kind: str, tiny_problem: Callable[..., Problem], tiny_backbone: Path, tmp_path: Path
) -> None:
    problem = bridged(tiny_problem(kind))
    system, report = transferred(problem, tiny_backbone, "filter", FAST, out=tmp_path / "run")
    assert report.tier == "MT in training"
    assert remembered(system.base.model.config) == {"local": 1, "fusion": 1, "source": ["eng"]}
    tests = list(problem.test["yor"])
    langs = ["yor"] * len(tests)
    paired = system.predict_examples(tests, langs=langs)
    again = System.from_pretrained(tmp_path / "run")
    assert again.recipe == "filter"
    assert again.predict_examples(tests, langs=langs) == paired
    alone = system.predict_examples([replace(e, views={}) for e in tests], langs=langs)
    itself = system.predict_examples([replace(e, views={"eng": e}) for e in tests], langs=langs)
    scores = [[p.score if kind != "pair_scores" else p.value for p in answers] for answers in (alone, itself, paired)]
    assert scores[1] == pytest.approx(scores[0], abs=1e-5)
    assert scores[2] != pytest.approx(scores[0], abs=1e-5)


@pytest.mark.parametrize("kind", ["classification", "pair_scores", "spans"])
def test_self_teaching(kind: str, tiny_problem: Callable[..., Problem], tiny_backbone: Path, tmp_path: Path) -> None:
    problem = bridged(tiny_problem(kind))
    settings = FAST | {name.replace("filter", "self_teaching"): value for name, value in FAST.items()}
    system, report = transferred(problem, tiny_backbone, "filter-self-teaching", settings, out=tmp_path / "run")
    assert [row["recipe"] for row in report.nested] == ["filter-self-teaching", "filter"]
    tests = list(problem.test["yor"])
    expected = system.predict_examples(tests, langs=["yor"] * len(tests))
    assert System.from_pretrained(tmp_path / "run").predict_examples(tests, langs=["yor"] * len(tests)) == expected
    alone = transferred(problem, tiny_backbone, "filter-self-teaching", settings | {"self_teaching.alpha": "0.0"})[0]
    assert alone.predict_examples(tests, langs=["yor"] * len(tests)) != expected


def test_with_its_translation_a_text_in_an_unknown_language_is_understood(
    tiny_problem: Callable[..., Problem], tiny_backbone: Path
) -> None:
    problem = bridged(tiny_problem(targets=["yor"]))
    settings = {"filter.epochs": "1", "filter.min_steps": "120", "filter.learning_rate": "2e-3",
                "filter.trains": "all", "filter.snapshots": "1"}  # fmt: skip
    system, report = transferred(problem, tiny_backbone, "filter", settings)
    tests = list(problem.test["yor"])
    gold = [example.fields["label"] for example in tests]

    def accuracy(examples: list[Example]) -> float:
        answers = system.predict_examples(examples, langs=["yor"] * len(examples))
        return sum(answer.value == label for answer, label in zip(answers, gold, strict=True)) / len(gold)

    assert accuracy(tests) >= 0.9
    assert report.scores


def test_dev_is_scored_on_pairs(problem: Problem, tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[str, str]] = []

    def watched(example: Example, source: Sequence[str]) -> Example:
        found = partner(example, source)
        read.append((f"{example.id.partition('-')[0]} {example.lang}", found.lang))
        return found

    monkeypatch.setattr("isogloss.train.pairing.partner", watched)
    transferred(problem, tiny_backbone, "filter", FAST)
    assert set(read) == {
        ("dev eng", "yor"), ("dev eng", "rus"), ("test yor", "eng"), ("test rus", "eng"), ("test eng", "eng"),
    }  # fmt: skip


def test_what_has_no_translation_is_told_once(
    tiny_problem: Callable[..., Problem], tiny_backbone: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="isogloss"):
        transferred(tiny_problem(), tiny_backbone, "filter", FAST)
    told = Counter(record.message for record in caplog.records)
    assert told["64 of 64 translations of training texts are missing: paired with themselves."] == 1


class TestSettings:
    """What can be set, and what cannot."""

    def network(self, depth: int = 12, shape: str = "bert") -> Any:
        layers = torch.nn.ModuleList([torch.nn.Identity()] * depth)
        config = SimpleNamespace(model_type=shape)
        return SimpleNamespace(base_model=SimpleNamespace(encoder=SimpleNamespace(layer=layers), config=config))

    @pytest.mark.parametrize(
        ("part", "points", "depth", "expected"),
        [
            (Filter(), False, 12, (1, 1)),
            (Filter(), True, 12, (1, 10)),
            (Filter(), True, 24, (1, 20)),
            (Filter(), True, 2, (1, 1)),
            (Filter(local=3, fusion=40), False, 12, (3, 9)),
            (Filter(local=30, fusion=2), False, 12, (12, 0)),
            (Filter(fusion=0), False, 12, (1, 0)),
        ],
    )
    def test_layers(
        self, part: Filter, points: bool, depth: int, expected: tuple[int, int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("isogloss.nets.fusion.averaging_layer", lambda _: [])
        name = "AutoModelForQuestionAnswering" if points else "AutoModelForSequenceClassification"
        task: Task = SimpleNamespace(auto_class=name)  # type: ignore[assignment]
        assert part._cut(self.network(depth), task) == expected

    def test_another_architecture_is_refused(self, problem: Problem) -> None:
        with pytest.raises(RecipeError, match="cannot read a text and its translation together"):
            Filter()._cut(self.network(shape="distilbert"), problem.task)

    def test_frozen_layers_read_each_side_alone(self, problem: Problem, tiny_backbone: Path, run: Run) -> None:
        backbone = Backbone.load(str(tiny_backbone))
        with pytest.raises(RecipeError, match="2 layers are frozen, and only 1 read each side alone"):
            Filter(freeze_layers=2)(backbone, problem, run)
        trained = Filter(freeze_layers=1, epochs=1, min_steps=0)(backbone, problem, run)
        assert trained.snapshots

    def test_names(self) -> None:
        recipe: Recipe = resolve(
            "filter-self-teaching",
            settings={"filter.fusion": "3", "self_teaching.fusion": "task", "self_teaching.alpha": "0.9"},
        )
        assert recipe.settings()["filter"]["fusion"] == 3
        assert recipe.settings()["self_teaching"]["alpha"] == 0.9
        assert recipe.settings()["self_teaching"]["teacher"] == "filter"
        assert resolve("filter").settings()["filter"]["fusion"] == "task"
        with pytest.raises(RecipeError, match="does not fit"):
            resolve("filter", settings={"filter.fusion": "-1"})


class Cut(Exception):  # noqa: N818  # what stands for the power cut
    pass


@pytest.mark.parametrize(("recipe", "part"), [("filter", "filter"), ("filter-self-teaching", "self_teaching")])
def test_a_run_that_is_broken_off_goes_on_where_it_was(
    recipe: str, part: str, problem: Problem, tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = FAST | {name.replace("filter", part): value for name, value in FAST.items()}
    options: dict[str, Any] = {"checkpoint_seconds": 0}
    whole, _ = transferred(problem, tiny_backbone, recipe, settings, out=tmp_path / "whole", **options)
    on_step_end, done = Keeper.on_step_end, []

    def cut(self: Keeper, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        on_step_end(self, args, state, control, **kwargs)
        done.append(self.start + state.global_step)
        if len(done) == (3 if part == "filter" else 7):
            raise Cut

    monkeypatch.setattr(Keeper, "on_step_end", cut)
    with pytest.raises(Cut):
        transferred(problem, tiny_backbone, recipe, settings, out=tmp_path / "run", **options)
    again, report = transferred(problem, tiny_backbone, recipe, settings, out=tmp_path / "run", resume=True, **options)
    assert done == ([1, 2, 3, 4] if part == "filter" else [1, 2, 3, 4, 1, 2, 3, 4])
    expected = whole.base.model.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in again.base.model.state_dict().items())
    assert len(report.nested) == (1 if part == "filter" else 2)
