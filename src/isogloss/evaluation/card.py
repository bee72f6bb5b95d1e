"""The model card: README.md of a saved system, drawn from its report."""

from __future__ import annotations

import json
from typing import Any

from isogloss.evaluation import view
from isogloss.evaluation.html import duration
from isogloss.evaluation.report import Report
from isogloss.languages import Language

PIPELINES = {
    "classification": ("text-classification", "AutoModelForSequenceClassification"),
    "pair": ("text-classification", "AutoModelForSequenceClassification"),
    "tagging": ("token-classification", "AutoModelForTokenClassification"),
    "qa": ("question-answering", "AutoModelForQuestionAnswering"),
    "event_arguments": ("token-classification", "AutoModelForTokenClassification"),
}
"""By task: the pipeline's tag on the hub, and the Auto class of transformers that loads the model."""


def render_card(report: Report) -> str:
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
    environment.filters |= {
        "quoted": quoted,
        "plain": plain,
        "decimal": view.decimal,
        "bounds": view.bounds,
        "duration": duration,
    }
    pipeline, auto_class = PIPELINES.get(report.task, ("", "AutoModel"))
    return environment.get_template("card.md.j2").render(
        report=report,
        pipeline=pipeline,
        auto_class=auto_class,
        languages=list(dict.fromkeys(Language.parse(code).base for code in (*report.source, *report.targets))),
        rows=view.rows(report),
        metric=view.metric_label(report.metric),
        summary=view.summary(report),
        knowledge=view.knowledge(report),
        held=view.held(report),
        rule=view.selection_rule(report),
        cautions=view.cautions(report),
        leaks=view.leak_count(report),
        sources=view.listed([view.language_name(code) for code in report.source]),
        targets=view.listed([view.language_name(code) for code in report.targets], most=30),
    )


def quoted(value: Any) -> str:
    """A YAML string in double quotes: without them YAML reads ``no``, the code of Norwegian, as false."""
    return json.dumps(str(value), ensure_ascii=False)


def plain(value: Any) -> str:
    """User text on one line in which Markdown and HTML see nothing of their own."""
    return "".join("\\" + c if c in "\\`*_[]<>|#" else c for c in " ".join(str(value).split()))
