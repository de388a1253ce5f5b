"""Many with one call and one by one: two ways, one contract, on real sockets."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator

import pytest

from resolver.serving.batches import Batches
from resolver.serving.datagrams import datagrams
from resolver.serving.one_by_one import OneByOne
from resolver.serving.peers import MANY, OCTETS, Datagrams, ask_where_to, host_of

Make = Callable[[int, bool, bool], Datagrams]
FAMILIES = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


@pytest.fixture(params=[Batches, OneByOne], ids=["many", "one by one"])
def make(request: pytest.FixtureRequest) -> Make:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=FAMILIES, ids=["IPv4", "IPv6"])
def family(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def sock(family: int) -> Iterator[socket.socket]:
    with socket.socket(family, socket.SOCK_DGRAM) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        made.bind((FAMILIES[socket.AddressFamily(family)], 0))
        made.setblocking(False)
        yield made


@pytest.fixture
def client(sock: socket.socket) -> Iterator[socket.socket]:
    with socket.socket(sock.family, socket.SOCK_DGRAM) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        made.settimeout(5)
        made.connect(sock.getsockname())
        yield made


def test_nothing_is_nothing(make: Make, family: int, sock: socket.socket) -> None:
    assert make(family, False, False).receive(sock, MANY) == []


@pytest.mark.parametrize("count", [1, 2, MANY - 1, MANY, MANY + 1, 3 * MANY])
def test_there_and_back(
    make: Make, family: int, sock: socket.socket, client: socket.socket, count: int
) -> None:
    way = make(family, False, False)
    sent = [number.to_bytes(2, "big") + b"x" * (number % 50) for number in range(count)]
    for octets in sent:
        client.send(octets)
    found = []
    while got := way.receive(sock, 10_000):
        assert len(got) <= MANY
        found += got
    assert [octets for octets, _ in found] == sent
    assert {host_of(peer, family) for _, peer in found} == {FAMILIES[socket.AddressFamily(family)]}
    assert way.send(sock, [(octets[::-1], peer) for octets, peer in found]) == []
    assert [client.recv(OCTETS) for _ in sent] == [octets[::-1] for octets in sent]


def test_no_more_than_wanted(make: Make, family: int, sock: socket.socket, client: socket.socket) -> None:
    way = make(family, False, False)
    for number in range(5):
        client.send(bytes((number,)))
    assert [octets for octets, _ in way.receive(sock, 2)] == [b"\0", b"\1"]
    assert [octets for octets, _ in way.receive(sock, 64)] == [b"\2", b"\3", b"\4"]


def test_lengths_and_peers_do_not_mix(make: Make, family: int, sock: socket.socket) -> None:
    """Long after short, short after long, each from a port of its own, twice over the same buffers."""
    way = make(family, False, False)
    clients = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(7)]
    try:
        for round_ in range(3):
            for number, one in enumerate(clients):
                one.connect(sock.getsockname())
                one.settimeout(5)
                one.send(bytes((round_, number)) * (1 + (number * 37 + round_ * 101) % 600))
            found = way.receive(sock, MANY)
            assert way.send(sock, [(octets[:2] + b"!", peer) for octets, peer in found]) == []
            for number, one in enumerate(clients):
                octets, _ = found[number]
                assert octets == bytes((round_, number)) * (1 + (number * 37 + round_ * 101) % 600)
                assert one.recv(100) == bytes((round_, number)) + b"!"
    finally:
        for one in clients:
            one.close()


def test_what_is_too_long_is_cut(make: Make, family: int, sock: socket.socket, client: socket.socket) -> None:
    way = make(family, False, False)
    client.send(b"a" * (OCTETS + 1))
    client.send(b"b")
    client.send(b"")
    assert [octets for octets, _ in way.receive(sock, MANY)] == [b"a" * OCTETS, b"b", b""]


def test_a_connected_socket_has_no_peers(
    make: Make, family: int, sock: socket.socket, client: socket.socket
) -> None:
    way = make(family, True, False)
    client.setblocking(False)
    assert way.send(client, [(b"one", b""), (b"two", b"")]) == []
    others = make(family, False, False)
    found = others.receive(sock, MANY)
    assert [octets for octets, _ in found] == [b"one", b"two"]
    assert others.send(sock, found) == []
    assert way.receive(client, MANY) == [(b"one", b""), (b"two", b"")]


def test_the_word_of_the_network_is_heard(make: Make, family: int, client: socket.socket) -> None:
    """Nobody listens any more: reading says so, and what is sent afterwards is sent all the same."""
    with socket.socket(family, socket.SOCK_DGRAM) as gone:
        gone.bind((FAMILIES[socket.AddressFamily(family)], 0))
        client.connect(gone.getsockname())
    client.setblocking(False)
    way = make(family, True, False)
    assert way.send(client, [(b"x", b"")]) == []
    with pytest.raises(ConnectionRefusedError):
        way.receive(client, MANY)
    assert way.receive(client, MANY) == []
    # The error of the first is the answer to the second; each is tried twice, so none counts as failed.
    assert way.send(client, [(b"x", b"")]) == []
    assert way.send(client, [(b"x", b""), (b"y", b"")]) == []


def test_what_cannot_be_sent_is_told(make: Make, sock: socket.socket, family: int) -> None:
    """Port 0 is nobody's: the kernel refuses, and the others are sent all the same."""
    way = make(family, False, False)
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        one.bind((FAMILIES[socket.AddressFamily(family)], 0))
        one.settimeout(5)
        one.sendto(b"q", sock.getsockname())
        ((_, peer),) = way.receive(sock, 1)
        nobody = peer[:2] + b"\0\0" + peer[4:]
        batch = [(b"0", nobody), (b"1", peer), (b"2", nobody), (b"3", peer)]
        assert [one for one, _ in way.send(sock, batch)] == [0, 2]
        assert [one.recv(10), one.recv(10)] == [b"1", b"3"]


def test_many_that_cannot_be_sent(
    make: Make, sock: socket.socket, family: int, client: socket.socket
) -> None:
    way = make(family, False, False)
    client.send(b"q")
    ((_, peer),) = way.receive(sock, 1)
    nobody = peer[:2] + b"\0\0" + peer[4:]
    count = MANY + 3
    failed = way.send(sock, [(b"x", nobody)] * count)
    assert [one for one, _ in failed] == list(range(count))
    assert {why for _, why in failed} == {errno.EINVAL}


WILDCARDS = [(socket.AF_INET, "0.0.0.0", "127.0.0.5"), (socket.AF_INET6, "::", "::1")]


@pytest.mark.parametrize(("family", "bound", "asked"), WILDCARDS, ids=["IPv4", "IPv6"])
def test_a_reply_leaves_from_the_address_that_was_asked(
    make: Make, family: int, bound: str, asked: str
) -> None:
    way = make(family, False, True)
    with socket.socket(family, socket.SOCK_DGRAM) as sock, socket.socket(family, socket.SOCK_DGRAM) as one:
        ask_where_to(sock)
        sock.bind((bound, 0))
        sock.setblocking(False)
        one.settimeout(5)
        one.connect((asked, sock.getsockname()[1]))  # drops whatever comes from elsewhere
        for round_ in range(3):
            for number in range(5):
                one.send(bytes((round_, number)))
            found = way.receive(sock, MANY)
            assert [octets for octets, _ in found] == [bytes((round_, number)) for number in range(5)]
            assert way.send(sock, found) == []
            assert [one.recv(10) for _ in range(5)] == [bytes((round_, number)) for number in range(5)]


def test_the_quick_way_is_taken_where_there_is_one() -> None:
    assert isinstance(datagrams(socket.AF_INET), Batches)
