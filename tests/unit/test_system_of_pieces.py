"""Systems of pieces: learnt apart, put together to predict; a language more or less is not noticed by the others."""

from __future__ import annotations

import json
import runpy
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import isogloss as ig
from isogloss.cli import main
from isogloss.errors import DataError, IsoglossError, RecipeError, ResourceError
from isogloss.nets.pieces import load_piece, network_fingerprint, save_piece
from isogloss.problem import make_examples
from isogloss.readers import Row
from isogloss.recipes import resolve
from isogloss.system import CARD

TEXT = {
    "yor": [f"eht lrigo waso derdo {word}" for word in ("daerbo", "puoso", "eciro", "elppao", "remmaho", "hguolpo")],
    "rus": [f"тхе гирл сав {word}" for word in ("бреад", "соуп", "рице", "аппле", "хаммер", "плоугх")],
}
THIRD = [f"la hija vio el {word}" for word in ("pan", "sopa", "arroz", "martillo", "arado", "cuchillo")]
TEXT_SETTINGS = {"steps": "3", "head_steps": "2", "check": "false", "min_words": "3", "batch_size": "4"}
SETTINGS = {
    "language-adapters": {f"language_adapters.{k}": v for k, v in TEXT_SETTINGS.items()}
    | {"language_adapters.learning_rate": "0.05", "task_adapter.epochs": "2", "task_adapter.min_steps": "0"},
    "lt-sft": {f"language_deltas.{k}": v for k, v in TEXT_SETTINGS.items()}
    | {"language_deltas.learning_rate": "0.02", "language_deltas.density": "0.1"}
    | {"sparse_fine_tuning.epochs": "1", "sparse_fine_tuning.min_steps": "0", "sparse_fine_tuning.first_epochs": "1"},
}
RECIPES = sorted(SETTINGS)


@pytest.fixture(scope="module")
def trained(
    tiny_problem: Callable[..., ig.Problem], tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path]:
    """The run folder of a recipe, trained once."""
    found: dict[tuple[str, str], Path] = {}

    def train(recipe: str, kind: str = "classification") -> Path:
        if (recipe, kind) not in found:
            folder = tmp_path_factory.mktemp("runs") / "run"
            ig.transfer(
                tiny_problem(kind, unlabelled=TEXT), recipe, backbone=str(tiny_backbone), settings=SETTINGS[recipe],
                out=folder,
            )  # fmt: skip
            found[recipe, kind] = folder
        return found[recipe, kind]

    return train


@pytest.fixture
def run(trained: Callable[..., Path], tmp_path: Path) -> Callable[[str], Path]:
    """A copy that a test may change."""
    return lambda recipe: Path(shutil.copytree(trained(recipe), tmp_path / "run"))


def logits(system: ig.System, lang: str) -> torch.Tensor:
    """What the network gives for a few pieces, with those of a language in."""
    member = system.base
    assert member is not None
    ids_BT = torch.arange(4, 20)[None]
    with member.composed(lang), torch.no_grad():
        found: torch.Tensor = member.model(input_ids=ids_BT, attention_mask=torch.ones_like(ids_BT)).logits
    return found


@pytest.mark.parametrize("recipe", RECIPES)
class TestRecipes:
    def test_the_network_is_the_encoder_as_it_came(
        self, recipe: str, trained: Callable[..., Path], tiny_backbone: Path
    ) -> None:
        system = ig.System.from_pretrained(trained(recipe))
        assert system.base is not None
        assert network_fingerprint(system.base.model) == network_fingerprint(
            ig.Backbone.load(str(tiny_backbone)).bare()
        )
        assert set(system.base.pieces) == {"eng", "yor", "rus", "task"}
        assert set(system.base.languages) == {"eng", "yor", "rus"}

    def test_every_language_has_an_answer_of_its_own(self, recipe: str, trained: Callable[..., Path]) -> None:
        system = ig.System.from_pretrained(trained(recipe))
        found = [logits(system, lang) for lang in ("eng", "yor", "rus")]
        assert not torch.equal(found[0], found[1])
        assert not torch.equal(found[1], found[2])

    def test_swapping_leaves_no_trace(self, recipe: str, trained: Callable[..., Path]) -> None:
        system = ig.System.from_pretrained(trained(recipe))
        first = logits(system, "yor")
        logits(system, "rus")
        assert torch.equal(logits(system, "yor"), first)

    def test_mixed_inputs_are_answered_in_their_languages(self, recipe: str, trained: Callable[..., Path]) -> None:
        system = ig.System.from_pretrained(trained(recipe))
        texts = {"yor": "eht lrigo waso daerbo", "rus": "тхе гирл сав бреад"}
        alone = {lang: system.predict([text], lang=lang)[0] for lang, text in texts.items()}
        rows = [Row(line=n, fields={"text": text}) for n, text in enumerate((*texts.values(), *texts.values()), 1)]
        examples = make_examples(type(system.task), rows, lang="und", split="in", place="in", labelled=False)
        together = system.predict_examples(examples, langs=["yor", "rus", "yor", "rus"])
        assert [p.value for p in together] == [alone[lang].value for lang in ("yor", "rus", "yor", "rus")]
        assert [p.score for p in together] == pytest.approx([alone[lang].score for lang in ("yor", "rus")] * 2)

    def test_it_predicts_after_loading_as_it_did(
        self, recipe: str, trained: Callable[..., Path], tmp_path: Path
    ) -> None:
        system = ig.System.from_pretrained(trained(recipe))
        system.save_pretrained(tmp_path / "again")
        again = ig.System.from_pretrained(tmp_path / "again")
        for lang in ("eng", "yor", "rus"):
            assert torch.equal(logits(system, lang), logits(again, lang))

    def test_a_language_without_a_piece_is_an_error(self, recipe: str, trained: Callable[..., Path]) -> None:
        system = ig.System.from_pretrained(trained(recipe))
        with pytest.raises(IsoglossError, match="no piece of 'spa'; it has eng, rus, yor"):
            system.predict(["una frase"], lang="spa")
        with pytest.raises(IsoglossError, match="language of the texts is not known, and the system has eng, rus, yor"):
            system.predict(["una frase"])
        assert not system.serves("spa")
        assert system.serves("yor")

    def test_the_report_says_that_raw_text_was_read(self, recipe: str, trained: Callable[..., Path]) -> None:
        report = ig.Report.load(trained(recipe))
        assert report.tier == "raw text"
        assert set(report.scores) == {"eng", "yor", "rus"}

    def test_tagging_too(self, recipe: str, trained: Callable[..., Path]) -> None:
        report = ig.Report.load(trained(recipe, "spans"))
        assert set(report.scores) == {"eng", "yor", "rus"}


@pytest.mark.parametrize("recipe", RECIPES)
class TestParts:
    def test_one_more_language_changes_no_other(self, recipe: str, run: Callable[[str], Path]) -> None:
        folder = run(recipe)
        before = {lang: logits(ig.System.from_pretrained(folder), lang) for lang in ("eng", "yor", "rus")}
        report = (folder / "report.json").read_bytes()
        ig.add_part(folder, "spa", text=THIRD, quiet=True)
        after = ig.System.from_pretrained(folder)
        for lang, found in before.items():
            assert torch.equal(logits(after, lang), found)
        assert after.serves("spa")
        assert "spa" in after.targets
        assert (folder / "report.json").read_bytes() == report

    def test_a_language_that_comes_later_is_the_same_as_one_that_was_there(
        self, recipe: str, run: Callable[[str], Path]
    ) -> None:
        folder = run(recipe)
        kept = load_piece(folder / "model/pieces/yor.safetensors")
        ig.remove_part(folder, "yor")
        assert not ig.System.from_pretrained(folder).serves("yor")
        assert not (folder / "model/pieces/yor.safetensors").exists()
        ig.add_part(folder, "yor", text=TEXT["yor"], quiet=True)
        again = load_piece(folder / "model/pieces/yor.safetensors")
        assert again.tensors().keys() == kept.tensors().keys()
        assert all(torch.equal(value, kept.tensors()[name]) for name, value in again.tensors().items())

    def test_a_piece_from_another_run(self, recipe: str, run: Callable[[str], Path], tmp_path: Path) -> None:
        folder = run(recipe)
        shutil.copytree(folder, tmp_path / "other")
        ig.add_part(tmp_path / "other", "spa", text=THIRD, quiet=True)
        changed = ig.add_part(folder, "spa", source=tmp_path / "other")
        assert torch.equal(logits(changed, "spa"), logits(ig.System.from_pretrained(tmp_path / "other"), "spa"))

    def test_what_there_is(self, recipe: str, run: Callable[[str], Path]) -> None:
        rows = {row["part"]: row for row in ig.list_parts(run(recipe))}
        assert set(rows) == {"base", "eng", "rus", "yor", "task"}
        assert rows["base"]["kind"] == "network"
        assert rows["yor"]["kind"] in ("adapter", "delta")
        assert rows["yor"]["lines"] == 5
        assert 0 < rows["yor"]["weights"] < rows["base"]["weights"]

    def test_refusals(self, recipe: str, run: Callable[[str], Path]) -> None:
        folder = run(recipe)
        with pytest.raises(IsoglossError, match="has 'yor' already"):
            ig.add_part(folder, "yor", text=TEXT["yor"], quiet=True)
        with pytest.raises(IsoglossError, match="from raw text or from a piece"):
            ig.add_part(folder, "spa")
        with pytest.raises(DataError, match="can be trained on"):
            ig.add_part(folder, "spa", text=["una"], quiet=True)
        with pytest.raises(IsoglossError, match="no piece of 'spa'"):
            ig.remove_part(folder, "spa")
        with pytest.raises(IsoglossError, match="what the system is for"):
            ig.remove_part(folder, "task")
        ig.remove_part(folder, "yor")
        ig.remove_part(folder, "rus")
        with pytest.raises(IsoglossError, match="only language"):
            ig.remove_part(folder, "eng")

    def test_a_piece_cut_short(self, recipe: str, run: Callable[[str], Path], tmp_path: Path) -> None:
        folder = run(recipe)
        file = tmp_path / "cut.safetensors"
        file.write_bytes((folder / "model/pieces/yor.safetensors").read_bytes()[:-9])
        with pytest.raises(ResourceError, match="damaged or cut short"):
            ig.add_part(folder, "spa", source=file)
        assert not ig.System.from_pretrained(folder).serves("spa")


@pytest.mark.parametrize("recipe", RECIPES)
def test_an_export_has_a_network_for_each_language(recipe: str, trained: Callable[..., Path], tmp_path: Path) -> None:
    folder = trained(recipe)
    record = ig.export(folder, format="onnx", out=tmp_path / "onnx", langs=["yor", "rus"])
    assert record["parity"]["max_logit_difference"] < 1e-4
    exported, system = ig.System.from_pretrained(tmp_path / "onnx"), ig.System.from_pretrained(folder)
    assert sorted(exported.members) == ["rus", "yor"]
    for lang, lines in TEXT.items():
        assert [p.value for p in exported.predict(lines, lang=lang)] == [
            p.value for p in system.predict(lines, lang=lang)
        ]


def test_an_export_for_torch_keeps_deltas_only(trained: Callable[..., Path], tmp_path: Path) -> None:
    ig.export(trained("lt-sft"), format="torch", out=tmp_path / "torch", trim=True, langs=["yor_Latn"])
    loaded, system = ig.System.from_pretrained(tmp_path / "torch"), ig.System.from_pretrained(trained("lt-sft"))
    found, known = (each.predict(TEXT["yor"], lang="yor") for each in (loaded, system))
    assert [p.score for p in found] == pytest.approx([p.score for p in known], abs=1e-5)
    with pytest.raises(IsoglossError, match="no part of an ordinary transformers folder"):
        ig.export(trained("language-adapters"), format="torch", out=tmp_path / "no", trim=True, langs=["yor_Latn"])


def test_another_kind_is_refused(run: Callable[[str], Path], trained: Callable[..., Path]) -> None:
    other = trained("lt-sft") / "model/pieces/yor.safetensors"
    with pytest.raises(ResourceError, match="of the kind delta, and those of the system are of the kind adapter"):
        ig.add_part(run("language-adapters"), "spa", source=other)


def test_a_piece_of_another_network_is_refused(run: Callable[[str], Path], tmp_path: Path) -> None:
    folder = run("lt-sft")
    piece = load_piece(folder / "model/pieces/yor.safetensors")
    piece.network = "0" * 64
    save_piece(piece, tmp_path / "foreign.safetensors")
    with pytest.raises(ResourceError, match=r"foreign\.safetensors: The piece was learnt in another network"):
        ig.add_part(folder, "spa", source=tmp_path / "foreign.safetensors")


@pytest.mark.parametrize("name", ["task", "base", "TASK"])
def test_a_language_cannot_be_called_as_a_part_is_that_knows_none(
    name: str, run: Callable[[str], Path], tiny_problem: Callable[..., ig.Problem], tiny_backbone: Path, tmp_path: Path
) -> None:
    folder = run("language-adapters")
    own = folder / "model/pieces/task.safetensors"
    before = own.read_bytes()
    with pytest.raises(IsoglossError, match=f"'{name.lower()}' is the name of a part"):
        ig.add_part(folder, name, source=folder / "model/pieces/yor.safetensors", force=True)
    assert own.read_bytes() == before
    problem = tiny_problem(targets=["yor", name], unlabelled={**TEXT, name: TEXT["rus"]})
    with pytest.raises(IsoglossError, match=f"'{name.lower()}' is the name of a part"):
        ig.transfer(problem, "lt-sft", backbone=str(tiny_backbone), settings=SETTINGS["lt-sft"], out=tmp_path / "new")


@pytest.mark.parametrize("recipe", RECIPES)
def test_what_was_not_learnt_as_a_language_is_no_language(recipe: str, run: Callable[[str], Path]) -> None:
    folder = run(recipe)
    task = folder / "model/pieces/task.safetensors"
    with pytest.raises(ResourceError, match=r"task\.safetensors: The piece is a task's"):
        ig.add_part(folder, "spa", source=task)
    piece = load_piece(task)
    piece.facts = {}
    save_piece(piece, folder / "bare.safetensors")
    with pytest.raises(ResourceError, match="does not say which language"):
        ig.add_part(folder, "spa", source=folder / "bare.safetensors")
    assert not ig.System.from_pretrained(folder).serves("spa")


def test_a_piece_of_another_language_is_taken_and_told(
    run: Callable[[str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    folder = run("language-adapters")
    file = folder / "model/pieces/yor.safetensors"
    assert load_piece(file).facts["language"] == "yor"
    ig.add_part(folder, "spa", source=file)
    assert "learnt as 'yor', and is put in as 'spa'" in caplog.text
    older = load_piece(file)
    older.facts = {key: value for key, value in older.facts.items() if key != "language"}
    save_piece(older, folder / "older.safetensors")
    caplog.clear()
    ig.add_part(folder, "wol", source=folder / "older.safetensors")
    ig.remove_part(folder, "yor")
    ig.add_part(folder, "yor", source=folder / "model/pieces/spa.safetensors")
    assert not caplog.records


def test_without_the_source_the_others_answer_as_they_did(
    run: Callable[[str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    folder = run("language-adapters")
    before = logits(ig.System.from_pretrained(folder), "yor")
    assert ig.remove_part(folder, "eng") == ("rus", "yor")
    assert "'eng' is the language of the labels" in caplog.text
    system = ig.System.from_pretrained(folder)
    assert torch.equal(logits(system, "yor"), before)
    with pytest.raises(IsoglossError, match="no piece of 'eng'; it has rus, yor"):
        system.predict(["the girl saw the bread"], lang="eng")
    texts = ["the girl saw the bread"]
    examples = make_examples(
        type(system.task), [Row(line=1, fields={"text": texts[0]})], lang="und", split="in", place="in", labelled=False
    )
    assert set(system.languages(examples, "auto")) <= {"rus", "yor", "und"}
    added = ig.add_part(folder, "eng", text=THIRD, quiet=True)
    assert (added.source, added.targets) == (("eng",), ("yor", "rus"))


@pytest.mark.parametrize("damage", ["cut", "gone", "foreign"])
def test_a_broken_piece_is_named_and_can_be_taken_out(
    damage: str, run: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run("language-adapters")
    before = logits(ig.System.from_pretrained(folder), "yor")
    file = folder / "model/pieces/rus.safetensors"
    if damage == "foreign":
        piece = load_piece(file)
        piece.network = "0" * 64
        save_piece(piece, file)
    elif damage == "cut":
        file.write_bytes(file.read_bytes()[:-9])
    else:
        file.unlink()
    rows = {row["part"]: row for row in ig.list_parts(folder)}
    assert set(rows) == {"base", "eng", "rus", "yor", "task"}
    assert rows["rus"]["kind"] == "broken"
    assert "rus.safetensors" in rows["rus"]["error"]
    assert rows["yor"]["kind"] == "adapter"
    code, out, err = called(capsys, "ls", folder)
    assert (code, "yor" in out, "rus.safetensors" in err) == (0, True, True)
    with pytest.raises(ResourceError, match=f"isogloss parts remove .*{folder.name}.* rus"):
        ig.System.from_pretrained(folder)
    assert ig.remove_part(folder, "rus") == ("eng", "yor")
    assert not file.exists()
    assert torch.equal(logits(ig.System.from_pretrained(folder), "yor"), before)


def test_a_broken_task_cannot_be_done_without(run: Callable[[str], Path]) -> None:
    folder = run("language-adapters")
    file = folder / "model/pieces/task.safetensors"
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(ResourceError, match="repeat the run"):
        ig.System.from_pretrained(folder)


def test_little_text_is_told(run: Callable[[str], Path], caplog: pytest.LogCaptureFixture) -> None:
    ig.add_part(run("language-adapters"), "spa", text=THIRD, quiet=True)
    assert "5 lines in spa to learn from: from fewer than 200 little is learnt" in caplog.text


def test_pieces_and_network_may_be_read_by_whom_the_rest_may(trained: Callable[..., Path]) -> None:
    folder = trained("lt-sft") / "model"
    modes = {file.stat().st_mode & 0o777 for file in folder.rglob("*") if file.is_file()}
    assert modes == {(folder / CARD).stat().st_mode & 0o777}


def test_the_example_of_the_page_runs(
    trained: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Path(__file__).parents[2] / "docs" / "pieces.md"
    block = page.read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
    place = tmp_path / "runs" / "x"
    shutil.copytree(trained("lt-sft"), place)
    pieces = place / "model/pieces"
    (pieces / "hau.safetensors").write_bytes((pieces / "rus.safetensors").read_bytes())
    (place / "example.py").write_text(block, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    found = runpy.run_path(str(place / "example.py"))
    assert repr(found["both"]).startswith("<SparseDelta: ")
    assert found["logits"].shape == (1, len(found["system"].task.labels))


def test_systems_without_pieces(untrained: Callable[..., ig.System], tmp_path: Path) -> None:
    from isogloss.tasks.classification import Classification

    untrained(Classification(labels=("a", "b"))).save_pretrained(tmp_path / "plain")
    assert [row["part"] for row in ig.list_parts(tmp_path / "plain")] == ["base"]
    with pytest.raises(IsoglossError, match="one network for all languages"):
        ig.add_part(tmp_path / "plain", "spa", text=THIRD)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("language-adapters+maft", "continued_pretraining changes the weights after language_adapters"),
        ("lt-sft+maft-small", "after language_deltas"),
        ("language-adapters+filter", "objective"),
        ("language-adapters+few-shot", "few_shot would go on without them"),
        ("lt-sft+few-shot", "few_shot would go on without them"),
        ("language-adapters+lt-sft", "brings objective"),
    ],
)
def test_compositions_that_are_refused(name: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        resolve(name)


def test_compositions_that_are_not() -> None:
    assert [type(part).__name__ for part in resolve("maft+language-adapters").model] == [
        "ContinuedPretraining",
        "LanguageAdapters",
    ]
    resolve("lt-sft+checkpoint-averaging")
    with pytest.raises(RecipeError, match="cannot learn a task over it"):
        resolve(replace(resolve("lt-sft"), objective=None))
    with pytest.raises(RecipeError, match="oracle"):
        resolve("lt-sft", select="oracle")


def called(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of ``isogloss parts``."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["parts", *map(str, arguments)])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_the_command(run: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, file = run("language-adapters"), tmp_path / "spa.txt"
    file.write_text("\n".join(THIRD) + "\n", encoding="utf-8")

    code, out, _ = called(capsys, "ls", folder, "--json")
    assert code == 0
    assert {row["part"] for row in json.loads(out)} == {"base", "eng", "rus", "yor", "task"}
    assert called(capsys, "add", folder, "spa", "--text", file, "--quiet")[0] == 0
    assert "spa" in called(capsys, "ls", folder)[1]
    code, _, err = called(capsys, "add", folder, "spa", "--text", file)
    assert (code, err.count("\n")) == (1, 1)
    code, out, _ = called(capsys, "remove", folder, "spa")
    assert (code, out) == (0, "removed: spa\nleft: eng, rus, yor\n")
    empty = tmp_path / "empty.txt"
    empty.write_text("\n", encoding="utf-8")
    code, _, err = called(capsys, "add", folder, "spa", "--text", empty)
    assert (code, err) == (1, f"error: {empty}: There is no text in it. Give sentences of the language, one a line.\n")
    code, _, err = called(capsys, "add", folder, "spa", "--text", tmp_path / "missing.txt")
    assert code == 1
    assert "no such file" in err
