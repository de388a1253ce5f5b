"""The loop over real processes: the dead come back, the end is in order."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.unit.supervisor.fakes import Spec, alive, supervisor, wait_for


@pytest.mark.parametrize("name", ["worker-0", "worker-1", "admin"])
def test_a_killed_child_comes_back_on_the_same_descriptors(tmp_path: Path, name: str) -> None:
    with supervisor(tmp_path, BELISHA_DNS_WORKERS="2") as running:
        running.announcement()
        before = running.handed(name)
        os.kill(running.pids(name)[0], signal.SIGKILL)
        wait_for(lambda: len(running.pids(name)) == 2, f"a new {name}")
        after = running.handed(name, 1)
        assert after["inherited"] == before["inherited"]
        assert after["bound"] == before["bound"]
        [death] = running.events("child died")
        assert (death["child"], death["signal"], death["next_start"]) == (name, "SIGKILL", 0.0)
        others = {"worker-0", "worker-1", "admin"} - {name}
        assert all(len(running.pids(other)) == 1 for other in others)


def test_a_child_that_dies_at_start_is_tried_with_growing_pauses(tmp_path: Path) -> None:
    with supervisor(tmp_path, Spec(worker="dies")) as running:
        wait_for(lambda: len(running.events("child died")) >= 4, "four deaths")
        deaths = running.events("child died")
        assert [death["next_start"] for death in deaths[:4]] == [0.0, 0.25, 0.5, 1.0]
        assert {death["exit_code"] for death in deaths} == {3}
        assert running.stop() == 0


def test_sigterm_ends_everything_in_order(tmp_path: Path) -> None:
    with supervisor(tmp_path, BELISHA_DNS_WORKERS="2") as running:
        running.announcement()
        assert running.stop() == 0
        assert {event["child"] for event in running.events("child ended")} == {
            "worker-0",
            "worker-1",
            "admin",
        }
        assert not running.events("child died")
        assert [event["signal"] for event in running.events("stopping")] == ["SIGTERM"]


def test_a_child_that_was_stopped_ends_too(tmp_path: Path) -> None:
    with supervisor(tmp_path) as running:
        running.announcement()
        os.kill(running.pids("worker-0")[0], signal.SIGSTOP)
        assert running.stop() == 0
        ended = {event["child"]: event["signal"] for event in running.events("child ended")}
        assert ended["worker-0"] == "SIGTERM"


def test_a_child_that_will_not_end_is_killed_in_the_end(tmp_path: Path) -> None:
    with supervisor(tmp_path, Spec(worker="stubborn", stop_seconds=0.3)) as running:
        running.announcement()
        running.handed("worker-0")
        assert running.stop() == 0
        assert [event["child"] for event in running.events("child did not end in time and is killed")] == [
            "worker-0"
        ]
        ended = {event["child"]: event["signal"] for event in running.events("child ended")}
        assert ended == {"worker-0": "SIGKILL", "admin": "SIGTERM"}


def test_a_second_request_ends_the_patience(tmp_path: Path) -> None:
    with supervisor(tmp_path, Spec(worker="stubborn", stop_seconds=1000)) as running:
        running.handed("worker-0")
        running.process.send_signal(signal.SIGTERM)
        wait_for(lambda: running.events("stopping"), "the first request")
        assert running.stop(signal.SIGINT) == 0


def test_sighup_is_told_and_ignored(tmp_path: Path) -> None:
    with supervisor(tmp_path) as running:
        running.announcement()
        running.process.send_signal(signal.SIGHUP)
        wait_for(
            lambda: [e for e in running.events() if e["event"].startswith("SIGHUP ignored")], "the event"
        )
        assert alive(running.pids("worker-0")[0])
        assert running.stop() == 0


def test_nothing_is_left_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    with supervisor(tmp_path, BELISHA_DNS_WORKERS="2") as running:
        running.announcement()
        pids = [running.pids(name)[0] for name in ("worker-0", "worker-1", "admin")]
        running.process.kill()
        running.process.wait()
        wait_for(lambda: not any(alive(pid) for pid in pids), "the end of every child")


def test_the_start_goes_on_when_the_admin_process_is_slow(tmp_path: Path) -> None:
    with supervisor(tmp_path, Spec(admin="silent", patience=0.2)) as running:
        wait_for(lambda: running.events("not everything came up"), "the event")
        os.kill(running.pids("worker-0")[0], signal.SIGKILL)
        wait_for(lambda: len(running.pids("worker-0")) == 2, "a new worker meanwhile")
