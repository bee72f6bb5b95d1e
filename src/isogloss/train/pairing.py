"""Texts and their translations: as rows that are trained on in pairs, and as inputs that are predicted for in pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

from isogloss.nets.fusion import SOURCE
from isogloss.tasks import Encoded, Task
from isogloss.train.schedule import Plan, plan_batches

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from isogloss.example import Example
    from isogloss.train.batching import Feature

Rows = list[int]
Pairs = list[tuple[int, int]]
"""(target row, source row) of each pair."""


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """Labelled examples and their translations as rows of one table.

    A text longer than the encoder has several rows (windows).

    Attributes:
        texts: what the rows are of: the examples, then their translations.
        encoded: the rows. ``gold`` is 1 where the labels of a row count, 0 where they only say which pieces are words.
        own: the rows of each example.
        others: for each target language the rows of each example's translation, its own where it has none.
        alone: how many translations are not there.
    """

    texts: Sequence[Example]
    encoded: Encoded
    own: Sequence[Rows]
    others: Sequence[Sequence[Rows]]
    alone: int

    def plan(self, *, epochs: int, min_steps: int, batch_size: int, batch_tokens: int, seed: int) -> Plan:
        """The rows of every update: the targets of its pairs, then their sources.

        Every epoch each example is paired with a language drawn anew, all target languages and its own being alike
        (FILTER, section 4). Passes are added on small data until there are ``min_steps`` updates.
        """
        lengths = [len(feature["input_ids"]) for feature in self.encoded.features]
        choices = [self.own, *self.others]
        plan: Plan = []
        for epoch in count():
            if epoch >= epochs and len(plan) >= min_steps:
                break
            generator = np.random.default_rng((seed, epoch))
            drawn = generator.integers(len(choices), size=len(self.own))
            pairs = [
                pair
                for example, (lang, rows) in enumerate(zip(drawn, self.own, strict=True))
                for pair in matched(choices[lang][example], rows)
            ]
            if not pairs:
                break
            batches = plan_batches(
                [2 * max(lengths[target], lengths[source]) for target, source in pairs],
                epochs=1,
                batch_size=batch_size,
                batch_tokens=batch_tokens,
                seed=int(generator.integers(2**31)),
            )
            plan += [[pairs[i][side] for side in (0, 1) for i in batch] for batch in batches]
        return plan

    def readings(self, names: Sequence[str]) -> list[Feature]:
        """For every row the inputs called ``names``, with those of the source that it is read with when predicting."""
        features = self.encoded.features
        partner = {
            target: source
            for side in (*self.others, self.own)
            for targets, sources in zip(side, self.own, strict=True)
            for target, source in read_with(targets, sources)
        }
        return [_together(feature, features[partner[row]], names) for row, feature in enumerate(features)]


def pair_rows(
    task: Task,
    examples: Sequence[Example],
    langs: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_length: int,
    target_labels: bool = False,
) -> Pairing:
    """Encode labelled examples and their views in the target languages ``langs``.

    Args:
        task: encodes them.
        examples: of a source language, labelled.
        langs: the target languages; an example without a view in one of them is its own translation.
        tokenizer: the encoder's.
        max_length: pieces of a row.
        target_labels: whether tags of translations count, where they have some. Labels of whole texts always do, and
            answers wherever they are known.
    """
    views = [(lang, i, example.views[lang]) for lang in langs for i, example in enumerate(examples)
             if lang in example.views]  # fmt: skip
    taught = [_taught(task, examples[i], view, target_labels) for _, i, view in views]
    encoded = task.encode([*examples, *(view for view, _ in taught)], tokenizer, max_length=max_length, labelled=True)
    gold = [True] * len(examples) + [counts for _, counts in taught]
    rows = rows_of(encoded)
    for feature, owner in zip(encoded.features, encoded.owner, strict=True):
        feature["gold"] = int(gold[owner])
    place = {(lang, i): len(examples) + number for number, (lang, i, _) in enumerate(views)}
    return Pairing(
        texts=[*examples, *(view for *_, view in views)],
        encoded=encoded,
        own=[rows.get(i, []) for i in range(len(examples))],
        others=[[rows.get(place.get((lang, i), i), []) for i in range(len(examples))] for lang in langs],
        alone=len(examples) * len(langs) - len(views),
    )


def _taught(task: Task, example: Example, view: Example, target_labels: bool) -> tuple[Example, bool]:
    """A translation with labels of the form that the task encodes, and whether they count."""
    if task.auto_class == "AutoModelForSequenceClassification":  # the label of a text is that of its translation
        return replace(view, fields={**example.fields, **view.fields}), True
    if task.auto_class == "AutoModelForTokenClassification":
        if target_labels and "tags" in view.fields:
            return view, True
        fields = {name: value for name, value in view.fields.items() if name != "gold"}
        return replace(view, fields=fields | {"tags": (task.outputs[0],) * len(fields["units"])}), False
    return replace(view, fields={"answers": (), **view.fields}), "answers" in view.fields


def side_by_side(targets: Encoded, sources: Encoded, names: Sequence[str]) -> list[Feature]:
    """The inputs ``names`` of every target row with those of the source row that it is read with.

    The n-th example of ``sources`` is what the n-th of ``targets`` is read with.
    """
    others = rows_of(sources)
    partner = {
        target: source
        for owner, rows in rows_of(targets).items()
        for target, source in read_with(rows, others.get(owner, []))
    }
    return [
        _together(feature, sources.features[partner[row]] if row in partner else feature, names)
        for row, feature in enumerate(targets.features)
    ]


def partner(example: Example, source: Sequence[str]) -> Example:
    """What an example is read with: its view in a source language, else one of its views, else itself.

    An example of a source language has views in several targets: which one is taken follows from its id alone.
    """
    langs = [lang for lang in source if lang in example.views] or sorted(example.views)
    if not langs:
        return example
    at = 0 if langs[0] in source else crc32(example.id.encode()) % len(langs)
    return example.views[langs[at]]


def matched(targets: Sequence[int], sources: Sequence[int]) -> Pairs:
    """Rows of two texts in pairs, at the same share of the way through, so that all rows of both are in one."""
    most = max(len(targets), len(sources)) if targets and sources else 0
    return [(targets[i * len(targets) // most], sources[i * len(sources) // most]) for i in range(most)]


def read_with(targets: Sequence[int], sources: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Every target row once, with the source row at the same share of the way through the text."""
    for i, target in enumerate(targets if sources else ()):
        yield target, sources[i * len(sources) // len(targets)]


def rows_of(encoded: Encoded) -> dict[int, Rows]:
    """The rows of each example that has any."""
    rows: dict[int, Rows] = {}
    for row, owner in enumerate(encoded.owner):
        rows.setdefault(owner, []).append(row)
    return rows


def _together(target: Mapping[str, Any], source: Mapping[str, Any], names: Sequence[str]) -> Feature:
    present = [name for name in names if name in target]
    return {name: target[name] for name in present} | {SOURCE + name: source[name] for name in present}
