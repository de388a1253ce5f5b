"""Opening the file: private, durable, the right schema, and one plain sentence for each thing that fails."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import stat
from pathlib import Path

import pytest

from resolver.errors import CorruptFile, StoreError
from resolver.generation.database import connect, plain_errors

SCHEMA = "CREATE TABLE thing (name TEXT NOT NULL UNIQUE);"


def opened(path: Path, *, version: int = 3, read_only: bool = False) -> sqlite3.Connection:
    return connect(path, schema=SCHEMA, version=version, read_only=read_only)


def pragma(database: sqlite3.Connection, name: str) -> object:
    return database.execute(f"PRAGMA {name}").fetchone()[0]


def test_settings_that_durability_needs(tmp_path: Path) -> None:
    database = opened(tmp_path / "a file?#%.sqlite3")
    assert pragma(database, "journal_mode") == "wal"
    assert pragma(database, "synchronous") == 2  # FULL
    assert pragma(database, "user_version") == 3
    assert pragma(database, "busy_timeout") == 5000
    assert not database.in_transaction
    database.close()
    assert (tmp_path / "a file?#%.sqlite3").is_file()


def test_the_file_and_its_side_files_are_private(tmp_path: Path) -> None:
    database = opened(tmp_path / "store")
    database.execute("INSERT INTO thing VALUES ('x')")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    database.close()
    assert modes == {"store": 0o600, "store-wal": 0o600, "store-shm": 0o600}


def test_what_one_process_commits_another_reads(tmp_path: Path) -> None:
    writer = opened(tmp_path / "store")
    reader = opened(tmp_path / "store", read_only=True)
    writer.execute("INSERT INTO thing VALUES ('x')")
    assert reader.execute("SELECT name FROM thing").fetchall() == [("x",)]
    with pytest.raises(sqlite3.OperationalError):
        reader.execute("INSERT INTO thing VALUES ('y')")
    writer.close()
    reader.close()


def test_a_reader_comes_after_the_writer_has_gone(tmp_path: Path) -> None:
    writer = opened(tmp_path / "store")
    writer.execute("INSERT INTO thing VALUES ('x')")
    writer.close()
    reader = opened(tmp_path / "store", read_only=True)
    assert reader.execute("SELECT name FROM thing").fetchall() == [("x",)]
    reader.close()


def _open_many(path: Path) -> str:
    """In a process of its own: open a file that others are creating too."""
    try:
        database = opened(path)
        database.close()
    except StoreError as error:
        return str(error)
    return ""


def test_several_processes_may_create_it_at_once(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        for attempt in range(5):
            assert pool.map(_open_many, [tmp_path / str(attempt)] * 8, chunksize=1) == [""] * 8


def _not_ours(path: Path) -> None:
    """A database that somebody else made."""
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE x (y)")
    database.close()


@pytest.mark.parametrize(
    ("prepare", "read_only", "kind", "match"),
    [
        (lambda path: None, True, StoreError, "cannot be opened"),
        (lambda path: path.mkdir(), False, StoreError, "cannot be opened"),
        (lambda path: path.write_bytes(b"no database at all" * 100), False, CorruptFile, "is damaged"),
        (lambda path: path.write_bytes(b"no database at all" * 100), True, CorruptFile, "is damaged"),
        (lambda path: opened(path, version=4).close(), False, StoreError, "has schema 4.* knows 3"),
        (lambda path: opened(path, version=4).close(), True, StoreError, "has schema 4.* knows 3"),
        (_not_ours, False, StoreError, "has schema 0"),
    ],
    ids=["missing", "folder", "junk", "junk, reader", "newer", "newer, reader", "not ours"],
)
@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
def test_what_cannot_be_opened_is_said(
    tmp_path: Path, prepare: object, read_only: bool, kind: type[StoreError], match: str
) -> None:
    assert callable(prepare)
    prepare(tmp_path / "store")
    with pytest.raises(kind, match=rf"store.* {match}") as caught:
        opened(tmp_path / "store", read_only=read_only)
    assert type(caught.value) is kind


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No such file or directory"):
        opened(tmp_path / "nowhere" / "store")


def _error(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "kind", "match"),
    [
        (_error(sqlite3.SQLITE_FULL), StoreError, "the disk is full"),
        (_error(sqlite3.SQLITE_READONLY_DIRECTORY), StoreError, "read-only for this account"),
        (_error(sqlite3.SQLITE_BUSY_SNAPSHOT), StoreError, "another process holds it"),
        (_error(sqlite3.SQLITE_IOERR_FSYNC), StoreError, "input/output error"),
        (_error(sqlite3.SQLITE_CORRUPT_INDEX), CorruptFile, "is damaged"),
        (_error(sqlite3.SQLITE_NOTADB), CorruptFile, "is damaged"),
        (_error(sqlite3.SQLITE_ERROR), StoreError, "as SQLite says it"),
        (sqlite3.ProgrammingError("closed"), StoreError, "closed"),
        (OSError(30, "Read-only file system"), StoreError, "the file system is read-only"),
    ],
    ids=repr,
)
def test_errors_become_sentences_that_name_the_file(
    tmp_path: Path, error: Exception, kind: type[StoreError], match: str
) -> None:
    with pytest.raises(kind, match=match) as caught, plain_errors(tmp_path):
        raise error
    assert type(caught.value) is kind
    assert str(tmp_path) in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_that_is_not_ours_is_said(tmp_path: Path) -> None:
    opened(tmp_path / "store").close()
    (tmp_path / "store").chmod(0)
    with pytest.raises(StoreError, match="cannot be opened; check that its folder exists and belongs"):
        opened(tmp_path / "store")
