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
from pathlib import Path
from typing import Final

from tests.bench import programs
from tests.bench.machine import core_of, cores
from tests.bench.report import OURS, budgets, tables
from tests.bench.rounds import Bench, Measured, bench
from tests.bench.servers import PEERS, Peer, run_belisha, run_peer

_SHARED: Final = "the second worker shares its core with the load and the upstream"


def _wanted() -> list[Peer]:
    wanted = os.environ.get("BELISHA_BENCH_PEERS", "")
    return [peer for peer in PEERS if not wanted or peer.program in wanted.split(",")]


def _measure_peer(bench: Bench, peer: Peer, folder: Path) -> Measured:
    measured = Measured(peer.title, peer.note)
    if not peer.found():
        measured.fault = f"not installed (Debian package `{peer.package}`)"
        return measured
    folder.mkdir()
    try:
        with run_peer(peer, bench.names, bench.upstream, folder) as server:
            bench.measure(server, measured)
    except TimeoutError as error:
        measured.fault = str(error).replace("\n", " ")
    return measured


def _measure_belisha(bench: Bench, workers: int, folder: Path) -> Measured:
    title = OURS if workers == 1 else f"{OURS}, {workers} workers"
    shared = core_of(workers - 1) == cores()[1]
    measured = Measured(title, _SHARED if shared and workers > 1 else "")
    folder.mkdir()
    with run_belisha(workers, bench.names, bench.upstream, folder) as server:
        bench.measure(server, measured)
    return measured


def main() -> None:
    """all servers side by side, with ratios to an echo server and to Unbound"""
    if not programs.available():
        print("not measured: there is no C compiler (Debian package `gcc`)")
        return
    with bench() as (ready, folder):
        found = [_measure_belisha(ready, workers, folder / f"belisha-{workers}") for workers in (1, 2)]
        found += [_measure_peer(ready, peer, folder / peer.program) for peer in _wanted()]
    print("\n".join([*tables(found), *budgets(found)]))
