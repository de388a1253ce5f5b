"""Flushing, with real processes: the next question really goes upstream; and answers survive a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.belisha import Belisha, wait_for
from tests.support.behaviours import answer
from tests.support.client import rdatas
from tests.support.upstream import ScriptedUpstream

OLD, NEW = {"192.0.2.80"}, {"192.0.2.81"}
NAME, BESIDE = "www.example.org", "www.example.net"


@pytest.fixture
def single(tmp_path: Path, upstream: ScriptedUpstream) -> Belisha:
    """One worker, so that what was asked once is known to whoever asks next."""
    return Belisha(tmp_path, upstream.url, workers=1)


def known(server: Belisha, upstream: ScriptedUpstream) -> None:
    """Have the server learn both names, then move them elsewhere."""
    for name in (NAME, BESIDE):
        assert rdatas(server.ask(name)) == OLD
        upstream.set(name, answer("A 192.0.2.81"))
        assert rdatas(server.ask(name)) == OLD, "it is remembered"


@pytest.mark.parametrize(
    ("arguments", "beside"),
    [((NAME,), OLD), (("example.org", "--below"), OLD), ((), NEW)],
    ids=["name", "below", "everything"],
)
def test_the_next_question_goes_upstream(
    single: Belisha, upstream: ScriptedUpstream, arguments: tuple[str, ...], beside: set[str]
) -> None:
    with single as server:
        known(server, upstream)
        done = server.cli("flush", *arguments)
        assert done.returncode == 0, done.stderr
        assert rdatas(server.ask(NAME)) == NEW
        assert rdatas(server.ask(BESIDE)) == beside
        assert '"event":"cache.flushed"' in server.log().replace(" ", "")


def test_every_worker_forgets(server: Belisha, upstream: ScriptedUpstream) -> None:
    for _ in range(20):  # from so many ports, so that both workers are asked
        assert rdatas(server.ask(NAME)) == OLD
    upstream.set(NAME, answer("A 192.0.2.81"))
    status, done = server.call("POST", "/v1/cache/flush", b"{}", content_type="application/json")
    assert (status, done["unconfirmed"]) == (200, [])
    for _ in range(20):
        assert rdatas(server.ask(NAME)) == NEW


def test_what_was_known_is_known_after_a_restart_and_nobody_else_reads_it(
    single: Belisha, upstream: ScriptedUpstream
) -> None:
    with single as server:
        known(server, upstream)
        assert server.stop() == 0
        saved = server.folder / "data" / "cache-0.bin"
        assert saved.stat().st_mode & 0o777 == 0o600
        server.start()
        wait_for(lambda: "answers of the last run are known again" in server.log(), "the answers")
        assert not saved.exists()
        upstream.forget()
        assert rdatas(server.ask(NAME)) == OLD
        assert not upstream.asked(NAME)


def test_what_was_flushed_does_not_come_back(single: Belisha, upstream: ScriptedUpstream) -> None:
    with single as server:
        known(server, upstream)
        assert server.cli("flush", NAME).returncode == 0
        assert server.stop() == 0
        server.start()
        assert rdatas(server.ask(NAME)) == NEW
