"""Durable names, and a sentence that names the place and the remedy for each thing a disk can say."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from resolver.errors import StoreError
from resolver.generation.disk import storage_error, sync_folder


def test_every_errno_gets_a_sentence_that_names_the_place(tmp_path: Path) -> None:
    for number in sorted(errno.errorcode):
        text = str(storage_error(OSError(number, os.strerror(number)), tmp_path))
        assert text.startswith(f"{tmp_path} cannot be used: ")
        assert "; " in text


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "the disk is full; free some space"),
        (errno.EROFS, "the file system is read-only; remount it"),
        (errno.EACCES, "give it the folder"),
        (errno.EIO, "check its health"),
        (errno.ENOTDIR, "Not a directory; check it"),
    ],
)
def test_the_remedy_fits(tmp_path: Path, number: int, remedy: str) -> None:
    error = storage_error(OSError(number, os.strerror(number)), tmp_path)
    assert isinstance(error, StoreError)
    assert remedy in str(error)


def test_an_error_without_a_number_is_a_sentence_too(tmp_path: Path) -> None:
    assert str(storage_error(OSError("odd"), tmp_path)).startswith(f"{tmp_path} cannot be used: ")


def test_the_folder_itself_is_synced_and_nothing_stays_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(str(Path(f"/proc/self/fd/{fd}").readlink())))
    before = len(list(Path("/proc/self/fd").iterdir()))
    sync_folder(tmp_path)
    assert synced == [str(tmp_path)]
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_what_is_no_folder_cannot_be_synced(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "missing"):
        with pytest.raises(OSError, match=path.name):
            sync_folder(path)
