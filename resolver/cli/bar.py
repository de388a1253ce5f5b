"""A bar on standard error for what takes a while: on a terminal, and nowhere else.

Standard output stays clean, so that a result can be piped while somebody watches the bar.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

Advance = Callable[[int, str], None]
"""Told how many octets are done in all, and what is being done now."""


@contextlib.contextmanager
def bar(total: int | None, *, quiet: bool = False) -> Iterator[Advance]:
    """A bar that goes away when it is done; silence when nobody watches, or when `quiet`."""
    if quiet or not sys.stderr.isatty():
        yield lambda octets, doing: None
        return
    # Imported here: a job that runs at night need not load what draws bars.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as drawn:
        task = drawn.add_task("", total=total)
        yield lambda octets, doing: drawn.update(task, completed=octets, description=doing)
