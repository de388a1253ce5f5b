"""Ask all of them everything, and sort what differs into what is explained and what is not."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.differential.compare import Difference, differences, read
from tests.differential.questions import Question, questions
from tests.differential.rules import explanation
from tests.differential.servers import SERVERS, missing
from tests.differential.world import behaviour
from tests.support.client import Address, exchange_tcp
from tests.support.upstream import ScriptedUpstream

_WINDOW: Final = 48
"""Questions in flight at one server: enough to be quick, few enough that no socket overflows."""

_PATIENCE: Final = 4.0
"""Seconds to wait for a window; a question that is silent twice is silent."""


@dataclass
class Report:
    """How many questions, how often each rule explained a difference, and what none explained."""

    asked: int = 0
    equal: int = 0
    seconds: float = 0.0
    explained: Counter[str] = field(default_factory=Counter)
    unexplained: list[Difference] = field(default_factory=list)


def run(count: int, seed: int = 1) -> Report:
    """Compare everybody who is installed. Raises OSError and TimeoutError when one cannot be started."""
    asked = questions(count, seed)
    report = Report(asked=count)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        upstream = stack.enter_context(ScriptedUpstream(behaviour))
        present = {name: start for name, start in SERVERS.items() if name not in missing()}
        addresses = {
            name: stack.enter_context(start(Path(folder) / name, upstream.port))
            for name, start in present.items()
        }
        # One after the other: they share an upstream, which one of them keeps busy.
        said = {name: _ask_all(address, asked) for name, address in addresses.items()}
    ours = said.pop("belisha")
    for server, theirs in said.items():
        for question, left, right in zip(asked, ours, theirs, strict=True):
            _judge(report, differences(question, server, left, right), read(question, left))
    report.seconds = time.monotonic() - began
    return report


def _judge(report: Report, found: list[Difference], ours: dict[str, object]) -> None:
    """Count a pair of replies: equal, or each difference under what explains it."""
    report.equal += not found
    for difference in found:
        rule = explanation(difference)
        if rule is None:
            report.unexplained.append(difference)
        else:
            report.explained[f"{difference.server}: {rule.name}"] += 1


def _ask_all(address: Address, asked: Sequence[Question]) -> list[bytes | None]:
    """The reply to each question, None for silence; those over TCP one by one."""
    said: list[bytes | None] = [None] * len(asked)
    by_udp = [number for number, question in enumerate(asked) if not question.tcp]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(address)
        for window in _windows(by_udp):
            for _ in range(2):
                silent = [number for number in window if said[number] is None]
                _ask_window(sock, asked, silent, said)
    for number, question in enumerate(asked):
        if question.tcp:
            with contextlib.suppress(EOFError, OSError):
                said[number] = exchange_tcp(address, question.octets, _PATIENCE)
    return said


def _windows(numbers: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(numbers), _WINDOW):
        yield numbers[start : start + _WINDOW]


def _ask_window(
    sock: socket.socket, asked: Sequence[Question], numbers: list[int], said: list[bytes | None]
) -> None:
    """Send some questions, and collect what comes; the ID is the number of the question."""
    waiting = {number & 0xFFFF: number for number in numbers}
    for low, number in waiting.items():
        sock.send(low.to_bytes(2, "big") + asked[number].octets[2:])
    until = time.monotonic() + _PATIENCE
    while waiting and (left := until - time.monotonic()) > 0:
        sock.settimeout(left)
        try:
            octets = sock.recv(65_535)
        except OSError:
            return
        found = waiting.pop(int.from_bytes(octets[:2], "big"), None)
        if found is not None:
            said[found] = octets
