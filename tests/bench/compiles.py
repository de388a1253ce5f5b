"""What reading and compiling a list costs, by size and format: seconds, memory, octets a name.

Names are made of letters as people choose them: two to four labels, ten to thirty characters, a third of
them below another listed name's domain. The compiler child does the work, as in a push; each line is the
best of ROUNDS, each in a fresh child. BELISHA_BENCH_SIZES says which sizes.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from resolver.generation.first import run_job
from resolver.generation.jobs import Job, Outcome

SIZES: Final = [
    int(n) for n in os.environ.get("BELISHA_BENCH_SIZES", "10000,100000,1000000,5000000").split(",")
]
ROUNDS: Final = 2
ONE_SIZE: Final = 1_000_000
"""The size at which the formats are compared."""

LINES: Final = {
    "hosts": "0.0.0.0 {0}\n",
    "domains": "{0}\n",
    "wildcard": "*.{0}\n",
    "adblock": "||{0}^\n",
    "dnsmasq": "local=/{0}/\n",
    "unbound": 'local-zone: "{0}." always_null\n',
    "rpz": "{0} CNAME .\n*.{0} CNAME .\n",
}


def names(count: int) -> Iterator[str]:
    """So many different names; the same for the same number."""
    chance = random.Random(count)
    syllables = [a + b for a in "bcdfghklmnprstvwz" for b in "aeiou"] + ["er", "on", "ix", "24", "x-", "ad"]
    zones: list[str] = ["example"]
    seen: set[str] = set()
    while len(seen) < count:
        label = "".join(chance.choices(syllables, k=chance.randrange(2, 6)))
        fresh = chance.random() < 0.66
        zone = chance.choice(("com", "net", "org", "de", "co.uk", "info")) if fresh else chance.choice(zones)
        name = f"{label}.{zone}".replace("-.", ".")
        if name in seen:
            continue
        seen.add(name)
        if fresh and len(zones) < 200_000:
            zones.append(name)
        yield name


def _compile(folder: Path, format_name: str, count: int) -> Outcome:
    """Write the list, and have it read and compiled; the quickest outcome."""
    source = folder / "list"
    with source.open("w") as file:
        file.writelines(LINES[format_name].format(name) for name in names(count))
    outcomes = []
    for number in range(ROUNDS):
        job = Job(str(folder / f"blobs{number}"), source=str(source), memory_mb=8192, cpu_seconds=3_600)
        outcomes.append(run_job(job, 3_600))
    return min(outcomes, key=lambda outcome: outcome.parse_seconds + outcome.build_seconds)


def _row(title: str, outcome: Outcome) -> str:
    each = outcome.octets / max(1, outcome.entries)
    whole = outcome.parse_seconds + outcome.build_seconds
    return (
        f"  {title:22} {outcome.entries:9} {outcome.parse_seconds:7.2f} {outcome.build_seconds:7.2f}"
        f" {whole:7.2f} {outcome.peak_kb / 1024:8.0f} {each:8.1f}"
    )


def main() -> None:
    """reading and compiling lists, by size and by format"""
    heads = ("entries", "read s", "build s", "both s", "peak MB", "octets")
    print("  {:22} {:>9} {:>7} {:>7} {:>7} {:>8} {:>8}".format("list", *heads))
    for format_name, count in [("hosts", size) for size in SIZES] + [(name, ONE_SIZE) for name in LINES]:
        with tempfile.TemporaryDirectory() as folder:
            outcome = _compile(Path(folder), format_name, count)
        print(_row(f"{format_name}, {count}", outcome), flush=True)
