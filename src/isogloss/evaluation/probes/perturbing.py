"""Changes that leave the label of a row as it is: a tautology added (distraction), two letters swapped (spelling).

After the stress tests of Naik et al. (COLING 2018). They take generated items or rows of the user's own.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from itertools import islice
from typing import Any, Protocol

from isogloss.evaluation.probes.forms import Formula, Item
from isogloss.evaluation.probes.lexicon import Lexicon

TAUTOLOGIES: tuple[Formula, ...] = (
    ("equal", "five", "five"), ("equal", "green", "green"), ("equal", "water", "water"),
    ("differ", "false", "true"), ("differ", "black", "white"), ("differ", "day", "night"),
)  # fmt: skip
SHORTEST = 4
"""Letters of the shortest word that is misspelt: its first and last stay."""
_WORD = re.compile(r"[^\W\d_]+")
_SIDES = ("text_a", "text_b")


class Change(Protocol):
    """A change of a row that keeps its label."""

    @property
    def name(self) -> str:
        """As the user calls it."""

    @property
    def about(self) -> str:
        """What is done, in a few words."""

    def changed(self, item: Item, rng: random.Random) -> Item | None:
        """The changed item, None where nothing can be changed."""


def changed(items: Iterable[Item], change: Change, *, most: int, seed: int = 0) -> list[Item]:
    """The first ``most`` items that can be changed, changed; each for itself, whatever stands around it."""
    return list(islice(_changed(items, change, seed), most))


def _changed(items: Iterable[Item], change: Change, seed: int) -> Iterator[Item]:
    for item in items:
        new = change.changed(item, random.Random(f"{change.name}/{seed}/{item.id}"))
        if new is not None:
            yield replace(new, id=f"{change.name}/{item.id}", phenomenon=change.name, base=(item.text_a, item.text_b))


class Distraction:
    """A tautology in the language of the row, joined to the end of the premise or the hypothesis with "and"."""

    name = "distraction"
    about = "a tautology added to the premise or the hypothesis"

    def changed(self, item: Item, rng: random.Random) -> Item | None:
        tautology, side = rng.choice(TAUTOLOGIES), rng.choice(_SIDES)
        lexicon = Lexicon.of(item.lang)
        text = _joined(getattr(item, side), tautology, lexicon)
        kind = "plain" if tautology[0] == "equal" else "negated"
        new = replace(item, pattern=f"{kind}_{side[-1]}", form=_form(item, tautology, side))
        return _with(new, side, text)


def _joined(text: str, tautology: Formula, lexicon: Lexicon) -> str:
    """The text with the tautology; a sentence of its own after a question or an exclamation."""
    stripped = text.rstrip()
    if stripped.endswith(("?", "!", "？", "！", "…", '"', "”", "»", "」")):
        return stripped + lexicon.space + lexicon.text(tautology)
    body = stripped.removesuffix(lexicon.stop).removesuffix(".")
    return lexicon.templates["appended"].format(s=body, t=lexicon.clause(tautology)) + lexicon.stop


def _form(item: Item, tautology: Formula, side: str) -> dict[str, Any] | None:
    if item.form is None:
        return None
    if side == "text_b":
        return {**item.form, "hypothesis": ("appended", item.form["hypothesis"], tautology)}
    *others, last = item.form["premise"]
    return {**item.form, "premise": (*others, ("appended", last, tautology))}


class Spelling:
    """Two neighbouring letters inside one content word swapped; in Chinese two neighbouring characters.

    Function words, number words and known names stay as they are (in all but German every capitalised word), and the
    result is no other word of the row or of the lexicon. A name that only the user's rows have, in German or Chinese,
    may be misspelt.
    """

    name = "spelling"
    about = "two neighbouring letters swapped in one content word"

    def changed(self, item: Item, rng: random.Random) -> Item | None:
        sides = list(_SIDES)
        rng.shuffle(sides)
        known = _known(item.lang) | {word.lower() for side in _SIDES for word in _WORD.findall(getattr(item, side))}
        for side in sides:
            text = getattr(item, side)
            places = [at for at in _swaps(text, Lexicon.of(item.lang)) if _word_at(_swap(text, at), at) not in known]
            if places:
                return _with(replace(item, pattern=f"swapped_{side[-1]}"), side, _swap(text, rng.choice(places)))
        return None


def _with(item: Item, side: str, text: str) -> Item:
    """The item with another text on a side."""
    return replace(item, text_a=text) if side == "text_a" else replace(item, text_b=text)


def _swap(text: str, at: int) -> str:
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def _word_at(text: str, at: int) -> str:
    return next(match[0].lower() for match in _WORD.finditer(text) if match.start() <= at < match.end())


@cache
def _known(lang: str) -> frozenset[str]:
    words = Lexicon.of(lang).words.values()
    forms = (form for table in words for word in table.values() for form in word.forms.values())
    return frozenset(part.lower() for form in forms for part in _WORD.findall(form))


def _swaps(text: str, lexicon: Lexicon) -> Iterator[int]:
    """Where two letters may be swapped: the place of the first."""
    names = [str(word) for table in ("names", "cities") for word in lexicon.words[table].values()]
    if lexicon.lang == "zho":
        kept = {at for name in names for match in re.finditer(re.escape(name), text) for at in range(*match.span())}
        kept |= {at for at, c in enumerate(text) if c in lexicon.function_words or not "\u4e00" <= c <= "\u9fff"}
        yield from (at for at in range(len(text) - 1) if not {at, at + 1} & kept and text[at] != text[at + 1])
        return
    for match in _WORD.finditer(text):
        word = match[0]
        capital = word[0].isupper() and lexicon.lang != "deu"
        if len(word) >= SHORTEST and not capital and word not in names and word.lower() not in lexicon.function_words:
            begin, end = match.span()
            yield from (at for at in range(begin + 1, end - 2) if text[at].lower() != text[at + 1].lower())
