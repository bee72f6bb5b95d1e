"""The JSON schema of ``report.json``, published as ``docs/report.schema.json``.

``python -m isogloss.evaluation.schema docs/report.schema.json`` writes it anew.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from isogloss.evaluation.errors import SPAN_KINDS
from isogloss.evaluation.report import SCHEMA, Report

_SCORE: dict[str, Any] = {"type": ["number", "null"], "description": "null where a score is not defined"}
_INTERVAL = {"type": "array", "items": {"type": ["number", "null"]}, "minItems": 2, "maxItems": 2}
_BOUNDS = {
    "type": ["array", "null"],
    "items": {"type": "number"},
    "minItems": 2,
    "maxItems": 2,
    "description": "of the prediction; null where it has no bounds",
}
_SHARE = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
_COUNT = {"type": "integer", "minimum": 0}
_SPAN = {"type": "array", "prefixItems": [_COUNT, _COUNT, {"type": "string"}], "minItems": 3, "maxItems": 3}


def _record(description: str = "", /, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties} | ({"description": description} if description else {})


_ROW = _record(
    n={**_COUNT, "description": "test items"},
    ci95={"type": "object", "additionalProperties": _INTERVAL, "description": "by metric: bootstrap over test items"},
    by_seed={"type": "object", "additionalProperties": {"type": "object", "additionalProperties": _SCORE}},
) | {"additionalProperties": _SCORE, "required": ["n", "ci95", "by_seed"]}

_ERRORS = _record(
    confusion=_record(
        labels={"type": "array", "items": {"type": "string"}},
        counts={
            "type": "array",
            "items": {"type": "array", "items": _COUNT},
            "description": "one row for each gold label, one column for each predicted one",
        },
    ),
    frequent={"type": "array", "items": _record(gold={"type": "string"}, predicted={"type": "string"}, count=_COUNT)},
    spans=_record("each gold span once, and spurious predictions", **dict.fromkeys(SPAN_KINDS, _COUNT)),
    examples={
        "type": "array",
        "items": _record(
            id={"type": "string"},
            text={"type": "string"},
            text_b={
                "type": "string",
                "description": "the second text of a pair, the question, the trigger of an event",
            },
            gold={"anyOf": [{"type": "string"}, {"type": "array", "items": _SPAN}]},
            predicted={"anyOf": [{"type": "string"}, {"type": "array", "items": _SPAN}]},
        ),
    },
)

# What the model of the report leaves open, said in full.
_DETAIL: dict[str, Any] = {
    "schema": {"const": SCHEMA},
    "scores": {"additionalProperties": _ROW, "description": "by language, as the user spelled it"},
    "errors": {"additionalProperties": _ERRORS, "description": "by language, of the first seed"},
    "estimate": {
        "additionalProperties": {
            "anyOf": [
                _record(value={"type": "number"}, interval=_BOUNDS, level=_SHARE, basis={"type": "string"}),
                {"type": "null"},
            ]
        },
        "description": "targets without a test file: what the plan expects, no score; null where it expects nothing",
    },
    "plan": _record(
        "the scores against the plan that was read before the training; null without one",
        sha256={"type": "string", "description": "of the plan"},
        level={**_SHARE, "description": "that the intervals promise"},
        targets={
            "type": "object",
            "additionalProperties": _record(
                predicted={"type": "number"},
                interval=_BOUNDS,
                score={"type": ["number", "null"], "description": "null without a test file"},
                inside={"type": ["boolean", "null"], "description": "null without an interval or a score"},
            ),
            "description": "by language, those with a prediction",
        },
        error={**_SCORE, "description": "mean absolute error"},
        shift={**_SCORE, "description": "mean of score minus prediction"},
        covered={**_SCORE, "description": "share of the scores within their interval"},
        differs={
            "type": "array",
            "items": {"type": "string"},
            "description": "how the run is no test of the predictions, or not what they are of",
        },
    )
    | {"type": ["object", "null"]},
    "leaks": _record(
        total=_COUNT,
        by_kind={"type": "object", "additionalProperties": _COUNT, "description": "keys are kind:role"},
        first={"type": "array", "items": {"type": "string"}},
    ),
    "resources": {"description": "items seen, by role and language"},
    "seconds": {"description": "wall time by stage, nested runs included"},
    "translator": {"description": "as it was named; what it used for each pair is in bridges"},
    "bridges": {"description": "translation and projection: what did it, how many examples and spans came through"},
    "gap": {"description": "source_score minus mean_target"},
}


def schema_json() -> dict[str, Any]:
    """JSON schema (draft 2020-12) of the report as it is written."""
    schema = Report.model_json_schema(by_alias=True, mode="serialization")
    for name, detail in _DETAIL.items():
        if "type" in detail:
            schema["properties"][name].pop("anyOf", None)  # the detail says it better
        schema["properties"][name] |= detail
    schema["required"] = list(schema["properties"])  # a written report has every key
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA} | schema


def schema_text() -> str:
    """The schema as the published file holds it."""
    return json.dumps(schema_json(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(schema_text(), encoding="utf-8")
