"""The tables of docs/results.md about tokenizers, continued pretraining, domains and byte models."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bridge_tables import _difference, _head, _points, _row

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def adaptation(folder: Path = BENCHMARKS / "adaptation" / "results") -> list[str]:
    """The section about adapting models, as far as its results are there."""
    lines: list[str] = []
    for name, table in TABLES.items():
        path = folder / f"{name}.json"
        if path.exists():
            lines += table(json.loads(path.read_text(encoding="utf-8")))
    matrix = BENCHMARKS / "monobyte/results/matrix.json"
    if matrix.exists():
        lines += _bytes(json.loads(matrix.read_text(encoding="utf-8")))
    return ["## Tokenizers, raw text, domains", "", *lines] if lines else []


def _bytes(result: dict[str, Any]) -> Iterable[str]:
    settings = result["settings"]
    before = settings["pretrain"]
    yield from ("### Byte models: what pretraining on one language brings another", "", f"`{result['command']}`", "")
    yield (
        f"Models of one shape ({settings['model']['num_layers']} and {settings['model']['num_decoder_layers']} layers, "
        f"{settings['model']['d_model']} wide) from one draw of weights, {before['updates']:,} updates of span "
        f"corruption each ({before['batch']} windows of {before['window']} bytes), all but `none`. Nats a masked "
        "byte of held-out text; in brackets how much more when the encoder is shown other text: nothing, where it does "
        "not read."
    )
    reads = list(result["span_loss"].get("none", ()))
    yield from _head("pretrained on", *reads)
    for name, row in result["span_loss"].items():
        if name != "unit":
            yield _row(name, *(f"{row[read]['loss']:.2f} ({row[read]['gain']:+.2f})" for read in reads))
    for task, by_language in result["tasks"].items():
        for language, table in by_language.items():
            rows = {name: row for name, row in table.items() if isinstance(row, dict)}
            seeds = ", ".join(next(iter(rows.values()))["seeds"])
            tests = list(next(iter(rows.values()))["tested in"])
            yield from ("", f"**{task}**, fine-tuned in {language}, {next(iter(rows.values()))['updates']} updates, "
                        f"seeds {seeds}; accuracy in points")  # fmt: skip
            heads = [head for test in tests for head in (test, f"{test}, less none")]
            yield from _head("pretrained on", *heads)
            for name, row in rows.items():
                cells = []
                for test in tests:
                    cell = row["tested in"][test]
                    cells += [_points(cell["accuracy"], cell["ci95"]), _difference(cell.get("less_none"))]
                yield _row(name, *cells)
    yield ""


def _swap(result: dict[str, Any]) -> Iterable[str]:
    yield from ("### A fine-tuned encoder under new tokenizers", "", f"`{result['command']}`", "")
    sizes = result["sizes"]
    yield (
        f"The embedded encoder, fine-tuned on SIB-200 in English, is given Unigram tokenizers of "
        f"{sizes['tokenizer']:,} tokens for each language, as many of them as the column seeds says; nothing is "
        "trained after that. Accuracy "
        f"in points on {sizes['test']} test texts; the cosine is that of a text's vector before and after; length is "
        "tokens after by tokens before. `random-uncopied` copies special tokens only."
    )
    for lang, table in result["languages"].items():
        yield from ("", f"**{lang}**, {sizes['texts'][lang]:,} raw texts")
        columns = ("rows by", "accuracy", "less subword_mean", "cosine", "length", "exact", "approximated", "fallback")
        yield from _head(*columns, "seconds", "seeds")
        for name, row in table.items():
            if "error" in row:
                yield _row(name, row["error"], *[""] * 8)
                continue
            less = row.get("less_subword_mean")
            yield _row(
                name,
                _points(row["accuracy"], row["ci95"]),
                "" if less is None else _points(less, row["less_subword_mean_ci95"], "+"),
                f"{row['cosine']:.2f}",
                f"{row['ratio']:.2f}" if "ratio" in row else "",
                *(f"{row[how]:,.0f}" if how in row else "" for how in ("exact", "approximated", "fallback")),
                f"{row['seconds']:.0f}" if "seconds" in row else "",
                row["seeds"],
            )
    yield ""


def _hypernetwork(result: dict[str, Any]) -> Iterable[str]:
    yield from ("### A hypernetwork trained in minutes", "", f"`{result['command']}`", "")
    yield (
        "Masked words of held-out texts under a new tokenizer, all texts of ten languages: nats a byte for each seed "
        "(lower is better) and the difference where both have it, also with the subword mean for the output rows of "
        "all; the cosine of a text's vector to that under the original tokenizer. Seeds have heads of their own."
    )
    columns = ("rows by", "nats a byte", "less subword mean", "the same, input rows only", "cosine")
    yield from _head(*columns, "translation found")
    for name, row in result["systems"].items():
        if not isinstance(row, Mapping) or "nats_per_byte" not in row:
            continue
        kind = next(iter(row["nats_per_byte"]))
        less = row.get("less subword_mean", {})
        cosine, found = (_mean(row.get(key)) for key in ("cosine", "translation_found"))
        yield _row(
            name,
            ", ".join(f"{value:.3f}" for seed, value in row["nats_per_byte"][kind].items() if seed != "mean"),
            *(_nats(less.get(which)) for which in (kind, "input only")),
            "" if cosine is None else f"{cosine:.3f}",
            "" if found is None else f"{found:.1%}",
        )
    yield ""


def _nats(row: Mapping[str, Any] | None) -> str:
    return f"{row['delta']:+.3f} [{row['ci95'][0]:+.3f}, {row['ci95'][1]:+.3f}]" if row else ""


def _mean(by_seed: Any) -> float | None:
    """The mean of what there is for each seed."""
    values = list(by_seed.values()) if isinstance(by_seed, Mapping) else [by_seed] if by_seed is not None else []
    return sum(values) / len(values) if values else None


def _reconstruction(result: dict[str, Any]) -> Iterable[str]:
    yield from ("### Rows taken away and made again", "", f"`{result['command']}`", "")
    yield (
        f"{result['new']:,} rows of the embedded encoder are taken away as if their tokens were new, and made again "
        f"from the {result['shared']:,} others. Over the {result['used']:,} that the texts use: the cosine to the true "
        "row, the cosine once the mean row is taken off both, and the error by the row's length."
    )
    yield from _head("rows by", "cosine", "cosine less the mean", "relative error", "CPU seconds")
    for name, row in result["strategies"].items():
        numbers = (row["cosine"], row["cosine_less_mean"], row["relative_error"])
        yield _row(name, *(f"{value:.3f}" for value in numbers), f"{row['cpu_seconds']:.0f}")
    yield ""


def _tokensurgeon(result: dict[str, Any]) -> Iterable[str]:
    yield from ("### OMP beside mergekit's tokensurgeon", "", f"`{result['command']}`", "")
    yield (
        f"mergekit {result['mergekit']}, in an environment of its own, and ours on the same matrices, "
        f"k = {result['k']}, one thread; `ours-inner` selects as mergekit does, by inner products of raw vectors."
    )
    columns = ("anchors", "program", "CPU ms a token", "peak MB", "error in the donor", "error in the base")
    yield from _head(*columns, "mergekit's CPU time by its own")
    for size in result["sizes"].values():
        for name, row in size["programs"].items():
            times = size.get(f"cpu_seconds_mergekit_by_{name}")
            yield _row(
                f"{size['anchors']:,}",
                name,
                f"{row['cpu_ms_a_token']:.1f}",
                f"{row['peak_mb']:.0f}",
                f"{row['relative_error_donor']:.3f}",
                f"{row['relative_error_base']:.3f}",
                f"{times:.1f}" if times else "",
            )
    yield ""


def _decoder(result: dict[str, Any]) -> Iterable[str]:
    sizes = result["sizes"]
    yield from ("### A decoder under new tokenizers", "", f"`{result['command']}`", "")
    yield (
        f"A language model is given a tokenizer of {sizes['tokenizer']:,} tokens, which cuts every digit alone or "
        f"digits as it likes; nothing is trained. Bits a character of {sizes['held_out_sentences']} held-out "
        f"sentences, and {sizes['sums']} sums with {sizes['shots']} examples before them."
    )
    yield from _head("tokenizer", "rows by", "bits a character", "sums right")
    for which, table in result["tokenizers"].items():
        for name, row in table.items():
            bits, sums = row.get("bits"), row.get("sums_right")
            yield _row(
                which,
                name,
                row.get("error") or ", ".join(f"{lang} {value:.2f}" for lang, value in bits.items()),
                "" if sums is None else _points(sums, row["sums_right_ci95"]),
            )
    yield ""


def _maft(result: dict[str, Any]) -> Iterable[str]:
    size = result["size"]
    yield from ("### Going on with pretraining: one model, or one a language", "", f"`{result['command']}`", "")
    yield (
        f"{size['lines']:,} lines of raw text a language, {size['head']} updates of a fresh head, then {size['body']} "
        "of the encoder for `maft`, and for `laft` a quarter of them for each target. Scores in points, means over "
        "seeds."
    )
    if cut := result.get("vocabulary"):
        (pieces, fewer), (weights, less) = cut["pieces"], cut["weights"]
        longer = ", ".join(f"{lang} {row['longer']:+.1%}" for lang, row in cut["languages"].items())
        yield from ("", f"`maft-small`: {pieces:,} pieces become {fewer:,}, {weights / 1e6:.1f} M weights "
                    f"{less / 1e6:.1f} M; held-out text becomes longer by {longer}.")  # fmt: skip
    for name, problem in result["problems"].items():
        yield from ("", f"**{name}** ({problem['metric']}): {problem['train']} source rows, "
                    f"seeds {', '.join(map(str, problem['seeds']))}.")  # fmt: skip
        yield from _head("recipe", "mean", *problem["test"], "less direct", "less laft")
        for recipe, row in problem["recipes"].items():
            given = problem["differences"]
            yield _row(
                recipe,
                _points(row["mean_target"], row["ci95"]),
                *(_points(row["scores"][lang]) for lang in problem["test"]),
                _difference(given.get(f"{recipe} less direct")),
                _difference(given.get(f"{recipe} less laft")),
            )
    if held := result.get("held-out"):
        names = list(next(row["loss"] for row in held.values() if "loss" in row))
        yield from ("", "Loss of hidden pieces in held-out lines, nats; `direct` is the encoder with the fresh head.")
        yield from _head("language", *names)
        for lang, row in held.items():
            if "loss" in row:
                yield _row(lang, *(f"{row['loss'][name]:.2f}" for name in names))
    if found := result.get("alignment"):
        names = list(next(iter(found.values()))["found"])
        yield from (
            "",
            "Share of test and dev sentences of SIB-200 whose nearest English one, by the mean of the last states, is "
            "their translation, in points.",
        )
        yield from _head("language", "sentences", *names)
        for lang, row in found.items():
            yield _row(lang, str(row["sentences"]), *(_points(row["found"][name]) for name in names))
    yield ""


def _crossner(result: dict[str, Any]) -> Iterable[str]:
    sizes = result["sizes"]
    yield from ("### Domains: text, masking and order of labels", "", f"`{result['command']}`", "")
    yield (
        f"CrossNER's domains, 100 labelled sentences each, {sizes['source']} general ones (WikiGold); text chosen from "
        f"{sum(result['pool'].values()):,} lines of English. {sizes['steps']} updates of continued pretraining, the "
        f"lower {result['frozen_layers']} layers frozen in fine-tuning. Span F1 in points, "
        f"seeds {', '.join(map(str, result['seeds']))}."
    )
    for domain, table in result["domains"].items():
        if not table["span_f1"]:
            continue
        yield from ("", f"**{domain}**, {table['test']} test sentences")
        yield from _head("text and masking, labels", "F1", "less none, same labels", "less target labels alone")
        for name, row in table["span_f1"].items():
            corpus, regime = name.split(" ")
            given = table["differences"]
            yield _row(
                name,
                _points(row["mean"], row["ci95"]),
                _difference(given.get(f"{name} less none {regime}")),
                _difference(given.get(f"{name} less {corpus} target")),
            )
        for corpus, facts in table["adaptation"].items():
            before, after = facts["before"], facts["after"]
            losses = ", ".join(f"{text} {before[text]:.2f} to {after[text]:.2f}" for text in before)
            yield f"- `{corpus}`: loss on held-out text, {losses} nats."
    yield ""


TABLES = {
    "swap": _swap,
    "hypernetwork": _hypernetwork,
    "reconstruction": _reconstruction,
    "tokensurgeon": _tokensurgeon,
    "decoder_swap": _decoder,
    "maft": _maft,
    "crossner": _crossner,
}
