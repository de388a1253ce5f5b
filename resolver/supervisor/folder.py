"""The data folder: who may enter it, who owns it, and that only one supervisor uses it.

Two runs on one folder would move one pointer from two sides, so the folder carries a lock (flock).
The kernel drops it with the last process that holds it, however that ends; there is no stale lock to
clear. The admin process, which alone moves the pointer, inherits it: if a supervisor is killed, its
successor waits until the admin process of the run before has noticed and is gone.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from pathlib import Path
from typing import Final

from resolver.errors import SettingsError
from resolver.supervisor.privileges import Account

_MODE: Final = 0o750
_LOCK: Final = "supervisor.lock"
PATIENCE: Final = 30.0
"""Seconds to wait for processes of a run whose supervisor was killed; they end within a few."""
_PAUSE: Final = 0.05


def make_data_folder(path: Path) -> None:
    """Create the folder, closed to others (0750), unless it is there. Raises SettingsError.

    A folder that exists keeps its rights: whoever made it may have had a reason.
    """
    try:
        path.mkdir(mode=_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"data_dir: {path} cannot be created: {error.strerror}") from error
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise SettingsError(
            f"data_dir: {path} cannot be written by this account; change its owner or data_dir"
        )


def give_to(path: Path, account: Account) -> None:
    """Hand the folder and everything in it to the account. Call as root. Raises SettingsError.

    `belisha token create` run by root leaves files that the account could not read. Links are not
    followed, and a file with a second name elsewhere is left alone: the account could have put it
    there to be given a file that is not its own.
    """
    try:
        for _, _, files, folder in os.fwalk(path, follow_symlinks=False):
            os.chown(folder, account.uid, account.gid)
            for name in files:
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
                    os.chown(name, account.uid, account.gid, dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        raise SettingsError(
            f"data_dir: {path} cannot be given to {account.name}: {error.strerror}"
        ) from error


def lock(path: Path, patience: float = PATIENCE) -> int:
    """Take the folder for this run; returns the descriptor that holds the lock.

    Waits up to `patience` seconds for what is left of a run whose supervisor is dead. Raises
    SettingsError at once when another supervisor lives, or when the wait is over.
    """
    try:
        descriptor = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    except OSError as error:
        raise SettingsError(f"data_dir: {path / _LOCK} cannot be opened: {error.strerror}") from error
    deadline = time.monotonic() + patience
    while not _try(descriptor):
        owner = _owner(descriptor)
        if owner or time.monotonic() >= deadline:
            os.close(descriptor)
            who = (
                f"another `belisha serve` uses {path} (process {owner})"
                if owner
                else f"{path} is still in use"
            )
            raise SettingsError(f"data_dir: {who}; stop it, or give this one a folder of its own")
        time.sleep(_PAUSE)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _try(descriptor: int) -> bool:
    """Take the lock if nobody has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _owner(descriptor: int) -> int | None:
    """The supervisor that wrote its number into the file, if it lives; None when it is dead or unknown.

    Our own number there is that of a process 1 before us, in a container on the same volume.
    """
    text = os.pread(descriptor, 32, 0).strip()
    if not text.isdigit() or int(text) == os.getpid():
        return None
    try:
        os.kill(int(text), 0)
    except PermissionError:
        return int(text)  # somebody else's, but alive
    except (ProcessLookupError, OverflowError):
        return None
    return int(text)
