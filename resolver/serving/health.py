"""Which upstream to ask: the first in the file that is well, and the rest in turn.

An upstream that leaves three tries in a row unanswered is set aside, for half a second at first and
up to ten when it stays silent. When that time is over one question tries it again; a single answer
makes it well. If none is well, the one whose time is over soonest is asked all the same: giving up
would turn a short fault into a long one.

Pure but for what it is told: times are arguments, in seconds of a monotonic clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from resolver.upstreams import UpstreamAddress

FAILURES: Final = 3
"""Tries in a row without an answer before an upstream is set aside."""
FIRST_PAUSE: Final = 0.5
"""Seconds."""
LONGEST_PAUSE: Final = 10.0
"""Seconds."""


class Upstream:
    """One upstream and how it does.

    edns      False once it has shown that it cannot read an OPT (RFC 6891 7: remember it)
    aside     until when it is set aside, in seconds
    seconds   smoothed time to an answer (RFC 6298 2: gain 1/8), 0 before the first
    """

    __slots__ = ("_failures", "_pause", "address", "aside", "edns", "index", "seconds")

    def __init__(self, index: int, address: UpstreamAddress) -> None:
        self.index: Final = index
        self.address: Final = address
        self.edns = True
        self.aside = 0.0
        self.seconds = 0.0
        self._failures = 0
        self._pause = FIRST_PAUSE

    def answered(self, seconds: float) -> None:
        """It answered after so many seconds: it is well."""
        self.seconds += (seconds - self.seconds) / 8 if self.seconds else seconds
        self._failures = 0
        self._pause = FIRST_PAUSE
        self.aside = 0.0

    def failed(self, now: float) -> None:
        """It left a try unanswered, or the network said that it is not there."""
        self._failures += 1
        if self._failures < FAILURES or now < self.aside:
            return
        self.aside = now + self._pause
        self._pause = min(self._pause * 2, LONGEST_PAUSE)


def choose(upstreams: Sequence[Upstream], tried: Sequence[int], now: float) -> Upstream:
    """The upstream for the next try; one that was tried already only when all were.

    `tried` holds the indices of those asked for this question, in order.
    """
    fresh = [one for one in upstreams if one.index not in tried] or upstreams
    for one in fresh:
        if one.aside <= now:
            return one
    return min(fresh, key=lambda one: one.aside)
