"""The admin API as the command line speaks it: http.client, and nothing that waits for ever.

Every wait and every answer has a bound, because the other side may be anything that listens on that
port. What the API refuses (a problem document, RFC 9457) is raised as the RequestError it was made
from; what is no answer at all becomes a RequestError too, with a sentence about what to look at.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, Final
from urllib.parse import urlencode, urlsplit

from resolver import __version__
from resolver.errors import RequestError, SettingsError

SECONDS: Final = 30.0
"""Time limit for a single wait of a question that changes little."""
PUSH_SECONDS: Final = 600.0
"""Time limit for the answer to a push: a list of millions of names is compiled meanwhile."""
MAX_ANSWER: Final = 32 << 20
"""Octets of the largest answer that is read."""

_CHUNK: Final = 1 << 16
_LEGAL: Final = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True)
class Answer:
    """A good answer (2xx): its JSON, whatever it is; None for an empty one."""

    status: int
    json: Any

    @property
    def members(self) -> dict[str, Any]:
        """The members of an answer that is an object. Raises RequestError when it is none."""
        if isinstance(self.json, dict):
            return self.json
        raise RequestError(502, "not-understood", "The server's answer is not understood", "is it a Belisha?")


@dataclass(frozen=True)
class Upload:
    """A body that is read while it is sent. `size` in octets, None when only the end will tell;
    `sent` is told how many octets went out each time."""

    file: IO[bytes]
    size: int | None
    encoding: str = ""
    sent: Callable[[int], object] = lambda octets: None

    def headers(self) -> dict[str, str]:
        """What the server must know of it beforehand."""
        length = {"Transfer-Encoding": "chunked"} if self.size is None else {"Content-Length": str(self.size)}
        packed = {"Content-Encoding": self.encoding} if self.encoding else {}
        return {"Content-Type": "text/plain", **length, **packed}

    def chunks(self) -> Iterator[bytes]:
        """The octets, a piece at a time."""
        while piece := self.file.read(_CHUNK):
            yield piece
            self.sent(len(piece))


class Client:
    """One admin API. Raises SettingsError when `url` or `token` cannot be one."""

    def __init__(self, url: str, token: str | None = None) -> None:
        """`url` is the root of the API; a path in it is kept, for a proxy that has others beside it.

        What urlsplit lets pass is looked at again: a query or a user in the URL would be dropped
        without a word, and a line break in the token would add a header of somebody's choosing.
        """
        try:
            parts = urlsplit(url)
            self._port: Final = parts.port
        except ValueError:
            raise SettingsError(f"`{url}` is not a URL such as http://127.0.0.1:8053") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise SettingsError(f"`{url}` is not a URL such as http://127.0.0.1:8053")
        if token is not None and not _LEGAL.fullmatch(token):
            raise SettingsError("the token holds blanks or other characters that no token has")
        self.url: Final = url.rstrip("/")
        self._secure: Final = parts.scheme == "https"
        self._host: Final = parts.hostname
        self._base: Final = parts.path.rstrip("/")
        self._token: Final = token

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int | bool | None] | None = None,
        *,
        body: Any = None,
        upload: Upload | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = SECONDS,
    ) -> Answer:
        """Put a question and read the answer.

        `body` is sent as JSON, `upload` as it is; a query value of None or "" is left out. Raises
        RequestError for everything that is not a 2xx answer.
        """
        status, data = self._asked(method, self._target(path, query), body, upload, headers or {}, seconds)
        return Answer(status, self._json(data))

    def text(self, path: str) -> str:
        """An answer of lines. Raises RequestError for everything that is not a 2xx answer."""
        _, data = self._asked("GET", self._target(path, None), None, None, {"Accept": "text/plain"}, SECONDS)
        return data.decode("utf-8", "replace")

    def _asked(
        self,
        method: str,
        target: str,
        body: Any,
        upload: Upload | None,
        headers: Mapping[str, str],
        seconds: float,
    ) -> tuple[int, bytes]:
        """Status and octets of a good answer. Raises RequestError for every other one, and for none."""
        # One connection for one question: a command asks once or twice and ends.
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=seconds)
        try:
            status, media_type, data = self._talk(connection, method, target, body, upload, headers)
        except TimeoutError as error:
            raise self._no_answer(f"does not answer within {seconds:g} s") from error
        except http.client.HTTPException as error:
            raise self._no_answer(f"gives an answer that is no HTTP ({type(error).__name__})") from error
        except OSError as error:
            raise self._no_answer(f"cannot be reached ({error.strerror or error})") from error
        finally:
            connection.close()
        if not 200 <= status < 300:
            raise _problem(status, media_type, data)
        return status, data

    def _talk(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        target: str,
        body: Any,
        upload: Upload | None,
        headers: Mapping[str, str],
    ) -> tuple[int, str, bytes]:
        """Send, receive: status, media type and octets of the answer."""
        sent = {"Accept": "application/json", "User-Agent": f"belisha/{__version__}", **headers}
        if self._token:
            sent["Authorization"] = f"Bearer {self._token}"
        try:
            if upload is not None:
                connection.request(
                    method,
                    target,
                    upload.chunks(),
                    sent | upload.headers(),
                    encode_chunked=upload.size is None,
                )
            elif body is not None:
                data = json.dumps(body).encode()
                connection.request(method, target, data, sent | {"Content-Type": "application/json"})
            else:
                connection.request(method, target, headers=sent)
        except (BrokenPipeError, ConnectionResetError):
            # A server that refuses early answers and closes while we still send: read what it said.
            pass
        answer = connection.getresponse()
        # One octet more than is allowed tells an answer that is too long from one that just fits.
        data = answer.read(MAX_ANSWER + 1)
        if len(data) > MAX_ANSWER:
            raise self._no_answer("gives an answer without end")
        return answer.status, answer.headers.get_content_type(), data

    def _target(self, path: str, query: Mapping[str, str | int | bool | None] | None) -> str:
        """Path and query. What is not said is left out, so that the server's defaults hold; `true` is
        written as the API reads it."""
        words = {
            key: str(value).lower() if isinstance(value, bool) else str(value)
            for key, value in (query or {}).items()
            if value is not None and value != "" and value is not False
        }
        return self._base + path + (f"?{urlencode(words)}" if words else "")

    def _json(self, data: bytes) -> Any:
        """The JSON of a good answer. Raises RequestError when it is none."""
        if not data:
            return None
        try:
            return json.loads(data)
        except ValueError as error:
            raise self._no_answer("gives an answer that is no JSON") from error

    def _no_answer(self, what: str) -> RequestError:
        """The error for everything that is no answer of ours, in the terms of one (503)."""
        return RequestError(
            503,
            "no-answer",
            "No answer from the admin API",
            f"{self.url} {what}. Is `belisha serve` running there? --url or BELISHA_URL names another place.",
        )


def _problem(status: int, media_type: str, data: bytes) -> RequestError:
    """The error that the server answered with.

    Whatever stands between may answer instead, a proxy with a page of its own for instance: then the
    status is all that is known, and the sentence asks whether this is Belisha at all.
    """
    try:
        document = json.loads(data) if media_type.endswith("json") else None
    except ValueError:
        document = None
    if not isinstance(document, dict):
        return RequestError(
            status,
            "not-understood",
            f"The server answers {status}",
            "and no problem document; is this the admin API of Belisha?",
        )
    members = {
        key: value for key, value in document.items() if key not in ("type", "title", "status", "detail")
    }
    code = str(document.get("type", "")).rpartition(":")[2] or "unknown"
    title = str(document.get("title") or f"The server answers {status}")
    return RequestError(status, code, title, str(document.get("detail") or ""), members)
