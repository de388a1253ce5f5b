"""Which upstream is asked, as tables: who is well, who was tried, then the choice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import count, repeat
from typing import Any, cast

import pytest

from resolver.serving.choice import EXPLORED, Choice
from resolver.serving.health import FAILURES, Upstream
from resolver.upstreams import parse_upstream

STRATEGIES = ("order", "fastest", "race")


def upstreams(count: int) -> list[Upstream]:
    return [Upstream(index, parse_upstream(f"udp://192.0.2.{index + 1}")) for index in range(count)]


def choice(among: list[Upstream], strategy: str = "order", chance: Iterator[int] | None = None) -> Choice:
    """Without `chance` nothing is explored."""
    return Choice(among, cast(Any, strategy), chance or repeat(1))


def set_aside(one: Upstream, now: float) -> None:
    for _ in range(FAILURES):
        one.failed(now, now)


# Who is set aside at time 100, who was tried for this question, who is asked.
CHOICES: list[tuple[str, tuple[int, ...], tuple[int, ...], int]] = [
    ("all well: the first of the file", (), (), 0),
    ("the first was tried", (), (0,), 1),
    ("two were tried", (), (0, 1), 2),
    ("all were tried: from the start", (), (0, 1, 2), 0),
    ("the first is aside", (0,), (), 1),
    ("the first is aside, the second tried", (0,), (1,), 2),
    ("only tried ones are well", (2,), (0, 1), 2),
    ("all are aside and tried", (0, 1, 2), (0, 1, 2), 0),
]


@pytest.mark.parametrize(("aside", "tried", "asked"), [c[1:] for c in CHOICES], ids=[c[0] for c in CHOICES])
def test_order(aside: tuple[int, ...], tried: tuple[int, ...], asked: int) -> None:
    three = upstreams(3)
    for index in aside:
        set_aside(three[index], 100.0)
    chosen = choice(three).next([three[index] for index in tried]) if tried else choice(three).first()
    assert chosen.index == asked


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_when_all_are_aside_the_one_due_soonest_is_asked(strategy: str) -> None:
    three = upstreams(3)
    for index, now in ((0, 102.0), (1, 100.0), (2, 101.0)):
        set_aside(three[index], now)
    made = choice(three, strategy)
    assert made.first().index == 1
    assert made.next([three[1]]).index == 2


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_one_upstream_is_always_the_choice(strategy: str) -> None:
    (only,) = upstreams(1)
    set_aside(only, 5.0)
    made = choice([only], strategy)
    assert made.first() is only and made.next([only, only]) is only
    assert not made.several and not made.untried([])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_pause_that_is_over_is_probed_once_beside_the_question(strategy: str) -> None:
    first, second = upstreams(2)
    second.answered(0.01, 0.0)
    set_aside(first, 100.0)
    made = choice([first, second], strategy)
    assert made.first() is second
    assert made.beside(second, 100.2) is (first if strategy == "race" else None)
    assert made.beside(second, 100.6) is first, "the client does not wait for it"
    assert made.first() is second
    for _ in range(50):  # its losses are forgotten too, which only the order does not look at
        first.answered(0.001, 100.7)
    assert made.first() is first


def test_order_does_not_care_who_is_faster_or_better_behind_the_first() -> None:
    first, second = upstreams(2)
    first.answered(0.5, 0.0)
    second.answered(0.001, 0.0)
    set_aside(second, 1.0)
    made = choice([first, second])
    assert made.first() is first and made.beside(first, 100.0) is None


def test_the_fastest_is_asked_and_losses_count_as_time() -> None:
    one, two = upstreams(2)
    one.answered(0.05, 0.0)
    two.answered(0.02, 0.0)
    made = choice([one, two], "fastest")
    assert made.first() is two
    for _ in range(3):
        two.failed(1.0, -1.0)  # lost packets, not silence
    assert made.first() is one


def test_who_was_never_asked_is_asked_soon() -> None:
    one, two, three = upstreams(3)
    for asked in (one, two):
        asked.answered(0.01, 0.0)
    assert choice([one, two, three], "fastest").first() is three


def test_one_that_has_become_fast_again_is_found() -> None:
    """The fastest strategy alone would never look at the other again."""
    one, two = upstreams(2)
    one.answered(0.05, 0.0)
    two.answered(0.5, 0.0)
    made, asked = choice([one, two], "fastest", count()), Counter[int]()
    for now in range(EXPLORED * 60):
        first = made.first()
        asked[first.index] += 1
        first.answered(0.05 if first is one else 0.01, now)
        beside = made.beside(first, now)
        if beside is not None:
            beside.answered(0.05 if beside is one else 0.01, now)
    assert made.first() is two and asked[1] > EXPLORED * 10


def test_exploring_costs_little() -> None:
    three = upstreams(3)
    for one in three:
        one.answered(0.01, 0.0)
    made = choice(three, "fastest", count())
    beside = [made.beside(three[0], 1.0) for _ in range(EXPLORED * 10)]
    assert sum(one is not None for one in beside) == 10 and three[0] not in beside


def test_a_race_is_between_the_two_fastest() -> None:
    one, two, three = upstreams(3)
    for upstream, seconds in ((one, 0.3), (two, 0.1), (three, 0.2)):
        upstream.answered(seconds, 0.0)
    made = choice([one, two, three], "race")
    assert made.first() is two and made.beside(two, 1.0) is three
    assert made.next([two, three]) is one


def test_it_is_known_whether_anybody_else_can_be_asked() -> None:
    one, two = upstreams(2)
    made = choice([one, two])
    assert made.untried([one]) and not made.untried([two, one])
