"""The rules that folders and data in memory share: what is read, under which language, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from isogloss import Problem
from isogloss.errors import DataError

Data = dict[str, dict[str, list[dict[str, Any]]]]
Read = Callable[..., Problem]
TRAIN = [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]
OWN = [{"text": "c", "label": "a label of its own"}]


def from_folder(
    folder: Path, *, task: str, source: Any, targets: Any, open_labels: bool = False, **data: Any
) -> Problem:
    """The same arguments as ``from_data``, written as a folder and read."""
    settings = {"task": task, "source": source, "targets": targets}
    settings |= {"labels": "open"} if open_labels else {}
    settings |= {"metric": data.pop("metric")} if "metric" in data else {}
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in settings.items()]
    files = {"problem.toml": "".join(lines)}
    for lang, texts in data.pop("unlabelled", {}).items():
        files[f"unlabelled/{lang}.txt"] = "".join(text + "\n" for text in texts)
    for langs, pairs in data.pop("parallel", {}).items():
        files[f"parallel/{'-'.join(langs)}.tsv"] = "".join(f"{one}\t{other}\n" for one, other in pairs)
    for split, by_lang in data.items():
        for lang, rows in by_lang.items():
            files[f"{split}/{lang}.jsonl"] = "".join(json.dumps(row) + "\n" for row in rows)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    return Problem.read(folder)


@pytest.fixture(params=["folder", "memory"])
def read(request: pytest.FixtureRequest, tmp_path: Path) -> Read:
    """Both doors, with a classification problem from English to Yoruba where nothing else is said."""

    def read(**changes: Any) -> Problem:
        given = {"task": "classification", "source": ["eng"], "targets": ["yor"], "train": {"eng": TRAIN}} | changes
        return from_folder(tmp_path / "problem", **given) if request.param == "folder" else Problem.from_data(**given)

    return read


class TestSameProblem:
    def test_everything_there_can_be(self, tmp_path: Path) -> None:
        given: dict[str, Any] = {
            "task": "classification",
            "source": "en",
            "targets": ["yor", "swa"],
            "train": {"en": TRAIN},
            "dev": {"eng": TRAIN},
            "test": {"yor": OWN, "swh": TRAIN},
            "few": {"yo": TRAIN[:1]},
            "unlabelled": {"yor": ["one", "", "two"], "hau": ["three"]},
            "parallel": {("eng", "yo"): [("a", "b"), ("c", "d")]},
            "metric": "macro_f1",
            "open_labels": True,
        }
        built, read = Problem.from_data(**given), from_folder(tmp_path / "problem", **given)
        assert {**vars(built), "name": ""} == {**vars(read), "name": ""}
        assert built.fingerprint() == read.fingerprint()
        assert built.task.metric == "macro_f1"
        assert [example.id for example in built.unlabelled["yor"]] == ["yor/unlabelled/1", "yor/unlabelled/3"]
        assert list(built.parallel) == [("eng", "yor")]
        assert list(built.unlabelled) == ["yor", "hau"]

    def test_one_target_may_be_a_string(self, read: Read) -> None:
        assert read(source="eng", targets="yor").targets == ("yor",)


class TestLanguages:
    @pytest.mark.parametrize(("source", "target"), [("ara", "arz"), ("nor", "nob"), ("swa", "swh"), ("swh", "swa")])
    @pytest.mark.parametrize("split", ["train", "dev"])
    def test_labels_of_a_target_are_none_of_its_relative(
        self, split: str, source: str, target: str, read: Read
    ) -> None:
        """A target's file must not become the file of the source that is its macrolanguage."""
        data = {"train": {source: TRAIN}} | {split: {target: OWN}}
        if split == "train":
            data["train"] = {source: TRAIN, target: OWN}
        problem = read(source=[source], targets=[target], test={target: TRAIN}, **data)
        assert list(problem.train) == [source]
        assert problem.dev == {}
        assert problem.task.labels == ("x", "y")
        (notice,) = problem.notices
        assert notice.endswith("labels of a target language are not used in zero-shot transfer.")
        assert notice.startswith((f"{split}/{target}.jsonl is not read: ", f"{split}['{target}'] is not read: "))

    def test_a_relative_of_the_source_alone_is_the_source(self, read: Read) -> None:
        problem = read(source=["ara"], targets=["yor"], train={"ara": TRAIN}, dev={"ary": TRAIN})
        assert list(problem.dev) == ["ara"]

    def test_a_language_that_may_be_either_is_neither(self, read: Read) -> None:
        problem = read(source=["arb"], targets=["arz"], train={"arb": TRAIN}, dev={"ara": OWN})
        assert problem.dev == {}
        assert "ara is neither a source nor a target" in problem.notices[0]

    @pytest.mark.parametrize("split", ["train", "test"])
    def test_two_spellings_of_one_language(self, split: str, read: Read) -> None:
        data = {"train": {"eng": TRAIN}} | {split: {"en": TRAIN, "eng": TRAIN}}
        with pytest.raises(DataError, match=f"second (file|table) for eng in {split}"):
            read(**data)

    @pytest.mark.parametrize("data", [{"unlabelled": {"yo": ["a"], "yor": ["b"]}}])
    def test_two_spellings_of_a_language_of_raw_text(self, data: dict[str, Any], read: Read) -> None:
        with pytest.raises(DataError, match="second"):
            read(**data)

    @pytest.mark.parametrize("key", ["source", "targets"])
    @pytest.mark.parametrize(
        ("codes", "words"), [([], "list of language codes"), (["fra", "fr"], "twice"), ([1], "list of language codes")]
    )
    def test_a_list_that_is_none(self, codes: list[Any], words: str, key: str, read: Read) -> None:
        with pytest.raises(DataError, match=f"'{key}' .*{words}"):
            read(**{key: codes})

    def test_rows_without_text_are_spoken_of(self, read: Read) -> None:
        blank, tested = [{"text": " \t", "label": "x"}, {"text": "", "label": "y"}], {"yor": TRAIN}
        first, no_more = (read(train={"eng": rows}, test=tested).notices for rows in (TRAIN + blank, TRAIN))
        assert [notice.partition(": ")[2] for notice in first] == ["a text is blank, the first of 2."]
        assert first[0].partition(": ")[0] in ("train/eng.jsonl:3", "train['eng']:3")
        assert no_more == ()

    def test_every_source_language_is_trained_on(self, read: Read) -> None:
        with pytest.raises(DataError, match="source language fra has no training"):
            read(source=["eng", "fra"])


class TestLabels:
    @pytest.mark.parametrize("split", ["dev", "few", "test"])
    def test_a_new_label_is_for_open_sets_only(self, split: str, read: Read) -> None:
        data = {split: {"eng" if split == "dev" else "yor": OWN}}
        with pytest.raises(DataError, match=r":1: .*'a label of its own'.*(open_labels|labels = \"open\")"):
            read(**data)
        learnt = {"few": ("a label of its own", "x", "y")}  # what is trained on has outputs, whatever its language
        assert read(open_labels=True, **data).task.labels == learnt.get(split, ("x", "y"))

    def test_without_source_labels_the_few_make_the_set(self, read: Read) -> None:
        assert read(train={}, dev={"eng": OWN}, few={"yor": TRAIN}, open_labels=True).task.labels == ("x", "y")

    def test_a_metric_the_task_does_not_have(self, read: Read) -> None:
        with pytest.raises(DataError, match="Did you mean 'accuracy'"):
            read(metric="acuracy")

    @pytest.mark.parametrize("labels", ["xy", ["x", "x", "y"], ["x", 1], ["x", ""]])
    def test_a_given_set_that_is_none(self, labels: Any) -> None:
        with pytest.raises(DataError, match="labels = "):
            Problem.from_data(task="classification", source="eng", targets="yor", train={"eng": TRAIN}, labels=labels)

    def test_a_given_set_lets_no_training_label_out_even_if_open(self) -> None:
        with pytest.raises(DataError, match=r"train\['eng'\]:2: the label 'y' is not in the given label set \(x, z\)"):
            Problem.from_data(
                task="classification", source="eng", targets="yor", train={"eng": TRAIN}, labels=["x", "z"],
                open_labels=True,
            )  # fmt: skip

    def test_labels_for_scores(self) -> None:
        rows = [{"text_a": "a", "text_b": "b", "score": 1.5}]
        with pytest.raises(DataError, match="labels are given"):
            Problem.from_data(task="pair", source="eng", targets="yor", train={"eng": rows}, labels=["x", "y"])

    @pytest.mark.parametrize("value", [-1, 2, None])
    def test_a_number_that_is_no_class(self, value: int | None) -> None:
        import datasets

        names = datasets.ClassLabel(names=["O", "B-X"])
        data = datasets.Dataset.from_list([{"tokens": ["a", "b"], "tags": [0, 1]}, {"tokens": ["c"], "tags": [0]}])
        data = data.cast_column("tags", datasets.Sequence(names)).with_format(None)

        class Odd:
            features = data.features

            def __iter__(self) -> Iterator[dict[str, Any]]:
                yield from ({**row, "tags": row["tags"] if i == 0 else [value]} for i, row in enumerate(data))

        with pytest.raises(DataError, match=r"train\['eng'\]:2: column 'tags'"):
            Problem.from_data(task="tagging", source="eng", targets="yor", train={"eng": Odd()})


SCHEMES = {
    "IOB1": [["I-A", "I-A", "O"], ["I-A", "B-A", "O"]],
    "BIOES": [["B-A", "E-A", "O"], ["S-A", "S-A", "O"]],
    "BILOU": [["B-A", "L-A", "O"], ["U-A", "U-A", "O"]],
    "IOB2": [["B-A", "I-A", "O"], ["B-A", "B-A", "O"]],
}


class TestTagSchemes:
    def rows(self, tags: list[list[str]]) -> list[dict[str, Any]]:
        return [{"tokens": ["one", "two", "three"], "tags": row} for row in tags]

    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_each_table_may_have_its_own(self, scheme: str, read: Read) -> None:
        train, other = self.rows(SCHEMES["BIOES"]), self.rows(SCHEMES[scheme])
        problem = read(task="tagging", train={"eng": train}, dev={"eng": other}, test={"yor": other})
        assert problem.task.outputs == ("O", "B-A", "I-A")
        for examples in (problem.train["eng"], problem.dev["eng"], problem.test["yor"]):
            assert [list(example.fields["tags"]) for example in examples] == SCHEMES["IOB2"]

    def test_a_tag_in_the_wrong_place_is_refused_with_its_row(self, read: Read) -> None:
        wrong = self.rows([["B-A", "I-A", "O"], ["O", "B-A", "B-A"], ["O", "I-A", "O"]])
        with pytest.raises(DataError, match=r"(test/yor\.jsonl|test\['yor'\]):3: tag I-A follows O"):
            read(task="tagging", train={"eng": self.rows(SCHEMES["IOB2"])}, test={"yor": wrong})

    def test_a_tag_that_is_none_is_refused(self, read: Read) -> None:
        odd = self.rows([*SCHEMES["IOB2"] * 2, ["A", "O", "O"]])
        with pytest.raises(DataError, match=r":5: tag A is neither O"):
            read(task="tagging", train={"eng": odd})

    def test_parts_of_speech_stay(self, read: Read) -> None:
        tags = [["NOUN", "E-X", "VERB"], ["S", "I", "B"]]
        problem = read(task="tagging", train={"eng": self.rows(tags)})
        assert problem.task.metric == "accuracy"
        assert [list(example.fields["tags"]) for example in problem.train["eng"]] == tags


class TestMemory:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"train": TRAIN}, r"'train' is not a dictionary by language.*train=\{'eng': \.\.\.\}"),
            ({"train": {"eng": "a text"}}, r"train\['eng'\]: This is str"),
            ({"train": {"eng": 3}}, r"train\['eng'\]: This is int"),
            ({"train": {1: TRAIN}}, r"train\[1\]: 1 is not a language code"),
            ({"train": {"a b": TRAIN}}, r"train\['a b'\]: .*language code"),
            ({"unlabelled": {"yor": "a text"}}, r"unlabelled\['yor'\]: This is str"),
            ({"unlabelled": {"yor": ["a", 3]}}, r"unlabelled\['yor'\]:2: 3 is not text"),
            ({"unlabelled": {"yor": [" "]}}, r"unlabelled\['yor'\]: .*no text"),
            ({"parallel": {"eng-yor": [("a", "b")]}}, r"parallel\['eng-yor'\]: .*two languages"),
            ({"parallel": {("eng", "yor"): [("a", "b"), "ab"]}}, r"parallel\['eng', 'yor'\]:2: 'ab'"),
            ({"parallel": {("eng", "yor"): []}}, r"parallel\['eng', 'yor'\]: .*no pairs"),
        ],
    )
    def test_what_is_no_data_is_named(self, changes: dict[str, Any], words: str) -> None:
        given = {"task": "classification", "source": "eng", "targets": "yor", "train": {"eng": TRAIN}} | changes
        with pytest.raises(DataError, match=words):
            Problem.from_data(**given)
