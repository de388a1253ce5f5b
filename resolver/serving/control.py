"""The worker's side of the control channel (resolver.generation.messages).

    Prepare  load the generation in a thread, checksums and all, while the old one goes on answering
    Commit   swap to what was prepared (or load it now), then confirm: from then on nothing of an
             older generation leaves this worker. One that the pointer has left behind is stale: it
             waited in the channel while this worker was dead
    Refresh  look for a better base for what is served, and ask the lists through it from then on. No
             verdict changes, so nothing is forgotten, counted or confirmed, and no change waits for it
    Flush    forget what upstreams said about a name, at once, and say how much that was
    Ping     say who we are and what we serve

The channel may be full while the admin process is stopped or dead. A message that does not go out is
kept if it is a confirmation, dropped if it is a counter; DNS never waits for either. Whatever comes
in, nothing may raise out of `readable`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Final, Protocol

import msgspec

from resolver.errors import BelishaError
from resolver.events import log
from resolver.generation.loader import Loaded
from resolver.generation.messages import (
    MAX_MESSAGE,
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
    decode_for_worker,
    encode,
)

_BATCH: Final = 16
_MAX_TROUBLE: Final = 1_000
"""Characters of a trouble text in a message."""


class Served(Protocol):
    """What the channel needs of the worker."""

    @property
    def number(self) -> int:
        """The generation in service, 0 for none."""

    @property
    def trouble(self) -> str:
        """Why it is not the one that should be; "" if it is."""

    def in_force(self) -> int | None:
        """The generation that the pointer names; None when nobody can tell. Runs in a thread."""

    def load(self, number: int) -> Loaded:
        """Load a generation, whole. Runs in a thread; raises BelishaError."""

    def serve(self, loaded: Loaded) -> None:
        """Serve it from the next packet on."""

    def improve(self) -> Loaded | None:
        """The generation in service with a better base than it has, None if there is none. Runs in a
        thread; raises BelishaError."""

    def refine(self, better: Loaded) -> bool:
        """Serve it if it still is the generation in service; whether it was."""

    def flush(self, name: bytes | None, below: bool) -> int:
        """Forget what upstreams said about a name (None: about all), and about all names below it; how many
        answers that were."""

    def counters(self) -> dict[str, int]:
        """The counters now."""


class Control:
    """One channel; `start` ties it to the running event loop."""

    def __init__(self, sock: socket.socket, worker: int, pid: int, served: Served) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._worker = worker
        self._pid = pid
        self._served = served
        self._loop = asyncio.get_running_loop()
        self._prepared: Loaded | None = None
        self._lock = asyncio.Lock()
        self._refreshing = asyncio.Lock()
        self._unsent: list[bytes] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Say hello and listen."""
        self._loop.add_reader(self._socket.fileno(), self.readable)
        self._hello(0)

    def close(self) -> None:
        """Stop listening."""
        self._loop.remove_reader(self._socket.fileno())
        for task in self._tasks:
            task.cancel()
        self._socket.close()

    def tick(self) -> None:
        """Once a second: send what could not be sent, then the counters."""
        self._flush()
        if not self._unsent:
            self._transmit(encode(Stats(self._served.counters())))

    def readable(self) -> None:
        """Act on what the admin process says."""
        for _ in range(_BATCH):
            try:
                data = self._socket.recv(MAX_MESSAGE)
            except OSError:
                return
            if not data:
                return
            try:
                message = decode_for_worker(data)
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                # ValueError: msgspec says no more of text that is no UTF-8.
                log("control message ignored", "warning", reason=str(error))
                continue
            self._act(message)

    def _act(self, message: ToWorker) -> None:
        if isinstance(message, Ping):
            self._hello(message.number)
            return
        if isinstance(message, Flush):
            self._say(Flushed(message.number, self._served.flush(message.name, message.below)))
            return
        if isinstance(message, Refresh):
            self._start(self._refresh())
            return
        step: Callable[[int], object] = self._prepare if isinstance(message, Prepare) else self._commit
        self._start(self._guarded(step, message.generation))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        """Do it beside everything else; `close` ends it."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, step: Callable[[int], object], generation: int) -> None:
        """One step at a time, in the order the messages came."""
        async with self._lock:
            await step(generation)  # type: ignore[misc]

    async def _prepare(self, generation: int) -> None:
        trouble = await self._load(generation)
        self._say(Prepared(generation, trouble))

    async def _commit(self, generation: int) -> None:
        trouble = ""
        if generation != self._served.number:
            in_force = await asyncio.to_thread(self._served.in_force)
            if in_force not in (generation, None):
                self._say(Committed(generation, f"generation {in_force} is in force by now"))
                return
            if self._prepared is None or self._prepared.number != generation:
                trouble = await self._load(generation)
            if self._prepared is not None and self._prepared.number == generation:
                self._served.serve(self._prepared)
        self._prepared = None
        self._say(Committed(generation, trouble))

    async def _refresh(self) -> None:
        """See Refresh at the top. Beside the steps of a change, not among them: no push waits for it."""
        async with self._refreshing:
            try:
                while (better := await asyncio.to_thread(self._served.improve)) is not None:
                    if self._served.refine(better):
                        return
                    # Another generation came into service meanwhile: it may need a base as well.
            except (BelishaError, MemoryError, OSError) as error:
                log("base cannot be loaded, lists are asked as before", "warning", reason=str(error))

    async def _load(self, generation: int) -> str:
        """Load into `_prepared`; the reason why not, or ""."""
        self._prepared = None
        try:
            self._prepared = await asyncio.to_thread(self._served.load, generation)
        except (BelishaError, MemoryError, OSError, OverflowError) as error:
            # OverflowError: a number beyond SQLite's 63 bits.
            log("generation cannot be loaded", "error", generation=generation, reason=str(error))
            return (str(error) or type(error).__name__)[:_MAX_TROUBLE]
        return ""

    def _hello(self, ping: int) -> None:
        served = self._served
        hello = Hello(self._worker, self._pid, served.number, ping, served.trouble[:_MAX_TROUBLE])
        self._say(hello)

    def _say(self, message: ToAdmin) -> None:
        """Send, or keep for the next tick; only the newest of each kind is worth keeping."""
        data = encode(message)
        self._flush()
        if self._unsent or not self._transmit(data):
            self._unsent = [*self._unsent[-7:], data]

    def _flush(self) -> None:
        while self._unsent and self._transmit(self._unsent[0]):
            del self._unsent[0]

    def _transmit(self, data: bytes) -> bool:
        try:
            self._socket.send(data)
        except OSError:
            return False
        return True
