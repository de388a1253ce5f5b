"""Lists built to be costly, through the compiler child: bounded time and memory, and a clear report.

Invariants, for every list here:
  - the child says how it went; nothing is our own fault (`failure`), nothing is killed;
  - it stays far below the processor time that a list may use, and below a bound in memory;
  - what is left out is counted, and the first lines are named.

Sizes are a tenth, or less, of the worst that an upload may hold, where a whole one takes a minute; time
and memory grow in proportion.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from resolver.generation.jobs import COMMAND, Job, Outcome, decode_outcome, encode
from resolver.rules.model import Format

pytestmark = pytest.mark.slow

SECONDS = 20
"""Processor time of the child. The longest one takes five on a machine of 2020."""
MEGABYTES = 400


def compiled(folder: Path, pieces: Iterator[bytes], format: Format, megabytes: int = 2048) -> Outcome:
    """What a fresh child makes of a list, under limits."""
    source = folder / "list"
    with source.open("wb") as file:
        file.writelines(pieces)
    (folder / "blobs").mkdir()
    job = Job(str(folder / "blobs"), str(source), format=format, memory_mb=megabytes, cpu_seconds=SECONDS)
    done = subprocess.run(COMMAND, input=encode(job) + b"\n", capture_output=True, timeout=55, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    outcome = decode_outcome(done.stdout)
    assert outcome.failure == "" and outcome.peak_kb < MEGABYTES * 1024
    return outcome


class Hostile(NamedTuple):
    """A list that goes into force all the same: its lines, and what the report must say."""

    format: Format
    lines: Callable[[], Iterator[bytes]]
    entries: int
    held: int = 0
    invalid: int = 0
    unenforceable: int = 0


def numbered(pattern: bytes, count: int) -> Callable[[], Iterator[bytes]]:
    return lambda: (pattern % (number,) for number in range(count))


def repeated(line: bytes, count: int) -> Callable[[], Iterator[bytes]]:
    """A line so many times, and one good name."""
    return lambda: iter((line * count, b"a.example\n"))


def addresses(pattern: bytes, count: int) -> Callable[[], Iterator[bytes]]:
    return lambda: (pattern % (n & 255, n >> 8 & 255, n >> 16 & 255) for n in range(count))


LISTS: dict[str, Hostile] = {
    "a million short names": Hostile("domains", numbered(b"%x.ab\n", 1_000_000), 1_000_000),
    "one short name a million times": Hostile("auto", repeated(b"a.b\n", 1_000_000), 2),
    "a million comments": Hostile("auto", repeated(b"#\n", 1_000_000), 1),
    "ten million empty lines": Hostile("auto", repeated(b"\n", 10_000_000), 1),
    "a million lines that are nothing": Hostile(
        "domains", repeated(b"a b\n", 1_000_000), 1, invalid=1_000_000
    ),
    "a line of 100 MB": Hostile("domains", repeated(b"x" * 100_000_000 + b"\n", 1), 1, invalid=1),
    "100 MB of labels on one line": Hostile("adblock", repeated(b"a." * 50_000_000 + b"\n", 1), 1, invalid=1),
    "rules that are held back": Hostile(
        "domains", lambda: iter((b"".join(numbered(b"x%x\n", 200_000)()), b"a.example\n")), 1, held=200_000
    ),
    "side rules": Hostile("adblock", numbered(b"||%x.example^$dnstype=A\n", 100_000), 100_000),
    "side rules of one name": Hostile(
        "adblock", addresses(b"||a.example^$client=10.%d.%d.%d\n", 30_000), 1000, unenforceable=29_000
    ),
    "rules for clients": Hostile(
        "rpz", addresses(b"32.%d.%d.%d.10.rpz-client-ip CNAME .\n", 30_000), 10_000, unenforceable=20_000
    ),
    "rules for answers": Hostile(
        "rpz", addresses(b"32.%d.%d.%d.10.rpz-ip CNAME .\n", 30_000), 10_000, unenforceable=20_000
    ),
    "rules that take back what is not there": Hostile(
        "adblock", repeated(b"".join(b"||%x.a.example^$badfilter\n" % n for n in range(100_000)), 1), 1
    ),
    "values in every rule": Hostile(
        "adblock",
        lambda: (
            b"||%x.a.example^$denyallow=%s\n" % (n, b"|".join(b"a%d.b" % k for k in range(900)))
            for n in range(500)
        ),
        500,
    ),
    "nested quantifiers": Hostile(
        "regex",
        repeated(b"((a{50}){50}){50}\n" * 3000 + b"((((a+)+)+)+)+!\n", 1),
        2,
        invalid=3000,
    ),
    "masks": Hostile("adblock", numbered(b"*ad%x*track*\n", 30_000), 2000, invalid=28_000),
    "data of a server": Hostile(
        "unbound", numbered(b'local-data: "%x.example. A 192.0.2.1"\n', 100_000), 100_000
    ),
    "a zone of nothing but continued lines": Hostile(
        "rpz",
        lambda: iter((b"a.example CNAME .\n", b"( x\n" * 500_000, b"b.example CNAME .\n")),
        2,
        invalid=5000,
    ),
    "names on every place of a line": Hostile(
        "hosts", repeated(b"0.0.0.0 " + b" ".join(b"%x.a" % n for n in range(1200)) + b"\n", 100), 1201
    ),
}


@pytest.mark.parametrize("hostile", LISTS.values(), ids=LISTS.keys())
def test_costly_list_goes_into_force_as_its_report_says(hostile: Hostile, tmp_path: Path) -> None:
    outcome = compiled(tmp_path, hostile.lines(), hostile.format)
    report = outcome.report
    assert outcome.refused is None and report is not None
    assert (outcome.entries, report.held) == (hostile.entries, hostile.held)
    assert (report.invalid_total, report.unenforceable) == (hostile.invalid, hostile.unenforceable)
    assert max(len(report.invalid), len(report.held_lines), len(report.unenforceable_lines)) <= 100
    assert len(encode(outcome)) < 100_000
