"""Where everything really listens: for people through `banner`, for programs through `--port-file`.

Ports that the kernel chose (port 0 in the settings) stand here with their numbers. Field names are a
promise to whoever reads the port file.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from resolver.events import log


class Announcement(msgspec.Struct, frozen=True):
    """`dns` and `admin` as ADDRESS:PORT, `workers` how many answer, `pid` of the supervisor."""

    dns: list[str]
    admin: str
    workers: int
    pid: int


def write_port_file(path: Path, announcement: Announcement) -> None:
    """Write the announcement as JSON. A file that cannot be written is logged: DNS is up all the same.

    Written beside and renamed, so that whoever waits for the file never reads half of it.
    """
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.write_bytes(msgspec.json.encode(announcement) + b"\n")
        beside.replace(path)
    except OSError as error:
        log("the port file cannot be written", "error", path=str(path), reason=error.strerror)
