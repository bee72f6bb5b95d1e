"""Raw text to pretrain on: cleaned, checked for its language, a part of it held out, its languages sampled."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from isogloss.errors import DataError
from isogloss.languages import Language, detect, units
from isogloss.languages.alphabet import unicode_scripts, written_in
from isogloss.languages.detect import known_languages
from isogloss.languages.registry import macrolanguage
from isogloss.ledger import normalise
from isogloss.train.schedule import Plan, plan_batches

if TYPE_CHECKING:
    from collections.abc import Callable

    from isogloss.example import Example
    from isogloss.problem import Problem

Languages = Literal["all", "targets"]
"""Whose text: that of the targets and of the source, or that of the targets alone."""

HELD_OUT, MOST_HELD_OUT = 20, 200
"""Every twentieth line is held out, and so many lines of a language at most."""

SAMPLE = 200
"""Lines by which a corpus' language is judged."""
WRITTEN, CLEAR = 0.2, 0.8
"""Share of letters in its own script below which a corpus is refused; share of lines in another language from which."""


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """The raw text of one language: examples with the field ``text``.

    Attributes:
        lang: canonical code.
        train: the lines to train on.
        held_out: lines that are never trained on, none of which is among ``train``.
        left_out: how many lines were too short, had no words, or were there before.
        raw: whether it is raw text, and not the input of labelled examples.
    """

    lang: str
    train: tuple[Example, ...]
    held_out: tuple[Example, ...]
    left_out: int = 0
    raw: bool = True

    @property
    def examples(self) -> tuple[Example, ...]:
        """All lines in use."""
        return (*self.train, *self.held_out)

    def fingerprint(self) -> str:
        """SHA-256 over the lines."""
        content = (self.lang, *([e.fields["text"] for e in part] for part in (self.train, self.held_out)))
        return hashlib.sha256(repr(content).encode("utf-8", "surrogatepass")).hexdigest()


def read_corpora(problem: Problem, *, languages: Languages = "all", min_words: int = 6) -> list[Corpus]:
    """The raw text of a problem by language, targets first, each in the order of its lines.

    A source language without raw text is represented by the input texts of its training examples. Test texts are not
    looked at. Lines with fewer than ``min_words`` words, without any letter, or that were there before (up to case and
    punctuation) are left out, as in the cleaning of Alabi et al. (2022). A part that wants a line several times names
    the same example so often: then it counts so often, and all of them are trained on or held out.

    Raises:
        DataError: a language has no text, or hardly a line of it is left.
    """
    langs = (*problem.targets, *(problem.source if languages == "all" else ()))
    return [_corpus(problem, lang, min_words) for lang in dict.fromkeys(langs)]


def _corpus(problem: Problem, lang: str, min_words: int) -> Corpus:
    lines = problem.unlabelled.get(lang, ())
    raw = bool(lines)
    if not raw:
        lines = tuple(_inputs(problem, lang))
    name = problem.spelling(lang)
    if not lines:
        raise DataError(f"There is no raw text in {name}", fix=f"Add unlabelled/{name}.txt")
    kept: list[Example] = []
    seen: dict[str, Example] = {}
    for example in lines:
        text = example.fields["text"]
        form = normalise(text)
        if seen.setdefault(form, example) is example and any(map(str.isalpha, text)) and _words(text) >= min_words:
            kept.append(example)
    different = list({id(example): example for example in kept}.values())
    if len(different) < 2:
        raise DataError(
            f"Of {len(lines)} lines in {name} {len(different)} can be trained on: the others have fewer than "
            f"{min_words} words, or were there before",
            where=_file(lines),
            fix="Put whole sentences or paragraphs there, one a line, or lower min_words",
        )
    count = min(MOST_HELD_OUT, max(1, len(different) // HELD_OUT))
    held_out = tuple(different[round((i + 0.5) * len(different) / count - 0.5)] for i in range(count))
    apart = {id(example) for example in held_out}
    return Corpus(
        lang=lang,
        train=tuple(example for example in kept if id(example) not in apart),
        held_out=held_out,
        left_out=len(lines) - len(kept),
        raw=raw,
    )


def _words(text: str) -> int:
    """Words, or characters of a script without spaces, that are no punctuation."""
    return sum(any(c.isalnum() for c in text[start:end]) for start, end in units(text))


def _inputs(problem: Problem, lang: str) -> Iterator[Example]:
    """The input texts of training examples as raw text."""
    for example in problem.train.get(lang, ()):
        for text in problem.task.texts(example.fields):
            yield replace(example, fields={"text": text}, views={})


def check_language(corpus: Corpus, spelled: str, say: Callable[[str], None], *, part: str) -> None:
    """Refuse raw text that is clearly in another language than it is said to be, by its letters and by lingua.

    Lingua is asked where it is installed. A language that it does not know may look to it like a relative that it
    knows (Naija like English), and so may one in another script than the usual one: then the user is told, and nothing
    is refused.

    Raises:
        DataError: fewer than a fifth of the letters are of the language's script, or four fifths of the lines are in
            another language.
    """
    lines = corpus.train[:: max(1, len(corpus.train) // SAMPLE)][:SAMPLE]
    texts, language, where = [e.fields["text"] for e in lines], Language.parse(corpus.lang), _file(lines)
    anyway = f"or use it as it is with --set {part}.check=false"
    share, usual = _in_script(texts, language)
    if share < WRITTEN:
        raise DataError(
            f"{share:.0%} of the letters are of the script of {language.name} ({language.script}), most are {usual}",
            where=where,
            fix=f"Write the script into the code (such as '{spelled}_Cyrl'), give other text, {anyway}",
        )
    try:
        known = known_languages()
    except ImportError:
        return
    found = Counter(detect(texts)).most_common(1)[0]
    other = Language.parse(found[0])
    if found[0] == "und" or _same(_of_domain(language), other) or found[1] < CLEAR * len(texts):
        return
    what = f"{found[1]} of {len(texts)} lines look like {other.name} ({other.code}), not {language.name} ({spelled})"
    if language.code == language.base and any(_same(language, Language.parse(code)) for code in known):
        raise DataError(what, where=where, fix=f"Give text in {language.name}, {anyway}")
    say(f"{where}: {what}, which the detector does not know.")


def _in_script(texts: Sequence[str], language: Language) -> tuple[float, str]:
    """The share of letters in a language's script, 1 where no script is known; and what most letters are called."""
    letters = Counter(c for text in texts for c in text if c.isalpha())
    common, _ = Counter(_alphabet(c) for c in letters.elements()).most_common(1)[0]
    if not language.script:
        return 1.0, common
    try:
        own = sum(count for c, count in letters.items() if written_in(c, unicode_scripts(language.script)))
    except ValueError:  # a script that Unicode does not have
        return 1.0, common
    return own / letters.total(), common


def _alphabet(letter: str) -> str:
    return unicodedata.name(letter, "unnamed").split()[0].capitalize()


def _same(one: Language, other: Language) -> bool:
    """Whether two languages are one, or members of one macrolanguage."""
    return bool({one.base, macrolanguage(one.base)} & {other.base, macrolanguage(other.base)} - {"", None})


def _of_domain(language: Language) -> Language:
    """The language that a domain is in: English for ``eng-x-law``; the language itself where it is none."""
    return Language.parse(language.base.partition("-x-")[0] or language.base)


def _file(lines: Sequence[Example]) -> str | None:
    return lines[0].place.rpartition(":")[0] or None


def sample_languages(
    lengths: Sequence[int],
    langs: Sequence[str],
    *,
    alpha: float = 1.0,
    epochs: int = 1,
    steps: int = 0,
    batch_size: int = 16,
    seed: int = 1,
) -> Plan:
    """Batches in which a language with n rows takes part in proportion to ``n ** alpha``.

    Each language is gone through in random order, again from the start when it is used up. With ``alpha`` 1 an epoch
    holds every row once: a shuffled concatenation. With 0 all languages have the same share.

    Args:
        lengths: pieces of each row.
        langs: language of each row.
        alpha: the exponent, one divided by the temperature.
        epochs: passes, each of as many rows as there are.
        steps: where not 0, exactly so many batches, whatever ``epochs`` says.
        batch_size: rows in a batch, all of like length.
        seed: of the order.
    """
    import numpy as np

    generator = np.random.default_rng(seed)
    own = {lang: [row for row, its in enumerate(langs) if its == lang] for lang in dict.fromkeys(langs)}
    quotas = _quotas({lang: len(rows) for lang, rows in own.items()}, alpha)
    waiting: dict[str, list[int]] = {lang: [] for lang in own}
    plan: Plan = []
    epoch = 0
    while len(plan) < steps if steps else epoch < epochs:
        drawn: list[int] = []
        for lang, quota in quotas.items():
            while len(waiting[lang]) < quota:
                waiting[lang] += generator.permutation(own[lang]).tolist()
            drawn += waiting[lang][:quota]
            waiting[lang] = waiting[lang][quota:]
        batches = plan_batches(
            [lengths[row] for row in drawn], epochs=1, batch_size=batch_size, seed=int(generator.integers(1 << 31))
        )
        plan += [[drawn[i] for i in batch] for batch in batches]
        epoch += 1
    return plan[:steps] if steps else plan


def _quotas(counts: dict[str, int], alpha: float) -> dict[str, int]:
    """Rows of each language in an epoch: in proportion to ``n ** alpha``, as many as there are in all."""
    powers = {lang: count**alpha for lang, count in counts.items()}
    exact = {lang: sum(counts.values()) * power / sum(powers.values()) for lang, power in powers.items()}
    quotas = {lang: int(share) for lang, share in exact.items()}
    missing = sum(counts.values()) - sum(quotas.values())
    for lang in sorted(exact, key=lambda lang: quotas[lang] - exact[lang])[:missing]:
        quotas[lang] += 1
    return quotas
