"""Each vice is what it says: an upstream that lies about lying would prove anything."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import dns.edns
import dns.message
import dns.rcode
import pytest

from tests.support import behaviours as do
from tests.support import vices
from tests.support.behaviours import FORGED_ADDRESS, Behaviour, Seen
from tests.support.client import Connection, ask, exchange_tcp, exchange_udp, make_query, rdatas, silent_udp
from tests.support.upstream import ScriptedUpstream

NAME = "www.example.org"
GOOD = do.answer("A 192.0.2.1", ttl=60)
COOKIE = b"12345678"


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as running:
        yield running


def said(behaviour: Behaviour, number: int = 1, cookie: bytes = b"") -> list[bytes | None]:
    """What a behaviour would send, asked without a server."""
    query = make_query(NAME, number=number)
    if cookie:
        query.use_edns(0, 0, 1232, options=[dns.edns.GenericOption(dns.edns.OptionType.COOKIE, cookie)])
    return [reply.octets for reply in behaviour(Seen(query.to_wire(), "udp", ("127.0.0.1", 1), 0.0))]


def read(behaviour: Behaviour, cookie: bytes = b"") -> dns.message.Message:
    """The one reply of a behaviour, as dnspython reads it."""
    (octets,) = said(behaviour, cookie=cookie)
    assert octets is not None
    return dns.message.from_wire(octets)


def test_loss_is_the_same_every_time() -> None:
    lost = [[not said(one) for _ in range(200)] for one in (vices.lossy(0.3, 7, GOOD) for _ in range(2))]
    assert lost[0] == lost[1] and 40 <= sum(lost[0]) <= 80


def test_it_comes_and_goes() -> None:
    by_count = vices.flapping(2, 3, GOOD)
    assert [bool(said(by_count)) for _ in range(7)] == [True, True, False, False, False, True, True]
    now = [10.0]
    by_clock = vices.flapping_in_time(1.0, 2.0, lambda: now[0], GOOD)
    seen = []
    for now[0] in (10.0, 10.9, 11.1, 12.9, 13.0, 14.5):
        seen.append(bool(said(by_clock)))
    assert seen == [True, True, False, False, True, False]
    dying = vices.dying_after(2, GOOD)
    assert [bool(said(dying)) for _ in range(4)] == [True, True, False, False]


CHANGES: list[tuple[Behaviour, Callable[[bytes], bool]]] = [
    (vices.empty(), lambda data: data == b""),
    (vices.header_only(), lambda data: len(data) == 12 and data[2] & 0x80 != 0),
    (vices.header_only("FORMERR"), lambda data: data[3] & 15 == 1),
    (vices.cut_at(20, GOOD), lambda data: len(data) == 20),
    (vices.lying_count("question", GOOD), lambda data: data[4:6] == b"\xff\xff"),
    (vices.lying_count("answer", GOOD), lambda data: data[6:8] == b"\xff\xff"),
    (vices.lying_count("authority", GOOD, 1), lambda data: data[8:10] == b"\0\1"),
    (vices.lying_count("additional", GOOD), lambda data: data[10:12] == b"\xff\xff"),
    (vices.two_opts(GOOD), lambda data: data.count(b"\0\0\x29\x04\xd0") == 2 and data[11] == 2),
    (vices.always_cut(), lambda data: data[2] & 2 != 0),
]


@pytest.mark.parametrize(("behaviour", "holds"), CHANGES, ids=range(len(CHANGES)))
def test_the_octets_are_wrong_as_told(behaviour: Behaviour, holds: Callable[[bytes], bool]) -> None:
    (octets,) = said(behaviour)
    assert octets is not None and holds(octets)


def test_records_for_other_names_come_along() -> None:
    planted = f"bank.example. 300 IN A {FORGED_ADDRESS}"
    reply = read(vices.extra_records(GOOD, planted))
    assert str(reply.additional[0].name) == "bank.example." and rdatas(reply) == {"192.0.2.1"}
    assert FORGED_ADDRESS in rdatas(read(vices.extra_records(GOOD, planted, section="answer")))


def test_errors_are_explained() -> None:
    reply = read(vices.explained(9, "no DNSKEY", do.failed()))
    (option,) = reply.options
    assert isinstance(option, dns.edns.EDEOption) and (option.code, option.text) == (9, "no DNSKEY")


def test_cookies_right_and_wrong() -> None:
    def cookie(kind: vices.CookieVice, sent: bytes = COOKIE) -> bytes | None:
        options = read(vices.with_cookie(kind, GOOD), sent).options
        return options[0].to_wire() if options else None

    assert cookie("right") == COOKIE + b"\x5a" * 16 and cookie("missing") is None
    assert cookie("wrong") == b"\xff" * 8 + b"\x5a" * 16
    assert cookie("alone") == COOKIE and cookie("right", b"") is None
    (short,) = said(vices.with_cookie("short", GOOD), cookie=COOKIE)  # dnspython reads none of five octets
    assert short is not None and short.endswith(b"\0\x0a\0\x05" + COOKIE[:5])


def test_a_bad_cookie_until_it_comes_back() -> None:
    first = read(vices.bad_cookie(GOOD), COOKIE)
    assert first.rcode() == dns.rcode.BADCOOKIE and not first.answer
    again = first.options[0].to_wire()
    assert again is not None and rdatas(read(vices.bad_cookie(GOOD), again)) == {"192.0.2.1"}


@pytest.mark.parametrize("links", [1, 16, 17, 40])
def test_chains_are_as_long_as_told(links: int) -> None:
    reply = read(vices.chain(links, "A 192.0.2.1"))
    assert len(rdatas(reply, "CNAME")) == links and rdatas(reply) == {"192.0.2.1"}
    assert read(vices.chain(0, "A 192.0.2.1")).answer[0].name == reply.question[0].name


def test_a_circle_of_names() -> None:
    reply = read(vices.cname_loop(3))
    assert str(reply.answer[3].name) == "c3.loop.example." and rdatas(reply, "CNAME") == {
        f"c{number}.loop.example." for number in (1, 2, 3)
    }


def test_everything_comes_in_its_order() -> None:
    octets = said(vices.joined(do.raw(b"bad"), do.wrong_id(GOOD), GOOD))
    assert [len(one or b"") > 3 for one in octets] == [False, True, True]
    octets = said(vices.right_but_elsewhere(5, GOOD))
    assert len(octets) == 6 and len(set(octets)) == 2


# Over real sockets


def test_huge_messages_come_over_tcp_only(upstream: ScriptedUpstream) -> None:
    upstream.set(NAME, vices.huge(), "TXT")
    query = make_query(NAME, "TXT").to_wire()
    assert (
        len(exchange_tcp(upstream.address, query)) >= 65_000
        and len(exchange_udp(upstream.address, query)) < 60
    )


def test_a_connected_socket_hears_nobody_else(upstream: ScriptedUpstream) -> None:
    upstream.set(NAME, vices.from_address("127.0.0.9", GOOD))
    query, probe = make_query(NAME, number=1).to_wire(), make_query("probe.example", number=2).to_wire()
    assert silent_udp(upstream.address, query, probe)
    upstream.set(NAME, vices.right_but_elsewhere(3, GOOD))
    assert rdatas(ask(upstream.address, NAME)) == {"192.0.2.1"}


def test_a_held_reply_waits_for_the_word(upstream: ScriptedUpstream) -> None:
    word = threading.Event()
    upstream.set(NAME, vices.held(word.is_set, GOOD))
    query, probe = make_query(NAME, number=1).to_wire(), make_query("probe.example", number=2).to_wire()
    assert silent_udp(upstream.address, query, probe)
    with Connection(upstream.address) as connection:
        connection.send(query, probe)
        assert connection.receive()[:2] == b"\0\2"
        word.set()
        assert connection.receive()[:2] == b"\0\1"


def test_a_slow_reply_waits_for_its_clock(upstream: ScriptedUpstream) -> None:
    now = [100.0]
    upstream.set(NAME, vices.slow(2.0, lambda: now[0], GOOD))
    query, probe = make_query(NAME, number=1).to_wire(), make_query("probe.example", number=2).to_wire()
    with Connection(upstream.address) as connection:
        connection.send(query, probe)
        assert connection.receive()[:2] == b"\0\2"
        now[0] = 102.0
        assert connection.receive()[:2] == b"\0\1"


def test_octets_come_one_by_one(upstream: ScriptedUpstream) -> None:
    upstream.set(NAME, vices.dribbled(0.0005, GOOD))
    with Connection(upstream.address) as connection:
        connection.send(make_query(NAME).to_wire())
        assert len(connection.sock.recv(100)) == 1
    assert rdatas(ask(upstream.address, NAME, tcp=True)) == {"192.0.2.1"}


def test_the_first_is_answered_last(upstream: ScriptedUpstream) -> None:
    upstream.set(NAME, vices.reversed_order(3, GOOD))
    with Connection(upstream.address) as connection:
        connection.send(*(make_query(NAME, number=number).to_wire() for number in (1, 2, 3)))
        assert [connection.receive()[1] for _ in range(3)] == [3, 2, 1]
