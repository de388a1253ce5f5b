"""The life of one upstream, as tables: what it is told, then whether it is well, and how long it gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.serving.health import (
    FAILURES,
    FIRST_PATIENCE,
    FIRST_PAUSE,
    FOUND,
    LONGEST_PATIENCE,
    LONGEST_PAUSE,
    ODD_CASES,
    PLAIN_SECONDS,
    SHORTEST_PATIENCE,
    SIEGE,
    UDP_SECONDS,
    Upstream,
)
from resolver.upstreams import parse_upstream


def upstream(url: str = "udp://192.0.2.1", keeps_case: bool = False) -> Upstream:
    return Upstream(0, parse_upstream(url), keeps_case)


# After each event, until when it is set aside (0.0: it is well).
Event = tuple[str, float, float]
LIVES: dict[str, list[Event]] = {
    "two failures are bad luck": [("failed", 1, 0), ("failed", 2, 0), ("answered", 3, 0), ("failed", 4, 0)],
    "three in a row": [("failed", 1, 0), ("failed", 2, 0), ("failed", 3, 3.5)],
    "an answer makes it well": [("failed", 1, 0), ("failed", 1, 0), ("failed", 1, 1.5), ("answered", 2, 0)],
    "one that nobody waits for does not": [
        ("failed", 1, 0), ("failed", 1, 0), ("failed", 1, 1.5), ("late", 2, 1.5),
    ],
    "failures while it is aside count once": [
        ("failed", 1, 0), ("failed", 1, 0), ("failed", 1, 1.5), ("failed", 1.2, 1.5), ("failed", 1.4, 1.5),
        ("failed", 1.5, 2.5),
    ],
    "a probe is alone": [
        ("failed", 1, 0), ("failed", 1, 0), ("failed", 1, 1.5), ("probed", 1.5, 2.5), ("failed", 1.9, 2.5),
    ],
    "after a recovery it begins with the short pause": [
        ("failed", 1, 0), ("failed", 1, 0), ("failed", 1, 1.5), ("failed", 2, 3), ("answered", 4, 0),
        ("failed", 5, 0), ("failed", 5, 0), ("failed", 5, 5.5),
    ],
    "what was sent before it was heard is a lost packet": [
        ("answered", 10, 0), ("failed", 5, 0), ("failed", 6, 0), ("failed", 7, 0), ("failed", 8, 0),
    ],
}  # fmt: skip


@pytest.mark.parametrize("life", LIVES.values(), ids=LIVES)
def test_life(life: list[Event]) -> None:
    one = upstream()
    for number, (event, now, aside) in enumerate(life):
        if event == "failed":
            one.failed(now, now)
        elif event == "probed":
            one.probed(now)
        else:
            one.answered(0.01 if event == "answered" else LONGEST_PATIENCE, now)
        assert one.aside == pytest.approx(aside), f"after event {number}"


def test_pauses_grow_and_stop_growing() -> None:
    one = upstream()
    now, pauses = 0.0, []
    for _ in range(FAILURES):
        one.failed(now, now)
    for _ in range(8):
        pauses.append(one.aside - now)
        now = one.aside
        one.failed(now, now)
    assert pauses == [0.5, 1, 2, 4, 8, 10, 10, 10]
    assert pauses[0] == FIRST_PAUSE and pauses[-1] == LONGEST_PAUSE


# Time


def test_times_are_smoothed_as_rfc_6298_says() -> None:
    one = upstream()
    assert (one.seconds, one.patience) == (0.0, FIRST_PATIENCE)
    one.answered(0.08, 1.0)
    assert (one.seconds, one.spread) == pytest.approx((0.08, 0.04)), "2.2: the first as it is, and half"
    assert one.patience == pytest.approx(0.24)
    one.answered(0.0, 2.0)
    assert (one.seconds, one.spread) == pytest.approx((0.07, 0.05)), "2.3: gains of 1/8 and 1/4"


@given(st.lists(st.floats(0, 5), min_size=1, max_size=50))
def test_patience_has_bounds(times: list[float]) -> None:
    one = upstream()
    for now, seconds in enumerate(times):
        one.answered(seconds, now)
        assert SHORTEST_PATIENCE <= one.patience <= LONGEST_PATIENCE
        assert 0 <= one.seconds <= 5


def test_a_steady_upstream_is_waited_for_as_long_as_it_takes() -> None:
    one = upstream()
    for now in range(100):
        one.answered(0.1, now)
    assert 0.1 <= one.patience <= 0.11


# Loss


def test_loss_is_a_moving_average() -> None:
    one = upstream()
    for _ in range(100):
        one.failed(1.0, 1.0)
    assert one.loss > 0.99
    for now in range(16):
        one.answered(0.01, now)
    assert 0.3 < one.loss < 0.4
    for now in range(200):
        one.answered(0.01, now)
    assert one.loss == 0.0, "one that does well costs no arithmetic"


# What it can


def test_it_is_forgotten_that_it_cannot_read_an_opt() -> None:
    one = upstream()
    one.cannot_edns(100.0)
    assert one.plain_until == 100.0 + PLAIN_SECONDS
    one.cannot_edns(200.0)
    assert one.plain_until == 100.0 + PLAIN_SECONDS, "answers without OPT do not make it longer"


@pytest.mark.parametrize("right", [False, True], ids=["never", "once"])
def test_who_never_keeps_the_case_is_known(right: bool) -> None:
    one = upstream(keeps_case=True)
    if right:
        one.right_case()
    for _ in range(ODD_CASES - 1):
        one.odd_case()
    assert one.keeps_case
    for _ in range(10):
        one.odd_case()
    assert one.keeps_case is right, "who kept it once is being forged"


# Forgers


def test_several_ports_found_soon_after_each_other_are_a_siege() -> None:
    one = upstream()
    for number in range(FOUND - 1):
        one.port_found(float(number))
    assert one.by_stream == 0.0
    one.port_found(5.0)
    assert one.by_stream == 5.0 + SIEGE


def test_ports_found_now_and_then_are_none() -> None:
    one = upstream()
    for number in range(20):
        one.port_found(number * (SIEGE + 1))
    assert one.by_stream == 0.0


def test_without_a_stream_there_is_only_udp() -> None:
    one = upstream()
    for _ in range(FOUND):
        one.port_found(1.0)
    one.no_stream(2.0)
    assert (one.by_stream, one.udp_until) == (0.0, 2.0 + UDP_SECONDS)


@pytest.mark.parametrize("url", ["tcp://192.0.2.1", "tls://192.0.2.1"])
def test_what_has_only_streams_is_asked_by_them_for_ever(url: str) -> None:
    one = upstream(url)
    one.no_stream(1.0)
    assert one.by_stream > 1e12 and one.udp_until == 0.0
