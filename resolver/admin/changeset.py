"""What a change is, before and after: values that travel between handlers and `admin.changes`.

A `ChangeSet` is everything that shall happen in one swap: any number of lists, the policy, or of the policy
only the records of our own.
`Applied` is what became of it. No behaviour here, only the words.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from resolver.generation.manifest import ListDescription, Manifest
from resolver.policy.model import Policy
from resolver.rules.diff import Diff
from resolver.rules.report import Report

Precondition = Callable[[Manifest], None]
"""Looks at the generation in force, with no other change able to come between; raises RequestError
(412) when the caller had another state in mind."""


class Replace(msgspec.Struct, frozen=True):
    """New content for a list: the path of a file with its plain, decompressed text."""

    source: str


class Patch(msgspec.Struct, frozen=True):
    """Lines to add to a list's content and lines to remove from it."""

    add: list[str] = msgspec.field(default_factory=list)
    remove: list[str] = msgspec.field(default_factory=list)


class ListChange(msgspec.Struct, frozen=True):
    """What shall happen to one list. `delete` stands alone; a list that is not there is created by
    `description` or by `Replace`, never by `Patch`."""

    list: str
    content: Replace | Patch | None = None
    description: ListDescription | None = None
    delete: bool = False


class ChangeSet(msgspec.Struct, frozen=True):
    """One swap. Each list is named once. `records` replaces those of the policy, and stands without `policy`.

    `indexed` asks for every fault at once, each with the position of its list (a transaction);
    without it the first fault is the answer.
    """

    lists: tuple[ListChange, ...] = ()
    policy: Policy | None = None
    records: tuple[str, ...] | None = None
    preconditions: tuple[Precondition, ...] = ()
    indexed: bool = False


class ListResult(msgspec.Struct, frozen=True):
    """What became of one list.

    `digest` names its rules and `entries` counts them; both None and 0 for a list without content
    or one that was deleted. `report`, `diff` and `not_found` (lines to remove that named no rule)
    are there when content was read. `seconds` is the time spent on reading and compiling.
    """

    list: str
    changed: bool
    created: bool = False
    deleted: bool = False
    entries: int = 0
    digest: str | None = None
    report: Report | None = None
    diff: Diff | None = None
    not_found: tuple[str, ...] = ()
    seconds: float = 0.0


class Applied(msgspec.Struct, frozen=True):
    """What became of a change set.

    `generation` is in force afterwards; `manifest` is its manifest or, of a dry run, the one that
    the change would have made (its number is then only a guess). `changed` tells, for a dry run,
    whether it would have changed anything.
    """

    generation: int
    changed: bool
    dry_run: bool
    manifest: Manifest
    lists: tuple[ListResult, ...] = ()
