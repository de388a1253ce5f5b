"""`/v1/policy`: the policy document, what a group gets. It changes by the same road as lists do."""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import web

from resolver.admin.changes import CHANGE_SECONDS
from resolver.admin.changeset import ChangeSet
from resolver.admin.conditions import on_policy, policy_etag, who_of
from resolver.admin.http import DRY_RUN, REASON, Context, Route, reply
from resolver.policy.model import Policy


class PolicyChanged(msgspec.Struct, frozen=True):
    """The policy after a change; `generation` is in force now."""

    policy: Policy
    generation: int
    changed: bool
    dry_run: bool


async def get_policy(ctx: Context) -> web.StreamResponse:
    """The policy in force."""
    manifest, _ = await ctx.changes.in_force()
    return reply(manifest.policy, etag=policy_etag(manifest.policy))


async def put_policy(ctx: Context) -> web.StreamResponse:
    """Replace the policy."""
    change = ChangeSet(policy=ctx.body, preconditions=(on_policy(ctx),))
    applied = await ctx.changes.apply(change, who_of(ctx), dry_run=ctx.query["dry_run"])
    policy = applied.manifest.policy
    return reply(
        PolicyChanged(policy, applied.generation, applied.changed, applied.dry_run),
        etag=None if applied.dry_run else policy_etag(policy),
    )


ROUTES: Final[list[Route]] = [
    Route("GET", "/v1/policy", "read", get_policy, "The policy in force", responses={200: Policy}, etag=True),
    Route(
        "PUT",
        "/v1/policy",
        "admin",
        put_policy,
        "Replace the policy",
        description="Replaces the whole document; what is left out gets its default.",
        query=(REASON, DRY_RUN),
        body=Policy,
        responses={200: PolicyChanged},
        etag=True,
        seconds=CHANGE_SECONDS,
    ),
]
"""The doors of this file."""
