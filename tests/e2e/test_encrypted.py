"""An upstream over TLS, asked by a whole Belisha: one connection, and nothing for whoever is not trusted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dns.rcode
import pytest

from tests.e2e.belisha import Belisha, wait_for
from tests.support.behaviours import answer
from tests.support.client import rdatas
from tests.support.streams import Authority
from tests.support.upstream import ScriptedUpstream

AUTHORITY = Authority()


@pytest.fixture(autouse=True)
def trusted(tmp_path: Path) -> Iterator[None]:
    with AUTHORITY.trusted(tmp_path):
        yield


def test_questions_go_over_one_encrypted_connection(tmp_path: Path) -> None:
    context, _ = AUTHORITY.server("127.0.0.1")
    with ScriptedUpstream(default=answer("A 192.0.2.1"), tls=context) as upstream:
        with Belisha(tmp_path, upstream.url, workers=1) as server:
            for number in range(20):
                assert rdatas(server.ask(f"host{number}.example.org")) == {"192.0.2.1"}
        assert {seen.transport for seen in upstream.queries} == {"tcp"}
        assert {len(seen.octets) % 128 for seen in upstream.queries} == {0}
        assert upstream.connections == 1


def test_whoever_cannot_be_trusted_is_not_asked_and_the_operator_is_told(tmp_path: Path) -> None:
    context, _ = AUTHORITY.server("other.example")
    with ScriptedUpstream(default=answer("A 192.0.2.1"), tls=context) as upstream:
        with Belisha(tmp_path, upstream.url, workers=1) as server:
            reply = server.ask("www.example.org")
            assert reply.rcode() == dns.rcode.SERVFAIL
            wait_for(lambda: "the certificate is for another address" in server.log(), "the event")
        assert upstream.queries == []
