"""The supervisor's log: one event a line, as a JSON object on standard error.

The shape is structlog's (`event`, `level`, `timestamp`, then the facts), written by hand: importing
structlog costs 18 MB and a tenth of a second (measured on CPython 3.11), which is more than the
whole supervisor needs otherwise, in the process that stands before the first answer.
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
