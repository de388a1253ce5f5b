"""Many sockets behind one descriptor of the event loop.

The event loop spends some microseconds on every socket that has something to read, more than reading
it costs. So upstream sockets wait in an epoll of their own, and the event loop only watches that one:
it becomes readable when any of them does. Level-triggered throughout: what is left is told again.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from typing import Final

from resolver.serving.turn import Turn

_EVENTS: Final = 128
"""Sockets read before the event loop has its turn."""


class Readers:
    """Sockets to be read, by descriptor. Belongs to the event loop it was made in."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._loop = asyncio.get_running_loop()
        self._poll = select.epoll()
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._loop.add_reader(self._poll.fileno(), self._ready)

    def add(self, descriptor: int, callback: Callable[[], None]) -> None:
        """Call back when there is something to read. Raises OSError when the kernel has no room."""
        self._poll.register(descriptor, select.EPOLLIN)
        self._callbacks[descriptor] = callback

    def remove(self, descriptor: int) -> None:
        """Forget a descriptor; call before it is closed."""
        if self._callbacks.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    def close(self) -> None:
        """Watch nothing any more."""
        if not self._poll.closed:
            self._loop.remove_reader(self._poll.fileno())
            self._poll.close()
        self._callbacks.clear()

    def _ready(self) -> None:
        callbacks = self._callbacks
        self._turn.begin()
        try:
            for descriptor, _ in self._poll.poll(0, _EVENTS):
                # One that an earlier callback closed is not there any more.
                callback = callbacks.get(descriptor)
                if callback is not None:
                    callback()
        finally:
            self._turn.end()
