"""Is everything up? Asked of the admin process, which asks every worker: `GET /readyz`.

The question is put by hand over a plain socket and never waited for: the loop of `watch` goes on
looking after its children meanwhile. (http.client would bring 8 MB of mail and TLS code with it,
measured, for one status line.) Also here: how systemd is told, which is one datagram.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from typing import Final

from resolver.events import log
from resolver.upstreams import Endpoint

PATIENCE: Final = 10.0
"""Seconds after the start until somebody is told that something is late."""
_PAUSE: Final = 0.05
"""Seconds between two questions: short, because somebody waits for the first answer of all."""
_ANSWER_SECONDS: Final = 2.0
"""How long one question waits. The socket is open before the process is up, so the first ones wait."""
_CONNECT_SECONDS: Final = 0.2  # loopback: the kernel answers for a process that does not
_MAX_ANSWER: Final = 8192
_QUESTION: Final = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([0-9]{3})[ \r]")

_FAMILIES: Final = {4: socket.AF_INET, 6: socket.AF_INET6}


class ReadyProbe:
    """Asks again and again until the answer is 200. Times are seconds of a monotonic clock.

    One question at a time: idle until `_next`, then a socket that waits for its answer until
    `_deadline`. `last` is why the last question was answered with no, in words for people.
    """

    def __init__(self, endpoint: Endpoint, now: float) -> None:
        self._endpoint: Final = endpoint.reachable()
        self._late_at: Final = now + PATIENCE
        self._socket: socket.socket | None = None
        self._answer = b""
        self._next = now
        self._deadline = now
        self._told_late = False
        self.ready = False
        self.last = "the admin process does not answer"

    def descriptors(self) -> list[int]:
        """What to wait on for the answer."""
        return [self._socket.fileno()] if self._socket else []

    def wait_seconds(self, now: float) -> float | None:
        """How long until `step` has something to do of its own accord; None when all is said."""
        if self.ready:
            return None
        soonest = self._deadline if self._socket else self._next
        return max(0.0, soonest - now)

    def step(self, now: float) -> bool:
        """Ask, or read what has come; true once, when the answer is yes. Never waits, never raises."""
        if self.ready:
            return False
        try:
            if self._socket is None and now >= self._next:
                self._ask(now)
            elif self._socket is not None:
                self._read(self._socket, now)
        except OSError as error:
            self._over(now, f"the admin process does not answer ({error.strerror or error})")
        return self.ready

    def late(self, now: float) -> bool:
        """True once, when patience is over and not everything is up."""
        if self.ready or self._told_late or now < self._late_at:
            return False
        self._told_late = True
        return True

    def _ask(self, now: float) -> None:
        """Connect and send the question, both of which a kernel does at once on loopback. Raises OSError."""
        self._answer = b""
        self._deadline = now + _ANSWER_SECONDS
        self._socket = socket.socket(_FAMILIES[self._endpoint.family], socket.SOCK_STREAM)
        self._socket.settimeout(_CONNECT_SECONDS)
        self._socket.connect((self._endpoint.host, self._endpoint.port))
        self._socket.sendall(_QUESTION)
        self._socket.setblocking(False)

    def _read(self, one: socket.socket, now: float) -> None:
        """Take what has come; at its end, or when it is too long for an answer, judge it.

        Only the status line counts: the rest is for people, and the log has it. Raises OSError.
        """
        try:
            part = one.recv(_MAX_ANSWER)
        except BlockingIOError:
            if now >= self._deadline:
                self._over(now, "the admin process does not answer")
            return
        self._answer += part
        if part and len(self._answer) < _MAX_ANSWER:
            return
        status = _STATUS.match(self._answer)
        self.ready = bool(status and status[1] == b"200")
        self._over(
            now, f"/readyz says {status[1].decode()}" if status else "the admin process talks nonsense"
        )

    def _over(self, now: float, why: str) -> None:
        """This question is answered or given up; the next one is due after a pause."""
        if self._socket:
            self._socket.close()
            self._socket = None
        self._next = now + _PAUSE
        self.last = why


def notify(state: str, environment: Mapping[str, str] = os.environ) -> None:
    """Tell systemd (`Type=notify`) a state such as "READY=1"; nothing without NOTIFY_SOCKET.

    One datagram to a Unix socket, see sd_notify(3); a leading @ stands for the abstract namespace.
    """
    path = environment.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as one:
            one.setblocking(False)
            one.sendto(state.encode(), "\0" + path[1:] if path[0] == "@" else path)
    except OSError as error:
        log("systemd cannot be told", "warning", reason=str(error))
