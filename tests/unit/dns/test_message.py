"""dnslib behind its door: queries that dnspython reads, and replies in words."""

from __future__ import annotations

import dns.flags
import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns import registry
from resolver.dns.answers import failure
from resolver.dns.blocking import BlockAnswers
from resolver.dns.message import MAX_OCTETS, build_query, summarise
from resolver.dns.query import Query, parse_query
from resolver.errors import WireError
from tests.support.messages import HOSTILE_RESPONSES, QUESTION, header, record, responses


@pytest.mark.parametrize("edns", [False, True])
@pytest.mark.parametrize("name", ["www.example.org", "Example.ORG.", "a" * 63 + ".test", "_dmarc.example"])
@pytest.mark.parametrize("qtype", [registry.A, registry.HTTPS, 65_280])
def test_a_query_is_what_a_stub_sends(name: str, qtype: int, edns: bool) -> None:
    query = dns.message.from_wire(build_query(0xBEEF, name, qtype, edns))
    assert query.id == 0xBEEF and query.flags == dns.flags.RD and query.opcode() == 0
    (asked,) = query.question
    assert asked.name.to_text(omit_final_dot=True) == name.removesuffix(".") and asked.rdtype == qtype
    assert (query.edns, query.payload) == ((0, 1232) if edns else (-1, 0))


def query_for(qtype: int = registry.A) -> Query:
    query = parse_query(build_query(7, "www.example.org", qtype))
    assert isinstance(query, Query)
    return query


def test_a_blocked_answer_in_words() -> None:
    summary = summarise(BlockAnswers("null", 10).build(query_for()))
    assert (summary.number, summary.rcode, summary.truncated, summary.qname) == (
        7, "NOERROR", False, "www.example.org",
    )  # fmt: skip
    assert [" ".join(line.split()) for line in summary.answers] == ["www.example.org. 10 IN A 0.0.0.0"]
    assert summary.extended_errors == ((15, "blocked by the policy of this network"),)


def test_a_failure_in_words() -> None:
    summary = summarise(failure(query_for(), registry.SERVFAIL, 22, "für Ä"))
    assert summary.rcode == "SERVFAIL" and summary.answers == ()
    assert summary.extended_errors == ((22, "für Ä"),)


def opt(*options: bytes, upper: int = 0) -> bytes:
    return header(more=1) + QUESTION + record(41, b"".join(options), b"\0", ttl=upper << 24)


NAME = "wWw.eXample.oRg"

ODD: dict[str, tuple[bytes, tuple[str, bool, str, tuple[tuple[int, str], ...]]]] = {
    "an extended rcode": (opt(upper=1), ("BADVERS", False, NAME, ())),
    "an unknown rcode": (opt(b"\0\x0f\0\0", upper=2), ("RCODE32", False, NAME, ())),
    "text that is no UTF-8": (opt(b"\0\x0f\0\3\0\x0f\xff"), ("NOERROR", False, NAME, ((15, "\ufffd"),))),
    "two errors": (
        opt(b"\0\x0f\0\2\0\x0f", b"\0\x0f\0\3\0\x17a"),
        ("NOERROR", False, NAME, ((15, ""), (23, "a"))),
    ),
    "no question": (header(0x8182, questions=0), ("SERVFAIL", False, ".", ())),
    "truncated": (header(0x8380) + QUESTION, ("NOERROR", True, NAME, ())),
}  # fmt: skip


@pytest.mark.parametrize(("data", "words"), ODD.values(), ids=ODD)
def test_odd_replies_in_words(data: bytes, words: tuple[str, bool, str, tuple[tuple[int, str], ...]]) -> None:
    summary = summarise(data)
    assert (summary.rcode, summary.truncated, summary.qname, summary.extended_errors) == words


@given(responses())
def test_what_a_server_sends_is_put_into_words(message: dns.message.Message) -> None:
    summary = summarise(message.to_wire(max_size=65_535))
    records = sum(len(rrset) for rrset in message.answer)
    assert len(summary.answers) == records and summary.number == message.id


@given(responses(), st.data())
def test_only_wire_errors_come_out(message: dns.message.Message, data: st.DataObject) -> None:
    octets = bytearray(message.to_wire(max_size=65_535))
    for _ in range(data.draw(st.integers(1, 6))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        summarise(bytes(octets))
    except WireError:
        pass


@pytest.mark.parametrize("data", [b"", b"\0" * 11, header(), b"\xff" * 100], ids=len)
def test_what_is_no_message(data: bytes) -> None:
    with pytest.raises(WireError):
        summarise(data)


LARGE = {name: data for name, data in HOSTILE_RESPONSES.items() if len(data) > MAX_OCTETS}


@pytest.mark.parametrize("data", LARGE.values(), ids=LARGE)
def test_large_messages_never_reach_the_library(data: bytes) -> None:
    with pytest.raises(WireError, match=str(MAX_OCTETS)):
        summarise(data)
