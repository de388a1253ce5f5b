"""Half an hour of everyday load: does anything grow, warn, or get lost?

Belisha answers a fifth of what it just reached in a short run: names it knows, names nobody asked before,
blocked ones, other types, names whose upstream fails or is silent, a few questions over TCP. Meanwhile a
list changes every minute beside the large one, and every five minutes everything remembered is flushed.
Every ten seconds memory and open files of each process are read.

The last line is the verdict: what grew between the first quarter and the last, warnings in the log, lost
or wrong answers, and processes that were started again are named there.

BELISHA_BENCH_SOAK is the seconds (1 800), BELISHA_BENCH_RATE the questions a second (a fifth of what is
reached), BELISHA_BENCH_WORKERS the workers (1).
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import dns.exception
import msgspec

from tests.bench import programs
from tests.bench.machine import megabytes, running
from tests.bench.names import FRESH, Names
from tests.bench.programs import Seen
from tests.e2e.belisha import Belisha
from tests.support.client import rdatas

SECONDS: Final = float(os.environ.get("BELISHA_BENCH_SOAK", "1800"))
WORKERS: Final = int(os.environ.get("BELISHA_BENCH_WORKERS", "1"))
SHARE: Final = 0.2
EVERY: Final = 10.0
"""Seconds between two samples."""
PUSH: Final = 6
FLUSH: Final = 30
"""A list changes, and everything is flushed, every so many samples."""
PATIENCE: Final = 8
"""Seconds until a question counts as lost; Belisha promises SERVFAIL within five."""

GROWTH: Final = 10.0
"""Percent that memory may grow from the first quarter to the last."""
MORE_FILES: Final = 8
LOST: Final = 1e-5
"""The share of lost questions that is let pass: the datagrams of a busy machine."""


@dataclass(frozen=True)
class Sample:
    """One process at one moment: megabytes resident and proportional, open files."""

    pid: int
    resident: float
    proportional: float
    files: int


@dataclass
class Soak:
    """What was seen so far."""

    seen: list[Seen] = field(default_factory=list)
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    over_tcp: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    """What went wrong beside the load: TCP questions, pushes, flushes."""
    pushes: int = 0
    flushes: int = 0
    counters: dict[str, int] = field(default_factory=dict)
    """Belisha's own, at the end."""


def _lines(names: Names) -> Iterator[str]:
    """What an everyday mix is made of, for load.c; 2 000 lines of `mixed`, and what it lacks."""
    chance = random.Random(3)
    yield from chance.sample(names.files["mixed"].read_text().splitlines(), 2_000)
    yield from (f"{FRESH}.new{number}.example A forwarded" for number in range(250))
    yield from (f"{FRESH}.{name} A blocked" for name in chance.sample(names.listed, 200))
    yield from (f"www.ok{number}.example {qtype} any" for number in range(50) for qtype in ("AAAA", "TXT"))


def _failing() -> Iterator[str]:
    """Names whose upstream fails, and names it says nothing about: one question in fifty."""
    yield from (f"fail{number}.example A failed" for number in range(45))
    yield from (f"mute{number}.example A failed" for number in range(5))


def _questions(names: Names, folder: Path) -> tuple[Path, Path]:
    """The mix without and with failing names; a closed loop would only wait for the silent ones."""
    well, whole = folder / "well", folder / "whole"
    lines = list(_lines(names))
    random.Random(4).shuffle(lines)
    well.write_text("".join(f"{line}\n" for line in lines))
    lines += _failing()
    random.Random(5).shuffle(lines)
    whole.write_text("".join(f"{line}\n" for line in lines))
    return well, whole


def _sample(server: Belisha, into: Soak) -> None:
    assert server.process
    for name, pid in {"supervisor": server.process.pid, **server.children()}.items():
        try:
            files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
            into.samples.setdefault(name, []).append(Sample(pid, *megabytes(pid), files))
        except OSError:
            into.faults[f"{name} was gone when it was looked at"] += 1


def _ask_over_tcp(server: Belisha, number: int, into: Soak) -> None:
    known, blocked, fresh = "www.ok1.example", "changing.example", f"tcp{number}.new.example"
    for name, address in ((known, "192.0.2.1"), (fresh, "192.0.2.1"), (blocked, "0.0.0.0")):
        into.over_tcp += 1
        try:
            if rdatas(server.ask(name, tcp=True, timeout=PATIENCE)) != {address}:
                into.faults[f"wrong answer over TCP: {name}"] += 1
        except (OSError, dns.exception.DNSException) as error:
            into.faults[f"no answer over TCP: {error!r}"] += 1


def _push(server: Belisha, number: int, into: Soak) -> None:
    """A list that is always another one, but for a name that is always in it."""
    names = ["changing.example", *(f"minute{number}-{n}.example" for n in range(100))]
    status, answer = server.call("PUT", "/v1/lists/changing/content", "\n".join(names).encode())
    into.pushes += 1
    if status != 200:
        into.faults[f"push refused: {status} {answer}"] += 1


def _flush(server: Belisha, into: Soak) -> None:
    status, answer = server.call("POST", "/v1/cache/flush", b"{}", content_type="application/json")
    into.flushes += 1
    if status != 200:
        into.faults[f"flush refused: {status} {answer}"] += 1


def _soak(server: Belisha, questions: Path, rate: float, into: Soak) -> None:
    """Until the load has ended; each of its reports is the moment for a sample."""
    options = {"t": SECONDS, "r": rate, "l": PATIENCE, "i": EVERY}
    words = programs.arguments(server.address()[1], questions, **options)
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout
        for number, line in enumerate(process.stdout):
            into.seen.append(msgspec.json.decode(line, type=Seen))
            _sample(server, into)
            _ask_over_tcp(server, number, into)
            if number % PUSH == 1:
                _push(server, number, into)
            if number % FLUSH == 3:
                _flush(server, into)
            if number % PUSH == 0:
                print(f"  {(number + 1) * EVERY:.0f} s: {_progress(into)}", flush=True)


def _progress(soak: Soak) -> str:
    sizes = ", ".join(f"{name} {samples[-1].resident:.0f} MB" for name, samples in soak.samples.items())
    last = soak.seen[-1]
    return f"{last.rate:.0f} a second, p99 {last.p99:.0f} µs, {last.lost} lost, {last.wrong} wrong; {sizes}"


# --- What to make of it -----------------------------------------------------------------------------


def _quarters(values: Sequence[float]) -> tuple[float, float]:
    """The median of the first quarter and of the last."""
    size = max(1, len(values) // 4)
    return statistics.median(values[:size]), statistics.median(values[-size:])


def _drift(values: Sequence[float]) -> float:
    """Growth from the first quarter to the last, in percent."""
    first, last = _quarters(values)
    return (last / first - 1) * 100


def warnings(log: str) -> Counter[str]:
    """Events of a log that are warnings or worse, and lines that are no events (tracebacks)."""
    found: Counter[str] = Counter()
    for line in log.splitlines():
        try:
            event = json.loads(line)
            level, name = event["level"], event["event"]
        except (ValueError, TypeError, KeyError):
            found[f"no event: {line[:100]}"] += 1
            continue
        if level not in {"debug", "info"}:
            found[f"{level}: {name}"] += 1
    return found


def _table(soak: Soak) -> Iterator[str]:
    """Memory and files of each process: the first quarter's median and the last's."""
    yield "| process | resident MB | drift | proportional MB | drift | open files | at most |"
    yield "|---|---|---|---|---|---|---|"
    for name, samples in sorted(soak.samples.items()):
        resident, proportional = [s.resident for s in samples], [s.proportional for s in samples]
        files = [s.files for s in samples]
        cells = [name]
        for values in (resident, proportional):
            cells += ["{:.1f} → {:.1f}".format(*_quarters(values)), f"{_drift(values):+.1f} %"]
        cells += ["{:.0f} → {:.0f}".format(*_quarters(files)), str(max(files))]
        yield f"| {' | '.join(cells)} |"


def findings(soak: Soak, logged: Counter[str]) -> Iterator[str]:
    """What is not as it should be."""
    for name, samples in sorted(soak.samples.items()):
        drift, files = _drift([s.resident for s in samples]), _quarters([s.files for s in samples])
        if drift > GROWTH:
            yield f"{name} grew by {drift:.1f} %"
        if files[1] > files[0] + MORE_FILES:
            yield f"{name} holds {files[1] - files[0]:.0f} more files"
        if len({sample.pid for sample in samples}) > 1:
            yield f"{name} was started again"
    sent, lost, wrong = (sum(getattr(one, key) for one in soak.seen) for key in ("sent", "lost", "wrong"))
    if lost > LOST * sent:
        yield f"{lost} of {sent} questions lost"
    if wrong:
        yield f"{wrong} wrong answers"
    yield from (f"{count} times {what}" for what, count in (soak.faults + logged).most_common())


def _print(soak: Soak, rate: float, logged: Counter[str]) -> None:
    total = Counter({key: sum(getattr(one, key) for one in soak.seen) for key in _TOTALS})
    p99 = [one.p99 for one in soak.seen]
    print("\n".join(_table(soak)))
    print(f"{sum(one.seconds for one in soak.seen):.0f} s at {rate:.0f} questions a second: ", end="")
    print(", ".join(f"{count} {key}" for key, count in total.items()))
    print(f"{soak.over_tcp} questions over TCP, {soak.pushes} pushes, {soak.flushes} flushes")
    print(
        "Belisha's counters: "
        + ", ".join(f"{name} {count}" for name, count in soak.counters.items() if count)
    )
    print("p99 {:.0f} µs in the first quarter, {:.0f} µs in the last".format(*_quarters(p99)), end="")
    print(f", longest answer {max(one.longest for one in soak.seen) / 1000:.1f} ms")
    found = list(findings(soak, logged))
    print("Verdict: " + (f"not held: {'; '.join(found)}" if found else "held"))


_TOTALS: Final = ("sent", "answered", "lost", "wrong", "unexpected", "blocked", "forwarded", "failed")


def main() -> None:
    """half an hour at a fifth of the load: memory, open files, warnings, losses"""
    if not programs.available():
        print("not measured: there is no C compiler (Debian package `gcc`)")
        return
    soak = Soak()
    with running(WORKERS) as server, tempfile.TemporaryDirectory() as name:
        names = Names(Path(name))
        well, whole = _questions(names, Path(name))
        lines = "".join(f"*.{listed}\n" for listed in names.listed)
        status, answer = server.call("PUT", "/v1/lists/bench/content", lines.encode(), 300)
        assert status == 200, answer
        _push(server, 0, soak)
        programs.load_once(server.address()[1], well)
        reached = programs.load(server.address()[1], well, t=3, w=200)
        rate = float(os.environ.get("BELISHA_BENCH_RATE", "0")) or reached.rate * SHARE
        print(f"  reached {reached.rate:.0f} a second; {rate:.0f} for {SECONDS:.0f} s", flush=True)
        _soak(server, whole, rate, soak)
        soak.counters = server.call("GET", "/v1/status")[1]["counters"]
        logged = warnings(server.log())
    _print(soak, rate, logged)
