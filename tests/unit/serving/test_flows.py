"""Known flows: bounded whatever comes, exact to the second, gone at a swap.

Invariants: the table never weighs more than its bound plus one entry; an entry is never given beyond
the lifetime of its answer; no TTL is ever higher than what is left of it.
"""

from __future__ import annotations

import tracemalloc

import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.answers import Relay
from resolver.dns.query import Query, parse_query
from resolver.dns.records import walk
from resolver.serving.flows import FLOW_OCTETS, Flow, FlowTable
from tests.support import behaviours as do
from tests.support.client import make_query
from tests.unit.serving.ground import query_of, reply_to

QUERY = query_of()


def relay(ttl: int = 300, stored: float = 0.0, records: int = 1, query: Query = QUERY) -> Relay:
    """A relayed answer of some A records."""
    answer = do.answer(*(f"A 192.0.2.{number}" for number in range(records)), ttl=ttl)
    return Relay(walk(reply_to(query, answer)), stored)


ANSWER = (b"head", 30, b"tail")
POPULAR = (b"other", 31, b"tail")
"""Blocks, as the table holds them: the parts that many of them share."""


def ttl_of(flow: Flow, query: Query = QUERY) -> int:
    """The TTL that a client would see now."""
    reply = dns.message.from_wire(query.id.to_bytes(2, "big") + flow.tail)
    return int(reply.answer[0].ttl)


def key(number: int) -> bytes:
    """A key as long as that of a usual query."""
    return b"%060d" % number


def flood(table: FlowTable, count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        table.put(key(number), ANSWER)


# The table


def test_what_was_put_is_found() -> None:
    table = FlowTable()
    table.put(b"a", ANSWER)
    assert table.young[b"a"] == ANSWER and len(table) == 1


def test_a_flood_is_bounded() -> None:
    table = FlowTable(octets=100_000)
    flood(table, 1)
    sizes = set()
    for start in range(0, 20_000, 500):
        flood(table, 500, start)
        sizes.add(len(table))
    assert max(sizes) * (60 + 160) <= 100_000 + 2 * 220


def test_flows_that_are_asked_all_the_time_survive_a_flood() -> None:
    table = FlowTable(octets=100_000)
    popular = [key(10**9 + number) for number in range(20)]
    for name in popular:
        table.put(name, POPULAR)
    for start in range(0, 10_000, 50):
        flood(table, 50, start)
        for name in popular:
            assert (table.young.get(name) or table.promote(name)) == POPULAR


def test_a_flow_that_nobody_asks_for_is_forgotten() -> None:
    table = FlowTable(octets=100_000)
    table.put(b"once", ANSWER)
    flood(table, 2_000)
    assert b"once" not in table.young and table.promote(b"once") is None


def test_promoting_moves() -> None:
    table = FlowTable(octets=600)
    table.put(b"a", ANSWER)
    flood(table, 1)  # the halves change places
    assert b"a" in table.old
    assert table.promote(b"a") == ANSWER
    assert b"a" in table.young and b"a" not in table.old


def test_a_swap_empties_both_halves() -> None:
    table = FlowTable(octets=600)
    table.put(b"a", ANSWER)
    flood(table, 1)
    assert table.old and table.young
    table.clear()
    assert len(table) == 0 and table.promote(b"a") is None
    # The weight is forgotten too: the next entries find the whole table.
    table.put(b"b", ANSWER)
    assert b"b" in table.young and not table.old


def test_forgetting_one_leaves_the_rest() -> None:
    table = FlowTable()
    table.put(b"a", ANSWER)
    table.put(b"b", POPULAR)
    table.forget(b"a")
    table.forget(b"never there")
    assert list(table.young) == [b"b"]


@pytest.mark.parametrize("records", [1, 60], ids=["short answers", "long answers"])
def test_the_bound_is_one_of_real_memory(records: int) -> None:
    bound, count = 1 << 20, 3_000
    answer = reply_to(QUERY, do.answer(*(f"A 192.0.2.{number}" for number in range(records))))
    question = make_query("www.example.org").to_wire()
    tracemalloc.start()
    try:
        table = FlowTable(octets=bound)
        for number in range(count):
            query = parse_query(question)
            assert isinstance(query, Query)
            table.put(key(number), Flow(query, Relay(walk(answer), 0.0), 0.0))
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(table) < count and used < bound * 1.25


def test_the_default_bound_is_what_a_small_box_can_spare() -> None:
    """Room for 100 000 known blocked names in either half, and no more than 40 MB a worker."""
    assert 2 * 100_000 * (60 + 160) * 0.9 < FLOW_OCTETS <= 40 << 20


# One flow


def test_the_ttl_counts_down_second_by_second() -> None:
    flow = Flow(QUERY, relay(ttl=5, stored=100.0), 100.0)
    seen = []
    now = 100.0
    for _ in range(5):
        if now >= flow.until:
            assert flow.renew(now)
        seen.append(ttl_of(flow))
        now += 1.0
    assert seen == [5, 4, 3, 2, 1]
    assert not flow.renew(now)


@pytest.mark.parametrize(
    ("now", "until", "ttl"),
    [(100.0, 101.0, 10), (100.999, 101.0, 10), (101.0, 102.0, 9), (104.5, 105.0, 6), (109.999, 110.0, 1)],
)
def test_an_answer_is_good_for_its_whole_second(now: float, until: float, ttl: int) -> None:
    flow = Flow(QUERY, relay(ttl=10, stored=100.0), now)
    assert flow.until == pytest.approx(until) and ttl_of(flow) == ttl


@pytest.mark.parametrize("late", [10.0, 10.001, 11.0, 1e6])
def test_an_answer_is_never_given_beyond_its_lifetime(late: float) -> None:
    flow = Flow(QUERY, relay(ttl=10, stored=100.0), 100.0)
    assert flow.until <= 110.0
    before = flow.tail
    assert not flow.renew(100.0 + late)
    assert flow.tail == before


@given(ttl=st.integers(1, 100), steps=st.lists(st.floats(0.0, 30.0), max_size=20))
def test_no_sequence_of_hits_stretches_a_ttl(ttl: int, steps: list[float]) -> None:
    stored = now = 50.0
    flow = Flow(QUERY, relay(ttl=ttl, stored=stored), now)
    for step in steps:
        now += step
        fresh = now < flow.until or flow.renew(now)
        assert fresh == (now - stored < ttl)
        if not fresh:
            break
        assert 0 < ttl_of(flow) <= ttl - int(now - stored)


def test_the_clients_own_case_is_in_its_flow() -> None:
    query = query_of("WwW.eXaMpLe.ORG")
    flow = Flow(query, relay(query=query), 0.0)
    assert b"\x03WwW\x07eXaMpLe\x03ORG\0" in flow.tail
