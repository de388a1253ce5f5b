"""What is opened: real sockets, real conflicts, and the sentence for each."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from resolver.errors import SettingsError
from resolver.settings import Admin, Dns, Settings
from resolver.supervisor.sockets import RECEIVE_BUFFER, Sockets, open_sockets

SOCKET_CLASS = "resolver.supervisor.sockets.socket.socket"
"""What tests of refusals replace: a kernel that says no."""


def settings(*listen: str, workers: int = 1, admin: str = "127.0.0.1:0") -> Settings:
    return Settings(dns=Dns(listen=listen or ("127.0.0.1:0",), workers=workers), admin=Admin(listen=admin))


@contextlib.contextmanager
def opened(wanted: Settings) -> Iterator[Sockets]:
    found = open_sockets(wanted)
    try:
        yield found
    finally:
        found.close()


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


def test_one_port_for_both_transports_and_every_worker() -> None:
    with opened(settings("127.0.0.1:0", workers=3)) as found:
        [listening] = found.dns
        assert listening.endpoint.port != 0
        for group in (listening.udp, listening.tcp):
            assert [one.getsockname() for one in group] == [("127.0.0.1", listening.endpoint.port)] * 3
        assert found.admin.port == found.http[0].getsockname()[1]


def test_every_listen_address_has_sockets() -> None:
    with opened(settings("127.0.0.1:0", "127.0.0.2:0", "0.0.0.0:0")) as found:
        assert [one.endpoint.host for one in found.dns] == ["127.0.0.1", "127.0.0.2", "0.0.0.0"]
        assert [one.endpoint.wildcard for one in found.dns] == [False, False, True]


def test_nothing_waits_and_nothing_leaks_into_children() -> None:
    with opened(settings(workers=2)) as found:
        for one in (*found.dns[0].udp, *found.dns[0].tcp, *found.http):
            assert not os.get_blocking(one.fileno())
            assert not os.get_inheritable(one.fileno())


def test_clients_are_spread_over_the_workers() -> None:
    with opened(settings(workers=2)) as found:
        counts: Counter[int] = Counter()
        for _ in range(200):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.sendto(b"x", ("127.0.0.1", found.dns[0].endpoint.port))
            for number, one in enumerate(found.dns[0].udp):
                with contextlib.suppress(BlockingIOError):
                    one.recv(16)
                    counts[number] += 1
        assert sum(counts.values()) == 200
        assert min(counts[0], counts[1]) > 20


def test_tcp_connections_are_taken_and_spread_too() -> None:
    with opened(settings(workers=2)) as found, contextlib.ExitStack() as clients:
        for _ in range(60):
            clients.enter_context(socket.create_connection(("127.0.0.1", found.dns[0].endpoint.port), 5))
        counts = [0, 0]
        for number, one in enumerate(found.dns[0].tcp):
            with contextlib.suppress(BlockingIOError):
                while True:
                    one.accept()[0].close()
                    counts[number] += 1
        assert sum(counts) == 60
        assert min(counts) > 5


def test_room_for_a_burst() -> None:
    most = int(Path("/proc/sys/net/core/rmem_max").read_text())
    with opened(settings()) as found:
        size = found.dns[0].udp[0].getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        # The kernel doubles what it is asked for, and caps what somebody without rights may ask.
        assert size >= 2 * min(most, RECEIVE_BUFFER)


@needs_ipv6
def test_ipv6_sockets_take_no_ipv4_clients() -> None:
    with opened(settings("[::]:0", workers=2)) as found:
        for one in (*found.dns[0].udp, *found.dns[0].tcp):
            assert one.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1


@needs_ipv6
def test_both_wildcards_share_a_port() -> None:
    with opened(settings("0.0.0.0:0")) as found:
        port = found.dns[0].endpoint.port
    with opened(settings(f"0.0.0.0:{port}", f"[::]:{port}")) as found:
        assert [one.endpoint.port for one in found.dns] == [port, port]


# --- Conflicts ---------------------------------------------------------------------------------


def test_a_second_server_of_the_same_account_is_refused() -> None:
    """SO_REUSEPORT alone would let it in, and it would take half of the queries."""
    with opened(settings(workers=2)) as found:
        again = settings(str(found.dns[0].endpoint))
        with pytest.raises(SettingsError, match=r"dns\.listen: .* \(UDP\) cannot be used: another program"):
            open_sockets(again)


@pytest.mark.parametrize(("kind", "name"), [(socket.SOCK_DGRAM, "UDP"), (socket.SOCK_STREAM, "TCP")])
def test_a_busy_port_is_named_with_the_remedy(kind: socket.SocketKind, name: str) -> None:
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError) as caught:
            open_sockets(settings(f"127.0.0.1:{port}"))
    assert f"dns.listen: 127.0.0.1:{port} ({name}) cannot be used: another program has it" in str(
        caught.value
    )
    assert f"`ss -lnp 'sport = :{port}'`" in str(caught.value)


def test_a_busy_admin_port_names_its_key() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            SettingsError, match=rf"admin\.listen: 127\.0\.0\.1:{port} \(TCP\) cannot be used"
        ):
            open_sockets(settings(admin=f"127.0.0.1:{port}"))


def test_an_address_that_is_not_ours() -> None:
    with pytest.raises(SettingsError, match="no interface of this machine has this address"):
        open_sockets(settings("192.0.2.1:0"))


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "ports below 1024 need root or CAP_NET_BIND_SERVICE"),
        (errno.EPERM, "a sandbox or firewall forbids it"),
        (errno.ENOBUFS, os.strerror(errno.ENOBUFS)),
    ],
)
def test_what_the_kernel_says_becomes_advice(
    monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    monkeypatch.setattr(SOCKET_CLASS, failing_bind(number))
    with pytest.raises(SettingsError) as caught:
        open_sockets(settings("127.0.0.1:53"))
    assert str(caught.value).startswith("dns.listen: 127.0.0.1:53 (UDP) cannot be used: ")
    assert words in str(caught.value)


def test_a_failed_start_lets_go_of_what_it_had() -> None:
    with opened(settings()) as found:
        port = found.dns[0].endpoint.port
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(SettingsError):
            open_sockets(settings(f"127.0.0.1:{port}", workers=2, admin=busy))
    with opened(settings(f"127.0.0.1:{port}")) as found:
        assert found.dns[0].endpoint.port == port


def test_a_restart_is_not_stopped_by_old_connections() -> None:
    with opened(settings()) as found:
        port = found.dns[0].endpoint.port
        client = socket.create_connection(("127.0.0.1", port), 5)
        server = found.dns[0].tcp[0].accept()[0]
        server.close()  # first to close: its side stays in TIME_WAIT
        client.close()
    with opened(settings(f"127.0.0.1:{port}")) as found:
        assert found.dns[0].endpoint.port == port


# --- A machine without IPv6 --------------------------------------------------------------------


def failing_bind(
    number: int, *, only: socket.AddressFamily | None = None, at: str = "bind"
) -> type[socket.socket]:
    """A socket class that fails as the kernel would."""

    class Failing(socket.socket):
        def __init__(self, family: int = -1, kind: int = -1) -> None:
            if at == "socket" and only in (None, family):
                raise OSError(number, os.strerror(number))
            super().__init__(family, kind)

        def bind(self, address: object) -> None:
            if only in (None, self.family):
                self.close()
                raise OSError(number, os.strerror(number))
            super().bind(address)  # type: ignore[arg-type]

    return Failing


NO_IPV6 = [(errno.EAFNOSUPPORT, "socket"), (errno.EADDRNOTAVAIL, "bind"), (errno.EAFNOSUPPORT, "bind")]


@pytest.mark.parametrize(("number", "at"), NO_IPV6)
def test_ipv6_is_skipped_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, at: str
) -> None:
    monkeypatch.setattr(SOCKET_CLASS, failing_bind(number, only=socket.AF_INET6, at=at))
    with opened(settings("127.0.0.1:0", "[::1]:0")) as found:
        assert [one.endpoint.host for one in found.dns] == ["127.0.0.1"]
    assert '"event":"listen address skipped","address":"[::1]:0"' in capsys.readouterr().err


@pytest.mark.parametrize(("number", "at"), NO_IPV6)
def test_nothing_else_left_is_an_error(monkeypatch: pytest.MonkeyPatch, number: int, at: str) -> None:
    monkeypatch.setattr(SOCKET_CLASS, failing_bind(number, only=socket.AF_INET6, at=at))
    with pytest.raises(SettingsError, match=r"dns\.listen: this machine has none of the address families"):
        open_sockets(settings("[::1]:0"))
    with pytest.raises(SettingsError, match=r"admin\.listen: "):
        open_sockets(settings("127.0.0.1:0", admin="[::1]:0"))


def test_a_particular_ipv6_address_that_is_missing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be a typing error, or come late: skipping it silently would leave a network unserved."""
    monkeypatch.setattr(SOCKET_CLASS, failing_bind(errno.EADDRNOTAVAIL, only=socket.AF_INET6, at="bind"))
    with pytest.raises(SettingsError, match="no interface of this machine has this address"):
        open_sockets(settings("127.0.0.1:0", "[2001:db8::1]:0"))


def test_a_port_that_is_free_for_one_transport_alone_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel may hand out a UDP port whose TCP twin is busy: another one is tried."""
    refused: list[int] = []

    class Picky(socket.socket):
        def bind(self, address: object) -> None:
            assert isinstance(address, tuple)
            if self.type == socket.SOCK_STREAM and address[1] and len(refused) < 3:
                refused.append(address[1])
                raise OSError(errno.EADDRINUSE, "busy")
            super().bind(address)

    monkeypatch.setattr(SOCKET_CLASS, Picky)
    with opened(settings("127.0.0.1:0")) as found:
        assert len(refused) == 3
        assert found.dns[0].endpoint.port not in refused
