"""Swaps under load: how many questions are lost, how many verdicts are wrong, how long replies take.

Two generations: the first blocks a0..a99, the second b0..b99; both block z0..z9, neither blocks
w0..w89, which go upstream. While 5 000 questions a second run, the pointer moves to and fro. Every
answer is held against the generations that could have been in force between the moment its question
left and the moment the answer came:

    wrong   no generation in force at that time gives this verdict
    stale   one of them does, but only one that had been replaced (200 said) before the question left

A worker that mixed two generations would block both a-names and b-names, or neither, at a moment
when one generation alone is in force: that is "wrong" here.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.machine import cores, on_core, running
from tests.e2e.belisha import Belisha

RATE = 5_000
SWAPS = int(os.environ.get("BELISHA_BENCH_SWAPS", "1000"))

Move = tuple[float, float, str]
"""When the swap was asked for, when 200 came, and which list is in force from then on."""

Row = tuple[str, float, float, str]


def _names() -> list[str]:
    pairs = [f"{letter}{number}.example" for number in range(100) for letter in "ab"]
    return pairs + [f"z{n}.example" for n in range(10)] + [f"w{n}.example" for n in range(90)]


def _list(letter: str) -> bytes:
    return (
        "".join(f"{letter}{n}.example\n" for n in range(100)).encode()
        + "".join(f"z{n}.example\n" for n in range(10)).encode()
    )


def _load(server: Belisha, seconds: float, folder: Path) -> tuple[subprocess.Popen[bytes], Path]:
    names, out = folder / "names", folder / f"out-{time.monotonic_ns()}"
    names.write_text("\n".join(_names()))
    arguments = [str(server.address()[1]), str(RATE), str(seconds), str(names), str(out)]
    return subprocess.Popen([sys.executable, "-m", "tests.bench.load", *arguments]), out


def _rows(path: Path) -> list[Row]:
    rows = []
    for line in path.read_text().splitlines():
        name, sent, answered, verdict = line.split()
        rows.append((name, float(sent), float(answered), verdict))
    return rows


def _expected(name: str, letter: str) -> str:
    return "b" if name[0] in (letter, "z") else "o"


def judge(rows: list[Row], moves: list[Move], first: str) -> tuple[int, int]:
    """How many verdicts are wrong, and how many stale. `moves` in order; `first` before them all."""
    wrong = stale = at = 0
    for name, sent, answered, verdict in rows:
        if verdict == "-":
            continue
        while at < len(moves) and moves[at][1] <= sent:
            at += 1
        # In force when it left, and everything that was being put in force before it was answered.
        possible = [moves[at - 1][2] if at else first]
        possible += [letter for asked, _, letter in moves[at:] if asked <= answered]
        if verdict in {_expected(name, letter) for letter in possible}:
            continue
        before = moves[at - 2][2] if at > 1 else first
        if at and verdict == _expected(name, before):
            stale += 1
        else:
            wrong += 1
    return wrong, stale


def _figures(title: str, rows: list[Row]) -> None:
    times = sorted((answered - sent) * 1000 for _, sent, answered, _ in rows if answered > 0)
    lost = len(rows) - len(times)
    p50, p99 = statistics.median(times), times[int(len(times) * 0.99)]
    p999 = times[int(len(times) * 0.999)]
    print(
        f"{title:14} {len(rows)} questions, {lost} lost, p50 {p50:.2f} ms, p99 {p99:.2f} ms,"
        f" p99.9 {p999:.2f} ms, longest {times[-1]:.2f} ms"
    )


def _swap(server: Belisha, targets: list[int]) -> list[Move]:
    moves: list[Move] = []
    for count in range(SWAPS):
        asked = time.monotonic()
        status, _ = _activate(server, targets[count % 2])
        assert status == 200
        moves.append((asked, time.monotonic(), "ab"[count % 2]))
    return moves


def _activate(server: Belisha, generation: int) -> tuple[int, Any]:
    answer = server.call("POST", f"/v1/generations/{generation}/activate")
    return answer[0], answer[1]


def main() -> None:
    """swaps between two generations while 5 000 questions a second run"""
    _, other = cores()
    with running() as server, tempfile.TemporaryDirectory() as name, on_core(other):
        folder = Path(name)
        generations = []
        for letter in "ab":
            server.call("PUT", "/v1/lists/bench/content", _list(letter))
            generations.append(json_generation(server))
        warm, out = _load(server, 2, folder)
        warm.wait()
        quiet, out = _load(server, 20, folder)
        quiet.wait()
        _figures("without swaps", _rows(out))
        started = time.monotonic()
        loaded, out = _load(server, 3600, folder)
        time.sleep(0.5)
        moves = _swap(server, generations)
        took = time.monotonic() - started
        loaded.terminate()
        loaded.wait()
        rows = _rows(out)
        _figures("with swaps", rows)
        wrong, stale = judge(rows, moves, "b")
        waits = sorted((done - asked) * 1000 for asked, done, _ in moves)
        print(
            f"{len(moves)} swaps in {took:.1f} s, each {statistics.median(waits):.1f} ms at the median,"
            f" {waits[-1]:.1f} ms at most; wrong verdicts {wrong}, stale verdicts {stale}"
        )


def json_generation(server: Belisha) -> int:
    """The generation in force."""
    return int(server.call("GET", "/v1/status")[1]["generation"])
