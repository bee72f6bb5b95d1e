"""Systems of pieces: learnt apart, put together to predict; a language more or less is not noticed by the others."""

from __future__ import annotations

import json
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
from isogloss.nets.pieces import load_piece, network_fingerprint
from isogloss.recipes import resolve

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
        from isogloss.problem import make_examples
        from isogloss.readers import Row

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
        with pytest.raises(IsoglossError, match="no member for 'spa'; there are eng, rus, yor"):
            system.predict(["una frase"], lang="spa")
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
    from isogloss.nets.pieces import save_piece

    save_piece(piece, tmp_path / "foreign.safetensors")
    with pytest.raises(ResourceError, match="another network"):
        ig.add_part(folder, "spa", source=tmp_path / "foreign.safetensors")


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


def test_the_command(run: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, file = run("language-adapters"), tmp_path / "spa.txt"
    file.write_text("\n".join(THIRD) + "\n", encoding="utf-8")

    def call(*arguments: Any) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["parts", *map(str, arguments)])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    code, out, _ = call("ls", folder, "--json")
    assert code == 0
    assert {row["part"] for row in json.loads(out)} == {"base", "eng", "rus", "yor", "task"}
    assert call("add", folder, "spa", "--text", file, "--quiet")[0] == 0
    assert "spa" in call("ls", folder)[1]
    code, _, err = call("add", folder, "spa", "--text", file)
    assert (code, err.count("\n")) == (1, 1)
    assert call("remove", folder, "spa")[0] == 0
    code, _, err = call("add", folder, "spa", "--text", tmp_path / "missing.txt")
    assert code == 1
    assert "no such file" in err
