"""A chat endpoint on this machine: what is asked, what is tried again, and what is said when it fails."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from isogloss.bridges.translators import load_translator
from isogloss.bridges.translators.endpoint import EndpointTranslator
from isogloss.errors import ResourceError


class Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = []


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, dict(self.headers), body))
        said = body["messages"][-1]["content"]
        code, headers, answer = self.server.answers.pop(0) if self.server.answers else (200, {}, chat(said[::-1]))
        self.send_response(code)
        for name, value in {"Content-Length": str(len(answer)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: Any) -> None:
        pass


def chat(content: Any, reason: str = "stop") -> bytes:
    return json.dumps({"choices": [{"message": {"content": content}, "finish_reason": reason}]}).encode()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def translator(server: Server, **options: Any) -> EndpointTranslator:
    return EndpointTranslator("some-model", f"http://127.0.0.1:{server.server_port}/v1/", **{"pause": 0.0} | options)


def test_one_sentence_a_request(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISOGLOSS_API_KEY", "secret")
    found = translator(server).translate(["abc", "", " ", "Ọmọ \ud800"], "en", "yo")
    assert [one.text for (one,) in found] == ["cba", "", "", "\ufffd ọmỌ"]
    assert [path for path, _, _ in server.requests] == ["/v1/chat/completions"] * 2
    _, headers, body = server.requests[0]
    assert headers["Authorization"] == "Bearer secret"
    assert (body["model"], body["temperature"]) == ("some-model", 0)
    assert "from English to Yoruba" in body["messages"][0]["content"]


def test_no_key_is_no_header(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ISOGLOSS_API_KEY", raising=False)
    name = f"openai:a@b@http://127.0.0.1:{server.server_port}/v1".replace("a@b", "org/model:7b")
    found = load_translator(name, cache=None)
    assert (found.id, found.version) == (name, "org/model:7b")
    found.translate(["abc"], "eng", "yor")
    assert "Authorization" not in server.requests[0][1]


@pytest.mark.parametrize("code", [429, 500, 503])
def test_passing_trouble_is_tried_again(server: Server, code: int) -> None:
    server.answers = [(code, {"Retry-After": "0"}, b""), (code, {}, b"busy")]
    assert translator(server).translate(["abc"], "eng", "yor")[0][0].text == "cba"
    assert len(server.requests) == 3


def test_it_gives_up_in_the_end(server: Server) -> None:
    server.answers = [(503, {}, b'{"error": {"message": "overloaded"}}')] * 9
    with pytest.raises(ResourceError, match=r"it answered 503 .*overloaded"):
        translator(server).translate(["abc"], "eng", "yor")
    assert len(server.requests) == 5


@pytest.mark.parametrize(("answer", "message"), [
    ((401, {}, b'{"error": {"message": "wrong key"}}'), "401 Unauthorized \\(wrong key\\)"),
    ((400, {}, b"context too long"), "400 Bad Request \\(context too long\\)"),
    ((302, {"Location": "http://127.0.0.1:9/steal"}, b""), "it answered 302"),
    ((200, {}, b"<html>"), "its answer is not that of a chat model"),
    ((200, {}, b"[]"), "its answer is not that of a chat model"),
    ((200, {}, b'{"choices": []}'), "its answer is not that of a chat model"),
    ((200, {}, chat("half a", "length")), "stopped in the middle"),
])  # fmt: skip
def test_lasting_trouble_is_one_sentence(server: Server, answer: Any, message: str) -> None:
    server.answers = [answer]
    with pytest.raises(ResourceError, match=message):
        translator(server).translate(["abc"], "eng", "yor")
    assert len(server.requests) == 1


def test_an_empty_answer_is_an_empty_translation(server: Server) -> None:
    server.answers = [(200, {}, chat(None)), (200, {}, chat("  "))]
    assert [one.text for (one,) in translator(server).translate(["a", "b"], "eng", "yor")] == ["", ""]


def test_nobody_there() -> None:
    with pytest.raises(ResourceError, match=r"failed: .*refused"):
        EndpointTranslator("m", "http://127.0.0.1:9/v1", pause=0).translate(["a"], "eng", "yor")


@pytest.mark.parametrize("name", ["openai:model", "openai:@http://x", "openai:m@file:///etc/passwd"])
def test_a_wrong_form(name: str) -> None:
    with pytest.raises(ResourceError, match="openai:MODEL@URL"):
        load_translator(name)
