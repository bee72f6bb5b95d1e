"""The model card of an exported system, drawn from ``export.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isogloss.evaluation.card import PIPELINES, plain, quoted
from isogloss.languages import Language

ARITHMETIC = {
    ("onnx", False): "float32.",
    ("onnx", True): "int8: matrices by output channel, embeddings by row, activations by piece while it runs; "
    "attention scores, norms and the classifier in float32. Made for processors with VNNI instructions.",
    ("openvino", False): "float32.",
    ("openvino", True): "int8 weights: matrices by output channel, embeddings by row; OpenVINO quantises activations "
    "in groups of 128 channels as it runs, one text at a time.",
    ("torch", False): "as it was trained.",
}


def render_export_card(record: Mapping[str, Any]) -> str:
    """The card as Markdown with YAML front matter."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("isogloss.evaluation", "."),
        autoescape=False,  # noqa: S701  # Markdown, not HTML: what users wrote goes through ``plain`` or ``quoted``
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"plain": plain, "quoted": quoted}
    return environment.get_template("export_card.md.j2").render(
        record=record,
        pipeline=PIPELINES[record["task"]["name"]][0],
        languages=list(dict.fromkeys(Language.parse(code).base for code in record["languages"])),
        arithmetic=ARITHMETIC[record["format"], record["int8"]],
        sentences=export_sentences(record),
    )


def export_sentences(record: Mapping[str, Any]) -> list[str]:
    """What was measured, a sentence each: for the card and for the terminal."""
    size, parity, order, trim, scores = (record[key] for key in ("megabytes", "parity", "order", "trim", "scores"))
    text = {"problem": "test", "corpus": "held-out corpus", "built-in": "built-in"}[record["measured_on"]["text"]]
    found = [
        f"{size['before']:,.0f} MB before, {size['after']:,.0f} MB after.",
        f"Against torch in float32 on {parity['texts']:,} {text} texts: {_differ(parity)}.",
        f"One text at a time against all at once ({order['texts']} texts): {_differ(order)}.",
    ]
    if trim is not None:
        before, after = (sum(pair[i] for pair in trim["vocabulary"].values()) for i in range(2))
        found.append(f"Vocabulary trimmed by {trim['by']}: {before:,} pieces before, {after:,} after.")
        effect = trim["effect"]
        found.append(
            "What trimming does to text of these languages was not measured: no problem and no corpus was given."
            if effect is None
            else f"On {effect['texts']:,} {text} texts, {effect['texts_cut_differently']:,} are cut into other pieces, "
            f"{100 * (effect['pieces'][1] / effect['pieces'][0] - 1):+.1f} % pieces in all; against the whole "
            f"vocabulary: {_differ(effect)}."
        )
    if scores is not None:
        mean = scores["mean"]
        found.append(
            f"{scores['metric']}: {mean['torch']:.4f} in torch, {mean['exported']:.4f} exported, drop "
            f"{mean['drop']:+.4f} [{mean['ci95'][0]:+.4f}, {mean['ci95'][1]:+.4f}]."
        )
    return found


def _differ(row: Mapping[str, Any]) -> str:
    largest, changed = row["max_logit_difference"], row["labels_changed"]
    logits = "no logits to compare" if largest is None else f"logits differ by at most {largest:.2g}"
    return logits if changed is None else f"{logits}, {changed:,} answers differ"
