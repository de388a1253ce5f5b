"""`/v1/lists`: the lists, what is said of each, and what is in each.

A list has a description (`/v1/lists/{id}`, JSON) and a content (`/v1/lists/{id}/content`, plain
text). Both are replaced whole by PUT, which makes a repeated push harmless: the same bytes make no
new generation. PATCH adds and removes single lines. Every change goes the one road of
`admin.changes` and is answered with 200 only once every worker serves it; `?dry_run=1` gives the
same answer and changes nothing.

    PUT    /v1/lists/ads/content   a whole list, as it is                      anyone who may push to it
    PATCH  /v1/lists/ads/content   {"add": ["a.example"], "remove": []}        anyone who may push to it
    PUT    /v1/lists/ads           {"kind": "block", "title": "Adverts"}       admin
    DELETE /v1/lists/ads                                                       admin

A list that is only pushed to needs no description: the first push creates it, as a block list whose
format is found out. A list may also be described first, which is how an allow list begins.

The content that is read back is canonical, not what was pushed: one line a rule, plain names first, in
Adblock notation, without comments; pushed again it gives the same rules, as far as that notation has
words for them. Its tag is the digest of the rules.

This file must not know how a list is read, stored or put in force.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import islice
from typing import Final

import msgspec
from aiohttp import hdrs, web

from resolver.admin.changes import CHANGE_SECONDS
from resolver.admin.changeset import Applied, ChangeSet, ListChange, Patch, Replace
from resolver.admin.conditions import (
    content_etag,
    list_etag,
    on_content,
    on_list,
    unmodified,
    who_of,
)
from resolver.admin.http import DRY_RUN, REASON, TEXT, Context, RawBody, Route, reply
from resolver.admin.plan import unknown_list
from resolver.admin.problems import Problem, problem, register
from resolver.admin.upload import spool
from resolver.generation.manifest import ListDescription, ListEntry
from resolver.rules.codes import REFUSALS
from resolver.rules.compiled import CompiledList
from resolver.rules.diff import Diff
from resolver.rules.model import Format, Kind, Match
from resolver.rules.render import render_rule, render_side
from resolver.rules.report import Report

register({"content-missing": Problem(404, "The list has no content yet")})

_LINES_AT_ONCE: Final = 4_000
"""Lines of content rendered in one go, in a thread: some milliseconds of work."""

STALL_SECONDS: Final = 30.0
"""How long a caller may take nothing of a content that is being sent."""
SEND_SECONDS: Final = 600.0
"""How long the sending of a content may take in all."""


class ListView(msgspec.Struct, frozen=True):
    """A list: what was said of it, and what is known of its content.

    `digest` names its rules (null: no content yet) and is the ETag of the content; `entries` counts
    them; `detected` is the format they came in, `updated` when they last changed (UTC, RFC 3339).
    """

    id: str
    title: str
    kind: Kind
    format: Format
    match: Match
    enabled: bool
    rewrites: bool
    unguarded: tuple[str, ...]
    entries: int
    digest: str | None
    detected: str
    updated: str


class Lists(msgspec.Struct, frozen=True):
    """Every list of the generation in force (0: none is)."""

    generation: int
    lists: list[ListView]


class ListChanged(msgspec.Struct, frozen=True):
    """A list after its description was put; `generation` is in force now."""

    list: ListView
    generation: int
    changed: bool
    created: bool
    dry_run: bool


class ListDeleted(msgspec.Struct, frozen=True):
    """A list that is gone; `generation` is in force now."""

    list: str
    generation: int
    changed: bool
    dry_run: bool


class ContentPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lines to add and to remove, in the list's format."""

    add: list[str] = msgspec.field(default_factory=list)
    remove: list[str] = msgspec.field(default_factory=list)


class ContentChanged(msgspec.Struct, frozen=True):
    """What a push did.

    `report` says how the lines were read (null: none were), `diff` what that changed (null: there
    is nothing to compare with). `not_found` are lines to remove that named no rule. `seconds` is
    the time spent on reading and compiling.
    """

    list: str
    generation: int
    changed: bool
    created: bool
    dry_run: bool
    entries: int
    digest: str | None
    report: Report | None
    diff: Diff | None
    not_found: tuple[str, ...]
    seconds: float


async def get_lists(ctx: Context) -> web.StreamResponse:
    """Every list of the generation in force."""
    manifest, _ = await ctx.changes.in_force()
    return reply(Lists(manifest.number, [_view(name, entry) for name, entry in manifest.lists.items()]))


async def get_list(ctx: Context) -> web.StreamResponse:
    """One list."""
    list_id, entry = await _entry(ctx)
    return reply(_view(list_id, entry), etag=list_etag(entry))


async def put_list(ctx: Context) -> web.StreamResponse:
    """Say what a list is; a list that is not there begins here, without content.

    201 when it begins here (RFC 9110 9.3.4), 200 else; both mean that every worker knows it.
    """
    list_id = ctx.path["id"]
    change = ListChange(list_id, description=ctx.body)
    applied = await _apply(ctx, ChangeSet((change,), preconditions=(on_list(ctx, list_id),)))
    entry = applied.manifest.lists[list_id]
    created = applied.lists[0].created
    return reply(
        ListChanged(
            _view(list_id, entry), applied.generation, applied.changed, created, dry_run=applied.dry_run
        ),
        status=201 if created and not applied.dry_run else 200,
        etag=None if applied.dry_run else list_etag(entry),
    )


async def delete_list(ctx: Context) -> web.StreamResponse:
    """Take a list and its rules out of force."""
    list_id = ctx.path["id"]
    change = ListChange(list_id, delete=True)
    applied = await _apply(ctx, ChangeSet((change,), preconditions=(on_list(ctx, list_id),)))
    return reply(ListDeleted(list_id, applied.generation, applied.changed, applied.dry_run))


async def put_content(ctx: Context) -> web.StreamResponse:
    """Replace all rules of a list by what the body says."""
    list_id = ctx.path["id"]
    condition = on_content(ctx, list_id)
    # What can be refused at once is not read first: the reason, and a tag that is stale already.
    who_of(ctx)
    condition((await ctx.changes.in_force())[0])
    async with spool(ctx.request, ctx.settings) as spooled:
        change = ListChange(list_id, Replace(str(spooled.path)))
        applied = await _apply(ctx, ChangeSet((change,), preconditions=(condition,)))
    return _content_changed(applied)


async def patch_content(ctx: Context) -> web.StreamResponse:
    """Add and remove single lines."""
    list_id = ctx.path["id"]
    change = ListChange(list_id, Patch(ctx.body.add, ctx.body.remove))
    applied = await _apply(ctx, ChangeSet((change,), preconditions=(on_content(ctx, list_id),)))
    return _content_changed(applied)


async def get_content(ctx: Context) -> web.StreamResponse:
    """The rules in force as canonical text, streamed.

    The file stays mapped while it is sent: a swap, or the end of the list, cannot cut it short. Past
    the first octet nothing can be refused any more, so everything that may fail stands before it, and
    a caller that stops reading is hung up on.
    """
    list_id, entry = await _entry(ctx)
    etag = content_etag(entry)
    if etag is None:
        raise problem("content-missing", f"Nothing was pushed to list {list_id} yet; PUT its content here.")
    unchanged = unmodified(ctx, etag)
    if unchanged is not None:
        return unchanged
    rules = await asyncio.to_thread(lambda: CompiledList(ctx.blobs.open(etag), verify=True))
    response = web.StreamResponse(headers={hdrs.ETAG: f'"{etag}"'})
    response.content_type, response.charset = "text/plain", "utf-8"
    await response.prepare(ctx.request)
    if ctx.request.method != hdrs.METH_HEAD:
        await _send(ctx, response, _lines(rules))
    await response.write_eof()
    return response


async def _send(ctx: Context, response: web.StreamResponse, lines: Iterator[str]) -> None:
    """Write lines at the pace of whoever reads them. Raises ConnectionError when nobody does.

    Not TimeoutError: that would become a problem document in the middle of the list.
    """
    try:
        async with asyncio.timeout(SEND_SECONDS):
            while chunk := await asyncio.to_thread(_take, lines):
                async with asyncio.timeout(STALL_SECONDS):
                    await response.write(chunk)
    except TimeoutError:
        if ctx.request.transport is not None:
            ctx.request.transport.abort()  # to close it would be to wait until all of it is read
        raise ConnectionResetError("the caller reads too slowly") from None


def _lines(rules: CompiledList) -> Iterator[str]:
    """All rules as text; the side rules are put into words one by one, as there may be half a million."""
    for key, value in rules.items():
        yield from render_rule(key, value)
    yield from map(render_side, rules.each_side())


def _take(lines: Iterator[str]) -> bytes:
    """The next lines as octets; nothing at the end."""
    return "".join(f"{line}\n" for line in islice(lines, _LINES_AT_ONCE)).encode()


async def _entry(ctx: Context) -> tuple[str, ListEntry]:
    """The list that the path names, as the generation in force has it. Raises RequestError (404)."""
    list_id: str = ctx.path["id"]
    manifest, _ = await ctx.changes.in_force()
    entry = manifest.lists.get(list_id)
    if entry is None:
        raise unknown_list(list_id)
    return list_id, entry


async def _apply(ctx: Context, change: ChangeSet) -> Applied:
    """Down the one road, or with `?dry_run=1` only along it with the eyes."""
    return await ctx.changes.apply(change, who_of(ctx), dry_run=ctx.query["dry_run"])


def _content_changed(applied: Applied) -> web.Response:
    """The answer to a push or a patch. A dry run has no tag: nothing has the state it speaks of."""
    result = msgspec.structs.asdict(applied.lists[0])
    del result["deleted"]
    return reply(
        ContentChanged(generation=applied.generation, dry_run=applied.dry_run, **result),
        etag=None if applied.dry_run else applied.lists[0].digest,
    )


def _view(list_id: str, entry: ListEntry) -> ListView:
    """What is said of a list and what is known of its content, side by side."""
    return ListView(
        id=list_id,
        entries=entry.entries,
        digest=entry.rules,
        detected=entry.detected,
        updated=entry.updated,
        **msgspec.structs.asdict(entry.description),
    )


_CHANGE: Final = (REASON, DRY_RUN)

_BODY: Final = RawBody(
    "The list: one rule a line, in the list's format.",
    # The last one is what `curl --data-binary` says of anything.
    ("text/plain", "application/octet-stream", "application/x-www-form-urlencoded"),
)

register({code: Problem(422, title) for code, title in REFUSALS.items()})

ROUTES: Final[list[Route]] = [
    Route(
        hdrs.METH_GET, "/v1/lists", "read", get_lists, "Every list of the generation in force",
        responses={200: Lists},
    ),
    Route(
        hdrs.METH_GET, "/v1/lists/{id}", "read", get_list, "One list",
        responses={200: ListView}, problems=("list-unknown",), etag=True,
    ),
    # What a list is for, and whether it counts at all, is more than its content: a token that may push
    # could turn a block list into one that allows everything.
    Route(
        hdrs.METH_PUT, "/v1/lists/{id}", "admin", put_list, "Describe a list, or create one",
        "Replaces the whole description; what is left out gets its default. `enabled` and `title` change"
        " at once, `format` and `unguarded` with the next content or line. `kind`, `match` and `rewrites`"
        " say how lines are read, so a list that has content needs its content with them (POST"
        " /v1/transactions).",
        query=_CHANGE, body=ListDescription, responses={200: ListChanged, 201: ListChanged},
        problems=("content-needed", "too-many-lists"), etag=True, seconds=CHANGE_SECONDS,
    ),
    Route(
        hdrs.METH_DELETE, "/v1/lists/{id}", "admin", delete_list, "Delete a list and its rules",
        query=_CHANGE, responses={200: ListDeleted},
        problems=("list-unknown",), etag=True, seconds=CHANGE_SECONDS,
    ),
    # It may take as long as a slow line needs.
    Route(
        hdrs.METH_GET, "/v1/lists/{id}/content", "read", get_content, "The rules of a list as text",
        "One line a rule, plain names first, in Adblock notation; pushed again (with `rewrites`, where there"
        " are answers) it gives the same rules. What only a policy zone or Pi-hole can say is shown in words"
        " that are not read back (`drop`, `tcp-only`, `ttl`, `addresses`, `invert`); nor is the order inside"
        " a policy zone.",
        responses={200: TEXT}, problems=("list-unknown", "content-missing"), etag=True,
        seconds=SEND_SECONDS + 30.0,
    ),
    # 200 and not 201 for a list that begins here: 200 is the promise that every worker serves it.
    Route(
        hdrs.METH_PUT, "/v1/lists/{id}/content", "lists:push", put_content, "Replace a list's content",
        "The body is the list itself, plain or packed with gzip or zstd (Content-Encoding). A list that is"
        " not there is created with kind block and format auto. Answered with 200 once every worker"
        " serves the new rules. The same rules make no new generation.",
        query=_CHANGE, body=_BODY, responses={200: ContentChanged},
        problems=("too-many-lists", *REFUSALS), etag=True, seconds=CHANGE_SECONDS,
    ),
    Route(
        hdrs.METH_PATCH, "/v1/lists/{id}/content", "lists:push", patch_content, "Add and remove lines",
        "Lines are read in the list's format; where that is `auto`, in the one that all of them look like, or"
        " else in the one that the list came in. Lines to remove that named no rule are told, and no fault.",
        query=_CHANGE, body=ContentPatch, responses={200: ContentChanged},
        problems=("list-unknown", *REFUSALS), etag=True, seconds=CHANGE_SECONDS,
    ),
]  # fmt: skip
"""The doors of this file."""
