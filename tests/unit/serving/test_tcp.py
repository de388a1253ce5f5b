"""The TCP listener with real connections and a virtual clock.

Invariants: every whole query gets its reply, whatever else the connection waits for; no client holds
more than its share of connections, questions, seconds or octets; nothing a client sends raises.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import socket
import weakref
from collections.abc import Iterator

import dns.edns
import dns.message
import dns.rcode
import pytest

from resolver.serving.tcp import (
    AT_ONCE,
    EACH_TURN,
    IDLE_SECONDS,
    LEAST_IDLE_SECONDS,
    MAX_IN_FLIGHT,
    MAX_UNREAD,
    MESSAGE_SECONDS,
    UNREAD_SECONDS,
    TcpConnection,
    TcpLimits,
    affordable,
    client_of,
    idle_seconds,
)
from resolver.serving.waiter import MAX_WAITERS
from tests.support import behaviours as do
from tests.support.client import Address, Connection, ask, exchange_udp, make_query, rdatas
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
        connection = only(at)
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
            connection = only(at)
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


async def answers(client: Client) -> bool:
    """Whether a connection is served still."""
    await client.send(BLOCKED)
    return (await client.receive())[:2] == b"\xb1\x0c"


async def test_a_newcomer_has_the_place_of_the_longest_idle() -> None:
    async with ground(served=SERVED) as on, listening(on, limits=TcpLimits(100, 5)) as at:
        clients = [await joined(on, at) for _ in range(5)]
        assert await answers(clients[0])  # it has just been useful: the next one has been idle longest
        extra = await joined(on, at)
        assert await clients[1].hung_up() and on.pipeline.counters.tcp_cut == 1
        for client in (clients[0], *clients[2:], extra):
            assert await answers(client)
        assert len(at.tcp.connections) == 5
        # UDP is not troubled.
        assert rdatas(await asyncio.to_thread(ask, at.address, "bad.example")) == {"0.0.0.0"}
        for client in (*clients, extra):
            client.close()
        await until(lambda: not at.tcp.connections)
        assert not at.tcp.connections._clients


async def test_a_newcomer_is_refused_when_nobody_is_idle(upstream: ScriptedUpstream) -> None:
    upstream.set("slow.example.org", do.silence())
    async with ground(upstream.url) as on, listening(on, limits=TcpLimits(3, 3)) as at:
        clients = [await joined(on, at) for _ in range(3)]
        for number, client in enumerate(clients):
            await client.send(make_query("slow.example.org", number=number).to_wire())
        await until(lambda: on.pipeline.counters.queries == 3)
        extra = await connected(at)
        assert await extra.hung_up() and on.pipeline.counters.tcp_cut == 1
        await on.give_up()
        for client in clients:
            assert dns.message.from_wire(await client.receive()).rcode() == dns.rcode.SERVFAIL
        for client in (*clients, extra):
            client.close()


async def test_idle_time_is_short_when_places_are() -> None:
    async with ground(served=SERVED) as on, listening(on, limits=TcpLimits(4, 4)) as at:
        clients = [await joined(on, at) for _ in range(4)]
        at.tcp.sweep()
        assert on.pipeline.idle_seconds == LEAST_IDLE_SECONDS
        on.clock.advance(LEAST_IDLE_SECONDS + 0.1)
        at.tcp.sweep()
        assert on.pipeline.counters.tcp_cut == 4
        for client in clients:
            assert await client.hung_up()
            client.close()
        at.tcp.sweep()
        assert on.pipeline.idle_seconds == IDLE_SECONDS


@pytest.mark.parametrize(
    ("filled", "seconds"),
    [(0.0, IDLE_SECONDS), (0.5, IDLE_SECONDS), (0.75, 8.5), (1.0, LEAST_IDLE_SECONDS)],
)
def test_how_long_an_idle_connection_is_kept(filled: float, seconds: float) -> None:
    assert idle_seconds(filled) == seconds


async def test_a_client_that_asks_is_told_how_long(upstream: ScriptedUpstream) -> None:
    """RFC 7828 3.3.2: over TCP and only for those that asked; 150 tenths of a second."""
    wish = dns.edns.GenericOption(dns.edns.OptionType(11), b"")
    query = dns.message.make_query("bad.example", "A", use_edns=0, options=[wish]).to_wire()
    async with ground(upstream.url, served=SERVED) as on, listening(on) as at:
        client = await connected(at)
        await client.send(query, BLOCKED)
        told, other = [dns.message.from_wire(await client.receive()) for _ in range(2)]
        assert [(option.otype, option.to_wire()) for option in told.options if option.otype == 11] == [
            (11, (150).to_bytes(2, "big"))
        ]
        assert all(option.otype != 11 for option in other.options)
        udp = dns.message.from_wire(await asyncio.to_thread(exchange_udp, at.address, query))
        assert all(option.otype != 11 for option in udp.options)
        client.close()


@pytest.mark.parametrize(
    ("limit", "affords"), [(resource.RLIM_INFINITY, 2000), (65_536, 2000), (1024, 624), (64, 1)]
)
def test_connections_leave_descriptors_for_the_rest(
    monkeypatch: pytest.MonkeyPatch, limit: int, affords: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    assert affordable(2000) == affords


CLIENTS = [
    ("192.0.2.1", "192.0.2.2", False),
    ("2001:db8::1", "2001:db8::ffff:1", True),
    ("2001:db8::1", "2001:db8:0:1::1", False),
    ("fe80::1%eth0", "fe80::2%eth0", True),
    ("", "", True),
]


@pytest.mark.parametrize(("one", "other", "same"), CLIENTS)
def test_whose_connections_count_together(one: str, other: str, same: bool) -> None:
    assert (client_of(one) == client_of(other)) is same


# A client that closes its half


async def test_whoever_has_said_all_is_answered_still(upstream: ScriptedUpstream) -> None:
    upstream.set("slow.example.org", do.after(0.1, do.answer("A 192.0.2.9")))
    async with ground(upstream.url, served=SERVED) as on, listening(on) as at:
        client = await connected(at)
        await client.send(make_query("slow.example.org", number=1).to_wire(), BLOCKED)
        client.real.sock.shutdown(socket.SHUT_WR)
        assert [(await client.receive())[:2] for _ in range(2)] == [b"\xb1\x0c", b"\0\1"]
        assert await client.hung_up()
        assert on.pipeline.counters.tcp_cut == 0
        client.close()


@pytest.mark.parametrize("sent", [b"", b"\0", FRAMED[:9], FRAMED])
async def test_a_half_closed_connection_without_questions_ends(sent: bytes) -> None:
    async with ground(served=SERVED) as on, listening(on) as at:
        client = await connected(at)
        client.real.sock.sendall(sent)
        client.real.sock.shutdown(socket.SHUT_WR)
        if sent == FRAMED:
            assert (await client.receive())[:2] == b"\xb1\x0c"
        assert await client.hung_up()
        await until(lambda: not at.tcp.connections)
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
        assert only(at)._in_flight == 0
        client.close()


def only(at: Listening) -> TcpConnection:
    """The one connection that there is."""
    [connection] = at.tcp.connections
    assert isinstance(connection, TcpConnection)
    return connection


async def unread(on: Ground, at: Listening) -> tuple[Client, int]:
    """A client that asks for 60 000 octets again and again and reads none, and how often it asked."""
    query = make_query("big.example.org", "TXT").to_wire()
    await on.ask("big.example.org", "TXT", udp=False)
    client = await joined(on, at)
    connection = only(at)
    for asked in range(1, 2_000):
        client.real.sock.sendall(len(query).to_bytes(2, "big") + query)
        await turns(3)
        if connection._unread_since:
            return client, asked
    raise AssertionError("it could leave 120 MB unread")


async def test_a_client_that_never_reads_is_cut(upstream: ScriptedUpstream) -> None:
    upstream.set("big.example.org", do.truncated(do.big(60_000)))
    async with ground(upstream.url) as on, listening(on) as at:
        client, _ = await unread(on, at)
        taken = on.pipeline.counters.queries
        client.real.sock.sendall(FRAMED * 10)
        await turns(20)
        assert on.pipeline.counters.queries == taken, "nothing more is taken from whoever does not read"
        on.clock.advance(UNREAD_SECONDS)
        at.tcp.sweep()
        assert on.pipeline.counters.tcp_cut == 0
        on.clock.advance(0.1)
        at.tcp.sweep()
        assert on.pipeline.counters.tcp_cut == 1
        await until(lambda: not at.tcp.connections)
        client.close()


async def test_a_client_that_reads_again_gets_everything(upstream: ScriptedUpstream) -> None:
    upstream.set("big.example.org", do.truncated(do.big(60_000)))
    async with ground(upstream.url, served=SERVED) as on, listening(on) as at:
        client, asked = await unread(on, at)
        client.real.sock.sendall(FRAMED)
        client.real.sock.shutdown(socket.SHUT_WR)
        for _ in range(asked):
            assert len(await client.receive()) > 60_000
        assert (await client.receive())[:2] == b"\xb1\x0c"
        assert await client.hung_up() and on.pipeline.counters.tcp_cut == 0
        client.close()


async def test_replies_in_flight_that_nobody_reads_are_bounded(upstream: ScriptedUpstream) -> None:
    upstream.set("big.example.org", do.truncated(do.big(60_000)))
    async with ground(upstream.url) as on, listening(on) as at:
        client, _ = await unread(on, at)
        connection = only(at)
        assert connection._transport
        for _ in range(20):  # as if so many had been in flight when it stopped reading
            connection._in_flight += 1
            connection._answer_later(None, b"x" * 60_000)
            assert connection._transport.get_write_buffer_size() <= MAX_UNREAD + 60_002
        assert on.pipeline.counters.tcp_cut == 1
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
        await until(lambda: not at.tcp.connections)
        assert not at.tcp.connections._clients and on.pipeline.counters.tcp_cut == 0


async def test_a_client_that_left_gets_no_late_reply(upstream: ScriptedUpstream) -> None:
    upstream.set("slow.example.org", do.after(0.1, do.answer("A 192.0.2.9")))
    async with ground(upstream.url) as on, listening(on) as at:
        client = await joined(on, at)
        await client.send(make_query("slow.example.org").to_wire())
        await until(lambda: on.pipeline.busy)
        client.close()
        await until(lambda: not at.tcp.connections)
        await until(lambda: not on.pipeline.busy)
        assert rdatas(await asyncio.to_thread(ask, at.address, "www.example.org", tcp=True)) == {"192.0.2.1"}


async def test_ipv6_clients_are_served() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    async with ground(served=SERVED) as on, listening(on, "::1") as at:
        assert rdatas(await asyncio.to_thread(ask, at.address, "bad.example", tcp=True)) == {"0.0.0.0"}


async def test_a_connection_that_ended_is_freed_without_the_collector() -> None:
    async with ground(served=SERVED) as on, listening(on) as at:
        client = await joined(on, at)
        await client.send(BLOCKED)
        await client.receive()
        (connection,) = at.tcp.connections
        assert isinstance(connection, TcpConnection)
        gone = weakref.ref(connection), weakref.ref(connection._transport)
        del connection
        gc.disable()
        try:
            client.close()
            await until(lambda: not at.tcp.connections)
            await turns()
            assert [one() for one in gone] == [None, None]
        finally:
            gc.enable()


async def test_what_a_lost_connection_had_still_to_ask_is_asked_by_nobody() -> None:
    queries = [make_query(f"n{number}.example.org").to_wire() for number in range(3 * MAX_IN_FLIGHT)]
    with ScriptedUpstream(default=do.after(0.1, do.answer("A 192.0.2.1"))) as slow:
        async with ground(slow.url) as on, listening(on) as at:
            client = await joined(on, at)
            await client.send(*queries)
            await until(lambda: on.pipeline.counters.queries == MAX_IN_FLIGHT)
            for connection in at.tcp.connections:
                connection._cut()  # type: ignore[attr-defined]
            await until(lambda: not on.pipeline.busy)
            client.close()
            assert on.pipeline.counters.queries == MAX_IN_FLIGHT


async def test_many_questions_at_once_let_others_have_their_turn() -> None:
    """However much has been read of however many connections, the event loop goes round in between."""
    async with ground(served=SERVED) as on, listening(on) as at:
        clients = [await joined(on, at) for _ in range(10)]
        for client in clients:
            client.real.sock.sendall(FRAMED * 500)
        most, before = 0, on.pipeline.counters.queries
        while before < 5_000:
            await asyncio.sleep(0)
            most = max(most, on.pipeline.counters.queries - before)
            before = on.pipeline.counters.queries
        assert AT_ONCE < most <= EACH_TURN + (len(clients) + 1) * AT_ONCE
        for client in clients:
            for _ in range(500):
                assert (await client.receive())[:2] == BLOCKED[:2]
            client.close()


async def test_whoever_closes_its_half_behind_many_questions_gets_every_answer() -> None:
    async with ground(served=SERVED) as on, listening(on) as at:
        client = await joined(on, at)
        client.real.sock.sendall(FRAMED * 500)
        client.real.sock.shutdown(socket.SHUT_WR)
        for _ in range(500):
            assert (await client.receive())[:2] == BLOCKED[:2]
        assert await client.hung_up()
        client.close()
