"""The store on a disk that lies, fills up and loses power; `tests/contract` holds what it promises.

Invariant: after whatever happens, the store opens again, the pointer is the old one or the new one,
and everything it names is whole. What was damaged behind our back is found and named.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from resolver.errors import CorruptFile, StoreError
from resolver.generation.blobs import Blobs
from resolver.generation.manifest import ListDescription, ListEntry, Manifest
from resolver.generation.store import FILE_NAME, Store
from tests.unit.generation.full_disk import file_size_limit, fill, small_disk

AT = "2026-01-02T03:04:05Z"


def following(store: Store, *, reason: str = "because", lists: int = 1) -> Manifest:
    """A manifest that may be committed next."""
    current = store.current()
    parent = None if current is None else store.manifest(current)[1]
    entries = {f"list-{index}": ListEntry(ListDescription(), f"{index:064x}", 1) for index in range(lists)}
    return Manifest(store.next_number(), parent, AT, "ann", reason, lists=entries)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with three generations, the second in force after a rollback; closed."""
    path = tmp_path / FILE_NAME
    store = Store(path)
    for _ in range(3):
        store.commit(following(store))
    store.activate(2, author="bob", reason="back", at=AT)
    store.close()
    return path


def meddle(path: Path, statement: str) -> None:
    """Change the file behind our back."""
    database = sqlite3.connect(path)
    assert database.execute(statement).rowcount > 0
    database.commit()
    database.close()


def flip(body: bytes, position: int) -> bytes:
    return body[:position] + bytes([body[position] ^ 0x01]) + body[position + 1 :]


def test_a_reader_cannot_write(path: Path) -> None:
    reader = Store(path, read_only=True)
    assert reader.current() == 2
    with pytest.raises(StoreError, match="read-only"):
        reader.activate(1, author="eve", reason="", at=AT)
    reader.close()
    assert reopened_current(path) == 2


def reopened_current(path: Path) -> int | None:
    store = Store(path)
    try:
        assert store.verify_journal() == []
        current = store.current()
        assert current is None or store.manifest(current)[0].number == current
        return current
    finally:
        store.close()


def test_a_closed_store_says_so(path: Path) -> None:
    store = Store(path)
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.current()


def test_a_flipped_bit_anywhere_in_a_manifest_is_found_and_named(path: Path) -> None:
    database = sqlite3.connect(path)
    (body,) = database.execute("SELECT body FROM generation WHERE number = 2").fetchone()
    store = Store(path)
    for position in range(len(body)):
        database.execute("UPDATE generation SET body = ? WHERE number = 2", (flip(body, position),))
        database.commit()
        with pytest.raises(CorruptFile, match="manifest of generation 2 is damaged"):
            store.manifest(2)
    assert store.verify_journal() == ["the manifest of generation 2 does not match its hash"]
    with pytest.raises(CorruptFile, match="generation 2"):
        store.prune(1)
    assert [found.kept for found in store.generations()] == [True, True, True]
    assert store.manifest(1)[0].number == 1
    with pytest.raises(CorruptFile, match="generation 2"):
        store.activate(1, author="bob", reason="", at=AT)
        store.activate(2, author="bob", reason="", at=AT)
    assert store.current() == 1
    store.close()
    database.close()


def test_a_manifest_that_fits_its_hash_but_is_none_is_damaged(path: Path) -> None:
    digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"  # SHA-256 of {}
    meddle(path, f"UPDATE generation SET body = CAST('{{}}' AS BLOB), hash = '{digest}' WHERE number = 2")
    store = Store(path)
    with pytest.raises(CorruptFile, match="generation 2"):
        store.manifest(2)
    store.close()


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("UPDATE journal SET author = 'eve' WHERE seq = 2", "journal row 2 does not match its hash"),
        ("UPDATE journal SET reason = reason || ' ' WHERE seq = 4", "journal row 4 does not match its hash"),
        ("UPDATE journal SET hash = 'x' WHERE seq = 1", "journal row 2 does not match its hash"),
        ("DELETE FROM journal WHERE seq = 2", "journal row 3 follows row 1"),
        ("DELETE FROM journal WHERE seq = 4", "the journal ends with generation 3, but 2 is in force"),
        ("UPDATE state SET current = 3", "the journal ends with generation 2, but 3 is in force"),
        ("UPDATE generation SET hash = 'x' WHERE number = 3", "journal row 3 names another manifest"),
        ("UPDATE generation SET body = X'00' WHERE number = 1", "manifest of generation 1 does not match"),
        ("DELETE FROM generation WHERE number = 3", "journal row 3 names another manifest"),
    ],
)
def test_meddling_is_found_and_named(path: Path, statement: str, finding: str) -> None:
    meddle(path, statement)
    store = Store(path)
    assert any(text.startswith(("the manifest", "journal", "the journal")) for text in store.verify_journal())
    assert any(finding in text for text in store.verify_journal())
    store.close()


def test_damage_to_the_file_itself_is_no_surprise(path: Path) -> None:
    whole = path.read_bytes()
    generator = random.Random(7)
    for _ in range(60):
        position = generator.randrange(len(whole))
        path.write_bytes(whole[:position] + generator.randbytes(64) + whole[position + 64 :])
        try:
            store = Store(path)
        except StoreError as error:
            assert str(path) in str(error)
            continue
        try:
            look_at_everything(store)
        finally:
            store.close()


def look_at_everything(store: Store) -> None:
    """Each call gives an answer or a StoreError, nothing else."""
    for call in (store.current, store.next_number, store.generations, store.journal, store.verify_journal):
        try:
            call()
        except StoreError:
            continue
    for number in (1, 2, 3):
        try:
            assert store.manifest(number)[0].number == number
        except StoreError:
            continue


@pytest.mark.parametrize("keep", [0, 1, 50, 4096, 6000])
def test_a_truncated_file_is_said(path: Path, keep: int) -> None:
    path.write_bytes(path.read_bytes()[:keep])
    if keep == 0:  # an empty file is a new store
        assert reopened_current(path) is None
        return
    with pytest.raises(StoreError, match=str(path)):
        reopened_current(path)


def test_a_full_disk_leaves_the_old_generation_in_force(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1024) as disk:
        path = disk / FILE_NAME
        store = Store(path)
        store.commit(following(store))
        before = (store.current(), store.generations(), store.journal())
        ballast = fill(disk)
        large = following(store, lists=2000)
        for attempt in (store.stage, store.commit):
            with pytest.raises(StoreError, match=f"{FILE_NAME} cannot be used: .*free"):
                attempt(large)
            assert (store.current(), store.generations(), store.journal()) == before
        store.close()
        assert reopened_current(path) == 1
        ballast.unlink()
        store = Store(path)
        store.commit(following(store))
        store.close()
        assert reopened_current(path) == 2


def test_a_file_that_may_not_grow_leaves_the_old_generation_in_force(path: Path) -> None:
    store = Store(path)
    large = following(store, lists=2000)
    with file_size_limit(60_000), pytest.raises(StoreError, match=f"{FILE_NAME} cannot be used"):
        store.commit(large)
    assert store.current() == 2
    assert store.verify_journal() == []
    store.commit(following(store))
    store.close()
    assert reopened_current(path) == 4


def test_a_writer_that_finds_another_at_work_says_so(path: Path) -> None:
    store = Store(path)
    store._database.execute("PRAGMA busy_timeout = 20")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="another process holds it"):
        store.commit(following(store))
    assert store.current() == 2  # reading never waits for a writer
    other.execute("ROLLBACK")
    other.close()
    store.commit(following(store))
    store.close()


def test_a_long_reason_in_any_script_survives(path: Path) -> None:
    store = Store(path)
    reason = "Ελλάδα 日本 \u0000 'quoted' \" -- ; " * 500
    manifest = msgspec.structs.replace(following(store), reason=reason)
    store.commit(manifest)
    assert store.journal(1)[0].reason == reason
    assert store.manifest(4)[0] == manifest
    store.close()
    assert reopened_current(path) == 4


WRITER = """
import sys
from pathlib import Path
from resolver.generation.blobs import Blobs
from resolver.generation.manifest import ListDescription, ListEntry, Manifest
from resolver.generation.store import FILE_NAME, Store

folder = Path(sys.argv[1])
store, blobs = Store(folder / FILE_NAME), Blobs(folder / "blobs")
print("ready", flush=True)
while True:
    current = store.current()
    parent = store.manifest(current)[1] if current else None
    number = store.next_number()
    digest = f"{number:064x}"
    blobs.write(digest, digest.encode() * 300)
    entry = ListEntry(ListDescription(), digest, number)
    manifest = Manifest(number, parent, "2026-01-02T03:04:05Z", "ann", "why", lists={"list": entry})
    store.stage(manifest)
    print("begin", number, flush=True)
    store.commit(manifest)
    print("done", number, flush=True)
    if number % 5 == 0:
        blobs.sweep(store.prune(3))
"""


def test_kill_at_any_moment_leaves_the_old_generation_or_the_new_one(tmp_path: Path) -> None:
    generator = random.Random(os.getpid())
    commits, before = 0, None
    for _ in range(35):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
            try:
                writer.wait(generator.uniform(0, 0.03))
            except subprocess.TimeoutExpired:
                writer.kill()
            said = [line.split() for line in writer.stdout.read().decode().splitlines(keepends=False)]
        commits += sum(word[0] == "done" for word in said)
        before = check_after_kill(tmp_path, [(w[0], int(w[1])) for w in said if len(w) == 2], before)
    assert commits > 0
    store, blobs = Store(tmp_path / FILE_NAME), Blobs(tmp_path / "blobs")
    named = store.prune(1)
    blobs.sweep(named)
    store.close()
    assert 1 <= len(named) <= 2  # what is in force, and what the last writer may have staged
    assert {path.name for path in blobs.folder.iterdir()} <= {blobs.path(digest).name for digest in named}


def check_after_kill(folder: Path, said: list[tuple[str, int]], before: int | None) -> int | None:
    """Old or new, never neither; and what is in force is whole, from a copy as a restart sees it.

    `before` was in force when the writer started. Numbers may be skipped: staging uses them up.
    """
    current = reopened_current(folder / FILE_NAME)
    finished = [number for word, number in said if word == "done"]
    possible = {finished[-1] if finished else before}
    if said and said[-1][0] == "begin":
        possible.add(said[-1][1])
    assert current in possible
    if current is None:
        return None
    store, blobs = Store(folder / FILE_NAME), Blobs(folder / "blobs")
    manifest, _ = store.manifest(current)
    for entry in manifest.lists.values():
        assert entry.rules is not None
        with blobs.open(entry.rules) as mapped:
            assert mapped[:] == entry.rules.encode() * 300
    store.close()
    return current


def test_a_copy_taken_between_two_commits_is_a_whole_store(path: Path, tmp_path: Path) -> None:
    store = Store(path)
    store.commit(following(store))
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in tmp_path.glob(f"{FILE_NAME}*"):
        shutil.copy(file, copy)
    store.close()
    assert reopened_current(copy / FILE_NAME) == 4
