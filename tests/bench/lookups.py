"""What a look-up costs, by how many names there are and in how many lists: asked in turn, and with a base.

    hit     a listed name, or one just below a listed name
    near    a name beside listed ones: same registered domain
    far     a name that shares no more than a common label with any
    mixed   three in ten listed, two near, five far

A quarter of the names stand in more than one list. Each question is asked ROUNDS times and its fastest
answer counts, less what the clock itself takes; p50 and p99 are over the questions. Lists, bases and their
figures come from the compiler child. BELISHA_BENCH_SIZES and BELISHA_BENCH_LISTS (numbers with commas)
say how much; with the folder of real lists they are merged as well.
"""

from __future__ import annotations

import itertools
import os
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from resolver.generation.bases import Bases
from resolver.generation.blobs import Blobs
from resolver.generation.first import run_job
from resolver.generation.jobs import Job, Outcome
from resolver.generation.mapped import open_list
from resolver.rules.base import Base
from resolver.rules.compiled import CompiledList, Match, together
from tests.bench.lists import ALLOW, NO_LISTS, data_folder, read_list

SIZES: Final = [
    int(n) for n in os.environ.get("BELISHA_BENCH_SIZES", "10000,100000,1000000,5000000").split(",")
]
LISTS: Final = [int(n) for n in os.environ.get("BELISHA_BENCH_LISTS", "1,5,15,50").split(",")]
QUESTIONS: Final = 10_000
ROUNDS: Final = 5
SHARED: Final = 0.25
"""How often a name stands in one list more, and then in yet another."""


def _key(name: str) -> bytes:
    """The index key of a name."""
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))[::-1]


def _names(count: int) -> Iterator[str]:
    chance = random.Random(1)
    for number in range(count):
        yield f"{chance.choice(('ads', 'track', 'cdn'))}{number}.site{number % 70_000}.example"


def _compile(folder: Path, count: int, lists: int) -> tuple[list[CompiledList], Outcome]:
    """So many names in so many lists, and what became of the last list."""
    chance, blobs = random.Random(lists), Blobs(folder / "blobs")
    paths = [folder / f"list{number}" for number in range(lists)]
    files = [path.open("w") for path in paths]
    for name in _names(count):
        files[chance.randrange(lists)].write(name + "\n")
        while lists > 1 and chance.random() < SHARED:
            files[chance.randrange(lists)].write(name + "\n")
    for file in files:
        file.close()
    outcomes = []
    for path in paths:
        job = Job(str(blobs.folder), source=str(path), format="domains", match="suffix", cpu_seconds=3_600)
        outcomes.append(run_job(job, 3_600))
        path.unlink()
    return [open_list(blobs, outcome.rules, verify=False) for outcome in outcomes if outcome.rules], outcomes[
        -1
    ]


def _questions(lists: list[CompiledList]) -> dict[str, list[bytes]]:
    """Keys of each kind."""
    chance = random.Random(7)
    every = max(1, sum(map(len, lists)) // QUESTIONS)
    listed = [key for one in lists for key, _ in itertools.islice(one.flags(), 0, None, every)]
    chance.shuffle(listed)
    kinds = {
        "hit": [key + (b"www\3" if n % 2 else b"") for n, key in enumerate(listed[:QUESTIONS])],
        "near": [
            _key(f"w{chance.random()}.site{n % 70_000}.example".replace("0.", "")) for n in range(QUESTIONS)
        ],
        "far": [_key(f"w{chance.randrange(1 << 30)}.shop{n}.net") for n in range(QUESTIONS)],
    }
    kinds["mixed"] = [chance.choice(kinds[kind]) for kind in ["hit"] * 3 + ["near"] * 2 + ["far"] * 5] * (
        QUESTIONS // 10
    )
    return kinds


def _measure(match: Match, keys: list[bytes]) -> tuple[float, float]:
    """p50 and p99 in microseconds."""
    clock = time.perf_counter_ns
    best = [1 << 60] * len(keys)
    idle = min(-(clock() - clock()) for _ in range(10_000))
    for _ in range(ROUNDS):
        for place, key in enumerate(keys):
            began = clock()
            match(key)
            took = clock() - began
            best[place] = min(best[place], took)
    best.sort()
    return (best[len(best) // 2] - idle) / 1000, (best[len(best) * 99 // 100] - idle) / 1000


def _row(title: str, match: Match, questions: dict[str, list[bytes]]) -> str:
    cells = []
    for kind in ("hit", "near", "far", "mixed"):
        p50, p99 = _measure(match, questions[kind])
        cells.append(f"{p50:6.2f} {p99:6.2f}")
    return f"  {title:34} " + "   ".join(cells)


def _compare(title: str, folder: Path, lists: list[CompiledList]) -> None:
    """Build the base, and ask both ways."""
    digests = tuple(one.digest for one in lists)
    outcome = run_job(Job(str(folder / "blobs"), merge=digests, cpu_seconds=3_600), 3_600)
    if outcome.rules is None:
        print(f"  {title}: no base: {outcome.failure or outcome.refused}")
        return
    base = Bases.beside(Blobs(folder / "blobs")).open(outcome.rules)
    assert isinstance(base, Base)
    questions = _questions(lists)
    began = time.perf_counter()
    match = base.matcher((one.digest, one) for one in lists)
    ready = (time.perf_counter() - began) * 1000
    print(_row(f"{title}, in turn", together(one.match for one in lists), questions), flush=True)
    print(_row(f"{title}, base", match, questions), flush=True)
    each = outcome.octets / max(1, outcome.entries)
    print(
        f"  {'':34} base: {outcome.entries} names, {each:.1f} octets each, built in"
        f" {outcome.build_seconds:.1f} s with {outcome.peak_kb // 1024} MB at most, ready in {ready:.1f} ms"
    )


def _real(folder: Path, data: Path) -> list[CompiledList]:
    """Every real list, compiled."""
    blobs, lists = Blobs(folder / "blobs"), {}
    for path in sorted(data.rglob("*.zst")):
        name = str(path.relative_to(data))
        if any(part in name for part in (*NO_LISTS, *ALLOW)):
            continue
        text = folder / "text"
        text.write_bytes(read_list(path))
        outcome = run_job(Job(str(blobs.folder), source=str(text), cpu_seconds=3_600), 3_600)
        if outcome.rules:
            lists[outcome.rules] = open_list(blobs, outcome.rules, verify=False)
    return list(lists.values())


def main() -> None:
    """look-ups among 10 000 to 5 million names in 1 to 50 lists, in turn and with a base"""
    print(f"  {'µs (p50 p99)':34} {'hit':>13}   {'near':>13}   {'far':>13}   {'mixed':>13}")
    for size, count in itertools.product(SIZES, LISTS):
        with tempfile.TemporaryDirectory() as name:
            lists, last = _compile(Path(name), size, count)
            if count == 1:
                each = last.octets / max(1, last.entries)
                print(
                    f"  {size} names in one list: parsed in {last.parse_seconds:.1f} s, built in"
                    f" {last.build_seconds:.1f} s, {last.peak_kb // 1024} MB at most, {each:.1f} octets each"
                    f" {last.failure or last.refused or ''}"
                )
            if lists:
                _compare(f"{size} names, {count} lists", Path(name), lists)
    data = data_folder()
    if data is not None:
        with tempfile.TemporaryDirectory() as name:
            lists = _real(Path(name), data)
            _compare(f"{len(lists)} real lists", Path(name), lists)
