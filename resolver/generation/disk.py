"""What everything that writes to the data directory needs: durable names, and errors in plain words.

A file that was fsynced can still be lost in a power cut, because its *name* is content of the folder
and has to be fsynced too, after it was created or renamed. And what the operating system says about
a disk (`ENOSPC`) tells an administrator neither where nor what to do about it.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

from resolver.errors import StoreError

_ADVICE: Final[dict[int, str]] = {
    errno.ENOSPC: "the disk is full; free some space and try again",
    errno.EDQUOT: "the disk quota is used up; raise it or free some space and try again",
    errno.EFBIG: "the file is larger than this process may write; raise the limit and try again",
    errno.EROFS: "the file system is read-only; remount it for writing and try again",
    errno.EACCES: "this account may not write there; give it the folder (chown) and try again",
    errno.EPERM: "this account may not write there; give it the folder (chown) and try again",
    errno.EIO: "the disk reports an input/output error; check its health before trying again",
}
"""What an administrator can do about it, by errno."""


def storage_error(error: OSError, path: Path) -> StoreError:
    """The StoreError for what the operating system said of `path`: what is wrong, what to do."""
    advice = _ADVICE.get(error.errno or 0, f"{error.strerror or error}; check it and try again")
    return StoreError(f"{path} cannot be used: {advice}")


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
