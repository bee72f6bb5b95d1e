"""Systems on disk, foreign folders, run folders, comparisons: what is written can be read, by us and by others."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import isogloss
from isogloss import Backbone, Problem, Recipe, Report, System
from isogloss.backbones.safety import inspect_folder
from isogloss.errors import DataError, IsoglossError, ResourceError
from isogloss.methods.objective.cross_entropy import CrossEntropy
from isogloss.output import OutputFolder
from isogloss.tasks import Prediction

KINDS = ("classification", "pair_labels", "pair_scores", "spans", "words", "qa", "event_arguments")
WRITTEN = ("report.json", "report.html", "recipe.toml", "log.jsonl", "model/model.safetensors", "model/config.json",
           "model/tokenizer.json", "model/isogloss.json", "model/README.md")  # fmt: skip


@pytest.fixture(scope="module")
def problem(tiny_problem: Callable[..., Problem]) -> Problem:
    return tiny_problem("classification")


@pytest.fixture(scope="module", params=KINDS)
def saved(
    request: pytest.FixtureRequest,
    tiny_problem: Callable[..., Problem],
    untrained: Callable[..., System],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[System, Path, list[dict[str, Any]]]:
    """A system of every task, its folder, and inputs for it of many lengths."""
    problem = tiny_problem(request.param)
    system = untrained(problem.task)
    folder = tmp_path_factory.mktemp(f"saved-{request.param}")
    system.save_pretrained(folder)
    task, wanted = system.task, system.task.inputs
    rows = [example.fields for examples in problem.test.values() for example in examples]
    rows += [task.row_of(["我喜欢 the girl ꙮ" * n] * len(wanted)) for n in (1, 5, 30)]
    return system, folder, [{name: row[name] for name in wanted} for row in rows]


def close(one: list[Prediction], other: list[Prediction]) -> bool:
    """Equal labels; numbers up to the order of floating-point sums."""
    return len(one) == len(other) and all(
        a.score == pytest.approx(b.score, abs=1e-5)
        and (a.value == pytest.approx(b.value, abs=1e-5) if isinstance(a.value, float) else a.value == b.value)
        for a, b in zip(one, other, strict=True)
    )


class TestSavedSystems:
    def test_the_loaded_system_predicts_the_same(self, saved: tuple[System, Path, list[dict[str, Any]]]) -> None:
        system, folder, inputs = saved
        loaded = System.from_pretrained(folder)
        assert loaded.predict(inputs) == system.predict(inputs)
        for name in ("task", "source", "targets", "recipe", "precision", "members"):
            assert getattr(loaded, name) == getattr(system, name)

    def test_plain_transformers_computes_the_same(self, saved: tuple[System, Path, list[dict[str, Any]]]) -> None:
        import torch
        import transformers

        from isogloss.nets.pointing import logits_of
        from isogloss.train import forward

        system, folder, inputs = saved
        assert system.base is not None
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        model = getattr(transformers, system.task.auto_class).from_pretrained(folder).eval()
        assert model.dtype == torch.float32
        assert tuple(model.config.id2label.values()) == system.task.outputs
        for fields in inputs:
            texts = list(fields.values())
            if "trigger" in fields:
                start, end, event = fields["trigger"]
                texts[1] = f"{event}: {fields['text'][start:end]}"
            batch = tokenizer(*texts, return_tensors="pt", truncation=True, max_length=128)
            with torch.no_grad():
                theirs = logits_of(model(**batch))[0]
            feature = {key: value[0].tolist() for key, value in batch.items()}
            (ours,) = forward(system.base.model, system.base.tokenizer, [feature], precision="fp32")
            assert (theirs - torch.tensor(ours)).abs().max() < 1e-5

    def test_neither_batch_nor_order_matters(self, saved: tuple[System, Path, list[dict[str, Any]]]) -> None:
        system, _, inputs = saved
        together = system.predict(inputs)
        assert close([system.predict([one])[0] for one in inputs], together)
        assert close(system.predict(inputs[::-1])[::-1], together)
        shuffled = sorted(range(len(inputs)), key=lambda n: (n * 7) % len(inputs))
        assert close(system.predict([inputs[n] for n in shuffled]), [together[n] for n in shuffled])

    def test_language_does_not_matter_to_a_joint_system(self, saved: tuple[System, Path, list[dict[str, Any]]]) -> None:
        system, _, inputs = saved
        assert system.predict(inputs, lang="yor") == system.predict(inputs, lang="hau") == system.predict(inputs)

    def test_no_inputs_no_predictions(self, saved: tuple[System, Path, list[dict[str, Any]]]) -> None:
        assert saved[0].predict([]) == []

    def test_what_is_no_input_is_refused(self, saved: tuple[System, Path, list[dict[str, Any]]]) -> None:
        for strange in (7, None, {"x": "y"}, {"text": 1, "text_a": "a", "text_b": None}, b"bytes"):
            with pytest.raises(DataError) as error:
                saved[0].predict([saved[2][0], strange])  # type: ignore[list-item]
            assert str(error.value).startswith("inputs:2: ")

    def test_nothing_of_ours_is_needed_to_read_it(self, saved: tuple[System, Path, list[dict[str, Any]]]) -> None:
        inspect_folder(saved[1])
        assert not [path for path in saved[1].rglob("*") if path.suffix in (".bin", ".pt", ".pkl", ".py")]


class TestForeignFolders:
    """What asks to run code, or cannot be read, is refused in one sentence."""

    @pytest.fixture
    def folder(self, problem: Problem, untrained: Callable[..., System], tmp_path: Path) -> Path:
        untrained(problem.task).save_pretrained(tmp_path / "model")
        return tmp_path / "model"

    def refused(self, folder: Path, *, system: bool = True) -> str:
        with pytest.raises(ResourceError) as error:
            System.from_pretrained(folder) if system else Backbone.load(str(folder))
        message = str(error.value)
        assert "\n" not in message
        assert str(folder) in message
        assert message.endswith(".")
        return message

    def edit(self, path: Path, **changes: Any) -> None:
        path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")

    @pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "isogloss.json"])
    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("auto_map", {"AutoModel": "evil.Model"}),
            ("trust_remote_code", True),
            ("_attn_implementation_internal", "evil/kernel"),
            ("text_config", {"deep": [{"auto_map": {}}]}),
        ],
    )
    def test_keys_that_run_code(self, folder: Path, name: str, key: str, value: Any) -> None:
        self.edit(folder / name, **{key: value})
        message = self.refused(folder)
        assert name in message
        assert "asks to run code" in message
        self.refused(folder, system=False)

    def test_a_vocabulary_may_hold_any_word(self, folder: Path) -> None:
        raw = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
        raw["model"]["vocab"].append(["auto_map", -9.0])
        (folder / "tokenizer.json").write_text(json.dumps(raw), encoding="utf-8")
        inspect_folder(folder)

    @pytest.mark.parametrize("suffix", [".bin", ".pt", ".pkl", ".ckpt"])
    def test_pickled_weights(self, folder: Path, suffix: str) -> None:
        (folder / "model.safetensors").rename(folder / f"pytorch_model{suffix}")
        assert "pickle" in self.refused(folder)
        assert "pickle" in self.refused(folder, system=False)

    @pytest.mark.parametrize("kept", [0, 4, 100, 10_000])
    def test_truncated_weights(self, folder: Path, kept: int) -> None:
        path = folder / "model.safetensors"
        path.write_bytes(path.read_bytes()[:kept])
        assert "cannot be loaded" in self.refused(folder)

    def test_truncated_weights_of_a_backbone(self, folder: Path, problem: Problem) -> None:
        path = folder / "model.safetensors"
        path.write_bytes(path.read_bytes()[:1000])
        with pytest.raises(ResourceError, match="cannot be loaded"):
            Backbone.load(str(folder)).model(problem.task)

    def test_weights_of_another_shape(self, folder: Path) -> None:
        self.edit(folder / "config.json", hidden_size=64)
        self.refused(folder)

    @pytest.mark.parametrize("name", ["config.json", "isogloss.json", "tokenizer.json"])
    @pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000])
    def test_json_that_is_none(self, folder: Path, name: str, content: bytes) -> None:
        (folder / name).write_bytes(content)
        assert name in self.refused(folder)

    def test_deeply_nested_json(self, folder: Path) -> None:
        """Deep enough for our own reading of it to hit the recursion limit: refused or read, never a traceback."""
        for depth in (50, 900, 5000):
            (folder / "extra.json").write_text("[" * depth + "]" * depth, encoding="utf-8")
            with suppress(ResourceError):
                inspect_folder(folder)

    @pytest.mark.parametrize("content", ["[]", "7", "null", '{"format": 1}', '{"format": 1, "task": {"name": "x"}}'])
    def test_a_card_that_is_none(self, folder: Path, content: str) -> None:
        (folder / "isogloss.json").write_text(content, encoding="utf-8")
        assert "isogloss.json" in self.refused(folder)

    def test_a_newer_format(self, folder: Path) -> None:
        self.edit(folder / "isogloss.json", format=2)
        message = self.refused(folder)
        assert "format 2" in message
        assert "Update isogloss" in message

    def test_a_folder_without_a_system(self, tiny_backbone: Path) -> None:
        assert "no isogloss system" in self.refused(tiny_backbone)

    @pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
    def test_a_missing_file(self, folder: Path, name: str) -> None:
        (folder / name).unlink()
        self.refused(folder)

    def test_members_stay_in_their_folder(self, folder: Path) -> None:
        self.edit(folder / "isogloss.json", members=["../.."])
        self.refused(folder)

    def test_a_backbone_folder_that_is_not_there(self) -> None:
        with pytest.raises(ResourceError, match="There is no model folder"):
            Backbone.load("./nowhere")


class TestBackbones:
    def test_half_precision_on_disk_is_trained_in_full(
        self, tiny_backbone: Path, problem: Problem, tmp_path: Path
    ) -> None:
        import torch
        from transformers import AutoModel, AutoTokenizer

        AutoModel.from_pretrained(tiny_backbone).half().save_pretrained(tmp_path / "half")
        AutoTokenizer.from_pretrained(tiny_backbone).save_pretrained(tmp_path / "half")
        model = Backbone.load(str(tmp_path / "half")).model(problem.task)
        assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}

    def test_training_reads_no_more_than_the_network_can(
        self, tiny_backbone: Path, tiny_data: Any, tiny_problem: Callable[..., Problem], tmp_path: Path
    ) -> None:
        """A tokenizer that names no length of its own, as many on the hub, and a text longer than the network."""
        from transformers import AutoModel, AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(tiny_backbone)
        tokenizer.model_max_length = int(1e30)
        tokenizer.save_pretrained(tmp_path / "endless")
        AutoModel.from_pretrained(tiny_backbone).save_pretrained(tmp_path / "endless")
        data = tiny_data("classification")
        data["train"]["eng"][0]["text"] *= 100
        recipe = Recipe(name="a", objective=CrossEntropy(epochs=1, min_steps=0))
        system, _ = isogloss.transfer(
            tiny_problem("classification", **data), recipe, backbone=str(tmp_path / "endless"), precision="fp32"
        )
        assert len(system.predict(["the girl " * 500])) == 1


@pytest.fixture(scope="module")
def run(
    problem: Problem, tiny_backbone: Path, fast: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[System, Report, Path]:
    out = tmp_path_factory.mktemp("runs") / "x"
    options = {"backbone": str(tiny_backbone), "settings": fast, "precision": "fp32", "seeds": [1, 2]}
    return *isogloss.transfer(problem, "direct", out=out, **options), out


class TestRunFolder:
    def test_everything_is_written(self, run: tuple[System, Report, Path]) -> None:
        out = run[2]
        for name in WRITTEN:
            assert (out / name).stat().st_size > 0, name
        assert sorted(path.name for path in (out / "predictions").iterdir()) == ["eng.jsonl", "rus.jsonl", "yor.jsonl"]
        assert not (out / "work").exists()
        assert {path.name for path in out.iterdir() if path.name[0] != "."} == {
            name.partition("/")[0] for name in WRITTEN
        } | {"predictions"}

    def test_the_report_is_the_one_returned(self, run: tuple[System, Report, Path]) -> None:
        assert Report.load(run[2]).to_json() == run[1].to_json()
        assert Report.load(run[2]).to_json() + "\n" == (run[2] / "report.json").read_text(encoding="utf-8")

    def test_predictions_are_in_the_order_of_the_test(self, run: tuple[System, Report, Path], problem: Problem) -> None:
        system, report, out = run
        for lang, examples in problem.test.items():
            lines = (out / "predictions" / f"{lang}.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
            rows = [json.loads(line) for line in lines]
            assert [row["id"] for row in rows] == [example.id for example in examples]
            given = system.predict([dict(example.fields) for example in examples], lang=lang)
            assert [row["prediction"] for row in rows] == [prediction.value for prediction in given]
            for seed in ("1", "2"):
                hits = sum(row["by_seed"][seed] == e.fields["label"] for row, e in zip(rows, examples, strict=True))
                assert report.scores[lang]["by_seed"][seed]["accuracy"] == pytest.approx(hits / len(examples))

    def test_the_recipe_can_be_run_again_as_written(self, run: tuple[System, Report, Path], problem: Problem) -> None:
        _, again = isogloss.transfer(problem, str(run[2] / "recipe.toml"))
        assert again.scores == run[1].scores
        assert again.settings == run[1].settings

    def test_the_log_holds_choice_and_cost_of_every_seed(self, run: tuple[System, Report, Path]) -> None:
        rows = [json.loads(line) for line in (run[2] / "log.jsonl").read_text(encoding="utf-8").split("\n")[:-1]]
        assert [(row["event"], row["seed"]) for row in rows] == [
            ("selection", 1), ("selection", 2), ("cost", 1), ("cost", 2),
        ]  # fmt: skip

    def test_evaluating_the_folder_gives_the_scores_of_its_seed(
        self, run: tuple[System, Report, Path], problem: Problem
    ) -> None:
        scores = isogloss.evaluate(run[2], problem)
        for lang, row in scores.items():
            by_seed = run[1].scores[lang]["by_seed"][str(run[1].model_seed)]
            assert {name: row[name] for name in by_seed} == by_seed
            assert row["n"] == 12

    def test_evaluating_with_one_seed_gives_the_report(
        self, problem: Problem, tiny_backbone: Path, fast: dict[str, str]
    ) -> None:
        system, report = isogloss.transfer(problem, backbone=str(tiny_backbone), settings=fast, precision="fp32")
        scores = isogloss.evaluate(system, problem)
        assert scores == {
            lang: {name: value for name, value in row.items() if name != "by_seed"}
            for lang, row in report.scores.items()
        }

    def test_evaluating_what_does_not_fit_is_refused(
        self, run: tuple[System, Report, Path], tiny_problem: Callable[..., Problem], problem: Problem
    ) -> None:
        with pytest.raises(IsoglossError, match="made for classification, the problem is tagging"):
            isogloss.evaluate(run[0], tiny_problem("spans"))
        with pytest.raises(IsoglossError, match="no test files"):
            isogloss.evaluate(run[0], replace(problem, test={}))
        strange = replace(problem.test["yor"][0], fields={"text": "a", "label": "weather"})
        with pytest.raises(IsoglossError, match="does not know the label 'weather'"):
            isogloss.evaluate(run[0], replace(problem, test={"yor": (strange,)}))

    @pytest.mark.parametrize("kind", KINDS[1:])
    def test_every_task_can_be_transferred_written_and_evaluated(
        self, kind: str, tiny_problem: Callable[..., Problem], tiny_backbone: Path, fast: dict[str, str], tmp_path: Path
    ) -> None:
        problem, out = tiny_problem(kind), tmp_path / "run"
        _, report = isogloss.transfer(problem, backbone=str(tiny_backbone), settings=fast, precision="fp32", out=out)
        assert isogloss.evaluate(out, problem)["yor"] == {
            k: v for k, v in report.scores["yor"].items() if k != "by_seed"
        }
        assert {name for name in WRITTEN if not (out / name).exists()} == set()

    def test_a_name_with_a_line_separator_comes_back(
        self, tiny_data: Any, tiny_problem: Callable[..., Problem], tiny_backbone: Path, tmp_path: Path,
        fast: dict[str, str],
    ) -> None:  # fmt: skip
        """U+2028 is a line end to ``str.splitlines`` and none to JSON."""
        data = tiny_data("classification")
        for row in data["test"]["yor"]:
            row["id"] += "\u2028\u0085"
        problem = tiny_problem("classification", **data)
        options = {"backbone": str(tiny_backbone), "precision": "fp32", "settings": fast}
        reports = isogloss.compare(problem, ["direct", "direct+direct"], out=tmp_path / "cmp", **options)
        assert reports["direct+direct"].baseline is not None


class TestExistingFolder:
    @pytest.fixture
    def options(self, tiny_backbone: Path, fast: dict[str, str]) -> dict[str, Any]:
        return {"backbone": str(tiny_backbone), "settings": fast, "precision": "fp32"}

    def test_it_is_refused(self, run: tuple[System, Report, Path], problem: Problem, options: dict[str, Any]) -> None:
        before = (run[2] / "report.json").read_bytes()
        with pytest.raises(IsoglossError, match="--resume or --force"):
            isogloss.transfer(problem, out=run[2], **options)
        assert (run[2] / "report.json").read_bytes() == before

    def test_resuming_a_finished_run_returns_it(
        self, run: tuple[System, Report, Path], problem: Problem, options: dict[str, Any]
    ) -> None:
        system, report = isogloss.transfer(problem, out=run[2], resume=True, seeds=[1, 2], **options)
        assert report.to_json() == run[1].to_json()
        texts = ["the girl saw the bread", "ehto"]
        assert system.predict(texts) == run[0].predict(texts)

    @pytest.mark.parametrize("change", [{"recipe": "frozen"}, {"seeds": [1, 2, 3]}, {"select": "last"}])
    def test_resuming_as_another_run_is_refused(
        self, run: tuple[System, Report, Path], problem: Problem, options: dict[str, Any], change: dict[str, Any]
    ) -> None:
        settings = {} if "recipe" in change else options
        with pytest.raises(IsoglossError):
            isogloss.transfer(problem, out=run[2], resume=True, **{"seeds": [1, 2]} | options | settings | change)

    def test_resuming_a_broken_off_run_trains_only_what_is_missing(
        self, problem: Problem, options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _, whole = isogloss.transfer(problem, out=tmp_path / "whole", seeds=[1, 2], **options)
        called: list[int] = []
        honest = CrossEntropy.__call__

        def broken(part: CrossEntropy, backbone: Any, problem: Problem, run: Any) -> Any:
            called.append(run.seed)
            if run.seed == 2 and called.count(2) == 1:
                raise KeyboardInterrupt
            return honest(part, backbone, problem, run)

        monkeypatch.setattr(CrossEntropy, "__call__", broken)
        out = tmp_path / "broken"
        with pytest.raises(KeyboardInterrupt):
            isogloss.transfer(problem, out=out, seeds=[1, 2], **options)
        assert not (out / "report.json").exists()
        with pytest.raises(IsoglossError, match="exists already"):
            isogloss.transfer(problem, out=out, seeds=[1, 2], **options)
        _, resumed = isogloss.transfer(problem, out=out, seeds=[1, 2], resume=True, **options)
        assert called == [1, 2, 2]
        for name in ("scores", "selection", "leaks", "resources", "mean_target_ci95", "gap"):
            assert json.loads(resumed.to_json())[name] == json.loads(whole.to_json())[name]
        weights = "model/model.safetensors"
        assert (out / weights).read_bytes() == (tmp_path / "whole" / weights).read_bytes()

    def test_force_replaces_it(self, problem: Problem, options: dict[str, Any], tmp_path: Path) -> None:
        out = tmp_path / "run"
        isogloss.transfer(problem, out=out, **options)
        (out / "notes.txt").write_text("mine")
        (out / "predictions" / "stale.jsonl").write_text("old")
        (out / "probe.json").write_text("of the old network")
        isogloss.transfer(problem, out=out, force=True, seeds=[2], **options)
        assert (out / "notes.txt").read_text() == "mine"
        assert not (out / "predictions" / "stale.jsonl").exists()
        assert not (out / "probe.json").exists()
        assert Report.load(out).seeds == [2]

    def test_a_wrong_backbone_does_not_cost_the_old_run(
        self, problem: Problem, options: dict[str, Any], tmp_path: Path
    ) -> None:
        out = tmp_path / "run"
        isogloss.transfer(problem, out=out, **options)
        with pytest.raises(ResourceError):
            isogloss.transfer(problem, out=out, force=True, **options | {"backbone": "./nowhere"})
        assert (out / "report.json").is_file()

    @pytest.mark.parametrize("option", [{"force": True}, {"resume": True}, {}])
    def test_a_folder_that_is_not_ours_is_never_touched(
        self, option: dict[str, bool], problem: Problem, options: dict[str, Any], tmp_path: Path
    ) -> None:
        (tmp_path / "thesis.txt").write_text("years of labour")
        with pytest.raises(IsoglossError):
            isogloss.transfer(problem, out=tmp_path, **options, **option)
        assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]

    @pytest.mark.parametrize("inside", ["work/thesis.txt", "job/work/thesis.txt", "job/report.json", "work"])
    def test_nor_is_one_that_only_looks_a_little_like_ours(self, inside: str, tmp_path: Path) -> None:
        """A home folder may well hold a folder called work, or a project with a report.json."""
        path = tmp_path / "home" / inside
        path.parent.mkdir(parents=True)
        path.write_text("years of labour")
        with pytest.raises(IsoglossError, match="not written by isogloss"):
            OutputFolder(tmp_path / "home", resume=False, force=True)

    def test_an_empty_folder_is_fine(self, tmp_path: Path) -> None:
        assert OutputFolder(tmp_path, resume=False, force=False).claim() == tmp_path

    def test_a_file_is_not(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_text("")
        with pytest.raises(IsoglossError, match="a file, not a folder"):
            OutputFolder(tmp_path / "x", resume=False, force=True)

    def test_resume_and_force_contradict_each_other(self, tmp_path: Path) -> None:
        with pytest.raises(IsoglossError, match="contradict"):
            OutputFolder(tmp_path, resume=True, force=True)

    @pytest.mark.parametrize("seeds", [(), (1, 1)])
    def test_seeds_that_are_none(self, problem: Problem, options: dict[str, Any], seeds: tuple[int, ...]) -> None:
        with pytest.raises(IsoglossError, match="distinct"):
            isogloss.transfer(problem, seeds=seeds, **options)


class TestCompare:
    OPTIONS = {"precision": "fp32", "seeds": [1, 2]}  # noqa: RUF012

    @pytest.fixture(scope="class")
    def compared(
        self, problem: Problem, tiny_backbone: Path, fast: dict[str, str], tmp_path_factory: pytest.TempPathFactory
    ) -> tuple[dict[str, Report], Path, dict[str, Any]]:
        out = tmp_path_factory.mktemp("cmp") / "out"
        options = self.OPTIONS | {"backbone": str(tiny_backbone), "settings": fast}
        return isogloss.compare(problem, ["direct", "frozen"], out=out, **options), out, options

    def test_the_second_is_measured_against_the_first(
        self, compared: tuple[dict[str, Report], Path, dict[str, Any]]
    ) -> None:
        reports, out, _ = compared
        assert list(reports) == ["direct", "frozen"]
        assert reports["direct"].baseline is None
        baseline = reports["frozen"].baseline
        assert baseline is not None
        means = [report.mean_target for report in reports.values()]
        assert None not in means
        assert baseline["delta"] == pytest.approx(means[1] - means[0])  # type: ignore[operator]
        low, high = baseline["ci95"]
        assert low <= baseline["delta"] <= high
        assert baseline["verdict"] in ("better", "worse", "equivalent", "inconclusive")
        assert baseline["recipe"] == "direct"
        for name in reports:
            assert Report.load(out / name).to_json() == reports[name].to_json()

    def test_resuming_it_gives_the_same(
        self, compared: tuple[dict[str, Report], Path, dict[str, Any]], problem: Problem
    ) -> None:
        reports, out, options = compared
        again = isogloss.compare(problem, ["direct", "frozen"], out=out, resume=True, **options)
        assert {name: report.to_json() for name, report in again.items()} == {
            name: report.to_json() for name, report in reports.items()
        }

    def test_an_existing_comparison_is_refused_and_can_be_forced(
        self, compared: tuple[dict[str, Report], Path, dict[str, Any]], problem: Problem
    ) -> None:
        _, out, options = compared
        with pytest.raises(IsoglossError, match="exists already"):
            isogloss.compare(problem, ["direct", "frozen"], out=out, **options)
        OutputFolder(out, resume=False, force=True)  # ours: it may be replaced

    def test_a_recipe_against_itself_is_equivalent(
        self, problem: Problem, tiny_backbone: Path, tmp_path: Path, fast: dict[str, str]
    ) -> None:
        reports = isogloss.compare(
            problem, ["direct", "direct+direct"], out=tmp_path / "x", backbone=str(tiny_backbone), settings=fast,
            precision="fp32",
        )  # fmt: skip
        baseline = reports["direct+direct"].baseline
        assert baseline is not None
        assert (baseline["delta"], tuple(baseline["ci95"]), baseline["verdict"]) == (0, (0, 0), "equivalent")

    @pytest.mark.parametrize("names", [[], ["direct"], ["direct", "direct"]])
    def test_fewer_than_two_recipes_are_refused(self, names: list[str], problem: Problem, tmp_path: Path) -> None:
        with pytest.raises(IsoglossError, match="two different recipes"):
            isogloss.compare(problem, names, out=tmp_path / "x")

    def test_all_recipes_are_checked_before_the_first_runs(self, problem: Problem, tmp_path: Path) -> None:
        with pytest.raises(IsoglossError, match="Unknown recipe"):
            isogloss.compare(problem, ["direct", "frozn"], out=tmp_path / "x")
        assert not (tmp_path / "x").exists()
