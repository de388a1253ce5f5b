"""Signals as something to wait for, instead of something that happens in between.

The interpreter writes the number of each signal into a socket (set_wakeup_fd); `wait` sleeps on
that socket and on others. So nothing runs at a bad moment, and no signal is missed between a look
and a sleep. Handlers only exist to keep the default action away.
"""

from __future__ import annotations

import select
import signal
import socket
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import Final, Self

_WATCHED: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


def _nothing(number: int, frame: FrameType | None) -> None:
    """The handler of every watched signal: the wake-up socket says the rest."""


class Signals:
    """Catches the watched signals for as long as the `with` block lasts. Main thread only."""

    STOP: Final = frozenset({signal.SIGTERM, signal.SIGINT})
    """Requests to end."""

    def __enter__(self) -> Self:
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)
        self._old_fd = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        self._old_handlers = {number: signal.signal(number, _nothing) for number in _WATCHED}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._old_handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._old_fd)
        self._read.close()
        self._write.close()

    def wait(self, seconds: float | None, others: Sequence[int] = ()) -> set[int]:
        """Sleep until a signal comes, another descriptor is readable, or the time is over.

        Returns the numbers of the signals that came; `seconds` None sleeps without end.
        """
        select.select([self._read.fileno(), *others], [], [], seconds)
        try:
            return set(self._read.recv(4096))
        except BlockingIOError:
            return set()
