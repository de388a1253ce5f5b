"""The base of the lists in force (`resolver.generation.bases`): when a new one is built, and that it is used.

    1  a change has come into force    wait a little: changes often come one after the other
    2  is there a base that will do?   one that leaves two lists over at most, undamaged
    3  if not, have one built          in a child of its own, the humblest process of all
    4  tell the workers                they go on with the same verdicts, found faster

Nothing waits for this and nothing depends on it: no push, no answer, no start. So there is no turn to wait
for (`resolver.admin.changes`), and trouble is an event in the log. A change that comes while a base is
built ends the building only if the base would be outgrown as soon as it stood there; otherwise the lists
that changed are asked beside it. Step 4 is taken after every change, because a worker may have prepared
its generation in the moment before a base appeared.

This module must not know what is in a base.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from resolver.admin.changes import Compiler
from resolver.admin.workers import Workers
from resolver.errors import BelishaError
from resolver.generation.bases import MAX_OVERLAY, Bases, outgrown
from resolver.generation.blobs import Blobs
from resolver.generation.jobs import Job, Outcome
from resolver.generation.store import Store

_log = structlog.get_logger(__name__)

PAUSE_SECONDS: Final = 5.0
"""How long to wait after a change. Twenty lists that are pushed in a row are merged once."""

BUILD_SECONDS: Final = 1800.0
"""How long a base may take. It is given what the other processes leave, which may be little."""
_CPU_SECONDS: Final = 600
"""Processor time: five million names in fifty lists take 20 s on a server, some 100 on a Raspberry Pi 4."""


class Merger:
    """Keeps the base up with what is in force. One object in one process, on one event loop."""

    def __init__(
        self, store: Store, blobs: Blobs, compilers: Compiler, workers: Workers, pause: float = PAUSE_SECONDS
    ) -> None:
        """`compilers` has children that nobody else uses; `pause` is in seconds."""
        self._store: Final = store
        self._blobs: Final = blobs
        self._bases: Final = Bases.beside(blobs)
        self._compilers: Final = compilers
        self._workers: Final = workers
        self._pause: Final = pause
        self._news: Final = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def consider(self) -> None:
        """The pointer has moved, or this process has started. Returns at once."""
        self._news.set()
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        """Give up what is under way; a child at work is killed."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        """Until there is nothing new to look at."""
        while self._news.is_set():
            await asyncio.sleep(self._pause)
            self._news.clear()
            try:
                await self._settle()
            except BelishaError as error:
                # Not tried again before the next change: what stops it now will stop it in a minute.
                _log.warning("base.failed", error=str(error))

    async def _settle(self) -> None:
        """Steps 2 to 4. Raises StoreError and ProcessError."""
        lists = await asyncio.to_thread(self._in_force)
        if len(lists) <= MAX_OVERLAY:
            await asyncio.to_thread(self._bases.keep)
            return
        if outgrown(lists, await asyncio.to_thread(self._standing, lists)):
            outcome = await self._build(lists)
            if outcome is None:
                return
            _tell(outcome, len(lists))
        self._workers.refresh()

    async def _build(self, lists: dict[str, int]) -> Outcome | None:
        """Have a base of these lists built; None when it was overtaken by changes. Raises ProcessError."""
        job = Job(str(self._blobs.folder), merge=tuple(sorted(lists)), cpu_seconds=_CPU_SECONDS)
        building = asyncio.ensure_future(self._compilers.run(job, BUILD_SECONDS))
        overtaken = asyncio.ensure_future(self._overtaken(lists))
        try:
            await asyncio.wait((building, overtaken), return_when=asyncio.FIRST_COMPLETED)
            return building.result() if building.done() else None
        finally:
            for task in (building, overtaken):
                task.cancel()
            await asyncio.gather(building, overtaken, return_exceptions=True)

    async def _overtaken(self, lists: dict[str, int]) -> None:
        """Return when a base of these lists would be outgrown by what has come into force meanwhile.

        What is new stays to be looked at when this ends.
        """
        seen = False
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                seen = True
                if outgrown(await asyncio.to_thread(self._in_force), lists):
                    return
        finally:
            if seen:
                self._news.set()

    # -- what blocks on the disk, called in threads --------------------------------------------

    def _in_force(self) -> dict[str, int]:
        """The lists that take part in answers: digest and entries. Raises StoreError."""
        number = self._store.current()
        if number is None:
            return {}
        entries = self._store.manifest(number)[0].lists.values()
        return {one.rules: one.entries for one in entries if one.rules and one.description.enabled}

    def _standing(self, lists: dict[str, int]) -> dict[str, int]:
        """The lists of the base that workers would use; empty if there is none, or a damaged one."""
        base = self._bases.best(lists)
        return base.lists if base else {}


def _tell(outcome: Outcome, lists: int) -> None:
    """One event about a base that was built, or was not."""
    if outcome.rules is None:
        why = outcome.failure or (outcome.refused.detail if outcome.refused else "")
        _log.warning("base.failed", error=why, lists=lists)
        return
    _log.info(
        "base.built",
        lists=lists,
        names=outcome.entries,
        octets=outcome.octets,
        seconds=outcome.build_seconds,
        peak_kb=outcome.peak_kb,
    )
