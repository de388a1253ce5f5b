"""One child: its back-off without waiting, its start with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from resolver.inherited import VARIABLE, Inherited
from resolver.supervisor.child import (
    OLD,
    PAUSES,
    YOUNG,
    YOUNG_KILLED,
    Child,
    ending,
    environment_for,
    module,
    reap_orphans,
)
from tests.unit.supervisor.fakes import wait_for

Events = list[tuple[str, dict[str, Any]]]


def child(*command: str, events: Events | None = None, descriptors: tuple[int, ...] = ()) -> Child:
    def tell(event: str, level: str = "info", **facts: Any) -> None:
        if events is not None:
            events.append((event, facts))

    return Child("one", command or ("/bin/true",), dict(os.environ), descriptors, tell)


def wait_end(one: Child) -> None:
    """Until the process has ended, without anybody having noticed yet."""
    pid = one.pid
    assert pid
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


CRASH = ("/bin/sh", "-c", "exit 1")
KILLED = ("/bin/sh", "-c", "kill -KILL $$")
FAULT = ("/bin/sh", "-c", "kill -SEGV $$")


def pauses_of(lives: list[float], command: tuple[str, ...]) -> list[float]:
    """The pause after each life of those lengths, told by a clock of our own."""
    events: Events = []
    one, now, found = child(*command, events=events), 100.0, []
    for lived in lives:
        if one.pid is None:  # else it was started when the death before it was noticed
            one.tend(now)
        wait_end(one)
        now += lived
        one.tend(now)
        pause = next(facts["next_start"] for event, facts in reversed(events) if event == "child died")
        found.append(pause)
        if pause:
            assert one.pid is None
            assert one.wait_seconds(now) == pytest.approx(pause)
            one.tend(now + pause / 2)
            assert one.pid is None, "too early"
        now += pause
    if one.pid:
        wait_end(one)
    one.gone()
    return found


LIVES: list[tuple[str, tuple[str, ...], list[float], list[float]]] = [
    ("at once after one death", CRASH, [0.1], [0.0]),
    ("pauses grow to five seconds", CRASH, [0.1] * 8, [0.0, 0.25, 0.5, 1.0, 2.0, 5.0, 5.0, 5.0]),
    ("a fault counts like a crash", FAULT, [1.0] * 3, [0.0, 0.25, 0.5]),
    ("an old life clears the record", CRASH, [0.1, 0.1, 0.1, OLD + 1, 0.1], [0.0, 0.25, 0.5, 0.0, 0.0]),
    ("killing a healthy one never makes it wait", KILLED, [YOUNG_KILLED + 0.1] * 6, [0.0] * 6),
    ("what is killed before it has begun does wait", KILLED, [0.1] * 3, [0.0, 0.25, 0.5]),
    ("a life in between neither counts nor clears", CRASH, [0.1, 0.1, YOUNG + 1, 0.1], [0.0, 0.25, 0.0, 0.5]),
]


@pytest.mark.parametrize(
    ("command", "lives", "pauses"), [row[1:] for row in LIVES], ids=[row[0] for row in LIVES]
)
def test_the_pause_before_the_next_start(
    command: tuple[str, ...], lives: list[float], pauses: list[float]
) -> None:
    assert pauses_of(lives, command) == pytest.approx(pauses)


def test_pauses_are_a_rising_table_up_to_five_seconds() -> None:
    assert list(PAUSES) == sorted(PAUSES)
    assert (PAUSES[0], PAUSES[-1]) == (0.0, 5.0)


def test_a_death_is_told_with_its_cause() -> None:
    events: Events = []
    one = child("/bin/sh", "-c", "exit 7", events=events)
    one.tend(0.0)
    pid = one.pid
    wait_end(one)
    one.tend(1.0)
    assert events[0] == ("child started", {"child": "one", "pid": pid})
    assert events[1] == (
        "child died",
        {"child": "one", "pid": pid, "lived": 1.0, "next_start": 0.0, "exit_code": 7},
    )
    assert one.deaths == 1
    wait_end(one)
    assert one.gone()


def test_a_command_that_is_not_there_is_tried_again_later() -> None:
    events: Events = []
    one = child("/nowhere/python", events=events)
    for now in (0.0, 0.0, 0.25, 0.75):
        one.tend(now)
        assert one.pid is None
    assert [event for event, _ in events] == ["child cannot be started"] * 4
    assert one.wait_seconds(0.75) == pytest.approx(1.0)


def test_only_what_is_named_is_handed_over() -> None:
    kept, other = os.pipe()
    with subprocess.Popen(["/bin/true"]):
        one = child(
            sys.executable,
            "-c",
            f"import os; os.fstat({kept}); os._exit(9 if os.path.exists('/proc/self/fd/{other}') else 0)",
            descriptors=(kept,),
        )
        one.tend(0.0)
        wait_end(one)
    assert one._process
    assert one._process.wait() == 0
    one.gone()
    os.close(kept)
    os.close(other)


def test_signals_reach_a_running_child_and_no_other() -> None:
    one = child("/bin/sleep", "60")
    one.send(signal.SIGTERM)  # not started: nobody to send it to
    one.tend(0.0)
    assert not one.gone()
    one.send(signal.SIGTERM)
    wait_end(one)
    assert one.gone()
    assert one.pid is None


@pytest.mark.parametrize(
    ("code", "facts"),
    [(0, {"exit_code": 0}), (3, {"exit_code": 3}), (-9, {"signal": "SIGKILL"}), (-40, {"signal": "40"})],
)
def test_how_a_process_ended(code: int, facts: dict[str, object]) -> None:
    assert ending(code) == facts


def test_our_modules_are_not_taken_from_the_working_folder(tmp_path: Path) -> None:
    (tmp_path / "resolver").mkdir()
    (tmp_path / "resolver" / "__init__.py").write_text("raise SystemExit('taken from the working folder')")
    done = subprocess.run(
        [*module("resolver"), "version"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.stdout.startswith(b"belisha ")


def test_the_environment_of_a_child() -> None:
    inherited = Inherited(config="", lifeline=3, control=[4])
    base = {"PATH": "/bin", "BELISHA_TOKEN": "secret", "NOTIFY_SOCKET": "/run/notify", VARIABLE: "old"}
    assert environment_for(inherited, base, {"BELISHA_SETTINGS": "{}"}) == {
        "PATH": "/bin",
        "BELISHA_SETTINGS": "{}",
        VARIABLE: inherited.to_environment(),
    }


def test_process_1_buries_the_children_of_its_children(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = subprocess.Popen(["/bin/true"])
    stray = os.posix_spawn("/bin/true", ["true"], {})
    for pid in (ours.pid, stray):
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    reap_orphans({ours.pid})  # not process 1: strays are somebody else's
    os.waitid(os.P_PID, stray, os.WEXITED | os.WNOWAIT)
    monkeypatch.setattr(os, "getpid", lambda: 1)
    reap_orphans({ours.pid})
    assert ours.wait() == 0
    reap_orphans({ours.pid})
    wait_for(lambda: not Path(f"/proc/{stray}").exists(), "the burial")
