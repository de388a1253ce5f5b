"""`/v1/transactions`: several lists, and the policy, in one swap. All of it or nothing.

    {"changes": [{"list": "ads", "content": "ads.example\\n", "description": {"title": "Adverts"}},
                 {"list": "ours", "add": ["school.example"], "remove": ["old.example"]},
                 {"list": "trial", "delete": true}],
     "policy": {"answer": {"mode": "nxdomain"}}}

A transaction is what to use when two changes only make sense together: a name that moves from one
list to another, a list whose `kind` changes with its content, a whole set-up that is copied from
another machine. Every fault is reported at once, each with the position (`index`) of its list, so
that one round trip is enough to correct them all.

Rights are those of the single calls: who may push to a list may replace or patch its content here;
descriptions, deletions and the policy need `admin`.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Final

import msgspec
from aiohttp import hdrs, web

from resolver.admin.changes import CHANGE_SECONDS
from resolver.admin.changeset import ChangeSet, ListChange, ListResult, Patch, Replace
from resolver.admin.conditions import generation_etag, on_generation, who_of
from resolver.admin.http import DRY_RUN, REASON, Context, Route, reply
from resolver.admin.plan import MAX_LISTS
from resolver.admin.problems import Problem, problem, register
from resolver.admin.upload import spool_folder
from resolver.generation.disk import storage_error
from resolver.generation.manifest import ListDescription, ListId
from resolver.policy.model import Policy

register({"change-unclear": Problem(422, "A change says too much or too little")})

MAX_OCTETS: Final = 64 << 20
"""The largest transaction, as JSON. Larger lists are pushed by themselves."""


class TransactionItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What shall happen to one list.

    Either `delete`; or a `description`, and with it or without, new `content` (the whole text, which
    creates the list if need be) or lines to `add` and `remove` (of a list that is there). A
    description replaces the whole old one, as in PUT /v1/lists/{id}.
    """

    list: ListId
    content: str | None = None
    description: ListDescription | None = None
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    delete: bool = False


class Transaction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that shall happen in one swap; each list is named once."""

    changes: Annotated[list[TransactionItem], msgspec.Meta(max_length=MAX_LISTS)] = msgspec.field(
        default_factory=list
    )
    policy: Policy | None = None


class TransactionDone(msgspec.Struct, frozen=True):
    """What became of a transaction: one result for each list, in its order; `generation` is in force."""

    generation: int
    changed: bool
    dry_run: bool
    lists: list[ListResult]


async def post_transaction(ctx: Context) -> web.StreamResponse:
    """Make all changes, or none."""
    wanted: Transaction = ctx.body
    who = who_of(ctx)
    _check_rights(ctx, wanted)
    _check_sense(wanted)
    async with _spooled(spool_folder(ctx.settings), wanted.changes) as paths:
        change = ChangeSet(
            tuple(_change(item, path) for item, path in zip(wanted.changes, paths, strict=True)),
            policy=wanted.policy,
            preconditions=(on_generation(ctx),),
            indexed=True,
        )
        applied = await ctx.changes.apply(change, who, dry_run=ctx.query["dry_run"])
    return reply(
        TransactionDone(applied.generation, applied.changed, applied.dry_run, list(applied.lists)),
        etag=None if applied.dry_run else generation_etag(applied.manifest),
    )


def _check_rights(ctx: Context, wanted: Transaction) -> None:
    """Raises RequestError (403) naming every list that the token does not reach.

    Before anything else about the lists: who may not push to a list does not learn what is in it.
    """
    errors: list[dict[str, object]] = []
    for index, item in enumerate(wanted.changes):
        needed = "admin" if item.delete or item.description is not None else f"lists:push:{item.list}"
        if not (ctx.caller.is_admin or (needed != "admin" and ctx.caller.may_push(item.list))):
            errors.append({"index": index, "list": item.list, "scope": needed})
    if wanted.policy is not None and not ctx.caller.is_admin:
        errors.append({"pointer": "#/policy", "scope": "admin"})
    if errors:
        raise problem(
            "scope-missing", "The token does not reach every part of this; see `errors`.", errors=errors
        )


def _check_sense(wanted: Transaction) -> None:
    """Raises RequestError (422) naming every change that contradicts itself or says nothing."""
    faults = [(index, item, _nonsense(item)) for index, item in enumerate(wanted.changes)]
    errors = [
        {"index": index, "list": item.list, "code": "change-unclear", "detail": fault}
        for index, item, fault in faults
        if fault
    ]
    if errors:
        raise problem("change-unclear", "Some changes cannot be understood; see `errors`.", errors=errors)


def _nonsense(item: TransactionItem) -> str:
    """What is wrong with one change as such; "" if nothing is."""
    patch = bool(item.add or item.remove)
    if item.delete and (patch or item.content is not None or item.description is not None):
        return "`delete` stands alone."
    if item.content is not None and patch:
        return "`content` replaces every line, so `add` and `remove` cannot stand beside it."
    if not (item.delete or patch or item.content is not None or item.description is not None):
        return "It says nothing: give `content`, `add`, `remove`, `description` or `delete`."
    return ""


def _change(item: TransactionItem, path: Path | None) -> ListChange:
    """One item in the words of `admin.changeset`; `path` is where its content was spooled."""
    content: Replace | Patch | None = None
    if path is not None:
        content = Replace(str(path))
    elif item.add or item.remove:
        content = Patch(list(item.add), list(item.remove))
    return ListChange(item.list, content, item.description, item.delete)


@asynccontextmanager
async def _spooled(folder: Path, items: Sequence[TransactionItem]) -> AsyncIterator[list[Path | None]]:
    """Every content in a file of its own, as the compiler wants it, as long as the `async with` lasts.

    Raises StoreError.
    """
    paths: list[Path | None] = []
    try:
        await asyncio.to_thread(_spool_all, folder, items, paths)
        yield paths
    finally:
        for path in paths:
            if path is not None:
                path.unlink(missing_ok=True)


def _spool_all(folder: Path, items: Sequence[TransactionItem], paths: list[Path | None]) -> None:
    """Append a path for each item to `paths` as it is made, so that a failure leaves none behind."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        for item in items:
            if item.content is None:
                paths.append(None)
                continue
            descriptor, name = tempfile.mkstemp(dir=folder)
            paths.append(Path(name))
            with os.fdopen(descriptor, "wb") as file:
                # JSON may smuggle in half a surrogate pair, which UTF-8 cannot write.
                file.write(item.content.encode("utf-8", "replace"))
    except OSError as error:
        raise storage_error(error, folder) from error


ROUTES: Final[list[Route]] = [
    Route(
        hdrs.METH_POST, "/v1/transactions", "lists:push", post_transaction,
        "Change several lists and the policy in one swap",
        "All or nothing. If-Match takes the ETag of the generation in force (GET"
        " /v1/generations/{number}): the transaction is then refused when anything has changed since."
        " A content of no octets is refused like an empty push.",
        query=(REASON, DRY_RUN), body=Transaction, body_octets=MAX_OCTETS, responses={200: TransactionDone},
        problems=("transaction-refused", "change-unclear", "too-many-lists"),
        etag=True, seconds=CHANGE_SECONDS,
    ),
]  # fmt: skip
"""The doors of this file."""
