"""What an upstream says of its answer: read within bounds, passed on where it is still true."""

from __future__ import annotations

import dns.edns
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns import registry
from resolver.dns.edns import MAX_TEXT, PLAIN_OPT, extended_error, opt, written
from resolver.dns.reasons import opts_for, read_reason

EDE = registry.OPTION_EDE

READ: dict[str, tuple[bytes, tuple[int, str] | None]] = {
    "none": (b"", None),
    "another option": (written(10, b"\0\x0f\0\0\0\0\0\0"), None),
    "code alone": (written(EDE, b"\0\x0f"), (15, "")),
    "text": (written(EDE, b"\0\x17no route"), (23, "no route")),
    "behind another option": (written(10, b"12345678") + written(EDE, b"\0\x06x"), (6, "x")),
    "the first of two": (written(EDE, b"\0\6a") + written(EDE, b"\0\7b"), (6, "a")),
    "NUL at the end": (written(EDE, b"\0\6abc\0"), (6, "abc")),
    "NUL inside": (written(EDE, b"\0\6a\0c"), (6, "")),
    "no UTF-8": (written(EDE, b"\0\6\xff\xfe"), (6, "")),
    "a line break": (written(EDE, b"\0\6a\r\nb"), (6, "")),
    "an escape": (written(EDE, b"\0\6\x1b[31m"), (6, "")),
    "bidirectional text": (written(EDE, "\0\6a\u202eb".encode()), (6, "")),
    "letters of the world": (written(EDE, "\0\6schädlich, 危険".encode()), (6, "schädlich, 危険")),
    "a private code": (written(EDE, b"\xc0\x01x"), (0xC001, "x")),
    "too short": (written(EDE, b"\0"), None),
    "an option that runs out": (b"\0\x0f\0\x09\0\6x", None),
    "half an option": (b"\0\x0f\0", None),
}


@pytest.mark.parametrize(("options", "reason"), READ.values(), ids=READ)
def test_reading(options: bytes, reason: tuple[int, str] | None) -> None:
    assert read_reason(options) == reason


@given(st.integers(0, 0xFFFF), st.text(max_size=60))
def test_what_dnspython_writes_is_read(code: int, text: str) -> None:
    data = dns.edns.EDEOption(dns.edns.EDECode.make(code), text or None).to_wire()
    expected = text.rstrip("\0")
    assert data is not None
    assert read_reason(written(EDE, data)) == (code, expected if expected.isprintable() else "")


@given(st.binary(max_size=300))
def test_any_octets(options: bytes) -> None:
    found = read_reason(options)
    assert found is None or (0 <= found[0] <= 0xFFFF and found[1].isprintable())


def both(code: int, text: str = "") -> tuple[bytes, bytes]:
    """The OPT records that say so."""
    return opt(False, extended_error(code, text)), opt(True, extended_error(code, text))


PASSED: dict[str, tuple[int, bytes, tuple[bytes, bytes]]] = {
    "an answer": (0, b"", PLAIN_OPT),
    "no such name": (3, b"", PLAIN_OPT),
    "an answer, forged": (0, extended_error(4, "x"), both(4, "x")),
    "no such name, blocked": (3, extended_error(15), both(15)),
    "no such name, censored": (3, extended_error(16), both(16)),
    "no such name, filtered": (3, extended_error(17), both(17)),
    "no such name, prohibited": (3, extended_error(18), both(18)),
    "an answer from its cache": (0, extended_error(3), PLAIN_OPT),
    "no such name, from its cache": (3, extended_error(19), PLAIN_OPT),
    "a failure": (2, b"", both(0, "an upstream answered SERVFAIL")),
    "a refusal": (5, b"", both(0, "an upstream answered REFUSED")),
    "a failure of many bits": (23, b"", both(0, "an upstream answered BADCOOKIE")),
    "a failure, bogus": (2, extended_error(6, "signature expired"), both(6, "signature expired")),
    "a failure, cached": (2, extended_error(13), both(13)),
}


@pytest.mark.parametrize(("rcode", "options", "opts"), PASSED.values(), ids=PASSED)
def test_passing_on(rcode: int, options: bytes, opts: tuple[bytes, bytes]) -> None:
    assert opts_for(rcode, options) == opts


def test_a_long_text_is_cut() -> None:
    plain, _ = opts_for(2, written(EDE, b"\0\x06" + "é".encode() * 30_000))
    assert len(plain) == 11 + 4 + 2 + MAX_TEXT
