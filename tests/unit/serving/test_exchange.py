"""An exchange: who waits, what was tried, and whether anything may still come."""

from __future__ import annotations

import pytest

from resolver.serving.exchange import OPEN, SETTLED, STREAMED, UNREACHABLE, Exchange, Try
from resolver.serving.health import Upstream
from resolver.upstreams import parse_upstream
from tests.unit.serving.ground import query_of


def exchange() -> Exchange:
    return Exchange(query_of(), [])


def attempt(of: Exchange, index: int) -> Try:
    made = Try(of, Upstream(index, parse_upstream("udp://192.0.2.53")), of.query.question, True, 1.0)
    of.tries.append(made)
    return made


def test_it_begins_without_a_try_or_a_word() -> None:
    one = exchange()
    assert (one.tries, one.tried, one.fallback, one.ended, one.awaited) == ([], [], None, False, False)


def test_it_may_be_on_behalf_of_nobody() -> None:
    assert exchange().waiters == []


def test_it_knows_whom_it_asked_in_order() -> None:
    one = exchange()
    asked = [attempt(one, index).upstream for index in (2, 0, 2)]
    assert one.tried == asked


@pytest.mark.parametrize(
    ("states", "awaited"),
    [
        ((OPEN,), True),
        ((UNREACHABLE,), True),  # the network may be lying
        ((STREAMED,), True),
        ((SETTLED,), False),
        ((SETTLED, OPEN), True),
        ((SETTLED, SETTLED, SETTLED), False),
    ],
)
def test_it_is_awaited_until_every_try_is_settled(states: tuple[int, ...], awaited: bool) -> None:
    one = exchange()
    for index, state in enumerate(states):
        attempt(one, index).state = state
    assert one.awaited is awaited


def test_who_was_heard_is_behind_who_was_not() -> None:
    """`state >= STREAMED` is asked for every packet."""
    assert OPEN < UNREACHABLE < STREAMED < SETTLED
