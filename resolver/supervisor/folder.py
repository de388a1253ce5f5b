"""The data folder: who may enter it, who owns it, and that only one supervisor uses it.

Two supervisors on one folder would move one pointer from two sides, so the folder carries a lock
(flock). The kernel drops it with the process, however that ends; there is no stale lock to clear.
"""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path
from typing import Final

from resolver.errors import SettingsError
from resolver.supervisor.privileges import Account

_MODE: Final = 0o750
_LOCK: Final = "supervisor.lock"


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


def lock(path: Path) -> int:
    """Take the folder for this process; returns the descriptor that holds the lock.

    Raises SettingsError when another supervisor has it.
    """
    try:
        descriptor = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    except OSError as error:
        raise SettingsError(f"data_dir: {path / _LOCK} cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise SettingsError(
            f"data_dir: another `belisha serve` uses {path}; stop it, or give this one a folder of its own"
        ) from None
    return descriptor
