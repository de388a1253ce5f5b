"""Rates of client networks: how much passes, that nobody is forgotten, that memory does not grow.

Invariant: of a key that is asked as often as one likes, no more passes in any time than the rate and one
burst, whatever else is asked meanwhile.
"""

from __future__ import annotations

import ipaddress
import random
import resource
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.rules.networks import address_of
from resolver.serving.limits import BURST, DROPPED, SLIPPED, WITHIN, RateLimiter, client_network

KEY = b"\xc0\x00\x02"


def passed(limiter: RateLimiter, count: int, now: float, key: bytes = KEY) -> int:
    """How many of so many at one moment are within the limit."""
    return sum(limiter.judge(key, now) == WITHIN for _ in range(count))


@pytest.mark.parametrize("rate", [1, 2, 20, 200, 1_000_000])
def test_a_burst_and_then_the_rate(rate: int) -> None:
    limiter = RateLimiter(rate)
    burst = min(int(rate * BURST), 5_000)
    assert passed(limiter, burst, 1000.0) == burst
    if burst == rate * BURST:
        assert passed(limiter, 10, 1000.0) == 0
        assert passed(limiter, 10 * rate, 1001.5) == pytest.approx(1.5 * rate, abs=1)
        assert passed(limiter, 10 * rate, 9000.0) == pytest.approx(burst, abs=1), "no more is saved up"


def test_over_the_limit_every_second_one_slips() -> None:
    limiter = RateLimiter(1)
    assert passed(limiter, 3, 1000.0) == 3
    found = [limiter.judge(KEY, 1000.0) for _ in range(6)]
    assert found == [SLIPPED, DROPPED] * 3


def test_keys_have_nothing_to_do_with_each_other() -> None:
    limiter = RateLimiter(1)
    for number in range(500):
        assert passed(limiter, 4, 1000.0, number.to_bytes(3, "big")) == 3


@given(
    st.lists(st.tuples(st.floats(0, 5), st.integers(1, 40)), min_size=1, max_size=30),
    st.integers(1, 50),
    st.integers(0, 40),
)
def test_never_more_than_the_rate_and_one_burst(
    steps: list[tuple[float, int]], rate: int, others: int
) -> None:
    """In a table so small that keys meet all the time. Who meets another may get less, never more."""
    limiter = RateLimiter(rate, slots=8)
    now, total = 1000.0, 0
    for seconds, count in steps:
        now += seconds
        total += passed(limiter, count, now)
        for number in range(others):
            limiter.judge(number.to_bytes(2, "big"), now)
    assert total <= rate * (now - 1000.0 + BURST) + 1


def test_a_million_forged_sources_take_no_memory_and_free_no_offender() -> None:
    limiter = RateLimiter(200)
    now = 1000.0
    assert passed(limiter, 10_000, now) == 200 * BURST
    chance = random.Random(3)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(1_000_000):
        if number % 100_000 == 0:
            now += 0.01  # ten million a second, far more than a machine receives
            assert passed(limiter, 100, now) <= 3, "the offender is still known"
        limiter.judge(chance.randbytes(3), now)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2_048  # KB


def test_a_crowd_of_offenders_leaves_the_innocent_alone() -> None:
    """A key is over only if both of its buckets are: with 100 offenders that is 1 in 400 000."""
    limiter = RateLimiter(200)
    for number in range(100):
        passed(limiter, 2_000, 1000.0, b"bad%d" % number)
    assert sum(limiter.judge(b"good%d" % number, 1000.0) != WITHIN for number in range(20_000)) <= 3


def test_the_rows_are_independent_and_even() -> None:
    """What meets in one row does not meet in the other, or two rows would be no better than one."""
    keys = [number.to_bytes(3, "big") for number in range(20_000)]
    pairs = Counter((hash(key) & 0xFF, hash(key) >> 32 & 0xFF) for key in keys)
    assert max(pairs.values()) <= 10  # 0.3 expected


NETWORKS = [
    ("192.0.2.1", "192.0.2.255", True),
    ("192.0.2.1", "192.0.3.1", False),
    ("2001:db8::1", "2001:db8:0:ff:ffff::1", True),
    ("2001:db8::1", "2001:db8:0:100::1", False),
    ("fe80::1%eth0", "fe80::2%eth1", True),
    ("192.0.2.1", "c000:200::", False),
]


@pytest.mark.parametrize(("one", "other", "same"), NETWORKS)
def test_which_addresses_count_as_one_client(one: str, other: str, same: bool) -> None:
    first, second = address_of(one), address_of(other)
    assert first and second
    assert (client_network(first) == client_network(second)) is same


@given(st.ip_addresses())
def test_every_address_has_a_network(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    known = address_of(str(address))
    assert known and len(client_network(known)) in (3, 7)
