"""The API as the command line speaks it: good answers, refusals, and everything that is no answer."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterator

import pytest

from resolver.cli import client as client_file
from resolver.cli.client import Client, Upload
from resolver.errors import RequestError, SettingsError
from tests.unit.cli.api import TOKEN, Api, problem


def test_a_good_answer(api: Api) -> None:
    api.answers["GET", "/v1/lists"] = (200, {"lists": []})
    answer = Client(api.url + "/", "bel_x").ask(
        "GET", "/v1/lists", {"a": "x y&z", "b": None, "c": True, "d": False}
    )
    assert (answer.status, answer.members) == (200, {"lists": []})
    [asked] = api.asked
    assert asked.query == {"a": "x y&z", "c": "true"}
    assert asked.headers["Authorization"] == "Bearer bel_x"
    assert asked.headers["User-Agent"].startswith("belisha/")


def test_without_a_token_none_is_sent(api: Api) -> None:
    api.answers["GET", "/readyz"] = (200, {})
    Client(api.url).ask("GET", "/readyz")
    assert "Authorization" not in api.asked[0].headers


def test_a_prefix_of_a_proxy_is_kept(api: Api) -> None:
    api.answers["GET", "/dns/v1/lists"] = (200, {})
    assert Client(f"{api.url}/dns/").ask("GET", "/v1/lists").status == 200


def test_a_json_body(api: Api) -> None:
    api.answers["POST", "/v1/transactions"] = (200, {})
    Client(api.url).ask("POST", "/v1/transactions", body={"changes": ["ü"]})
    assert api.asked[0].json == {"changes": ["ü"]}
    assert api.asked[0].headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("size", [None, 200_000], ids=["chunked", "length known"])
def test_an_upload_is_streamed_and_counted(api: Api, size: int | None) -> None:
    api.answers["PUT", "/v1/lists/x/content"] = (200, {})
    data = b"0123456789" * 20_000
    counted: list[int] = []
    upload = Upload(io.BytesIO(data), size, "gzip", counted.append)
    Client(api.url).ask("PUT", "/v1/lists/x/content", upload=upload)
    [asked] = api.asked
    assert asked.body == data
    assert sum(counted) == len(data)
    assert asked.headers["Content-Encoding"] == "gzip"
    assert ("Content-Length" in asked.headers) is (size is not None)


def test_a_problem_document_is_the_error_it_was_made_from(api: Api) -> None:
    api.answers["GET", "/x"] = problem(409, "token-exists", "A token exists", "Choose another.", hint=[1])
    with pytest.raises(RequestError) as caught:
        Client(api.url).ask("GET", "/x")
    error = caught.value
    assert (error.status, error.code, error.title, str(error)) == (
        409,
        "token-exists",
        "A token exists",
        "Choose another.",
    )
    assert error.extra == {"hint": [1]}


ODD = [
    (502, b"<html>bad gateway</html>", "The server answers 502"),
    (301, {"title": 5}, "5"),
    (404, [], "The server answers 404"),
    (500, {}, "The server answers 500"),
]


@pytest.mark.parametrize(("status", "body", "title"), ODD)
def test_refusals_that_are_no_problem_document(api: Api, status: int, body: object, title: str) -> None:
    api.answers["GET", "/x"] = (status, body)
    with pytest.raises(RequestError) as caught:
        Client(api.url).ask("GET", "/x")
    assert caught.value.status == status
    assert caught.value.title == title


def test_an_answer_that_is_no_object(api: Api) -> None:
    api.answers["GET", "/x"] = (200, [1, 2])
    with pytest.raises(RequestError, match="is it a Belisha"):
        _ = Client(api.url).ask("GET", "/x").members


def test_an_answer_that_is_no_json(api: Api) -> None:
    api.answers["GET", "/x"] = (200, b"well")
    with pytest.raises(RequestError, match="an answer that is no JSON"):
        Client(api.url).ask("GET", "/x")


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(RequestError, match=r"cannot be reached \(Connection refused\)\. Is `belisha serve`"):
        Client(url).ask("GET", "/x")


@pytest.fixture
def scripted() -> Iterator[tuple[str, list[bytes]]]:
    """A server that sends the parts of an answer whatever it is asked, and then waits for the end."""
    parts: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection = listening.accept()[0]
            with connection:
                connection.recv(65_536)
                for part in parts:
                    connection.sendall(part)
                while connection.recv(65_536):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", parts
        thread.join()


def test_a_server_that_hangs(scripted: tuple[str, list[bytes]]) -> None:
    with pytest.raises(RequestError, match=r"does not answer within 0\.2 s"):
        Client(scripted[0]).ask("GET", "/x", seconds=0.2)


def test_a_server_that_speaks_something_else(scripted: tuple[str, list[bytes]]) -> None:
    scripted[1].append(b"220 mail.example ESMTP\r\n")
    with pytest.raises(RequestError, match="an answer that is no HTTP"):
        Client(scripted[0]).ask("GET", "/x", seconds=5)


def test_an_answer_without_end(scripted: tuple[str, list[bytes]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_file, "MAX_ANSWER", 1000)
    scripted[1].append(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000)
    with pytest.raises(RequestError, match="an answer without end"):
        Client(scripted[0]).ask("GET", "/x", seconds=5)


def test_a_refusal_in_the_middle_of_an_upload_is_read() -> None:
    """A server that has seen enough answers and hangs up while we still send."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection = listening.accept()[0]
            with connection:
                connection.recv(1000)
                body = (
                    b'{"type": "urn:belisha:problem:body-too-large", "title": "Too large", "detail": "Split"}'
                )
                head = "HTTP/1.1 413 No\r\nContent-Type: application/problem+json\r\n"
                head += f"Content-Length: {len(body)}\r\n\r\n"
                connection.sendall(head.encode() + body)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1 << 20):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        upload = Upload(io.BytesIO(b"x" * (4 << 20)), 4 << 20)
        with pytest.raises(RequestError) as caught:
            Client(f"http://127.0.0.1:{listening.getsockname()[1]}").ask(
                "PUT", "/x", upload=upload, seconds=10
            )
        thread.join()
    assert caught.value.code == "body-too-large"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8053",
        "ftp://127.0.0.1",
        "http://",
        "http://[::1",
        "http://x:99999",
        "http://a@b",
        "http://x?y",
    ],
)
def test_no_url(url: str) -> None:
    with pytest.raises(SettingsError, match="is not a URL"):
        Client(url)


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "ü"])
def test_no_token(token: str) -> None:
    with pytest.raises(SettingsError, match="the token holds"):
        Client("http://127.0.0.1:1", token)


def test_an_answer_of_lines(api: Api) -> None:
    api.answers["GET", "/v1/x"] = (200, b"one\ntwo\xff\n")
    assert Client(api.url, TOKEN).text("/v1/x") == "one\ntwo\ufffd\n"
    assert api.asked[0].headers["Accept"] == "text/plain"
    with pytest.raises(RequestError) as caught:
        Client(api.url, TOKEN).text("/v1/y")
    assert caught.value.status == 404
