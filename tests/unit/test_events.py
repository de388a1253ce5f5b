"""The log: one JSON object a line, whatever it is told and whoever reads it."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys

import pytest

from resolver.events import log


def test_one_event_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    log("child died", "error", child="worker-0", pid=7, lived=0.5, reason="line\nbreak \x1b[31m", none=None)
    [line] = capsys.readouterr().err.splitlines()
    event = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event.pop("timestamp"))
    assert event == {
        "level": "error",
        "event": "child died",
        "child": "worker-0",
        "pid": 7,
        "lived": 0.5,
        "reason": "line\nbreak \x1b[31m",
        "none": None,
    }
    assert "\x1b" not in line


def test_a_log_that_nobody_takes_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    closed = io.StringIO()
    closed.close()
    for stream in (Full(), closed):
        monkeypatch.setattr(sys, "stderr", stream)
        log("anything")


@pytest.mark.parametrize(
    "module", ["aiohttp", "marisa_trie", "asyncio", "sqlite3", "structlog", "rich", "ssl"]
)
def test_the_supervisor_carries_nothing_heavy(module: str) -> None:
    """What `belisha serve` imports stays in memory for as long as Belisha runs."""
    program = f"import sys; import resolver.cli.serve; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
