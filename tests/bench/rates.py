"""Belisha alone: questions a second on one core, beside a bare echo server on the same core.

What `peers` does for all servers, for one of them: the measure to take before and after a change. How it
is measured stands in rounds.py, the kinds of names in names.py.
"""

from __future__ import annotations

from tests.bench import programs
from tests.bench.report import budgets, tables
from tests.bench.rounds import Measured, bench
from tests.bench.servers import run_belisha


def main() -> None:
    """questions a second on one core, beside a bare echo server"""
    if not programs.available():
        print("not measured: there is no C compiler (Debian package `gcc`)")
        return
    measured = Measured("Belisha")
    with bench() as (ours, folder):
        home = folder / "belisha"
        home.mkdir()
        with run_belisha(1, ours.names, ours.upstream, home) as server:
            ours.measure(server, measured)
    print("\n".join([*tables([measured]), *budgets([measured])]))
