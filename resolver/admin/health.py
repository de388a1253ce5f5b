"""Is it alive, does it answer, what does it do: three questions with three readers.

    /healthz     whoever restarts this process: does it run, and does its store open?
    /readyz      whoever sends clients here: does *every* worker serve the generation in force?
    /v1/status   an administrator: everything that is known of each worker, and its counters

The first two are open to all, because a supervisor and a container runtime hold no token. So they
say which worker fails, but not why (that may name files), and however often they are asked, the
workers are asked at most four times a second: a flood of questions here never costs an answer there.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
import structlog
from aiohttp import hdrs, web

from resolver import __version__
from resolver.admin.http import Context, Route, reply
from resolver.admin.problems import problem
from resolver.admin.workers import Workers, WorkerState
from resolver.errors import StoreError

_log = structlog.get_logger(__name__)

PING_SECONDS: Final = 1.0
"""How long a worker may take to say that it lives."""

_FRESH: Final = 0.25
"""Seconds for which one round of answers is good for everybody who asks."""

_READY_PROBLEMS: Final = ("not-ready",)
_HEALTH_PROBLEMS: Final = ("not-healthy",)


class Health(msgspec.Struct, frozen=True):
    """The answer of `/healthz`. There is no other word: whatever is wrong is a problem document."""

    status: str = "ok"


class Ready(msgspec.Struct, frozen=True):
    """The answer of `/readyz`: every one of the workers serves this generation."""

    generation: int
    workers: int


class WorkerStatus(msgspec.Struct, frozen=True):
    """One worker.

    alive       it has answered a ping within a second
    pid         of its process, 0 if it was never heard
    generation  what it serves, 0 = none; for one that is not alive: what it said last
    trouble     why it cannot serve what is in force, in its own words; "" = it can
    seen        age of its last message in seconds, None if it was never heard
    rubbish     messages from it that could not be read
    counters    since its start, as it sent them last (once a second)
    """

    worker: int
    alive: bool
    pid: int
    generation: int
    trouble: str
    seen: float | None
    rubbish: int
    counters: dict[str, int]


class Status(msgspec.Struct, frozen=True):
    """The whole server. `uptime` of this process in seconds; `reasons` says what keeps it from ready;
    `counters` sums those of the workers, each counted since that worker's start."""

    version: str
    uptime: float
    generation: int | None
    ready: bool
    reasons: list[str]
    counters: dict[str, int]
    workers: list[WorkerStatus]


class Pulse:
    """One round of pings, shared by everybody who asks while it runs and shortly after.

    A round belongs to nobody: who hangs up does not take the answer from the others.
    """

    def __init__(self, workers: Workers) -> None:
        self._workers: Final = workers
        self._round: asyncio.Task[list[WorkerState]] | None = None
        self._done = -_FRESH

    async def alive(self) -> list[WorkerState]:
        """The workers that have answered, in order, at most a moment ago."""
        stale = time.monotonic() - self._done >= _FRESH
        if self._round is None or (self._round.done() and stale):
            self._round = asyncio.create_task(self._ask())
        return await asyncio.shield(self._round)

    async def _ask(self) -> list[WorkerState]:
        try:
            return await self._workers.ping_all(PING_SECONDS)
        finally:
            self._done = time.monotonic()


PULSE: Final = web.AppKey("PULSE", Pulse)
"""Where the handlers find the pulse of their process."""


async def get_health(ctx: Context) -> web.Response:
    """200 while this process runs and its store opens."""
    try:
        await asyncio.to_thread(ctx.store.current)
    except StoreError as error:
        _log.error("store.failed", error=str(error))
        raise problem("not-healthy", "The store cannot be read. The log says why.") from error
    return reply(Health())


async def get_ready(ctx: Context) -> web.Response:
    """200 when every worker serves the generation in force, else 503 with what is missing.

    A swap under way can show: some workers serve the new one before the others. Whoever asks again a
    moment later (Retry-After: 1) sees the end of it.
    """
    alive = await ctx.request.app[PULSE].alive()
    try:
        number = await asyncio.to_thread(ctx.store.current)
    except StoreError as error:
        raise problem("not-ready", "The store cannot be read. The log says why.") from error
    reasons = list(_reasons(number, len(ctx.workers), alive))
    if number is None or reasons:
        raise problem("not-ready", "; ".join(reasons) + ".", reasons=reasons)
    return reply(Ready(generation=number, workers=len(alive)))


def _reasons(number: int | None, count: int, alive: Sequence[WorkerState]) -> Iterator[str]:
    """What is missing, a line for each; nothing when all is well."""
    if number is None:
        yield "no generation is in force"
    answered = {state.worker: state for state in alive}
    for worker in range(count):
        state = answered.get(worker)
        if state is None:
            yield f"worker {worker} does not answer"
        elif state.generation == 0:
            yield f"worker {worker} has no valid generation"
        elif state.generation != number:
            yield f"worker {worker} serves generation {state.generation}, {number} is in force"


async def get_status(ctx: Context) -> web.Response:
    """Everything that is known, whether all is well or not.

    A worker that is dead keeps its last counters in the sum, so that it does not shrink before the
    worker is back; from then on the new process counts from nothing.
    """
    alive = await ctx.request.app[PULSE].alive()
    number = await asyncio.to_thread(ctx.store.current)
    reasons = list(_reasons(number, len(ctx.workers), alive))
    answered = {state.worker for state in alive}
    states = ctx.workers.states()
    total: Counter[str] = Counter()
    for state in states:
        total.update(state.counters)
    return reply(
        Status(
            version=__version__,
            uptime=round(time.monotonic() - ctx.started, 3),
            generation=number,
            ready=not reasons,
            reasons=reasons,
            counters=dict(total),
            workers=[_status(state, state.worker in answered) for state in states],
        )
    )


def _status(state: WorkerState, alive: bool) -> WorkerStatus:
    return WorkerStatus(
        worker=state.worker,
        alive=alive,
        pid=state.pid,
        generation=state.generation,
        trouble=state.trouble,
        seen=None if state.seen is None else round(state.seen, 3),
        rubbish=state.rubbish,
        counters=state.counters,
    )


ROUTES: Final[list[Route]] = [
    Route(
        hdrs.METH_GET, "/healthz", "public", get_health, "Does this process run?",
        "200 while the admin process runs and its store opens.",
        responses={200: Health}, problems=_HEALTH_PROBLEMS,
    ),
    Route(
        hdrs.METH_GET, "/readyz", "public", get_ready, "Does every worker answer?",
        "200 when every worker serves the generation in force; else 503, with a line in `reasons` for each "
        "thing that is missing.",
        responses={200: Ready}, problems=_READY_PROBLEMS,
    ),
    Route(
        hdrs.METH_GET, "/v1/status", "read", get_status, "Version, workers and counters",
        "The state of every worker, as it was heard last, and the sum of their counters.",
        responses={200: Status},
    ),
]  # fmt: skip
