"""Many short waits behind one timer of the event loop.

A timer of the loop for each question would cost more than the question. Here whatever waits stands in
a bucket of `TICK` seconds; one timer turns the wheel while anything waits, and none runs when nothing
does. A wait ends up to one tick late and never early. There is no cancelling: whoever is called looks
whether it still matters. This module must not know what waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from resolver.serving.turn import Turn

TICK: Final = 0.02
"""Seconds between looks at the clock: a hedged question should not wait much longer than it must."""


class Wheel:
    """Belongs to the event loop it was made in. `clock` gives seconds and never goes back. `turn` is for what
    waits no longer than the present turn of the loop."""

    __slots__ = ("_buckets", "_clock", "_loop", "timer", "turn")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._loop = asyncio.get_running_loop()
        self._clock = clock
        self.turn = Turn()
        self._buckets: dict[int, list[tuple[Callable[[Any], object], Any]]] = {}
        self.timer: asyncio.TimerHandle | None = None

    def at(self, when: float, callback: Callable[[Any], object], argument: object) -> None:
        """Call `callback(argument)` at `when`, in seconds of the clock, or a tick later."""
        number = int(when / TICK) + 1
        bucket = self._buckets.get(number)
        if bucket is None:
            bucket = self._buckets[number] = []
        bucket.append((callback, argument))
        if self.timer is None:
            self.timer = self._loop.call_later(TICK, self._turn)

    def close(self) -> None:
        """Call nobody any more."""
        if self.timer is not None:
            self.timer.cancel()
        self._buckets.clear()

    def _turn(self) -> None:
        """Call what is due. Whatever is called may ask for another wait; if it raises, which is a fault that
        the loop will tell of, the others are called a tick later and not for ever forgotten."""
        last = int(self._clock() / TICK)
        due = [
            waiting
            for number in sorted(one for one in self._buckets if one <= last)
            for waiting in self._buckets.pop(number)
        ]
        due.reverse()
        try:
            while due:
                callback, argument = due.pop()
                callback(argument)
        finally:
            if due:
                self._buckets.setdefault(last, []).extend(reversed(due))
            self.timer = self._loop.call_later(TICK, self._turn) if self._buckets else None
