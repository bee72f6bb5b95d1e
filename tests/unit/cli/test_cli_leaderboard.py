"""Runs made apart come together on one board, and seeds are added until it is clear."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

FAST = ("--set", "cross_entropy.epochs=1", "--set", "cross_entropy.min_steps=2", "--quiet")


def test_runs_of_different_days_are_one_board(isogloss, problem: Path, encoder: Path, tmp_path: Path) -> None:
    def run(name: str, recipe: str, seeds: str) -> Path:
        out = tmp_path / name
        options = ("--recipe", recipe, "--backbone", encoder, "--seeds", seeds, "--out", out)
        assert isogloss("transfer", problem, *options, *FAST).code == 0
        return out

    monday, friday, other = run("monday", "direct", "1"), run("friday", "direct", "2"), run("other", "frozen", "1,2")
    arguments = ("compare", problem, "--runs", f"{monday},{other},{friday}", "--out", tmp_path / "board")
    done = isogloss(*arguments, "--json")
    assert done.code == 0
    board = json.loads(done.out)
    by_name = {standing["name"]: standing for standing in board["groups"]["nothing"]}
    assert by_name["direct"]["seeds"] == [1, 2]
    assert by_name["direct"]["runs"] == [str(monday), str(friday)]
    assert by_name["frozen"]["baseline"] == "direct"
    assert (tmp_path / "board" / "leaderboard.html").is_file()
    assert "exists already" in isogloss(*arguments).err
    (problem / "test" / "spa.jsonl").write_text('{"text": "otra cosa", "label": "food"}\n')
    changed = isogloss("compare", problem, "--runs", f"{monday},{other}", "--out", tmp_path / "none")
    assert (changed.code, changed.out) == (1, "")
    assert "other test items in spa" in changed.err
    assert not (tmp_path / "none").exists()


def test_seeds_are_added_until_there_are_enough(isogloss, problem: Path, encoder: Path, tmp_path: Path) -> None:
    out = tmp_path / "cmp"
    arguments = ("compare", problem, "--recipes", "direct,frozen", "--backbone", encoder, "--out", out)
    assert isogloss(*arguments, "--seeds", "1", "--most-seeds", "3", *FAST).code == 0
    board = json.loads((out / "leaderboard.json").read_text())
    assert board["level"] == pytest.approx(1 - 0.05 / 3)  # three looks
    standings = board["groups"]["nothing"]
    seeds = {tuple(standing["seeds"]) for standing in standings}
    assert len(seeds) == 1
    verdicts = {standing["verdict"] for standing in standings}
    assert seeds == {(1, 2, 3)} or "inconclusive" not in verdicts
    assert (out / "frozen-seed-2").is_dir() == (len(seeds.pop()) > 1)


def test_nothing_to_compare_is_wrong_usage(isogloss, problem: Path, tmp_path: Path) -> None:
    done = isogloss("compare", problem, "--out", tmp_path / "x")
    assert done.code == 2
    assert "recipes" in done.err
