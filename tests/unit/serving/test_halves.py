"""The bounded memory: what is asked stays, what is doomed cannot be reached and is freed bit by bit."""

from __future__ import annotations

import gc
import weakref
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from resolver.serving.halves import Halves


class Thing:
    """Something whose end can be watched."""


def filled(count: int, octets: int = 1_000, weight: int = 10) -> Halves[int, int]:
    made: Halves[int, int] = Halves(octets)
    for number in range(count):
        made.keep(number, number, weight)
    return made


def test_the_halves_change_places_when_the_young_one_is_full() -> None:
    made = filled(50)
    assert (len(made.young), len(made.old)) == (50, 0)
    made.keep(50, 50, 10)
    assert (list(made.young), len(made.old)) == ([50], 50)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 400)), max_size=200))
def test_it_never_weighs_more_than_its_bound_and_one_entry(steps: list[tuple[int, int]]) -> None:
    made: Halves[int, int] = Halves(1_000)
    for key, weight in steps:
        made.keep(key, weight, weight)
        assert sum(made.young.values()) <= 500 or len(made.young) == 1
        assert sum(made.old.values()) <= 500 or len(made.old) == 1
        assert made.young[key] == weight


def test_what_is_doomed_is_out_of_reach_at_once() -> None:
    made = filled(101)
    assert 0 not in made.young and 0 not in made.old and len(made) == 51
    made.clear()
    assert len(made) == 0 and not made.young and not made.old


def test_what_is_doomed_is_freed_with_the_puts_that_follow() -> None:
    made: Halves[int, Thing] = Halves(10_000_000)
    things = [Thing() for _ in range(400)]
    alive = [weakref.ref(thing) for thing in things]
    for number, thing in enumerate(things):
        made.keep(number, thing, 1)
    things.clear()
    del thing
    made.clear()
    living = []
    for number in range(110):
        living.append(sum(one() is not None for one in alive))
        made.keep(1_000 + number, Thing(), 1)
    gc.collect()
    assert living[0] == 400, "clearing itself frees nothing: it takes one step whatever the size"
    assert all(0 <= before - after <= 4 for before, after in pairwise(living))
    assert all(one() is None for one in alive)


def test_clearing_often_piles_nothing_up() -> None:
    made: Halves[int, int] = Halves(1_000)
    for turn in range(1_000):
        for number in range(3):
            made.keep(turn * 10 + number, 0, 1)
        made.clear()
        assert sum(len(doomed) for doomed in made._doomed) <= 20 and len(made._doomed) <= 20


def test_the_weight_is_forgotten_with_the_rest() -> None:
    made = filled(49)
    made.clear()
    for number in range(50):
        made.keep(number, number, 10)
    assert len(made.young) == 50 and not made.old


def test_forgetting_one() -> None:
    made = filled(3)
    made.forget(1)
    made.forget(99)
    assert list(made.young) == [0, 2]


def test_forgetting_reaches_both_halves() -> None:
    made = filled(51)
    made.keep(7, 77, 10)  # hides the older 7
    made.forget(7)
    assert 7 not in made.young and 7 not in made.old


# Filling in what is known from before


def test_filling_pushes_out_nothing_and_replaces_nothing() -> None:
    made = filled(25)
    taken = [made.fill(number, -number, 10) for number in range(200)]
    assert taken == [True] * 100 + [False] * 100
    assert (list(made.young), list(made.old)) == (list(range(50)), list(range(50, 100)))
    assert [made.young[number] for number in (24, 25)] == [24, -25]


def test_what_is_filled_in_first_stays_longest() -> None:
    made = filled(0)
    for number in range(100):
        made.fill(number, number, 10)
    made.keep(1_000, 0, 10)
    assert list(made.young) == [1_000] and list(made.old) == list(range(50))
    assert not made.fill(2_000, 0, 500), "the old half knows its weight"


def test_clearing_makes_room_for_filling() -> None:
    made = filled(120)
    made.clear()
    assert all(made.fill(number, number, 10) for number in range(100))
