"""Invented reports: every number and sentence here is made up for the tests."""

from __future__ import annotations

import random
from typing import Any

from isogloss.evaluation.report import Report

HOSTILE = "<script>alert('x')</script>"
SENTENCES = {
    "en": ("Maria Lopez moved from Lisbon to Oslo in May.", ["Maria Lopez", "Lisbon", "Oslo"]),
    "ar": ("سافرت ليلى حداد من بيروت إلى باريس في الربيع.", ["ليلى حداد", "بيروت", "باريس"]),
    "he": ("דנה לוי עברה מחיפה לברלין אחרי המלחמה.", ["דנה לוי", "חיפה", "ברלין"]),
    "hi": ("मीरा शर्मा पिछले साल दिल्ली से लंदन चली गईं।", ["मीरा शर्मा", "दिल्ली", "लंदन"]),
    "zh": ("王小明去年从上海搬到了柏林。", ["王小明", "上海", "柏林"]),
}
SCORES = {"en": 0.914, "he": 0.842, "hi": 0.803, "zh": 0.697, "ar": 0.771}
N = {"en": 1200, "he": 540, "hi": 812, "zh": 96, "ar": 1010}


def row(value: float, n: int, metrics: tuple[str, ...], width: float = 0.02) -> dict[str, Any]:
    values = {metric: value + 0.01 * i for i, metric in enumerate(metrics)}
    return {
        "n": n,
        **values,
        "ci95": {metric: [v - width, v + width] for metric, v in values.items()},
        "by_seed": {str(seed): {m: v + 0.004 * (seed - 2) for m, v in values.items()} for seed in (1, 2, 3)},
    }


def spans_of_sentence(lang: str) -> list[list[Any]]:
    text, names = SENTENCES[lang]
    kinds = ("PER", "LOC", "LOC")
    return [[text.index(name), text.index(name) + len(name), kind] for name, kind in zip(names, kinds, strict=True)]


def span_errors(lang: str) -> dict[str, Any]:
    text, gold = SENTENCES[lang][0], spans_of_sentence(lang)
    wrong_type = [gold[0], [*gold[1][:2], "ORG"], [gold[2][0], gold[2][1] - 1, "LOC"]]
    return {
        "spans": {"correct": 310, "wrong_type": 41, "wrong_border": 57, "missed": 66, "spurious": 23},
        "examples": [
            {"id": f"{lang}-17", "text": text, "gold": gold, "predicted": wrong_type},
            {"id": HOSTILE, "text": f"{text} {HOSTILE}", "gold": gold, "predicted": gold[1:]},
        ],
    }


def label_errors(lang: str) -> dict[str, Any]:
    text = SENTENCES[lang][0]
    return {
        "confusion": {
            "labels": ["travel", "health", "sport", HOSTILE, "money"],
            "counts": [[88, 4, 2, 0, 6], [9, 70, 1, 3, 17], [0, 0, 96, 0, 4], [1, 2, 3, 50, 0], [5, 30, 0, 0, 65]],
        },
        "examples": [{"id": f"{lang}/3", "text": f"{text} {HOSTILE}", "gold": "travel", "predicted": "money"}],
    }


def report(task: str = "tagging", **changes: Any) -> Report:
    """A finished run on five languages; ``changes`` replace fields."""
    tagging = task == "tagging"
    metrics = ("span_f1", "precision", "recall") if tagging else ("accuracy", "macro_f1")
    fields: dict[str, Any] = {
        "problem": "People and places (invented)",
        "task": task,
        "metric": metrics[0],
        "regime": "zero-shot",
        "tier": "nothing",
        "recipe": "direct",
        "settings": {"objective.epochs": 3, "objective.learning_rate": 5e-05, "objective.batch_size": 32},
        "backbone": {
            "id": "isogloss:e5-small",
            "exposure": "text pairs of about 100 languages, translations among them",
        },
        "source": ["en"],
        "targets": ["ar", "he", "hi", "zh", "no"],
        "selection": {"rule": "source_dev", "runs": [{"seed": s, "step": 400, "score": 0.91} for s in (1, 2, 3)]},
        "seeds": [1, 2, 3],
        "scores": {lang: row(value, N[lang], metrics, 1.2 / N[lang] ** 0.5) for lang, value in SCORES.items()},
        "estimate": {"no": None},
        "mean_target": 0.778,
        "mean_target_ci95": (0.761, 0.797),
        "source_score": 0.914,
        "source_basis": "test",
        "gap": 0.136,
        "gap_ci95": (0.117, 0.155),
        "errors": {lang: span_errors(lang) if tagging else label_errors(lang) for lang in SENTENCES},
        "resources": {"train": {"en": 14041}, "select": {"en": 3250}, "test": N},
        "leaks": {"total": 0, "by_kind": {}, "first": []},
        "seconds": {"data": 3.1, "model": 1.4, "objective": 412.5, "weights": 38.0, "inference": 57.2},
        "peak_rss_mb": 2315.0,
        "tokens_per_second": 3480.0,
        "versions": {"python": "3.11.2", "isogloss": "0.1.0", "torch": "2.13.0"},
        "machine": {"system": "Linux", "cpu": "Invented CPU 9000", "threads": 2, "memory_gb": 15.6, "device": "cpu"},
        "commit": "0123456789abcdef0123456789abcdef01234567",
    }
    return Report(**(fields | changes))


def troubled(task: str = "classification") -> Report:
    """An oracle run with leaks, a target nobody can serve, a hostile notice and a baseline."""
    return report(
        task,
        regime="oracle",
        tier="oracle",
        selection={"rule": "oracle", "runs": []},
        transductive=True,
        leaks={
            "total": 12,
            "by_kind": {"exact:train": 9, "parallel:adapt": 3},
            "first": ["test/ar.jsonl:7: the same text as train/en.jsonl:12 (role train)", HOSTILE],
        },
        notices=[HOSTILE],
        unserved={"no": "no translator"},
        baseline={"recipe": "frozen", "delta": 0.021, "ci95": [0.004, 0.038], "verdict": "better", "margin": 0.01},
    )


def wide() -> Report:
    """Many targets with long names, one seed and no source test."""
    chance = random.Random(4)
    european = ["bg", "de", "el", "es", "fr", "ru", "srp_Latn"]
    codes = [*european, "ar", "hi", "sw", "th", "tr", "ur", "vi", "yor", "zh", "x-klingon-of-the-south"]
    metrics = ("span_f1", "precision", "recall")
    scores = {code: row(chance.uniform(0.45, 0.93), chance.randrange(80, 15000), metrics) for code in codes}
    return report(targets=codes, scores=scores, errors={}, estimate={}, source_basis="dev", gap_ci95=None, seeds=[1])
