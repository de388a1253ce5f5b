"""A steady load with a memory: so many questions a second, each with its times and its verdict.

Runs as its own process so that the measuring does not slow what is measured. It reads names from a
file, asks them in turn from several ports, and writes one line for each question: name, second sent,
second answered (or -1), verdict ("b" blocked, "o" other). Times are of CLOCK_MONOTONIC, which all
processes of a machine share.
"""

from __future__ import annotations

import select
import signal
import socket
import sys
import time
from pathlib import Path

PORTS = 8
PATIENCE = 5.0
"""Seconds after which a question counts as lost."""


def query(number: int, name: str) -> bytes:
    """A question for A, class IN, RD set."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return number.to_bytes(2, "big") + b"\x01\0\0\x01\0\0\0\0\0\0" + labels + b"\0\0\x01\0\x01"


class Load:
    """Asks `names` in turn at `rate` questions a second for `seconds`."""

    def __init__(self, port: int, names: list[str], rate: float, seconds: float) -> None:
        self.names, self.rate, self.seconds = names, rate, seconds
        self.sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(PORTS)]
        self.poll = select.epoll()
        for sock in self.sockets:
            sock.setblocking(False)
            sock.connect(("127.0.0.1", port))
            self.poll.register(sock, select.EPOLLIN)
        self.by_descriptor = {sock.fileno(): sock for sock in self.sockets}
        self.sent: list[tuple[str, float]] = []
        self.answers: dict[int, tuple[float, str]] = {}
        self.waiting: dict[tuple[int, int], int] = {}
        self.end = 0.0

    def stop(self, *_: object) -> None:
        """Send nothing more (SIGTERM); what is under way is still waited for."""
        self.end = time.monotonic()

    def run(self) -> None:
        """Until `seconds` are over or `stop` is called."""
        start = time.monotonic()
        self.end = start + self.seconds
        while True:
            now = time.monotonic()
            due = int((min(now, self.end) - start) * self.rate)
            while len(self.sent) < due:
                self._send()
            end = self.end
            self._receive(0.0005)
            if now > end and (not self.waiting or now > end + PATIENCE):
                return

    def _send(self) -> None:
        index = len(self.sent)
        sock = self.sockets[index % PORTS]
        number = (index // PORTS) & 0xFFFF
        name = self.names[index % len(self.names)]
        self.waiting[sock.fileno(), number] = index
        self.sent.append((name, time.monotonic()))
        sock.send(query(number, name))

    def _receive(self, seconds: float) -> None:
        for descriptor, _ in self.poll.poll(seconds):
            sock = self.by_descriptor[descriptor]
            while True:
                try:
                    data = sock.recv(2048)
                except BlockingIOError:
                    break
                index = self.waiting.pop((descriptor, data[0] << 8 | data[1]), None)
                if index is not None:
                    verdict = "b" if data.endswith(b"\0\x04\0\0\0\0") else "o"
                    self.answers[index] = (time.monotonic(), verdict)


def main() -> None:
    port, rate, seconds, names, out = sys.argv[1:]
    load = Load(int(port), Path(names).read_text().split(), float(rate), float(seconds))
    signal.signal(signal.SIGTERM, load.stop)
    load.run()
    with Path(out).open("w") as file:
        for index, (name, sent) in enumerate(load.sent):
            answered, verdict = load.answers.get(index, (-1.0, "-"))
            file.write(f"{name} {sent:.6f} {answered:.6f} {verdict}\n")


if __name__ == "__main__":
    main()
