"""One upstream and how it does: moving averages of its time and its losses, and whether it is well.

    time     smoothed time to an answer and its deviation (RFC 6298 2: gains 1/8 and 1/4); together they
             say how long an answer usually takes at most: its `patience`
    loss     share of tries that were left unanswered, a moving average with gain 1/16
    aside    three tries in a row without an answer set it aside, for half a second at first and up to ten
             when it stays silent; then one question probes it, and a single answer makes it well

A try that was lost while later ones were answered is a lost packet, and not a silent upstream. An answer
that took longer than anybody waits for tells how slow it is, and does not make it well.

Pure but for what it is told: times are arguments, in seconds of a monotonic clock. This module must not
know how packets are sent.
"""

from __future__ import annotations

from typing import Final

from resolver.dns.edns import PLAIN_OPT
from resolver.upstreams import UpstreamAddress

FAILURES: Final = 3
"""Tries in a row without an answer before an upstream is set aside."""
FIRST_PAUSE: Final = 0.5
"""Seconds."""
LONGEST_PAUSE: Final = 10.0
"""Seconds."""

SHORTEST_PATIENCE: Final = 0.03
"""Seconds: below this our own delays would look like losses."""
LONGEST_PATIENCE: Final = 0.8
"""Seconds: nobody is waited for longer before another is asked as well."""
FIRST_PATIENCE: Final = 0.3
"""Seconds, while nothing is known. RFC 6298 2.1 says one second, for a network of long ago."""

PLAIN_SECONDS: Final = 3600.0
"""How long it is remembered that an upstream cannot read an OPT (RFC 6891 6.2.2: for a brief time): it may be
replaced by one that can."""

FOUND: Final = 4
"""Ports that a forger has found, one soon after the other, before questions go over a stream."""
SIEGE: Final = 10.0
"""Seconds that they do, and seconds between two finds that belong together."""

UDP_SECONDS: Final = 60.0
"""How long it is remembered that no stream could be had."""

ODD_CASES: Final = 3
"""Answers in another case than asked before an upstream is known not to keep it; and no right one."""


class Upstream:
    """One upstream. Everything is as of the last thing it was told.

    seconds      smoothed time to an answer, 0 before the first; `spread`: its mean deviation
    patience     seconds after which an answer is later than usual, within the bounds above
    loss         share of tries left unanswered, 0 to 1
    aside        until when it is set aside, in seconds; 0: it is well
    plain_until  until when it gets no OPT (RFC 6891 6.2.2: remember it)
    by_stream    until when it is asked over a stream and not over UDP
    udp_until    until when it is asked over UDP although a stream would be better
    keeps_case   whether questions go out in random case, which its answers must repeat
    opts         the OPT records that it is sent, by DO; `cookie`: the option in them
    """

    __slots__ = (
        "_failures",
        "_found",
        "_heard",
        "_last_found",
        "_odd",
        "_pause",
        "address",
        "aside",
        "by_stream",
        "cookie",
        "index",
        "keeps_case",
        "loss",
        "opts",
        "patience",
        "plain_until",
        "seconds",
        "spread",
        "udp_until",
    )

    def __init__(self, index: int, address: UpstreamAddress, keeps_case: bool = False) -> None:
        self.index: Final = index
        self.address: Final = address
        self.seconds = self.spread = self.loss = 0.0
        self.patience = FIRST_PATIENCE
        self.aside = self.plain_until = self.udp_until = 0.0
        self.by_stream = 0.0 if address.scheme == "udp" else float("inf")
        self.keeps_case = keeps_case
        self.opts = PLAIN_OPT
        self.cookie = b""
        self._heard = self._last_found = float("-inf")
        self._failures = self._found = self._odd = 0
        self._pause = FIRST_PAUSE

    def answered(self, seconds: float, now: float) -> None:
        """It answered after so many seconds."""
        if self.seconds:
            error = seconds - self.seconds
            self.seconds += error / 8
            self.spread += (abs(error) - self.spread) / 4
        else:  # RFC 6298 2.2
            self.seconds, self.spread = seconds, seconds / 2
        patience = self.seconds + 4 * self.spread
        if patience < SHORTEST_PATIENCE:
            patience = SHORTEST_PATIENCE
        self.patience = patience if patience < LONGEST_PATIENCE else LONGEST_PATIENCE
        if self.loss:
            self.loss = self.loss * 15 / 16 if self.loss > 0.001 else 0.0
        if seconds < LONGEST_PATIENCE:
            self._heard = now
            if self._failures:
                self._failures = 0
                self._pause = FIRST_PAUSE
                self.aside = 0.0

    def failed(self, now: float, sent: float) -> None:
        """It left a try of the time `sent` unanswered, or the network said that it is not there."""
        self.loss += (1 - self.loss) / 16
        if sent < self._heard:
            return
        self._failures += 1
        if self._failures >= FAILURES and now >= self.aside:
            self.probed(now)

    def probed(self, now: float) -> None:
        """It is being asked whether it is well again; until the next pause is over nobody else asks."""
        self.aside = now + self._pause
        self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def cannot_edns(self, now: float) -> None:
        """It answered without an OPT what it could not read with one."""
        if self.plain_until <= now:
            self.plain_until = now + PLAIN_SECONDS

    def odd_case(self) -> None:
        """A right answer but for the case of the name. Who never keeps it is not asked in random case."""
        self._odd += 1
        if self._odd == ODD_CASES:
            self.keeps_case = False

    def right_case(self) -> None:
        """An answer with the case that was asked: from now on, anything else is a forgery."""
        self._odd = ODD_CASES + 1

    def port_found(self, now: float) -> None:
        """A forger has found one of our ports. When several are found, UDP is given up for a while."""
        self._found = self._found + 1 if now - self._last_found < SIEGE else 1
        self._last_found = now
        if self._found >= FOUND:
            self.by_stream = max(self.by_stream, now + SIEGE)

    def no_stream(self, now: float) -> None:
        """It takes no stream, so UDP is all there is for a while."""
        if self.address.scheme == "udp":
            self.by_stream, self._found = 0.0, 0
            self.udp_until = now + UDP_SECONDS
