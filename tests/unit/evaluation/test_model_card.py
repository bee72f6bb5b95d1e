"""The model card: front matter that YAML reads as meant, code that compiles, and the honest parts."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from invented_reports import report, troubled, wide

from isogloss.evaluation.card import plain, render_card
from isogloss.evaluation.report import Report


def front_matter(card: str) -> dict[str, Any]:
    _, matter, _ = card.split("---\n", 2)
    loaded: dict[str, Any] = yaml.safe_load(matter)
    return loaded


def test_front_matter() -> None:
    matter = front_matter(render_card(report()))
    assert matter["language"] == ["eng", "ara", "heb", "hin", "zho", "nor"]
    assert matter["library_name"] == "transformers"
    assert matter["pipeline_tag"] == "token-classification"
    assert matter["tags"] == ["isogloss", "cross-lingual-transfer", "zero-shot"]
    assert front_matter(render_card(report("pair")))["pipeline_tag"] == "text-classification"


def test_a_code_that_yaml_takes_for_a_truth_value_stays_a_string() -> None:
    assert front_matter(render_card(report(targets=["no", "y", "on"])))["language"][1:] == ["nor", "y", "on"]


@pytest.mark.parametrize(
    "result", [report(), troubled(), troubled("pair"), wide(), report(scores={}, mean_target=None)]
)
def test_every_code_block_is_python(result: Report) -> None:
    blocks = re.findall(r"```python\n(.*?)```", render_card(result), re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        compile(block, "card", "exec")


def test_the_results_and_their_limits_are_told() -> None:
    card = render_card(troubled())
    assert "| English (source) | en | 0.914 | [0.879, 0.949] | 1,200 |" in card
    assert "**Oracle: the weights were chosen on the test labels." in card
    assert "Leaks into the test: 12" in card
    assert "Without a score: no." in card
    assert "none found" in render_card(report())


def test_user_text_cannot_become_markup() -> None:
    assert plain("a | <b>*c*</b>\n# d") == r"a \| \<b\>\*c\*\</b\> \# d"
    card = render_card(troubled().model_copy(update={"problem": "<script>"}))
    assert not re.search(r"(?<!\\)<script", card)
