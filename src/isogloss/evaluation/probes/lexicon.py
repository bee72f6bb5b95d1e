"""The words of a language, and how a formula becomes a sentence: tables of forms and templates, no grammar."""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from isogloss.errors import DataError
from isogloss.evaluation.probes.forms import Formula
from isogloss.languages import Language, find

LANGS = ("eng", "por", "spa", "deu", "zho")
TABLES = ("names", "cities", "persons", "acts", "deals", "meets", "pasts", "things", "adjectives", "numbers")
_LETTERS = re.compile(r"[^\W\d_]+")


class Word:
    """A concept in a language: its forms as attributes, its usual one as text."""

    def __init__(self, forms: Mapping[str, str]) -> None:
        self.forms = forms

    def __getattr__(self, name: str) -> str:
        try:
            return self.forms[name]
        except KeyError:
            raise AttributeError(f"'{self}' has no form '{name}'") from None

    def __str__(self) -> str:
        return next(iter(self.forms.values()))

    def agreeing(self, other: Word) -> Word:
        """This word with the form first that agrees with another's gender."""
        form = self.forms.get(other.forms.get("g", "m"), str(self))
        return Word({"it": form} | dict(self.forms))


@dataclass(frozen=True, kw_only=True)
class Lexicon:
    """The lexicon of a language.

    Attributes:
        lang: canonical code.
        space, stop: between sentences, and at their end.
        templates: sentence patterns by the head of the formula.
        words: by table and concept.
        operators, tautologies: by name.
        place: the pattern of "from Lisbon".
        function_words: what the spelling probe leaves alone, in lower case; characters in Chinese.
    """

    lang: str
    space: str
    stop: str
    templates: Mapping[str, str]
    words: Mapping[str, Mapping[str, Word]]
    operators: Mapping[str, str]
    tautologies: Mapping[str, str]
    place: str
    function_words: frozenset[str]

    @classmethod
    @cache
    def of(cls, lang: str) -> Lexicon:
        """The lexicon of a language. Raises DataError where there is none."""
        match = find(lang, LANGS)
        if match is None:
            raise DataError(
                f"There is no probe lexicon of {Language.parse(lang).name}", fix=f"There are: {', '.join(LANGS)}"
            )
        file = resources.files("isogloss.evaluation.probes") / "lexicons" / f"{match.code}.toml"
        return cls._read(match.code, tomllib.loads(file.read_text(encoding="utf-8")))

    @classmethod
    def _read(cls, lang: str, data: Mapping[str, Any]) -> Lexicon:
        words = {table: _table(data[table], data["articles"]) for table in TABLES}
        fixed = [
            text for template in data["templates"].values() for text, *_ in string.Formatter().parse(template) if text
        ]
        numbers = [form for word in words["numbers"].values() for form in word.forms.values()]
        listed = [*data["function_words"], *fixed, *numbers, *data["operators"].values(), *data["tautologies"].values()]
        found = {unit.lower() for text in listed for unit in _LETTERS.findall(text)}
        return cls(
            lang=lang,
            space=data["space"],
            stop=data["stop"],
            templates=data["templates"],
            words=words,
            operators=data["operators"],
            tautologies=data["tautologies"],
            place=data["from"],
            function_words=frozenset(c for word in found for c in word) if lang == "zho" else frozenset(found),
        )

    def text(self, *formulas: Formula) -> str:
        """Formulas as sentences, one after the other."""
        return self.space.join(_capital(self.clause(formula)) + self.stop for formula in formulas)

    def clause(self, formula: Formula, mode: str = "") -> str:
        """A formula as a clause; ``mode`` is ``_sub`` after "if" and ``_then`` after that, where word order differs."""
        head, *parts = formula
        fill = getattr(self, f"_{head}", None)
        if fill is not None:
            return str(fill(*parts, mode=mode))
        if head in ("every", "not_every", "some", "no"):
            person, city, act = parts
            where = "" if city is None else self.place.format(c=self.words["cities"][city])
            return self._say(head, p=self.words["persons"][person], where=where, v=self.words["acts"][act])
        if head in ("did", "did_two"):
            person, meet, *others = parts
            roles = {role: self.words["persons"][other] for role, other in zip("qr", others, strict=False)}
            return self._say(head, p=self.words["persons"][person], v=self.words["meets"][meet], **roles)
        *persons, past = parts  # past, next
        roles = {role: self.words["persons"][person] for role, person in zip("pq", persons, strict=False)}
        return self._say(head, v=self.words["pasts"][past], **roles)

    def _act(self, name: str, act: str, city: str | None = None, *, denied: str = "", mode: str = "") -> str:
        where: dict[str, Word | str] = {} if city is None else {"c": self.words["cities"][city]}
        head = "act_in" if where else "act"
        return self._say(head + denied, mode, a=self.words["names"][name], v=self.words["acts"][act], **where)

    def _is(self, name: str, adjective: str, *, denied: str = "", mode: str = "") -> str:
        who = self.words["names"][name]
        return self._say("is" + denied, mode, a=who, x=self.words["adjectives"][adjective].agreeing(who))

    def _not(self, inner: Formula, *, mode: str = "") -> str:
        return str(getattr(self, f"_{inner[0]}")(*inner[1:], denied="_not", mode=mode))

    def _false(self, inner: Formula, *, mode: str = "") -> str:
        clause = self.clause(inner)
        return self._say("false", s=clause, S=_capital(clause))

    def _and(self, left: Formula, right: Formula, *, mode: str = "") -> str:
        return self._joined("and", left, right)

    def _or(self, left: Formula, right: Formula, *, mode: str = "") -> str:
        return self._joined("or", left, right)

    def _joined(self, head: str, left: Formula, right: Formula) -> str:
        if left[0] == right[0] == "act" and left[2:] == right[2:] and len(left) == 3:
            a, b = (self.words["names"][part[1]] for part in (left, right))
            return self._say(f"{head}_act", a=a, b=b, v=self.words["acts"][left[2]])
        return self._say(head, s=self.clause(left), t=self.clause(right))

    def _nor(self, left: Formula, right: Formula, *, mode: str = "") -> str:
        a, b = (self.words["names"][part[1]] for part in (left, right))
        return self._say("nor", a=a, b=b, v=self.words["acts"][left[2]])

    def _if(self, left: Formula, right: Formula, *, mode: str = "") -> str:
        return self._say("if", s=self.clause(left, "_sub"), t=self.clause(right, "_then"))

    def _count(self, name: str, deal: str, thing: str, op: str, n: int, style: str, *, mode: str = "") -> str:
        what = self.words["things"][thing]
        number = str(n) if style == "digits" else str(self.words["numbers"][str(n)].agreeing(what))
        who, verb = self.words["names"][name], self.words["deals"][deal]
        return self._say("count", f"_{op}", a=who, v=verb, op=self.operators[op], n=number, t=what)

    def _more(self, name: str, other: str, deal: str, thing: str, *, mode: str = "") -> str:
        a, b = self.words["names"][name], self.words["names"][other]
        return self._say("more", a=a, b=b, v=self.words["deals"][deal], t=self.words["things"][thing])

    def _equal(self, name: str, _: str, *, mode: str = "") -> str:
        return self.tautologies[name]

    def _differ(self, name: str, other: str, *, mode: str = "") -> str:
        return self.tautologies[f"not_{other}"]

    def _appended(self, left: Formula, right: Formula, *, mode: str = "") -> str:
        return self._say("appended", s=self.clause(left), t=self.clause(right))

    def _say(self, head: str, mode: str = "", /, **slots: Word | str) -> str:
        return (self.templates.get(head + mode) or self.templates[head]).format(**slots)


def _table(table: Mapping[str, list[str]], articles: Mapping[str, Mapping[str, str]]) -> dict[str, Word]:
    """Words by concept: their own forms, and those with an article where their gender has some."""
    fields = table["fields"]
    words = {}
    for concept, forms in table.items():
        if concept != "fields":
            named = dict(zip(fields, forms, strict=False))
            phrases = articles.get(named["g"], {}) if "sg" in named else {}
            words[concept] = Word(named | {name: phrase.format(**named) for name, phrase in phrases.items()})
    return words


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
