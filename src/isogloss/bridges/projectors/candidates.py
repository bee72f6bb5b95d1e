"""Where a span may be in a target sentence: all short runs of words, or what a text-to-text model writes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from isogloss.bridges.base import Parallel, Span
from isogloss.languages.scripts import units

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

NOTHING = "None"
"""What stands between the tags of a prompt where the span's text is to come."""


def ngrams(text: str, words: Sequence[Span] | None = None, longest: int = 8) -> list[Span]:
    """All runs of up to ``longest`` words without a word that is punctuation, as [start, end) in characters.

    Every contiguous span of up to ``longest`` words without punctuation is among them.
    """
    runs = []
    words = [word for word in (units(text) if words is None else words) if word[0] < word[1]]
    for first, (start, _) in enumerate(words):
        for begin, end in words[first : first + longest]:
            if _punctuation(text[begin:end]):
                break
            runs.append((start, end))
    return runs


def occurrences(text: str, words: Sequence[Span], candidate: str, *, inside_words: bool = False) -> list[Span]:
    """Where a string occurs in a text as consecutive words.

    If it does nowhere, words are compared a second time without case and punctuation. For agglutinative languages
    ``inside_words`` lets a word of the candidate be a part of the text's word, every one of them: the public code looks
    at the first word alone.

    Returns:
        [start, end) of whole words in characters.
    """
    wanted = [candidate[start:end] for start, end in units(candidate)]
    there = [text[start:end] for start, end in words]
    for exactly in (True, False):
        one, other = (wanted, there) if exactly else (_folded(wanted), _folded(there))
        kept = [number for number, word in enumerate(other) if word]
        pattern = [word for word in one if word]
        found = []
        for start in range(len(kept) - len(pattern) + 1 if pattern else 0):
            numbers = kept[start : start + len(pattern)]
            pairs = zip(pattern, (other[number] for number in numbers), strict=True)
            if all(part in word if inside_words else part == word for part, word in pairs):
                found.append((words[numbers[0]][0], words[numbers[-1]][1]))
        if found:
            return found
    return []


def skeleton(types: Iterable[str], contents: Iterable[str] | None = None) -> str:
    """A pair of tags for each span, in order, around its text or around ``NOTHING``."""
    types = list(types)
    contents = [NOTHING] * len(types) if contents is None else list(contents)
    return " ".join(f"<{kind}>{text}</{kind}>" for kind, text in zip(types, contents, strict=True))


def prompt(text: str, types: Iterable[str]) -> str:
    """What the generator reads: a sentence and the skeleton of its spans. It is trained to write the filled one."""
    return f"{text} {skeleton(types)}"


def pool(outputs: Iterable[str], types: Iterable[str]) -> dict[str, list[str]]:
    """All texts between tags in all outputs by type, each once, in order; of a broken pair of tags nothing."""
    pooled: dict[str, list[str]] = {kind: [] for kind in types}
    for output in outputs:
        for kind, texts in pooled.items():
            for part in output.split(f"<{kind}>")[1:]:
                text, closed, _ = part.partition(f"</{kind}>")
                text = text.strip()
                if closed and text and "<" not in text and text != NOTHING and text not in texts:
                    texts.append(text)
    return pooled


class Generator:
    """A text-to-text model fine-tuned on the labelled source data, input ``prompt``, output the filled ``skeleton``.

    Args:
        model: a folder or the name of a model of transformers.
        beams: outputs for each sentence; the paper has 15 to 100.
    """

    def __init__(self, model: str, beams: int) -> None:
        from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

        self.beams = beams
        self.tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(model)
        self.model: PreTrainedModel = AutoModelForSeq2SeqLM.from_pretrained(model).eval()

    def __call__(self, items: Sequence[Parallel]) -> list[dict[str, list[str]]]:
        """For each item the pooled texts by type, from its target and the types of its source spans."""
        return [self._pooled(item) if item.spans else {} for item in items]

    def _pooled(self, item: Parallel) -> dict[str, list[str]]:
        import torch

        types = [kind for _, _, kind in item.spans]
        encoded = self.tokenizer(prompt(item.target, types), return_tensors="pt", truncation=True, max_length=256)
        model: Any = self.model
        with torch.inference_mode():
            ids = model.generate(**encoded, num_beams=self.beams, num_return_sequences=self.beams, max_new_tokens=256)
        return pool(self.tokenizer.batch_decode(ids, skip_special_tokens=True), types)


def _punctuation(word: str) -> bool:
    return all(unicodedata.category(char)[0] in "PSZ" for char in word)


def _folded(words: Sequence[str]) -> list[str]:
    return ["".join(c for c in word.casefold() if unicodedata.category(c)[0] not in "PS") for word in words]
