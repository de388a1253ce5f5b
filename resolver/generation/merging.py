"""The compiler's other work: a base of the lists in force, built in its child process.

Nobody waits for a base, so this gives way to everybody: lower in priority than the reading of a pushed
list, and the first that the kernel ends when memory runs out. A child that did this work never goes back
to the reserve of those that read lists (`resolver.admin.merger` has children of its own).

A base that stands there undamaged is not built again. Killed at any line this leaves the old base, or the
new one, or a temporary file that the next run removes.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from resolver.generation import limits
from resolver.generation.bases import Bases
from resolver.generation.blobs import Blobs
from resolver.generation.jobs import Outcome
from resolver.generation.mapped import open_list
from resolver.rules.base import Base
from resolver.rules.base_layout import name_of_base
from resolver.rules.merge import merge

_LOWEST: Final = 19
_OOM_SCORE: Final = "1000"
"""Kill me first (proc(5), oom_score_adj)."""

_BUILD_PER_NAME: Final = 160
"""Octets that the build takes at its peak for each name; 132 were measured. We ask before, as
marisa-trie calls terminate() when it gets no memory."""


def merge_lists(blobs: Blobs, digests: Sequence[str]) -> Outcome:
    """Build the base of these lists and put it into the folder beside theirs; others there are deleted.

    Raises StoreError when a list cannot be read or the disk fails, MemoryError.
    """
    _give_way()
    started = time.perf_counter()
    bases = Bases.beside(blobs)
    name = name_of_base(digests)
    lists = {digest: open_list(blobs, digest) for digest in digests}
    base = bases.open(name)
    if base is None:
        limits.need(_BUILD_PER_NAME * sum(map(len, lists.values())))
        data = merge(lists)
        bases.write(name, data)
        base = Base(data)
    bases.keep(name)
    return Outcome(
        rules=name,
        entries=len(base),
        octets=bases.path(name).stat().st_size,
        build_seconds=round(time.perf_counter() - started, 6),
    )


def _give_way() -> None:
    """Become the humblest of processes."""
    with contextlib.suppress(OSError):
        os.nice(_LOWEST)
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, "ascii")
