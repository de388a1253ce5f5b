"""SVCB and HTTPS records on the wire: what dnspython reads in them is found, and nothing is read for ever."""

from __future__ import annotations

import ipaddress

import dns.rdata
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.bindings import MAX_HINTS, Binding, read_binding
from resolver.dns.svcparams import MAX_PARAMETERS
from resolver.errors import WireError
from tests.support.messages import CountedOctets

FOURS = st.lists(st.builds(ipaddress.IPv4Address, st.binary(min_size=4, max_size=4)), min_size=1, max_size=5)
SIXES = st.lists(
    st.builds(ipaddress.IPv6Address, st.binary(min_size=16, max_size=16)), min_size=1, max_size=5
)
TARGETS = st.sampled_from((".", "svc.example.net.", "SVC.Example."))


def read(rdata: bytes) -> Binding:
    """The binding of RDATA with octets before and behind it."""
    return read_binding(b"before" + rdata + b"behind", 6, 6 + len(rdata))


@given(st.integers(0, 3), TARGETS, FOURS, SIXES, st.booleans())
def test_targets_and_hints_are_those_that_dnspython_wrote(
    priority: int,
    target: str,
    fours: list[ipaddress.IPv4Address],
    sixes: list[ipaddress.IPv6Address],
    alpn: bool,
) -> None:
    words = ["alpn=h3,h2"] if alpn else []
    words += ["ipv4hint=" + ",".join(map(str, fours)), "ipv6hint=" + ",".join(map(str, sixes)), "key65280=x"]
    text = f"{priority} {target} {' '.join(words) if priority else ''}"
    rdata = dns.rdata.from_text("IN", "HTTPS", text).to_wire()
    assert rdata is not None
    binding = read(rdata)
    expected = [*(one.packed for one in fours), *(one.packed for one in sixes)] if priority else []
    assert binding.addresses(b"before" + rdata) == expected
    assert binding.target == rdata[2 : 2 + len(binding.target)].lower()
    assert binding.target.startswith({".": b"\0", "S": b"\3svc\7example\0", "s": b"\3svc"}[target[0]])
    assert binding.parts == (len(words) + len(expected) if priority else 0)


FOUR = b"\0\4\0\4\xc0\0\2\1"
INSIDE = b"\0\4\0\4\xc0\xa8\0\1"
HEAD = b"\0\1\0"

LENIENT = {
    "out of order": (HEAD + b"\0\6\0\x10" + b"\xfd" * 16 + FOUR, True),
    "twice": (HEAD + FOUR + INSIDE, True),
    "with octets to spare": (HEAD + b"\0\4\0\6\xc0\xa8\0\1\1\2", True),
    "too short for an address": (HEAD + b"\0\4\0\3\xc0\xa8\0", False),
    "empty": (HEAD + b"\0\4\0\0", False),
    "behind an alias": (b"\0\0\0" + INSIDE, True),
    "of the other family": (HEAD + b"\0\6\0\4\xc0\xa8\0\1", False),
    "in another parameter": (HEAD + b"\0\3\0\4\xc0\xa8\0\1", False),
}


@pytest.mark.parametrize(("rdata", "private"), LENIENT.values(), ids=LENIENT)
def test_hints_are_found_as_the_most_lenient_client_would(rdata: bytes, private: bool) -> None:
    assert read(rdata).is_private(b"before" + rdata) == private


BROKEN = {
    "nothing": b"",
    "a priority alone": b"\0\1",
    "no root": b"\0\1\1a",
    "a pointer": b"\0\1\xc0\x0c",
    "a name that runs out": b"\0\1\x3faaa",
    "half a key": HEAD + b"\0\4\0",
    "a value that runs out": HEAD + b"\0\4\0\5\xc0\0\2\1",
    "too many parameters": HEAD + b"\xff\x00\0\0" * (MAX_PARAMETERS + 1),
    "too many hints": HEAD + b"\0\4\1\4" + b"1234" * (MAX_HINTS + 1),
    "too many hints in all": HEAD + (b"\0\4\0\x80" + b"1234" * 32) * 3,
}


@pytest.mark.parametrize("rdata", BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_read(rdata: bytes) -> None:
    with pytest.raises(WireError):
        read(rdata)


def test_as_much_as_is_read() -> None:
    assert read(HEAD + b"\xff\x00\0\0" * MAX_PARAMETERS).parts == MAX_PARAMETERS
    full = HEAD + b"\0\4\1\0" + b"\xc0\0\2\1" * MAX_HINTS
    assert len(read(full).addresses(b"before" + full)) == MAX_HINTS


@given(st.binary(max_size=400))
def test_any_octets(rdata: bytes) -> None:
    data = CountedOctets(rdata)
    try:
        binding = read_binding(data, 0, len(rdata))
    except WireError:
        binding = None
    assert data.looks < 300
    if binding is not None:
        assert all(len(address) in (4, 16) for address in binding.addresses(rdata))
