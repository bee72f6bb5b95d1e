"""The labelled data of the transfer matrix: three tasks, 12 languages or more, as many labels in each.

``topic``: SIB-200, whose sentences are the same in all languages; rows to train on are never asked about, in any of
them. ``ner``: WikiANN / PAN-X (silver labels, of different sentences in each language). ``pos``: Universal Dependencies
(PUD, the same sentences in nine languages; Yoruba-YTB) and MasakhaPOS.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import isogloss as ig

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A task of the matrix.

    Attributes:
        task: as isogloss has it.
        folders: where each language's data are, by canonical code.
        train, test: rows of each language to learn from and to ask about.
        epochs: passes over the former.
    """

    task: str
    folders: dict[str, str]
    train: int
    test: int
    epochs: int


def _same(names: str) -> dict[str, str]:
    return {name.partition("_")[0]: name for name in names.split()}


MEASURES = {
    "topic": Measure(
        task="classification",
        folders=_same(
            "eng_Latn deu_Latn spa_Latn fin_Latn eus_Latn tur_Latn kat_Geor arb_Arab hin_Deva tam_Taml swh_Latn "
            "zho_Hans hau_Latn yor_Latn quy_Latn"
        ),
        train=200,
        test=80,
        epochs=6,
    ),
    "ner": Measure(
        task="tagging",
        folders={
            "eng": "en", "deu": "de", "spa": "es", "fin": "fi", "eus": "eu", "tur": "tr", "kat": "ka", "arb": "ar",
            "hin": "hi", "tam": "ta", "swh": "sw", "kor": "ko", "zho": "zh",
        },
        train=300,
        test=100,
        epochs=5,
    ),
    "pos": Measure(
        task="tagging",
        folders={
            "eng": "ud_pud/en", "deu": "ud_pud/de", "fin": "ud_pud/fi", "tur": "ud_pud/tr", "arb": "ud_pud/ar",
            "hin": "ud_pud/hi", "ind": "ud_pud/id", "tha": "ud_pud/th", "zho": "ud_pud/zh", "yor": "ud/yo_ytb",
            "wol": "masakhapos/wol", "hau": "masakhapos/hau", "ibo": "masakhapos/ibo", "zul": "masakhapos/zul",
        },
        train=140,
        test=60,
        epochs=8,
    ),
}  # fmt: skip


def data_folder() -> Path:
    return Path(os.environ["ISOGLOSS_DATA"])


def sibling(lang: str, split: str) -> list[Row]:
    """SIB-200, in the order of FLORES-200: a row's place is the same sentence in every language."""
    text = (data_folder() / "topic/sib200" / MEASURES["topic"].folders[lang] / f"{split}.tsv").read_text("utf-8")
    rows = [line.split("\t") for line in text.split("\n")[1:] if line]
    rows.sort(key=lambda row: int(row[0]))
    return [{"id": f"flores-{number}", "text": sentence, "label": label} for number, label, sentence in rows]


def _tagged(path: Path) -> Iterator[Row]:
    """Sentences of CoNLL-U, or of a token and a tag a line. An I- tag that continues nothing begins a name."""
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith("# ")]
        cells = [line.split("\t" if "\t" in line else " ") for line in lines]
        if cells and len(cells[0]) > 2:
            cells = [[cell[1], cell[3]] for cell in cells if cell[0].isdecimal()]
        tags: list[str] = []
        for _, tag in cells:
            begins = tag[:2] == "I-" and (not tags or tags[-1][2:] != tag[2:])
            tags.append(f"B-{tag[2:]}" if begins else tag)
        if cells:
            yield {"tokens": [token for token, _ in cells], "tags": tags}


def _topic(lang: str) -> tuple[list[Row], list[Row]]:
    # Every third and every other row, so that all topics and sources of FLORES-200 are met.
    return sibling(lang, "train")[::3], sibling(lang, "test")[::2]


def _ner(lang: str) -> tuple[list[Row], list[Row]]:
    folder = data_folder() / "ner/panx" / MEASURES["ner"].folders[lang]
    dev = list(_tagged(folder / "dev.tsv"))
    return (list(_tagged(folder / "train.tsv")), dev) if lang == "eng" else (dev[:300], dev[300:])


def _pos(lang: str) -> tuple[list[Row], list[Row]]:
    (place,) = (data_folder() / "pos" / MEASURES["pos"].folders[lang]).glob("test.*")
    rows = list(_tagged(place))
    return rows[:140], rows[140:]


READERS: dict[str, Callable[[str], tuple[list[Row], list[Row]]]] = {"topic": _topic, "ner": _ner, "pos": _pos}


def problem_of(name: str, sources: Sequence[str], *, few: dict[str, list[Row]] | None = None) -> ig.Problem:
    """A task, taught in some languages and asked in all; the labelled rows of one language, shared out in turn."""
    measure = MEASURES[name]
    rows = {lang: READERS[name](lang) for lang in measure.folders}
    train = {lang: rows[lang][0][: measure.train][i :: len(sources)] for i, lang in enumerate(sources)}
    test = {lang: asked[: measure.test] for lang, (_, asked) in rows.items()}
    labels = sorted({label for taught, _ in rows.values() for row in taught for label in _labels(row)})
    targets = list(few) if few else [lang for lang in measure.folders if lang not in sources]
    return ig.Problem.from_data(
        task=measure.task, source=list(sources), targets=targets, labels=labels, train=train, test=test, name=name,
        few=few or {},
    )  # fmt: skip


def _labels(row: Row) -> set[str]:
    if "label" in row:
        return {row["label"]}
    return {tag.removeprefix("B-").removeprefix("I-") for tag in row["tags"]} - {"O"}


def texts_of(lang: str) -> list[str]:
    """Raw text to measure distances on: NTREX-128, SIB-200 where it lacks the language, else MasakhaPOS's sentences."""
    place = data_folder() / "mt/ntrex" / f"{ {'swh': 'swa', 'zho': 'zho-CN'}.get(lang, lang) }.txt"
    if place.is_file():
        return place.read_text(encoding="utf-8").splitlines()
    if lang in MEASURES["topic"].folders:
        return [row["text"] for row in sibling(lang, "train")]
    return [" ".join(row["tokens"]) for row in _tagged(data_folder() / f"pos/masakhapos/{lang}/test.txt")]
