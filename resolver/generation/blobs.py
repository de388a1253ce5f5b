"""Compiled lists by hash: one immutable file each, `<digest>.rules` in one folder.

The digest is that of the canonical rules, so the same rules are stored once whatever generation or
list they belong to, and a file never changes under its name. Workers map the files read-only and
share the pages; a mapped file may be replaced or deleted, its pages live on until it is unmapped.

How a file comes to be: written beside under a temporary name, fsynced, renamed, and the folder
fsynced. `kill -9` or a power cut at any line leaves either no file or the whole file under the
name that counts, never half of one. What it may leave is a temporary file; the writer holds a
lock (flock) on it, which dies with the process, so `sweep` can tell litter from work in progress.

The folder of bases is another one, with another suffix (`resolver.generation.bases`). This module must not
know what is inside: checksums are the business of `resolver.rules.compiled`.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from resolver.errors import CorruptFile
from resolver.generation.disk import storage_error, sync_folder

SUFFIX: Final = ".rules"
TEMPORARY: Final = ".tmp"

_FOLDER_MODE: Final = 0o750
_FILE_MODE: Final = 0o640
_CHUNK: Final = 1 << 20


class Blobs:
    """The folder of compiled files. Any number of processes may use it at the same time."""

    def __init__(self, folder: Path, suffix: str = SUFFIX) -> None:
        """Take the folder, made (0750) when it is missing. Raises StoreError."""
        self.folder: Final = folder
        self._suffix: Final = suffix
        try:
            if not folder.is_dir():
                folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
                sync_folder(folder.parent)
        except OSError as error:
            raise storage_error(error, folder) from error

    def path(self, digest: str) -> Path:
        """Where the file of these rules stands, whether or not it does."""
        return self.folder / (digest + self._suffix)

    def has(self, digest: str) -> bool:
        """Whether the file stands there; says nothing of its content."""
        return self.path(digest).is_file()

    def write(self, digest: str, data: bytes) -> bool:
        """Put the file there durably; False when these very octets already stood under the name.

        A file with other octets (damaged, or compiled by another version) is replaced in one
        step, so that pushing a list again repairs it. Raises StoreError and leaves no litter.
        """
        path = self.path(digest)
        try:
            if _holds(path, data):
                return False
            with _temporary(self.folder, digest) as (descriptor, beside):
                _write_all(descriptor, data)
                os.fsync(descriptor)
                beside.rename(path)
            sync_folder(self.folder)
        except OSError as error:
            raise storage_error(error, self.folder) from error
        return True

    def open(self, digest: str) -> mmap.mmap:
        """Map the file read-only. Raises CorruptFile when it is missing or empty, else StoreError."""
        path = self.path(digest)
        try:
            with path.open("rb") as file:
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError:
            raise CorruptFile(f"{path} is missing; push the list again or roll back") from None
        except ValueError:
            raise CorruptFile(f"{path} is empty; push the list again or roll back") from None
        except OSError as error:
            raise storage_error(error, self.folder) from error

    def sweep(self, keep: set[str]) -> int:
        """Delete every compiled file that `keep` does not name, and litter; how many went.

        The caller makes sure that no change is on its way: a file that a change has written and no
        generation names yet is like any other unnamed file. Raises StoreError.
        """
        gone = 0
        try:
            for path in sorted(self.folder.iterdir()):
                if path.suffix == TEMPORARY:
                    gone += _remove_litter(path)
                elif path.suffix == self._suffix and path.stem not in keep:
                    path.unlink(missing_ok=True)
                    gone += 1
        except OSError as error:
            raise storage_error(error, self.folder) from error
        return gone


def _holds(path: Path, data: bytes) -> bool:
    """Whether the file is there with exactly these octets."""
    view = memoryview(data)
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size != len(data):
                return False
            return all(
                file.read(_CHUNK) == view[start : start + _CHUNK] for start in range(0, len(data), _CHUNK)
            )
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def _temporary(folder: Path, digest: str) -> Iterator[tuple[int, Path]]:
    """An empty, locked file beside the final one; gone at the end unless it was renamed."""
    path = folder / f"{digest}.{secrets.token_hex(8)}{TEMPORARY}"
    descriptor = _create_locked(path)
    try:
        yield descriptor, path
    finally:
        os.close(descriptor)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


def _create_locked(path: Path) -> int:
    """Create the file and lock it. Between the two a sweep may take it for litter: then once more."""
    while True:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    """Write everything; the kernel may take a large buffer in parts."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _remove_litter(path: Path) -> int:
    """Delete a temporary file whose writer is gone (nobody holds its lock)."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except BlockingIOError:
        return 0
    finally:
        os.close(descriptor)
    return 1
