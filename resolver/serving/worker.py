"""One DNS worker: its sockets, its pipeline, its channel, from start to end.

    1  load the last good generation   before the first packet is read, so nothing slips through
    2  read packets
    3  remember what was known when the last run ended, a little at a time
    4  say hello to the admin process  which may not be there: DNS owes it nothing
    5  until SIGTERM, or until the supervisor is gone: stop reading, let what waits be answered
       for a moment, save what is known, leave

Everything that could block (loading, checksums) runs in a thread. The process imports no HTTP.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Final

from resolver.errors import StoreError
from resolver.events import log
from resolver.generation.blobs import Blobs
from resolver.generation.loader import Loaded, load, load_last_good, with_better_base
from resolver.generation.store import FILE_NAME, Store
from resolver.inherited import Inherited
from resolver.serving import tidying
from resolver.serving.admission import Admission, Limits
from resolver.serving.chance import numbers
from resolver.serving.control import Control
from resolver.serving.cookies import CookieJar, master_secret
from resolver.serving.datapath import choose
from resolver.serving.pipeline import Pipeline
from resolver.serving.saved import SavedCache
from resolver.serving.snapshot import Snapshot
from resolver.serving.tcp import TcpLimits, TcpListener
from resolver.serving.udp import UdpListener
from resolver.settings import Settings
from resolver.upstreams import read_upstream

_BLOBS: Final = "blobs"

_SWITCH_SECONDS: Final = 0.0005
"""How long the thread that loads a generation may keep the interpreter from a packet. Python's own
5 ms, a few times in a row, is what the slowest replies during swaps took."""

_LAST_WORDS: Final = 0.3
"""Seconds that questions in flight get when the worker is told to stop."""


class Worker:
    """Build it inside a running event loop, then `run` it."""

    def __init__(self, settings: Settings, inherited: Inherited) -> None:
        choose(settings.dns.datapath)
        self._inherited = inherited
        self._data = Path(settings.data_dir)
        self._clock = time.monotonic
        self._loop = asyncio.get_running_loop()
        loaded, self.trouble = self._last_good()
        dns = settings.dns
        limits = Limits(dns.queries_per_second, dns.responses_per_second, dns.in_flight_client)
        self.pipeline: Final = Pipeline(
            Snapshot(loaded),
            Admission(settings.networks(), limits, self._clock),
            settings.dns,
            [read_upstream(one) for one in settings.upstream],
            numbers(),
            self._clock,
            CookieJar(master_secret(inherited.secret), time.time, settings.dns.cookies),
        )
        self._udp = [UdpListener(one, self.pipeline, self._clock) for one in inherited.udp]
        connections = TcpLimits(dns.tcp_connections, dns.tcp_connections_client)
        self._tcp = TcpListener(self.pipeline, self._clock, connections)
        control = socket.socket(fileno=inherited.control[0])
        self._control = Control(control, inherited.worker, os.getpid(), self)
        self._saved = SavedCache(settings, inherited.worker)
        self._asked, self._tidied = 0, self._clock()
        self._stopping = asyncio.Event()

    @property
    def number(self) -> int:
        """The generation in service, 0 for none."""
        return self.pipeline.snapshot.number

    def counters(self) -> dict[str, int]:
        """The counters now."""
        return self.pipeline.counters.snapshot()

    def in_force(self) -> int | None:
        """The generation that the pointer names; None when the store cannot say. Runs in a thread."""
        try:
            store = Store(self._data / FILE_NAME, read_only=True)
        except StoreError:
            return None
        try:
            return store.current()
        except StoreError:
            return None
        finally:
            store.close()

    def load(self, number: int) -> Loaded:
        """Load and verify a generation, taking over what is mapped already. Runs in a thread."""
        store = Store(self._data / FILE_NAME, read_only=True)
        try:
            blobs = Blobs(self._data / _BLOBS)
            return load(store, blobs, number, verify=True, previous=self.pipeline.snapshot.loaded)
        finally:
            store.close()

    def serve(self, loaded: Loaded) -> None:
        """Swap: one assignment, and every known flow is forgotten."""
        self.pipeline.swap(Snapshot(loaded))
        self.trouble = ""

    def improve(self) -> Loaded | None:
        """What is served, with a better base; None if there is none. Runs in a thread."""
        loaded = self.pipeline.snapshot.loaded
        return with_better_base(Blobs(self._data / _BLOBS), loaded) if loaded else None

    def refine(self, better: Loaded) -> bool:
        """Serve it if it still is what is served: the same manifest, and so the same verdicts."""
        loaded = self.pipeline.snapshot.loaded
        if loaded is None or loaded.digest != better.digest:
            return False
        self.pipeline.refine(Snapshot(better))
        log("lists are asked through a base", generation=better.number, lists=len(better.lists))
        return True

    def flush(self, name: bytes | None, below: bool) -> int:
        """Forget what upstreams said about a name (None: about all), and about all names below it."""
        return self.pipeline.flush(name, below)

    def _last_good(self) -> tuple[Loaded | None, str]:
        """What to serve at the start. Never raises: a worker without rules still answers."""
        try:
            store = Store(self._data / FILE_NAME, read_only=True)
        except StoreError as error:
            return None, str(error)
        try:
            return load_last_good(store, Blobs(self._data / _BLOBS))
        except StoreError as error:
            # The folder of compiled files is missing and cannot be made: a full or read-only disk.
            return None, str(error)
        finally:
            store.close()

    async def run(self) -> None:
        """Serve until told to stop."""
        if self.trouble:
            log("not the generation that should serve", "error", serving=self.number, reason=self.trouble)
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stopping.set)
        self._loop.add_reader(self._inherited.lifeline, self._stopping.set)
        tidying.start()
        sys.setswitchinterval(_SWITCH_SECONDS)
        for listener in self._udp:
            self._loop.add_reader(listener.fileno(), listener.readable)
        for descriptor in self._inherited.tcp:
            self._tcp.listen(socket.socket(fileno=descriptor))
        self._control.start()
        restoring = self._loop.create_task(self._saved.load(self.pipeline.resolution.cache, self._clock))
        log("worker serves", worker=self._inherited.worker, generation=self.number)
        while not self._stopping.is_set():
            await self._wait(1.0)
            self._control.tick()
            self._tcp.sweep()
            self._tidy()
        restoring.cancel()
        await self._stop()

    async def _wait(self, seconds: float) -> None:
        """Sleep, but not past the order to stop."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    def _tidy(self) -> None:
        """Keep the collector's work small, and do it when nobody asks (`resolver.serving.tidying`)."""
        queries, now = self.pipeline.counters.queries, self._clock()
        if queries == self._asked and now - self._tidied > tidying.SELDOM:
            self._tidied = now
            tidying.tidy_up()
        else:
            tidying.tidy()
        self._asked = queries

    async def _stop(self) -> None:
        """Read nothing more, answer what is under way, close."""
        self._loop.remove_reader(self._inherited.lifeline)
        for listener in self._udp:
            self._loop.remove_reader(listener.fileno())
        self._tcp.close()
        await asyncio.sleep(_LAST_WORDS if self.pipeline.busy else 0)
        self.pipeline.close()
        for listener in self._udp:
            listener.close()  # what is ready leaves before the disk is waited for
        self._saved.save(self.pipeline.resolution.cache, self._clock())
        self._control.close()
