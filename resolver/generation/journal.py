"""The journal's chain: each row carries a hash over itself and the hash of the row before.

So a row cannot be changed, dropped or slipped in without every later hash changing too. The chain
is arithmetic over values; where the rows are kept is the store's affair.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import msgspec


class JournalRow(msgspec.Struct, frozen=True):
    """One move of the pointer.

    `at` is UTC, RFC 3339; `action` is "push", "rollback" and the like; `generation` is what is in
    force from then on, `previous` what was before; `manifest` the hash of that generation's
    manifest; `source` the address the change came from ("" when it came from this machine itself);
    `hash` covers all of it and the row before.
    """

    seq: int
    at: str
    author: str
    reason: str
    action: str
    generation: int
    previous: int | None
    manifest: str
    source: str
    hash: str = ""


def next_row(
    last: JournalRow | None,
    entry: tuple[str, str, str, str, str],
    generation: int,
    *,
    previous: int | None,
    manifest: str,
) -> JournalRow:
    """The row that follows `last`; `entry` is at, author, reason, action, source."""
    at, author, reason, action, source = entry
    seq = last.seq + 1 if last else 1
    row = JournalRow(seq, at, author, reason, action, generation, previous, manifest, source)
    return msgspec.structs.replace(row, hash=row_hash(last.hash if last else "", row))


def row_hash(before: str, row: JournalRow) -> str:
    """The hash that `row` must carry after a row with the hash `before` ("" for the first)."""
    fields = msgspec.structs.astuple(row)[:-1]
    return hashlib.sha256(msgspec.json.encode((before, *fields))).hexdigest()


def broken_links(
    rows: Iterable[JournalRow], generations: Mapping[int, str], current: int | None
) -> list[str]:
    """What is wrong with a journal, oldest row first; one sentence each, none when it is whole.

    `generations` maps every number there ever was to its manifest's hash, `current` is the pointer.
    """
    breaks: list[str] = []
    before = ""
    expected = 1
    in_force: int | None = None
    for row in rows:
        where = f"journal row {row.seq}"
        if row.seq != expected:
            breaks.append(f"{where} follows row {expected - 1}: rows in between are missing")
        if row.hash != row_hash(before, row):
            breaks.append(f"{where} does not match its hash: it, or the row before, was changed")
        if row.previous != in_force:
            breaks.append(f"{where} says that {row.previous} was in force before, not {in_force}")
        if generations.get(row.generation) != row.manifest:
            breaks.append(f"{where} names another manifest than generation {row.generation} has")
        before, expected, in_force = row.hash, row.seq + 1, row.generation
    if in_force != current:
        breaks.append(f"the journal ends with generation {in_force}, but {current} is in force")
    return breaks
