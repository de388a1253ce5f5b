"""An admin API with answers made up by the test, and the command line run against it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from click.testing import CliRunner, Result

from resolver.cli import main

TOKEN = "bel_abcdefgh_throwaway"


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Api:
    """`answers`: (method, path) -> status and body, what is not there is 404; `asked`: what came."""

    url: str
    answers: dict[tuple[str, str], tuple[int, Any]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def run(self, *arguments: str, stdin: bytes | None = None, token: str = TOKEN) -> Result:
        """`belisha ARGUMENTS` against this API."""
        environment = {"BELISHA_URL": self.url, "BELISHA_TOKEN": token, "BELISHA_CONFIG": ""}
        return CliRunner(env=environment).invoke(main, list(arguments), input=stdin, catch_exceptions=False)


def problem(status: int, code: str, title: str, detail: str, **extra: Any) -> tuple[int, Any]:
    """An answer that refuses (RFC 9457)."""
    document = {"type": f"urn:belisha:problem:{code}", "title": title, "status": status, "detail": detail}
    return status, {**document, **extra}


@pytest.fixture
def api() -> Iterator[Api]:
    """A server in a thread, on a port of its own."""
    made = Api("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            made.asked.append(
                Asked(
                    self.command, parts.path, dict(parse_qsl(parts.query)), dict(self.headers), self._body()
                )
            )
            status, answer = made.answers.get((self.command, parts.path), (404, {"title": "nothing here"}))
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            kind = "text/html" if isinstance(answer, bytes) else "application/problem+json"
            self.send_header("Content-Type", kind if status >= 400 else "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PUT = do_POST = handle_any

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found = b""
            while size := int(self.rfile.readline(), 16):
                found += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return found

        def log_message(self, format: str, *arguments: Any) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        server.shutdown()
        thread.join()
