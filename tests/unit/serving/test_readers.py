"""Many sockets behind one descriptor: each is told of, none is told of too often, all can go."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from resolver.serving.readers import Readers
from resolver.serving.turn import Turn


@pytest.fixture
def pairs() -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    made = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(200)]
    for pair in made:
        for one in pair:
            one.setblocking(False)
    yield made
    for pair in made:
        for one in pair:
            one.close()


def descriptors() -> int:
    """How many this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def turns(count: int = 8) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_every_socket_is_read_and_what_is_left_is_told_again(
    pairs: list[tuple[socket.socket, socket.socket]],
) -> None:
    readers, got = Readers(Turn()), []
    for number, (ours, theirs) in enumerate(pairs):
        # One packet for each call, so a second one must bring a second call.
        readers.add(ours.fileno(), lambda ours=ours, number=number: got.append((number, ours.recv(9))))  # type: ignore[misc]
        theirs.send(b"one")
        theirs.send(b"two")
    await turns()
    assert sorted(got) == [(number, text) for number in range(200) for text in (b"one", b"two")]
    readers.close()


async def test_a_removed_socket_is_not_told_of(pairs: list[tuple[socket.socket, socket.socket]]) -> None:
    readers, got = Readers(Turn()), []
    (ours, theirs), (other, others) = pairs[:2]
    readers.add(ours.fileno(), lambda: got.append("ours"))
    readers.add(other.fileno(), lambda: got.append(other.recv(9).decode()))
    readers.remove(ours.fileno())
    readers.remove(ours.fileno())
    theirs.send(b"x")
    others.send(b"other")
    await turns()
    assert got == ["other"]
    readers.close()


async def test_a_callback_may_close_its_neighbour(pairs: list[tuple[socket.socket, socket.socket]]) -> None:
    """Both are in one batch of events; whichever comes first takes the other away."""
    readers, got = Readers(Turn()), []

    def take(mine: int, other: int) -> None:
        pairs[mine][0].recv(9)
        readers.remove(pairs[other][0].fileno())
        got.append(mine)

    for mine, other in ((0, 1), (1, 0)):
        readers.add(pairs[mine][0].fileno(), lambda mine=mine, other=other: take(mine, other))  # type: ignore[misc]
        pairs[mine][1].send(b"x")
    await turns()
    assert len(got) == 1
    readers.close()


async def test_closing_leaves_no_descriptor_and_may_be_repeated() -> None:
    before = descriptors()
    for _ in range(10):
        readers = Readers(Turn())
        ours, theirs = socket.socketpair()
        readers.add(ours.fileno(), lambda: None)
        readers.close()
        readers.close()
        readers.remove(ours.fileno())
        ours.close()
        theirs.close()
    assert descriptors() == before


async def test_what_is_no_descriptor_is_refused() -> None:
    readers = Readers(Turn())
    with pytest.raises(OSError):
        readers.add(1 << 20, lambda: None)
    readers.close()
