"""`python -m resolver.serving`: what it needs to start, what it says, and with which status it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from resolver.inherited import VARIABLE, Inherited
from resolver.settings import SNAPSHOT, Dns, Settings, snapshot
from resolver.upstreams import Upstream
from tests.unit.serving.child import COMMAND, SECONDS, WorkerProcess

INHERITED = Inherited("", 0, [0]).to_environment()


def started(**variables: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end with these variables; it must not get as far as using a socket."""
    kept = {name: value for name, value in os.environ.items() if name not in (VARIABLE, SNAPSHOT)}
    return subprocess.run(
        COMMAND, env={**kept, **variables}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=SECONDS, check=False,
    )  # fmt: skip


NATIVE = snapshot(Settings(dns=Dns(datapath="native")))
LATER = snapshot(Settings(upstream=(Upstream("https://192.0.2.1"),)))
WRONG: list[tuple[str, dict[str, str], str]] = [
    ("by hand", {}, "belisha serve"),
    ("rubbish handed over", {VARIABLE: "{"}, VARIABLE),
    ("rubbish as settings", {VARIABLE: INHERITED, SNAPSHOT: "{}}"}, SNAPSHOT),
    ("a datapath that is missing", {VARIABLE: INHERITED, **NATIVE}, "dns.datapath"),
    ("an upstream that is none", {VARIABLE: INHERITED, **LATER}, "https://"),
]


@pytest.mark.parametrize(("variables", "named"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_what_is_wrong_is_said_in_one_event(variables: dict[str, str], named: str) -> None:
    ended = started(**variables)
    assert ended.returncode == 2 and ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    event = msgspec.json.decode(line)
    assert (event["level"], event["event"]) == ("error", "worker cannot start")
    assert named in event["reason"] and event["timestamp"].endswith("Z")


def test_ps_shows_what_it_is(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with WorkerProcess(data) as worker:
        worker.channel.recv(4096)
        assert worker.process is not None
        proc = Path("/proc") / str(worker.process.pid)
        assert (proc / "comm").read_text().strip() == "belisha-worker"
        worker.process.terminate()
        assert worker.wait() == 0
    assert all(event["level"] in ("info", "error") for event in worker.events()), worker.events()


def test_it_imports_neither_http_nor_the_parser_of_dns_messages() -> None:
    """A worker stays small: what it does not need is not there."""
    check = (
        "import sys, resolver.serving.__main__;"
        "print(sorted({'aiohttp', 'dnslib', 'click', 'http.server', 'resolver.admin'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", check], capture_output=True, text=True, timeout=SECONDS, check=True
    )
    assert done.stdout.strip() == "[]"
