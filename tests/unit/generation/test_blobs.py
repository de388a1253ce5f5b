"""Blobs: under its name a file is whole or absent, whatever happens while it is written.

Invariants: what was written is read back octet for octet; a failed write leaves the folder as it
was; `sweep` deletes what nobody names and nothing that is being written.
"""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.errors import CorruptFile, StoreError
from resolver.generation.blobs import Blobs
from tests.unit.generation.full_disk import file_size_limit, fill, small_disk

DIGEST = "a" * 64
OTHER = "b" * 64


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


def names(blobs: Blobs) -> set[str]:
    return {path.name for path in blobs.folder.iterdir()}


def test_what_is_written_is_mapped(blobs: Blobs) -> None:
    assert not blobs.has(DIGEST)
    assert blobs.write(DIGEST, b"content") is True
    assert blobs.has(DIGEST)
    with blobs.open(DIGEST) as mapped:
        assert mapped[:] == b"content"
        with pytest.raises(TypeError):
            mapped[0] = 1
    assert names(blobs) == {f"{DIGEST}.rules"}


def test_modes_keep_strangers_out(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        blobs = Blobs(tmp_path / "blobs")
        blobs.write(DIGEST, b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE(blobs.folder.stat().st_mode) == 0o750
    assert stat.S_IMODE(blobs.path(DIGEST).stat().st_mode) == 0o640


@pytest.mark.parametrize("size", [1, 4096, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_the_same_octets_are_written_once(blobs: Blobs, size: int) -> None:
    data = os.urandom(size)
    assert blobs.write(DIGEST, data)
    first = blobs.path(DIGEST).stat()
    assert blobs.write(DIGEST, data) is False
    assert blobs.path(DIGEST).stat().st_ino == first.st_ino


@pytest.mark.parametrize("damaged", [b"", b"conten", b"content and more", b"CONTENT"])
def test_writing_again_repairs_a_damaged_file(blobs: Blobs, damaged: bytes) -> None:
    blobs.path(DIGEST).write_bytes(damaged)
    assert blobs.write(DIGEST, b"content") is True
    assert blobs.path(DIGEST).read_bytes() == b"content"


def test_who_mapped_a_file_keeps_it_when_it_is_replaced_or_deleted(blobs: Blobs) -> None:
    blobs.write(DIGEST, b"old")
    with blobs.open(DIGEST) as mapped:
        blobs.write(DIGEST, b"new")
        blobs.sweep(set())
        assert mapped[:] == b"old"
    assert not blobs.has(DIGEST)


@pytest.mark.parametrize(("content", "match"), [(None, "is missing"), (b"", "is empty")])
def test_an_absent_file_is_named(blobs: Blobs, content: bytes | None, match: str) -> None:
    if content is not None:
        blobs.path(DIGEST).write_bytes(content)
    with pytest.raises(CorruptFile, match=f"{DIGEST}.rules {match}"):
        blobs.open(DIGEST)


def test_sweep_deletes_what_nobody_names(blobs: Blobs) -> None:
    for digest in (DIGEST, OTHER):
        blobs.write(digest, b"x")
    (blobs.folder / f"{DIGEST}.0123.tmp").write_bytes(b"half")
    (blobs.folder / "notes").write_text("not ours")
    assert blobs.sweep({DIGEST}) == 2
    assert names(blobs) == {f"{DIGEST}.rules", "notes"}
    assert blobs.sweep({DIGEST}) == 0


HOLDER = """
import sys
from pathlib import Path
from resolver.generation import blobs
with blobs._temporary(Path(sys.argv[1]), "c" * 64):
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_sweep_leaves_work_in_progress_alone_and_takes_it_when_its_writer_is_killed(blobs: Blobs) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(blobs.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        assert blobs.sweep(set()) == 0
        assert len(names(blobs)) == 1
        writer.kill()
        writer.wait()
    assert blobs.sweep(set()) == 1
    assert names(blobs) == set()


def test_many_writers_and_a_sweeper_get_along(blobs: Blobs) -> None:
    faults: list[BaseException] = []
    done = threading.Event()

    def write(data: bytes) -> None:
        try:
            for _ in range(40):
                blobs.write(DIGEST, data)
        except BaseException as error:
            faults.append(error)

    def sweep() -> None:
        try:
            while not done.is_set():
                blobs.sweep({DIGEST})
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=write, args=(letter * 5000,)) for letter in (b"x", b"y", b"z")]
    sweeper = threading.Thread(target=sweep)
    for thread in (*threads, sweeper):
        thread.start()
    for thread in threads:
        thread.join(30)
    done.set()
    sweeper.join(30)
    assert faults == []
    assert names(blobs) == {f"{DIGEST}.rules"}
    assert len(set(blobs.path(DIGEST).read_bytes())) == 1
    assert blobs.path(DIGEST).stat().st_size == 5000


def test_a_full_disk_is_said_and_changes_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 256) as disk:
        blobs = Blobs(disk / "blobs")
        blobs.write(OTHER, b"old")
        with pytest.raises(StoreError, match=r"blobs cannot be used: the disk is full; free some space"):
            blobs.write(DIGEST, bytes(512 * 1024))
        assert names(blobs) == {f"{OTHER}.rules"}
        ballast = fill(disk)
        with pytest.raises(StoreError, match="disk is full"):
            blobs.write(DIGEST, bytes(8192))
        assert names(blobs) == {f"{OTHER}.rules"}
        ballast.unlink()
        assert blobs.write(DIGEST, bytes(8192))


def test_a_file_too_large_to_write_leaves_no_litter(blobs: Blobs) -> None:
    blobs.write(DIGEST, b"old")
    with file_size_limit(4096), pytest.raises(StoreError, match="larger than this process may write"):
        blobs.write(DIGEST, bytes(8192))
    assert names(blobs) == {f"{DIGEST}.rules"}
    assert blobs.path(DIGEST).read_bytes() == b"old"


def test_a_failing_fsync_or_rename_leaves_the_old_file(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs.write(DIGEST, b"old")

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    for target, name in ((os, "fsync"), (Path, "rename")):
        with monkeypatch.context() as patched:
            patched.setattr(target, name, fail)
            with pytest.raises(StoreError, match="input/output error"):
                blobs.write(DIGEST, b"new")
        assert blobs.path(DIGEST).read_bytes() == b"old"
        assert names(blobs) == {f"{DIGEST}.rules"}


def test_a_folder_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("in the way")
    with pytest.raises(StoreError, match="blobs cannot be used"):
        Blobs(tmp_path / "blobs")


@given(st.binary(min_size=1, max_size=2000))
def test_any_octets_survive(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    blobs = Blobs(tmp_path_factory.getbasetemp() / "any")
    blobs.write(DIGEST, data)
    with blobs.open(DIGEST) as mapped:
        assert mapped[:] == data


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_that_is_not_ours_is_said(blobs: Blobs) -> None:
    blobs.folder.chmod(0o500)
    try:
        with pytest.raises(StoreError, match="this account may not write there"):
            blobs.write(DIGEST, b"x")
    finally:
        blobs.folder.chmod(0o750)
