"""EDNS: the OPT that we send, read by dnspython, and the extended errors in it."""

from __future__ import annotations

import dns.edns
import dns.flags
import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns import registry
from resolver.dns.edns import MAX_TEXT, PLAIN_OPT, extended_error, opt
from tests.support.messages import QUESTION, header


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
