"""From root to an account that may do nothing but serve DNS.

Root is needed for one thing, ports below 1024; afterwards it is only a danger. The order is fixed:
`no_new_privs` first, so that no set-uid program helps later (its library may be readable by root
alone), then supplementary groups while we still may, then group, then user (each for real, effective
and saved id), then a check that there is no way back.
"""

from __future__ import annotations

import os
import pwd
import sys
from typing import Final, NamedTuple

from resolver.errors import SettingsError
from resolver.events import log

_PR_SET_NO_NEW_PRIVS: Final = 38  # linux/prctl.h


class Account(NamedTuple):
    """Who to become."""

    name: str
    uid: int
    gid: int


def find_account(name: str) -> Account | None:
    """The account of that name; None when there is nothing to change to.

    That is so when `name` is empty or already who we are. Raises SettingsError when the account does
    not exist, is root, or cannot be changed to because we are not root.
    """
    if not name:
        return None
    try:
        entry = pwd.getpwnam(name)
    except (KeyError, ValueError):
        raise SettingsError(
            f"user: there is no account `{name}`; create it (useradd --system), or leave user empty"
        ) from None
    if entry.pw_uid == 0:
        raise SettingsError("user: changing to root changes nothing; name another account or leave it empty")
    if entry.pw_uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        raise SettingsError(f"user: only root can change to `{name}`; start as root, or leave user empty")
    return Account(name, entry.pw_uid, entry.pw_gid)


def drop_to(account: Account) -> None:
    """Become that account for good. Raises OSError when the kernel refuses, RuntimeError when it lied."""
    _forbid_new_privileges()
    os.setgroups(os.getgrouplist(account.name, account.gid))
    os.setresgid(account.gid, account.gid, account.gid)
    os.setresuid(account.uid, account.uid, account.uid)
    try:
        os.setuid(0)
    except PermissionError:
        pass
    else:
        raise RuntimeError(f"dropping privileges to {account.name} had no effect")


def require_interpreter(account: Account, executable: str = sys.executable) -> None:
    """After the change: can this account start children at all? Raises SettingsError.

    A virtual environment in a folder of root's works for root alone; without this question every
    child would fail, again and again, with nothing but "permission denied".
    """
    if not os.access(executable, os.X_OK):
        raise SettingsError(
            f"user: `{account.name}` cannot run {executable}; install Belisha where that account may read it"
        )


def _forbid_new_privileges() -> None:
    """PR_SET_NO_NEW_PRIVS: inherited by every child. One wall of several, so its lack is only logged."""
    try:
        # Imported here: only needed where privileges were dropped, and it fails on systems that
        # forbid memory which is writable and executable.
        import ctypes  # noqa: PLC0415

        failed = ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
    except (ImportError, MemoryError, OSError, AttributeError):
        failed = True
    if failed:
        log("no_new_privs could not be set", "warning")
