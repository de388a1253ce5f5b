"""The TCP listener with real connections and a virtual clock.

Invariants: every whole query gets its reply, whatever else the connection waits for; no client holds
more than its share of connections, questions, seconds or octets; nothing a client sends raises.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import dns.message
import dns.rcode
import pytest

from resolver.serving import tcp as tcp_module
from resolver.serving.tcp import IDLE_SECONDS, MAX_IN_FLIGHT, MAX_PER_CLIENT, MESSAGE_SECONDS
from resolver.serving.waiter import MAX_WAITERS
from tests.support import behaviours as do
from tests.support.client import Address, Connection, ask, make_query, rdatas
from tests.support.upstream import ScriptedUpstream
from tests.unit.serving.ground import Ground, Listening, ground, listening, snapshot, turns, until

SERVED = snapshot(block=("bad.example",))
BLOCKED = make_query("bad.example", number=0xB10C).to_wire()
FRAMED = len(BLOCKED).to_bytes(2, "big") + BLOCKED


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(default=do.answer("A 192.0.2.1", ttl=60)) as running:
        yield running


class Client:
    """A connection used from a coroutine."""

    def __init__(self, address: Address) -> None:
        self.real = Connection(address, timeout=10)

    async def send(self, *messages: bytes) -> None:
        await asyncio.to_thread(self.real.send, *messages)

    async def receive(self) -> bytes:
        return await asyncio.to_thread(self.real.receive)

    async def hung_up(self) -> bool:
        return await asyncio.to_thread(self.real.hung_up)

    def close(self) -> None:
        self.real.close()


async def connected(at: Listening) -> Client:
    return await asyncio.to_thread(Client, at.address)


async def joined(on: Ground, at: Listening) -> Client:
    """A connection that the listener has seen."""
    before = on.pipeline.counters.tcp_connections
    client = await connected(at)
    await until(lambda: on.pipeline.counters.tcp_connections > before)
    return client


async def test_one_question(upstream: ScriptedUpstream) -> None:
    async with ground(upstream.url, served=SERVED) as on, listening(on) as at:
        for name, found in (("bad.example", "0.0.0.0"), ("www.example.org", "192.0.2.1")):
            assert rdatas(await asyncio.to_thread(ask, at.address, name, tcp=True)) == {found}


async def test_answers_larger_than_any_datagram(upstream: ScriptedUpstream) -> None:
    upstream.set("big.example.org", do.truncated(do.big(60_000)))
    async with ground(upstream.url) as on, listening(on) as at:
        reply = await asyncio.to_thread(ask, at.address, "big.example.org", "TXT", tcp=True)
        assert len(rdatas(reply, "TXT")) == 284


async def test_a_hundred_questions_while_the_first_stalls(upstream: ScriptedUpstream) -> None:
    upstream.set("stalls.example.org", do.after(0.3, do.answer("A 192.0.2.9")))
    queries = [make_query("stalls.example.org", number=0).to_wire()]
    queries += [make_query(f"n{n}.example.org", number=n).to_wire() for n in range(1, 100)]
    async with ground(upstream.url) as on, listening(on) as at:
        client = await connected(at)
        await client.send(*queries)
        numbers = [int.from_bytes((await client.receive())[:2], "big") for _ in range(100)]
        client.close()
    assert sorted(numbers) == list(range(100)) and numbers[-1] == 0


async def test_replies_come_in_the_order_of_their_answers(upstream: ScriptedUpstream) -> None:
    upstream.set("slow.example.org", do.after(0.1, do.answer("A 192.0.2.9")))
    async with ground(upstream.url, served=SERVED) as on, listening(on) as at:
        client = await connected(at)
        await client.send(make_query("slow.example.org", number=1).to_wire(), BLOCKED)
        assert [(await client.receive())[:2] for _ in range(2)] == [b"\xb1\x0c", b"\0\1"]
        client.close()


async def test_an_octet_at_a_time() -> None:
    async with ground(served=SERVED) as on, listening(on) as at:
        client = await connected(at)
        pieces = [FRAMED[n : n + 1] for n in range(len(FRAMED))] * 2
        await asyncio.to_thread(client.real.send_slowly, pieces)
        for _ in range(2):
            assert rdatas(dns.message.from_wire(await client.receive())) == {"0.0.0.0"}
        client.close()


@pytest.mark.parametrize("size", [1, 2, 3, 30, 1_000])
async def test_it_does_not_matter_where_segments_end(size: int) -> None:
    stream = FRAMED * 30
    async with ground(served=SERVED) as on, listening(on) as at:
        client = await connected(at)
        await asyncio.to_thread(
            client.real.send_slowly, [stream[n : n + size] for n in range(0, len(stream), size)]
        )
        for _ in range(30):
            assert (await client.receive())[:2] == b"\xb1\x0c"
        client.close()
        assert on.pipeline.counters.queries == 30


# Who is cut, and when


async def test_an_idle_client_is_cut() -> None:
    async with ground(served=SERVED) as on, listening(on) as at:
        client = await joined(on, at)
        await client.send(BLOCKED)
        await client.receive()
        on.clock.advance(IDLE_SECONDS)
        at.tcp.sweep()
        await client.send(BLOCKED)  # in time: it may stay
        await client.receive()
        on.clock.advance(IDLE_SECONDS + 0.1)
        at.tcp.sweep()
        assert await client.hung_up() and on.pipeline.counters.tcp_cut == 1
        client.close()


@pytest.mark.parametrize(
    "start",
    [b"\0", FRAMED[:2], FRAMED[:-1], FRAMED + b"\0"],
    ids=["half length", "length", "all but one", "the next"],
)
async def test_a_slow_client_is_cut_however_often_it_sends(start: bytes) -> None:
    """An octet a second does not count as being alive: the message as a whole has its time."""
    async with ground(served=SERVED) as on, listening(on) as at:
        client = await joined(on, at)
        await asyncio.to_thread(client.real.send_slowly, [start])
        connection = next(iter(at.tcp._connections))
        await until(lambda: connection._buffer)
        for _ in range(5):
            on.clock.advance(MESSAGE_SECONDS / 5)
            at.tcp.sweep()
        assert on.pipeline.counters.tcp_cut == 0
        on.clock.advance(0.1)
        at.tcp.sweep()
        assert on.pipeline.counters.tcp_cut == 1
        assert await client.hung_up()
        client.close()


async def test_a_slow_client_that_drips_is_cut_all_the_same() -> None:
    async with ground(served=SERVED) as on, listening(on) as at:
        client = await joined(on, at)
        for octet in FRAMED[:20]:
            on.clock.advance(1.0)
            at.tcp.sweep()
            if on.pipeline.counters.tcp_cut:
                break
            connection = next(iter(at.tcp._connections))
            held = len(connection._buffer)
            await asyncio.to_thread(client.real.send_slowly, [bytes((octet,))])
            await until(lambda held=held, connection=connection: len(connection._buffer) > held)  # type: ignore[misc]
        assert on.pipeline.counters.tcp_cut == 1
        client.close()


async def test_who_waits_for_an_upstream_is_not_idle(upstream: ScriptedUpstream) -> None:
    upstream.set("slow.example.org", do.silence())
    async with ground(upstream.url) as on, listening(on) as at:
        client = await joined(on, at)
        await client.send(make_query("slow.example.org").to_wire())
        await until(lambda: on.pipeline.busy)
        on.clock.advance(IDLE_SECONDS + 1)
        at.tcp.sweep()
        assert on.pipeline.counters.tcp_cut == 0
        await on.give_up()
        assert dns.message.from_wire(await client.receive()).rcode() == dns.rcode.SERVFAIL
        client.close()


NO_QUERIES = {
    "a response": BLOCKED[:2] + b"\x81\x80" + BLOCKED[4:],
    "half a header": BLOCKED[:11],
    "nothing": b"",
}


@pytest.mark.parametrize("message", NO_QUERIES.values(), ids=NO_QUERIES)
async def test_what_is_no_query_ends_the_connection(message: bytes) -> None:
    async with ground(served=SERVED) as on, listening(on) as at:
        client = await joined(on, at)
        await client.send(message, BLOCKED)
        assert await client.hung_up()
        assert (on.pipeline.counters.tcp_cut, on.pipeline.counters.queries) == (1, 1)
        client.close()


async def test_a_malformed_query_gets_its_word_and_may_go_on() -> None:
    async with ground(served=SERVED) as on, listening(on) as at:
        client = await connected(at)
        await client.send(BLOCKED[:4] + b"\0\2" + BLOCKED[6:], BLOCKED)
        rcodes = [dns.message.from_wire(await client.receive()).rcode() for _ in range(2)]
        assert rcodes == [dns.rcode.FORMERR, dns.rcode.NOERROR]
        client.close()


async def test_a_client_has_its_share_of_connections_and_no_more() -> None:
    async with ground(served=SERVED) as on, listening(on) as at:
        clients = [await connected(at) for _ in range(MAX_PER_CLIENT)]
        await until(lambda: on.pipeline.counters.tcp_connections == MAX_PER_CLIENT)
        extra = await connected(at)
        assert await extra.hung_up() and on.pipeline.counters.tcp_cut == 1
        # Whoever leaves makes room.
        clients[0].close()
        await until(lambda: len(at.tcp._connections) == MAX_PER_CLIENT - 1)
        again = await connected(at)
        await again.send(BLOCKED)
        assert (await again.receive())[:2] == b"\xb1\x0c"
        # UDP is not troubled.
        assert rdatas(await asyncio.to_thread(ask, at.address, "bad.example")) == {"0.0.0.0"}
        for client in (*clients, extra, again):
            client.close()
        await until(lambda: not at.tcp._connections)
        assert not at.tcp._hosts


async def test_all_clients_together_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp_module, "MAX_CONNECTIONS", 3)
    async with ground(served=SERVED) as on, listening(on) as at:
        clients = [await joined(on, at) for _ in range(3)]
        extra = await connected(at)
        assert await extra.hung_up()
        for client in (*clients, extra):
            client.close()


async def test_reading_pauses_while_too_much_is_in_flight(upstream: ScriptedUpstream) -> None:
    count = MAX_IN_FLIGHT + 50
    for number in range(count):
        upstream.set(f"n{number}.example.org", do.after(0.2, do.answer("A 192.0.2.1")))
    async with ground(upstream.url) as on, listening(on) as at:
        client = await joined(on, at)
        await client.send(*(make_query(f"n{n}.example.org", number=n).to_wire() for n in range(count)))
        await until(lambda: on.pipeline.counters.queries == MAX_IN_FLIGHT)
        await turns()
        assert on.pipeline.counters.queries == MAX_IN_FLIGHT
        numbers = {int.from_bytes((await client.receive())[:2], "big") for _ in range(count)}
        assert numbers == set(range(count))
        # And it goes on reading afterwards.
        await client.send(make_query("www.example.org", number=9_999).to_wire())
        assert (await client.receive())[:2] == (9_999).to_bytes(2, "big")
        client.close()


async def test_a_question_that_is_shed_does_not_hold_the_connection(upstream: ScriptedUpstream) -> None:
    """More equal questions than may wait: each is told, none counts as in flight for ever."""
    upstream.set("slow.example.org", do.silence())
    query = make_query("slow.example.org").to_wire()
    async with ground(upstream.url) as on, listening(on) as at:
        for _ in range(MAX_WAITERS):
            on.give(query)
        client = await joined(on, at)
        for _ in range(3):
            await client.send(*[query] * MAX_IN_FLIGHT)
            for _ in range(MAX_IN_FLIGHT):
                assert dns.message.from_wire(await client.receive()).rcode() == dns.rcode.SERVFAIL
        assert next(iter(at.tcp._connections))._in_flight == 0
        client.close()


async def test_a_client_that_never_reads_is_cut(upstream: ScriptedUpstream) -> None:
    upstream.set("big.example.org", do.truncated(do.big(60_000)))
    query = make_query("big.example.org", "TXT").to_wire()
    async with ground(upstream.url) as on, listening(on) as at:
        await on.ask("big.example.org", "TXT", udp=False)
        client = await joined(on, at)
        client.real.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.real.sock.setblocking(False)
        frame = len(query).to_bytes(2, "big") + query
        for _ in range(2_000):
            if on.pipeline.counters.tcp_cut:
                break
            try:
                client.real.sock.send(frame)
            except OSError:
                pass  # cut, or no room: the listener has its turn either way
            await turns(1)
        await until(lambda: on.pipeline.counters.tcp_cut >= 1)
        await until(lambda: not at.tcp._connections)
        client.close()


@pytest.mark.parametrize(
    "sent", [b"", b"\0", FRAMED[:9], FRAMED], ids=["nothing", "half a length", "half", "a question"]
)
@pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed"])
async def test_a_client_leaves_at_any_moment(sent: bytes, reset: bool) -> None:
    async with ground(served=SERVED) as on, listening(on) as at:
        client = await joined(on, at)
        client.real.sock.sendall(sent)
        if reset:
            client.real.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        await until(lambda: not at.tcp._connections)
        assert not at.tcp._hosts and on.pipeline.counters.tcp_cut == 0


async def test_a_client_that_left_gets_no_late_reply(upstream: ScriptedUpstream) -> None:
    upstream.set("slow.example.org", do.after(0.1, do.answer("A 192.0.2.9")))
    async with ground(upstream.url) as on, listening(on) as at:
        client = await joined(on, at)
        await client.send(make_query("slow.example.org").to_wire())
        await until(lambda: on.pipeline.busy)
        client.close()
        await until(lambda: not at.tcp._connections)
        await until(lambda: not on.pipeline.busy)
        assert rdatas(await asyncio.to_thread(ask, at.address, "www.example.org", tcp=True)) == {"192.0.2.1"}


async def test_ipv6_clients_are_served() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    async with ground(served=SERVED) as on, listening(on, "::1") as at:
        assert rdatas(await asyncio.to_thread(ask, at.address, "bad.example", tcp=True)) == {"0.0.0.0"}
