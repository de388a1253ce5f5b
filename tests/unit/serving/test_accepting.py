"""Taking connections with real sockets: all of them, in turns, and quietly when there is no room."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from resolver.serving import accepting
from resolver.serving.accepting import ACCEPTED, Acceptor
from tests.unit.serving.ground import nothing_raises, until


class Taken(asyncio.Protocol):
    """Counts what was taken."""

    made: list[asyncio.BaseTransport]

    def __init__(self) -> None:
        self.made = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.made.append(transport)


class Faulty(socket.socket):
    """Raises these errors before it accepts."""

    errors: list[int]
    asked = 0

    def accept(self) -> tuple[socket.socket, object]:
        self.asked += 1
        if self.errors:
            raise OSError(self.errors.pop(0), "as told")
        return super().accept()


class Stage:
    """An acceptor, what it took, and how often it asked for room."""

    def __init__(self, errors: list[int]) -> None:
        self.listening = Faulty(socket.AF_INET, socket.SOCK_STREAM)
        self.listening.errors = errors
        self.listening.bind(("127.0.0.1", 0))
        self.listening.listen(64)
        self.protocol = Taken()
        self.freed = 0
        self.acceptor = Acceptor(self.listening, lambda: self.protocol, self.free)
        self.clients: list[socket.socket] = []

    def free(self) -> None:
        self.freed += 1

    def connect(self, count: int) -> None:
        for _ in range(count):
            self.clients.append(socket.create_connection(self.listening.getsockname(), 5))


@asynccontextmanager
async def stage(*errors: int) -> AsyncIterator[Stage]:
    with nothing_raises():
        made = Stage(list(errors))
        try:
            yield made
        finally:
            made.acceptor.close()
            for transport in made.protocol.made:
                assert isinstance(transport, asyncio.Transport)
                transport.abort()
            for client in made.clients:
                client.close()
            await asyncio.sleep(0)
            await asyncio.sleep(0)


async def test_a_burst_is_taken_whole_and_in_turns() -> None:
    async with stage() as on:
        on.connect(3 * ACCEPTED)
        on.acceptor._readable()
        assert on.listening.asked == ACCEPTED
        await until(lambda: len(on.protocol.made) == 3 * ACCEPTED)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
async def test_without_room_it_rests_and_makes_some(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(accepting, "REST", 0.02)
    async with stage(number, number) as on:
        on.connect(2)
        await until(lambda: len(on.protocol.made) == 2)
        assert on.freed == 2
        assert on.listening.asked <= 2 + 3, "no spinning: one look for each rest, then both and an end"


async def test_it_does_not_spin_while_there_is_no_room() -> None:
    async with stage(*[errno.EMFILE] * 1_000) as on:
        on.connect(1)
        await until(lambda: on.listening.asked)
        for _ in range(50):
            await asyncio.sleep(0)
        assert on.listening.asked == 1


@pytest.mark.parametrize("number", [errno.ECONNABORTED, errno.EPROTO, errno.EINTR])
async def test_one_that_is_gone_already_is_no_fault(number: int) -> None:
    async with stage(number) as on:
        on.connect(1)
        await until(lambda: len(on.protocol.made) == 1)
        assert on.freed == 0


async def test_closing_while_it_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "REST", 0.02)
    async with stage(errno.EMFILE) as on:
        on.connect(1)
        await until(lambda: on.freed)
    assert on.listening.fileno() == -1
    await asyncio.sleep(2 * accepting.REST)  # nothing looks at a closed socket


async def test_a_connection_that_cannot_be_served_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOTCONN, "gone")

    async with stage() as on:
        monkeypatch.setattr(asyncio.get_running_loop(), "connect_accepted_socket", refuse)
        on.connect(1)
        assert await asyncio.to_thread(on.clients[0].recv, 1) == b""
        assert not on.acceptor._tasks
