"""`/v1/cache`: what the DNS workers remember of what upstreams said.

Nothing of it can be read here: it would tell what people asked for. It can be forgotten, of one name or of
all, for when somebody has mended a zone and does not want to wait for its TTL. That is no change of what is
blocked: it makes no generation, and the log says who did it.

Each worker has a cache of its own. One that does not confirm in time is named; if it is dead it comes back
knowing nothing, and if it is busy it forgets as soon as it reads.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
import structlog
from aiohttp import hdrs, web

from resolver.admin.http import Context, Route, reply
from resolver.admin.names import wire_name
from resolver.dns.names import to_text

_log = structlog.get_logger(__name__)

FLUSH_SECONDS: Final = 2.0
"""How long workers get to confirm; one that is well does so within milliseconds."""


class FlushWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be forgotten: the answers about `name`, and with `below` those about all names below it.
    Without a name everything is."""

    name: Annotated[str, msgspec.Meta(max_length=1_000)] | None = None
    below: bool = False

    def __post_init__(self) -> None:
        """Refuse what may be a mistake for everything. Raises ValueError, which msgspec gives its path."""
        if self.name is None and self.below:
            raise ValueError("`below` means nothing without `name`; leave both out to forget everything")


class FlushDone(msgspec.Struct, frozen=True):
    """What was forgotten.

    `name` is as it is asked on the wire (null: everything), `answers` how many there were in all workers, and
    `unconfirmed` the workers that did not say in time that they have forgotten.
    """

    name: str | None
    below: bool
    answers: int
    unconfirmed: tuple[int, ...]


async def post_flush(ctx: Context) -> web.StreamResponse:
    """Have every worker forget."""
    wanted: FlushWanted = ctx.body
    name = wire_name(wanted.name) if wanted.name is not None else None
    counts = await ctx.workers.flush(name, wanted.below, FLUSH_SECONDS)
    unconfirmed = tuple(worker for worker in range(len(ctx.workers)) if worker not in counts)
    done = FlushDone(
        to_text(name) if name is not None else None, wanted.below, sum(counts.values()), unconfirmed
    )
    _log.info(
        "cache.flushed",
        name=done.name or "",
        below=done.below,
        answers=done.answers,
        unconfirmed=len(unconfirmed),
        caller=ctx.caller.name,
    )
    return reply(done)


ROUTES: Final[list[Route]] = [
    Route(
        hdrs.METH_POST, "/v1/cache/flush", "admin", post_flush, "Forget what upstreams said",
        "Every worker forgets the answers about a name, or all of them, and asks upstreams again when a"
        " client does. Clients keep what they have until its TTL is over. Makes no generation.",
        body=FlushWanted, responses={200: FlushDone}, problems=("name-invalid",),
    ),
]  # fmt: skip
"""The door of this file."""
