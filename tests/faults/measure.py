"""One fault after another befalls a real worker under load; what its clients saw becomes a row of a table."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from tests.faults.load import BLOCKED, OLD_NAMES, Load, Outcome
from tests.faults.table import MACHINE, Fault, Machine, Upstreams, faults, well
from tests.support.client import ask
from tests.support.upstream import ScriptedUpstream
from tests.unit.generation.made import data_folder, list_entry, put_in_force
from tests.unit.serving import child

SECONDS: Final = 4.0
"""How long a fault lasts."""

_COMMAND: Final = """
import pathlib, runpy, time
real, clock = time.time, pathlib.Path({path!r})
time.time = lambda: real() + float(clock.read_text())
runpy.run_module("resolver.serving", run_name="__main__", alter_sys=True)
"""
"""A worker whose clock of the day may jump: the file says by how many seconds."""


class Row(NamedTuple):
    """What clients saw during one fault: counts for new, old and blocked names, seconds for the rest. `odd`:
    what became of old and blocked names that were not answered, which should be answered always."""

    name: str
    new: tuple[int, int, int]
    old: tuple[int, int, int]
    blocked: tuple[int, int, int]
    longest: float
    recovery: float
    odd: tuple[str, ...] = ()


def _counts(outcomes: Sequence[Outcome]) -> tuple[int, int, int]:
    """Answers, other replies (SERVFAIL), and questions that were never answered."""
    answered = [one for one in outcomes if one.answered is not None]
    good = sum(one.rcode == "NOERROR" for one in answered)
    return good, len(answered) - good, len(outcomes) - len(answered)


def row(name: str, outcomes: Sequence[Outcome], recovery: float) -> Row:
    """The row of a fault."""
    old = [one for one in outcomes if one.name in OLD_NAMES]
    blocked = [one for one in outcomes if one.name == BLOCKED]
    new = [one for one in outcomes if one.name not in (*OLD_NAMES, BLOCKED)]
    longest = max((one.wait for one in outcomes), default=0.0)
    odd = tuple(
        f"{one.name}: {one.rcode or 'nothing'} after {one.wait:.2f} s"
        for one in (*old, *blocked)
        if one.rcode != "NOERROR"
    )
    return Row(name, _counts(new), _counts(old), _counts(blocked), longest, recovery, odd)


class Stage(NamedTuple):
    """A worker with its two upstreams, and the file that its clock is read from."""

    worker: child.WorkerProcess
    upstreams: Upstreams
    clock: Path

    @property
    def pid(self) -> int:
        """The worker's process."""
        assert self.worker.process is not None
        return self.worker.process.pid


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """A worker that blocks one name, with two upstreams that are well, and its old names asked once."""
    folder.mkdir(exist_ok=True)
    data, clock = folder / "data", folder / "clock"
    data.mkdir()
    clock.write_text("0")
    store, blobs = data_folder(data)
    with closing(store):
        put_in_force(store, bad=list_entry(blobs, BLOCKED))
    with ExitStack() as stack:
        upstreams = [stack.enter_context(ScriptedUpstream(default=None)) for _ in range(2)]
        for upstream in upstreams:
            upstream._default = lambda seen: well(seen.qname, seen.qtype)(seen)
        worker = child.WorkerProcess(data, *(upstream.url for upstream in upstreams))
        worker.command = (sys.executable, "-P", "-c", _COMMAND.format(path=str(clock)))
        stack.enter_context(worker)
        for name in OLD_NAMES:
            ask(worker.address, name, timeout=20.0)
        yield Stage(worker, upstreams, clock)


def befall(on: Stage, name: str, begin: Callable[[], None], end: Callable[[], None], seconds: float) -> Row:
    """Let something go wrong under load for so long, then let it be well again."""
    load = Load(on.worker.address)
    with closing(load):
        load.run(1.0)
        load.outcomes.clear()
        begin()
        load.run(seconds)
        end()
        during = list(load.outcomes)
        recovery = load.until_well()
        load.settle()
        return row(name, during, recovery)


def of_upstreams(on: Stage, fault: Fault, seconds: float = SECONDS) -> Row:
    """A fault of upstreams."""
    return befall(on, fault.name, lambda: fault.begin(on.upstreams), lambda: fault.end(on.upstreams), seconds)


def of_machine(on: Stage, fault: Machine, seconds: float = SECONDS) -> Row:
    """A fault of the machine."""
    return befall(
        on, fault.name, lambda: fault.begin(on.pid, on.clock), lambda: fault.end(on.pid, on.clock), seconds
    )


def of_restart(on: Stage, number: signal.Signals, name: str) -> Row:
    """The worker ends under load and is started again, as its supervisor would; the sockets stay open."""
    load = Load(on.worker.address)
    with closing(load):
        load.run(1.0)
        load.outcomes.clear()
        on.worker.process.send_signal(number)  # type: ignore[union-attr]
        load.run(0.2)
        began = time.monotonic()
        on.worker.wait()
        on.worker.start()
        load.run(2.0)
        load.settle()
        first = min(
            (one.answered or began for one in load.outcomes if (one.answered or 0) > began), default=began
        )
        return row(name, load.outcomes, first - began)


def everything(folder: Path, seconds: float = SECONDS) -> Iterator[Row]:
    """Every fault, each with a worker of its own."""
    for number, fault in enumerate(faults(time.monotonic)):
        with stage(folder / f"u{number}") as on:
            yield of_upstreams(on, fault, seconds)
    for number, machine in enumerate(MACHINE):
        with stage(folder / f"m{number}") as on:
            yield of_machine(on, machine, machine.seconds)
    for signalled, name in ((signal.SIGTERM, "stopped under load"), (signal.SIGKILL, "killed under load")):
        with stage(folder / name.split()[0]) as on:
            yield of_restart(on, signalled, name)
