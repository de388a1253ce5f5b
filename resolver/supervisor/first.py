"""The first generation: the lists that ship are put in force before the first packet is read.

A one-shot process (`python -m resolver.supervisor.first`): reading and compiling lists takes memory
that the supervisor would never give back. Whether it is needed at all is asked in a forked copy of
the supervisor, which lives for some milliseconds, for the same reason: opening the store costs 5 MB
(measured), a copy that ends costs nothing.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from resolver import settings as settings_file
from resolver import shipped
from resolver.errors import BelishaError, StoreError
from resolver.events import log

_YES: Final = 0
_NO: Final = 10


def has_generation(data: Path) -> bool:
    """Whether a generation is in force in that data folder.

    A store that cannot be read counts as one that has: the workers will say what is wrong with it,
    and nothing must be written over it.
    """
    return _in_a_copy(lambda: _YES if _read_pointer(data) else _NO) != _NO


def _read_pointer(data: Path) -> bool:
    # Imported in the copy alone, see above.
    from resolver.generation.store import FILE_NAME, Store  # noqa: PLC0415

    path = data / FILE_NAME
    if not path.exists():
        return False
    try:
        store = Store(path, read_only=True)
        found = store.current() is not None
        store.close()
    except StoreError as error:
        log("the store cannot be read", "error", reason=str(error))
        return True
    return found


def _in_a_copy(function: Callable[[], int]) -> int:
    """The exit code that the function returns, computed in a forked copy of this process."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = 1
    try:
        code = function()
    except Exception:  # the edge of a process: nothing may go back into the caller's stack
        traceback.print_exc()
    finally:
        os._exit(code)


def main() -> int:
    """Import the shipped lists. Returns 0, or 1 after one event that says what is wrong."""
    try:
        settings = settings_file.load(None)
        folder = Path(settings.lists_dir) if settings.lists_dir else shipped.lists_folder()
        number = _import(Path(settings.data_dir), folder)
    except BelishaError as error:
        log("the shipped lists cannot be put in force", "error", reason=str(error))
        return 1
    log("first generation made", generation=number, lists_dir=str(folder))
    return 0


def _import(data: Path, folder: Path) -> int | None:
    """Compile the lists of the folder and put them in force. Raises BelishaError."""
    # Imported here: this file is also part of the supervisor, which must not carry the store.
    from resolver.generation.blobs import Blobs  # noqa: PLC0415
    from resolver.generation.first import first_generation, run_job  # noqa: PLC0415
    from resolver.generation.store import FILE_NAME, Store  # noqa: PLC0415

    store = Store(data / FILE_NAME)
    try:
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return first_generation(store, Blobs(data / "blobs"), folder, now, run_job)
    finally:
        store.close()


if __name__ == "__main__":
    sys.exit(main())
