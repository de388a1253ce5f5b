"""The measures must be able to find fault: a server that errs gets no figure, what grows no praise."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.bench import programs
from tests.bench.cdb import hash_of, write_cdb
from tests.bench.names import KINDS
from tests.bench.programs import HOST, Seen
from tests.bench.report import budgets, tables
from tests.bench.rounds import ECHO, TIMES, Figure, Measured
from tests.bench.soak import Sample, Soak, findings, warnings

needs_compiler = pytest.mark.skipif(not programs.available(), reason="there is no C compiler")

ADDRESS = bytes.fromhex("c00c000100010000003c0004")
STOP = b"stop"

# What the server below says to a name with this label: rcode and answer section.
REPLIES = {
    "nxdomain": (3, b""),
    "null": (0, ADDRESS + bytes(4)),
    "well": (0, ADDRESS + bytes((192, 0, 2, 1))),
    "elsewhere": (0, ADDRESS + bytes((192, 0, 2, 99))),
    "nodata": (0, b""),
    "servfail": (2, b""),
    "refused": (5, b""),
    "confused": (0, ADDRESS + bytes((192, 0, 2, 1))),
}


def _serve(sock: socket.socket) -> None:
    """Answer as the table says; "confused" repeats another question, names not in the table get nothing."""
    while (received := sock.recvfrom(512))[0] != STOP:
        data, peer = received
        word = next((word for word in REPLIES if word.encode() in data), None)
        if word is None:
            continue
        rcode, answer = REPLIES[word]
        question = data[12:].replace(b"confused", b"bemusing")
        counts = struct.pack(">4H", 1, bool(answer), 0, 0)
        sock.sendto(data[:2] + bytes((0x81, 0x80 | rcode)) + counts + question + answer, peer)


@pytest.fixture
def port() -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, 0))
        thread = threading.Thread(target=_serve, args=(sock,))
        thread.start()
        yield int(sock.getsockname()[1])
        sock.sendto(STOP, sock.getsockname())
        thread.join()


@needs_compiler
@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("nxdomain.example A blocked", False),
        ("null.example A blocked", False),
        ("well.example A blocked", True),
        ("nodata.example A blocked", True),
        ("well.example A forwarded", False),
        ("########.well.example A forwarded", False),
        ("null.example A forwarded", True),
        ("elsewhere.example A forwarded", True),
        ("nodata.example A forwarded", True),
        ("refused.example A forwarded", True),
        ("confused.example A forwarded", True),
        ("########.confused.example A forwarded", True),
        ("servfail.example A failed", False),
        ("refused.example A failed", True),
        ("nodata.example AAAA any", False),
        ("confused.example A any", True),
    ],
)
def test_the_load_knows_right_from_wrong(port: int, tmp_path: Path, line: str, wrong: bool) -> None:
    questions = tmp_path / "questions"
    questions.write_text(f"{line}\n" * 5)
    seen = programs.load_once(port, questions)
    assert (seen.sent, seen.answered, seen.lost) == (5, 5, 0)
    assert seen.wrong == (5 if wrong else 0)
    assert bool(seen.fault) is wrong


@needs_compiler
def test_the_load_counts_what_is_lost(port: int, tmp_path: Path) -> None:
    questions = tmp_path / "questions"
    questions.write_text("silent.example A any\nwell.example A any\n")
    seen = programs.load(port, questions, r=200, t=0.2, l=1.5)
    assert seen.lost == (seen.sent + 1) // 2
    assert seen.answered == seen.sent - seen.lost
    assert "lost" in seen.fault


@needs_compiler
def test_new_names_are_counted_on(port: int, tmp_path: Path) -> None:
    questions = tmp_path / "questions"
    questions.write_text("########.well.example A forwarded\n")
    seen = programs.load(port, questions, r=100, t=0.2, s=1000)
    assert seen.next == 1000 + seen.sent


@needs_compiler
@pytest.mark.parametrize(
    ("line", "answered"),
    [
        ("www.example A forwarded", True),
        ("www.example AAAA any", True),
        ("failing.example A failed", True),
        ("mute.example A any", False),
    ],
)
def test_the_upstream_does_what_it_should(tmp_path: Path, line: str, answered: bool) -> None:
    questions = tmp_path / "questions"
    questions.write_text(f"{line}\n")
    with programs.served("stub") as (port, _):
        seen = programs.load(port, questions, r=100, t=0.1, l=1.5)
    assert bool(seen.answered) is answered
    assert seen.wrong == 0


def _look_up(octets: bytes, key: bytes) -> bool:
    """As a reader of CDB does it."""
    value = hash_of(key)
    table, slots = struct.unpack_from("<II", octets, (value & 0xFF) * 8)
    for step in range(slots):
        found, at = struct.unpack_from("<II", octets, table + ((value >> 8) + step) % slots * 8)
        if not at:
            return False
        length, _ = struct.unpack_from("<II", octets, at)
        if found == value and octets[at + 8 : at + 8 + length] == key:
            return True
    return False


def test_every_key_of_a_constant_database_is_found(tmp_path: Path) -> None:
    write_cdb([f"ads{number}.example" for number in range(3_000)], tmp_path / "list")
    octets = (tmp_path / "list").read_bytes()
    keys = [f"\x04ads{number}\x07example\0".encode() for number in range(10)]
    assert all(_look_up(octets, key) for key in keys)
    assert not _look_up(octets, b"\x04adsx\x07example\0")


def _seen(**changed: Any) -> Seen:
    """A run without fault, but for what is changed."""
    usual = {**dict.fromkeys(Seen.__struct_fields__, 0), "sent": 1000, "answered": 1000}
    return msgspec.convert(usual | {"rate": 100_000.0, "p99": 200.0} | changed, Seen)


def _measured(title: str, **changed: Any) -> Measured:
    figures = {kind: [Figure(_seen(**changed), 8.0)] for kind in (*KINDS, TIMES)}
    return Measured(title, runs={ECHO: [Figure(_seen(rate=200_000.0), 3.0)], **figures}, foreign=[0.01])


def test_a_server_that_errs_gets_no_figure() -> None:
    text = "\n".join(tables([_measured("Belisha"), _measured("Unbound", wrong=500)]))
    assert "| Belisha | 100.0 (0.50; -)" in text
    assert "| Unbound | 50.0% wrong | 50.0% wrong" in text
    assert "not to be quoted" not in text


def test_a_busy_machine_is_told() -> None:
    busy = _measured("Belisha")
    busy.foreign = [0.7, 0.8, 0.9]
    assert "not to be quoted" in "\n".join(tables([busy]))


@pytest.mark.parametrize(
    ("unbound", "missed"),
    [
        ({"rate": 50_000.0}, 0),
        ({"rate": 60_000.0}, 1),  # first-seen names are not twice as many
        ({"rate": 120_000.0}, 3),  # nor are known ones more
        ({"rate": 50_000.0, "p99": 50.0}, 1),
    ],
)
def test_budgets_are_held_or_missed(unbound: dict[str, float], missed: int) -> None:
    ours, theirs = _measured("Belisha"), _measured("Unbound", **unbound)
    theirs.runs["first-seen"] = [Figure(figure.seen, 16.0) for figure in theirs.runs["first-seen"]]
    text = "\n".join(budgets([ours, theirs]))
    assert text.count("missed") == missed
    assert text.count("not measured") == 0


def _soak(sizes: list[float], files: list[int], pids: list[int], **seen: Any) -> Soak:
    samples = [Sample(pid, size, size, count) for pid, size, count in zip(pids, sizes, files, strict=True)]
    return Soak(seen=[_seen(**seen)], samples={"worker-0": samples})


@pytest.mark.parametrize(
    ("soak", "word"),
    [
        (_soak([60.0] * 8, [50] * 8, [7] * 8), ""),
        (_soak([60.0] * 4 + [61.0] * 4, [50] * 8, [7] * 8), ""),
        (_soak([60.0] * 4 + [70.0] * 4, [50] * 8, [7] * 8), "worker-0 grew by 16.7 %"),
        (_soak([60.0] * 8, [50] * 4 + [90] * 4, [7] * 8), "40 more files"),
        (_soak([60.0] * 8, [50] * 8, [7] * 6 + [8] * 2), "started again"),
        (_soak([60.0] * 8, [50] * 8, [7] * 8, lost=1), "1 of 1000 questions lost"),
        (_soak([60.0] * 8, [50] * 8, [7] * 8, wrong=2), "2 wrong answers"),
    ],
)
def test_the_soak_finds_what_is_not_as_it_should_be(soak: Soak, word: str) -> None:
    found = "; ".join(findings(soak, Counter()))
    assert word in found
    assert bool(found) is bool(word)


def test_warnings_and_what_is_no_event_are_found_in_a_log() -> None:
    events = [{"level": level, "event": "it happened"} for level in ("info", "warning", "error")]
    log = "\n".join([*map(json.dumps, events), "Traceback (most recent call last):"])
    found = warnings(log)
    assert found == {
        "warning: it happened": 1,
        "error: it happened": 1,
        "no event: Traceback (most recent call last):": 1,
    }
    assert any("it happened" in line for line in findings(_soak([1.0], [1], [1]), found))
