"""Questions a second on one core, beside a bare echo server on the same core in the same run.

    known blocked    10 000 blocked names among a million, asked over and over
    known allowed    10 000 names that the answer cache holds, asked over and over
    first-seen       names never asked before, each forwarded to the stub upstream

dnsperf makes the load (Debian package `dnsperf`); it gives out at some 150 000 questions a second, so
a fast echo server looks slower than it is and our ratio better: the processor time of the worker for
each question is the figure that does not depend on it. Set BELISHA_BENCH_QLOAD to the path of a
generator that takes `-p PORT -f FILE -t SECONDS` and prints JSON with "qps", "ok" to use that.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.machine import cores, megabytes, on_core, processor_seconds, running

NAMES = int(os.environ.get("BELISHA_BENCH_NAMES", "1000000"))
SECONDS = 4
ROUNDS = 3


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def _echo(folder: Path) -> Iterator[tuple[int, int] | None]:
    """Port and process of the echo server, None where there is no C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        yield None
        return
    program, port = folder / "echo", _free_port()
    subprocess.run([compiler, "-O2", "-o", program, Path(__file__).with_name("echo.c")], check=True)
    with on_core(cores()[0]), subprocess.Popen([program, str(port)]) as process:
        try:
            time.sleep(0.2)
            yield port, process.pid
        finally:
            process.kill()


def _load(port: int, names: Path) -> tuple[float, int]:
    """Answers a second, and answers in all."""
    if own := os.environ.get("BELISHA_BENCH_QLOAD"):
        arguments = [own, "-p", str(port), "-f", str(names), "-t", str(SECONDS)]
        found = json.loads(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout)
        return float(found["qps"]), int(found["ok"])
    arguments = ["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", str(names), "-l", str(SECONDS)]
    text = subprocess.run([*arguments, "-c", "8", "-q", "200"], capture_output=True, text=True).stdout
    rate = re.search(r"Queries per second:\s+([\d.]+)", text)
    count = re.search(r"Queries completed:\s+(\d+)", text)
    return (float(rate[1]), int(count[1])) if rate and count else (0.0, 0)


def _write_names(folder: Path) -> dict[str, Path]:
    """The query files, and the list to push."""
    chance = random.Random(1)
    listed = [f"{chance.choice(('ads', 'track', 'cdn'))}{n}.site{n % 70_000}.example" for n in range(NAMES)]
    files = {
        "list": folder / "list",
        "known blocked": folder / "blocked",
        "known allowed": folder / "allowed",
    }
    files["list"].write_text("\n".join(listed))
    files["known blocked"].write_text("".join(f"{name} A\n" for name in chance.sample(listed, 10_000)))
    files["known allowed"].write_text("".join(f"www.ok{n}.example A\n" for n in range(10_000)))
    for number in range(ROUNDS):
        files[f"first-seen {number}"] = folder / f"new{number}"
        names = "".join(f"n{number}-{n}.new{n % 5_000}.example A\n" for n in range(400_000))
        files[f"first-seen {number}"].write_text(names)
    return files


def _measure(label: str, port: int, pid: int, names: Path) -> float:
    before = processor_seconds(pid)
    rate, answers = _load(port, names)
    spent = processor_seconds(pid) - before
    each = f"{spent / answers * 1e6:.1f} µs of processor each" if answers else "no answers"
    print(f"  {label:14} {rate:9.0f} a second, {each}", flush=True)
    return rate


def main() -> None:
    """questions a second on one core, beside a bare echo server"""
    if not os.environ.get("BELISHA_BENCH_QLOAD") and shutil.which("dnsperf") is None:
        print("not measured: dnsperf is not installed (Debian package `dnsperf`)")
        return
    with tempfile.TemporaryDirectory() as name, running() as server, _echo(Path(name)) as echo:
        files = _write_names(Path(name))
        began = time.monotonic()
        status, answer = server.call(
            "PUT", "/v1/lists/bench/content", files["list"].read_bytes(), timeout=300
        )
        print(f"  pushed {answer['entries']} names in {time.monotonic() - began:.1f} s ({status})")
        port, pid = server.address()[1], server.children()["worker-0"]
        for number in range(ROUNDS):
            with on_core(cores()[1]):
                ceiling = _measure("echo", echo[0], echo[1], files["known allowed"]) if echo else 0.0
                for label in ("known blocked", "known allowed", f"first-seen {number}"):
                    rate = _measure(label, port, pid, files[label])
                    if ceiling:
                        print(f"  {'':14} {rate / ceiling:9.2f} of the echo server")
        print("  worker: {:.0f} MB resident, {:.0f} MB proportional".format(*megabytes(pid)))
