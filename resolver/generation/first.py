"""The first start: the lists in a folder become generation 1, by the same road as every other.

An administrator without any tool can put files into the lists folder before the first start (a
mounted volume, a package's starter list). Each `*.txt` becomes a block list, each `*.allow.txt` an
allow list, named after its file. Once there is a generation the folder is not looked at again: the
admin API is then the one way to change what is blocked.

A file that is refused does not stop the start. Its list stands in the generation without content,
so that it is seen to be empty, and the reason says why.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from resolver.errors import ProcessError, StoreError
from resolver.generation.blobs import Blobs
from resolver.generation.jobs import COMMAND, Job, Outcome, decode_outcome, encode
from resolver.generation.manifest import ListDescription, ListEntry, Manifest
from resolver.generation.store import Store
from resolver.rules.model import Kind

AUTHOR: Final = "first start"

_SECONDS: Final = 300.0
"""Time limit for one list at the first start, where nobody waits for an answer yet."""

_MAX_REASON: Final = 1000
"""Characters of the reason, however many files were refused."""

_MAX_TITLE: Final = 200
"""As `resolver.generation.manifest.Title` has it."""

_MAX_STEM: Final = 56
"""Characters of a list id that come from the file name; it leaves room for a number (63 in all)."""

_UNFIT: Final = re.compile(r"[^a-z0-9._-]+")


def first_generation(
    store: Store, blobs: Blobs, lists_dir: Path, now: str, compile: Callable[[Job], Outcome]
) -> int | None:
    """Make generation 1 if there is none; its number, or None when there was one.

    `now` is UTC, RFC 3339. A folder that is missing or holds no lists gives a generation without
    lists. Raises StoreError when the folder cannot be read or the disk fails, and what `compile`
    raises; nothing is in force then.
    """
    if store.current() is not None:
        return None
    lists: dict[str, ListEntry] = {}
    refused: list[str] = []
    for list_id, kind, path in _files(lists_dir):
        outcome = compile(Job(blobs=str(blobs.folder), source=str(path.absolute()), kind=kind))
        if outcome.failure:
            raise StoreError(f"{path} could not be compiled: {outcome.failure}")
        if outcome.refused is not None:
            refused.append(f"{path.name} was refused: {outcome.refused.detail}")
        lists[list_id] = _entry(path, kind, now, outcome)
    number = store.next_number()
    reason = "; ".join([f"{len(lists)} lists from {lists_dir}", *refused])[:_MAX_REASON]
    store.commit(Manifest(number, None, now, AUTHOR, reason, lists=lists), kind="first start")
    return number


def run_job(job: Job, seconds: float = _SECONDS) -> Outcome:
    """Do one job in a child process and wait for it. Raises ProcessError."""
    try:
        done = subprocess.run(
            COMMAND, input=encode(job) + b"\n", stdout=subprocess.PIPE, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise ProcessError(f"the compiler took longer than {seconds:g} s and was stopped") from None
    except OSError as error:
        raise ProcessError(f"the compiler cannot be started: {error.strerror}") from error
    try:
        return decode_outcome(done.stdout)
    except msgspec.DecodeError as error:
        raise ProcessError(f"the compiler ended (status {done.returncode}) without an outcome") from error


def _files(folder: Path) -> Iterator[tuple[str, Kind, Path]]:
    """List id, kind and path of each list file, in the order of their names."""
    try:
        found = sorted(path for path in folder.glob("*.txt") if path.is_file() and path.name[0] != ".")
    except OSError as error:
        raise StoreError(f"{folder} cannot be read: {error.strerror}; check its permissions") from error
    taken: set[str] = set()
    for path in found:
        stem = path.name.removesuffix(".txt")
        list_id = _free_id(stem, taken)
        taken.add(list_id)
        yield list_id, "allow" if stem.endswith(".allow") else "block", path


def _free_id(stem: str, taken: set[str]) -> str:
    """A valid list id from a file name that nobody has yet: `My List` is `my-list`, then `my-list-2`."""
    wanted = _UNFIT.sub("-", stem.lower()).strip("._-")[:_MAX_STEM] or "list"
    list_id, count = wanted, 1
    while list_id in taken:
        count += 1
        list_id = f"{wanted}-{count}"
    return list_id


def _entry(path: Path, kind: Kind, now: str, outcome: Outcome) -> ListEntry:
    """How generation 1 knows the list; the title is what the list calls itself."""
    report = outcome.report
    title = (report.header.title if report else None) or path.name
    description = ListDescription(kind=kind, title=title[:_MAX_TITLE])
    detected = report.format if report else ""
    return ListEntry(description, outcome.rules, outcome.entries, detected, now)
