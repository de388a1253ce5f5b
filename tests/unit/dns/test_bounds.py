"""TTLs within bounds: what clients are told and what is kept move together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.bounds import bounded
from resolver.dns.records import TTL_CAP, Walk, walk
from tests.support.messages import QUESTION, TO_QNAME, header, record

BOUNDS = st.tuples(st.integers(0, TTL_CAP), st.integers(0, TTL_CAP))


def answer(*ttls: int, rcode: int = 0) -> Walk:
    """An answer of as many types as there are TTLs, the first of them what was asked for."""
    records = b"".join(record(1 if at == 0 else 300 + at, b"1234", ttl=ttl) for at, ttl in enumerate(ttls))
    return walk(header(0x8180 | rcode, answer=len(ttls)) + QUESTION + records)


def negative(ttl: int, rcode: int = 3) -> Walk:
    """A negative answer that is kept so long."""
    soa = record(6, TO_QNAME * 2 + b"\0" * 16 + ttl.to_bytes(4, "big"), ttl=ttl)
    return walk(header(0x8180 | rcode, authority=1) + QUESTION + soa)


CASES: dict[str, tuple[Walk, int, int, tuple[int, ...], int]] = {
    "within": (answer(60, 300), 0, 3600, (60, 300), 60),
    "raised": (answer(5, 300), 60, 3600, (60, 300), 60),
    "lowered": (answer(60, 7200), 0, 3600, (60, 3600), 60),
    "both": (answer(5, 7200), 60, 3600, (60, 3600), 60),
    "the cap wins": (answer(5), 60, 30, (30,), 30),
    "a TTL of 0 is raised": (answer(0), 60, 3600, (60,), 60),
    "and is not without a floor": (answer(0), 0, 3600, (0,), 0),
    "a negative answer": (negative(7200), 0, 3600, (3600,), 3600),
    "a short negative answer": (negative(5), 60, 3600, (60,), 60),
    "NODATA": (negative(5, 0), 60, 3600, (60,), 60),
    "a negative answer that must not be kept": (negative(0), 60, 3600, (0,), 0),
    "NXDOMAIN without SOA": (answer(5, rcode=3), 60, 3600, (5,), 0),
    "SERVFAIL": (answer(7200, rcode=2), 60, 3600, (3600,), 0),
}


@pytest.mark.parametrize(("walked", "least", "most", "ttls", "lifetime"), CASES.values(), ids=CASES)
def test_bounds(walked: Walk, least: int, most: int, ttls: tuple[int, ...], lifetime: int) -> None:
    within = bounded(walked, least, most)
    assert (within.ttls, within.lifetime) == (ttls, lifetime)


@given(st.lists(st.integers(0, TTL_CAP), min_size=1, max_size=5), BOUNDS)
def test_the_octets_say_what_the_numbers_say(ttls: list[int], bounds: tuple[int, int]) -> None:
    least, most = sorted(bounds)
    walked = answer(*ttls)
    within = bounded(walked, least, most)
    assert [int.from_bytes(within.body[at : at + 4], "big") for at in within.offsets] == list(within.ttls)
    assert within.lifetime == min(within.ttls) and least <= within.lifetime <= most
    assert bounded(within, least, most) is within
    assert within._replace(body=walked.body, ttls=walked.ttls, lifetime=walked.lifetime) == walked
