"""`/v1/generations` and `/v1/journal`: what was in force when, and the way back.

Both are shown a page at a time, newest first: `next` of one page is `before` of the next. A number
never means another generation, so a page that is read while something changes misses nothing old.

A rollback is the activation of an earlier generation: the pointer moves back, the journal gets a
row, and nothing is renumbered or lost. `previous` in GET /v1/generations says where a plain
"rollback" goes: to the generation that the one in force was made from.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Final

import msgspec
from aiohttp import hdrs, web

from resolver.admin.changes import CHANGE_SECONDS
from resolver.admin.conditions import on_generation, who_of
from resolver.admin.http import REASON, Context, Parameter, Route, reply
from resolver.generation import manifest as manifests
from resolver.generation.journal import JournalRow
from resolver.generation.manifest import Manifest
from resolver.generation.store import Summary

_Number = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
_Limit = Annotated[int, msgspec.Meta(ge=1, le=1_000)]

_LIMIT: Final = Parameter("limit", _Limit, "How many at most.", 50)


class Generations(msgspec.Struct, frozen=True):
    """Generations, newest first.

    `in_force` is the one that decides answers (null: none yet), `previous` the one it was made from
    (null: none, or no longer kept). `next` is the `before` of the next page, null on the last.
    """

    in_force: int | None
    previous: int | None
    generations: list[Summary]
    next: int | None


class Activated(msgspec.Struct, frozen=True):
    """The generation that is in force now; `changed` is false when it was before: a rollback that is
    sent twice does not go back twice."""

    generation: int
    changed: bool


class Journal(msgspec.Struct, frozen=True):
    """Moves of the pointer, newest first; `next` is the `before` of the next page, null on the last."""

    rows: list[JournalRow]
    next: int | None


async def get_generations(ctx: Context) -> web.StreamResponse:
    """A page of generations."""
    limit: int = ctx.query["limit"]
    # Not by the manifest in force: were it damaged, this is where to look for another one.
    current = await asyncio.to_thread(ctx.store.current)
    previous = await ctx.changes.previous()
    # One more than asked for tells whether there is another page.
    found = await asyncio.to_thread(ctx.store.generations, limit + 1, ctx.query["before"])
    page = found[:limit]
    following = page[-1].number if len(found) > limit else None
    return reply(Generations(current, previous, page, following))


async def get_generation(ctx: Context) -> web.StreamResponse:
    """The manifest of one generation, octet for octet: the ETag is their SHA-256."""
    number: int = ctx.path["number"]
    summary = await ctx.changes.known(number)
    manifest, _ = await asyncio.to_thread(ctx.store.manifest, number)
    return web.Response(
        body=manifests.encode(manifest),
        content_type="application/json",
        headers={hdrs.ETAG: f'"{summary.hash}"'},
    )


async def post_activate(ctx: Context) -> web.StreamResponse:
    """Put a generation in force again. Its rules were compiled when it was made: nothing is read anew."""
    applied = await ctx.changes.activate(ctx.path["number"], who_of(ctx), preconditions=(on_generation(ctx),))
    return reply(Activated(applied.generation, applied.changed))


async def get_journal(ctx: Context) -> web.StreamResponse:
    """A page of the journal."""
    limit: int = ctx.query["limit"]
    found = await asyncio.to_thread(ctx.store.journal, limit + 1, ctx.query["before"])
    page = found[:limit]
    return reply(Journal(page, page[-1].seq if len(found) > limit else None))


ROUTES: Final[list[Route]] = [
    Route(
        hdrs.METH_GET, "/v1/generations", "read", get_generations,
        "Generations, newest first, and which one is in force",
        query=(Parameter("before", _Number, "Only generations before this number."), _LIMIT),
        responses={200: Generations},
    ),
    Route(
        hdrs.METH_GET, "/v1/generations/{number}", "read", get_generation, "The manifest of a generation",
        "Octet for octet as it is kept: the ETag is the SHA-256 that a child names as its parent.",
        responses={200: Manifest}, problems=("generation-unknown",), etag=True,
    ),
    Route(
        hdrs.METH_POST, "/v1/generations/{number}/activate", "admin", post_activate,
        "Put a generation in force again",
        "Answered with 200 once every worker serves it. If-Match takes the ETag of the generation in force:"
        " the call is then refused when anything has changed since.",
        query=(REASON,), responses={200: Activated}, problems=("generation-unknown",),
        etag=True, seconds=CHANGE_SECONDS,
    ),
    Route(
        hdrs.METH_GET, "/v1/journal", "read", get_journal,
        "Every change of what is in force: who, why, when, from where",
        query=(Parameter("before", _Number, "Only rows before this `seq`."), _LIMIT),
        responses={200: Journal},
    ),
]  # fmt: skip
"""The doors of this file."""
