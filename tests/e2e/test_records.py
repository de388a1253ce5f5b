"""Names of our own, from a zone file to every worker's answer: pushed, replaced, rolled back, restarted."""

from __future__ import annotations

from pathlib import Path

import dns.rcode

from tests.e2e.belisha import Belisha
from tests.e2e.conftest import UPSTREAM_ADDRESS
from tests.support.client import rdatas
from tests.support.upstream import ScriptedUpstream

ZONE = """\
$ORIGIN home.arpa.
printer  60  A      192.168.7.9
files        CNAME  printer
far          CNAME  www.example.com.
"""


def push(server: Belisha, folder: Path, text: str, *arguments: str) -> tuple[int, str]:
    """`belisha records push`: its exit status, and what it said."""
    path = folder / "home.zone"
    path.write_text(text)
    done = server.cli("records", "push", str(path), *arguments)
    return done.returncode, done.stdout + done.stderr


def test_a_name_for_the_printer(server: Belisha, upstream: ScriptedUpstream, tmp_path: Path) -> None:
    assert server.ask("printer.home.arpa").rcode() == dns.rcode.NXDOMAIN
    status, said = push(server, tmp_path, ZONE, "--reason", "a name for the printer")
    assert status == 0 and said.startswith("3 records, in force in generation 2."), said
    for _ in range(20):  # from so many ports, so that both workers are asked
        assert rdatas(server.ask("printer.home.arpa")) == {"192.168.7.9"}
    assert rdatas(server.ask("files.home.arpa", tcp=True)) == {"192.168.7.9"}
    assert rdatas(server.ask("far.home.arpa")) == {UPSTREAM_ADDRESS}
    assert rdatas(server.ask("9.7.168.192.in-addr.arpa", "PTR"), "PTR") == {"printer.home.arpa."}
    assert not upstream.asked("printer.home.arpa")
    explained = server.cli("explain", "printer.home.arpa").stdout
    assert "printer.home.arpa. 60 IN A 192.168.7.9 (a record of your own)" in explained


def test_what_is_shown_is_what_was_pushed(server: Belisha, tmp_path: Path) -> None:
    push(server, tmp_path, ZONE)
    shown = server.cli("records", "show").stdout
    status, said = push(server, tmp_path, shown)
    assert status == 0 and "3 records, as before." in said
    status, said = push(server, tmp_path, "printer.home.arpa. A nowhere\n")
    assert status == 1 and "line 1: " in said
    assert server.cli("records", "show").stdout == shown


def test_they_go_back_and_outlive_a_restart(server: Belisha, tmp_path: Path) -> None:
    push(server, tmp_path, ZONE)
    push(server, tmp_path, ZONE.replace("192.168.7.9", "192.168.7.10"))
    assert rdatas(server.ask("printer.home.arpa")) == {"192.168.7.10"}
    assert server.cli("rollback").returncode == 0
    assert rdatas(server.ask("printer.home.arpa")) == {"192.168.7.9"}
    assert server.stop() == 0
    server.start()
    assert rdatas(server.ask("printer.home.arpa")) == {"192.168.7.9"}
