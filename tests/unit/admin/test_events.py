"""The log of the HTTP process: one JSON object a line, whatever is in it, and no secrets."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import structlog

from resolver.admin.http import Route
from tests.unit.admin.plane import echo, running

OPEN = Route("GET", "/open", "public", echo, "open")
LISTS = Route("PUT", "/v1/lists/{id}", "lists:push", echo, "lists")

_PROGRAM = r"""
import logging, structlog
from resolver.admin.events import configure
configure()
log = structlog.get_logger("x")
log.info("evil\nname", text="\x1b[31m\r\n\u202e\u2028", octets=b"\xff", half="\udcff")
log.debug("not told")
logging.getLogger("aiohttp.server").error("a library says %s", "this\nand that")
try:
    raise ValueError("line one\nline two")
except ValueError as error:
    log.error("crashed", exc_info=error)
    logging.getLogger("asyncio").exception("so does this")
"""


def test_each_event_is_one_line_of_plain_json() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, check=True, timeout=30)
    assert done.stdout == b""
    assert all(octet == 10 or 32 <= octet < 127 for octet in done.stderr)
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert [event["event"] for event in events] == [
        "evil\nname", "a library says this\nand that", "crashed", "so does this",
    ]  # fmt: skip
    assert [event["level"] for event in events] == ["info", "error", "error", "error"]
    assert all(list(event)[:3] == ["timestamp", "level", "event"] for event in events)
    assert all(event["timestamp"].endswith("Z") for event in events)
    assert all("line two" in event["exception"] for event in events[2:])


_END = "\nprint('went on', flush=True); os._exit(0)"
"""Without the interpreter's own end, which flushes the closed stream and complains."""


def test_a_log_that_nobody_takes_stops_nothing() -> None:
    program = _PROGRAM.replace("log = ", "import os; os.close(2); log = ") + _END
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=30)
    assert done.stdout == b"went on\n"


async def _events(tmp_path: Path, *requests: dict[str, Any]) -> list[dict[str, Any]]:
    with structlog.testing.capture_logs() as captured:
        async with running(tmp_path, [OPEN, LISTS]) as plane:
            for one in requests:
                await plane.ask(**one)
            text = json.dumps(captured)
            for token in plane.known.values():
                assert token not in text and token.rpartition("_")[2] not in text
    return [dict(event) for event in captured if event["event"] == "request"]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (
            {"method": "PUT", "target": "/v1/lists/news?x=hush", "body": b"hush"},
            ("PUT", "/v1/lists/{id}", 400, "t0", "info"),
        ),
        (
            {"method": "PUT", "target": "/v1/lists/news", "scopes": None},
            ("PUT", "/v1/lists/{id}", 401, "", "info"),
        ),
        ({"method": "PUT", "target": "/v1/lists/news"}, ("PUT", "/v1/lists/{id}", 200, "t0", "info")),
        ({"method": "GET", "target": "/hush"}, ("GET", "", 404, "t0", "info")),
        ({"method": "GET", "target": "/open", "scopes": None}, ("GET", "/open", 200, "", "debug")),
        ({"method": "GET", "target": "/open?hush=1", "scopes": None}, ("GET", "/open", 400, "", "info")),
        ({"method": "PROPFIND", "target": "/open"}, ("PROPFIND", "", 405, "t0", "info")),
    ],
)  # fmt: skip
async def test_a_request_is_one_event(tmp_path: Path, asked: dict[str, Any], told: tuple[Any, ...]) -> None:
    [event] = await _events(tmp_path, asked)
    found = tuple(event[key] for key in ("method", "path", "status", "caller", "log_level"))
    assert found == told
    assert event["ms"] >= 0
    assert event["address"] == "127.0.0.1"
    assert "hush" not in json.dumps(event)
