"""The wheel: what waits is called in time, once, by one timer that rests when nothing waits."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.serving.wheel import TICK, Wheel
from tests.unit.serving.ground import Clock, until


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_it_calls_when_the_time_has_come(clock: Clock) -> None:
    wheel = Wheel(clock)
    called: list[object] = []
    wheel.at(clock.now + 1.0, called.append, "later")
    wheel.at(clock.now + 0.1, called.append, "soon")
    clock.advance(0.5)
    await until(lambda: called)
    assert called == ["soon"] and wheel.timer is not None
    clock.advance(1.0)
    await until(lambda: len(called) == 2)
    assert called == ["soon", "later"]


async def test_it_rests_when_nothing_waits(clock: Clock) -> None:
    wheel = Wheel(clock)
    called: list[object] = []
    assert wheel.timer is None
    wheel.at(clock.now, called.append, 1)
    clock.advance(1.0)
    await until(lambda: wheel.timer is None)
    assert called == [1]


async def test_whoever_is_called_may_wait_again(clock: Clock) -> None:
    wheel = Wheel(clock)
    called: list[object] = []

    def again(count: int) -> None:
        called.append(count)
        if count < 3:
            wheel.at(clock.now, again, count + 1)

    wheel.at(clock.now, again, 1)
    for _ in range(3):
        clock.advance(1.0)
        await asyncio.sleep(2 * TICK)
    await until(lambda: len(called) == 3)
    assert called == [1, 2, 3]


async def test_one_that_raises_stops_nobody_else(clock: Clock) -> None:
    wheel = Wheel(clock)
    called: list[object] = []
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["exception"]))
    wheel.at(clock.now, called.append, 1)
    wheel.at(clock.now, {}.__getitem__, "fault")
    wheel.at(clock.now, called.append, 2)
    wheel.at(clock.now + 1.0, called.append, 3)
    clock.advance(0.5)
    await until(lambda: len(called) == 2)
    clock.advance(1.0)
    await until(lambda: wheel.timer is None)
    assert called == [1, 2, 3] and [type(one) for one in faults] == [KeyError]


async def test_nobody_is_called_after_the_end(clock: Clock) -> None:
    wheel = Wheel(clock)
    called: list[object] = []
    wheel.at(clock.now, called.append, 1)
    wheel.close()
    clock.advance(1.0)
    await asyncio.sleep(3 * TICK)
    assert called == []


@given(waits=st.lists(st.floats(0, 5), max_size=20), passes=st.lists(st.floats(0, 1), max_size=10))
def test_never_early_and_never_twice(waits: list[float], passes: list[float]) -> None:
    async def run() -> None:
        clock = Clock()
        wheel = Wheel(clock)
        called: list[tuple[int, float]] = []
        start = clock.now
        for number, wait in enumerate(waits):
            wheel.at(start + wait, lambda one: called.append((one, clock.now)), number)
        for seconds in passes:
            clock.advance(seconds)
            wheel._turn()
        assert len({one for one, _ in called}) == len(called)
        for one, at in called:
            assert at >= start + waits[one], "early"
        late = [one for one, wait in enumerate(waits) if clock.now >= start + wait + 2 * TICK]
        assert not passes or set(late) <= {one for one, _ in called}
        wheel.close()

    asyncio.run(run())
