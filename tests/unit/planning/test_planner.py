"""Ranking and sets on invented languages, of which the text alone is known; so that no table is needed."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isogloss import Problem
from isogloss.commands import plan as plan_of
from isogloss.errors import DataError, IsoglossError, ResourceError
from isogloss.evaluation.plan_page import heat_map, plan_page
from isogloss.languages import features
from isogloss.languages.overlap import MEASURED
from isogloss.planning.calibration import calibration
from isogloss.planning.landscape import Landscape
from isogloss.planning.matrix import Cell, TransferMatrix
from isogloss.planning.plan import digest, read_plan
from isogloss.planning.planner import Measured, rank, sets, weights_of
from isogloss.planning.resources import BOUGHT

ALPHABET = "etaoinshrdlucmfwypvbgkjqxz"
WORDS = [
    f"{a}{b}{c}" for a in ("ka", "tre", "mo", "lin") for b in ("sta", "ro", "pe", "dun") for c in ("n", "ra", "li")
]


def dialect(share: float) -> list[str]:
    """200 lines of a language that has a share of its letters exchanged."""
    drawn = np.random.default_rng(5)
    kept = round(share * 26)
    table = {ord(a): ord(a) + 0x400 for a in ALPHABET[:kept]}
    return [" ".join(drawn.choice(WORDS, 6)).translate(table) for _ in range(200)]


SHARES = {"x-a": 0.0, "x-b": 0.15, "x-c": 0.35, "x-d": 0.5, "x-e": 0.75, "x-f": 1.0}


@pytest.fixture
def problem() -> Problem:
    rows = [{"text": line, "label": "one" if i % 2 else "two"} for i, line in enumerate(dialect(0)[:40])]
    return Problem.from_data(
        task="classification",
        source="x-a",
        targets=list(SHARES)[1:],
        train={"x-a": rows},
        dev={"x-a": rows[:10]},
        unlabelled={code: dialect(share) for code, share in SHARES.items()},
    )


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Runs of three characters in place of an encoder's pieces, and no matrix of the package."""
    # The package has a function of the module's name.
    monkeypatch.setattr(import_module("isogloss.commands.plan"), "_pieces", lambda backbone: None)
    monkeypatch.setattr(import_module("isogloss.planning.planner"), "PERMUTATIONS", 49)
    monkeypatch.setattr(import_module("isogloss.planning.shipped"), "FOLDER", tmp_path / "no matrices")
    monkeypatch.setattr(import_module("isogloss.commands.plan"), "_unread", lambda texts, backbone: False)


@pytest.fixture
def matrix(problem: Problem, cheap: None) -> TransferMatrix:
    """Transfer that falls with the lexical distance."""
    land = plan_of(problem).land
    cells = []
    for i, source in enumerate(land.languages):
        for j, target in enumerate(land.languages):
            distances = {kind: float(land.distances[kind][i, j]) for kind in ("script", "lexical")}
            cells.append(
                Cell(source=source, target=target, task="classification", metric="accuracy",
                     scores={1: 0.9 - 0.5 * distances["lexical"]}, distances=distances)
            )  # fmt: skip
    return TransferMatrix(cells=tuple(cells), about={"backbone": "tiny"})


def land_of(known: dict[str, np.ndarray], codes: tuple[str, ...]) -> Landscape:
    blank = np.where(np.eye(len(codes)), 0.0, np.nan)
    from isogloss.planning.landscape import ALL_KINDS

    return Landscape(languages=codes, distances={k: known.get(k, blank) for k in ALL_KINDS}, basis={}, pieces=0)


def test_an_unlisted_language_ranks_by_its_text_and_says_so(problem: Problem, cheap: None) -> None:
    found = plan_of(problem)
    assert [entry.source for entry in found.ranked["x-b"]][:2] == ["x-a", "x-c"]
    assert [entry.source for entry in found.ranked["x-f"]] == ["x-e", "x-d", "x-c", "x-b", "x-a"]
    assert tuple(found.ranked["x-f"][0].distances) == MEASURED
    assert all(entry.prediction is None for entries in found.ranked.values() for entry in entries)
    assert found.land.basis["x-f"].sentence.endswith("200 lines of its text alone")
    assert any("no transfer was measured" in notice for notice in found.notices)
    if features.installed():
        assert any("x-f" in notice and "200 lines" in notice for notice in found.notices)


def test_distance_alone_is_the_plain_mean(problem: Problem, cheap: None) -> None:
    entry = plan_of(problem).ranked["x-d"][0]
    assert entry.distance == pytest.approx(np.mean(list(entry.distances.values())))


def test_test_data_are_never_read(problem: Problem, cheap: None) -> None:
    rows = [{"text": "unseen " * 9, "label": "one"}, {"text": "words", "label": "two"}]
    tested = Problem.from_data(
        task="classification", source="x-a", targets=["x-b"], train={"x-a": rows}, test={"x-b": rows}
    )
    with pytest.raises(ResourceError, match="Nothing is known"):
        plan_of(tested)
    tests = replace(problem, test={"x-b": problem.train["x-a"]})
    assert plan_of(tests).to_json() == plan_of(problem).to_json()


def test_measured_transfer_gives_weights_scores_and_intervals(problem: Problem, matrix: TransferMatrix) -> None:
    found = plan_of(problem, matrix=matrix)
    (told,) = found.evidence
    assert told.weights == pytest.approx({"script": 0, "lexical": 1}, abs=1e-6)
    assert told.correlation == pytest.approx(-1)
    assert told.p is not None
    assert told.p < 0.05
    assert told.pairs == 30
    for entries in found.ranked.values():
        values = [entry.prediction.value for entry in entries if entry.prediction]
        assert len(values) == 5
        assert values == sorted(values, reverse=True)
        for entry in entries:
            assert entry.case == "pair"
            assert entry.rests_on == told.kinds == ("script", "lexical")
            assert entry.prediction is not None
            assert entry.prediction.low is not None
            assert entry.distance == pytest.approx(entry.distances["lexical"])
            assert entry.measured == pytest.approx(0.9 - 0.5 * entry.distances["lexical"])


def test_a_new_language_is_predicted_from_the_others(problem: Problem, matrix: TransferMatrix) -> None:
    known = TransferMatrix(cells=tuple(c for c in matrix.cells if "x-c" not in (c.source, c.target)))
    found = plan_of(problem, matrix=known)
    truth = {(c.source, c.target): c.score for c in matrix.cells}
    for entry in found.ranked["x-c"]:
        assert entry.case == "target"
        assert entry.measured is None
        assert entry.prediction is not None
        assert entry.prediction.value == pytest.approx(truth[entry.source, "x-c"], abs=0.12)


def test_a_matrix_of_another_task_predicts_nothing(problem: Problem, matrix: TransferMatrix) -> None:
    other = TransferMatrix(cells=tuple(replace(cell, task="tagging") for cell in matrix.cells))
    found = plan_of(problem, matrix=other)
    assert found.evidence == ()
    assert any("holds tagging" in notice for notice in found.notices)


def test_a_matrix_that_predicts_nothing_says_so_once(problem: Problem, matrix: TransferMatrix) -> None:
    few = TransferMatrix(cells=tuple(c for c in matrix.cells if {c.source, c.target} <= {"x-a", "x-b"}))
    found = plan_of(problem, matrix=few)
    assert found.evidence == ()
    assert sum("No score is predicted" in notice for notice in found.notices) == 1
    assert not any("Predicted scores" in notice for notice in found.notices)


def test_pieces_of_another_tokenizer_do_not_count(problem: Problem, matrix: TransferMatrix) -> None:
    cells = tuple(replace(c, distances={"pieces": c.distances["lexical"]}) for c in matrix.cells)
    found = plan_of(problem, matrix=TransferMatrix(cells=cells, about={"pieces": "other"}))
    assert found.evidence == ()
    assert any("overlap of pieces" in notice for notice in found.notices)


def test_few_shot_gains_come_from_measured_curves(problem: Problem, matrix: TransferMatrix) -> None:
    first = next(c for c in matrix.zero_shot())
    few = [replace(first, examples=n, scores={1: first.score + 0.02 * np.log((n + 10) / 10)}) for n in (10, 100, 500)]
    found = plan_of(problem, matrix=TransferMatrix(cells=(*matrix.cells, *few)))
    assert found.gains[100].value == pytest.approx(0.02 * np.log(11), abs=1e-3)
    assert tuple(found.gains) == BOUGHT
    assert plan_of(problem, matrix=matrix).gains == {}


def test_the_matrix_of_the_package_is_taken_where_task_and_metric_are_the_same(
    problem: Problem, matrix: TransferMatrix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = {"name": "invented topics", "labels": 40, "backbone": "tiny"}
    replace(matrix, about=about).write(tmp_path / "topic.json")
    monkeypatch.setattr(import_module("isogloss.planning.shipped"), "FOLDER", tmp_path)
    found = plan_of(problem)
    assert found.about["name"] == "invented topics"
    assert found.to_json()["ranked"] == plan_of(problem, matrix=matrix).to_json()["ranked"]
    (whose,) = (notice for notice in found.notices if "the level will not" in notice)
    assert "invented topics with 40 source labels" in whose
    assert any("measured with tiny, and this plan is for isogloss:e5-small" in notice for notice in found.notices)
    alone = plan_of(problem, matrix="none")
    assert alone.evidence == ()
    assert any("no matrix was wanted" in notice for notice in alone.notices)
    other = replace(problem, task=replace(problem.task, metric="macro_f1"))
    assert plan_of(other).evidence == ()
    assert any("on classification by macro_f1" in notice for notice in plan_of(other).notices)


def test_a_purchase_is_advised_only_where_it_is_known_to_help(problem: Problem, matrix: TransferMatrix) -> None:
    def curves(gain: dict[int, float]) -> TransferMatrix:
        few = [
            replace(cell, examples=n, scores={1: cell.score + added * (1 + i / 50)})
            for i, cell in enumerate(matrix.zero_shot()[:4])
            for n, added in gain.items()
        ]
        return TransferMatrix(cells=(*matrix.cells, *few), about={"labels": 400})

    found = plan_of(problem, matrix=curves({10: -0.05, 50: 0.04, 100: 0.06, 500: 0.1}))
    told = found.resources["x-c"]
    by = {(p.what, p.labels): p for p in told.purchases}
    assert [n for what, n in by if what == "labels"] == list(BOUGHT)
    assert by["labels", 10].gain is not None
    assert by["labels", 10].gain.value > 0  # the law rises throughout, and what was measured says otherwise
    assert not by["labels", 10].helps
    assert by["labels", 50].helps
    assert told.advice.startswith("Label 50 texts in x-c: +0.0")
    nothing = by["nothing", 0]
    guess = next(entry.prediction for entry in found.ranked["x-c"] if entry.source == "x-a")
    assert nothing.score == guess
    score, gain = by["labels", 50].score, by["labels", 50].gain
    assert score is not None
    assert gain is not None
    assert guess is not None
    assert score.value == pytest.approx(guess.value + gain.value)
    for what in ("raw text", "translations"):
        assert by[what, None].score is by[what, None].gain is None
    assert found.to_json()["resources"]["x-c"]["advice"] == told.advice
    bad = plan_of(problem, matrix=curves({10: -0.01, 50: -0.05, 100: -0.06, 500: -0.1})).resources["x-f"]
    assert not any(p.helps for p in bad.purchases if p.what == "labels")
    assert plan_of(problem).resources["x-c"].advice.startswith("Nothing that is known to help")


def test_another_source_is_advised_where_its_gain_is_beyond_the_misses(
    problem: Problem, matrix: TransferMatrix
) -> None:
    found = plan_of(problem, matrix=replace(matrix, about={"labels": 40}))
    purchase = next(p for p in found.resources["x-f"].purchases if p.what == "source")
    scores = {entry.source: entry.prediction for entry in found.ranked["x-f"]}
    best = found.ranked["x-f"][0].source
    assert purchase.source == best
    assert purchase.gain is not None
    assert purchase.gain.low is not None
    assert scores[best] is not None
    assert purchase.gain.value == pytest.approx(scores[best].value - scores["x-a"].value)  # type: ignore[union-attr]
    assert purchase.helps == (purchase.gain.low > 0)
    assert purchase.labels == 40
    new = TransferMatrix(cells=tuple(cell for cell in matrix.cells if cell.source != best))
    unsure = next(p for p in plan_of(problem, matrix=new).resources["x-f"].purchases if p.source == best)
    assert unsure.gain is not None
    assert unsure.gain.low is None
    assert not unsure.helps


def test_labels_that_are_there_are_counted(problem: Problem, matrix: TransferMatrix) -> None:
    zero = matrix.zero_shot()[:3]
    few = [replace(c, examples=n, scores={1: c.score + 0.02 * np.log1p(n / 10)}) for c in zero for n in (10, 100, 500)]
    curves = TransferMatrix(cells=(*matrix.cells, *few))
    rich = replace(problem, few={"x-c": problem.train["x-a"][:30]})
    found = plan_of(rich, matrix=curves)
    by = {p.labels: p for p in found.resources["x-c"].purchases if p.what == "labels"}
    assert by[50].gain is not None
    assert by[50].gain.value == pytest.approx(0.02 * np.log((30 + 50 + 10) / (30 + 10)), abs=1e-3)
    assert "with the 30 labels of the target" in found.resources["x-c"].purchases[0].basis


def test_predictions_that_do_not_beat_a_constant_say_so(matrix: TransferMatrix) -> None:
    told = Measured(matrix).fit(("script", "lexical"))
    assert told is not None
    figures = told[0].figures["target"]
    assert (
        list(
            replace(
                told[0],
                figures={"target": replace(figures, error=0.01, error_of_mean=0.02, regret=0.0, regret_of_usual=0.1)},
            ).shortfalls()
        )
        == []
    )
    worse = replace(figures, error=0.083, error_of_mean=0.071, regret=0.03, regret_of_usual=0.012)
    level, choice = replace(told[0], figures={"target": worse}).shortfalls()
    assert "0.083" in level
    assert "0.071" in level
    assert "0.030" in choice
    assert "0.012" in choice
    assert told[0].usual in choice
    silent = replace(figures, error=float("nan"), regret=float("nan"))
    assert list(replace(told[0], figures={"target": silent}).shortfalls()) == []


def test_groups_of_other_kinds_come_after_and_are_not_mixed() -> None:
    codes, size = ("t", "p", "q", "r", "s"), 5
    near = np.full((size, size), np.nan)
    text = np.full((size, size), np.nan)
    near[0, 1:4] = near[1:4, 0] = (0.3, 0.2, 0.9)
    text[0, [1, 4]] = text[[1, 4], 0] = (0.5, 0.01)
    for matrix in (near, text):
        np.fill_diagonal(matrix, 0)
    found = rank(land_of({"genetic": near, "script": text}, codes), "t", codes)
    assert [entry.source for entry in found] == ["q", "p", "r", "s"]
    assert [tuple(entry.distances) for entry in found] == [("genetic",)] * 3 + [("script",)]


def test_sets_are_medoids_for_the_targets() -> None:
    places = np.array([0.0, 0.1, 0.2, 0.8, 0.9, 1.0])
    codes = tuple("abcdef")
    land = land_of({"genetic": np.abs(places[:, None] - places)}, codes)
    found = sets(land, codes, codes, 2)
    assert found.kinds == ("genetic",)
    assert found.left_out == ()
    assert found.sets[1].sources == ("b", "e")
    assert found.sets[1].distance == pytest.approx(0.4 / 6)
    assert found.sets[1].serves == {"a": "b", "b": "b", "c": "b", "d": "e", "e": "e", "f": "e"}
    assert sets(land, ("a",), ("d", "e"), 1).sets[0].sources == ("d",)


def test_sets_are_chosen_beside_what_is_labelled() -> None:
    places = np.array([0.0, 0.1, 0.2, 0.8, 0.9, 1.0])
    codes = tuple("abcdef")
    land = land_of({"genetic": np.abs(places[:, None] - places)}, codes)
    found = sets(land, codes, codes, 6, labelled=("b",))
    assert found.beside == ("b",)
    assert found.distance == pytest.approx((0.1 + 0 + 0.1 + 0.7 + 0.8 + 0.9) / 6)
    assert found.sets[0].sources == ("e",)
    assert found.sets[0].serves == {"a": "b", "b": "b", "c": "b", "d": "e", "e": "e", "f": "e"}
    assert found.sets[0].distance == pytest.approx(0.4 / 6)
    assert len(found.sets) == 5
    assert not any("b" in chosen.sources for chosen in found.sets)


def test_a_plan_never_asks_for_labels_that_are_there(problem: Problem, matrix: TransferMatrix) -> None:
    found = plan_of(problem, k=5)
    assert found.sets.beside == ("x-a",)
    assert [len(chosen.sources) for chosen in found.sets.sets] == [1, 2, 3, 4, 5]
    assert "x-a" not in {source for chosen in found.sets.sets for source in chosen.sources}
    assert "beside x-a" in plan_page(found)
    with pytest.raises(DataError, match="among 5 languages without labels"):
        plan_of(problem, k=6)


def test_weights_are_told_and_what_counts_for_nothing_is_not(problem: Problem, matrix: TransferMatrix) -> None:
    found = plan_of(problem, matrix=matrix)
    told = found.ways[found.sets.kinds]
    assert told.fitted
    assert told.weights == pytest.approx({"script": 0, "pieces": 0, "lexical": 1}, abs=1e-6)
    sentence = "Distance is a mean with weights that were fitted to measured transfer: lexical 1.00."
    assert told.sentence == sentence
    assert sentence in plan_page(found)
    alone = plan_of(problem)
    assert [way.sentence for way in alone.ways.values()] == ["Distance is the plain mean of script, pieces, lexical."]
    assert alone.to_json()["ways"] == [{"weights": dict.fromkeys(MEASURED, 1 / 3), "fitted": False}]


def test_distance_that_does_not_go_with_transfer_is_said_to_tell_nothing(
    problem: Problem, matrix: TransferMatrix
) -> None:
    upside = TransferMatrix(cells=tuple(replace(c, scores={1: 1 - c.score}) for c in matrix.cells))
    found = plan_of(problem, matrix=upside)
    assert any("by script, lexical carries no information" in told for told in found.notices)
    assert not any(way.fitted for way in found.ways.values())
    assert not any("no information" in told for told in plan_of(problem, matrix=matrix).notices)
    told = Measured(matrix).fit(("script", "lexical"))
    assert told is not None
    assert "than chance allows" in next(replace(told[0], p=0.06).shortfalls())


def test_sets_serve_as_many_targets_as_one_way_of_comparing_allows() -> None:
    codes = tuple("abcdef")
    near, text = np.full((6, 6), np.nan), np.full((6, 6), np.nan)
    near[:4, :4] = 0.5
    text[np.ix_([0, 4, 5], [0, 4, 5])] = 0.7
    for matrix in (near, text):
        np.fill_diagonal(matrix, 0)
    land = land_of({"genetic": near, "lexical": text}, codes)
    found = sets(land, ("b", "c", "e"), codes, 2)
    assert (found.kinds, found.left_out) == (("genetic",), ("e",))
    assert set(found.sets[0].serves) == {"b", "c"}
    found = sets(land, ("b", "e", "f"), codes, 2)
    assert (found.kinds, found.left_out) == (("lexical",), ("b",))
    assert sets(land_of({}, codes), ("a",), codes, 1).sets == ()


def test_weights_are_even_where_nothing_was_measured() -> None:
    assert weights_of(("script", "lexical"), None).tolist() == [0.5, 0.5]
    few = Measured(TransferMatrix(cells=(Cell(source="eng", target="deu", task="pair", scores={1: 0.5}),)))
    assert weights_of(("script", "lexical"), few).tolist() == [0.5, 0.5]


def test_a_plan_is_hashed_and_a_change_is_noticed(problem: Problem, matrix: TransferMatrix, tmp_path: Path) -> None:
    found, path = plan_of(problem, matrix=matrix), tmp_path / "plan.json"
    found.write(path)
    content = read_plan(path)
    assert content["sha256"] == digest(content) == plan_of(problem, matrix=matrix).to_json()["sha256"]
    content["ranked"]["x-b"][0]["prediction"]["value"] = 0.99
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="changed"):
        read_plan(path)
    for text in ("[]", "no", '{"schema": 1}'):
        path.write_text(text)
        with pytest.raises(DataError, match="no plan"):
            read_plan(path)


def test_a_report_is_held_against_the_plan(problem: Problem, matrix: TransferMatrix, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    found = plan_of(problem, matrix=matrix)
    found.write(path)
    guess = next(entry for entry in found.ranked["x-c"] if entry.source == "x-a").prediction
    assert guess is not None
    assert guess.high is not None
    scores = {"x-c": {"accuracy": guess.value}, "x-d": {"accuracy": 0.0}, "x-a": {"accuracy": 0.9}}
    report: dict[str, Any] = {"task": "classification", "metric": "accuracy", "source": ["x-a"], "scores": scores}
    outcome = calibration(path, report)
    assert [(o.target, o.inside) for o in outcome.outcomes] == [("x-c", True), ("x-d", False)]
    assert outcome.covered == 0.5
    assert outcome.error == pytest.approx(outcome.outcomes[1].predicted / 2)
    for change in ({"task": "pair"}, {"metric": "macro_f1"}, {"source": ["x-a", "x-b"]}):
        with pytest.raises(DataError, match=r"plan\.json"):
            calibration(path, report | change)
    plan_of(problem).write(path)
    with pytest.raises(DataError, match="predicts no score"):
        calibration(path, report)


def test_the_page_holds_everything_and_fetches_nothing(problem: Problem, matrix: TransferMatrix) -> None:
    for found in (plan_of(problem), plan_of(problem, matrix=matrix, candidates=["x-<b>"])):
        page = plan_page(found)
        assert "http" not in page.replace("https://", "http://").split("<body>")[1]
        assert "<script" not in page
        assert "<b>" not in page
        assert found.to_json()["sha256"] in page
        assert len(page) < 60_000
        rows = heat_map(found)
        assert [target for target, _ in rows] == list(found.targets)
        tones = [tile.tone for _, tiles in rows for tile in tiles]
        assert min(tones) == 0
        assert max(tones) == 1


@pytest.mark.parametrize("options", [{"k": 0}, {"k": 7}, {"level": 1.0}, {"candidates": ["a b"]}, {"matrix": "no"}])
def test_what_cannot_be_is_one_sentence(problem: Problem, cheap: None, options: dict[str, Any]) -> None:
    with pytest.raises(IsoglossError) as caught:
        plan_of(problem, **options)
    assert "\n" not in str(caught.value)


def test_mixed_metrics_are_refused(problem: Problem, matrix: TransferMatrix) -> None:
    first, *rest = matrix.zero_shot()
    with pytest.raises(DataError, match="mixes metrics"):
        plan_of(problem, matrix=TransferMatrix(cells=(replace(first, metric="macro_f1"), *rest)))


def test_texts_make_candidates(problem: Problem, cheap: None) -> None:
    found = plan_of(problem, texts={"x-new": dialect(0.4)}, k=1)
    assert "x-new" in {entry.source for entry in found.ranked["x-c"]}
    assert len(found.sets.sets) == 1


def test_too_little_text_is_said(problem: Problem, cheap: None) -> None:
    found = plan_of(problem, texts={"x-none": ["", "123"], "x-one": ["ka tre"]})
    assert "There is no letter in the text of x-none: it does not count." in found.notices
    rough = "Distances by text are rough for x-one (1 line): put some 200 lines of each."
    assert rough in found.notices
    assert found.land.basis["x-one"].sentence.endswith("1 line of its text alone")
    assert not any("rough" in told or "no letter" in told for told in plan_of(problem).notices)


def test_the_public_name_stays_a_function() -> None:
    import isogloss.planning.plan

    assert callable(isogloss.plan)
