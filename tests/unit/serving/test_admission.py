"""Who is served, how often, and with how much at once.

Invariants: nobody outside the named networks is served; whoever has no limits is known to the datapath and
nobody else is; every memory is bounded.
"""

from __future__ import annotations

import ipaddress
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns import registry
from resolver.dns.answers import reply as reply_with
from resolver.dns.answers import truncated
from resolver.serving import admission
from resolver.serving.admission import (
    ANSWERS,
    DROPPED,
    QUESTIONS,
    SERVED,
    SLIPPED,
    STRANGER,
    Admission,
    Limits,
)
from resolver.serving.limits import BURST
from resolver.settings import PRIVATE_NETWORKS, Rate, Settings
from tests.unit.serving.ground import Clock, query_of

EVERYBODY = (*PRIVATE_NETWORKS, ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
PUBLIC, PRIVATE = "192.0.2.1", "10.0.0.1"
QUERY = query_of()
REPLY = reply_with(QUERY, registry.NOERROR, (0, 0, 0), b"")


def entry_for(*networks: str, terms: Limits | None = None) -> Admission:
    return Admission([ipaddress.ip_network(one) for one in networks], terms, Clock())


CASES = [
    ("10.0.0.1", True),
    ("10.255.255.255", True),
    ("172.16.0.1", True),
    ("172.32.0.1", False),
    ("192.168.7.7", True),
    ("127.0.0.1", True),
    ("127.200.3.4", True),
    ("169.254.1.1", True),
    ("192.0.2.1", False),
    ("9.9.9.9", False),
    ("::1", True),
    ("fe80::1", True),
    ("fe80::1%eth0", True),
    ("fd00::53", True),
    ("2001:db8::1", False),
    ("::ffff:9.9.9.9", False),
    ("", False),
    ("localhost", False),
    ("1.2.3", False),
    ("%", False),
]


@pytest.mark.parametrize("udp", [True, False], ids=["udp", "tcp"])
@pytest.mark.parametrize(("host", "served"), CASES, ids=[case[0] or "empty" for case in CASES])
def test_private_networks_are_served_by_default(host: str, served: bool, udp: bool) -> None:
    entry = Admission(Settings().networks())
    for _ in range(2):
        assert entry.enter(host, udp) == (SERVED if served else STRANGER)
    assert (host in entry.known) is served


def test_only_what_is_named_is_served() -> None:
    entry = entry_for("192.0.2.0/24", "2001:db8::/32")
    hosts = ("192.0.2.255", "192.0.3.0", "2001:db8:ffff::1", "127.0.0.1")
    assert [entry.enter(host, True) for host in hosts] == [SERVED, STRANGER, SERVED, STRANGER]


def test_without_a_network_nobody_is_served() -> None:
    assert entry_for().enter("127.0.0.1", True) == STRANGER


@given(st.ip_addresses(), st.ip_addresses().map(lambda one: ipaddress.ip_network(one)), st.integers(0, 32))
def test_inside_means_what_it_means_to_the_library(
    host: ipaddress.IPv4Address | ipaddress.IPv6Address,
    network: ipaddress.IPv4Network | ipaddress.IPv6Network,
    prefix: int,
) -> None:
    wider = network.supernet(new_prefix=prefix)
    mapped = getattr(host, "ipv4_mapped", None) or host
    expected = SERVED if mapped in wider else STRANGER
    assert Admission([wider], None, Clock()).enter(str(host), udp=False) == expected


# Memories


def test_the_memory_is_bounded_and_forgets_nobody_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "_REMEMBERED", 100)
    entry = entry_for("10.0.0.0/8", "0.0.0.0/0")
    for number in range(1_000):
        assert entry.enter(f"10.0.{number >> 8}.{number & 255}", True) == SERVED
        assert entry.enter(f"192.0.{number >> 8}.{number & 255}", False) == SERVED
        assert len(entry.known) <= 100 and len(entry._met) <= 25
    assert entry.enter("10.0.0.0", True) == SERVED


def test_strangers_leave_no_trace() -> None:
    entry = entry_for("10.0.0.0/8")
    for number in range(1_000):
        entry.enter(f"192.0.2.{number % 256}", True)
    assert not entry.known and not entry._met and not entry._in_flight


# Questions a second

TERMS: list[tuple[Rate, str, bool]] = [
    ("auto", PRIVATE, False),
    ("auto", PUBLIC, True),
    ("auto", "2001:db8::1", True),
    ("auto", "fd00::1", False),
    (0, PRIVATE, False),
    (0, PUBLIC, False),
    (50, PRIVATE, True),
    (50, PUBLIC, True),
]


SITES = [
    (["198.51.100.0/24"], "198.51.100.7", False), (["198.51.0.0/16"], "198.51.100.7", False),
    (["198.48.0.0/12"], "198.51.100.7", True), (["2001:db8::/32"], "2001:db8::1", False),
    (["2000::/3"], "2001:db8::1", True), (["0.0.0.0/0", "198.51.100.0/24"], "198.51.100.7", False),
    (["0.0.0.0/0", "198.51.100.0/24"], "203.0.113.7", True),
]  # fmt: skip


@pytest.mark.parametrize(("named", "host", "limited"), SITES)
def test_a_site_that_was_named_is_trusted_like_a_private_network(
    named: list[str], host: str, limited: bool
) -> None:
    """A school on global IPv6 must not share two hundred questions a second."""
    entry = Admission([ipaddress.ip_network(text) for text in named], Limits(), Clock())
    assert entry.enter(host, True) == SERVED
    assert (host in entry.known) is not limited


@pytest.mark.parametrize(("rate", "host", "limited"), TERMS)
def test_who_is_limited_in_questions(rate: Rate, host: str, limited: bool) -> None:
    entry = Admission(EVERYBODY, Limits(rate, 0), Clock())
    burst = int((QUESTIONS if rate == "auto" else rate) * BURST) if limited else 2_000
    assert {entry.enter(host, True) for _ in range(burst)} == {SERVED}
    over = [entry.enter(host, True) for _ in range(4)]
    assert over == ([SLIPPED, DROPPED] * 2 if limited else [SERVED] * 4)
    assert (host in entry.known) is not limited, "whoever is limited must not get past"


def test_a_limit_is_for_a_network_and_passes() -> None:
    clock = Clock()
    entry = Admission(EVERYBODY, Limits(10, 0), clock)
    found = Counter(entry.enter(f"192.0.2.{number}", True) for number in range(256))
    assert found == {SERVED: 30, SLIPPED: 113, DROPPED: 113}
    assert entry.enter("192.0.3.1", True) == SERVED
    clock.advance(0.2)
    assert [entry.enter("192.0.2.7", True) for _ in range(3)][:2] == [SERVED, SERVED]


def test_tcp_is_not_limited_by_rate() -> None:
    entry = Admission(EVERYBODY, Limits(1, 1), Clock())
    assert {entry.enter(PUBLIC, False) for _ in range(100)} == {SERVED}
    assert [entry.enter(PUBLIC, True) for _ in range(4)] == [SERVED] * 3 + [SLIPPED], "and takes no token"


def test_strangers_are_told_a_few_times_a_second_and_then_nothing() -> None:
    """A forged source must not get a REFUSED for every packet that was sent in its name."""
    entry = entry_for("10.0.0.0/8")
    found = Counter(entry.enter(PUBLIC, True) for _ in range(1_000))
    assert found == {STRANGER: 30, DROPPED: 970}
    assert {entry.enter(PUBLIC, False) for _ in range(100)} == {STRANGER}


# Answers a second


@pytest.mark.parametrize(("rate", "host", "limited"), TERMS)
def test_who_is_limited_in_answers(rate: Rate, host: str, limited: bool) -> None:
    entry = Admission(EVERYBODY, Limits(0, rate), Clock())
    burst = int((ANSWERS if rate == "auto" else rate) * BURST) if limited else 500
    for _ in range(burst):
        assert entry.enter(host, True) == SERVED
        assert entry.temper(host, QUERY, REPLY) == REPLY
    over = [entry.temper(host, QUERY, REPLY) for _ in range(4)]
    assert over == ([truncated(QUERY), None] * 2 if limited else [REPLY] * 4)
    assert (host in entry.known) is not limited


def test_a_proven_client_gets_all_it_asks_for() -> None:
    entry = Admission(EVERYBODY, Limits(0, 1), Clock())
    assert {entry.temper(PUBLIC, QUERY, REPLY, proven=True) for _ in range(100)} == {REPLY}
    assert [entry.temper(PUBLIC, QUERY, REPLY) for _ in range(4)] == [REPLY] * 3 + [truncated(QUERY)]


def test_a_stranger_is_nobody_to_temper() -> None:
    """Its REFUSED has been counted already."""
    entry = Admission([ipaddress.ip_network("198.51.100.0/24")], Limits(0, 1), Clock())
    assert {entry.temper(host, QUERY, REPLY) for host in (PUBLIC, "", "%") for _ in range(50)} == {REPLY}


def test_limits_that_spare_everybody_take_no_memory() -> None:
    """Private networks alone, as most have it: no tables are made."""
    for entry in (Admission(PRIVATE_NETWORKS), Admission(EVERYBODY, Limits(0, 0))):
        assert entry._questions is None and entry._answers is None
    for entry in (Admission(EVERYBODY), Admission(PRIVATE_NETWORKS, Limits(1, 1))):
        assert entry._questions is not None and entry._answers is not None


# In flight


def test_a_client_has_so_many_questions_in_flight() -> None:
    entry = Admission(PRIVATE_NETWORKS, Limits(in_flight=3), Clock())
    assert [entry.began(PRIVATE) for _ in range(5)] == [True] * 3 + [False] * 2
    assert entry.began("10.0.0.2"), "another client is another matter"
    entry.ended(PRIVATE)
    assert [entry.began(PRIVATE) for _ in range(2)] == [True, False]


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abc")), max_size=200))
def test_what_ends_is_forgotten(steps: list[tuple[bool, str]]) -> None:
    entry = Admission(PRIVATE_NETWORKS, Limits(in_flight=5), Clock())
    held: Counter[str] = Counter()
    for begins, host in steps:
        if begins:
            assert entry.began(host) is (held[host] < 5)
            held[host] = min(5, held[host] + 1)
        else:
            entry.ended(host)  # one that never began is no fault
            held[host] = max(0, held[host] - 1)
        assert entry._in_flight == +held
