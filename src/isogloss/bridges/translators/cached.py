"""A cache of translations on disk: what was translated once is never translated again, however the run ended."""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from isogloss.bridges.base import Attention, Scored, StepDecoder, Translation, Translator
from isogloss.errors import ResourceError
from isogloss.languages import Language

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger("isogloss")

STEM = "translations"
CHUNK = 256
BUSY_SECONDS = 60
MOST_FILES = 9
ASKED = 500
"""Keys of one query."""


class Cached(Translator):
    """A translator that remembers. Everything but translations of plain text goes straight to it.

    Entries are kept by name and version of the translator, pair of languages, text and number of translations. Each
    carries a checksum: one that does not fit is translated again. New ones are stored every ``chunk`` texts, so that
    nothing is lost but the last chunk when a run is stopped or the translator breaks down. Several processes may use
    one folder. A file that is no longer a database stays where it is and the next one (``translations-2.sqlite``)
    takes its place, with a warning.

    Args:
        translator: what translates.
        folder: of the cache; made when it is needed.
        chunk: how many texts are translated before their translations are stored.

    Attributes:
        hits, misses: texts that were found, and that were not.
    """

    def __init__(self, translator: Translator, folder: Path, chunk: int = CHUNK) -> None:
        self.translator, self.folder, self.chunk = translator, folder, chunk
        self.id, self.version, self.abilities = translator.id, translator.version, translator.abilities
        self.hits = self.misses = 0
        self._file = 1

    def serves(self, source: str, target: str) -> bool:
        return self.translator.serves(source, target)

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, best: int = 1
    ) -> list[tuple[Translation, ...]]:
        codes = [Language.parse(code).code for code in (source, target)]
        keys = [_digest(self.id, self.version, *codes, text, best) for text in texts]
        known = self._found(list(dict.fromkeys(keys)))
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        self.hits += sum(key in known for key in keys)
        self.misses += sum(key not in known for key in keys)
        todo = list(missing.items())
        for first in range(0, len(todo), self.chunk):
            some = todo[first : first + self.chunk]
            made = self.translator.translate([text for _, text in some], source, target, best=best)
            fresh = {key: translations for (key, _), translations in zip(some, made, strict=True)}
            self._store(fresh)
            known |= fresh
        if not texts:  # the pair is checked all the same
            self.translator.translate([], source, target, best=best)
        return [known[key] for key in keys]

    def translate_markup(self, texts: Sequence[str], source: str, target: str) -> list[str]:
        """As the translator does it; ability ``markup``."""
        translator: Any = self.translator
        return list(translator.translate_markup(texts, source, target))

    def score(self, pairs: Sequence[tuple[str, str]], source: str, target: str) -> list[Scored]:
        return self.translator.score(pairs, source, target)

    def attend(self, pairs: Sequence[tuple[str, str]], source: str, target: str) -> list[Attention]:
        return self.translator.attend(pairs, source, target)

    def decoder(self, source: str, target: str) -> StepDecoder:
        return self.translator.decoder(source, target)

    def _found(self, keys: Sequence[str]) -> dict[str, tuple[Translation, ...]]:
        rows: list[tuple[str, str, str]] = []
        for first in range(0, len(keys), ASKED):
            some = keys[first : first + ASKED]
            marks = ", ".join("?" * len(some))
            rows += self._run(f"SELECT key, value, checksum FROM {STEM} WHERE key IN ({marks})", [some])  # noqa: S608
        found = {}
        for key, value, checksum in rows:
            if checksum != _digest(key, value):
                log.warning("An entry of the cache %s is damaged; the text is translated again.", self._path())
                continue
            found[key] = tuple(Translation(text=text, score=score) for text, score in json.loads(value))
        return found

    def _store(self, fresh: dict[str, tuple[Translation, ...]]) -> None:
        values = {key: json.dumps([[one.text, one.score] for one in some]) for key, some in fresh.items()}
        rows = [(key, value, _digest(key, value)) for key, value in values.items()]
        self._run(f"INSERT OR REPLACE INTO {STEM} VALUES (?, ?, ?)", rows)  # noqa: S608

    def _path(self) -> Path:
        return self.folder / f"{STEM}{f'-{self._file}' if self._file > 1 else ''}.sqlite"

    def _run(self, command: str, rows: Sequence[Sequence[str]]) -> list[tuple[str, str, str]]:
        """One command, for each row of values; in the first file that is whole."""
        while True:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                with closing(sqlite3.connect(self._path(), timeout=BUSY_SECONDS)) as base, base:
                    base.execute("PRAGMA journal_mode = WAL")
                    base.execute("PRAGMA synchronous = NORMAL")
                    base.execute(f"CREATE TABLE IF NOT EXISTS {STEM} (key PRIMARY KEY, value, checksum) WITHOUT ROWID")
                    if command.startswith("SELECT"):
                        return [row for values in rows for row in base.execute(command, values)]
                    base.executemany(command, rows)
                    return []
            except (sqlite3.OperationalError, OSError) as error:
                raise ResourceError(
                    f"The cache of translations cannot be used ({error})",
                    where=self._path(),
                    fix="Free disk space, set ISOGLOSS_CACHE to another folder, or remove the file",
                ) from error
            except sqlite3.DatabaseError as error:
                damaged = self._path()
                if self._file == MOST_FILES:
                    raise ResourceError(
                        f"All {MOST_FILES} caches of translations are damaged", where=damaged, fix="Remove the files"
                    ) from error
                self._file += 1
                log.warning("%s is damaged (%s); translations are kept in %s.", damaged, error, self._path().name)


def _digest(*parts: str | int) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
