"""The admin side of the control channel: what every worker is told, and what each is known to do.

One socket stands for one worker, whatever process lives behind it (resolver.generation.messages):

    prepare(n)   everyone maps generation n beside the one it serves; a refusal stops the change
    refresh()    there is a new base: everyone may ask the same lists through it; nobody answers
    commit(n)    the pointer has moved: everyone serves n; who has not said so is named
    ping_all()   who is alive, and what does it serve?
    flush(...)   everyone forgets what upstreams said, of one name or of all; who did, and how much

A worker may be slow, dead, restarted half-way or out of its mind, and nothing of that may raise out
of the reader callback or make a wait endless:

* A dead worker sends nothing and its socket gives no end-of-file, so every wait has a limit. It
  does not stop a change: when it comes back it reads the pointer before its first packet.
* A worker that started just before the pointer moved says Hello with the older number. It is told
  to commit again, at any time, also when nobody waits: so it catches up by itself.
* A full socket buffer keeps one message of each kind, the newest: an older Prepare, Commit or Ping
  means nothing any more, and an older Flush is told to whoever waits for it as not confirmed. So a
  worker that never reads costs five messages, not memory.
* What cannot be read is counted as rubbish. What arrives late, twice or for another generation
  changes nothing.

This module must not know manifests or what a change is: a generation is a number here.
"""

from __future__ import annotations

import asyncio
import select
import socket
import time
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
import structlog

from resolver.generation.messages import (
    MAX_MESSAGE,
    Commit,
    Committed,
    Flush,
    Flushed,
    Hello,
    Ping,
    Prepare,
    Prepared,
    Refresh,
    Stats,
    ToAdmin,
    ToWorker,
    decode_for_admin,
    encode,
)

_log = structlog.get_logger(__name__)

_BATCH: Final = 64
"""Messages read from one worker before the loop turns to something else."""

RETELL_SECONDS: Final = 5.0
"""How often a worker that goes on serving something else is told again. It may load for each telling
and fail, so a health check that pings it all day must not keep it busy."""

_MAX_TROUBLE: Final = 2_000
"""Characters of a worker's trouble that are kept; it ends in problem documents and logs."""


class WorkerState(msgspec.Struct, frozen=True):
    """What is known of one worker.

    pid         0 until it has said Hello for the first time
    generation  what it said last that it serves; 0 = nothing
    trouble     why it could not load or serve what it was told to; "" = none
    seen        seconds since its last message (monotonic); None = it was never heard
    counters    as it sent them last, counted since its start
    rubbish     messages that could not be read, since the admin process started
    """

    worker: int
    pid: int
    generation: int
    trouble: str
    seen: float | None
    counters: dict[str, int]
    rubbish: int


class Workers:
    """All workers. `sockets[i]` is the channel to worker i; they become non-blocking and owned."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        self._channels: Final = tuple(_Channel(i, sock, self._heard) for i, sock in enumerate(sockets))
        self._news: Final = asyncio.Event()
        self._target = 0
        self._moving = 0
        # Counting on from the clock, an answer to a process before this one is never taken for ours.
        self._pings = self._flushes = time.monotonic_ns()

    def __len__(self) -> int:
        """How many workers there are meant to be, alive or not."""
        return len(self._channels)

    def start(self) -> None:
        """Begin to read. Needs the running loop."""
        for channel in self._channels:
            channel.start()

    def close(self) -> None:
        """Stop reading and close the sockets. Waits that are under way run into their limit."""
        for channel in self._channels:
            channel.close()

    def states(self) -> list[WorkerState]:
        """Every worker as it was heard last, in order."""
        return [channel.state() for channel in self._channels]

    async def ping_all(self, seconds: float) -> list[WorkerState]:
        """Ask every worker; the states of those that answered within `seconds`, in order.

        Whoever is missing (compare with `len`) is dead, or too busy to say that it lives.
        """
        self._pings += 1
        number = self._pings
        for channel in self._channels:
            channel.pinged = number
        self._tell(Ping(number))
        await self._until(lambda: all(channel.ping >= number for channel in self._channels), seconds)
        return [channel.state() for channel in self._channels if channel.ping >= number]

    async def prepare(self, number: int, seconds: float) -> dict[int, str]:
        """Have every worker map generation `number`; worker → trouble, for each that refused.

        Returns as soon as one refuses: the change is lost then. A worker that says nothing within
        `seconds` is absent, not refusing.
        """
        self._moving = number
        for channel in self._channels:
            channel.preparing, channel.prepared = number, None
        self._tell(Prepare(number))

        # One refusal decides; so does the last answer. Both are looked at again at every message.
        def refused() -> dict[int, str]:
            answers = {c.worker: c.prepared for c in self._channels if c.prepared is not None}
            return {worker: answer.trouble for worker, answer in answers.items() if answer.trouble}

        def done() -> bool:
            return bool(refused()) or all(c.prepared is not None for c in self._channels)

        try:
            await self._until(done, seconds)
            found = refused()
            self._moving = 0 if found else number
            return found
        finally:
            for channel in self._channels:
                channel.preparing = 0

    async def commit(self, number: int, seconds: float) -> list[int]:
        """Tell every worker that `number` is in force; the workers that did not confirm in time.

        From now on, and after this call too, a worker that says Hello with another number is told
        again. A worker that reports trouble counts as not confirmed (its state says why).
        """
        self._target, self._moving = number, 0
        for channel in self._channels:
            channel.expect(number)
        self._tell(Commit(number))
        await self._until(lambda: all(c.confirmed or c.refused for c in self._channels), seconds)
        return [channel.worker for channel in self._channels if not channel.confirmed]

    def refresh(self) -> None:
        """Tell every worker that there may be a better base. One that is dead finds it when it starts."""
        self._tell(Refresh())

    async def flush(self, name: bytes | None, below: bool, seconds: float) -> dict[int, int]:
        """Have every worker forget what it knows of a name; worker → answers that it forgot, for each that
        said so within `seconds`. `name` is a folded wire name, None: all names.

        Whoever is missing is dead, and comes back knowing nothing, or busy, and forgets as soon as it reads.
        """
        self._flushes += 1
        number = self._flushes
        for channel in self._channels:
            channel.flushing[number] = None
        self._tell(Flush(number, name, below))
        try:
            await self._until(
                lambda: all(channel.flushing[number] is not None for channel in self._channels), seconds
            )
        finally:
            counts = {channel.worker: channel.flushing.pop(number) for channel in self._channels}
        return {worker: count for worker, count in counts.items() if count is not None}

    def _tell(self, message: ToWorker) -> None:
        """Say the same to everyone; nobody's full buffer keeps it from the next."""
        for channel in self._channels:
            channel.send(message)

    def _heard(self, channel: _Channel, message: ToAdmin, restarted: bool) -> None:
        """Answer a Hello where it needs one, and wake whoever waits."""
        if isinstance(message, Hello):
            # A worker that starts while the pointer moves may know it before we are asked to tell.
            behind = message.generation not in (self._target, self._moving)
            if self._target and behind and channel.may_tell_again(restarted):
                channel.send(Commit(self._target))
            if restarted and channel.preparing and channel.prepared is None:
                channel.send(Prepare(channel.preparing))
        self._news.set()
        self._news.clear()

    async def _until(self, done: Callable[[], bool], seconds: float) -> None:
        """Wait until `done()` says so, looking again at every message, or until time is up."""
        try:
            async with asyncio.timeout(seconds):
                while not done():
                    await self._news.wait()
        except TimeoutError:
            return


class _Channel:
    """One socket, what waits to be written to it, and what was read from it.

    What `Workers` asks for stands in pairs of question and answer, so that a late word about anything
    else finds nothing to answer:

        pinged, ping               the last Ping sent, the last one answered
        preparing, prepared        the generation asked for (0: none), and what was said of it
        committing, confirmed      the generation told, whether it is served; `refused`: it cannot be
        flushing                   number of each Flush that is waited for → answers forgotten, None: not yet
    """

    def __init__(
        self, worker: int, sock: socket.socket, heard: Callable[[_Channel, ToAdmin, bool], None]
    ) -> None:
        sock.setblocking(False)
        self.worker: Final = worker
        self._socket: Final = sock
        self._heard: Final = heard
        self._waiting: Final[dict[type[ToWorker], ToWorker]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = 0
        self._generation = 0
        self._seen: float | None = None
        self._told = -RETELL_SECONDS
        self._counters: dict[str, int] = {}
        self._rubbish = 0
        self.trouble = ""
        self.pinged = 0
        self.ping = 0
        self.preparing = 0
        self.prepared: Prepared | None = None
        self.committing = 0
        self.confirmed = False
        self.refused = False
        self.flushing: Final[dict[int, int | None]] = {}

    def start(self) -> None:
        """Begin to read, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._readable)

    def close(self) -> None:
        """Leave the loop and close the socket; may be called twice."""
        if self._loop is not None:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._loop = None
        self._socket.close()

    def state(self) -> WorkerState:
        """What is known now, as a value that does not change any more."""
        seen = None if self._seen is None else time.monotonic() - self._seen
        return WorkerState(
            self.worker, self._pid, self._generation, self.trouble, seen, dict(self._counters), self._rubbish
        )

    def expect(self, generation: int) -> None:
        """Forget what was confirmed; wait for the confirmation of `generation`."""
        self.committing, self.confirmed, self.refused, self.trouble = generation, False, False, ""

    def may_tell_again(self, restarted: bool) -> bool:
        """Whether a worker that is behind is to be told now; a new process always is."""
        now = time.monotonic()
        if not restarted and now - self._told < RETELL_SECONDS:
            return False
        self._told = now
        return True

    def send(self, message: ToWorker) -> None:
        """Send now, or as soon as the worker has read enough; the newest of each kind wins."""
        self._waiting.pop(type(message), None)
        self._waiting[type(message)] = message
        self._writable()

    def _writable(self) -> None:
        """Write what waits, in order, until the buffer is full."""
        if self._loop is None:
            self._waiting.clear()
            return
        for kind, message in list(self._waiting.items()):
            try:
                self._socket.send(encode(message))
            except (BlockingIOError, InterruptedError):
                self._loop.add_writer(self._socket, self._writable)
                return
            except OSError as error:
                # The supervisor holds the other end as long as it lives: this is the end of both.
                _log.warning("worker.channel", worker=self.worker, error=str(error))
            del self._waiting[kind]
        self._loop.remove_writer(self._socket)

    def _readable(self) -> None:
        """The loop says that something came. Nothing that a worker sends raises out of here."""
        for data in self._messages():
            self._seen = time.monotonic()
            try:
                message = decode_for_admin(data)
            except (msgspec.MsgspecError, ValueError, RecursionError):
                # ValueError: text that is no UTF-8 is told apart by nothing better.
                self._rubbish += 1
                continue
            self._heard(self, message, self._take(message))

    def _messages(self) -> Iterator[bytes]:
        """What can be read now, a batch at most; the loop calls again for the rest."""
        for _ in range(_BATCH):
            try:
                data = self._socket.recv(MAX_MESSAGE + 1)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                _log.warning("worker.channel", worker=self.worker, error=str(error))
                self._give_up()
                return
            if not data and self._hung_up():
                self._give_up()
                return
            if len(data) > MAX_MESSAGE:
                self._rubbish += 1
                continue
            yield data

    def _hung_up(self) -> bool:
        """Whether nothing read means end-of-file; a message of no octets looks the same."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(0))

    def _give_up(self) -> None:
        """The other end is closed for good: a reader left in place would spin."""
        if self._loop is not None:
            self._loop.remove_reader(self._socket)

    def _take(self, message: ToAdmin) -> bool:
        """Keep what a message says; whether it shows that the worker is a new process."""
        match message:
            case Hello():
                return self._take_hello(message)
            case Prepared(generation=generation) if generation == self.preparing:
                self.prepared = Prepared(generation, message.trouble[:_MAX_TROUBLE])
            case Committed(generation=generation, trouble=""):
                self._generation = generation
                self._confirm(generation)
            case Committed(generation=generation) if generation == self.committing:
                self.trouble, self.refused = message.trouble[:_MAX_TROUBLE], True
            case Flushed(number=number, count=count) if number in self.flushing:
                self.flushing[number] = count
            case Stats():
                self._counters = message.counters
            case _:
                pass  # about a generation that nobody waits for any more
        return False

    def _take_hello(self, hello: Hello) -> bool:
        """A Hello says everything at once; another process counts from zero again."""
        restarted = hello.pid != self._pid
        if restarted:
            self._counters = {}
        self._pid = hello.pid
        self._generation = hello.generation
        if self.ping < hello.ping <= self.pinged:
            self.ping = hello.ping
        self.trouble = hello.trouble[:_MAX_TROUBLE]
        self._confirm(hello.generation)
        return restarted

    def _confirm(self, generation: int) -> None:
        """The worker serves `generation`: that may be what somebody waits for."""
        if generation == self.committing:
            self.confirmed, self.refused, self.trouble = True, False, ""
