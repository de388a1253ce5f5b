"""Open an SQLite file the way Belisha needs it, and say in plain sentences what goes wrong.

WAL, so that readers in other processes never wait for the writer; synchronous=FULL, so that a
committed transaction survives a power cut; a schema number in `user_version`, so that an older
program refuses a newer file instead of guessing. Transactions are written out by whoever uses the
connection (the module is in autocommit mode).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from resolver.errors import CorruptFile, StoreError
from resolver.generation.disk import storage_error, sync_folder

_FILE_MODE: Final = 0o600
_BUSY_SECONDS: Final = 5.0
"""How long to wait for another process's transaction; ours take milliseconds."""

_PAUSE_SECONDS: Final = 0.02

_LEAST_OCTETS: Final = 512
"""The smallest page of an SQLite file (file format, 1.3.2)."""

_PRIMARY: Final = 0xFF
"""SQLite's extended result codes keep the primary code in their low octet."""

_SENTENCES: Final[dict[int, str]] = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space and try again",
    sqlite3.SQLITE_READONLY: "it is read-only for this account; give it the file and its folder (chown)",
    sqlite3.SQLITE_PERM: "this account may not use it; give it the file and its folder (chown)",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check that its folder exists and belongs to this account",
    sqlite3.SQLITE_BUSY: "another process holds it for too long; try again",
    sqlite3.SQLITE_LOCKED: "another process holds it for too long; try again",
    sqlite3.SQLITE_IOERR: "the disk reports an input/output error; check its health and free space",
}
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def connect(path: Path, *, schema: str, version: int, read_only: bool) -> sqlite3.Connection:
    """Open `path`; unless `read_only`, make it with `schema` when it is missing or empty.

    Raises StoreError when that fails or the file is of another schema version, CorruptFile when it
    is no database.
    """
    with plain_errors(path):
        if not read_only:
            _create_private(path)
        _refuse_stump(path)
        mode = "ro" if read_only else "rw"
        database = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,  # the store holds a lock around every use
        )
        try:
            _prepare(database, path, schema, version, read_only)
        except BaseException:
            database.close()
            raise
    return database


@contextlib.contextmanager
def plain_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite and the operating system raise into StoreError or CorruptFile."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
        if code in _DAMAGED or isinstance(error, sqlite3.IntegrityError):
            raise CorruptFile(f"{path} is damaged ({error}); restore it from a backup") from error
        raise StoreError(f"{path} cannot be used: {_SENTENCES.get(code, str(error))}") from error
    except UnicodeDecodeError as error:  # raised while sqlite3 reads SQLite's own words about the damage
        raise CorruptFile(f"{path} is damaged; restore it from a backup") from error
    except OSError as error:
        raise storage_error(error, path) from error


def _create_private(path: Path) -> None:
    """Make an empty file that only this account reads; SQLite's side files take over its mode."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE))
        sync_folder(path.parent)  # SQLite does so for the files that it creates itself


def _refuse_stump(path: Path) -> None:
    """SQLite takes a file cut down to a few octets for a new one; what it held would be forgotten.

    Only a file with nothing in it is new. Raises CorruptFile.
    """
    with contextlib.suppress(FileNotFoundError):
        if path.is_file() and 0 < path.stat().st_size < _LEAST_OCTETS:
            raise CorruptFile(f"{path} is damaged (cut short); restore it from a backup")


def _prepare(database: sqlite3.Connection, path: Path, schema: str, version: int, read_only: bool) -> None:
    """Settings of the connection, then the schema if there is none yet."""
    database.execute("PRAGMA foreign_keys = ON")
    if read_only:
        database.execute("PRAGMA query_only = ON")
    else:
        _use_wal(database)
        database.execute("PRAGMA synchronous = FULL")
        _create_schema(database, schema, version)
    found = _version(database)
    if found != version:
        raise StoreError(
            f"{path} has schema {found}, this program knows {version}; use the version that wrote it"
        )


def _use_wal(database: sqlite3.Connection) -> None:
    """Switch to WAL; the file keeps the setting. Raises sqlite3.Error.

    Of several processes that open a new file at once one switches, and the others are told "busy"
    without the usual waiting (SQLite fears a deadlock there), so the waiting is done here.
    """
    for _ in range(int(_BUSY_SECONDS / _PAUSE_SECONDS)):
        try:
            database.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & _PRIMARY != sqlite3.SQLITE_BUSY:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return
    database.execute("PRAGMA journal_mode = WAL")


def _create_schema(database: sqlite3.Connection, schema: str, version: int) -> None:
    """Fill an empty file, in one transaction, whoever of several processes comes first."""
    if _version(database) or database.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone():
        return
    script = f"BEGIN IMMEDIATE;{schema}PRAGMA user_version = {version:d};COMMIT;"
    try:
        database.executescript(script)
    except sqlite3.Error:
        if database.in_transaction:
            database.execute("ROLLBACK")
        if not _version(database):
            raise


def _version(database: sqlite3.Connection) -> int:
    number: int = database.execute("PRAGMA user_version").fetchone()[0]
    return number
