"""A real DNS worker process, as the supervisor would start it, and the far end of its channel.

    with WorkerProcess(folder, upstream.url) as worker:
        assert worker.hear(Hello).generation == 1
        ask(worker.address, "bad.example")

The process gets its sockets, its channel and its lifeline by inheritance; stderr goes to a file, so
that what it logs can be read after it has ended.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from resolver.generation.messages import MAX_MESSAGE, ToAdmin, ToWorker, decode_for_admin, encode
from resolver.inherited import VARIABLE, Inherited, UdpSocket
from resolver.settings import Dns, Settings, snapshot
from resolver.upstreams import Upstream

COMMAND = (sys.executable, "-P", "-m", "resolver.serving")
SECONDS = 30.0
"""How long something may take that must happen; no test waits for it."""

M = TypeVar("M", bound=msgspec.Struct)


class WorkerProcess:
    """One worker over a data folder; `address` is where it serves UDP and TCP."""

    def __init__(self, data: Path, *upstreams: str, settings: Settings | None = None) -> None:
        self.settings = settings or Settings(
            data_dir=str(data),
            upstream=tuple(Upstream(url) for url in upstreams or ("udp://127.255.255.254:9",)),
            dns=Dns(allow=("127.0.0.0/8",)),
        )
        self.command: Sequence[str] = COMMAND
        self.log = data.parent / f"{data.name}.log"
        self._ours: list[socket.socket] = []
        self.udp, self.tcp = self._listen()
        self.address = ("127.0.0.1", int(self.udp.getsockname()[1]))
        self.channel, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.channel.settimeout(SECONDS)
        self._read_end, self.lifeline = os.pipe()
        self.process: subprocess.Popen[bytes] | None = None

    def _listen(self) -> tuple[socket.socket, socket.socket]:
        """A UDP and a listening TCP socket at one port."""
        for _ in range(50):
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self._ours += [udp, tcp]
            udp.bind(("127.0.0.1", 0))
            try:
                tcp.bind(udp.getsockname())
            except OSError:
                continue
            tcp.listen(64)
            return udp, tcp
        raise OSError("no port was free for UDP and TCP alike")

    def start(self) -> Self:
        """Start the process, with the same sockets as before if it ran already."""
        inherited = Inherited(
            "",
            self._read_end,
            [self._theirs.fileno()],
            0,
            [UdpSocket(self.udp.fileno())],
            [self.tcp.fileno()],
        )
        environment = {**os.environ, **snapshot(self.settings), VARIABLE: inherited.to_environment()}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stderr=log,
                pass_fds=inherited.descriptors(),
            )
        return self

    def say(self, message: ToWorker) -> None:
        """Tell the worker something."""
        self.channel.send(encode(message))

    def hear(self, kind: type[M]) -> M:
        """The next message of a kind; others are passed over. Raises TimeoutError."""
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            message: ToAdmin = decode_for_admin(self.channel.recv(MAX_MESSAGE))
            if isinstance(message, kind):
                return message
        raise TimeoutError(f"no {kind.__name__} within {SECONDS} s; its log:\n{self.log.read_text()}")

    def wait(self) -> int:
        """The exit status, once the process has ended. Raises TimeoutExpired."""
        assert self.process is not None
        return self.process.wait(SECONDS)

    def events(self) -> list[dict[str, object]]:
        """What it has logged, one JSON object a line."""
        lines: Sequence[bytes] = self.log.read_bytes().splitlines()
        return [msgspec.json.decode(line) for line in lines]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for one in (*self._ours, self.channel, self._theirs):
            one.close()
        os.close(self._read_end)
        if self.lifeline >= 0:
            os.close(self.lifeline)

    def cut_lifeline(self) -> None:
        """End like a supervisor that was killed."""
        os.close(self.lifeline)
        self.lifeline = -1
