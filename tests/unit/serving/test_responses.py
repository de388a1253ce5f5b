"""Equal answers: which count as equal, and what a client gets instead of one too many."""

from __future__ import annotations

import dns.flags
import dns.message
import pytest

from resolver.dns import registry
from resolver.dns.answers import failure, truncated
from resolver.dns.answers import reply as reply_with
from resolver.serving.responses import ResponseLimiter, answer_key
from tests.unit.serving.ground import query_of

NET, OTHER = b"\xc0\x00\x02", b"\xc0\x00\x03"
A = (1, 0, 0)
RECORD = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1"


def key(name: str = "www.example.org", qtype: str = "A", rcode: int = 0, network: bytes = NET) -> bytes:
    query = query_of(name, qtype)
    return answer_key(network, query, reply_with(query, rcode, (0, 0, 0), b""))


EQUAL = [
    (key(), key("WWW.example.ORG"), "case does not matter"),
    (key("a.example.org", rcode=registry.NXDOMAIN), key("b.example.org", rcode=registry.NXDOMAIN), "random"),
    (key("a.example.org", rcode=registry.SERVFAIL), key("b.example.org", rcode=registry.SERVFAIL), "random"),
    (key("a.example.org", "TXT", registry.NXDOMAIN), key("b.example.org", "A", registry.NXDOMAIN), "type"),
    (key("a.example.org", rcode=registry.REFUSED), key("b.example.net", rcode=registry.REFUSED), "no name"),
]
DIFFERENT = [
    (key(), key("mail.example.org"), "names that exist"),
    (key(), key(qtype="AAAA"), "types"),
    (key(), key(network=OTHER), "networks"),
    (key(), key(rcode=registry.NXDOMAIN), "rcodes"),
    (key("a.example.org", rcode=registry.NXDOMAIN), key("a.example.net", rcode=registry.NXDOMAIN), "zones"),
    (key(rcode=registry.NXDOMAIN), key(rcode=registry.SERVFAIL), "errors"),
    (key(rcode=registry.REFUSED), key(rcode=registry.NOTIMP), "errors without names"),
    (key(network=b"\xc0\0\2" + b"\1a\0\0"), key("a.www.example.org"), "a longer network, a shorter name"),
]


@pytest.mark.parametrize(("one", "other", "_"), EQUAL, ids=[case[2] for case in EQUAL])
def test_what_counts_as_one_answer(one: bytes, other: bytes, _: str) -> None:
    assert one == other


@pytest.mark.parametrize(("one", "other", "_"), DIFFERENT, ids=[case[2] for case in DIFFERENT])
def test_what_does_not(one: bytes, other: bytes, _: str) -> None:
    assert one != other


def test_over_the_limit_a_client_is_told_to_ask_over_tcp_or_nothing() -> None:
    limiter, query = ResponseLimiter(2), query_of()
    whole = reply_with(query, 0, A, RECORD)
    found = [limiter.temper(NET, query, whole, 1000.0) for _ in range(10)]
    assert found == [whole] * 6 + [truncated(query), None] * 2
    told = dns.message.from_wire(truncated(query))
    assert told.flags & dns.flags.TC and not told.answer
    assert limiter.temper(OTHER, query, whole, 1000.0) == whole
    assert limiter.temper(NET, query, whole, 1000.6) == whole


def test_failures_are_limited_like_answers() -> None:
    limiter = ResponseLimiter(1)
    kept = 0
    for number in range(100):
        query = query_of(f"n{number}.example.org")
        failed = failure(query, registry.SERVFAIL, registry.EDE_NO_REACHABLE_AUTHORITY)
        kept += limiter.temper(NET, query, failed, 1000.0) == failed
    assert kept == 3
