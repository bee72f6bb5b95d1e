"""Raw text of a domain, chosen from a larger pool by what a few labelled sentences show (CrossNER, AAAI 2021)."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Ge

from isogloss.errors import RecipeError, ResourceError, unknown
from isogloss.languages.scripts import units

if TYPE_CHECKING:
    from isogloss.example import Example
    from isogloss.problem import Problem
    from isogloss.run import Run

Level = Literal["domain", "entity", "task", "integrated"]
Words = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SelectText:
    """Keep the raw text of each target that suits its domain: the levels of corpus of Liu et al. (CrossNER, AAAI 2021).

    The pool is ``unlabelled/<target>``, and what the domain is the sentences of ``few/<target>`` show. Mentions are
    looked for as whole words; case counts, but what begins with a small letter may also begin a sentence.

    Attributes:
        level: ``domain`` keeps lines that are likelier as text of the domain than as any text of the pool, by the
            cross-entropy difference of Moore and Lewis (ACL 2010); ``entity`` keeps lines with a mention from the
            labelled sentences; ``task`` lines with a mention of one of the domain's own types, or one of ``names``;
            ``integrated`` keeps the lines of ``entity``, and those of ``task`` in addition.
        most: lines kept of a level at most, 0 for all: those with the lowest difference or the most mentions.
        upsample: how many times ``integrated`` adds each line of ``task``.
        types: the domain's own types; where none is given, those that no source label has.
        names: words for these types, or more entities of them, by which ``task`` knows a line.
    """

    needs: ClassVar[tuple[str, ...]] = ("few", "unlabelled")

    level: Level = "integrated"
    most: Annotated[int, Ge(0)] = 0
    upsample: Annotated[int, Ge(1)] = 2
    types: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def __call__(self, problem: Problem, run: Run) -> Problem:
        """Replace ``unlabelled`` of every target; what is kept is counted and said."""
        kept = {target: self._chosen(problem, target, run) for target in problem.targets}
        return replace(problem, unlabelled={**problem.unlabelled, **kept})

    def _chosen(self, problem: Problem, target: str, run: Run) -> tuple[Example, ...]:
        pool, name = problem.unlabelled[target], problem.spelling(target)
        levels: tuple[Level, ...] = ("entity", "task") if self.level == "integrated" else (self.level,)
        words = [words_of(line.fields["text"]) for line in pool]
        found = {level: self._level(level, words, problem, target) for level in levels}
        counts = ", ".join(f"{len(lines)} by {level}" for level, lines in found.items())
        for level, lines in found.items():
            if not lines:
                raise ResourceError(
                    f"None of the {len(pool)} lines of unlabelled/{name} is of the domain at the level '{level}'",
                    fix="Add text, or choose another level with --set select_text.level=domain",
                )
        if self.level == "integrated":
            chosen = (*found["entity"], *(line for line in found["task"] for _ in range(self.upsample)))
            counts += f" ({self.upsample} times), {len(chosen)} in all"
        else:
            chosen = found[self.level]
        run.say_once(f"Of the {len(pool)} lines of unlabelled/{name} are kept: {counts}.")
        return chosen

    def _level(self, level: Level, words: Sequence[Words], problem: Problem, target: str) -> tuple[Example, ...]:
        """The lines of the pool that belong to a level, in their order."""
        pool = problem.unlabelled[target]
        if level == "domain":
            seed = [words_of(problem.task.text(example.fields)) for example in problem.few[target]]
            scores = [-difference for difference in cross_entropy_differences(words, seed)]
        else:
            phrases = Phrases(self._phrases(level, problem, target))
            scores = [len(phrases.found_in(line)) for line in words]
        suited = sorted((i for i, score in enumerate(scores) if score > 0), key=lambda i: -scores[i])
        return tuple(pool[i] for i in sorted(suited[: self.most or None]))

    def _phrases(self, level: Level, problem: Problem, target: str) -> Iterator[str]:
        """What a line of the level mentions."""
        from isogloss.tasks.tagging import Tagging, gold_spans

        task = problem.task
        if not isinstance(task, Tagging) or task.kind != "spans":
            raise RecipeError(
                f"The level '{level}' of select_text looks for entities, and this task has none",
                fix="Choose --set select_text.level=domain",
            )
        if strange := sorted(set(self.types) - set(task.labels)):
            raise RecipeError(unknown("type", strange[0], task.labels).rstrip("."), fix="Mend select_text.types")
        common = {label for row in problem.source_examples("train") for label in task.labels_in(row.fields)}
        own = set(self.types) or set(task.labels) - common
        for example in problem.few[target]:
            for start, end, label in gold_spans(example.fields):
                if level == "entity" or label in own:
                    yield example.fields["text"][start:end]
        if level == "task":
            yield from self.names


class Phrases:
    """Phrases that are looked for in text as whole words, all of them in one pass."""

    def __init__(self, phrases: Iterable[str]) -> None:
        """Take phrases that have at least one word; case counts, but for a small first letter."""
        self.by_first: dict[str, set[Words]] = {}
        for phrase in phrases:
            for form in {phrase, phrase[:1].upper() + phrase[1:]}:
                if words := words_of(form):
                    self.by_first.setdefault(words[0], set()).add(words)

    def found_in(self, words: Words) -> set[Words]:
        """The different phrases among the words of a text, as their words."""
        return {
            phrase
            for at, word in enumerate(words)
            for phrase in self.by_first.get(word, ())
            if words[at : at + len(phrase)] == phrase
        }


class Bigrams:
    """A bigram model of words with Witten-Bell smoothing, down to a uniform one over a given vocabulary.

    ``P(w | v) = (c(v, w) + T(v) P(w)) / (c(v) + T(v))`` where ``T(v)`` counts the different words after ``v``; ``P(w)``
    is smoothed in the same way by ``1 / V``. Words outside the vocabulary are one unknown word.
    """

    START, END, UNKNOWN = "<s>", "</s>", "<unk>"

    def __init__(self, texts: Iterable[Sequence[str]], vocabulary: Iterable[str]) -> None:
        """Count the words of tokenised texts."""
        self.vocabulary = frozenset(vocabulary) | {self.UNKNOWN, self.END}
        self.words: Counter[str] = Counter()
        self.pairs: Counter[tuple[str, str]] = Counter()
        for words in texts:
            chain = self._chain(words)
            self.words.update(chain[1:])
            self.pairs.update(pairwise(chain))
        self.total, self.kinds = self.words.total(), len(self.words)
        self.before: Counter[str] = Counter()
        self.after: Counter[str] = Counter()
        for (first, _), count in self.pairs.items():
            self.before[first] += count
            self.after[first] += 1

    def probability(self, word: str, before: str) -> float:
        """``P(word | before)`` for words of the vocabulary; ``before`` may be ``START``."""
        uniform = 1 / len(self.vocabulary)
        alone = (self.words[word] + self.kinds * uniform) / (self.total + self.kinds) if self.total else uniform
        seen, kinds = self.before[before], self.after[before]
        return (self.pairs[before, word] + kinds * alone) / (seen + kinds) if seen else alone

    def cross_entropy(self, words: Sequence[str]) -> float:
        """Mean negative log probability of the words of a text and its end, in nats."""
        chain = self._chain(words)
        logs = [math.log(self.probability(word, before)) for before, word in pairwise(chain)]
        return -sum(logs) / len(logs)

    def _chain(self, words: Sequence[str]) -> list[str]:
        known = (word if word in self.vocabulary else self.UNKNOWN for word in words)
        return [self.START, *known, self.END]


def cross_entropy_differences(texts: Sequence[Words], seed: Sequence[Words]) -> list[float]:
    """``H_domain(text) - H_general(text)`` for every text: below 0 where it is likelier as text of the domain.

    Two bigram models: of the seed texts, and of as many words of the texts themselves, drawn evenly from the whole.
    Their vocabulary are the words that occur twice in the seed, case folded; all others are unknown to both.
    """
    folded, domain = ([tuple(map(str.casefold, words)) for words in some] for some in (texts, seed))
    counts = Counter(word for words in domain for word in words)
    vocabulary = [word for word, count in counts.items() if count > 1]
    enough = max(1, round(len(folded) * counts.total() / max(1, sum(map(len, folded)))))
    step = max(1, len(folded) // enough)
    ours, theirs = Bigrams(domain, vocabulary), Bigrams(folded[step // 2 :: step], vocabulary)
    return [ours.cross_entropy(words) - theirs.cross_entropy(words) for words in folded]


def words_of(text: str) -> Words:
    """The words of running text in any script, in one Unicode form; where a script has no spaces, its characters."""
    text = unicodedata.normalize("NFC", text)
    return tuple(text[start:end] for start, end in units(text))
