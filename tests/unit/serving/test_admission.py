"""Who is served: the networks of the settings and nobody else, with a bounded memory."""

from __future__ import annotations

import ipaddress

import pytest

from resolver.serving import admission
from resolver.serving.admission import Admission
from resolver.settings import Settings

CASES = [
    ("10.0.0.1", True),
    ("10.255.255.255", True),
    ("172.16.0.1", True),
    ("172.32.0.1", False),
    ("192.168.7.7", True),
    ("127.0.0.1", True),
    ("127.200.3.4", True),
    ("169.254.1.1", True),
    ("192.0.2.1", False),
    ("9.9.9.9", False),
    ("::1", True),
    ("fe80::1", True),
    ("fe80::1%eth0", True),
    ("fd00::53", True),
    ("2001:db8::1", False),
    ("::ffff:9.9.9.9", False),
    ("", False),
    ("localhost", False),
    ("1.2.3", False),
    ("%", False),
]


@pytest.mark.parametrize(("host", "served"), CASES, ids=[case[0] or "empty" for case in CASES])
def test_private_networks_are_served_by_default(host: str, served: bool) -> None:
    entry = Admission(Settings().networks())
    assert entry.admit(host) is served
    assert entry.admit(host) is served, "remembering changes nothing"
    assert (host in entry.known) is served


def test_only_what_is_named_is_served() -> None:
    entry = Admission([ipaddress.ip_network("192.0.2.0/24"), ipaddress.ip_network("2001:db8::/32")])
    hosts = ("192.0.2.255", "192.0.3.0", "2001:db8:ffff::1", "127.0.0.1")
    assert [entry.admit(host) for host in hosts] == [True, False, True, False]


def test_without_a_network_nobody_is_served() -> None:
    assert not Admission([]).admit("127.0.0.1")


def test_the_memory_is_bounded_and_forgets_nobody_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "_REMEMBERED", 100)
    entry = Admission([ipaddress.ip_network("10.0.0.0/8")])
    for number in range(1_000):
        assert entry.admit(f"10.0.{number >> 8}.{number & 255}")
        assert len(entry.known) <= 100
    assert entry.admit("10.0.0.0")


def test_strangers_leave_no_trace() -> None:
    entry = Admission([ipaddress.ip_network("10.0.0.0/8")])
    for number in range(1_000):
        entry.admit(f"192.0.2.{number % 256}")
    assert entry.known == set()
