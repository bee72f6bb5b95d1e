from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from isogloss import __version__
from isogloss.commands.doctor import doctor, unknown_share

COMMANDS = ("init", "check", "transfer", "predict", "evaluate", "compare", "report", "recipes", "doctor")
MOST_SECONDS = 1.4
"""Twice what is promised: a test machine has other things to do."""


def shell(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    program = "from isogloss.cli import main; main()"
    return subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, **options)


def test_recipes_are_listed(isogloss) -> None:
    done = isogloss("recipes")
    assert (done.code, done.err) == (0, "")
    assert "direct" in done.out
    assert "EMNLP" in done.out
    assert {"direct", "frozen"} <= {recipe["name"] for recipe in json.loads(isogloss("recipes", "--json").out)}


def test_a_recipe_shows_what_can_be_set(isogloss) -> None:
    assert "--set cross_entropy.epochs=5\n" in isogloss("recipes", "direct").out
    facts = json.loads(isogloss("recipes", "direct", "--json").out)
    assert facts["needs"] == ["dev", "train"]
    assert facts["parts"]["cross_entropy"]["epochs"] == 5


def test_a_composition_is_shown_as_it_would_run(isogloss) -> None:
    facts = json.loads(isogloss("recipes", "maft+language-adapters", "--json").out)
    assert list(facts["parts"])[:3] == ["continued_pretraining", "language_adapters", "task_adapter"]
    alone = json.loads(isogloss("recipes", "language-adapters", "--json").out)
    assert alone["deviations"] in facts["deviations"]
    assert "--set language_adapters.reduction=16\n" in isogloss("recipes", "maft+language-adapters").out
    done = isogloss("recipes", "language-adapters+maft")
    assert (done.code, done.out) == (1, "")
    assert "changes the weights after language_adapters" in done.err
    assert isogloss("recipes", "maft+dirct").err.startswith("error: Unknown recipe 'dirct'. Did you mean 'direct'?")


def test_unknown_names_are_answered_with_the_nearest(isogloss) -> None:
    done = isogloss("recipes", "dirct")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error: Unknown recipe 'dirct'. Did you mean 'direct'?")
    done = isogloss("transfr")
    assert (done.code, done.out) == (2, "")
    assert "Did you mean 'transfer'?" in done.err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_two_examples(isogloss, command: str) -> None:
    done = isogloss(command, "--help")
    assert (done.code, done.err) == (0, "")
    assert done.out.count(f"  isogloss {command} ") + done.out.count(f"  isogloss {command}\n") == 2
    assert f"  {command} " in isogloss("--help").out


@pytest.mark.parametrize(
    "arguments",
    [
        ("check",),
        ("check", "x", "--depp"),
        ("transfer", "x", "--seeds", "1,x"),
        ("transfer", "x", "--seeds", "-1"),
        ("transfer", "x", "--set", "epochs"),
        ("transfer", "x", "--few-shot", "many"),
        ("compare", "x", "--recipes", "direct,frozen"),
        ("init", "x"),
        ("init", "x", "--task", "pair", "--columns", "text"),
    ],
)
def test_wrong_usage_ends_with_2(isogloss, arguments: tuple[str, ...]) -> None:
    done = isogloss(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Usage: isogloss ")


def test_version(isogloss) -> None:
    assert isogloss("--version").out == f"isogloss {__version__}\n"


@pytest.mark.parametrize("arguments", [("--help",), ("recipes",)])
def test_looking_around_is_fast(arguments: tuple[str, ...]) -> None:
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        assert shell(*arguments).returncode == 0
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < MOST_SECONDS


def test_output_is_utf8_whatever_the_locale(problem: Path) -> None:
    train = problem / "train" / "eng.jsonl"
    train.write_text(train.read_text().replace("food", "oúnjẹ"), encoding="utf-8")
    (problem / "test" / "spa.jsonl").unlink()
    dev = problem / "dev" / "eng.jsonl"
    dev.write_text(dev.read_text().replace("food", "oúnjẹ"), encoding="utf-8")
    found = subprocess.run(
        [sys.executable, "-c", "from isogloss.cli import main; main()", "check", str(problem), "--json"],
        capture_output=True,
        env={"PYTHONPATH": ":".join(sys.path), "PYTHONIOENCODING": "latin-1"},
    )
    assert found.returncode == 0
    assert "oúnjẹ" in json.loads(found.stdout)["labels"]


def test_a_reader_that_leaves_early_is_no_trouble() -> None:
    command = f"{sys.executable} -c 'from isogloss.cli import main; main()' recipes --json | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.stderr == ""


def test_interruption_ends_with_130(isogloss, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("isogloss.recipes.catalogue", interrupted)
    done = isogloss("recipes")
    assert done.code == 130
    assert "Traceback" not in done.err


def test_a_full_disk_is_one_sentence_and_a_bug_is_not_hidden(isogloss, monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device", "runs/x/model")

    monkeypatch.setattr("isogloss.recipes.catalogue", full)
    done = isogloss("recipes")
    assert (done.code, done.err) == (1, "error: runs/x/model: No space left on device.\n")
    monkeypatch.setattr("isogloss.recipes.catalogue", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        isogloss("recipes")


def test_doctor_describes_the_machine(isogloss) -> None:
    found = json.loads(isogloss("doctor", "--json").out)
    assert found["versions"]["python"] == sys.version.split()[0]
    assert found["precision"] in ("bf16", "fp32")
    assert found["free_gb"] > 0
    assert found["machine"]["threads"] >= 1
    assert isogloss("doctor").out.count("torch") == 1


def test_doctor_sees_what_the_encoder_cannot_read(isogloss, problem: Path, encoder: Path) -> None:
    row = json.dumps({"text": "ߒߞߏ ߞߊ߲", "label": "food"})
    (problem / "test" / "swa.jsonl").write_text(row + "\n", encoding="utf-8")
    done = isogloss("doctor", problem, "--backbone", encoder, "--json")
    found = json.loads(done.out)
    assert found["unknown"]["eng"] == 0
    assert found["unknown"]["swa"] == 1
    assert found["blind"] == ["swa"]
    assert "100 % of the pieces of the swa text" in done.err
    assert "--backbone" in done.err


def test_unknown_share_counts_pieces(encoder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(encoder)
    assert unknown_share(["the soup", "the xyz"], tokenizer) == 0.25
    assert unknown_share([""], tokenizer) == 0.0


def test_a_backbone_that_is_not_there_is_one_sentence(isogloss, problem: Path, tmp_path: Path) -> None:
    done = isogloss("doctor", problem, "--backbone", tmp_path / "nowhere")
    assert done.code == 1
    assert [line.startswith("error: ") for line in done.err.splitlines()][-1]
    assert doctor().unknown == {}
