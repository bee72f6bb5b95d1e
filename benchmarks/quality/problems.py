"""Turns public multilingual data sets into isogloss problem folders for the quality benchmark.

    ISOGLOSS_DATA=DATA python benchmarks/quality/problems.py OUT [--only sib200,ner]

writes ``OUT/<problem>/problem.toml`` and ``OUT/<problem>/<split>/<language>.<suffix>`` and prints a table of counts to
stderr. The data sets are not ours to pass on: DATA holds them, and its README tells which. English is the source
everywhere. Each function of ``PROBLEMS`` makes one problem and writes nothing; its docstring heads ``problem.toml``.
"""

from __future__ import annotations

import argparse
import hashlib
import inspect
import json
import os
import re
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

Row = dict[str, str]

SOURCE = "eng"
ISO3 = {
    "ar": "arb", "bn": "ben", "da": "dan", "de": "deu", "el": "ell", "es": "spa", "eu": "eus", "fi": "fin", "hi": "hin",
    "hr": "hrv", "id": "ind", "ja": "jpn", "ka": "kat", "ko": "kor", "mr": "mar", "my": "mya", "pt": "por", "sk": "slk",
    "sr": "srp_Latn", "sw": "swa", "ta": "tam", "te": "tel", "th": "tha", "tl": "tgl", "tr": "tur", "ur": "urd",
    "wo": "wol", "yo": "yor", "zh": "zho",
}  # fmt: skip
ENTITIES = ("PER", "ORG", "LOC")
NEWS_DEV_PER_CLASS = 10
XNLI_DEV_ROWS = 150
XNLI_TEST_LANGUAGES = ("en", "ar", "de", "el", "hi", "sw", "th", "tr", "ur", "zh")


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """A tagged sentence. As many tags as tokens."""

    id: str | None
    tokens: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DataFile:
    """The text of a file, its suffix, and how many examples it holds."""

    text: str
    suffix: str
    count: int


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A problem folder in memory: files by (split, language), and the test labels that no training row has."""

    task: str
    files: Mapping[tuple[str, str], DataFile]

    @property
    def targets(self) -> list[str]:
        return [lang for split, lang in self.files if split == "test" and lang != SOURCE]


def sib200(data: Path) -> Folder:
    """SIB-200: seven topics of FLORES-200 sentences.

    The id is the sentence's number in FLORES-200, so parallel items share it.
    Origin: github.com/dadelani/sib-200. Licence: Apache-2.0 (labels), CC-BY-SA-4.0 (text, from FLORES-200).
    """

    def read(folder: str, split: str) -> DataFile:
        header, *lines = read_lines(data / "topic/sib200" / folder / f"{split}.tsv")
        columns = header.split("\t")
        rows = [dict(zip(columns, line.split("\t"), strict=True)) for line in lines if line]
        return jsonl({"id": f"flores-{r['index_id']}", "text": r["text"], "label": r["category"]} for r in rows)

    files = {(split, SOURCE): read("eng_Latn", split) for split in ("train", "dev", "test")}
    for name in folder_names(data / "topic/sib200"):
        files["test", name if name == "zho_Hans" else name.partition("_")[0]] = read(name, "test")
    return Folder(task="classification", files=files)


def masakhanews(data: Path) -> Folder:
    """MasakhaNEWS: topics of news. text = headline, line feed, first 400 characters of the article.

    There is no English dev file: ten articles of each class, those with the smallest hash, leave the train file.
    Test articles of a class that English train does not have ("religion" in Rundi) are left out. The test files are
    the first 250 rows of the originals, with few classes unevenly spread (English: business and entertainment only),
    so compare languages with care.
    Origin: github.com/masakhane-io/masakhane-news. Licence: AFL-3.0 by its data set card, no licence file.
    """
    place = data / "topic/masakhanews"

    def read(lang: str, split: str) -> list[Row]:
        rows = read_jsonl(place / lang / f"{split}.jsonl")
        return [
            {"id": f"news-{lang}-{split}-{i:04}", "text": f"{r['headline']}\n{r['text']}", "label": r["category"]}
            for i, r in enumerate(rows)
        ]

    by_class = defaultdict(list)
    for row in read("eng", "train"):
        by_class[row["label"]].append(row)
    ranked = {label: sorted(rows, key=lambda row: digest(row["text"])) for label, rows in by_class.items()}
    files = {
        ("train", SOURCE): jsonl(row for rows in ranked.values() for row in rows[NEWS_DEV_PER_CLASS:]),
        ("dev", SOURCE): jsonl(row for rows in ranked.values() for row in rows[:NEWS_DEV_PER_CLASS]),
    }
    for lang in (SOURCE, *folder_names(place)):
        files["test", lang] = jsonl(row for row in read(lang, "test") if row["label"] in ranked)
    return Folder(task="classification", files=files)


def xnli(data: Path) -> Folder:
    """XNLI with two labels, entailment and neutral, trained on MultiNLI.

    The English training rows at hand hold no contradiction, so XNLI's contradictions are left out too: figures are not
    comparable with three-way XNLI. Dev and test are two parts of XNLI's validation set, cut between two premises after
    about 150 rows: they share no item in any language. The row's number is the id, so parallel items share it.
    MultiNLI pairs with a premise of XNLI's are left out.
    Origin: XNLI (CC-BY-NC-4.0, non-commercial only) and MultiNLI (OANC and other open terms).
    """
    rows = {lang: xnli_rows(data / f"nli/xnli/{lang}/dev.jsonl", "xnli-{:04}") for lang in XNLI_TEST_LANGUAGES}
    english = rows["en"]
    cut = XNLI_DEV_ROWS
    while english[cut]["text_a"] == english[cut - 1]["text_a"]:
        cut += 1
    seen = {normalised(row["text_a"]) for row in english}
    train = xnli_rows(data / "nli/xnli/en/train.jsonl", "mnli-{:05}")
    train = [row for row in train if normalised(row["text_a"]) not in seen]
    known = {row["label"] for row in train}

    def part(rows: Sequence[Row]) -> DataFile:
        return jsonl(row for row in rows if row["label"] in known)

    files = {("train", SOURCE): jsonl(train), ("dev", SOURCE): part(english[:cut])}
    for lang in XNLI_TEST_LANGUAGES:
        code = SOURCE if lang == "en" else "zho_Hans" if lang == "zh" else ISO3[lang]
        files["test", code] = part(rows[lang][cut:])
    return Folder(task="pair", files=files)


def ner(data: Path) -> Folder:
    """Universal NER and MasakhaNER 2.0: persons (PER), organisations (ORG), places (LOC).

    DATE (MasakhaNER) and OTH (Croatian, Serbian) become O. An I- tag that continues nothing becomes B-.
    train and dev are two parts of EWT's dev file, and the review they are cut in is in both. PUD sentences are
    parallel: German and Portuguese share all ids, Chinese the 188 of the part n01. Croatian and Serbian sentences
    are parallel in part, but their numbers do not agree, so they share no ids.
    Origin: github.com/UniversalNER (English-EWT, Danish-DDT, Croatian-SET, Serbian-SET, Slovak-SNK, Tagalog-TRG:
    CC-BY-SA-4.0; German, Portuguese and Chinese PUD: CC-BY-SA-3.0) and github.com/masakhane-io/masakhane-ner (bam hau
    ibo swa yor zul: CC-BY-NC-4.0, non-commercial only).
    """
    uner = data / "ner/uner"

    def read(name: str, split: str) -> list[Sentence]:
        found = [in_bio(sentence) for sentence in read_conll(uner / name / f"{split}.iob2", "\t")]
        # EWT and PUD number their sentences uniquely; others count "test-0" or "batch-0000-0001", alike in many sets.
        return found if name.endswith(("_ewt", "_pud")) else [replace(s, id=f"{name}-{s.id}") for s in found]

    files = {(split, SOURCE): conll(read("en_ewt", split)) for split in ("train", "dev", "test")}
    for name in ("da_ddt", "hr_set", "de_pud", "pt_pud", "sk_snk", "sr_set", "tl_trg"):
        files["test", ISO3[name[:2]]] = conll(read(name, "test"))
    # The Chinese file has ids of its own and its halves are cut elsewhere: only its first part, n01, is in step.
    shared = [s.id for s in read("de_pud", "test") if s.id and s.id.startswith("n01")]
    chinese = read("zh_pud", "test")
    own = [f"zh_pud-{sentence.id}" for sentence in chinese[len(shared) :]]
    files["test", "zho_Hant"] = conll(replace(s, id=i) for s, i in zip(chinese, [*shared, *own], strict=True))
    for lang in ("bam", "hau", "ibo", "swa", "yor", "zul"):
        found = read_conll(data / f"ner/masakhaner2/{lang}/test.txt", " ", f"masakhaner2-{lang}")
        files["test", lang] = conll(in_bio(sentence) for sentence in found)
    return Folder(task="tagging", files=files)


def pos(data: Path) -> Folder:
    """Universal Dependencies and MasakhaPOS: the 17 universal part-of-speech tags.

    train is an older, two-column copy of English-EWT; dev and test are the first 300 sentences of EWT's own files.
    The PUD treebanks (arb deu fin hin ind tha tur zho_Hant) are parallel and share ids.
    Origin: universaldependencies.org (EWT, Marathi-UFAL, Tagalog-TRG, Wolof-WTB, Yoruba-YTB, Finnish PUD: CC-BY-SA-4.0;
    other PUD: CC-BY-SA-3.0) and github.com/masakhane-io/masakhane-pos (bam hau ibo zul: CC-BY-NC-4.0, non-commercial
    only).
    """
    ud, pud = data / "pos/ud", data / "pos/ud_pud"
    files = {
        ("train", SOURCE): conll(read_conll(ud / "en_ewt/train.tsv", "\t", "en_ewt-train")),
        ("dev", SOURCE): conllu(read_text(ud / "en_ewt/dev.conllu")),
        ("test", SOURCE): conllu(read_text(ud / "en_ewt/test.conllu")),
    }
    for lang in ("ar", "de", "fi", "hi", "id", "th", "tr", "zh"):
        files["test", "zho_Hant" if lang == "zh" else ISO3[lang]] = conllu(read_text(pud / lang / "test.conllu"))
    for name in ("mr_ufal", "tl_trg", "wo_wtb", "yo_ytb"):
        text = read_text(ud / name / "test.conllu")
        files["test", ISO3[name[:2]]] = conllu(re.sub(r"(?m)^(# sent_id = )", rf"\g<1>{name}-", text))
    for lang in ("bam", "hau", "ibo", "zul"):
        files["test", lang] = conll(read_conll(data / f"pos/masakhapos/{lang}/test.txt", " ", f"masakhapos-{lang}"))
    return Folder(task="tagging", files=files)


def panx_dev(data: Path) -> Folder:
    """WikiANN / PAN-X, FOR DEVELOPMENT ONLY: choose settings here, report results elsewhere.

    The labels are silver, made from Wikipedia's links, and "test" is the dev files of the target languages. An I- tag
    that continues nothing becomes B- (Japanese and Chinese, where "#" stands for a space).
    Licence: text CC-BY-SA-3.0 (Wikipedia); the labels have no explicit licence, check before passing them on.
    """
    place = data / "ner/panx"

    def read(lang: str, split: str) -> DataFile:
        found = read_conll(place / lang / f"{split}.tsv", "\t", f"panx-{lang}-{split}")
        return conll(in_bio(sentence) for sentence in found)

    files = {(split, SOURCE): read("en", split) for split in ("train", "dev")}
    for lang in folder_names(place):
        if lang != "en":
            files["test", ISO3[lang]] = read(lang, "dev")
    return Folder(task="tagging", files=files)


PROBLEMS = {
    "sib200": sib200,
    "masakhanews": masakhanews,
    "xnli": xnli,
    "ner": ner,
    "pos": pos,
    "panx-dev": panx_dev,
}


def read_text(path: Path) -> str:
    """The text of a file. Raises FileNotFoundError with a sentence to show."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: ISOGLOSS_DATA must name the folder of the complete data sets.")
    return path.read_text(encoding="utf-8")


def read_lines(path: Path) -> list[str]:
    return read_text(path).split("\n")  # not splitlines(): some texts contain other line separators


def read_jsonl(path: Path) -> list[Row]:
    return [json.loads(line) for line in read_lines(path) if line]


def folder_names(place: Path) -> list[str]:
    """Names of the folders in ``place``, in order. Raises FileNotFoundError with a sentence to show."""
    if not place.is_dir():
        raise FileNotFoundError(f"{place} is missing: ISOGLOSS_DATA must name the folder of the complete data sets.")
    return sorted(path.name for path in place.iterdir() if path.is_dir())


def xnli_rows(path: Path, name: str) -> list[Row]:
    """Rows of the pair task. ``name`` is the pattern of an id, filled with the row's number, from 0."""
    return [
        {"id": name.format(i), "text_a": row["premise"], "text_b": row["hypothesis"], "label": row["label"]}
        for i, row in enumerate(read_jsonl(path))
    ]


def read_conll(path: Path, separator: str, prefix: str | None = None) -> list[Sentence]:
    """Sentences of a file with a token and a tag on each line; ids from its comments, or ``prefix`` and a number."""

    def sentence(number: int, lines: Sequence[str]) -> Sentence:
        named = lines[0].startswith("# sent_id = ")  # a line of the token "#" has a separator and a tag instead
        pairs = [line.split(separator) for line in lines[named:]]
        tokens, tags = zip(*pairs, strict=True)
        own = lines[0].removeprefix("# sent_id = ") if named else None
        return Sentence(id=own if prefix is None else f"{prefix}-{number:04}", tokens=tokens, tags=tags)

    return [sentence(number, lines) for number, lines in enumerate(paragraphs(read_lines(path)))]


def paragraphs(lines: Iterable[str]) -> Iterator[list[str]]:
    """Runs of lines that are not blank."""
    current: list[str] = []
    for line in (*lines, ""):
        if line.strip():
            current.append(line)
        elif current:
            yield current
            current = []


def in_bio(sentence: Sentence) -> Sentence:
    """With the types of ENTITIES only, and in strict BIO: an I- tag that continues nothing becomes B-."""
    tags: list[str] = []
    for tag in sentence.tags:
        kind = tag[2:]
        if kind not in ENTITIES:
            tags.append("O")
        elif tag[0] == "I" and (not tags or tags[-1][2:] != kind):
            tags.append(f"B-{kind}")
        else:
            tags.append(tag)
    return replace(sentence, tags=tuple(tags))


def normalised(text: str) -> str:
    """Letters and digits only, folded, so that spacing, case and punctuation do not hide a duplicate."""
    return "".join(re.findall(r"\w", unicodedata.normalize("NFKC", text).casefold()))


def digest(text: str) -> str:
    return hashlib.sha256(normalised(text).encode()).hexdigest()


def jsonl(rows: Iterable[Row]) -> DataFile:
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    return DataFile(text="\n".join(lines) + "\n", suffix="jsonl", count=len(lines))


def conll(sentences: Iterable[Sentence]) -> DataFile:
    blocks = [
        "\n".join([f"# sent_id = {s.id}", *map("\t".join, zip(s.tokens, s.tags, strict=True))]) for s in sentences
    ]
    return DataFile(text="\n\n".join(blocks) + "\n", suffix="conll", count=len(blocks))


def conllu(text: str) -> DataFile:
    return DataFile(text=text, suffix="conllu", count=sum(1 for _ in paragraphs(text.split("\n"))))


def write(name: str, folder: Folder, out: Path) -> None:
    """Write a problem folder to ``out/name``, over files of the same name. Its comment is the function's docstring."""
    comment = (inspect.getdoc(PROBLEMS[name]) or "").split("\n")
    settings = [f'task = "{folder.task}"', f'source = ["{SOURCE}"]', f"targets = {json.dumps(folder.targets)}"]
    head = [f"# {line}".rstrip() for line in comment]
    texts = {"problem.toml": "\n".join([*head, "", *settings, ""])}
    texts |= {f"{split}/{lang}.{file.suffix}": file.text for (split, lang), file in folder.files.items()}
    for path, text in texts.items():
        (out / name / path).parent.mkdir(parents=True, exist_ok=True)
        (out / name / path).write_text(text, encoding="utf-8", newline="\n")


def data_folder() -> Path:
    """The folder that ISOGLOSS_DATA names. Raises FileNotFoundError with a sentence to show."""
    name = os.environ.get("ISOGLOSS_DATA")
    if not name:
        raise FileNotFoundError("ISOGLOSS_DATA is not set: set it to the folder of the data sets.")
    return Path(name)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the problem folders. Exit code 1 and one sentence if data is missing, 2 for wrong arguments."""
    parser = argparse.ArgumentParser(description="Make problem folders out of the data sets in ISOGLOSS_DATA.")
    parser.add_argument("out", type=Path, help="the folder to write to")
    parser.add_argument("--only", default=",".join(PROBLEMS), help="comma-separated, of: %(default)s")
    options = parser.parse_args(arguments)
    names = options.only.split(",")
    if wrong := [name for name in names if name not in PROBLEMS]:
        parser.error(f"there is no problem '{wrong[0]}'; choose from {', '.join(PROBLEMS)}")
    try:
        data = data_folder()
        for name in names:
            folder = PROBLEMS[name](data)
            write(name, folder, options.out)
            for (split, lang), file in folder.files.items():
                print(f"{name:<12} {split:<6} {lang:<9} {file.count:>6}", file=sys.stderr)
    except FileNotFoundError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
