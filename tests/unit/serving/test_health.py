"""Which upstream is asked, as tables: what happened before, then the choice."""

from __future__ import annotations

import pytest

from resolver.serving.health import FAILURES, FIRST_PAUSE, LONGEST_PAUSE, Upstream, choose
from resolver.upstreams import parse_upstream


def upstreams(count: int) -> list[Upstream]:
    return [Upstream(index, parse_upstream(f"udp://192.0.2.{index + 1}")) for index in range(count)]


def set_aside(one: Upstream, now: float) -> None:
    for _ in range(FAILURES):
        one.failed(now)


# Who is set aside at time 100, who was tried for this question, who is asked at 100.1 and at 101.
CHOICES: list[tuple[str, tuple[int, ...], tuple[int, ...], int, int]] = [
    ("all well: the first of the file", (), (), 0, 0),
    ("the first was tried", (), (0,), 1, 1),
    ("two were tried", (), (0, 1), 2, 2),
    ("all were tried: from the start", (), (0, 1, 2), 0, 0),
    ("the first is aside", (0,), (), 1, 0),
    ("the first is aside, the second tried", (0,), (1,), 2, 0),
    ("only tried ones are well", (2,), (0, 1), 2, 2),
    ("all are aside: the one that is due first", (2, 0, 1), (), 0, 0),
    ("all are aside and tried", (0, 1, 2), (0, 1, 2), 0, 0),
]


@pytest.mark.parametrize(
    ("aside", "tried", "soon", "later"), [c[1:] for c in CHOICES], ids=[c[0] for c in CHOICES]
)
def test_choice(aside: tuple[int, ...], tried: tuple[int, ...], soon: int, later: int) -> None:
    three = upstreams(3)
    for index in aside:
        set_aside(three[index], 100.0)
    assert choose(three, tried, 100.1).index == soon
    assert choose(three, tried, 101.0).index == later


def test_when_all_are_aside_the_one_due_soonest_is_asked() -> None:
    three = upstreams(3)
    for index, now in ((0, 102.0), (1, 100.0), (2, 101.0)):
        set_aside(three[index], now)
    assert choose(three, (), 100.2).index == 1
    assert choose(three, (1,), 100.2).index == 2


def test_one_upstream_is_always_the_choice() -> None:
    (only,) = upstreams(1)
    set_aside(only, 5.0)
    assert choose([only], (0, 0), 5.0) is only


# A life of one upstream: after each event, until when it is set aside (0.0: it is well).
Event = tuple[str, float, float]
LIVES: dict[str, list[Event]] = {
    "two failures are bad luck": [("failed", 1, 0), ("failed", 2, 0), ("answered", 3, 0), ("failed", 4, 0)],
    "three in a row": [("failed", 1, 0), ("failed", 2, 0), ("failed", 3, 3.5)],
    "an answer makes it well": [("failed", 1, 0), ("failed", 1, 0), ("failed", 1, 1.5), ("answered", 2, 0)],
    "failures while it is aside count once": [
        ("failed", 1, 0), ("failed", 1, 0), ("failed", 1, 1.5), ("failed", 1.2, 1.5), ("failed", 1.4, 1.5),
        ("failed", 1.5, 2.5),
    ],
    "after a recovery it begins with the short pause": [
        ("failed", 1, 0), ("failed", 1, 0), ("failed", 1, 1.5), ("failed", 2, 3), ("answered", 4, 0),
        ("failed", 5, 0), ("failed", 5, 0), ("failed", 5, 5.5),
    ],
}  # fmt: skip


@pytest.mark.parametrize("life", LIVES.values(), ids=LIVES)
def test_life(life: list[Event]) -> None:
    (one,) = upstreams(1)
    for number, (event, now, aside) in enumerate(life):
        if event == "failed":
            one.failed(now)
        else:
            one.answered(0.01)
        assert one.aside == pytest.approx(aside), f"after event {number}"


def test_pauses_grow_and_stop_growing() -> None:
    (one,) = upstreams(1)
    now, pauses = 0.0, []
    set_aside(one, now)
    for _ in range(8):
        pauses.append(one.aside - now)
        now = one.aside
        one.failed(now)
    assert pauses == [0.5, 1, 2, 4, 8, 10, 10, 10]
    assert pauses[0] == FIRST_PAUSE and pauses[-1] == LONGEST_PAUSE


def test_a_time_to_answer_is_smoothed() -> None:
    (one,) = upstreams(1)
    assert one.seconds == 0.0
    one.answered(0.8)
    assert one.seconds == pytest.approx(0.8), "the first is taken as it is"
    one.answered(0.0)
    assert one.seconds == pytest.approx(0.7), "RFC 6298 2: a gain of one eighth"


def test_a_fault_ends_within_a_second_of_the_last_pause() -> None:
    """A short outage must not keep a healthy upstream out: the pause begins with half a second."""
    (one,) = upstreams(1)
    set_aside(one, 0.0)
    assert choose([one, *upstreams(2)[1:]], (), 0.5) is one
