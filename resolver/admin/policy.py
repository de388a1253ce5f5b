"""`/v1/policy`: the policy document, what a group gets.

It is part of the generation and changes by the same road as lists do, so a rollback brings back the
policy as well, and a worker never serves the lists of one generation by the policy of another. The
document is replaced whole; what it may say, and what it refuses, stands in `resolver.policy.model`.
"""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import hdrs, web

from resolver.admin.changes import CHANGE_SECONDS
from resolver.admin.changeset import ChangeSet
from resolver.admin.conditions import on_policy, policy_etag, who_of
from resolver.admin.http import DRY_RUN, REASON, Context, Route, reply
from resolver.policy.model import Policy


class PolicyChanged(msgspec.Struct, frozen=True):
    """The policy after a change, defaults spelt out; `generation` is in force now."""

    policy: Policy
    generation: int
    changed: bool
    dry_run: bool


async def get_policy(ctx: Context) -> web.StreamResponse:
    """The policy in force."""
    manifest, _ = await ctx.changes.in_force()
    return reply(manifest.policy, etag=policy_etag(manifest.policy))


async def put_policy(ctx: Context) -> web.StreamResponse:
    """Replace the policy. The same document again makes no new generation."""
    change = ChangeSet(policy=ctx.body, preconditions=(on_policy(ctx),))
    applied = await ctx.changes.apply(change, who_of(ctx), dry_run=ctx.query["dry_run"])
    policy = applied.manifest.policy
    return reply(
        PolicyChanged(policy, applied.generation, applied.changed, applied.dry_run),
        etag=None if applied.dry_run else policy_etag(policy),
    )


ROUTES: Final[list[Route]] = [
    Route(
        hdrs.METH_GET, "/v1/policy", "read", get_policy, "The policy in force",
        responses={200: Policy}, etag=True,
    ),
    Route(
        hdrs.METH_PUT, "/v1/policy", "admin", put_policy, "Replace the policy",
        "Replaces the whole document; what is left out gets its default.",
        query=(REASON, DRY_RUN), body=Policy, responses={200: PolicyChanged},
        etag=True, seconds=CHANGE_SECONDS,
    ),
]  # fmt: skip
"""The doors of this file."""
