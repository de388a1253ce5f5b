"""Taking TCP connections from one listening socket, a few at a time.

The event loop's own server takes a hundred at once, and when the process has no descriptor left it reports
that a hundred times each second. Here a burst of connections leaves UDP its turn, and without a
descriptor the longest idle connection is closed and the rest wait a moment in the kernel's queue,
quietly. This module must not know DNS.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Final

ACCEPTED: Final = 16
"""Connections taken before the event loop has its turn: some two milliseconds of work."""

REST: Final = 0.1
"""Seconds without a look at the socket when the machine has no room for another connection."""

_NO_ROOM: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


class Acceptor:
    """Makes a protocol for each connection; `free_one` closes one that can be spared."""

    def __init__(
        self,
        listening: socket.socket,
        protocol: Callable[[], asyncio.BaseProtocol],
        free_one: Callable[[], object],
    ) -> None:
        self._socket: Final = listening
        self._socket.setblocking(False)
        self._protocol: Final = protocol
        self._free_one: Final = free_one
        self._loop: Final = asyncio.get_running_loop()
        self._tasks: Final[set[asyncio.Task[None]]] = set()
        self._resting: asyncio.TimerHandle | None = None
        self._watch()

    def close(self) -> None:
        """Take no more, and close the socket. Connections that were taken go on."""
        if self._resting is not None:
            self._resting.cancel()
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()

    def _watch(self) -> None:
        self._resting = None
        self._loop.add_reader(self._socket.fileno(), self._readable)

    def _readable(self) -> None:
        for _ in range(ACCEPTED):
            try:
                connection, _ = self._socket.accept()
            except OSError as error:
                # Anything else is one connection that was gone before it was taken (accept(2)).
                if error.errno in _NO_ROOM:
                    self._rest()
                return
            task = self._loop.create_task(self._take(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _rest(self) -> None:
        """Make room, and look again when it has become free."""
        self._free_one()
        self._loop.remove_reader(self._socket.fileno())
        self._resting = self._loop.call_later(REST, self._watch)

    async def _take(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection)
        except OSError:
            connection.close()
