"""What a probe found, as one self-contained page: a bar for each phenomenon and language, and what it is to beat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from isogloss.evaluation.charts import Axis
from isogloss.evaluation.html import environment
from isogloss.evaluation.probes import CHANGES, PHENOMENA
from isogloss.evaluation.probes.scoring import Probed
from isogloss.evaluation.view import language_name, listed

EXAMPLES = 2
"""Items shown of each phenomenon in each language."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeBar:
    """A score as the chart draws it.

    Attributes:
        lang: code.
        score: as :class:`Probed` has it.
        floor: the larger of the two baselines.
        above: whether the whole interval lies above the floor.
    """

    lang: str
    score: Mapping[str, Any]
    floor: float
    above: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """A phenomenon with its bars and some items."""

    name: str
    about: str
    bars: tuple[ProbeBar, ...]
    examples: tuple[tuple[str, str, str, str], ...]

    def bar(self, lang: str) -> ProbeBar | None:
        """The bar of a language, None where the phenomenon was not asked in it."""
        return next((bar for bar in self.bars if bar.lang == lang), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Understood:
    """What a report shows of a probe: a row for each phenomenon, a column for each language.

    ``changed`` tells whether some scores stand beside that of the unchanged rows.
    """

    panels: tuple[Panel, ...]
    langs: tuple[str, ...]
    axis: Axis
    sentence: str
    changed: bool
    notices: tuple[str, ...]


def understood(probed: Probed) -> Understood:
    """The section of a report."""
    panels = [_panel(probed, name) for name in probed.phenomena]
    return Understood(
        panels=tuple(panels),
        langs=tuple(probed.scores),
        axis=Axis(low=0.0),
        sentence=_sentence(panels),
        changed=_changed(panels),
        notices=probed.notices,
    )


def probe_page(probed: Probed) -> str:
    """The page as text, to be written as UTF-8."""
    panels = [_panel(probed, name) for name in probed.phenomena]
    return (
        environment()
        .get_template("probes.html.j2")
        .render(
            probed=probed,
            panels=panels,
            axis=Axis(low=0.0),
            means=sorted(probed.means.items(), key=lambda entry: -entry[1]),
            sentence=_sentence(panels),
            changed=_changed(panels),
        )
    )


def _panel(probed: Probed, name: str) -> Panel:
    bars = []
    for lang, table in probed.scores.items():
        if name in table:
            score = table[name]
            floor = max(score["majority"], score["hypothesis_only"] or 0.0)
            bars.append(ProbeBar(lang=lang, score=score, floor=floor, above=score["ci95"][0] > floor))
    there = [made[name] for made in probed.items.values() if name in made]
    examples = tuple(
        (item.lang, item.text_a, item.text_b, probed.labels.get(item.label, item.label))
        for made in there
        for item in made[:EXAMPLES]
    )
    about = {key: made.about for key, made in PHENOMENA.items()} | {key: made.about for key, made in CHANGES.items()}
    return Panel(name=name, about=about.get(name, "published suite"), bars=tuple(bars), examples=examples)


def _changed(panels: list[Panel]) -> bool:
    """Whether some scores stand beside that of the rows before a change."""
    return any("unchanged" in bar.score for panel in panels for bar in panel.bars)


def _sentence(panels: list[Panel]) -> str:
    """Where the system is surely better than what can be had without reading, and where it is not."""
    bars = [bar for panel in panels for bar in panel.bars]
    above = sum(bar.above for bar in bars)
    nowhere = [panel.name for panel in panels if not any(bar.above for bar in panel.bars)]
    langs = listed([language_name(lang) for lang in dict.fromkeys(bar.lang for bar in bars)], most=9)
    text = f"{above} of {len(bars)} scores in {langs} are surely above both baselines"
    return text + (f"; in no language those of {listed(nowhere, most=9)}." if nowhere else ".")
