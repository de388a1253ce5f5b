"""`belisha healthcheck`: a real query, a real question, one sentence when something is not well."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from dns import message

from resolver.cli import healthcheck as healthcheck_file
from tests.unit.cli.api import Api, problem


def refused(query: bytes) -> bytes:
    return query[:2] + b"\x81\x05" + query[4:]


ANSWERS: dict[str, Callable[[bytes], bytes]] = {
    "refused": refused,
    "another number": lambda query: bytes([query[0] ^ 1]) + refused(query)[1:],
    "a query back": lambda query: query,
    "too short": lambda query: refused(query)[:11],
}


@pytest.fixture
def dns_server() -> Iterator[tuple[str, list[Callable[[bytes], bytes]], list[bytes]]]:
    """A server that answers one query as it is told."""
    how: list[Callable[[bytes], bytes]] = []
    seen: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        one.settimeout(20)

        def serve() -> None:
            query, client = one.recvfrom(1000)
            seen.append(query)
            one.sendto(how[0](query), client)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{one.getsockname()[1]}", how, seen
        thread.join()


Server = tuple[str, list[Callable[[bytes], bytes]], list[bytes]]


def test_all_is_well(api: Api, dns_server: Server) -> None:
    address, how, seen = dns_server
    how.append(refused)  # whom it serves says nothing about its health
    api.answers["GET", "/readyz"] = (200, {})
    result = api.run("healthcheck", "--dns", address)
    assert (result.exit_code, result.output) == (0, "well\n")
    query = message.from_wire(seen[0])
    assert query.question[0].to_text() == "localhost. IN A"


@pytest.mark.parametrize("kind", ["another number", "a query back", "too short"])
def test_what_is_no_answer(api: Api, dns_server: Server, kind: str) -> None:
    address, how, _ = dns_server
    how.append(ANSWERS[kind])
    result = api.run("healthcheck", "--dns", address)
    assert result.exit_code == 1
    assert result.stderr == f"belisha: what answers at {address} is no DNS server\n"


def test_dns_is_silent(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(healthcheck_file, "_SECONDS", 0.05)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        result = api.run("healthcheck", "--dns", f"127.0.0.1:{silent.getsockname()[1]}")
    assert result.exit_code == 1
    assert "DNS does not answer at 127.0.0.1:" in result.stderr
    assert not api.asked


def test_dns_answers_but_not_everything_is_ready(api: Api, dns_server: Server) -> None:
    address, how, _ = dns_server
    how.append(refused)
    api.answers["GET", "/readyz"] = problem(503, "not-ready", "Not ready", "Worker 1 does not answer.")
    result = api.run("healthcheck", "--dns", address)
    assert (result.exit_code, result.stderr) == (1, "belisha: Not ready: Worker 1 does not answer.\n")


def test_a_port_that_nobody_knows(api: Api) -> None:
    assert api.run("healthcheck", "--dns", "127.0.0.1:0").exit_code == 2
