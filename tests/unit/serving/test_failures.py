"""Failures remembered: how long, whose fault, and that a flood of them is bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.answers import Relay
from resolver.dns.names import from_text
from resolver.dns.records import walk
from resolver.serving.cache import Key
from resolver.serving.failures import FAILURE_OCTETS, Failures
from tests.support import behaviours as do
from tests.unit.serving.ground import query_of, reply_to

QUERY = query_of()
KEY = QUERY.cache_key
OTHER = query_of("other.example").cache_key
SERVFAIL = Relay(walk(reply_to(QUERY, do.failed())), 0.0)


def key(number: int) -> Key:
    return (b"\x06%06d\0" % number, 1, 1, 0)


def times(failures: Failures, count: int, word: Relay | None = None, others: bool = True) -> list[float]:
    """Seconds that each of so many failures in a row is remembered, the next coming as soon as it may;
    `others`: whether something else is answered in between."""
    seen, now = [], 1_000.0
    for _ in range(count):
        until = failures.note(KEY, now, word).until
        seen.append(until - now)
        now = until
        if others:
            failures.forget(OTHER)
    return seen


def test_a_failure_is_remembered_for_a_second() -> None:
    failures = Failures()
    noted = failures.note(KEY, 10.0, SERVFAIL)
    for now in (10.0, 10.999):
        assert failures.get(KEY, now) is noted and noted.word is SERVFAIL
    assert failures.get(KEY, 11.0) is None
    assert failures.get(OTHER, 10.0) is None


@pytest.mark.parametrize("word", [None, SERVFAIL], ids=["silence", "SERVFAIL"])
def test_who_fails_alone_is_asked_less_and_less(word: Relay | None) -> None:
    assert times(Failures(), 9, word) == [1, 2, 4, 8, 16, 32, 60, 60, 60]


@pytest.mark.parametrize("word", [None, SERVFAIL], ids=["silence", "SERVFAIL"])
def test_when_nothing_is_answered_every_name_is_tried_each_second(word: Relay | None) -> None:
    assert times(Failures(), 9, word, others=False) == [1] * 9


@given(st.integers(1, 3_000))
def test_the_bounds_of_the_rfc(count: int) -> None:
    failures = Failures()
    noted = failures.note(KEY, 0.0, None)
    for number in range(1, min(count, 50)):
        failures.forget(OTHER)
        before, noted = noted, failures.note(KEY, noted.until + number % 3, None, stale=number % 2 == 0)
        # RFC 9520 3.2: one second at least, five minutes at most.
        assert 1 <= noted.until - before.until - number % 3 <= 300


def test_failing_for_days_overflows_nothing() -> None:
    assert times(Failures(), 2_000)[-1] == 60


def test_a_stale_answer_gives_upstreams_half_a_minute() -> None:
    failures = Failures()
    assert failures.note(KEY, 10.0, None, stale=True).until == 40.0
    assert failures.get(KEY, 39.9) is not None and failures.get(KEY, 40.0) is None


def test_the_same_failure_told_twice_counts_once() -> None:
    failures = Failures()
    first = failures.note(KEY, 10.0, None, stale=True)
    failures.forget(OTHER)
    again = failures.note(KEY, 12.0, SERVFAIL)
    assert (again.tries, again.until, again.word) == (first.tries, 40.0, SERVFAIL)


def test_success_ends_the_series() -> None:
    failures = Failures()
    times(failures, 5)
    failures.forget(KEY)
    assert failures.get(KEY, 1_000.0) is None and len(failures) == 0
    assert times(failures, 2) == [1, 2]


def test_a_series_ends_with_time() -> None:
    failures = Failures()
    times(failures, 5)
    assert failures.note(KEY, 1_000.0 + 31 + 299.9, None).tries == 6
    assert failures.note(KEY, 1_000.0 + 31 + 299.9 + 32 + 300.0, None).tries == 1


def test_a_long_word_is_not_kept() -> None:
    failures = Failures()
    long = Relay(walk(reply_to(QUERY, do.big(30_000))), 0.0)
    assert failures.note(KEY, 0.0, long).word is None


# Bounds


@pytest.mark.parametrize("word", [None, SERVFAIL], ids=["silence", "SERVFAIL"])
def test_a_flood_of_names_is_bounded(word: Relay | None) -> None:
    failures = Failures()
    for number in range(30_000):
        failures.note(key(number), 0.0, word)
    assert len(failures) * 240 <= FAILURE_OCTETS
    assert len(failures) > 2_000


def test_failures_that_are_asked_about_survive_a_flood() -> None:
    failures = Failures(100_000)
    noted = failures.note(KEY, 0.0, None, stale=True)
    for number in range(5_000):
        failures.note(key(number), 0.0, None)
        if number % 20 == 0:
            assert failures.get(KEY, 1.0) is noted
    assert failures.get(key(3), 0.0) is None


def test_failing_again_and_again_takes_no_room() -> None:
    failures = Failures(100_000)
    for number in range(20):
        failures.note(key(number), 0.0, None)
    for number in range(5_000):
        failures.note(KEY, float(number), SERVFAIL)
    assert len(failures) == 21 and not failures.old


def test_a_series_is_known_in_the_old_half() -> None:
    failures = Failures(1_000)
    failures.note(KEY, 0.0, None)
    failures.note(key(1), 0.0, None)
    assert KEY in failures.old
    failures.forget(OTHER)
    assert failures.note(KEY, 1.0, None).tries == 2
    assert KEY not in failures.old


@pytest.mark.parametrize(
    ("name", "below", "left"), [("example.org", False, 1), ("org", True, 0), ("org", False, 2)]
)
def test_flushing(name: str, below: bool, left: int) -> None:
    failures = Failures()
    failures.note((from_text("example.org"), 1, 1, 0), 0.0, None)
    failures.note((from_text("www.example.org"), 28, 1, 0), 0.0, None)
    assert failures.flush(from_text(name), below) == 2 - left
    assert len(failures) == left
    assert failures.flush(None, False) == left and len(failures) == 0
