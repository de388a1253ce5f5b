"""Source ports and IDs: many, unpredictable, given back; no descriptor is ever lost."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count, pairwise
from pathlib import Path

import pytest

from resolver.serving import ports
from resolver.serving.chance import numbers
from resolver.serving.ports import AGE, MISMATCHES, SHUNNED, SIZE, TOGETHER, USES, PortPool, PortSocket
from resolver.serving.turn import Turn
from resolver.upstreams import parse_upstream
from tests.unit.serving.ground import Clock, descriptors, turns, until


class Pool:
    """A pool towards a UDP socket of our own, and what it told."""

    def __init__(self, chance: Iterator[int] | None = None, host: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.far = socket.socket(family, socket.SOCK_DGRAM)
        self.far.bind((host, 0))
        self.far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.far.settimeout(10)
        address = f"[{host}]" if ":" in host else host
        endpoint = parse_upstream(f"udp://{address}:{self.far.getsockname()[1]}").endpoint
        self.clock = Clock()
        self.received: list[tuple[PortSocket[object], bytes]] = []
        self.unreachable: list[PortSocket[object]] = []
        self.found: list[list[object]] = []
        self.refused: list[object] = []
        self.pool: PortPool[object] = PortPool(
            endpoint,
            chance or numbers(),
            lambda where, data: self.received.append((where, data)),
            self.unreachable.append,
            self.found.append,
            self.refused.append,
            Turn(),
        )

    def take(self, awaiting: object = "try") -> tuple[PortSocket[object], int]:
        """A socket, as in a turn of its own."""
        self.pool._current = None
        return self.pool.take(awaiting, self.clock())

    def close(self) -> None:
        self.pool.close()
        self.far.close()


def port_of(where: PortSocket[object]) -> int:
    return int(where.sock.getsockname()[1])


async def test_two_thousand_queries_leave_from_many_ports_in_no_order() -> None:
    made = Pool()
    try:
        drawn: list[tuple[int, int]] = []
        for _ in range(2_000):
            where, number = made.take()
            drawn.append((port_of(where), number))
            where.release(number)
        used = [port for port, _ in drawn]
        ids = [number for _, number in drawn]
        assert all(16_384 <= port <= 65_535 for port in used)
        assert len(set(used)) >= 2_000 / USES, "a socket never carries more than its share"
        assert max(Counter(used).values()) <= USES * 3  # the same port may be drawn again
        # 2 000 draws of 65 536 hit 1 970 distinct ones; a counter hits 2 000, and a short cycle few.
        assert 1_930 <= len(set(ids)) <= 2_000
        for sequence in (ids, used):
            steps = [(after - before) & 0xFFFF for before, after in pairwise(sequence)]
            assert Counter(steps).most_common(1)[0][1] < 2_000 / 10, "no step from one to the next stands out"
        assert 850 <= sum(after > before for before, after in pairwise(ids)) <= 1_150
        assert not made.pool._retired
    finally:
        made.close()


async def test_neighbouring_ids_tell_nothing_about_ports() -> None:
    """The ID is the lower half of a word, the slot the upper half: knowing one tells nothing of the other."""
    made = Pool()
    try:
        cells: Counter[tuple[int, int]] = Counter()
        for _ in range(6_400):
            where, number = made.take()
            cells[made.pool._active.index(where), number % SIZE] += 1
            where.release(number)
        # 1 024 cells with 6.25 on average; were the two tied to each other, 32 cells would hold 200.
        assert max(cells.values()) < 40
    finally:
        made.close()


async def test_queries_of_one_turn_leave_together_and_the_next_turn_has_another_port() -> None:
    made = Pool()
    try:
        for _ in range(3):
            places = set()
            for number in range(5):
                where, _ = made.pool.take(number, made.clock())
                made.pool.send(where, bytes((number,)), number)
                places.add(port_of(where))
            assert len(places) == 1
            await turns(1)
            found = [made.far.recvfrom(10) for _ in range(5)]
            assert [octets for octets, _ in found] == [bytes((number,)) for number in range(5)]
            assert {peer[1] for _, peer in found} == places
            assert made.pool._current is None
        assert not made.refused
    finally:
        made.close()


async def test_no_more_than_a_few_leave_together() -> None:
    """Beyond that another port is drawn, as it would be in the next turn."""
    made = Pool()
    try:
        count = 2 * SIZE * TOGETHER
        for number in range(count):
            where, _ = made.pool.take(number, made.clock())
            made.pool.send(where, number.to_bytes(2, "big"), number)
        await turns(1)
        seen = dict(made.far.recvfrom(10) for _ in range(count))
        drawn = [seen[number.to_bytes(2, "big")][1] for number in range(count)]
        groups = [drawn[first : first + TOGETHER] for first in range(0, count, TOGETHER)]
        assert all(len(set(group)) == 1 for group in groups)
        heads = [group[0] for group in groups]
        assert len(set(heads)) >= SIZE, "the first ones open a port each"
        assert sum(one == other for one, other in pairwise(heads)) <= 8, "neighbours have nothing in common"
    finally:
        made.close()


@pytest.mark.parametrize(("why", "told"), [(errno.ENETUNREACH, ["b"]), (errno.EAGAIN, [])])
async def test_what_the_kernel_refuses_is_told(
    why: int, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without room it is lost, as on any wire."""
    made = Pool()
    try:
        monkeypatch.setattr(made.pool.way, "send", lambda sock, batch: [(1, why)])
        for name in ("a", "b", "c"):
            where, _ = made.pool.take(name, made.clock())
            made.pool.send(where, b"x", name)
        await turns(1)
        assert made.refused == told
    finally:
        made.close()


async def test_what_leaves_from_a_port_that_was_found_is_not_sent() -> None:
    made = Pool()
    try:
        where, _ = made.pool.take("a", made.clock())
        made.pool.send(where, b"x", "a")
        made.pool.give_up(where)
        await turns(1)
        assert made.found == [["a"]] and not made.refused
        made.far.setblocking(False)
        with pytest.raises(BlockingIOError):
            made.far.recv(10)
    finally:
        made.close()


async def test_the_first_queries_have_a_port_each() -> None:
    made = Pool()
    try:
        taken = [made.take()[0] for _ in range(SIZE)]
        assert len({id(where) for where in taken}) == SIZE
        again = made.take()[0]
        assert any(again is where for where in taken)
    finally:
        made.close()


async def test_a_port_retires_after_its_uses() -> None:
    made = Pool(chance=count())  # always slot 0 once the pool is full
    try:
        for _ in range(SIZE):
            made.take()
        first = made.pool._active[0]
        while first in made.pool._active:
            made.take()
        assert len(first.used) == USES
        assert first.sock.fileno() >= 0, "answers are still awaited on it"
        for number in list(first.pending):
            first.release(number)
        assert first.sock.fileno() < 0
        assert len(made.pool._active) == SIZE
    finally:
        made.close()


async def test_an_old_port_is_not_used_again() -> None:
    made = Pool()
    try:
        for _ in range(SIZE):
            where, number = made.take()
            where.release(number)
        made.clock.advance(AGE + 0.1)
        fresh = [made.take()[0] for _ in range(SIZE * 20)]
        assert all(where.born == made.clock.now for where in fresh)
    finally:
        made.close()


@pytest.mark.parametrize("awaited", [True, False], ids=["awaited", "idle"])
async def test_a_storm_of_mismatches_gives_the_port_up(awaited: bool) -> None:
    """Its number is known, so nothing that comes there is believed any more."""
    made = Pool()
    try:
        where, number = made.take("try")
        port = port_of(where)
        if not awaited:
            where.release(number)
        for _ in range(MISMATCHES - 1):
            where.mismatched()
        assert where in made.pool._active and not made.found
        for _ in range(100):
            where.mismatched()
        assert where.retired and where not in made.pool._active and where.sock.fileno() < 0
        assert made.found == [["try"] if awaited else []], "told once"
        assert port in made.pool._shunned and not where.pending
        where.release(number)
    finally:
        made.close()


async def test_a_port_that_was_found_is_not_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Pool()
    try:
        where, _ = made.take()
        port = port_of(where)
        for _ in range(MISMATCHES):
            where.mismatched()
        monkeypatch.setattr(ports, "_LOWEST", port)
        monkeypatch.setattr(ports, "_HIGHEST", port)
        assert port_of(made.take()[0]) != port
    finally:
        made.close()


async def test_ports_to_be_shunned_are_bounded() -> None:
    made = Pool()
    try:
        for _ in range(SHUNNED + 20):
            where, _ = made.take()
            for _ in range(MISMATCHES):
                where.mismatched()
        assert len(made.pool._shunned) <= SHUNNED
    finally:
        made.close()


async def test_an_id_is_used_once_on_a_port() -> None:
    """So a second copy of an answer is known as one."""
    made = Pool(chance=iter([*range(100, 100 + 5 * SIZE), *[77] * 50, *range(1_000, 2_000)]))
    try:
        made.pool._bind = lambda sock: sock.bind(("127.0.0.1", 0))  # type: ignore[method-assign]
        where, number = made.take()
        made.pool._active = [where] * SIZE
        where.release(number)
        numbers = {number}
        for _ in range(USES // 2):
            drawn = made.take()[1]
            assert drawn not in numbers
            where.release(drawn)
            numbers.add(drawn)
        assert where.used == numbers
        made.pool._active = [where]
    finally:
        made.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_queries_are_never_fragmented(host: str) -> None:
    """RFC 9715: DF, and no word of ICMP about the path is taken (PMTUDISC_PROBE is 3)."""
    try:
        made = Pool(host=host)
    except OSError:
        pytest.skip("this machine has no IPv6")
    try:
        sock = made.take()[0].sock
        option = (socket.IPPROTO_IPV6, 23) if ":" in host else (socket.IPPROTO_IP, 10)
        assert sock.getsockopt(*option) == 3
    finally:
        made.close()


async def test_ids_in_flight_on_one_port_are_distinct() -> None:
    """The second of two equal draws is drawn again."""
    words = iter([1, *range(2, 10), 77, 77, 77, 78] + [77] * 300)
    made = Pool(chance=words)
    try:
        made.pool._bind = lambda sock: sock.bind(("127.0.0.1", 0))  # type: ignore[method-assign]
        where, _ = made.take("first")
        made.pool._active = [where] * SIZE
        for _ in range(8):
            next(words)
        assert made.take("second")[1] == 77
        assert made.take("third")[1] == 78
        assert {where.pending[77], where.pending[78]} == {"second", "third"}
        made.pool._active = [where]
    finally:
        made.close()


async def test_what_comes_is_handed_over_with_its_socket() -> None:
    made = Pool()
    try:
        where, number = made.take()
        where.sock.send(b"question")
        data, peer = await asyncio.to_thread(made.far.recvfrom, 100)
        assert data == b"question" and peer[1] == port_of(where)
        for text in (b"one", b"two"):
            made.far.sendto(text, peer)
        await until(lambda: len(made.received) == 2)
        assert made.received == [(where, b"one"), (where, b"two")]
        where.release(number)
    finally:
        made.close()


async def test_nobody_else_can_reach_a_port() -> None:
    made = Pool()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        try:
            where, _ = made.take()
            stranger.sendto(b"forged", ("127.0.0.1", port_of(where)))
            made.far.sendto(b"true", ("127.0.0.1", port_of(where)))
            await until(lambda: made.received)
            assert [data for _, data in made.received] == [b"true"]
        finally:
            made.close()


async def test_the_network_says_that_nobody_is_there() -> None:
    made = Pool()
    try:
        made.far.close()
        where, _ = made.take()
        where.sock.send(b"question")
        await until(lambda: made.unreachable)
        assert made.unreachable == [where] and not made.received
    finally:
        made.close()


async def test_it_works_over_ipv6() -> None:
    try:
        made = Pool(host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    try:
        where, _ = made.take()
        where.sock.send(b"six")
        assert (await asyncio.to_thread(made.far.recv, 100)) == b"six"
        assert 16_384 <= port_of(where)
    finally:
        made.close()


async def test_a_port_that_is_taken_is_not_insisted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("", 0))
        port = taken.getsockname()[1]
        monkeypatch.setattr(ports, "_LOWEST", port)
        monkeypatch.setattr(ports, "_HIGHEST", port)
        made = Pool()
        try:
            where, _ = made.take()
            assert port_of(where) not in (port, 0)
        finally:
            made.close()


# Descriptors


async def _through_uses(made: Pool) -> None:
    for _ in range(3_000):
        where, number = made.take()
        where.release(number)


async def _through_storms(made: Pool) -> None:
    for _ in range(200):
        where, number = made.take()
        for _ in range(MISMATCHES):
            where.mismatched()
        where.release(number)


async def _with_all_awaited(made: Pool) -> None:
    for _ in range(3_000):
        made.take()


@pytest.mark.parametrize("life", [_through_uses, _through_storms, _with_all_awaited])
async def test_closing_closes_every_descriptor(life: Callable[[Pool], asyncio.Future[None]]) -> None:
    before = len(descriptors())
    made = Pool()
    try:
        await life(made)
        # Our far end and what watches the ports; one for each slot, and those still awaited.
        most = 2 + SIZE + len(made.pool._retired)
        assert len(descriptors()) - before <= most
    finally:
        made.close()
    await turns()
    assert len(descriptors()) == before
    made.close()  # a second time does no harm


async def test_without_another_descriptor_the_open_ports_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Pool()
    try:
        first = [made.take()[0] for _ in range(3)]

        def nothing(*_: object) -> socket.socket:
            raise OSError(errno.EMFILE, "too many open files")

        monkeypatch.setattr(socket, "socket", nothing)
        found = Counter(made.take()[0] for _ in range(200))
        assert set(found) == set(first)
        with pytest.raises(OSError, match="too many"):
            for _ in range(3 * ports.MOST_USES):
                made.take()
        assert all(len(one.used) == ports.MOST_USES for one in first)
        monkeypatch.undo()
        assert made.take()[0] not in first
    finally:
        made.close()


async def test_a_connection_that_fails_leaks_nothing() -> None:
    made = Pool()
    try:
        made.pool._endpoint = parse_upstream("udp://255.255.255.255:9").endpoint  # connect: EACCES
        before = len(descriptors())
        for _ in range(10):
            with pytest.raises(OSError, match=r"."):
                made.take()
        assert len(descriptors()) == before
    finally:
        made.close()


def test_the_pool_is_as_large_as_its_theory_says() -> None:
    assert Path(ports.__file__).read_text("utf-8").count("49 000 ports") == 1
    assert ports._HIGHEST - ports._LOWEST + 1 == 49_152
