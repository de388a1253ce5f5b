"""The pointer, the manifests and the journal: one SQLite file in the data directory.

    generation  one row for each generation there ever was; its manifest while that is kept
    staged      at most one manifest that workers are asked to prepare; nothing points to it
    state       one row: the generation in force (the pointer) and the last number given out
    journal     one row for each move of the pointer, each with the hash of the row before

A change is `stage`, then (when every worker can serve it) `commit`: manifest, journal row and
pointer in ONE transaction, on disk (synchronous=FULL) before it returns. A crash leaves the old
pointer or the new, never neither. What was staged and not committed is dropped by the next stage
or commit; its number is not given out again, so that a late message about it can do no harm.
A rollback (`activate`) moves the pointer and adds a journal row; generations are never renumbered
or rewritten. `prune` forgets old manifests but keeps their rows: numbers are never reused and the
journal never loses its subject.

Several processes use the file at once (WAL): the admin process writes, workers read when they
start or swap. This module must not know the clock (times are arguments, RFC 3339 in UTC), lists,
HTTP, or the messages between processes.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeGuard, TypeVar

import msgspec

from resolver.errors import CorruptFile, StoreError, UnknownGeneration
from resolver.generation import manifest as manifests
from resolver.generation.database import connect, plain_errors
from resolver.generation.journal import JournalRow, broken_links, next_row
from resolver.generation.manifest import Manifest

FILE_NAME: Final = "belisha.sqlite3"
"""Name of the store's file in the data directory."""

PUSH: Final = "push"
ROLLBACK: Final = "rollback"

_SCHEMA: Final = """
CREATE TABLE generation (
    number  INTEGER PRIMARY KEY,
    hash    TEXT NOT NULL,
    created TEXT NOT NULL,
    author  TEXT NOT NULL,
    reason  TEXT NOT NULL,
    lists   INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    body    BLOB              -- the manifest's canonical JSON, NULL once it is no longer kept
);
CREATE TABLE staged (
    number  INTEGER PRIMARY KEY,
    hash    TEXT NOT NULL,
    body    BLOB NOT NULL
);
CREATE TABLE state (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    current INTEGER REFERENCES generation (number),
    last    INTEGER NOT NULL
);
INSERT INTO state VALUES (1, NULL, 0);
CREATE TABLE journal (
    seq        INTEGER PRIMARY KEY,
    at         TEXT NOT NULL,
    author     TEXT NOT NULL,
    reason     TEXT NOT NULL,
    action     TEXT NOT NULL,
    generation INTEGER NOT NULL,
    previous   INTEGER,
    manifest   TEXT NOT NULL,
    source     TEXT NOT NULL,
    hash       TEXT NOT NULL
);
"""
_VERSION: Final = 1

_Row = TypeVar("_Row", bound=msgspec.Struct)

_JOURNAL_COLUMNS: Final = "seq, at, author, reason, action, generation, previous, manifest, source, hash"


class Summary(msgspec.Struct, frozen=True):
    """One generation as a list of generations shows it.

    `entries` is the sum over its lists; `active` says whether it is in force, `kept` whether its
    manifest still is there, so that it can be activated.
    """

    number: int
    hash: str
    created: str
    author: str
    reason: str
    lists: int
    entries: int
    active: bool
    kept: bool


class Store:
    """The door to what is in force. Safe to use from several threads; each call is one transaction.

    Every method raises StoreError when the disk or the file fails it, besides what it says itself.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open the file; unless `read_only`, make it (mode 0600) when it is missing."""
        self.path: Final = path
        self._lock: Final = threading.Lock()
        self._database: Final = connect(path, schema=_SCHEMA, version=_VERSION, read_only=read_only)

    def close(self) -> None:
        """Let go of the file. The store must not be used afterwards."""
        with self._lock:
            self._database.close()

    def current(self) -> int | None:
        """The number of the generation in force; None before the first one."""
        with self._read() as database:
            return _current(database)

    def next_number(self) -> int:
        """A number that no generation has or had, staged ones included."""
        with self._read() as database:
            return _last(database) + 1

    def manifest(self, number: int) -> tuple[Manifest, str]:
        """The manifest of a generation (a staged one too) and its hash.

        Raises UnknownGeneration when it is not kept, CorruptFile when its octets do not match
        the hash that was stored with them.
        """
        with self._read() as database:
            row = database.execute(
                "SELECT hash, body FROM generation WHERE number = ?1 AND body IS NOT NULL"
                " UNION ALL SELECT hash, body FROM staged WHERE number = ?1",
                (number,),
            ).fetchone()
        if row is None:
            raise UnknownGeneration(
                f"generation {number} is not kept; `belisha lists` and GET /v1/generations show which are"
            )
        return self._checked(number, *row), row[0]

    def stage(self, manifest: Manifest) -> str:
        """Show a manifest to the workers before it counts; returns its hash.

        Replaces what was staged before. Raises StoreError when it could not be committed.
        """
        body = manifests.encode(manifest)
        digest = manifests.digest(body)
        with self._write() as database:
            _check_commit(database, manifest)
            database.execute("DELETE FROM staged")
            database.execute("INSERT INTO staged VALUES (?, ?, ?)", (manifest.number, digest, body))
            database.execute("UPDATE state SET last = max(last, ?)", (manifest.number,))
        return digest

    def commit(self, manifest: Manifest, *, kind: str = PUSH, source: str = "") -> str:
        """Put a new generation in force, durably; returns its hash.

        `kind` is the journal's action, `source` the address the change came from. Raises StoreError
        and changes nothing when the number is taken, or when `parent` is not the hash of the one
        in force: somebody else's change came first.
        """
        body = manifests.encode(manifest)
        digest = manifests.digest(body)
        entries = sum(entry.entries for entry in manifest.lists.values())
        with self._write() as database:
            _check_commit(database, manifest)
            database.execute(
                "INSERT INTO generation VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    manifest.number,
                    digest,
                    manifest.created,
                    manifest.author,
                    manifest.reason,
                    len(manifest.lists),
                    entries,
                    body,
                ),
            )
            _point(
                database,
                number=manifest.number,
                digest=digest,
                entry=(manifest.created, manifest.author, manifest.reason, kind, source),
            )
            database.execute("DELETE FROM staged")
        return digest

    def activate(
        self, number: int, *, author: str, reason: str, at: str, source: str = "", kind: str = ROLLBACK
    ) -> str:
        """Move the pointer to a generation that is kept, back or forth; returns its hash.

        Activating the one in force moves nothing and writes nothing. Raises UnknownGeneration or
        CorruptFile as `manifest` does.
        """
        with self._write() as database:
            row = database.execute(
                "SELECT hash, body FROM generation WHERE number = ? AND body IS NOT NULL", (number,)
            ).fetchone()
            if row is None:
                raise UnknownGeneration(f"generation {number} is not kept, so it cannot be activated")
            self._checked(number, *row)
            if _current(database) != number:
                _point(database, number=number, digest=row[0], entry=(at, author, reason, kind, source))
        return str(row[0])

    def generations(self, limit: int = 50, before: int | None = None) -> list[Summary]:
        """Generations, newest first; `before` is the number to go on from. Staged ones are not shown."""
        with self._read() as database:
            current = _current(database)
            rows = database.execute(
                "SELECT number, hash, created, author, reason, lists, entries, body IS NOT NULL"
                " FROM generation WHERE ?1 IS NULL OR number < ?1 ORDER BY number DESC LIMIT ?2",
                (before, limit),
            ).fetchall()
        return [_typed((*row[:-1], row[0] == current, bool(row[-1])), Summary) for row in rows]

    def journal(self, limit: int = 50, before: int | None = None) -> list[JournalRow]:
        """Moves of the pointer, newest first; `before` is the `seq` to go on from."""
        with self._read() as database:
            rows = database.execute(
                f"SELECT {_JOURNAL_COLUMNS} FROM journal"  # noqa: S608 (a constant of this file)
                " WHERE ?1 IS NULL OR seq < ?1 ORDER BY seq DESC LIMIT ?2",
                (before, limit),
            ).fetchall()
        return [_typed(row, JournalRow) for row in rows]

    def verify_journal(self) -> list[str]:
        """Walk the chain of hashes and everything that hangs on it; one sentence for each break.

        Who can write the file can also forge a whole new chain: keep the newest row's hash
        somewhere else to prove that the rows up to it are what they were.
        """
        with self._read() as database:
            rows = database.execute(
                f"SELECT {_JOURNAL_COLUMNS} FROM journal ORDER BY seq"  # noqa: S608 (a constant of this file)
            )
            known = dict(database.execute("SELECT number, hash FROM generation"))
            try:
                breaks = broken_links((_typed(row, JournalRow) for row in rows), known, _current(database))
            except CorruptFile as error:
                breaks = [str(error)]
            kept = database.execute("SELECT number, hash, body FROM generation WHERE body IS NOT NULL")
            for number, digest, body in kept:
                if not _matches(body, digest):
                    breaks.append(f"the manifest of generation {number} does not match its hash")
        return breaks

    def prune(self, keep: int) -> set[str]:
        """Forget all but the newest `keep` manifests and the one in force.

        Returns the digests of compiled files that are still named, by what is staged too: what
        `Blobs.sweep` must keep. Raises CorruptFile, having forgotten nothing, when a kept manifest cannot be
        read: then nobody knows what it names.
        """
        with self._write() as database:
            database.execute(
                "UPDATE generation SET body = NULL WHERE body IS NOT NULL"
                " AND number IS NOT (SELECT current FROM state) AND number NOT IN"
                " (SELECT number FROM generation WHERE body IS NOT NULL ORDER BY number DESC LIMIT ?)",
                (max(keep, 1),),
            )
            rows = database.execute(
                "SELECT number, hash, body FROM generation WHERE body IS NOT NULL"
                " UNION ALL SELECT number, hash, body FROM staged"
            ).fetchall()
            kept = [self._checked(*row) for row in rows]
        return {entry.rules for found in kept for entry in found.lists.values() if entry.rules}

    def _checked(self, number: int, digest: object, body: object) -> Manifest:
        """Decode a stored manifest. Raises CorruptFile when the octets are not what was stored."""
        if _matches(body, digest):
            with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
                return manifests.decode(body)
        raise CorruptFile(
            f"{self.path}: the manifest of generation {number} is damaged; activate another generation"
        )

    @contextlib.contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        """One consistent view of everything, whatever is committed meanwhile."""
        with self._lock, plain_errors(self.path), _transaction(self._database, "BEGIN"):
            yield self._database

    @contextlib.contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """One change, all or nothing, durable at the end; alone among all processes."""
        with self._lock, plain_errors(self.path), _transaction(self._database, "BEGIN IMMEDIATE"):
            yield self._database


@contextlib.contextmanager
def _transaction(database: sqlite3.Connection, begin: str) -> Iterator[None]:
    database.execute(begin)
    try:
        yield
        database.execute("COMMIT")
    finally:
        if database.in_transaction:
            database.execute("ROLLBACK")


def _current(database: sqlite3.Connection) -> int | None:
    return _state(database)[0]


def _last(database: sqlite3.Connection) -> int:
    """The highest number that was ever given out."""
    return _state(database)[1]


def _state(database: sqlite3.Connection) -> tuple[int | None, int]:
    """The pointer and the last number. Raises CorruptFile when the one row is not what we wrote."""
    row = database.execute("SELECT current, last FROM state").fetchone()
    if row is None or not isinstance(row[0], int | None) or not isinstance(row[1], int):
        raise CorruptFile(
            "the pointer to the generation in force is damaged; restore the store from a backup"
        )
    return row[0], row[1]


def _typed(row: tuple[object, ...], kind: type[_Row]) -> _Row:
    """A row as its struct. Raises CorruptFile: damage can change even the type of a column."""
    try:
        return msgspec.convert(dict(zip(kind.__struct_fields__, row, strict=False)), kind)
    except msgspec.ValidationError as error:
        raise CorruptFile(f"the row {row[0]} of the store is damaged: {error}") from error


def _matches(body: object, digest: object) -> TypeGuard[bytes]:
    """Whether these octets have this hash."""
    return isinstance(body, bytes) and manifests.digest(body) == digest


def _check_commit(database: sqlite3.Connection, manifest: Manifest) -> None:
    """Raise StoreError unless the manifest is a child of the one in force under a fresh number."""
    row = database.execute(
        "SELECT hash FROM generation WHERE number = (SELECT current FROM state)"
    ).fetchone()
    if manifest.parent != (row[0] if row else None):
        raise StoreError(
            f"generation {manifest.number} was made from one that is no longer in force: another change"
            " came first; make the change again"
        )
    taken = database.execute("SELECT max(number) FROM generation").fetchone()[0] or 0
    staged = database.execute("SELECT number FROM staged").fetchone()
    fresh = manifest.number > _last(database) or (staged is not None and staged[0] == manifest.number)
    if manifest.number <= taken or not fresh:
        raise StoreError(f"generation {manifest.number} was given out before; ask for the next number")


def _point(
    database: sqlite3.Connection, *, number: int, digest: str, entry: tuple[str, str, str, str, str]
) -> None:
    """Move the pointer and write the journal row that says so; `entry` is at, author, reason,
    action, source."""
    last = database.execute(
        f"SELECT {_JOURNAL_COLUMNS} FROM journal ORDER BY seq DESC LIMIT 1"  # noqa: S608 (a constant of this file)
    ).fetchone()
    row = next_row(
        _typed(last, JournalRow) if last else None,
        entry,
        number,
        previous=_current(database),
        manifest=digest,
    )
    database.execute(
        "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", msgspec.structs.astuple(row)
    )
    database.execute("UPDATE state SET current = ?1, last = max(last, ?1)", (number,))
