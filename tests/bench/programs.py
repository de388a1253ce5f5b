"""The C programs beside this file: compiled when first needed, run, and read.

    echo    the ceiling of the machine: a server that only sets a bit and adds a fixed record
    stub    the upstream of everything that is measured
    load    asks, and counts what comes back

They are C because a Python load or upstream is slower than the servers that are measured with it, and
would be what is measured. Where there is no compiler (`cc`), there are no figures.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

HOST: Final = "127.0.0.1"
HERE: Final = Path(__file__).parent
PORTS: Final = (20_000, 32_000)
LOST_OF_ALL: Final = 0.001
"""A server that leaves more than this share of the questions unanswered is overrun: no figure."""


class Seen(msgspec.Struct):
    """What load.c prints: of how long, how many, what the answers were, and microseconds until they came.

    `wrong` answers are those that were not what the file of questions expects; `next` is the number the
    next name never asked before would have had.
    """

    seconds: float
    sent: int
    answered: int
    lost: int
    wrong: int
    unexpected: int
    blocked: int
    forwarded: int
    failed: int
    other: int
    rate: float
    p50: float
    p99: float
    p999: float
    longest: float
    next: int

    @property
    def fault(self) -> str:
        """Why this is no figure; "" when it is one."""
        if not self.answered:
            return "no answers"
        if self.wrong:
            return f"{self.wrong / self.answered:.1%} wrong"
        return f"{self.lost / self.sent:.1%} lost" if self.lost > LOST_OF_ALL * self.sent else ""


def available() -> bool:
    """Whether there is a C compiler."""
    return shutil.which("cc") is not None


@cache
def _folder() -> Path:
    folder = tempfile.mkdtemp(prefix="belisha-bench-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@cache
def program(name: str) -> Path:
    """Compile `name.c`. Raises CalledProcessError when it does not compile."""
    made = _folder() / name
    subprocess.run(["cc", "-O2", "-o", made, HERE / f"{name}.c"], check=True)
    return made


def free_port() -> int:
    """A port that was free for UDP and TCP a moment ago.

    Not one of those that sockets get that ask for any: until the server has bound it, a client could
    get the very port it sends to, and read its own question.
    """
    for _ in range(50):
        port = random.randrange(*PORTS)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            with contextlib.suppress(OSError):
                udp.bind((HOST, port))
                tcp.bind((HOST, port))
                return port
    raise OSError("no port was free for UDP and TCP alike")


@contextlib.contextmanager
def served(name: str, core: int | None = None) -> Iterator[tuple[int, int]]:
    """Port and process id of a running `echo` or `stub`, on that core or those that are allowed now."""
    port = free_port()
    with subprocess.Popen([program(name), str(port)]) as process:
        try:
            if core is not None:
                os.sched_setaffinity(process.pid, {core})
            time.sleep(0.1)  # it has bound its port by then: its first action
            yield port, process.pid
        finally:
            process.kill()


def arguments(port: int, questions: Path, **options: float) -> list[str]:
    """The command for load.c; the options are its own letters: `t=2, r=5000`."""
    words = [str(program("load")), "-p", str(port), "-f", str(questions)]
    for letter, value in options.items():
        words += [f"-{letter}", str(value)]
    return words


def load(port: int, questions: Path, **options: float) -> Seen:
    """Ask, to the end. Raises CalledProcessError when load.c could not."""
    done = subprocess.run(arguments(port, questions, **options), stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=Seen)


def load_once(port: int, questions: Path) -> Seen:
    """Ask every question of a file once, not faster than any server likes."""
    words = [*arguments(port, questions, w=32, t=60, l=5), "-1"]
    return msgspec.json.decode(subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout, type=Seen)
