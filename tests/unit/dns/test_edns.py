"""EDNS: the OPT that we send, read by dnspython, and the extended errors in it."""

from __future__ import annotations

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns import registry
from resolver.dns.edns import (
    MAX_TEXT,
    PLAIN_OPT,
    extended_error,
    keepalive,
    opt,
    padded,
    with_options,
    written,
)
from tests.support.client import make_query
from tests.support.messages import QUESTION, header, queries, record

REPLY_BLOCK = 468
"""Octets (RFC 8467 4.1); queries have blocks of 128."""


def read(record: bytes) -> dns.message.Message:
    """A response that holds this OPT and nothing else."""
    return dns.message.from_wire(header(more=1) + QUESTION + record)


@pytest.mark.parametrize("dnssec", [False, True])
def test_the_plain_opt(dnssec: bool) -> None:
    """RFC 6891 6.1.3: version 0, all unknown flags clear; RFC 3225 3: DO comes back."""
    message = read(PLAIN_OPT[dnssec])
    assert message.edns == 0 and message.payload == 1232 and not message.options
    assert message.ednsflags == (dns.flags.DO if dnssec else 0)
    assert PLAIN_OPT[dnssec] == opt(dnssec)


def test_another_size() -> None:
    assert read(opt(False, size=4096)).payload == 4096


@pytest.mark.parametrize("rcode", [0, 3, 15, 16, 23, 4095])
@pytest.mark.parametrize("dnssec", [False, True])
def test_the_upper_bits_of_an_rcode(rcode: int, dnssec: bool) -> None:
    """RFC 6891 6.1.3: eight bits in the OPT above four in the header; version 0 and DO stay what they are."""
    message = dns.message.from_wire(header(0x8180 | rcode & 15, more=1) + QUESTION + opt(dnssec, rcode=rcode))
    assert message.rcode() == rcode and message.edns == 0
    assert message.ednsflags & 0xFFFF == (0x8000 if dnssec else 0)


@pytest.mark.parametrize("data", [b"", b"x", b"y" * 4000])
def test_an_option_is_written(data: bytes) -> None:
    (option,) = read(opt(False, written(65_001, data))).options
    assert (option.otype, option.to_wire()) == (65_001, data)


def test_options_are_added_behind_others() -> None:
    added = with_options(with_options(PLAIN_OPT[True], written(65_001, b"one")), written(65_002))
    assert added == opt(True, written(65_001, b"one") + written(65_002))


@pytest.mark.parametrize(
    ("seconds", "count"), [(0, 0), (0.05, 0), (0.1, 1), (15, 150), (6553.5, 65_535), (1e9, 65_535), (-1, 0)]
)
def test_how_long_a_connection_is_kept(seconds: float, count: int) -> None:
    """RFC 7828 3.1: a count of 100 milliseconds in two octets."""
    assert keepalive(seconds) == b"\0\x0b\0\x02" + count.to_bytes(2, "big")


# Padding


def padding_of(octets: bytes) -> bytes:
    (found,) = [one for one in dns.message.from_wire(octets).options if one.otype == dns.edns.OptionType(12)]
    data = found.to_wire()
    assert isinstance(data, bytes)
    return data


@pytest.mark.parametrize("block", [128, REPLY_BLOCK])
@given(message=queries())
def test_a_padded_message_hides_its_length(block: int, message: dns.message.Message) -> None:
    """RFC 8467 4.1: a multiple of the block; RFC 7830 3: zeros; nothing else changes."""
    plain = message.to_wire()
    octets = padded(plain, block)
    if message.edns < 0:
        assert octets == plain
        return
    assert len(octets) % block == 0 and len(plain) + 4 <= len(octets) < len(plain) + 4 + block
    assert set(padding_of(octets)) <= {0}
    found = dns.message.from_wire(octets)
    assert found == message and found.ednsflags == message.ednsflags and found.payload == message.payload
    assert [one.to_wire() for one in found.options[:-1]] == [one.to_wire() for one in message.options]


@pytest.mark.parametrize("length", range(20, 40))
def test_every_length_comes_to_a_multiple(length: int) -> None:
    """Where the option without data fills the block exactly, and one octet on either side."""
    octets = make_query("a" * length + ".example.org").to_wire()
    assert len(padded(octets, 64)) == -(-(len(octets) + 4) // 64) * 64


def test_a_reply_with_records_is_padded_too() -> None:
    whole = header(answer=2, authority=1, more=2) + QUESTION + record(1, b"1234") * 4 + PLAIN_OPT[True]
    octets = padded(whole, REPLY_BLOCK)
    assert len(octets) == REPLY_BLOCK and octets.startswith(whole[: -len(PLAIN_OPT[True])])
    assert set(padding_of(octets)) == {0}


UNPADDED = {
    "no record": header() + QUESTION,
    "no OPT": header(answer=1) + QUESTION + record(1, b"1234"),
    "an OPT that is not the last": header(more=2) + QUESTION + PLAIN_OPT[0] + record(1, b"1234"),
    "half a record": header(more=1) + QUESTION + PLAIN_OPT[0][:-1],
    "a record that is not there": header(more=1) + QUESTION,
    "octets behind the OPT": header(more=1) + QUESTION + PLAIN_OPT[0] + b"x",
    "a broken question": header(more=1) + b"\x41" + QUESTION + PLAIN_OPT[0],
    "what would be too long": header(answer=1, more=1) + QUESTION + record(16, b"x" * 65_470) + PLAIN_OPT[0],
}


@pytest.mark.parametrize("octets", UNPADDED.values(), ids=UNPADDED)
def test_what_cannot_be_padded_stays_as_it_is(octets: bytes) -> None:
    assert padded(octets, REPLY_BLOCK) == octets


# Extended errors


@pytest.mark.parametrize(
    ("code", "text"), [(15, ""), (15, "blocked"), (22, "no upstream answered"), (0xFFFF, "für Ä")]
)
def test_extended_errors(code: int, text: str) -> None:
    (option,) = read(opt(True, extended_error(code, text))).options
    assert isinstance(option, dns.edns.EDEOption)
    assert option.code == code and (option.text or "") == text


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_text_is_cut_between_characters(text: str) -> None:
    """RFC 8914 2: EXTRA-TEXT is UTF-8, so half a character would make the whole text unreadable."""
    octets = extended_error(registry.EDE_BLOCKED, text)[6:]
    assert len(octets) <= MAX_TEXT and text.startswith(octets.decode("utf-8"))
    assert octets == text.encode() or len(octets) > MAX_TEXT - 4


def test_two_options_stand_side_by_side() -> None:
    options = extended_error(15, "one") + extended_error(23, "two")
    assert [int(option.code) for option in read(opt(False, options)).options if hasattr(option, "code")] == [
        15,
        23,
    ]
