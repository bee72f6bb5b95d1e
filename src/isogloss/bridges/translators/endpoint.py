"""``openai:MODEL@URL``: a language model behind the chat interface that OpenAI defined and many servers speak."""

from __future__ import annotations

import http.client
import json
import logging
import os
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any, NoReturn

from isogloss.bridges.base import Translation, Translator
from isogloss.errors import ResourceError
from isogloss.languages import Language
from isogloss.tasks.base import clean

log = logging.getLogger("isogloss")

KEY = "ISOGLOSS_API_KEY"
FORM = "openai:MODEL@URL"
TRIES = 5
LONGEST_PAUSE = 60.0
PASSING = frozenset({408, 429, 500, 502, 503, 504, 529})
"""Answers after which it is worth trying again."""


class EndpointTranslator(Translator):
    """Asks a chat model for one translation a request, at temperature 0.

    What the model behind a name is can change without notice: the version is its name and no more.

    Args:
        model: as the server calls it.
        url: where the interface starts, usually ending in ``/v1``.
        seconds: after which an answer is no longer waited for.
        pause: seconds before the second try; each later pause is twice as long, unless the server names its own.
    """

    def __init__(self, model: str, url: str, *, seconds: float = 120, pause: float = 1) -> None:
        if not model or not url.startswith(("http://", "https://")):
            raise ResourceError(f"'openai:{model}@{url}' is not of the form {FORM}", fix="Write http:// or https://")
        self.model, self.url, self.seconds, self.pause = model, url.rstrip("/"), seconds, pause
        self.id, self.version = f"openai:{model}@{self.url}", model
        self._opener = urllib.request.build_opener(_NoRedirect)

    @classmethod
    def named(cls, name: str) -> EndpointTranslator:
        """From ``openai:MODEL@URL``. Raises ResourceError if the name is not of that form."""
        model, _, url = name.removeprefix("openai:").partition("@")
        return cls(model, url)

    def serves(self, source: str, target: str) -> bool:
        return Language.parse(source) != Language.parse(target)

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, best: int = 1
    ) -> list[tuple[Translation, ...]]:
        if not self.serves(source, target):
            raise ResourceError(f"{self.id} does not translate from {source} to itself", fix="Name two languages")
        names = [Language.parse(code).name for code in (source, target)]
        return [(Translation(text=self._ask(text, *names) if text.strip() else ""),) for text in texts]

    def _ask(self, text: str, source: str, target: str) -> str:
        order = f"Translate the user's text from {source} to {target}. Answer with the translation and nothing else."
        body = {
            "model": self.model,
            "temperature": 0,
            "messages": [{"role": "system", "content": order}, {"role": "user", "content": clean(text)}],
        }
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(KEY):
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(  # noqa: S310 (the scheme was checked)
            f"{self.url}/chat/completions", json.dumps(body).encode(), headers
        )
        return self._read(self._sent(request))

    def _sent(self, request: urllib.request.Request) -> bytes:
        """The server's answer, after as many tries as are worth it."""
        pause = self.pause
        for attempt in range(1, TRIES + 1):
            wait = pause
            try:
                with self._opener.open(request, timeout=self.seconds) as response:
                    answer: bytes = response.read()
                    return answer
            except urllib.error.HTTPError as error:
                trouble = f"it answered {error.code} {error.reason}{_said(error)}"
                if error.code not in PASSING:
                    self._give_up(trouble)
                named = error.headers.get("Retry-After", "")
                wait = float(named) if named.isdecimal() else pause
            except (OSError, http.client.HTTPException) as error:  # no connection, or one that broke
                trouble = str(getattr(error, "reason", error)) or type(error).__name__
            if attempt < TRIES:
                log.info("%s: %s; trying again.", self.id, trouble)
                time.sleep(min(wait, LONGEST_PAUSE))
                pause *= 2
        self._give_up(trouble)

    def _read(self, answer: bytes) -> str:
        try:
            choice: dict[str, Any] = json.loads(answer)["choices"][0]
            content, reason = choice["message"]["content"], choice.get("finish_reason")
        except (ValueError, LookupError, TypeError, AttributeError):
            self._give_up(f"its answer is not that of a chat model ({answer[:80].decode(errors='replace')!r})")
        if reason == "length":
            self._give_up("it stopped in the middle of a translation, at the length it allows")
        return content.strip() if isinstance(content, str) else ""

    def _give_up(self, trouble: str) -> NoReturn:
        raise ResourceError(
            f"The translator {self.id} failed: {trouble.rstrip('.')}", fix=f"Check the URL, the model and {KEY}"
        )


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Answers that point elsewhere are errors: the key is for the server the user named, and for no other."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def _said(error: urllib.error.HTTPError) -> str:
    """What the server says is wrong, on one line."""
    body = " ".join(error.read(2000).decode(errors="replace").split())
    try:
        body = json.loads(body)["error"]["message"]
    except (ValueError, LookupError, TypeError):
        log.debug("%s is not the usual form of an error", body)
    return f" ({str(body)[:200]})" if body else ""
