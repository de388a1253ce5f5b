"""Opening connections: real handshakes on loopback, good and bad, and which address is tried."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from resolver.serving import dialling
from resolver.serving.dialling import Dialler
from resolver.serving.framing import Framed
from resolver.upstreams import Endpoint, UpstreamAddress, parse_upstream
from tests.support.streams import Authority, Peer, StreamServer, echo, self_signed_server, silent

AUTHORITY = Authority()
OTHER_AUTHORITY = Authority()


@pytest.fixture(autouse=True)
def trusted(tmp_path: Path) -> Iterator[None]:
    with AUTHORITY.trusted(tmp_path):
        yield


def address_of(server: StreamServer, name: str = "", **rest: object) -> UpstreamAddress:
    address = parse_upstream(server.url("tls"))
    return msgspec.structs.replace(address, certificate=name or address.certificate, **rest)


async def answer(connection: Framed) -> bytes:
    """What comes back for a question, so that both sides have used the connection."""
    came: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    connection.message = came.set_result
    connection.send(bytes(12))
    return await came


async def used(dialler: Dialler) -> Framed:
    """A connection that has carried something, and is closed."""
    connection = await dialler.dial()
    assert await answer(connection)
    connection.abort()
    return connection


async def dialled(address: UpstreamAddress) -> Framed:
    return await Dialler(address, time.monotonic).dial()


async def test_a_certificate_for_the_right_name() -> None:
    async with StreamServer(echo, AUTHORITY.server("dns.example", "127.0.0.1")[0]) as server:
        for name in ("dns.example", "127.0.0.1", ""):
            connection = await dialled(address_of(server, name))
            assert await answer(connection)
            established = connection.tls
            assert established is not None
            assert established.selected_alpn_protocol() == "dot"
            connection.abort()


BAD = {
    "another name": (AUTHORITY.server("other.example"), "the certificate is for another name"),
    "a wildcard of another zone": (
        AUTHORITY.server("*.other.example"),
        "the certificate is for another name",
    ),
    "expired": (AUTHORITY.server("dns.example", expired=True), "the certificate has expired"),
    "nobody's": (
        OTHER_AUTHORITY.server("dns.example"),
        "the issuer of the certificate is unknown to this sys",
    ),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_server_that_cannot_be_trusted_is_not_asked(
    case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (context, _), reason = BAD[case]
    async with StreamServer(echo, context) as server:
        dialler = Dialler(address_of(server, "dns.example"), time.monotonic)
        for _ in range(2):
            with pytest.raises(OSError):
                await dialler.dial()
        assert server.queries == []
    lines = capsys.readouterr().err.splitlines()
    assert [reason in line and str(server.endpoint) in line for line in lines] == [True]


async def test_an_old_version_of_tls_is_not_spoken() -> None:
    context, _ = AUTHORITY.server("dns.example", newest=ssl.TLSVersion.TLSv1_1)
    async with StreamServer(echo, context) as server:
        with pytest.raises(OSError):
            await dialled(address_of(server, "dns.example"))
        assert server.connections == 0


async def refuse_the_version(peer: Peer) -> None:
    """A fatal alert, protocol_version (RFC 5246 7.2)."""
    peer.raw(b"\x15\x03\x01\x00\x02\x02\x46")
    await peer.reader.read()


async def test_a_server_that_is_too_old_is_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    async with StreamServer(refuse_the_version) as server:
        with pytest.raises(OSError):
            await dialled(address_of(server, "dns.example"))
    assert "no TLS 1.2 or later was agreed on" in capsys.readouterr().err


async def test_an_address_that_the_certificate_does_not_name(capsys: pytest.CaptureFixture[str]) -> None:
    async with StreamServer(echo, AUTHORITY.server("dns.example")[0]) as server:
        with pytest.raises(OSError):
            await dialled(address_of(server))
    assert "the certificate is for another address" in capsys.readouterr().err


async def test_it_is_told_when_all_is_well_again(capsys: pytest.CaptureFixture[str]) -> None:
    async with StreamServer(echo, AUTHORITY.server("other.example")[0]) as server:
        dialler = Dialler(address_of(server, "dns.example"), time.monotonic)
        with pytest.raises(OSError):
            await dialler.dial()
        await server.stop()
        server._tls = AUTHORITY.server("dns.example")[0]
        await server.start()
        await used(dialler)
    assert "can be trusted again" in capsys.readouterr().err.splitlines()[1]


async def test_the_right_pin_is_enough(tmp_path: Path) -> None:
    context, pin = self_signed_server(tmp_path)
    expired, old_pin = OTHER_AUTHORITY.server("other.example", expired=True)
    for one, key in ((context, pin), (expired, old_pin)):
        async with StreamServer(echo, one) as server:
            connection = await dialled(address_of(server, pins=(bytes(32), key)))
            assert await answer(connection)
            connection.abort()


async def test_a_wrong_pin_is_refused_though_the_name_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    async with StreamServer(echo, AUTHORITY.server("dns.example")[0]) as server:
        with pytest.raises(OSError, match="the key fits none of the pins"):
            await dialled(address_of(server, "dns.example", pins=(bytes(32),)))
        assert server.queries == []
    assert "the key fits none of the pins" in capsys.readouterr().err


async def test_a_certificate_issued_by_itself_needs_a_pin(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with StreamServer(echo, self_signed_server(tmp_path)[0]) as server:
        with pytest.raises(OSError):
            await dialled(address_of(server, "dns.example"))
    assert "issued by itself; name its pin" in capsys.readouterr().err


async def test_a_session_is_taken_up_again_and_the_pin_still_checked(tmp_path: Path) -> None:
    context, pin = self_signed_server(tmp_path)
    async with StreamServer(echo, context) as server:
        dialler = Dialler(address_of(server, pins=(pin,)), time.monotonic)
        for _ in range(3):
            connection = await dialler.dial()
            assert await answer(connection)
            dialler.remember(connection)
            connection.abort()
        assert (server.connections, server.resumed) == (3, 2)
        dialler._address = address_of(server, pins=(bytes(32),))  # type: ignore[misc]
        with pytest.raises(OSError, match="the key fits none of the pins"):
            await dialler.dial()


async def test_opportunistic_takes_any_certificate(tmp_path: Path) -> None:
    async with StreamServer(echo, self_signed_server(tmp_path)[0]) as server:
        connection = await dialled(address_of(server, "dns.example", opportunistic=True))
        assert connection.tls is not None
        connection.abort()


async def test_opportunistic_goes_on_without_tls_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with StreamServer(hang_up) as secure, StreamServer(echo) as plain:
        monkeypatch.setattr(dialling, "PLAIN_PORT", plain.port)
        now = 0.0
        dialler = Dialler(address_of(secure, opportunistic=True), lambda: now)
        for _ in range(3):
            connection = await dialler.dial()
            assert connection.tls is None
            assert await answer(connection)
            connection.abort()
        assert (secure.connections, plain.connections) == (1, 3)
        now = dialling.PLAIN_SECONDS
        await used(dialler)
        assert secure.connections == 2
    assert capsys.readouterr().err.count("without encryption") == 2


async def hang_up(peer: Peer) -> None:
    peer.writer.close()


async def test_who_has_to_be_trusted_is_never_asked_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    async with StreamServer(hang_up) as secure, StreamServer(echo) as plain:
        monkeypatch.setattr(dialling, "PLAIN_PORT", plain.port)
        for _ in range(2):
            with pytest.raises(OSError):
                await dialled(address_of(secure, "dns.example"))
        assert plain.connections == 0


async def test_a_handshake_that_stalls_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialling, "ATTEMPT_SECONDS", 0.1)
    async with StreamServer(silent) as server:
        with pytest.raises(OSError):
            await dialled(address_of(server))


# Addresses


class Places:
    """Gives these addresses."""

    def __init__(self, *endpoints: Endpoint) -> None:
        self.endpoints = endpoints

    async def __call__(self) -> Sequence[Endpoint]:
        return self.endpoints


def named(*endpoints: Endpoint) -> Dialler:
    return Dialler(parse_upstream("tls://dns.example"), time.monotonic, Places(*endpoints))


async def test_a_name_is_reached_at_the_addresses_that_were_found() -> None:
    async with StreamServer(echo, AUTHORITY.server("dns.example")[0]) as server:
        await used(named(server.endpoint))


async def test_a_dead_address_is_left_for_the_next_and_not_tried_again() -> None:
    context = AUTHORITY.server("dns.example")[0]
    async with StreamServer(echo, context) as first, StreamServer(echo, context) as second:
        dialler = named(first.endpoint, second.endpoint)
        await first.stop()
        for _ in range(3):
            await used(dialler)
        await first.start()
        await used(dialler)
        assert (first.connections, second.connections) == (0, 4)


async def test_only_a_few_addresses_are_tried_at_once_but_each_has_its_turn() -> None:
    async with StreamServer(echo, AUTHORITY.server("dns.example")[0]) as server:
        dead = Endpoint("127.0.0.1", 1, 4)
        dialler = named(*[dead] * dialling.MAX_PLACES, server.endpoint)
        with pytest.raises(OSError):
            await dialler.dial()
        await used(dialler)


async def test_nobody_knows_an_address() -> None:
    for places in (Places(), None):
        dialler = Dialler(parse_upstream("tls://localhost"), time.monotonic, places)
        with pytest.raises(OSError, match="no address of the upstream is known"):
            await dialler.dial()


async def test_plain_tcp() -> None:
    async with StreamServer(echo) as server:
        connection = await dialled(parse_upstream(server.url("tcp")))
        assert connection.tls is None
        assert await answer(connection)
        connection.abort()


async def test_a_connection_that_could_not_be_had_leaves_nothing_to_the_collector() -> None:
    """Errors and their frames hold each other; nobody collects that in a worker."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and not listening
        dialler = Dialler(parse_upstream(f"tcp://127.0.0.1:{closed.getsockname()[1]}"), time.monotonic)
        gc.collect()
        gc.disable()
        try:
            for _ in range(10):
                with contextlib.suppress(OSError):
                    await dialler.dial()
            assert gc.collect() < 10
        finally:
            gc.enable()
