"""The answer cache: lifetimes kept to the second, stale answers, flushing; bounded in octets, and never
extended by a hit."""

from __future__ import annotations

from math import inf

import dns.message
import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.answers import Relay
from resolver.dns.names import from_text
from resolver.dns.records import TTL_CAP, walk
from resolver.serving.cache import AnswerCache, Key
from tests.support import behaviours as do
from tests.support.behaviours import Behaviour
from tests.unit.serving.ground import query_of, reply_to

QUERY = query_of()
KEY = QUERY.cache_key


def relay(behaviour: Behaviour, stored: float = 0.0) -> Relay:
    return Relay(walk(reply_to(QUERY, behaviour)), stored)


def large(octets: int) -> Relay:
    """An answer of so many octets at least."""
    query = query_of(qtype="TXT")
    return Relay(walk(reply_to(query, do.big(octets))), 0.0)


def key(number: int) -> Key:
    return (b"\x06%06d\0" % number, 1, 1, 0)


GOOD = do.answer("A 192.0.2.1", ttl=60)

# RFC 2308 5: a negative answer lives for the smaller of the SOA's TTL and MINIMUM, without SOA not at
# all. RFC 8767 4: never more than seven days. Failures are no answers.
LIFETIMES: list[tuple[str, Behaviour, int]] = [
    ("one record", GOOD, 60),
    ("TTL 0", do.answer("A 192.0.2.1", ttl=0), 0),
    ("the smallest counts", do.answer("CNAME b.example.org.", "b.example.org. 7 IN A 192.0.2.1"), 7),
    ("authority counts", do.answer("A 192.0.2.1", authority=("example.org. 9 IN NS ns.example.org.",)), 9),
    ("a month", do.answer("A 192.0.2.1", ttl=30 * 86_400), TTL_CAP),
    ("high bit", do.answer("A 192.0.2.1", ttl=2**31 - 1), TTL_CAP),
    ("NXDOMAIN, MINIMUM smaller", do.nxdomain(ttl=300, minimum=60), 60),
    ("NXDOMAIN, TTL smaller", do.nxdomain(ttl=30, minimum=600), 30),
    ("NXDOMAIN without SOA", do.nxdomain(with_soa=False), 0),
    ("NODATA", do.nodata(ttl=300, minimum=45), 45),
    ("NODATA without SOA", do.nodata(with_soa=False), 0),
    ("CNAME to nothing", do.answer("CNAME b.example.org."), 0),
    ("SERVFAIL", do.failed(), 0),
    ("REFUSED", do.refused(), 0),
]


@pytest.mark.parametrize(
    ("behaviour", "lifetime"), [row[1:] for row in LIFETIMES], ids=[r[0] for r in LIFETIMES]
)
def test_lifetime_of_each_kind_of_answer(behaviour: Behaviour, lifetime: int) -> None:
    assert relay(behaviour).lifetime == lifetime


@pytest.mark.parametrize("age", [0.0, 0.5, 59.0, 59.999])
def test_an_answer_is_found_while_it_lives(age: float) -> None:
    cache = AnswerCache(1 << 20)
    kept = relay(GOOD, stored=10.0)
    cache.put(KEY, kept)
    assert cache.get(KEY, 10.0 + age) is kept


@pytest.mark.parametrize("age", [60.0, 60.001, 1e9])
def test_an_answer_is_gone_when_its_time_is_over(age: float) -> None:
    cache = AnswerCache(1 << 20)
    cache.put(KEY, relay(GOOD, stored=10.0))
    assert cache.get(KEY, 10.0 + age) is None
    assert len(cache) == 0, "what is too old is not kept either"


def test_what_is_not_known() -> None:
    assert AnswerCache(1 << 20).get(KEY, 0.0) is None


@given(steps=st.lists(st.floats(0.0, 20.0), max_size=40))
def test_no_number_of_hits_keeps_an_answer_alive(steps: list[float]) -> None:
    cache = AnswerCache(2_000)  # so small that promotion happens all the time
    kept, now = relay(GOOD), 0.0
    cache.put(KEY, kept)
    for step in steps:
        now += step
        cache.put(key(int(now)), relay(GOOD, now))
        found = cache.get(KEY, now)
        assert found is None or (found is kept and now < 60.0 and kept.stored == 0.0)


def test_the_ttl_a_client_sees_is_what_is_left() -> None:
    cache = AnswerCache(1 << 20)
    cache.put(KEY, relay(do.answer("A 192.0.2.1", ttl=4), stored=0.0))
    seen = []
    for now in (0.0, 0.9, 1.0, 2.5, 3.999):
        found = cache.get(KEY, now)
        assert found is not None
        seen.append(dns.message.from_wire(found.render(QUERY, int(now))).answer[0].ttl)
    assert seen == [4, 4, 3, 2, 1]


def test_each_record_counts_down_by_itself_and_never_below_zero() -> None:
    kept = relay(do.answer("A 192.0.2.1", ttl=9, authority=("example.org. 5 IN NS ns.example.org.",)))
    reply = dns.message.from_wire(kept.render(QUERY, 6))
    assert (reply.answer[0].ttl, reply.authority[0].ttl) == (3, 0)


def test_the_ttl_of_a_negative_answers_soa_is_its_lifetime() -> None:
    reply = dns.message.from_wire(relay(do.nxdomain(ttl=300, minimum=60)).render(QUERY, 20))
    assert reply.authority[0].ttl == 40


# Bounds


def test_a_flood_is_bounded_in_octets() -> None:
    cache = AnswerCache(100_000)
    weight = relay(GOOD).octets
    for number in range(3_000):
        cache.put(key(number), relay(GOOD))
        assert len(cache) * weight <= 100_000 + weight
    assert len(cache) * weight > 50_000, "half of the room is always used"


def test_large_answers_weigh_more() -> None:
    cache = AnswerCache(200_000)
    one = large(30_000)
    assert one.octets > 30_000
    for number in range(50):
        cache.put(key(number), large(30_000))
    assert len(cache) <= 7


def test_an_answer_larger_than_the_cache_evicts_all_but_itself() -> None:
    cache = AnswerCache(20_000)
    for number in range(10):
        cache.put(key(number), relay(GOOD))
    for number in range(100, 105):
        cache.put(key(number), large(60_000))
    assert len(cache) == 2, "one in each half"


def test_answers_that_are_asked_for_survive_a_flood() -> None:
    cache = AnswerCache(100_000)
    popular = relay(GOOD)
    cache.put(KEY, popular)
    for number in range(5_000):
        cache.put(key(number), relay(GOOD))
        if number % 20 == 0:
            assert cache.get(KEY, 1.0) is popular
    assert cache.get(key(3), 1.0) is None


def test_an_old_answer_is_not_promoted_once_its_time_is_over() -> None:
    cache = AnswerCache(2 * relay(GOOD).octets)
    cache.put(KEY, relay(GOOD))
    cache.put(key(1), relay(GOOD))  # pushes the first into the old half
    assert cache.get(KEY, 61.0) is None and cache.get(KEY, 1.0) is None


def test_clearing_forgets_everything() -> None:
    cache = AnswerCache(2 * relay(GOOD).octets)
    cache.put(KEY, relay(GOOD))
    cache.put(key(1), relay(GOOD))
    cache.clear()
    assert len(cache) == 0 and cache.get(KEY, 0.0) is None


# Stale answers (RFC 8767)

DAY = 86_400.0


@pytest.mark.parametrize("age", [60.0, 90.0, 60.0 + DAY - 0.001])
def test_a_stale_answer_is_found_as_long_as_it_may_be_used(age: float) -> None:
    cache = AnswerCache(1 << 20, DAY)
    kept = relay(GOOD, stored=10.0)
    cache.put(KEY, kept)
    assert cache.get(KEY, 10.0 + age) is kept
    assert cache.get(KEY, 10.0 + 60.0 + DAY) is None and len(cache) == 0


def test_a_failure_never_takes_the_place_of_an_answer() -> None:
    cache = AnswerCache(1 << 20, DAY)
    kept = relay(GOOD)
    cache.put(KEY, kept)
    for broken in (do.failed(), do.refused(), do.nxdomain(with_soa=False)):
        refreshed = relay(broken, 100.0)
        cache.put(KEY, refreshed)
        found = cache.get(KEY, 100.0)
        # RFC 8767 4: NXDOMAIN does refresh, even one that may not be kept itself.
        assert found is (None if refreshed.rcode == 3 else kept)


@pytest.mark.parametrize("behaviour", [do.nxdomain(), do.nodata(), do.answer("A 192.0.2.2")])
def test_an_answer_refreshes_a_stale_one(behaviour: Behaviour) -> None:
    cache = AnswerCache(1 << 20, DAY)
    cache.put(KEY, relay(GOOD))
    newer = relay(behaviour, 100.0)
    cache.put(KEY, newer)
    assert cache.get(KEY, 100.0) is newer and len(cache) == 1


def test_an_answer_with_ttl_0_ends_the_life_of_what_was_known() -> None:
    cache = AnswerCache(1 << 20, DAY)
    cache.put(KEY, relay(GOOD))
    cache.put(KEY, relay(do.answer("A 192.0.2.2", ttl=0), 10.0))
    assert cache.get(KEY, 10.0) is None and len(cache) == 0


def test_a_stale_answer_that_is_asked_for_stays_and_one_that_is_not_goes_first() -> None:
    cache = AnswerCache(100_000, DAY)
    needed, forgotten = key(1_000_001), key(1_000_002)
    cache.put(needed, relay(GOOD))
    cache.put(forgotten, relay(GOOD))
    for number in range(5_000):
        cache.put(key(number), relay(GOOD, 1_000.0))
        if number % 20 == 0:
            assert cache.get(needed, 1_000.0) is not None
    assert cache.get(forgotten, 1_000.0) is None


@given(steps=st.lists(st.floats(0.0, 20.0), max_size=40))
def test_no_number_of_hits_keeps_a_stale_answer_alive(steps: list[float]) -> None:
    cache = AnswerCache(2_000, stale=40.0)
    kept, now = relay(GOOD), 0.0
    cache.put(KEY, kept)
    for step in steps:
        now += step
        cache.put(key(int(now)), relay(GOOD, now))
        found = cache.get(KEY, now)
        assert found is None or (found is kept and now < 100.0 and kept.stored == 0.0)


# Refreshing

DUES = [(9, inf), (10, 1_009.0), (60, 1_054.0), (3_600, 4_240.0)]


@pytest.mark.parametrize(("ttl", "due"), DUES)
def test_when_an_answer_is_due(ttl: int, due: float) -> None:
    cache = AnswerCache(1 << 20)
    kept = relay(do.answer("A 192.0.2.1", ttl=ttl), 1_000.0)
    cache.put(KEY, kept)
    assert kept.due == due


def test_moving_up_does_not_make_an_answer_due_again() -> None:
    cache = AnswerCache(2 * relay(GOOD).octets)
    kept = relay(GOOD)
    cache.put(KEY, kept)
    kept.due = inf  # as whoever has begun to fetch it says
    cache.put(key(1), relay(GOOD))
    assert cache.get(KEY, 1.0) is kept and kept.due == inf


def test_refreshing_all_the_time_takes_no_room() -> None:
    cache = AnswerCache(100_000)
    for number in range(20):
        cache.put(key(number), relay(GOOD))
    for _ in range(5_000):
        cache.put(KEY, relay(GOOD))
    assert len(cache) == 21 and not cache.old


# Flushing


def named(text: str, qtype: int = 1, flags: int = 0) -> Key:
    return (from_text(text), qtype, 1, flags)


HELD = [
    named("example.org"),
    named("example.org", 28),
    named("example.org", 1, 17),
    named("www.example.org"),
    named("a.b.example.org"),
    named("notexample.org"),
    named(r"a\007example\003org"),  # one label, whose last octets look like the name
    named("example.net"),
]

FLUSHED: list[tuple[bytes | None, bool, int]] = [
    (from_text("example.org"), False, 3),
    (from_text("example.org"), True, 5),
    (from_text("www.example.org"), False, 1),
    (from_text("org"), False, 0),
    (from_text("org"), True, 6),
    (from_text("example.test"), True, 0),
    (from_text("."), False, 0),
    (from_text("."), True, 8),
    (None, False, 8),
    (None, True, 8),
]


@pytest.mark.parametrize(("name", "below", "count"), FLUSHED)
@pytest.mark.parametrize("room", [100, 10], ids=["young", "both"])
def test_flushing(name: bytes | None, below: bool, count: int, room: int) -> None:
    cache = AnswerCache(room * relay(GOOD).octets)
    for one in HELD:
        cache.put(one, relay(GOOD))
    assert len(cache) == len(HELD) and bool(cache.old) == (room == 10)
    assert cache.flush(name, below) == count
    assert len(cache) == len(HELD) - count
    assert cache.flush(name, below) == 0
    for one in HELD:
        gone = name is None or one[0] == name or (below and ends_with(one[0], name))
        assert (one in cache.young or one in cache.old) != gone


def ends_with(wire: bytes, name: bytes) -> bool:
    """The same question, asked of dnspython."""
    one, _ = dns.name.from_wire(wire, 0)
    other, _ = dns.name.from_wire(name, 0)
    return one.is_subdomain(other)


def test_entries_come_with_the_popular_ones_first() -> None:
    cache = AnswerCache(4 * relay(GOOD).octets)
    for number in range(4):
        cache.put(key(number), relay(GOOD))
    assert cache.get(key(0), 1.0) is not None  # moves up
    found = [one for one, _ in cache.entries()]
    assert set(found) == {key(number) for number in (0, 2, 3)} | set(cache.old)
    assert found.index(key(0)) < len(cache.young)


def test_what_is_restored_is_older_than_all_that_is_known() -> None:
    cache = AnswerCache(1 << 20)
    newer, older = relay(GOOD, 1_000.0), relay(GOOD, 900.0)
    cache.put(KEY, newer)
    assert cache.restore(KEY, older) and cache.restore(key(1), older)
    assert cache.get(KEY, 1_000.0) is newer
    assert cache.get(key(1), 950.0) is older and older.due == 954.0


def test_flushes_are_counted() -> None:
    cache = AnswerCache(1 << 20)
    cache.flush(None, False)
    cache.flush(from_text("example.org"), True)
    assert cache.flushes == 2
