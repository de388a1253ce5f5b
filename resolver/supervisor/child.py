"""One child: how it is started, how its death is noticed, when it is started again.

A child that dies is started again at once. If it keeps dying young, the pauses grow to five
seconds: a crash at start must not eat the core that the others answer from. A child that lived for
ten seconds starts with a clean record. What is young depends on the end: a child that ends by itself
or crashes within some seconds has a fault that the next one will have too; one that was killed from
outside (SIGKILL, SIGTERM) has none, unless it had hardly begun (a machine without memory kills that
fast). So somebody who kills a healthy worker again and again still finds it back within the second.

Times are arguments (seconds of a monotonic clock), so that tests need not wait.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from resolver.events import Log, log
from resolver.inherited import VARIABLE, Inherited

PAUSES: Final = (0.0, 0.25, 0.5, 1.0, 2.0, 5.0)
"""Seconds before the next start, by the number of young deaths in a row before this one."""
YOUNG: Final = 5.0
"""A child that ends within this many seconds after its start counts as one that cannot start."""
YOUNG_KILLED: Final = 0.5
"""The same for one that was killed from outside."""
_OUTSIDE: Final = (-signal.SIGKILL, -signal.SIGTERM)
OLD: Final = 10.0
"""A life of this many seconds clears the record."""

_KEPT_BACK: Final = ("NOTIFY_SOCKET", "BELISHA_TOKEN", "WATCHDOG_PID", "WATCHDOG_USEC")
"""Variables that are not for children: only the supervisor speaks to systemd, and secrets stay here."""


def module(name: str, *extra: str) -> list[str]:
    """The command that runs one of our modules with this interpreter.

    -P keeps the working folder out of the search path: started as root in a folder that anybody
    may write to, `-m` alone would run whatever `resolver` or `json.py` lies there.
    """
    return [sys.executable, "-P", "-m", name, *extra]


def environment_for(
    inherited: Inherited, base: Mapping[str, str], settings: Mapping[str, str]
) -> dict[str, str]:
    """The environment of a child: ours, its descriptors and the settings in force."""
    kept = {name: value for name, value in base.items() if name not in _KEPT_BACK}
    return {**kept, **settings, VARIABLE: inherited.to_environment()}


class Child:
    """A process that is to run for as long as the supervisor does. `name` is what `ps` shows."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        descriptors: Sequence[int],
        tell: Log = log,
    ) -> None:
        self.name: Final = name
        self.deaths = 0
        self._command: Final = list(command)
        self._environment: Final = dict(environment)
        self._descriptors: Final = tuple(descriptors)
        self._tell: Final = tell
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._young_deaths = 0
        self._due = 0.0

    @property
    def pid(self) -> int | None:
        """The process id, None between a death and the next start."""
        return self._process.pid if self._process else None

    def tend(self, now: float) -> None:
        """Notice a death, start when it is time. Never raises: a failed start counts as a death."""
        self._notice(now)
        if self._process is None and now >= self._due:
            self._start(now)

    def wait_seconds(self, now: float) -> float | None:
        """How long until `tend` has something to do that no signal announces; None = nothing."""
        return max(0.0, self._due - now) if self._process is None else None

    def send(self, number: signal.Signals) -> None:
        """Send a signal if the child runs."""
        if self._process:
            self._process.send_signal(number)

    def gone(self) -> bool:
        """Whether the child has ended, without starting it again (for the end of the supervisor)."""
        if self._process and self._process.poll() is not None:
            self._tell(
                "child ended", child=self.name, pid=self._process.pid, **ending(self._process.returncode)
            )
            self._process = None
        return self._process is None

    def _start(self, now: float) -> None:
        self._started = now
        try:
            # A process group of its own: Ctrl-C in a terminal reaches the supervisor alone, which
            # then ends its children in order instead of watching them die and starting them again.
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                pass_fds=self._descriptors,
                process_group=0,
            )
        except OSError as error:
            self._tell("child cannot be started", "error", child=self.name, reason=str(error))
            self._plan(now, young=True)
            return
        self._tell("child started", child=self.name, pid=self._process.pid)

    def _notice(self, now: float) -> None:
        if self._process is None or self._process.poll() is None:
            return
        self.deaths += 1
        pid, code = self._process.pid, self._process.returncode
        self._process = None
        lived = now - self._started
        if lived > OLD:
            self._young_deaths = 0
        self._plan(now, young=lived < (YOUNG_KILLED if code in _OUTSIDE else YOUNG))
        facts = {"lived": round(lived, 3), "next_start": round(self._due - now, 3), **ending(code)}
        self._tell("child died", "error", child=self.name, pid=pid, **facts)

    def _plan(self, now: float, *, young: bool) -> None:
        """Set the time of the next start; each young death in a row before this one makes it later."""
        pause = 0.0
        if young:
            pause = PAUSES[min(self._young_deaths, len(PAUSES) - 1)]
            self._young_deaths += 1
        self._due = now + pause


def ending(returncode: int) -> dict[str, str | int]:
    """How a process ended, as facts of an event: its exit code, or the name of the signal."""
    if returncode >= 0:
        return {"exit_code": returncode}
    try:
        return {"signal": signal.Signals(-returncode).name}
    except ValueError:  # a real-time signal
        return {"signal": str(-returncode)}


def reap_orphans(own: set[int]) -> None:
    """As process 1 of a container: bury processes whose parent was one of our children.

    A killed admin process leaves its compiler to us. Children of our own are left to `tend`, which
    wants to know how they ended.
    """
    if os.getpid() != 1:
        return
    while True:
        try:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if found is None or found.si_pid in own:
            return
        os.waitpid(found.si_pid, 0)
