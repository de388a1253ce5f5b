"""The asyncio side of compiling: children in reserve, a bound on how many work, a limit on each.

Starting an interpreter and importing the parsers costs more than compiling a short list, so one
child is kept started and idle. A push takes it; a child that says `again` goes back to the reserve,
and where a job takes long another child is started meanwhile, so that a short push beside a long
one finds a warm child too.

Whatever happens to a child (it dies, is killed by the kernel for memory, prints rubbish, takes too
long) or to the one who waits (cancelled, time over), the child is killed and reaped and its pipes
are closed before `run` returns. That loses nothing: what a child writes counts only once a
generation names it. This module must not know what is in a job or an outcome.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from typing import Final

import msgspec

from resolver.errors import ProcessError
from resolver.generation.jobs import COMMAND, MAX_OUTCOME, Job, Outcome, decode_outcome, encode

_AT_ONCE: Final = 2
"""Jobs that may run at the same time; each may hold a large list in memory."""

_REFILL_SECONDS: Final = 0.5
"""A job that takes longer is not a short one (a child that has just been started needs 0.2 s by itself): fill
the reserve without waiting for its child."""

_LAST_SECONDS: Final = 1.0
"""How long to wait for the exit status of a child that has stopped talking."""

_CLOSED: Final = "the compiler is being shut down; try again once the service is back"


class Compilers:
    """All compiler children of this process. Belongs to one event loop."""

    def __init__(self, spare: int = 1, *, at_once: int = _AT_ONCE, command: Sequence[str] = COMMAND) -> None:
        """Nothing is started yet. `spare` children are kept idle; `command` is what one runs."""
        self._spare: Final = spare
        self._command: Final = tuple(command)
        self._slots: Final = asyncio.Semaphore(at_once)
        # A child is in exactly one of these two, or in the hands of whoever is starting or ending it.
        self._idle: Final[list[Process]] = []
        self._working: Final[set[Process]] = set()
        self._refills: Final[set[asyncio.Task[None]]] = set()
        self._filling: Final = asyncio.Lock()
        # Set while no `run` is under way: what `close` waits for, so that nobody is left behind.
        self._calm: Final = asyncio.Event()
        self._calm.set()
        self._runs = 0
        self._closed = False

    async def start(self) -> None:
        """Start the reserve, so that the first push finds it. Raises ProcessError."""
        async with self._filling:
            while len(self._idle) < self._spare and not self._closed:
                child = await self._spawn()
                if len(self._idle) < self._spare:
                    self._idle.append(child)
                else:  # a child came back from its job meanwhile
                    await _kill(child)

    async def run(self, job: Job, seconds: float) -> Outcome:
        """Have a child do the job, within `seconds` from when one is free to take it.

        Raises ProcessError when the child took longer, died, or said something that is no outcome.
        """
        self._runs += 1
        self._calm.clear()
        try:
            async with self._slots:
                return await self._with_child(job, seconds)
        finally:
            self._runs -= 1
            if not self._runs:
                self._calm.set()

    async def close(self) -> None:
        """Kill every child, also those at work; whoever waits for one gets ProcessError."""
        self._closed = True
        await asyncio.gather(*self._refills, return_exceptions=True)
        for child in self._working:
            _signal(child)
        while self._idle:
            await _kill(self._idle.pop())
        await self._calm.wait()

    async def _with_child(self, job: Job, seconds: float) -> Outcome:
        """Take a child, ask it, and put it back or end it."""
        child = await self._take()
        self._working.add(child)
        refill = asyncio.get_running_loop().call_later(_REFILL_SECONDS, self._refill)
        again = False
        try:
            outcome = await _ask(child, job, seconds)
            again = outcome.again
            return outcome
        finally:
            refill.cancel()
            self._working.discard(child)
            if again and not self._closed and len(self._idle) < self._spare:
                self._idle.append(child)
            else:
                self._refill()
                await _kill(child)

    async def _take(self) -> Process:
        """An idle child that still lives, or a new one. Raises ProcessError."""
        while self._idle:
            child = self._idle.pop()
            if child.returncode is None:
                return child
            await _kill(child)
        return await self._spawn()

    async def _spawn(self) -> Process:
        """Start a child. Raises ProcessError, also when everything was closed meanwhile."""
        if self._closed:
            raise ProcessError(_CLOSED)
        start = asyncio.create_task(_start(self._command))
        try:
            child = await asyncio.shield(start)
        except asyncio.CancelledError:
            # asyncio leaves pipes open when a start is broken off half-way: let it end, then undo it.
            with contextlib.suppress(ProcessError):
                await _kill(await start)
            raise
        await self._stop_if_closed(child)
        return child

    async def _stop_if_closed(self, child: Process) -> None:
        """End a child that was started while everything was being closed. Raises ProcessError."""
        if self._closed:
            await _kill(child)
            raise ProcessError(_CLOSED)

    def _refill(self) -> None:
        """Fill the reserve in the background."""

        async def refill() -> None:
            with contextlib.suppress(ProcessError):  # whoever needs a child next is told then
                await self.start()

        if not self._closed:
            task = asyncio.create_task(refill())
            self._refills.add(task)
            task.add_done_callback(self._refills.discard)


async def _start(command: Sequence[str]) -> Process:
    """Start one child. Raises ProcessError."""
    try:
        return await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, limit=MAX_OUTCOME)
    except OSError as error:
        raise ProcessError(f"the compiler cannot be started: {error.strerror}") from error


async def _ask(child: Process, job: Job, seconds: float) -> Outcome:
    """Send the job, read the outcome. Raises ProcessError."""
    assert child.stdin is not None and child.stdout is not None  # noqa: S101 (both are pipes, see _spawn)
    try:
        async with asyncio.timeout(seconds):
            child.stdin.write(encode(job) + b"\n")
            await child.stdin.drain()
            line = await child.stdout.readline()
    except TimeoutError:
        raise ProcessError(
            f"the compiler (process {child.pid}) took longer than {seconds:g} s and was stopped;"
            " the old list stays in force"
        ) from None
    except OSError:  # a broken pipe: the child has gone before it read everything
        line = b""
    except ValueError:  # StreamReader.readline: no end of line within the limit
        raise ProcessError(f"the compiler (process {child.pid}) said more than it should") from None
    if not line.endswith(b"\n"):
        raise ProcessError(await _last_words(child))
    try:
        return decode_outcome(line)
    except msgspec.DecodeError as error:
        raise ProcessError(f"the compiler (process {child.pid}) said what is no outcome: {error}") from error


async def _last_words(child: Process) -> str:
    """Why a child fell silent, as far as its exit status tells."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(child.wait(), _LAST_SECONDS)
    status = child.returncode
    who = f"the compiler (process {child.pid})"
    if status is None:
        return f"{who} closed its output without an outcome"
    if status >= 0:
        return f"{who} exited with status {status} without an outcome"
    hint = " (out of memory?)" if -status == signal.SIGKILL else ""
    return f"{who} was killed by {signal.Signals(-status).name}{hint}; the old list stays in force"


def _signal(child: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.kill()


async def _kill(child: Process) -> None:
    """End a child, reap it and close its pipes; reading to the end is what closes them."""
    _signal(child)
    await child.communicate()
