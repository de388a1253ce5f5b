"""The part of a change that only thinks: which jobs it needs, and what the manifest becomes.

Two steps, because compiling stands between them:

    jobs(manifest, change, ...)        what has to be read and compiled, or why it cannot be
    plan(manifest, change, outcomes)   the policy, the lists and the results that follow

Pure: the manifest in force, the change and the compiler's outcomes go in; the time is an argument.

**kind, match and rewrites need the content.** They say how the lines of a list are read, and what is kept of
a list is what the lines said, not the lines. Turning rules about afterwards would guess (was
`||x^` a line with `match: exact`, or is it `auto` that reaches below?), and a wrong guess blocks or
frees names that nobody meant; and trust that is taken back must not leave the answers it allowed. So a
change of `kind`, `match` or `rewrites` of a list that has content needs the content in the same change, or
gets 409.
`format` and `unguarded` only say how the *next* lines are read, and may change at any time; `enabled` and
`title` are not about content at all.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from resolver.admin.changeset import ChangeSet, ListChange, ListResult, Patch, Replace
from resolver.admin.problems import Problem, problem, register
from resolver.errors import ListRefused, ProcessError, RequestError, StoreError
from resolver.generation.jobs import Job, Neighbour, Outcome
from resolver.generation.manifest import ListDescription, ListEntry, Manifest
from resolver.policy.model import Policy

register(
    {
        "list-unknown": Problem(404, "There is no such list"),
        "list-named-twice": Problem(422, "A list is named twice"),
        "content-needed": Problem(409, "The content is needed as well"),
        "too-many-lists": Problem(409, "There are too many lists"),
        "transaction-refused": Problem(422, "The transaction was refused"),
    }
)

MAX_LISTS: Final = 1_000
"""Lists in one generation. A base holds so many and more; without one every question is asked of each."""


class Plan(NamedTuple):
    """What the manifest becomes, and what is reported of each list of the change, in its order."""

    policy: Policy
    lists: dict[str, ListEntry]
    results: tuple[ListResult, ...]


def jobs(manifest: Manifest, change: ChangeSet, *, blobs: str, dry_run: bool) -> dict[int, Job]:
    """What the compiler has to do, by the position of the list in the change.

    Raises RequestError: for the first fault, or for all of them where the change set is indexed.
    """
    made: dict[int, Job] = {}
    faults: dict[int, RequestError] = {}
    seen: set[str] = set()
    for index, item in enumerate(change.lists):
        try:
            if item.list in seen:
                raise _named_twice(item.list)
            seen.add(item.list)
            job = _job(manifest, item, blobs, dry_run)
        except RequestError as fault:
            faults[index] = fault
        else:
            if job is not None:
                made[index] = job
    _refuse(change, faults)
    _check_number(manifest, change)
    return made


def plan(manifest: Manifest, change: ChangeSet, outcomes: Mapping[int, Outcome], *, at: str) -> Plan:
    """Lay the change over the manifest in force; `at` is the time, RFC 3339 in UTC.

    Raises RequestError for lists that the compiler refused, StoreError where our own disk failed.
    """
    _refuse(change, refusals(outcomes))
    lists = dict(manifest.lists)
    results = []
    for index, item in enumerate(change.lists):
        old = lists.pop(item.list, None)
        if item.delete:
            results.append(ListResult(item.list, changed=True, deleted=True))
            continue
        entry = _entry(old, item, outcomes.get(index), at)
        lists[item.list] = entry
        results.append(_result(item.list, old, entry, outcomes.get(index)))
    return Plan(_policy(manifest, change), dict(sorted(lists.items())), tuple(results))


def _policy(manifest: Manifest, change: ChangeSet) -> Policy:
    """The policy after the change. Records are laid over the one in force now, not over the one that the
    sender saw: nothing else in it may be turned back."""
    if change.records is not None:
        return msgspec.structs.replace(manifest.policy, records=change.records)
    return change.policy or manifest.policy


def _refuse(change: ChangeSet, faults: Mapping[int, RequestError]) -> None:
    """Raise what was found, if anything was: as it is, or all together with their positions."""
    if not faults:
        return
    if not change.indexed:
        raise next(iter(faults.values()))
    raise problem(
        "transaction-refused",
        f"{len(faults)} of {len(change.lists)} changes cannot be made, so none was; see `errors`.",
        errors=[_member(change, index, fault) for index, fault in sorted(faults.items())],
    )


def _member(change: ChangeSet, index: int, fault: RequestError) -> dict[str, object]:
    """One fault as a member of a problem's `errors`."""
    return {
        **fault.extra,
        "index": index,
        "list": change.lists[index].list,
        "status": fault.status,
        "code": fault.code,
        "title": fault.title,
        "detail": str(fault),
    }


def _job(manifest: Manifest, item: ListChange, blobs: str, dry_run: bool) -> Job | None:
    """The job for one list, None when its content stays. Raises RequestError."""
    old = manifest.lists.get(item.list)
    if old is None and (item.delete or isinstance(item.content, Patch)):
        raise unknown_list(item.list)
    if item.delete:
        return None
    # A patch and a bare description build on rules that were read before; only a replacing push
    # brings lines that can be read in another way.
    description = _description(old, item)
    if old is not None and old.rules is not None and not isinstance(item.content, Replace):
        _check_reading(old.description, description, item.list)
    job = Job(
        blobs,
        previous=old.rules if old else None,
        format=description.format,
        match=description.match,
        kind=description.kind,
        rewrites=description.rewrites,
        unguarded=description.unguarded,
        neighbours=neighbours(manifest, item.list),
        dry_run=dry_run,
    )
    match item.content:
        case Replace(source=source):
            return msgspec.structs.replace(job, source=source)
        case Patch(add=add, remove=remove) if add or remove:
            known = old.detected if old is not None else ""
            return msgspec.structs.replace(job, known=known, add=add, remove=remove)
        case _:
            return None  # a description alone, or a patch that says nothing


def neighbours(manifest: Manifest, list_id: str) -> tuple[Neighbour, ...]:
    """The other lists that take part in answers: what a list is compared with."""
    return tuple(
        Neighbour(name, entry.rules, entry.entries)
        for name, entry in manifest.lists.items()
        if name != list_id and entry.description.enabled and entry.rules is not None
    )


def _description(old: ListEntry | None, item: ListChange) -> ListDescription:
    """What the list is after the change: as the change says, else as it was, else the defaults."""
    return item.description or (old.description if old else ListDescription())


def _check_reading(old: ListDescription, new: ListDescription, list_id: str) -> None:
    """Raise RequestError (409) when the content would have to be read again, and is not there."""
    if (old.kind, old.match, old.rewrites) == (new.kind, new.match, new.rewrites):
        return
    raise problem(
        "content-needed",
        f"`kind`, `match` and `rewrites` say how the lines of list {list_id} are read, and they are not kept."
        " Send description and content together to POST /v1/transactions, or delete the list first.",
    )


def _check_number(manifest: Manifest, change: ChangeSet) -> None:
    """Raise RequestError (409) when there would be too many lists."""
    added = {item.list for item in change.lists if not item.delete} - manifest.lists.keys()
    removed = {item.list for item in change.lists if item.delete}
    if added and len(manifest.lists) + len(added) - len(removed) > MAX_LISTS:
        raise problem(
            "too-many-lists", f"At most {MAX_LISTS} lists can be kept. Delete some, or put several into one."
        )


def refusals(outcomes: Mapping[int, Outcome]) -> dict[int, RequestError]:
    """What the compiler refused. Raises StoreError or ProcessError where the fault is ours."""
    found: dict[int, RequestError] = {}
    for index, outcome in sorted(outcomes.items()):
        if outcome.failure:
            # The cause tells a full disk (507) from other trouble with it (500).
            cause = OSError(outcome.errno, os.strerror(outcome.errno)) if outcome.errno else None
            raise StoreError(outcome.failure) from cause
        if outcome.refused is not None:
            no = outcome.refused
            found[index] = ListRefused(no.code, no.title, no.detail, no.extra)
        elif outcome.rules is None:
            raise ProcessError("the compiler gave neither rules nor a reason; nothing was changed")
    return found


def _entry(old: ListEntry | None, item: ListChange, outcome: Outcome | None, at: str) -> ListEntry:
    """The list's entry of the new manifest.

    The same rules keep the entry as it was, `updated` included: a feed that is pushed every hour and
    did not change makes no generation. A patch keeps what is known of the whole list's format, as
    its few lines say little about it.
    """
    description = _description(old, item)
    if outcome is None or (old is not None and old.rules == outcome.rules):
        return msgspec.structs.replace(old or ListEntry(description), description=description)
    detected = outcome.report.format if outcome.report else ""
    if isinstance(item.content, Patch) and old is not None and old.detected:
        detected = old.detected
    return ListEntry(description, outcome.rules, outcome.entries, detected, at)


def _result(list_id: str, old: ListEntry | None, entry: ListEntry, outcome: Outcome | None) -> ListResult:
    """What is reported of one list; what only a reading can know is there when it was read."""
    result = ListResult(
        list_id,
        changed=old != entry,  # what is enough to make a generation, and no more
        created=old is None,
        entries=entry.entries,
        digest=entry.rules,
    )
    if outcome is None:
        return result
    return msgspec.structs.replace(
        result,
        report=outcome.report,
        diff=outcome.diff,
        not_found=tuple(outcome.not_found),
        seconds=outcome.parse_seconds + outcome.build_seconds,
    )


def unknown_list(list_id: str) -> RequestError:
    """404 for a list that is not there."""
    return problem(
        "list-unknown", f"No list is called {list_id}. GET /v1/lists shows those there are; PUT creates one."
    )


def _named_twice(list_id: str) -> RequestError:
    """Two changes of one list have no order between them, so there is no telling which one wins."""
    return problem(
        "list-named-twice",
        f"List {list_id} stands in this transaction before. Put everything about it into one change.",
    )
