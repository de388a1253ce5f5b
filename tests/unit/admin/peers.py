"""Scripted workers at the far end of real SEQPACKET pairs, for tests of the admin process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from resolver.admin.workers import Workers
from resolver.generation.messages import (
    MAX_MESSAGE,
    Commit,
    Committed,
    Flush,
    Flushed,
    Hello,
    Ping,
    Prepare,
    Prepared,
    Refresh,
    ToAdmin,
    ToWorker,
    decode_for_worker,
    encode,
)

LONG = 20.0
"""Seconds that no test waits for: something answers before."""
SHORT = 0.15
"""Seconds given to somebody who will not answer."""

Script = Callable[[ToWorker], list[ToAdmin]]


def good(worker: int = 0) -> Script:
    """A worker as it should be."""
    serving = 0

    def answer(message: ToWorker) -> list[ToAdmin]:
        nonlocal serving
        match message:
            case Ping(number=number):
                return [Hello(worker, 100 + worker, serving, number)]
            case Refresh():
                return []
            case Prepare(generation=generation):
                return [Prepared(generation)]
            case Commit(generation=generation):
                serving = generation
                return [Committed(generation)]
            case Flush(number=number):
                return [Flushed(number, 10 + worker)]

    return answer


def dead(message: ToWorker) -> list[ToAdmin]:
    """A worker that was killed: the socket is open, nobody reads it."""
    return []


class Peer:
    """The far end of one channel, played by a script."""

    def __init__(self, sock: socket.socket, script: Script) -> None:
        sock.setblocking(False)
        self.socket = sock
        self.script = script
        self.heard: list[ToWorker] = []

    def start(self) -> None:
        asyncio.get_running_loop().add_reader(self.socket, self._read)

    def stop(self) -> None:
        asyncio.get_running_loop().remove_reader(self.socket)

    def say(self, *messages: ToAdmin) -> None:
        for message in messages:
            self.socket.send(encode(message))

    def _read(self) -> None:
        message = decode_for_worker(self.socket.recv(MAX_MESSAGE))
        self.heard.append(message)
        with suppress(BlockingIOError):
            self.say(*self.script(message))


@contextmanager
def pairs(count: int) -> Iterator[tuple[list[socket.socket], list[socket.socket]]]:
    made = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(count)]
    try:
        yield [near for near, _ in made], [far for _, far in made]
    finally:
        for near, far in made:
            near.close()
            far.close()


@asynccontextmanager
async def playing(*scripts: Script) -> AsyncIterator[tuple[Workers, list[Peer]]]:
    with pairs(len(scripts)) as (near, far):
        workers = Workers(near)
        peers = [Peer(sock, script) for sock, script in zip(far, scripts, strict=True)]
        workers.start()
        for peer in peers:
            peer.start()
        try:
            yield workers, peers
        finally:
            for peer in peers:
                peer.stop()
            workers.close()


async def settle(done: Callable[[], bool]) -> None:
    """Let the loop run until something has happened."""
    async with asyncio.timeout(LONG):
        while not done():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.001)
