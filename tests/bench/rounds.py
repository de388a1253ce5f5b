"""The measuring of one server that runs: rounds of every kind of names, beside an echo server.

For each kind (names.py) as many questions as the server answers are asked for some seconds, then `mixed`
at 5 000 a second for the times until the answer. The processor time of the server for each question, of
all its processes, does not depend on who asks and on what else the machine does: it is the figure to
trust; ratios to the echo server of the same round come next, absolute rates last.

A server that errs gets no figure but the reason: answers that are not what the name deserves, or more
than one question in a thousand without an answer.
"""

from __future__ import annotations

import contextlib
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.bench import programs
from tests.bench.machine import busy_seconds, cores, family, megabytes, on_core, processor_seconds
from tests.bench.names import KINDS, KNOWN, Names
from tests.bench.programs import Seen
from tests.bench.servers import Running

SECONDS: Final = float(os.environ.get("BELISHA_BENCH_SECONDS", "2"))
ROUNDS: Final = int(os.environ.get("BELISHA_BENCH_ROUNDS", "3"))
WINDOWS: Final = (64, 200, 500)
"""Unanswered questions that are allowed; each server is asked with the one that suits it best."""
STEADY: Final = 5_000
ECHO: Final = "echo"
TIMES: Final = "times"


@dataclass(frozen=True)
class Figure:
    """One run of load.c: what it saw, and microseconds of the server's processor time for each answer."""

    seen: Seen
    each: float


@dataclass
class Measured:
    """What is known of one server: its runs by kind, one of each a round."""

    title: str
    note: str = ""
    fault: str = ""
    """Why there are no figures at all."""
    runs: dict[str, list[Figure]] = field(default_factory=dict)
    seconds: float = 0.0
    memory: float = 0.0
    foreign: list[float] = field(default_factory=list)
    """Cores that were busy with something else, by run."""

    def fault_of(self, kind: str) -> str:
        """Why this kind has no figure, "" when it has one."""
        faults = [figure.seen.fault for figure in self.runs.get(kind, [])]
        return next(filter(None, faults), "" if faults else self.fault or "not measured")

    def rate(self, kind: str) -> float:
        """Answers a second, the median of the rounds; 0 for no figure."""
        return 0.0 if self.fault_of(kind) else statistics.median(f.seen.rate for f in self.runs[kind])

    def each(self, kind: str) -> float:
        """Processor time of an answer in microseconds, the median of the rounds; 0 for no figure."""
        return 0.0 if self.fault_of(kind) else statistics.median(f.each for f in self.runs[kind])

    def of_echo(self, kind: str) -> float:
        """The share of the echo server's rate of the same round, the median; 0 for no figure."""
        if self.fault_of(kind):
            return 0.0
        pairs = zip(self.runs[kind], self.runs[ECHO], strict=True)
        return statistics.median(ours.seen.rate / echo.seen.rate for ours, echo in pairs)

    def times(self) -> tuple[float, float, float]:
        """p50, p99 and p99.9 in microseconds at a steady rate, medians of the rounds; zeros for no figure."""
        if self.fault_of(TIMES):
            return 0.0, 0.0, 0.0
        seen = [figure.seen for figure in self.runs[TIMES]]
        p50, p99, p999 = ([getattr(one, name) for one in seen] for name in ("p50", "p99", "p999"))
        return statistics.median(p50), statistics.median(p99), statistics.median(p999)


class Bench:
    """Names, an echo server and a stub upstream, to measure one server after the other with."""

    def __init__(self, names: Names, echo: tuple[int, int], upstream: tuple[int, int]) -> None:
        self.names = names
        self.echo_port, self.echo_pid = echo
        self.upstream, self.upstream_pid = upstream
        self.fresh = 0
        """How many new names were asked for so far; no server is ever asked one of them twice."""

    def measure(self, server: Running, into: Measured) -> None:
        """All rounds of one server. Prints what it does while it does it."""
        into.seconds = server.seconds
        windows = {kind: self._window(server, kind) for kind in KINDS}
        for number in range(ROUNDS):
            print(f"  {into.title}, round {number + 1} of {ROUNDS}", flush=True)
            self._run(into, ECHO, "known allowed", self.echo_port, self.echo_pid, w=WINDOWS[1])
            for kind, window in windows.items():
                self._make_known(server, kind)
                self._run(into, kind, kind, server.port, server.pid, w=window)
            self._make_known(server, "mixed")
            self._run(into, TIMES, "mixed", server.port, server.pid, r=STEADY)
        into.memory = sum(megabytes(pid)[0] for pid in family(server.pid))

    def _make_known(self, server: Running, kind: str) -> None:
        """Ask all of a kind once: what was asked before it may have driven it out of a cache."""
        if kind in KNOWN:
            programs.load_once(server.port, self.names.files[kind])

    def _load(self, port: int, kind: str, seconds: float, **options: float) -> Seen:
        seen = programs.load(port, self.names.files[kind], t=seconds, s=self.fresh, **options)
        self.fresh = seen.next
        return seen

    def _window(self, server: Running, kind: str) -> int:
        """The best of `WINDOWS`; among those that lose questions the smallest."""
        self._make_known(server, kind)
        found = []
        for window in WINDOWS:
            seen = self._load(server.port, kind, SECONDS / 5, w=window)
            found.append((not seen.fault, seen.rate if not seen.fault else -window, window))
        return max(found)[2]

    def _run(self, into: Measured, label: str, kind: str, port: int, pid: int, **options: float) -> None:
        """One run, and who used the processor meanwhile."""
        processes, began = family(pid), time.monotonic()
        before, all_before = sum(map(processor_seconds, processes)), self._busy()
        seen = self._load(port, kind, SECONDS, **options)
        spent, all_spent = sum(map(processor_seconds, processes)) - before, self._busy() - all_before
        into.foreign.append(max(0.0, all_spent - spent) / (time.monotonic() - began))
        into.runs.setdefault(label, []).append(Figure(seen, spent / max(seen.answered, 1) * 1e6))

    def _busy(self) -> float:
        """Processor time of the machine that was not ours: neither load, upstream nor this process."""
        load = resource.getrusage(resource.RUSAGE_CHILDREN)
        ours = load.ru_utime + load.ru_stime + time.process_time() + processor_seconds(self.upstream_pid)
        return busy_seconds() - ours


@contextlib.contextmanager
def bench() -> Iterator[tuple[Bench, Path]]:
    """Everything ready to measure, and a folder to work in."""
    server_core, other = cores()
    with (
        tempfile.TemporaryDirectory() as name,
        on_core(other),
        programs.served("stub") as upstream,
        programs.served("echo", server_core) as echo,
    ):
        yield Bench(Names(Path(name)), echo, upstream), Path(name)
