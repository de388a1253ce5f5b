"""`/v1/lists/{id}/overlap`: what a list has in common with the others in force.

The report of a push holds the same, as far as there was time for it. Here all of it is computed, by a
compiler child, for whoever wants to know which of fifteen lists could go. That takes seconds where the lists
are long, so it is done for one caller at a time: pushes must find a free child.
"""

from __future__ import annotations

import asyncio
from typing import Final
from weakref import WeakKeyDictionary

import msgspec
from aiohttp import hdrs, web

from resolver.admin.compilers import Compilers
from resolver.admin.http import Context, Route, reply
from resolver.admin.plan import neighbours, refusals, unknown_list
from resolver.admin.problems import problem
from resolver.errors import ProcessError
from resolver.generation.jobs import Job
from resolver.rules.overlap import Comparison

COMPARE_SECONDS: Final = 120.0
"""How long a comparison may take."""
_TURN_SECONDS: Final = 60.0
"""How long a caller waits for the one before."""

_turns: Final[WeakKeyDictionary[Compilers, asyncio.Lock]] = WeakKeyDictionary()


class ListOverlap(msgspec.Struct, frozen=True):
    """A list beside the others that are enabled, as of `generation`."""

    list: str
    generation: int
    comparison: Comparison


async def get_overlap(ctx: Context) -> web.StreamResponse:
    """Compare a list with all others in force."""
    list_id = ctx.path["id"]
    manifest, _ = await ctx.changes.in_force()
    entry = manifest.lists.get(list_id)
    if entry is None:
        raise unknown_list(list_id)
    if entry.rules is None:
        raise problem(
            "content-missing", f"Nothing was pushed to list {list_id} yet; there is nothing to compare."
        )
    job = Job(
        str(ctx.blobs.folder),
        previous=entry.rules,
        neighbours=neighbours(manifest, list_id),
        compare_only=True,
    )
    comparison = await _run(ctx.compilers, job)
    return reply(ListOverlap(list_id, manifest.number, comparison))


async def _run(compilers: Compilers, job: Job) -> Comparison:
    """Have it done, one after the other. Raises RequestError, StoreError or ProcessError."""
    turn = _turns.setdefault(compilers, asyncio.Lock())
    try:
        async with asyncio.timeout(_TURN_SECONDS):
            await turn.acquire()
    except TimeoutError:
        raise ProcessError("another comparison is under way; try again later") from None
    try:
        outcome = await compilers.run(job, COMPARE_SECONDS)
    finally:
        turn.release()
    for refused in refusals({0: outcome}).values():
        raise refused
    if outcome.comparison is None:
        raise ProcessError("the compiler gave no comparison")
    return outcome.comparison


ROUTES: Final[list[Route]] = [
    Route(
        hdrs.METH_GET, "/v1/lists/{id}/overlap", "read", get_overlap,
        "What a list has in common with the others in force",
        "Counts, for each other list that is enabled, the rules of this one that stand there too (`same`) or"
        " are covered by a name above (`covered`); and the block rules that allow rules, of this list or"
        " another, make idle (`shadowed`). Plain rules only. A list whose file is damaged is `not_compared`.",
        responses={200: ListOverlap}, problems=("list-unknown", "content-missing"),
        seconds=_TURN_SECONDS + COMPARE_SECONDS + 10.0,
    ),
]  # fmt: skip
"""The door of this file."""
