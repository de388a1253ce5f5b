"""The helpers are tested too: a scripted upstream that lies about lying would prove anything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import dns.flags
import dns.message
import dns.rcode
import pytest

from tests.support import behaviours as do
from tests.support.behaviours import Behaviour, Seen, Transport
from tests.support.client import (
    Connection,
    ask,
    exchange_tcp,
    exchange_udp,
    make_query,
    rdatas,
    silent_udp,
)
from tests.support.rules import ruleset, wire
from tests.support.upstream import ScriptedUpstream

NAME = "www.Example.org"
GOOD = do.answer("A 192.0.2.1", ttl=60)


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as running:
        yield running


def octets_of(upstream: ScriptedUpstream, behaviour: Behaviour, edns: bool = True) -> tuple[bytes, bytes]:
    """A query and the first datagram that the behaviour sends for it."""
    upstream.set("www.example.org", behaviour)
    query = make_query(NAME, edns=edns).to_wire()
    return query, exchange_udp(upstream.address, query)


@pytest.mark.parametrize("tcp", [False, True])
def test_an_answer_comes_and_the_query_is_kept(upstream: ScriptedUpstream, tcp: bool) -> None:
    upstream.set("www.example.org", GOOD, "A")
    reply = ask(upstream.address, NAME, tcp=tcp)
    assert rdatas(reply) == {"192.0.2.1"} and reply.answer[0].ttl == 60 and reply.edns == 0
    (seen,) = upstream.asked(NAME, "A")
    assert seen.transport == ("tcp" if tcp else "udp") and b"\x07Example" in seen.octets
    assert ask(upstream.address, NAME, "AAAA").rcode() == dns.rcode.REFUSED  # nothing was scripted for it


def test_wrong_id(upstream: ScriptedUpstream) -> None:
    query, data = octets_of(upstream, do.wrong_id(GOOD))
    assert data[:2] != query[:2] and b"\xc0\0\x02\x01" in data


CHANGES: list[tuple[Behaviour, Callable[[bytes, bytes], bool]]] = [
    (do.not_a_response(GOOD), lambda query, data: not data[2] & 0x80),
    (do.wrong_question(GOOD), lambda query, data: b"\x09elsewhere" in data and data[:2] == query[:2]),
    (do.wrong_type(GOOD), lambda query, data: dns.message.from_wire(data).question[0].rdtype == 16),
    (do.wrong_case(GOOD), lambda query, data: b"\x07eXAMPLE\x03ORG\0" in data),
    (do.cut_short(GOOD), lambda query, data: len(data) < 40),
    (do.truncated(GOOD), lambda query, data: bool(dns.message.from_wire(data).flags & dns.flags.TC)),
    (do.raw(b"\0\0garbage"), lambda query, data: data == b"\0\0garbage"),
    (do.raw(b"\0\0garbage", with_id=True), lambda query, data: data == query[:2] + b"garbage"),
    (do.formerr_to_edns(GOOD), lambda query, data: dns.message.from_wire(data).rcode() == 1),
    (do.big(2000), lambda query, data: 2000 <= len(data) < 2600),
    (do.nodata(20, 10), lambda query, data: dns.message.from_wire(data).authority[0].ttl == 20),
    (do.nxdomain(with_soa=False), lambda query, data: dns.message.from_wire(data).rcode() == 3),
    (do.failed(), lambda query, data: dns.message.from_wire(data).rcode() == 2),
]


@pytest.mark.parametrize(("behaviour", "holds"), CHANGES, ids=range(len(CHANGES)))
def test_each_vice_is_there(
    upstream: ScriptedUpstream, behaviour: Behaviour, holds: Callable[[bytes, bytes], bool]
) -> None:
    assert holds(*octets_of(upstream, behaviour))


def test_without_edns_it_answers(upstream: ScriptedUpstream) -> None:
    _, data = octets_of(upstream, do.formerr_to_edns(GOOD), edns=False)
    assert rdatas(dns.message.from_wire(data)) == {"192.0.2.1"}


def test_truncated_is_whole_over_tcp(upstream: ScriptedUpstream) -> None:
    upstream.set("www.example.org", do.truncated(GOOD))
    assert rdatas(ask(upstream.address, NAME, tcp=True)) == {"192.0.2.1"}


def test_forgeries_come_before_the_truth_unless_the_path_is_a_connection() -> None:
    query = make_query(NAME, number=0xFFFE).to_wire()
    expected: dict[Transport, list[bool]] = {"udp": [False, False, False, True], "tcp": [True]}
    for transport, truths in expected.items():
        seen = Seen(query, transport, ("127.0.0.1", 1), 0.0)
        replies = [reply.octets or b"" for reply in do.forged_first(3, GOOD)(seen)]
        assert [octets[:2] == query[:2] for octets in replies] == truths


def test_silence_is_told_from_an_answer(upstream: ScriptedUpstream) -> None:
    probe = make_query("probe.example.org", number=2).to_wire()
    query = make_query(NAME, number=1).to_wire()
    upstream.set("www.example.org", do.silence())
    assert silent_udp(upstream.address, query, probe)
    upstream.set("www.example.org", GOOD)
    assert not silent_udp(upstream.address, query, probe)


def test_it_hangs_up_in_the_middle(upstream: ScriptedUpstream) -> None:
    for behaviour in (do.hang_up(), do.cut_short(GOOD)):
        upstream.set("www.example.org", behaviour)
        with pytest.raises(EOFError):
            exchange_tcp(upstream.address, make_query(NAME).to_wire())


def test_from_elsewhere_never_reaches_a_connected_socket(upstream: ScriptedUpstream) -> None:
    upstream.set("www.example.org", do.in_turn(do.from_elsewhere(GOOD), do.answer("A 192.0.2.2")))
    query = make_query(NAME).to_wire()
    assert silent_udp(upstream.address, query, make_query("probe.example.org").to_wire())
    assert rdatas(ask(upstream.address, NAME)) == {"192.0.2.2"}


def test_a_later_reply_lets_an_earlier_one_pass(upstream: ScriptedUpstream) -> None:
    upstream.set("www.example.org", do.after(0.05, GOOD))
    slow, quick = make_query(NAME, number=1).to_wire(), make_query("b.example.org", number=2).to_wire()
    with Connection(upstream.address) as connection:
        connection.send(slow, quick)
        assert [connection.receive()[:2] for _ in range(2)] == [b"\0\2", b"\0\1"]


def test_it_dies_and_comes_back_at_the_same_port() -> None:
    upstream = ScriptedUpstream(lambda name, qtype: GOOD).start()
    port = upstream.port
    upstream.stop()
    with pytest.raises(OSError, match="refused"):
        exchange_tcp(upstream.address, make_query(NAME).to_wire())
    with upstream:
        assert upstream.port == port and rdatas(ask(upstream.address, NAME)) == {"192.0.2.1"}


def test_a_fault_in_a_script_is_not_lost() -> None:
    upstream = ScriptedUpstream({"www.example.org": do.answer("A no.address")}).start()
    exchange = make_query(NAME).to_wire(), make_query("probe.example.org").to_wire()
    assert silent_udp(upstream.address, *exchange)
    with pytest.raises(Exception, match=r"."):
        upstream.stop()


def test_what_cannot_be_read_is_kept(upstream: ScriptedUpstream) -> None:
    assert silent_udp(upstream.address, b"\xff" * 20, make_query(NAME).to_wire())
    assert upstream.wait_for(2)[0].octets == b"\xff" * 20
    with pytest.raises(TimeoutError):
        upstream.wait_for(3, 0.01)


async def test_it_serves_asyncio_tests_and_ipv6() -> None:
    with ScriptedUpstream(default=GOOD, host="::1") as upstream:
        replies = await asyncio.gather(
            *(asyncio.to_thread(ask, upstream.address, f"n{i}.test") for i in range(3))
        )
    assert [rdatas(reply) for reply in replies] == [{"192.0.2.1"}] * 3
    assert upstream.url == f"udp://[::1]:{upstream.port}"


def test_a_ruleset_of_names() -> None:
    rules = ruleset(block=("example.org",), allow=("good.example.org",))
    verdicts = [rules.verdict(wire(name)) for name in ("Example.ORG", "a.good.example.org", "example.net")]
    assert verdicts == [1, 2, 0]
