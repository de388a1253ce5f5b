"""When tries leave, and how many may leave early."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.serving.health import LONGEST_PATIENCE, SHORTEST_PATIENCE, Upstream
from resolver.serving.hedging import FIXED, MAX_TRIES, MOST, SHARE, TOTAL, Budget, fixed, stream_wait, wait
from resolver.serving.wheel import TICK
from resolver.upstreams import parse_upstream


def upstream(*seconds: float) -> Upstream:
    one = Upstream(0, parse_upstream("udp://192.0.2.1"))
    for now, time in enumerate(seconds):
        one.answered(time, now)
    return one


# Times to an answer so far, when the second try leaves, and how long after it the third.
WAITS: list[tuple[str, list[float], float, float]] = [
    ("unknown", [], 0.3, 1.2),
    ("on this network", [0.001] * 50, SHORTEST_PATIENCE, 0.15),
    ("across the ocean", [0.15] * 50, 0.15, 0.6),
    ("slow", [2.0] * 50, LONGEST_PATIENCE, 1.2),
]


@pytest.mark.parametrize(("times", "second", "third"), [w[1:] for w in WAITS], ids=[w[0] for w in WAITS])
def test_waits(times: list[float], second: float, third: float) -> None:
    one = upstream(*times)
    assert wait(1, one) == pytest.approx(second, rel=0.05)
    assert wait(2, one) == pytest.approx(third, rel=0.05)


@given(st.lists(st.floats(0, 5), max_size=20))
def test_whatever_happened_a_client_hears_something_within_five_seconds(times: list[float]) -> None:
    one = upstream(*times)
    assert wait(1, one) + wait(2, one) < TOTAL
    for count in range(1, MAX_TRIES):
        earliest, latest = FIXED[count - 1]
        assert earliest <= fixed(count, one) <= latest < TOTAL
    assert TOTAL + 2 * TICK < 5


@pytest.mark.parametrize(
    ("times", "seconds"), [([], 0.6), ([0.001] * 50, 0.15), ([0.15] * 50, 0.3), ([2.0] * 50, 1.6)]
)
def test_a_stream_gets_two_round_trips(times: list[float], seconds: float) -> None:
    assert stream_wait(upstream(*times)) == pytest.approx(seconds, rel=0.05)


def test_a_slow_upstream_is_not_asked_again_before_it_can_have_answered() -> None:
    assert fixed(1, upstream()) == 0.8
    assert fixed(1, upstream(*[2.0] * 50)) >= 2.0


# The budget


def test_early_tries_are_a_tenth_of_all_packets() -> None:
    budget, early = Budget(0.0), 0
    for packets in range(10_000):
        early += budget.take(1.0, packets)
    assert SHARE * 10_000 <= early <= SHARE * 10_000 + MOST + 1


def test_with_little_to_do_one_a_second_may_leave() -> None:
    budget = Budget(0.0)
    while budget.take(0.0, 0):
        pass
    assert [budget.take(now / 2, 0) for now in range(1, 9)] == [False, True] * 4


def test_it_cannot_be_saved_without_end() -> None:
    budget = Budget(0.0)
    assert sum(budget.take(1e6, 10**9) for _ in range(100)) == MOST


def test_a_try_that_proves_a_loss_is_free() -> None:
    budget = Budget(0.0)
    for _ in range(1_000):
        assert budget.take(0.0, 0)
        budget.give_back(1)


def test_thirty_percent_loss_hardly_ever_spends_the_budget() -> None:
    """Every third question needs a second try, every eleventh a third; one in 37 gets no answer."""
    chance, budget, packets, refused = random.Random(1), Budget(0.0), 0, 0
    for _ in range(50_000):
        tries = 1
        while tries <= MAX_TRIES and chance.random() < 0.3:
            tries += 1
        for early in range(min(tries, MAX_TRIES)):
            packets += 1
            refused += early > 0 and not budget.take(0.0, packets)
        if tries <= MAX_TRIES:
            budget.give_back(tries - 1)
    assert refused < 50_000 / 1_000
