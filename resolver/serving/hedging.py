"""When another try leaves, and how many may leave early.

    try 1 ──(later than usual: 30 to 800 ms)──► try 2 ──(150 ms to 1.2 s)──► try 3 ── 4 s after the first:
                                                                                      no answer (< 5 s)

A try that is later than its upstream usually is was probably lost, so the next one need not wait long. But
an upstream that has become slow is also later than usual, and asking it again would only make it slower.
So early tries come out of a budget: one of them for ten packets sent, and one a second. A try that proves
that the packet before it was lost costs nothing. When the budget is spent, tries leave at fixed times only,
later still when the upstream is known to be slow.

Pure but for what it is told: times are arguments, in seconds of a monotonic clock.
"""

from __future__ import annotations

from typing import Final

from resolver.serving.health import Upstream

MAX_TRIES: Final = 3
"""Packets for one question, however it goes (RFC 9520 3.1)."""

TOTAL: Final = 4.0
"""Seconds from the first try to the end: a client hears something within five."""

FIXED: Final = ((0.8, 2.4), (2.0, 3.2))
"""Seconds after the first try when the second and the third leave whatever the budget says: at the
earliest, and at the latest for an upstream that is slow."""

_THIRD: Final = (0.15, 1.2)
"""Bounds of the wait for the second try before the third: short losses of everything must not eat all."""

SHARE: Final = 0.1
"""Early tries earned by each packet."""
_EACH_SECOND: Final = 1.0
"""Early tries earned by each second: with little to do, nobody can be overloaded."""
MOST: Final = 16.0
"""Early tries that can be saved up."""


def wait(count: int, upstream: Upstream) -> float:
    """Seconds after try number `count` (1 or 2), sent to `upstream`, when the next may leave early."""
    if count == 1:
        return upstream.patience
    least, most = _THIRD
    return min(max(4 * upstream.patience, least), most)


def stream_wait(upstream: Upstream) -> float:
    """Seconds for a try that is repeated over a stream: two round trips, where a packet takes one."""
    return max(2 * upstream.patience, _THIRD[0])


def fixed(count: int, upstream: Upstream) -> float:
    """Seconds after the first try when the one after try number `count` leaves in any case."""
    earliest, latest = FIXED[count - 1]
    return min(max(earliest, upstream.seconds + 4 * upstream.spread), latest)


class Budget:
    """How many early tries may leave now. Counted when one is wanted: questions that go well cost nothing."""

    __slots__ = ("_packets", "_saved", "_since")

    def __init__(self, now: float) -> None:
        self._saved = MOST
        self._packets = 0
        self._since = now

    def take(self, now: float, packets: int) -> bool:
        """Whether one may leave; `packets`: how many were sent to upstreams so far."""
        earned = SHARE * (packets - self._packets) + _EACH_SECOND * (now - self._since)
        self._saved = min(self._saved + earned, MOST)
        self._packets, self._since = packets, now
        if self._saved < 1:
            return False
        self._saved -= 1
        return True

    def give_back(self, count: int) -> None:
        """So many early tries have proven that a packet was lost."""
        self._saved = min(self._saved + count, MOST)
