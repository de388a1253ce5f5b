"""A generation is a manifest of content hashes, and a change is a commit.

The manifest names the policy, every list with its description and the hash of its compiled rules,
its parent's hash, and who made it, why and when. It is written once and never changed; its own
hash is taken over its canonical JSON (sorted keys, no blanks). Nothing else decides an answer.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Final

import msgspec

from resolver.policy.model import Policy
from resolver.rules.model import Format, Kind, Match

ListId = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
"""Stable id of a list, chosen by whoever creates it."""

Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]

Title = Annotated[str, msgspec.Meta(max_length=200)]

MAX_UNGUARDED: Final = 1_000
"""Names that the owner of a list may let through its guard; there are some 1500 top-level domains."""


PlainName = Annotated[
    str,
    msgspec.Meta(pattern=r"^(?:\.|[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*)$(?!\n)", max_length=253),
]
"""A name as A-labels in small letters without a trailing dot; `.` is the root."""


class ListDescription(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=False):
    """What an administrator says of a list; the body of `PUT /v1/lists/{id}`.

    `rewrites`: the list may answer names with addresses of its own. `unguarded`: names that its rules may
    cover although they are public suffixes, single labels or protected; `.` stands for every name.
    """

    kind: Kind = "block"
    format: Format = "auto"
    match: Match = "auto"
    enabled: bool = True
    title: Title = ""
    rewrites: bool = False
    unguarded: Annotated[tuple[PlainName, ...], msgspec.Meta(max_length=MAX_UNGUARDED)] = ()


class ListEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=False):
    """A list as one generation knows it.

    `rules` is the SHA-256 of its canonical rules and the name of its compiled file, or None while
    it has no content yet; `entries` the number of rules; `detected` the format the lines were in.
    """

    description: ListDescription
    rules: Sha256 | None = None
    entries: int = 0
    detected: str = ""
    updated: str = ""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=False):
    """One generation. `created` is UTC, RFC 3339; `parent` the hash of the manifest it was made from."""

    number: int
    parent: Sha256 | None
    created: str
    author: str
    reason: str
    policy: Policy = msgspec.field(default_factory=Policy)
    lists: dict[str, ListEntry] = msgspec.field(default_factory=dict)


_ENCODER = msgspec.json.Encoder(order="sorted")
_DECODER = msgspec.json.Decoder(Manifest)


def encode(manifest: Manifest) -> bytes:
    """The canonical JSON of a manifest: the octets that are stored and hashed."""
    return _ENCODER.encode(manifest)


def decode(data: bytes) -> Manifest:
    """Read a stored manifest. Raises msgspec.DecodeError or msgspec.ValidationError."""
    return _DECODER.decode(data)


def digest(data: bytes) -> str:
    """The hash of a manifest, over its stored octets: what a child names as its parent."""
    return hashlib.sha256(data).hexdigest()
