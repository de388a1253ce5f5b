"""The loop: children are tended, signals obeyed, and somebody told once everything is up.

One thread, asleep unless a child dies, a signal comes, or a pause ends. What is told, and how, is
the caller's business: `on_ready` may return a process (the banner), which is then buried here.

If not everything is up in time, `on_late` is told why, once, and the loop goes on: DNS must not end
because the admin process cannot start.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Final

from resolver.events import log
from resolver.supervisor.child import Child, ending, reap_orphans
from resolver.supervisor.ready import ReadyProbe
from resolver.supervisor.signals import Signals

STOP_SECONDS: Final = 10.0
"""How long children may take to end after SIGTERM."""


class Watch:
    """Looks after the children until SIGTERM or SIGINT.

    The order of `children` is the order in which they are started, and asked, every time round.
    """

    def __init__(
        self,
        children: Sequence[Child],
        probe: ReadyProbe,
        on_ready: Callable[[], subprocess.Popen[bytes] | None],
        on_late: Callable[[str], None],
    ) -> None:
        self._children: Final = list(children)
        self._probe: Final = probe
        self._on_ready: Final = on_ready
        self._on_late: Final = on_late
        self._banner: subprocess.Popen[bytes] | None = None

    def run(self, signals: Signals) -> None:
        """Start the children in their order and keep them alive; returns when all have ended."""
        arrived: set[int] = set()
        while not arrived & Signals.STOP:
            if signal.SIGHUP in arrived:
                log("SIGHUP ignored: lists change through the admin API, settings with a restart")
            now = time.monotonic()
            for child in self._children:
                child.tend(now)
            self._bury()
            self._look(now)
            # A child that dies from here on has sent SIGCHLD, which ends this wait: none is missed.
            arrived = signals.wait(self._seconds(now), self._probe.descriptors())
        log("stopping", signal=signal.Signals(min(arrived & Signals.STOP)).name)
        self._stop(signals)

    def _seconds(self, now: float) -> float | None:
        """How long there is nothing to do but wait for signals."""
        pauses = [self._probe.wait_seconds(now), *(child.wait_seconds(now) for child in self._children)]
        return min((seconds for seconds in pauses if seconds is not None), default=None)

    def _look(self, now: float) -> None:
        """Ask whether everything is up, until it is."""
        if self._probe.step(now):
            self._banner = self._on_ready()
        elif self._probe.late(now):
            self._on_late(self._trouble())

    def _trouble(self) -> str:
        """What did not come up, for people: children that keep dying first, else what /readyz says."""
        dying = [f"{child.name} died {child.deaths} times" for child in self._children if child.deaths]
        return ", ".join(dying) or self._probe.last

    def _bury(self) -> None:
        """Take leave of processes that ended and are not to come back: the banner, and orphans."""
        if self._banner and self._banner.poll() is not None:
            if self._banner.returncode:
                log("the banner could not be shown", "warning", **ending(self._banner.returncode))
            self._banner = None
        own = {child.pid for child in self._children if child.pid}
        reap_orphans(own | ({self._banner.pid} if self._banner else set()))

    def _stop(self, signals: Signals) -> None:
        """End the children: SIGTERM, and SIGKILL after `STOP_SECONDS` or at a second request."""
        for child in self._children:
            child.send(signal.SIGTERM)
            child.send(signal.SIGCONT)  # a stopped process sees SIGTERM only when it goes on
        deadline = time.monotonic() + STOP_SECONDS
        arrived: set[int] = set()
        while not self._all_gone():
            now = time.monotonic()
            if now >= deadline or arrived & Signals.STOP:
                break
            arrived = signals.wait(deadline - now)
        for child in self._children:
            if not child.gone():
                log("child did not end in time and is killed", "error", child=child.name, pid=child.pid)
                child.send(signal.SIGKILL)
        while not self._all_gone():  # SIGKILL cannot be refused, only be slow
            signals.wait(1.0)
        if self._banner:
            self._banner.kill()
            self._banner.wait()

    def _all_gone(self) -> bool:
        """Whether every child has ended."""
        still = [
            child for child in self._children if not child.gone()
        ]  # each is asked, so each end is logged
        return not still
