"""The log of the supervisor and the DNS workers: one event a line, as a JSON object on standard error.

The shape is structlog's (`event`, `level`, `timestamp`, then the facts), which the admin process uses.
Written by hand because importing structlog costs 8 MB and a tenth of a second (measured on CPython
3.11; it brings a terminal library along), in the processes that stand before the first answer. JSON
keeps a name from a packet or a list from forging a line. A leaf: it imports nothing of ours.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

import msgspec

Level = Literal["info", "warning", "error"]
Log = Callable[..., None]
"""`log(event, level, **facts)`."""


def log(event: str, level: Level = "info", **facts: str | int | float | None) -> None:
    """Write one event. A log that nobody takes (closed pipe, full disk) never stops the caller."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = msgspec.json.encode({"timestamp": now, "level": level, "event": event, **facts})
    try:
        sys.stderr.write(line.decode() + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):  # ValueError: the stream was closed
        return
