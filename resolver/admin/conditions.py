"""What a request says about the change it asks for: by whom and why, and on what condition.

A condition is an entity tag (RFC 9110 13.1): change it only if it still is what I have seen. It
must be looked at with no other change able to come between, so it is handed to `admin.changes` as a
function and called there, under the lock; before a large body is read it is called once more, only
to spare everybody the upload.

    content of a list   the digest of its rules: the same rules, the same tag
    a list              the hash of its entry in the manifest
    the policy          the hash of the policy
    the own records     the hash of those records
    what is in force    the hash of the manifest, which is the tag of GET /v1/generations/{number}
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec
from aiohttp import hdrs, web

from resolver.admin.changes import Who
from resolver.admin.changeset import Precondition
from resolver.admin.http import Context, etag_matches, reason_of, require_match
from resolver.generation import manifest as manifests
from resolver.generation.manifest import ListEntry, Manifest
from resolver.policy.model import Policy

_encode: Final = msgspec.json.Encoder(order="sorted").encode


def who_of(ctx: Context) -> Who:
    """Who changes something, and why. A dry run keeps no reason, so it needs none.

    Raises RequestError (400) when the reason is missing where one is demanded, or cannot be kept.
    """
    reason = "" if ctx.query.get("dry_run") else reason_of(ctx)
    return Who(ctx.caller.name, reason, ctx.caller.address)


def content_etag(entry: ListEntry | None) -> str | None:
    """The tag of a list's content; None while it has none."""
    return entry.rules if entry is not None else None


def list_etag(entry: ListEntry | None) -> str | None:
    """The tag of a list as the manifest knows it; None for a list that is not there."""
    return _hash(entry) if entry is not None else None


def policy_etag(policy: Policy) -> str:
    """The tag of the policy document."""
    return _hash(policy)


def records_etag(policy: Policy) -> str:
    """The tag of the records of our own, which are a part of the policy."""
    return _hash(policy.records)


def generation_etag(manifest: Manifest) -> str | None:
    """The tag of a generation: its hash. None before the first."""
    return manifests.digest(manifests.encode(manifest)) if manifest.number else None


def on_content(ctx: Context, list_id: str) -> Precondition:
    """The condition of a change of one list's content."""
    return lambda manifest: require_match(ctx.request, content_etag(manifest.lists.get(list_id)))


def on_list(ctx: Context, list_id: str) -> Precondition:
    """The condition of a change of one list's description, or of its end."""
    return lambda manifest: require_match(ctx.request, list_etag(manifest.lists.get(list_id)))


def on_policy(ctx: Context) -> Precondition:
    """The condition of a change of the policy."""
    return lambda manifest: require_match(ctx.request, policy_etag(manifest.policy))


def on_records(ctx: Context) -> Precondition:
    """The condition of a change of the records of our own."""
    return lambda manifest: require_match(ctx.request, records_etag(manifest.policy))


def on_generation(ctx: Context) -> Precondition:
    """The condition of a change of anything: that nothing else has been changed before."""
    return lambda manifest: require_match(ctx.request, generation_etag(manifest))


def unmodified(ctx: Context, etag: str) -> web.Response | None:
    """304 when the caller already holds what has this tag (RFC 9110 13.1.2), else None.

    For answers that are streamed: the frame does it for all others. Raises RequestError (400) for
    what is no tag.
    """
    held = ctx.request.headers.getall(hdrs.IF_NONE_MATCH, [])
    if not held or not etag_matches(", ".join(held), etag, weak=True):
        return None
    return web.Response(status=304, headers={hdrs.ETAG: f'"{etag}"'})


def _hash(value: object) -> str:
    return hashlib.sha256(_encode(value)).hexdigest()
