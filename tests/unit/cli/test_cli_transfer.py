from __future__ import annotations

import json
from pathlib import Path

import pytest

from isogloss.planning.plan import digest

FAST = ("--set", "cross_entropy.epochs=1", "--set", "cross_entropy.min_steps=2", "--precision", "fp32", "--quiet")


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_a_dry_run_prints_what_would_run_and_writes_nothing(
    isogloss, problem: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = tree(tmp_path)
    options = (
        "--dry-run",
        "--recipe",
        "frozen",
        "--seeds",
        "3,4",
        "--select",
        "last",
        "--set",
        "cross_entropy.epochs=7",
    )
    done = isogloss("transfer", problem, *options, "--json")
    assert done.code == 0
    plan = json.loads(done.out)
    assert plan["recipe"] == "frozen"
    assert plan["parts"]["cross_entropy"]["epochs"] == 7
    assert plan["source"] == {"eng": {"train": 16, "dev": 8}}
    assert plan["targets"] == {"spa": {"test": 6}, "swa": {"test": 0}}
    assert (plan["seeds"], plan["selection"]) == ([3, 4], "last")
    assert plan["out"] == str(Path("runs", "topics-frozen"))
    text = isogloss("transfer", problem, *options).out
    assert "epochs=7" in text
    assert "target swa: no test file" in text
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--recipe", "dirct"), "Did you mean 'direct'?"),
        (("--set", "cross_entrpy.epochs=3"), "Did you mean 'cross_entropy'?"),
        (("--set", "cross_entropy.epoch=3"), "Did you mean 'epochs'?"),
        (("--set", "cross_entropy.epochs=many"), "cross_entropy.epochs=many does not fit"),
        (("--select", "best"), "selection rule 'best'"),
        (("--translator", "auto"), "No part of recipe 'direct' uses a translator"),
        (("--lm", "x"), "No part of recipe 'direct' uses a language model"),
        (("--few-shot", "8"), "needs a few labelled target examples (few/<target>.jsonl), and there is none for spa"),
        (("--seeds", "1,1"), "distinct"),
        (("--resume", "--force"), "contradict"),
        (("--precision", "fp8"), "fp8"),
        (("--device", "toaster"), "toaster"),
        (("--backbone", "./nowhere"), "./nowhere"),
        (("--set", "cross_entropy.epochs=-1"), "epochs"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_written(
    isogloss, problem: Path, encoder: Path, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    before = tree(tmp_path)
    done = isogloss("transfer", problem, "--out", tmp_path / "out", "--backbone", encoder, *FAST, *options)
    assert (done.code, done.out) == (1, "")
    (error,) = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert words in error
    assert tree(tmp_path) == before


def test_a_refused_run_does_not_cost_the_old_one(isogloss, problem: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "report.json").write_text("the old one")
    assert isogloss("transfer", problem, "--out", out, "--force", "--backbone", "./nowhere").code == 1
    assert (out / "report.json").read_text() == "the old one"


@pytest.mark.parametrize("option", [(), ("--dry-run",)])
def test_an_existing_folder_is_refused(isogloss, problem: Path, tmp_path: Path, option: tuple[str, ...]) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    for force in ((), ("--force",), ("--resume",)):
        done = isogloss("transfer", problem, "--out", tmp_path / "out", *option, *force)
        assert (done.code, done.out) == (1, "")
        assert f"error: {tmp_path / 'out'}: The folder" in done.err
    assert tree(tmp_path / "out") == {"thesis.txt"}


def test_a_run_from_training_to_page(isogloss, problem: Path, encoder: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs" / "x"
    done = isogloss("transfer", problem, "--out", out, "--backbone", encoder, *FAST, "--json", "--skip-unserved")
    assert (done.code, done.err) == (0, "")
    report = json.loads(done.out)
    assert report == json.loads((out / "report.json").read_text())
    assert set(report["scores"]) == {"spa"}
    assert {"report.html", "recipe.toml", "log.jsonl", "model", "predictions"} <= {path.name for path in out.iterdir()}

    resumed = isogloss("transfer", problem, "--out", out, "--backbone", encoder, *FAST[:-1], "--resume")
    assert "Spanish" in resumed.out
    assert f"Report: {out / 'report.html'}\n" in resumed.err
    assert f"next: isogloss predict {out} --lang spa < texts.txt\n" in resumed.err

    (out / "report.html").unlink()
    shown = isogloss("report", out)
    assert shown.out == resumed.out
    assert shown.err == f"Report: {out / 'report.html'}\n"
    assert (out / "report.html").is_file()
    assert json.loads(isogloss("report", out, "--json").out) == report

    scores = json.loads(isogloss("evaluate", out, problem, "--json").out)
    assert scores["spa"]["accuracy"] == pytest.approx(report["scores"]["spa"]["accuracy"])
    assert f"{scores['spa']['accuracy']:.3f} [" in isogloss("evaluate", out, problem).out

    texts = "".join(
        json.loads(line)["text"] + "\n" for line in (problem / "test" / "spa.jsonl").read_text().splitlines()
    )
    answers = [
        json.loads(line) for line in isogloss("predict", out, "--lang", "spa", stdin=texts.encode()).out.splitlines()
    ]
    kept = [json.loads(line) for line in (out / "predictions" / "spa.jsonl").read_text().splitlines()]
    assert [row["prediction"] for row in answers] == [row["prediction"] for row in kept]


def test_a_comparison_names_difference_and_verdict(isogloss, problem: Path, encoder: Path, tmp_path: Path) -> None:
    arguments = (
        "compare",
        problem,
        "--recipes",
        "direct,frozen",
        "--out",
        tmp_path / "cmp",
        "--backbone",
        encoder,
        "--seeds",
        "1,2",
    )
    fast = ("--set", "cross_entropy.epochs=1", "--set", "cross_entropy.min_steps=2", "--quiet")
    done = isogloss(*arguments, *fast)
    assert (done.code, done.err) == (0, "")
    head, _, first, second = done.out.splitlines()
    assert "against direct" in head
    rows = sorted([first, second], key=lambda row: "frozen" in row)  # the better one stands first
    assert rows[0].split()[1] == "direct"
    assert rows[1].split()[1] == "frozen"
    second = rows[1]
    assert (tmp_path / "cmp" / "leaderboard.html").is_file()
    reports = json.loads(isogloss(*arguments, *fast, "--resume", "--json").out)
    assert reports["direct"]["baseline"] is None
    base = reports["frozen"]["baseline"]
    assert base["verdict"] in second
    assert f"{base['delta']:+.3f} [" in second
    refused = isogloss(*arguments, *fast)
    assert refused.code == 1
    assert "exists already" in refused.err


@pytest.mark.parametrize("recipes", ["direct", "direct,direct", "direct,dirct"])
def test_a_comparison_that_is_none_is_refused(isogloss, problem: Path, tmp_path: Path, recipes: str) -> None:
    done = isogloss("compare", problem, "--recipes", recipes, "--out", tmp_path / "cmp")
    assert (done.code, done.out) == (1, "")
    assert not (tmp_path / "cmp").exists()


def test_evaluate_refuses_another_task(isogloss, system_run: Path, problem: Path) -> None:
    (problem / "test" / "spa.jsonl").unlink()
    done = isogloss("evaluate", system_run, problem)
    assert done.code == 1
    assert "has no test files" in done.err


@pytest.mark.parametrize("content", [None, "{}", "not json"])
def test_a_report_that_is_none_is_refused(isogloss, tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "report.json").write_text(content)
    done = isogloss("report", tmp_path)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"error: {tmp_path}")
    assert not (tmp_path / "report.html").exists()


def test_a_plan_is_checked_in_a_dry_run_and_held_against_the_run(
    isogloss, problem: Path, encoder: Path, tmp_path: Path
) -> None:
    guess = {"source": "eng", "prediction": {"value": 0.6, "low": 0.5, "high": 0.7}, "case": "target"}
    ranked = {lang: [guess | {"rests_on": ["script"], "measured": None}] for lang in ("spa", "swa")}
    evidence = [{"kinds": ["script"], "pairs": 12, "languages": 5, "level": 0.9}]
    plan = {"schema": 1, "task": "classification", "metric": "accuracy", "targets": ["spa", "swa"]}
    plan |= {"ranked": ranked, "evidence": evidence}
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan | {"sha256": digest(plan)}))
    options = ("transfer", problem, "--out", tmp_path / "out", "--backbone", encoder, "--plan", file)
    shown = json.loads(isogloss(*options, "--dry-run", "--json").out)
    assert shown["plan"]["expects"]["swa"]["interval"] == [0.5, 0.7]
    assert "target swa: no test file, the plan expects 0.600 [0.500, 0.700]" in isogloss(*options, "--dry-run").out
    done = isogloss(*options, *FAST[:-1])
    assert done.code == 0
    assert "Plan: The plan predicted 1 score with an error of" in done.out
    assert (
        "Expected by the plan, and not measured: swa 0.600 [0.500, 0.700]." in isogloss("report", tmp_path / "out").out
    )
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["estimate"]["swa"]["value"] == 0.6
    assert report["plan"]["targets"]["spa"]["score"] == report["scores"]["spa"]["accuracy"]
    file.write_text(file.read_text().replace("0.6", "0.9"))
    for extra in (("--dry-run",), ("--force",)):
        refused = isogloss(*options, *extra)
        assert (refused.code, refused.out) == (1, "")
        assert "plan.json: The plan was changed after it was written." in refused.err


def test_a_plan_of_another_problem_is_said_before_and_after(
    isogloss, problem: Path, encoder: Path, tmp_path: Path
) -> None:
    def write(lang: str) -> Path:
        entry = {"source": "eng", "prediction": {"value": 0.6, "low": None, "high": None}, "case": "target"}
        evidence = {"kinds": ["script"], "pairs": 12, "languages": 5, "level": 0.9}
        plan = {"schema": 1, "task": "classification", "metric": "accuracy", "targets": [lang, "por"]}
        plan |= {"problem": "another", "evidence": [evidence]}
        plan |= {"ranked": {lang: [entry | {"rests_on": ["script"], "measured": None}]}}
        (tmp_path / "plan.json").write_text(json.dumps(plan | {"sha256": digest(plan)}))
        return tmp_path / "plan.json"

    options = ("transfer", problem, "--out", tmp_path / "out", "--backbone", encoder, "--plan")
    refused = isogloss(*options, write("deu"), *FAST[:-1])
    assert refused.code == 1
    assert "no score from eng to a target of this run" in refused.err
    dry = isogloss(*options, write("spa"), "--dry-run")
    assert "target swa: no test file, the plan predicts no score" in dry.out
    real = isogloss(*options, write("spa"), *FAST[:-1])
    assert real.code == 0
    for said in (dry.err, real.err, real.out):
        assert "made for the problem another; this run is of topics." in " ".join(said.split())
        assert "Of the plan's 2 targets this run has 1." in " ".join(said.split())


def test_the_file_that_plan_writes_is_the_one_that_transfer_reads(
    isogloss, problem: Path, encoder: Path, tmp_path: Path
) -> None:
    codes = ("eng", "spa", "deu", "rus", "fra")  # swa was never measured
    cells = [
        {"source": s, "target": t, "task": "classification", "metric": "accuracy",
         "scores": {"1": 0.9 - abs(i - j) / 10}, "distances": {"script": 0.0, "lexical": abs(i - j) / 5}}
        for i, s in enumerate(codes) for j, t in enumerate(codes) if i != j
    ]  # fmt: skip
    matrix, plan, out = tmp_path / "matrix.json", tmp_path / "plan.json", tmp_path / "out"
    matrix.write_text(json.dumps({"schema": 1, "about": {"recipe": "frozen"}, "cells": cells}))
    (problem / "unlabelled").mkdir()
    for lang in ("spa", "swa"):
        (problem / "unlabelled" / f"{lang}.txt").write_text("un texto de verdad\nuno y otro texto más\n" * 100)
    made = isogloss("plan", problem, "--matrix", matrix, "--out", plan, "--k", "1")
    assert made.code == 0, made.err
    content = json.loads(plan.read_text())
    done = isogloss("transfer", problem, "--out", out, "--backbone", encoder, "--plan", plan, *FAST)
    assert done.code == 0, done.err
    report = json.loads((out / "report.json").read_text())
    guesses = {
        lang: next(entry["prediction"] for entry in content["ranked"][lang] if entry["source"] == "eng")
        for lang in ("spa", "swa")
    }
    assert report["estimate"]["swa"]["value"] == guesses["swa"]["value"]
    assert "the target was never measured" in report["estimate"]["swa"]["basis"]
    score, row = report["scores"]["spa"]["accuracy"], report["plan"]["targets"]["spa"]
    assert (row["predicted"], row["score"]) == (guesses["spa"]["value"], score)
    assert row["interval"] == [guesses["spa"]["low"], guesses["spa"]["high"]]
    assert report["plan"]["sha256"] == content["sha256"]
    very_pair, recipe = report["plan"]["differs"]
    assert "this very source with spa" in very_pair
    assert "had the recipe frozen; this run has direct" in recipe
    assert "recipe frozen" in (out / "model" / "README.md").read_text()
