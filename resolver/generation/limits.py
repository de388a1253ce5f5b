"""What one compile may use of the machine: address space and processor time.

A list comes from outside and may be built to be costly. The child process that reads it gets hard
limits from the kernel (setrlimit), so that the worst list costs one refused push and never the
memory of the process that answers. The parent's time limit on the wall clock is a third one.
"""

from __future__ import annotations

import mmap
import os
import resource
import signal
import types
from pathlib import Path
from typing import Final

MEGABYTE: Final = 1 << 20

LEAST_MEMORY_MB: Final = 512
"""Enough for a million names; less would refuse ordinary lists on a small box."""
MOST_MEMORY_MB: Final = 4096
"""More than the largest list that the admin API takes by default (256 MB of text) needs."""

CPU_SECONDS: Final = 120
"""A million names take a few seconds on a server and some ten on a Raspberry Pi 4."""

_CGROUP_LIMITS: Final = (
    Path("/sys/fs/cgroup/memory.max"),  # version 2
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),  # version 1
)


class OutOfTime(BaseException):
    """The processor time is used up. Inside the compiler only; it becomes a refusal there.

    No `Exception`, because it may be raised at any line, and a parser that goes on after a bad line
    must not take it for one.
    """


def default_memory_mb() -> int:
    """A third of what this machine, or its container, has; within the two bounds above.

    Two children may work at once, and a third is left for those who answer.
    """
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MEGABYTE
    third = min([physical, *_container_mb()]) // 3
    return min(max(third, LEAST_MEMORY_MB), MOST_MEMORY_MB)


def _container_mb() -> list[int]:
    """The memory limits of the container that this process is in, if any."""
    found = []
    for path in _CGROUP_LIMITS:
        try:
            text = path.read_text("ascii").strip()
        except OSError:
            continue
        if text.isdigit():  # "max" means none
            found.append(int(text) // MEGABYTE)
    return found


def apply(memory_mb: int, cpu_seconds: int) -> None:
    """Limit this process for its next job; 0 stands for the defaults.

    Soft limits only, as a later job may have other ones. Past the memory limit allocations fail
    (MemoryError); past the processor time `OutOfTime` is raised in the main thread.
    """
    _limit(resource.RLIMIT_AS, (memory_mb or default_memory_mb()) * MEGABYTE)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = int(usage.ru_utime + usage.ru_stime)
    signal.signal(signal.SIGXCPU, _out_of_time)
    _limit(resource.RLIMIT_CPU, used + 1 + (cpu_seconds or CPU_SECONDS))


def need(octets: int) -> None:
    """Raise MemoryError unless that much more memory can be had.

    For what comes from a library that ends the process when memory runs out under it.
    """
    try:
        mmap.mmap(-1, max(octets, 1)).close()
    except OSError as error:
        raise MemoryError from error


def lift() -> None:
    """Take the soft limits back, so that the outcome of a list that hit them can be written."""
    for which in (resource.RLIMIT_AS, resource.RLIMIT_CPU):
        _limit(which, resource.RLIM_INFINITY)


def _limit(which: int, value: int) -> None:
    """Set a soft limit, as far as the hard one of whoever started us allows."""
    hard = resource.getrlimit(which)[1]
    if hard != resource.RLIM_INFINITY:
        value = hard if value == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (value, hard))


def _out_of_time(_number: int, _frame: types.FrameType | None) -> None:
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)  # the kernel repeats it every second; once is enough
    raise OutOfTime


def peak_kb() -> int:
    """The largest resident size of this process so far, in kilobytes.

    From /proc, because `ru_maxrss` also counts what the parent had when it forked.
    """
    try:
        status = Path("/proc/self/status").read_text("ascii", errors="replace")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return int(fields.get("VmHWM", "0 kB").split()[0])
