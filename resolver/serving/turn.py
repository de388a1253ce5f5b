"""What is to be done once for a whole turn of the event loop, at its end.

Datagrams leave together with others of the same turn. Asking the event loop to come back for that
(`call_soon`) costs another round of it, at low load more than all the rest of a question. So whoever is
called by the loop to read says when its turn begins and ends, and what was put off is done there; only
what is put off by anybody else (a timer, a TCP connection) makes the loop come back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class Turn:
    """Belongs to the event loop it was made in."""

    __slots__ = ("_inside", "_loop", "_scheduled", "_waiting")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Callable[[], None]] = deque()
        self._inside = False
        self._scheduled = False

    def at_end(self, callback: Callable[[], None]) -> None:
        """Call this at the end of the turn; asked for twice, it is called twice."""
        self._waiting.append(callback)
        if not self._inside:
            self._call_back()

    def begin(self) -> None:
        """Somebody reads now and will say when it is done: `end` must follow, whatever happens."""
        self._inside = True

    def end(self) -> None:
        """Do what was put off, and what that puts off. If something raises, which is a fault that the loop
        will tell of, the rest is done in the next round."""
        waiting = self._waiting
        try:
            while waiting:
                waiting.popleft()()
        finally:
            self._inside = False
            if waiting:
                self._call_back()

    def _call_back(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._come_back)

    def _come_back(self) -> None:
        self._scheduled = False
        self.end()
