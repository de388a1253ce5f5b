"""Who waits: for the client's own question unless a rule led elsewhere; bounded; silence is no reply."""

from __future__ import annotations

from resolver.policy.decide import LEFT_ALONE
from resolver.serving.waiter import MAX_WAITERS, SILENCE, Waiter
from tests.unit.serving.ground import CLIENT, query_of, snapshot


def test_who_waits_asked_for_what_is_asked_unless_led_there() -> None:
    waiter = Waiter(query_of(), lambda peer, reply: None, "peer", True, CLIENT, snapshot(), LEFT_ALONE)
    assert waiter.led is None and waiter.query.question == query_of().question


def test_silence_is_no_message() -> None:
    assert SILENCE == b""


def test_the_bound_on_waiters_is_a_bound_on_memory() -> None:
    assert MAX_WAITERS <= 5_000
