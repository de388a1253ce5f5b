"""Belisha and the servers it is compared with, side by side on this machine.

One server after the other: started on its core with the same list, asked the same questions by the same
program on the other core, with the same upstream and with an echo server beside it in every round. Which
servers there are, and how each is set up, stands in servers.py; what is not installed is named.

Belisha is measured with one worker, like the others, and with two. On a machine of two cores the second
worker shares its core with the load and the upstream: that row says that two workers share the questions
and what each costs then, not how far they scale.

BELISHA_BENCH_PEERS=unbound,dnsmasq measures those programs and Belisha only.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from tests.bench import programs
from tests.bench.machine import core_of, cores
from tests.bench.report import OURS, budgets, tables
from tests.bench.rounds import Bench, Measured, bench
from tests.bench.servers import PEERS, Peer, Running, run_belisha, run_peer

_SHARED: Final = "the second worker shares its core with the load and the upstream"


def _wanted() -> list[Peer]:
    wanted = os.environ.get("BELISHA_BENCH_PEERS", "")
    return [peer for peer in PEERS if not wanted or peer.program in wanted.split(",")]


def _measure(bench: Bench, started: AbstractContextManager[Running], measured: Measured) -> Measured:
    """All rounds, or why there are none: one server's failure must not cost the figures of the others."""
    try:
        with started as server:
            bench.measure(server, measured)
    except (TimeoutError, AssertionError, subprocess.CalledProcessError) as error:
        measured.runs.clear()
        measured.fault = str(error).replace("\n", " ")
    return measured


def _measure_peer(bench: Bench, peer: Peer, folder: Path) -> Measured:
    measured = Measured(peer.title, peer.note)
    if not peer.found():
        measured.fault = f"not installed (Debian package `{peer.package}`)"
        return measured
    folder.mkdir()
    return _measure(bench, run_peer(peer, bench.names, bench.upstream, folder), measured)


def _measure_belisha(bench: Bench, workers: int, folder: Path) -> Measured:
    title = OURS if workers == 1 else f"{OURS}, {workers} workers"
    shared = core_of(workers - 1) == cores()[1]
    measured = Measured(title, _SHARED if shared and workers > 1 else "")
    folder.mkdir()
    return _measure(bench, run_belisha(workers, bench.names, bench.upstream, folder), measured)


def main() -> None:
    """all servers side by side, with ratios to an echo server and to Unbound"""
    if not programs.available():
        print("not measured: there is no C compiler (Debian package `gcc`)")
        return
    with bench() as (ready, folder):
        found = [_measure_belisha(ready, workers, folder / f"belisha-{workers}") for workers in (1, 2)]
        found += [_measure_peer(ready, peer, folder / peer.program) for peer in _wanted()]
    print("\n".join([*tables(found), *budgets(found)]))
