"""Names: tables of the odd ones, and dnspython as the oracle for the rest."""

from __future__ import annotations

import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.names import (
    MAX_NAME,
    ROOT,
    Fault,
    fold,
    from_host,
    from_text,
    labels,
    lies_under,
    read_host,
    to_text,
)
from resolver.errors import WireError

LABELS = st.lists(st.binary(min_size=1, max_size=63), max_size=12).filter(
    lambda parts: sum(len(part) + 1 for part in parts) < MAX_NAME
)


def wire_of(parts: list[bytes]) -> bytes:
    return b"".join(bytes([len(part)]) + part for part in parts) + ROOT


HOSTS = {
    "example.com": b"\x07example\x03com\0",
    "Example.COM.": b"\x07example\x03com\0",
    "  example.com\t": b"\x07example\x03com\0",
    "_dmarc.-x-.example": b"\x06_dmarc\x03-x-\x07example\0",
    "com": b"\x03com\0",
    ".": ROOT,
    "bücher.example": b"\x0dxn--bcher-kva\x07example\0",
    "BÜCHER.example": b"\x0dxn--bcher-kva\x07example\0",
    "faß.example": b"\x0axn--fa-hia\x07example\0",  # non-transitional: not fass
    "☃.example": b"\x07xn--n3h\x07example\0",
    "日本。example": b"\x0axn--wgv71a\x07example\0",  # an ideographic full stop is a dot
    "\uff45xample.test": b"\x07example\x04test\0",  # full-width letter
    "xn--bcher-kva.example": b"\x0dxn--bcher-kva\x07example\0",
    "a" * 63 + ".test": b"\x3f" + b"a" * 63 + b"\x04test\0",
    "192.0.2.1": b"\x03192\x010\x012\x011\0",
}

NO_HOSTS = {
    "": "name-empty",
    "   ": "name-empty",
    "..": "label-empty",
    ".example": "label-empty",
    "a..example": "label-empty",
    "example..": "label-empty",
    "a" * 64 + ".test": "label-too-long",
    "ü" * 63 + ".test": "label-too-long",
    ".".join(["a" * 49] * 5 + ["abcd"]): "name-too-long",
    "a." * 600: "name-too-long",
    "two words.example": "bad-character",
    "a*b.example": "bad-character",
    "a/b": "bad-character",
    "a@example.org": "bad-character",
    "a\0b.example": "bad-character",
    "\uff01.example": "bad-character",  # maps to an exclamation mark
    "\u0301a.example": "bad-unicode",  # begins with a combining mark
    "\ud800.example": "bad-unicode",
    "\u2028a\u2028b.example": "bad-unicode",
}


@pytest.mark.parametrize(("text", "wire"), HOSTS.items(), ids=repr)
def test_host_is_read(text: str, wire: bytes) -> None:
    assert from_host(text) == wire == read_host(text)


@pytest.mark.parametrize(("text", "code"), NO_HOSTS.items(), ids=repr)
def test_what_is_no_host_says_why(text: str, code: str) -> None:
    fault = read_host(text)
    assert isinstance(fault, Fault) and fault.code == code and fault.sentence.endswith(".")
    with pytest.raises(WireError, match=r"^\w.*\."):
        from_host(text)


def test_longest_host_is_253_characters() -> None:
    text = ".".join(["a" * 49] * 5 + ["abc"])
    assert len(text) == 253
    assert len(from_host(text)) == MAX_NAME


@given(st.text(max_size=80))
def test_reading_a_host_gives_a_folded_name_or_a_fault(text: str) -> None:
    wire = read_host(text)
    if not isinstance(wire, Fault):
        assert len(wire) <= MAX_NAME and fold(wire) == wire
        assert from_host(to_text(wire)) == wire


TEXTS = {
    ".": ROOT,
    "Example.com": b"\x07Example\x03com\0",
    "example.com.": b"\x07example\x03com\0",
    r"a\.b.test": b"\x03a.b\x04test\0",
    r"\097\\.test": b"\x02a\\\x04test\0",
    r"\000\255.test": b"\x02\x00\xff\x04test\0",
    r"\*.test": b"\x01*\x04test\0",
    "*.test": b"\x01*\x04test\0",
    r"a\032b": b"\x03a b\0",
}

NO_TEXTS = ["", "..", ".a", "a..b", "a\\", r"a\12", r"\256", "ü.test", "a" * 64, "a." * 128]


@pytest.mark.parametrize(("text", "wire"), TEXTS.items(), ids=repr)
def test_presentation_text_is_read(text: str, wire: bytes) -> None:
    assert from_text(text) == wire


@pytest.mark.parametrize("text", NO_TEXTS)
def test_wrong_presentation_text_is_refused(text: str) -> None:
    with pytest.raises(WireError):
        from_text(text)


@given(LABELS)
def test_text_reads_back_and_agrees_with_dnspython(parts: list[bytes]) -> None:
    wire = wire_of(parts)
    text = to_text(wire)
    assert text.isascii() and text.isprintable()
    assert from_text(text) == wire
    assert labels(wire) == parts
    theirs = dns.name.Name([*parts, b""])
    assert text == (theirs.to_text(omit_final_dot=True) if parts else ".")
    assert fold(wire) == theirs.canonicalize().to_wire()


@given(st.text(alphabet=r"ab.\019 é", max_size=20))
def test_presentation_text_agrees_with_dnspython(text: str) -> None:
    try:
        wire = from_text(text)
    except WireError:
        return
    assert wire == dns.name.from_text(text).to_wire()


def test_folding_touches_letters_only() -> None:
    everything = bytes(range(64, 127))
    assert fold(b"\x3f" + everything + ROOT) == b"\x3f" + everything.lower() + ROOT
    assert fold(b"\x02\xc3\xdc\0") == b"\x02\xc3\xdc\0"


# Whether a name lies under another: labels decide, not octets.
UNDER = [
    ("www.example.org", "example.org", True),
    ("example.org", "example.org", True),
    ("a.b.c.example.org", "org", True),
    ("example.org", "", True),
    ("", "", True),
    ("example.org", "www.example.org", False),
    ("notexample.org", "example.org", False),
    ("example.net", "example.org", False),
    (r"abc\003org", "org", False),
    (r"x.abc\003org", "org", False),
    (r"abc\003org.org", "org", True),
]


@pytest.mark.parametrize(("text", "above", "expected"), UNDER)
def test_lying_under_a_name(text: str, above: str, expected: bool) -> None:
    assert lies_under(from_text(text or "."), from_text(above or ".")) is expected


@given(LABELS, LABELS)
def test_lying_under_agrees_with_dnspython(parts: list[bytes], others: list[bytes]) -> None:
    ours, theirs = dns.name.Name([*parts, b""]), dns.name.Name([*others, b""])
    assert lies_under(fold(wire_of(parts)), fold(wire_of(others))) == ours.is_subdomain(theirs)
    assert lies_under(wire_of(parts), wire_of(parts[1:]))
