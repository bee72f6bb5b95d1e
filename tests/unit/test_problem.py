"""Problems from memory and from a folder: the same data gives the same problem."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from isogloss import Problem
from isogloss.errors import DataError
from isogloss.tasks import TASKS

KINDS = ("classification", "pair_labels", "pair_scores", "spans", "words", "qa")
SPLITS = ("train", "dev", "test")


def as_rows(rows: list[dict[str, Any]]) -> Any:
    return rows


def as_frame(rows: list[dict[str, Any]]) -> Any:
    import pandas

    return pandas.DataFrame(rows)


def as_dataset(rows: list[dict[str, Any]]) -> Any:
    import datasets

    return datasets.Dataset.from_list(rows)


def as_named_classes(rows: list[dict[str, Any]]) -> Any:
    """Labels and tags as numbers, their names in the features: what the hub has."""
    import datasets

    data = datasets.Dataset.from_list(rows)
    if "tags" in rows[0]:
        names = datasets.ClassLabel(names=sorted({tag for row in rows for tag in row["tags"]}))
        tags = [[names.str2int(tag) for tag in row["tags"]] for row in rows]
        data = data.remove_columns("tags").add_column("tags", tags)
        return data.cast_column("tags", datasets.Sequence(names))
    return data.class_encode_column("label") if "label" in rows[0] else data


FORMS = (as_rows, as_frame, as_dataset, as_named_classes)


def in_form(data: dict[str, Any], form: Callable[[list[dict[str, Any]]], Any]) -> dict[str, Any]:
    return {split: {lang: form(rows) for lang, rows in by_lang.items()} for split, by_lang in data.items()}


def content(problem: Problem) -> dict[str, Any]:
    """All but names and places."""
    return {split: getattr(problem, split) for split in SPLITS} | {
        "task": problem.task,
        "source": problem.source,
        "targets": problem.targets,
    }


@pytest.fixture
def make(tiny_data: Any) -> Callable[..., Problem]:
    """A classification problem from rows, with arguments of ``from_data`` replaced."""

    def make(**changes: Any) -> Problem:
        given = {"task": "classification", "source": "eng", "targets": ["yor", "rus"], **tiny_data("classification")}
        return Problem.from_data(**given | changes)

    return make


class TestForms:
    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("kind", KINDS)
    def test_every_form_gives_the_problem_of_the_folder(
        self, kind: str, form: Any, tiny_data: Any, write_folder: Any, tmp_path: Path
    ) -> None:
        task = {"spans": "tagging", "words": "tagging"}.get(kind, kind if kind in TASKS else "pair")
        read = Problem.read(write_folder(tmp_path / "p", tiny_data(kind), task=task))
        built = Problem.from_data(task=task, source="eng", targets=["yor", "rus"], **in_form(tiny_data(kind), form))
        assert content(built) == content(read)
        assert built.fingerprint() == read.fingerprint()
        assert read.notices == ()

    @pytest.mark.parametrize("form", FORMS)
    def test_columns_may_have_other_names(self, form: Any, tiny_data: Any, tiny_problem: Any) -> None:
        data = tiny_data("classification")
        renamed = {
            split: {
                lang: [
                    {"id": row["id"], "sentence": row["text"], "label": row["label"], "text": "wrong"} for row in rows
                ]
                for lang, rows in by_lang.items()
            }
            for split, by_lang in data.items()
        }
        columns = {"text": "sentence"}
        built = Problem.from_data(
            task="classification", source="eng", targets=["yor", "rus"], columns=columns, **in_form(renamed, form)
        )
        assert content(built) == content(tiny_problem("classification"))

    @pytest.mark.parametrize("form", FORMS)
    def test_a_column_that_is_not_there_is_named(self, form: Any, make: Any, tiny_data: Any) -> None:
        data = in_form(tiny_data("classification"), form)
        with pytest.raises(DataError, match=r"train\['eng'\].*'sentence'"):
            make(columns={"text": "sentence"}, **data)

    def test_a_column_that_is_not_in_every_row_is_named_with_the_row(self, make: Any, tiny_data: Any) -> None:
        rows = [{"sentence": row["text"], "label": row["label"]} for row in tiny_data("classification")["train"]["eng"]]
        del rows[3]["sentence"]
        with pytest.raises(DataError, match=r"train\['eng'\]:4: .*'sentence'"):
            make(columns={"text": "sentence"}, train={"eng": rows}, dev={}, test={})

    @pytest.mark.parametrize("missing", [-1, None])
    def test_a_missing_class_is_no_class(self, missing: int | None, make: Any) -> None:
        """The hub writes -1 where a test has no labels."""
        import datasets

        names = datasets.ClassLabel(names=["food", "tool"])
        features = datasets.Features({"text": datasets.Value("string"), "label": names})
        unlabelled = datasets.Dataset.from_dict({"text": ["a", "b"], "label": [0, missing]}, features=features)
        with pytest.raises(DataError, match=r"test\['yor'\]:2: "):
            make(test={"yor": unlabelled})

    def test_a_frame_with_arrays_is_a_frame_with_lists(self, tiny_data: Any, tiny_problem: Any, tmp_path: Path) -> None:
        """What pandas gives for a parquet file."""
        import pandas

        def from_parquet(rows: list[dict[str, Any]]) -> Any:
            pandas.DataFrame(rows).to_parquet(tmp_path / "x.parquet")
            return pandas.read_parquet(tmp_path / "x.parquet")

        data = in_form(tiny_data("spans"), from_parquet)
        assert content(tiny_problem("spans", **data)) == content(tiny_problem("spans"))

    def test_the_users_rows_are_left_as_they_were(self, make: Any, tiny_data: Any) -> None:
        data = tiny_data("classification")
        make(**data)
        assert data == tiny_data("classification")


class TestIds:
    def test_given_ids_are_kept(self, make: Any) -> None:
        problem = make()
        assert [example.id for example in problem.test["yor"]] == [example.id for example in problem.test["rus"]]
        assert problem.test["yor"][3].id == "test-3"

    def test_without_ids_no_two_examples_share_one(self, make: Any, tiny_data: Any) -> None:
        data = tiny_data("classification")
        for by_lang in data.values():
            for rows in by_lang.values():
                for row in rows:
                    del row["id"]
        problem = make(**data)
        ids = [e.id for split in SPLITS for examples in getattr(problem, split).values() for e in examples]
        assert len(set(ids)) == len(ids)
        assert problem.train["eng"][0].id == "eng/train/1"

    def test_numbers_are_ids_by_their_spelling(self, make: Any) -> None:
        rows = [{"id": n, "text": f"text {n}", "label": "ab"[n % 2]} for n in range(4)]
        problem = make(train={"eng": rows}, dev={}, test={})
        assert [example.id for example in problem.train["eng"]] == ["0", "1", "2", "3"]

    def test_an_id_used_twice_is_refused_with_both_lines(self, make: Any, tiny_data: Any) -> None:
        data = tiny_data("classification")
        data["dev"]["eng"][7]["id"] = data["dev"]["eng"][2]["id"]
        with pytest.raises(DataError, match=r"dev\['eng'\]:8: the id 'dev-2' was used before, in line 3"):
            make(**data)

    def test_the_same_in_a_folder(self, tiny_data: Any, write_folder: Any, tmp_path: Path) -> None:
        data = tiny_data("classification")
        data["test"]["yor"][1]["id"] = data["test"]["yor"][0]["id"]
        with pytest.raises(DataError, match=r"test/yor\.jsonl:2: the id 'test-0' was used before, in line 1"):
            Problem.read(write_folder(tmp_path / "p", data, task="classification"))


class TestFingerprint:
    def test_the_test_is_no_part_of_it(self, make: Any, tiny_data: Any) -> None:
        problem, data = make(), tiny_data("classification")
        data["test"] = {"yor": [{"text": "quite another", "label": "food"}]}
        assert make(**data).fingerprint() == problem.fingerprint() == problem.blind().fingerprint()
        assert replace(problem, test={}, name="other", spelled={}).fingerprint() == problem.fingerprint()

    def test_everything_that_training_sees_is(self, make: Any) -> None:
        problem = make()
        first = problem.train["eng"][0]

        def with_first(**changes: Any) -> Problem:
            return replace(problem, train={"eng": (replace(first, **changes), *problem.train["eng"][1:])})

        others = [
            with_first(fields=dict(first.fields) | {"text": "other"}),
            with_first(fields=dict(first.fields) | {"label": {"food": "tool", "tool": "food"}[first.fields["label"]]}),
            with_first(id="other"),
            with_first(origin="translated"),
            with_first(score=0.5),
            with_first(views={"yor": problem.test["yor"][0]}),
            replace(problem, train={"eng": problem.train["eng"][::-1]}),
            replace(problem, dev={}),
            replace(problem, few={"yor": problem.train["eng"]}),
            replace(problem, unlabelled={"yor": problem.train["eng"]}),
            replace(problem, parallel={("eng", "yor"): ((first, first),)}),
            replace(problem, targets=("yor",)),
            replace(problem, task=replace(problem.task, metric="macro_f1")),
        ]
        assert len({problem.fingerprint(), *(other.fingerprint() for other in others)}) == len(others) + 1

    def test_it_is_the_same_in_another_process(self, make: Any) -> None:
        """Sets and dictionaries must not come in their own order: a resumed run looks its trainings up by it."""
        import subprocess
        import sys

        program = (
            "from isogloss import Problem; rows = [{'text': c, 'label': c} for c in 'abcdef'];"
            "print(Problem.from_data(task='classification', source='eng', targets=['yor'], train={'eng': rows})"
            ".fingerprint())"
        )
        prints = {
            subprocess.run(
                [sys.executable, "-c", program],
                capture_output=True,
                text=True,
                check=True,
                env={"PYTHONHASHSEED": seed},
            ).stdout
            for seed in ("1", "2")
        }
        assert len(prints) == 1


class TestLanguages:
    def test_the_users_spelling_is_kept_for_reports(self, tiny_data: Any, write_folder: Any, tmp_path: Path) -> None:
        data = tiny_data("classification")
        data["test"] = {"hin_Deva": data["test"]["yor"], "sw": data["test"]["rus"]}
        data["train"], data["dev"] = {"en": data["train"]["eng"]}, {"eng": data["dev"]["eng"]}
        folder = write_folder(tmp_path / "p", data, task="classification", source="en", targets=("hin_Deva", "sw"))
        built = Problem.from_data(task="classification", source="en", targets=["hin_Deva", "sw"], **data)
        for problem in (Problem.read(folder), built):
            assert problem.source == ("eng",)
            assert problem.targets == ("hin", "swa")
            assert [problem.spelling(lang) for lang in (*problem.source, *problem.targets)] == ["en", "hin_Deva", "sw"]
            assert sorted(problem.test) == ["hin", "swa"]
            assert problem.test["hin"][0].lang == "hin"

    def test_files_are_found_under_any_spelling(self, tiny_data: Any, write_folder: Any, tmp_path: Path) -> None:
        data = tiny_data("classification")
        data["test"] = {"swh": data["test"]["yor"], "ru": data["test"]["rus"]}
        folder = write_folder(tmp_path / "p", data, task="classification", targets=("swa", "rus"))
        built = Problem.from_data(task="classification", source="eng", targets=["swa", "rus"], **data)
        for problem in (Problem.read(folder), built):
            assert sorted(problem.test) == ["rus", "swa"]

    @pytest.mark.parametrize("split", ["train", "dev"])
    def test_labels_of_a_target_are_left_unread_with_a_notice(
        self, split: str, tiny_data: Any, write_folder: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        data = tiny_data("classification")
        data[split]["yor"] = [{"text": "ohun", "label": "a label of its own"}]
        folder = write_folder(tmp_path / "p", data, task="classification")
        built = Problem.from_data(task="classification", source="eng", targets=["yor", "rus"], **data)
        with caplog.at_level(logging.WARNING):
            read = Problem.read(folder)
        for problem in (read, built):
            assert list(getattr(problem, split)) == ["eng"]
            assert problem.task.labels == ("food", "tool")
            (notice,) = problem.notices
            assert "yor" in notice
            assert "not used in zero-shot transfer" in notice
        assert read.notices[0] in caplog.text

    def test_a_file_of_a_language_that_is_neither_is_left_unread_with_a_notice(
        self, tiny_data: Any, write_folder: Any, tmp_path: Path
    ) -> None:
        data = tiny_data("classification")
        data["test"]["hau"] = [{"text": "abu", "label": "food"}]
        problem = Problem.read(write_folder(tmp_path / "p", data, task="classification"))
        assert sorted(problem.test) == ["eng", "rus", "yor"]
        assert "hau is neither a source nor a target" in problem.notices[0]

    def test_a_target_without_a_test_is_said(self, tiny_data: Any, write_folder: Any, tmp_path: Path) -> None:
        data = tiny_data("classification")
        del data["test"]["yor"]
        problem = Problem.read(write_folder(tmp_path / "p", data, task="classification"))
        assert problem.notices == ("yor has no test file: it gets no score.",)

    def test_one_language_is_not_source_and_target(self, make: Any) -> None:
        with pytest.raises(DataError, match="both a source and a target"):
            make(targets=["yor", "en"])


class TestFolder:
    @pytest.mark.parametrize("name", ["README.md", "readme.md", ".gitkeep"])
    @pytest.mark.parametrize("split", SPLITS)
    def test_files_about_the_data_are_ignored(
        self, name: str, split: str, tiny_data: Any, write_folder: Any, tmp_path: Path
    ) -> None:
        folder = write_folder(tmp_path / "p", tiny_data("classification"), task="classification")
        before = content(Problem.read(folder))
        (folder / split / name).write_text("# About these files\n")
        assert content(Problem.read(folder)) == before

    def test_raw_and_parallel_text_are_read(self, tiny_data: Any, write_folder: Any, tmp_path: Path) -> None:
        folder = write_folder(tmp_path / "p", tiny_data("classification"), task="classification")
        for place, text in {"unlabelled/yor.txt": "ohun kan\n\nohun\n", "parallel/eng-yor.tsv": "a\tb\nc\td\n"}.items():
            (folder / place).parent.mkdir()
            (folder / place).write_text(text, encoding="utf-8")
        problem = Problem.read(folder)
        assert [(e.fields["text"], e.place) for e in problem.unlabelled["yor"]] == [
            ("ohun kan", "unlabelled/yor.txt:1"),
            ("ohun", "unlabelled/yor.txt:3"),
        ]
        pairs = problem.parallel["eng", "yor"]
        assert [[side.fields["text"] for side in pair] for pair in pairs] == [["a", "b"], ["c", "d"]]
        assert [side.lang for side in pairs[0]] == ["eng", "yor"]

    def test_few_labels_are_the_targets(self, tiny_data: Any, write_folder: Any, tmp_path: Path) -> None:
        data = tiny_data("classification")
        data["few"] = {"yor": [{"text": "ohun", "label": "food"}], "eng": [{"text": "thing", "label": "food"}]}
        problem = Problem.read(write_folder(tmp_path / "p", data, task="classification"))
        assert list(problem.few) == ["yor"]
        assert "only targets are few-shot" in problem.notices[0]


class TestWrongData:
    def test_a_label_that_training_does_not_know(self, make: Any, tiny_data: Any) -> None:
        data = tiny_data("classification")
        data["test"]["yor"][4]["label"] = "weather"
        with pytest.raises(DataError, match=r"test\['yor'\]:5: .*'weather'"):
            make(**data)

    def test_a_label_that_the_given_set_does_not_have(self, make: Any) -> None:
        with pytest.raises(DataError, match=r"train\['eng'\]:\d+: .*'(food|tool)'"):
            make(labels=["food", "weather"])

    def test_a_given_label_set_keeps_its_order(self, make: Any) -> None:
        assert make(labels=["tool", "food"]).task.labels == ("tool", "food")

    def test_scores_and_labels_in_one_training_file(self, tiny_data: Any) -> None:
        rows = [*tiny_data("pair_scores")["train"]["eng"], *tiny_data("pair_labels")["train"]["eng"]]
        for row in rows:
            row.pop("id")
        with pytest.raises(DataError, match="some a label"):
            Problem.from_data(task="pair", source="eng", targets=["yor"], train={"eng": rows})

    def test_one_label_only(self, make: Any) -> None:
        with pytest.raises(DataError, match="same label"):
            make(train={"eng": [{"text": "a", "label": "x"}, {"text": "b", "label": "x"}]}, dev={}, test={})

    @pytest.mark.parametrize("task", ["classification", "pair", "tagging"])
    def test_no_labelled_data(self, task: str) -> None:
        with pytest.raises(DataError, match="no labelled data"):
            Problem.from_data(task=task, source="eng", targets=["yor"])

    def test_an_empty_table(self, make: Any) -> None:
        with pytest.raises(DataError, match=r"test\['yor'\]"):
            make(test={"yor": []})

    @pytest.mark.parametrize("code", ["", "two words"])
    def test_a_code_that_can_be_none(self, code: str, make: Any) -> None:
        with pytest.raises(DataError):
            make(targets=[code])

    def test_a_task_that_is_none(self, make: Any) -> None:
        with pytest.raises(DataError, match="Did you mean 'classification'"):
            make(task="clasification")

    def test_rows_that_are_no_rows(self, make: Any) -> None:
        with pytest.raises(DataError, match=r"train\['eng'\]"):
            make(train={"eng": ["a text", "another"]})

    def test_a_problem_is_written_as_json_can_be(self, make: Any) -> None:
        assert json.loads(json.dumps(make().task.config())) == make().task.config()
