"""Event arguments: who and what takes part in an event whose trigger is known, as spans with roles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from isogloss.languages.scripts import units
from isogloss.tasks.base import Marked, clean, require_text
from isogloss.tasks.pairs import paired_windows
from isogloss.tasks.tagging import Tagging, gold_spans, parse_spans

if TYPE_CHECKING:
    from transformers import BatchEncoding, PreTrainedTokenizerBase

    from isogloss.example import Example


@dataclass(frozen=True, kw_only=True)
class EventArguments(Tagging):
    """Raw columns: ``text``, ``trigger`` [start, end, event type] and ``arguments`` [[start, end, role], ...].

    One row is one event mention; a sentence with two events is two rows. A prediction is a list of [start, end, role].
    Its scores are those of tagging: a span counts if the event mention, both ends and the role agree.

    The encoder is told of the trigger by a second text, ``type: trigger``, after the sentence; the vocabulary stays as
    it is. Where the trigger's words stand in the sentence twice, the encoder does not learn which of them are meant.
    """

    name: ClassVar[str] = "event_arguments"
    inputs: ClassVar[tuple[str, ...]] = ("text", "trigger")

    @classmethod
    def parse(cls, raw: Mapping[str, Any], *, labelled: bool = True) -> dict[str, Any]:
        text = require_text(raw, "text")
        if "trigger" not in raw:
            raise ValueError(f"column 'trigger' is missing (there are: {', '.join(raw)})")
        (trigger,) = parse_spans([raw["trigger"]], text, "trigger")
        given: dict[str, Any] = {"text": text}
        if labelled:
            if "arguments" not in raw:
                raise ValueError(f"column 'arguments' is missing (there are: {', '.join(raw)})")
            given["spans"] = parse_spans(raw["arguments"], text, "arguments")
        return super().parse(given, labelled=labelled) | {"trigger": trigger}

    @classmethod
    def row_of(cls, texts: Sequence[str]) -> dict[str, Any]:
        """The second text is the event type, the first word of the other the trigger."""
        text, kind = texts
        start, end = next(iter(units(text)), (0, len(text)))
        return {"text": text, "trigger": [start, end, kind]}

    def text(self, fields: Mapping[str, Any]) -> str:
        return f"{fields['text']}\t{_trigger(fields)}"

    def unlabelled(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return super().unlabelled(fields) | {"trigger": fields["trigger"]}

    def row(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        arguments = [list(span) for span in gold_spans(fields)]
        return {"text": fields["text"], "trigger": list(fields["trigger"]), "arguments": arguments}

    def marked(self, fields: Mapping[str, Any]) -> dict[str, Marked]:
        """The trigger, labelled ``trigger:TYPE``, among the arguments; one that overlaps the trigger is left out."""
        start, end, kind = fields["trigger"]
        arguments = gold_spans(fields) if "tags" in fields else []
        apart = [span for span in arguments if span[1] <= start or end <= span[0]]
        return {"text": Marked(text=fields["text"], spans=tuple(sorted([*apart, (start, end, f"trigger:{kind}")])))}

    def remade(self, fields: Mapping[str, Any], marked: Mapping[str, Marked]) -> dict[str, Any]:
        kind = fields["trigger"][2]
        text, spans = marked["text"].text, marked["text"].spans
        trigger = next(((start, end, kind) for start, end, label in spans if label == f"trigger:{kind}"), None)
        if trigger is None:
            raise ValueError(f"the trigger of the event {kind} is not in the text")
        arguments = tuple(span for span in spans if span[2] != f"trigger:{kind}")
        return super().remade(fields, {"text": Marked(text=text, spans=arguments)}) | {"trigger": trigger}

    def answer_from(self, fields: Mapping[str, Any], value: Any, marked: Mapping[str, Marked]) -> Any:
        mark = f"trigger:{fields['trigger'][2]}"
        return [list(span) for span in marked["text"].spans if span[2] != mark]

    def windows(
        self, examples: Sequence[Example], tokenizer: PreTrainedTokenizerBase, max_length: int
    ) -> tuple[BatchEncoding, int]:
        texts = [clean(example.fields["text"]) for example in examples]
        triggers = [clean(_trigger(example.fields)) for example in examples]
        return paired_windows(tokenizer, texts, triggers, max_length=max_length, short_first=False)


def _trigger(fields: Mapping[str, Any]) -> str:
    """The second text of the encoder's input."""
    start, end, kind = fields["trigger"]
    return f"{kind}: {fields['text'][start:end]}"
