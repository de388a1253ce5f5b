"""Values of `$dnsrewrite`: every form, every type, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns import rdata
from resolver.dns.registry import TYPE_NAMES, type_number
from resolver.rules.formats.dnsrewrite import SINK, read_rewrite, write_rewrite
from resolver.rules.side import Answer, Record


def record(rtype: str, text: str) -> Answer:
    number = type_number(rtype) or 0
    octets = rdata.from_words(number, text.split())
    assert octets is not None
    return Answer(records=(Record(number, octets),))


ANSWERS = {
    # short
    "192.0.2.1": record("A", "192.0.2.1"),
    "2001:db8::1": record("AAAA", "2001:db8::1"),
    "128.0.0.1": record("A", "128.0.0.1"),
    "0.0.0.1": record("A", "0.0.0.1"),
    "www.example.org": record("CNAME", "www.example.org"),
    "WWW.Example.org.": record("CNAME", "www.example.org"),
    "router": record("CNAME", "router"),
    "bücher.example": record("CNAME", "xn--bcher-kva.example"),
    "NOERROR": Answer(),
    "FORMERR": Answer(1),
    "SERVFAIL": Answer(2),
    "NXDOMAIN": Answer(3),
    "NOTIMP": Answer(4),
    "REFUSED": Answer(5),
    # long
    "NOERROR;;": Answer(),
    "noerror;;": Answer(),
    "REFUSED;;": Answer(5),
    "NXDOMAIN;;": Answer(3),
    "NOTAUTH;;": Answer(9),
    "NOERROR;A;192.0.2.1": record("A", "192.0.2.1"),
    "noerror;a;192.0.2.1": record("A", "192.0.2.1"),
    " NOERROR ; A ; 192.0.2.1 ": record("A", "192.0.2.1"),
    "NOERROR;AAAA;2001:db8::1": record("AAAA", "2001:db8::1"),
    "NOERROR;CNAME;a.example": record("CNAME", "a.example"),
    "NOERROR;PTR;a.example.": record("PTR", "a.example"),
    "NOERROR;MX;32 mail.example": record("MX", "32 mail.example"),
    "NOERROR;MX;0 .": record("MX", "0 ."),
    "NOERROR;SRV;10 60 8080 a.example": record("SRV", "10 60 8080 a.example"),
    "NOERROR;HTTPS;32 a.example alpn=h3": record("HTTPS", "32 a.example alpn=h3"),
    "NOERROR;SVCB;32 a.example alpn=h3": record("SVCB", "32 a.example alpn=h3"),
    "NOERROR;TYPE65;1 .": record("HTTPS", "1 ."),
    r"NOERROR;HTTPS;1 . alpn=h2\,h3 port=443": record("HTTPS", "1 . alpn=h2,h3 port=443"),
    "NOERROR;HTTPS;1 . ipv4hint=127.0.0.1": record("HTTPS", "1 . ipv4hint=127.0.0.1"),
    "NOERROR;TXT;hello_world": record("TXT", "hello_world"),
    "NOERROR;TXT;a b": record("TXT", r"a\032b"),
    "NOERROR;TXT;v=x; k=y;": record("TXT", r"v=x\;\032k=y\;"),
    r"NOERROR;TXT;a\,b\\c\100": record("TXT", r"a,b\\cd"),
    'NOERROR;TXT;"a"': record("TXT", r"\"a\""),
    "NOERROR;TXT;ü": record("TXT", r"\195\188"),
}

SINKS = [
    "0.0.0.0", "::", "127.0.0.1", "127.9.9.9", "::1", "0:0::0",
    "NOERROR;A;0.0.0.0", "NOERROR;AAAA;::",
]  # fmt: skip

REFUSED = [
    # nothing, or not enough, or too much
    "", " ", ";", ";;", "NOERROR;", "NOERROR;A", "NOERROR;A;", "NOERROR;;192.0.2.1", ";A;192.0.2.1",
    "REFUSED;A;192.0.2.1", "NXDOMAIN;;x", "REFUSED;A;",
    # keywords
    "NOTHING", "LOCALHOST", "BADVERS", "refused", "Nxdomain", "DROP", "NODATA", "RCODE23;;", "BADVERS;;",
    "23;;",
    # addresses and names
    "192.0.2.256", "192.0.2", "192.0.2.1.", "1", "2001:db8::g", "fe80::1%eth0", "a..example", "*.example",
    "a b", "a,b", ".",
    "192.0.2.1/32", "x" * 64, "A:NOERROR:192.0.2.1", "http://a.example",
    # types
    "NOERROR;NS;a.example", "NOERROR;SOA;x", "NOERROR;CAA;0 issue x", "NOERROR;NOTHING;x",
    "NOERROR;TYPE99999;x",
    # values
    "NOERROR;A;2001:db8::1", "NOERROR;A;192.0.2.1 192.0.2.2", "NOERROR;AAAA;192.0.2.1", "NOERROR;CNAME;.",
    "NOERROR;CNAME;a.example b.example", "NOERROR;PTR;", "NOERROR;MX;mail.example", "NOERROR;MX;-1 a.example",
    "NOERROR;SRV;1 2 a.example", "NOERROR;HTTPS;1", "NOERROR;HTTPS;0 . alpn=h3",
    'NOERROR;HTTPS;1 . alpn="h3"',
    r"NOERROR;HTTPS;1 . alpn=h\051", "NOERROR;HTTPS;1 . alpn=h3 alpn=h2", "NOERROR;HTTPS;1 . nothing=x",
    "NOERROR;TXT;", "NOERROR;TXT;\\", r"NOERROR;TXT;\256", "NOERROR;TXT;" + "x" * (rdata.MAX_TEXT + 1),
]  # fmt: skip


@pytest.mark.parametrize(("value", "answer"), ANSWERS.items(), ids=repr)
def test_what_a_value_answers(value: str, answer: Answer) -> None:
    assert read_rewrite(value) == answer


@pytest.mark.parametrize("value", SINKS)
def test_address_that_leads_nowhere_is_a_block(value: str) -> None:
    assert read_rewrite(value) == SINK


@pytest.mark.parametrize("value", REFUSED)
def test_what_is_no_answer(value: str) -> None:
    assert read_rewrite(value) is None


def test_every_type_has_a_row() -> None:
    types = {record.rtype for answer in ANSWERS.values() for record in answer.records}
    assert types == rdata.TYPES


def write(answer: Answer) -> str:
    """The value of an answer with one record, or with none."""
    return write_rewrite(answer.rcode, *answer.records)


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=repr)
def test_written_value_reads_back(answer: Answer) -> None:
    assert read_rewrite(write(answer)) == answer


WRITTEN = {
    "REFUSED;;": "REFUSED",
    "NOERROR;;": "NOERROR",
    "192.0.2.1": "NOERROR;A;192.0.2.1",
    "a.example": "NOERROR;CNAME;a.example",
    "noerror;mx;010 a.example.": "NOERROR;MX;10 a.example",
    r"NOERROR;HTTPS;1 . port=1 alpn=h2\,h3": r"NOERROR;HTTPS;1 . alpn=h2\,h3 port=1",
    "NOERROR;TXT;a b;c=d": "NOERROR;TXT;a b;c=d",
    r"NOERROR;TXT;\032 a\,b#$|/\"\\ \032": r"NOERROR;TXT;\032\032a\044b\035\036\124\047\034\092\032\032",
}


@pytest.mark.parametrize(("value", "written"), WRITTEN.items(), ids=repr)
def test_one_form_is_written(value: str, written: str) -> None:
    answer = read_rewrite(value)
    assert isinstance(answer, Answer) and write(answer) == written


# For people only: written without loss, and refused or different when it is read.
SHOWN = {
    (24, None): "RCODE24;;",
    (16, None): "BADVERS;;",
    (0, Record(6, b"\1\2")): r"NOERROR;SOA;\# 2 0102",
    (0, Record(65280, b"")): r"NOERROR;TYPE65280;\# 0",
    (0, Record(1, b"\1")): r"NOERROR;A;\# 1 01",
    (0, Record(5, b"\1*\1a\0")): "NOERROR;CNAME;*.a",
    (0, Record(5, b"\3a,b\0")): r"NOERROR;CNAME;a\,b",
    (0, Record(16, b"\1a\1b")): 'NOERROR;TXT;"a" "b"',
    (0, Record(16, b"\0")): 'NOERROR;TXT;""',
    (0, Record(16, b"\2a")): r"NOERROR;TXT;\# 2 0261",
}


@pytest.mark.parametrize(("said", "text"), SHOWN.items(), ids=repr)
def test_shown_only(said: tuple[int, Record | None], text: str) -> None:
    rcode, one = said
    assert write_rewrite(rcode, one) == text
    assert read_rewrite(text) != Answer(rcode, (one,) if one else ())


@given(st.binary(min_size=1, max_size=600))
def test_any_text_record_reads_back(text: bytes) -> None:
    strings = [text[at : at + 255] for at in range(0, len(text), 255)]
    answer = Answer(records=(Record(16, rdata.pack_strings(strings)),))
    value = write(answer)
    assert read_rewrite(value) == answer and value.isascii() and value.isprintable()
    assert not set(value) & set(',$#|/"')


@given(st.sampled_from(sorted(TYPE_NAMES)), st.binary(max_size=60))
def test_any_record_is_written_for_people(rtype: int, octets: bytes) -> None:
    value = write_rewrite(0, Record(rtype, octets))
    assert value.isascii() and value.isprintable()


PIECES = st.sampled_from(
    [
        *"NOERROR REFUSED ; A AAAA TXT MX HTTPS SRV CNAME 192.0.2.1 2001:db8::1 a.example . 1".split(),
        *r'alpn=h3 \ \, , " ü'.split(),
        " ",
    ]
)


@given(st.one_of(st.lists(PIECES, max_size=10).map("".join), st.text(max_size=40)))
def test_any_text_is_read(value: str) -> None:
    answer = read_rewrite(value)
    if isinstance(answer, Answer):
        assert read_rewrite(write(answer)) == answer
