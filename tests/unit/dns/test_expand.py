"""Records taken out of a message: the same records, whoever reads them, with no pointer left."""

from __future__ import annotations

import dns.message
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.expand import MAX_OCTETS, MAX_RECORDS, Loose, take_out, without
from resolver.dns.names import from_text
from resolver.errors import WireError
from tests.support.messages import HOSTILE_RESPONSES, QUESTION, TO_QNAME, header, record, responses

NAME = from_text("wWw.eXample.oRg")

RDATAS = [
    "A 192.0.2.1", "AAAA 2001:db8::1", "NS x.www.example.org.", "CNAME www.example.org.",
    "PTR www.example.org.", "DNAME x.www.example.org.",
    "SOA x.www.example.org. www.example.org. 1 2 3 4 5", "MX 10 x.www.example.org.",
    "SRV 1 2 3 x.www.example.org.", "RP x.www.example.org. www.example.org.", "AFSDB 1 x.www.example.org.",
    "RT 1 x.www.example.org.", "PX 1 x.www.example.org. www.example.org.", 'TXT "one" "two"',
    "HTTPS 1 . alpn=h3", r"TYPE65280 \# 4 c00cc00c",
]  # fmt: skip


def loose(rrset: dns.rrset.RRset) -> Loose:
    """What dnspython knows of a record, names folded."""
    assert rrset.name is not None
    owner, rdata = rrset.name.to_wire() or b"", rrset[0].to_wire() or b""
    return Loose(owner.lower(), rrset.rdtype, rrset.rdclass, rrset.ttl, rdata.lower())


def folded(one: Loose) -> Loose:
    return one._replace(owner=one.owner.lower(), rdata=one.rdata.lower())


@given(responses())
def test_what_is_taken_out_is_what_dnspython_reads(message: dns.message.Message) -> None:
    data = message.to_wire(max_size=65_535)
    read = dns.message.from_wire(data, one_rr_per_rrset=True)
    answers, authorities = take_out(data)
    assert [folded(one) for one in answers] == [loose(one) for one in read.answer]
    assert [folded(one) for one in authorities] == [loose(one) for one in read.authority if one.rdtype == 6]


@pytest.mark.parametrize("text", RDATAS, ids=[text.split()[0] for text in RDATAS])
def test_names_inside_are_written_out(text: str) -> None:
    made = dns.message.make_response(dns.message.make_query("www.example.org", "A"))
    made.answer.append(dns.rrset.from_text("www.example.org.", 60, "IN", *text.split(" ", 1)))
    (one,), _ = take_out(made.to_wire())
    assert one.rdata == made.answer[0][0].to_wire() and one.owner == NAME.lower()


@given(responses(), st.sets(st.integers(0, 5)))
def test_a_message_without_some_of_its_records(message: dns.message.Message, unwanted: set[int]) -> None:
    """The others are what they were for whoever reads them; additional records are gone, the OPT is not."""
    data = message.to_wire(max_size=65_535)
    opt = b"\0\0\x29\x04\xd0\0\0\0\0\0\0"
    was = dns.message.from_wire(data, one_rr_per_rrset=True)
    now = dns.message.from_wire(without(data, 12 + len(QUESTION), unwanted, opt), one_rr_per_rrset=True)
    assert now.id == was.id and now.flags == was.flags and now.question == was.question
    assert [loose(one) for one in now.answer] == [
        loose(one) for at, one in enumerate(was.answer) if at not in unwanted
    ]
    assert [loose(one) for one in now.authority] == [loose(one) for one in was.authority]
    assert not now.additional and now.edns == 0


def test_an_owner_that_is_the_qname_stays_the_clients_own() -> None:
    data = header(answer=2) + QUESTION + record(1, b"1234", NAME.upper()) + record(1, b"1234", b"\1b\0")
    assert without(data, 12 + len(QUESTION), {1}, b"") == header(answer=1) + QUESTION + record(1, b"1234")


def test_a_dname_that_somebody_compressed_is_written_out() -> None:
    """RFC 6672 2.5 forbids it; a pointer that is left would lead elsewhere in another message."""
    data = header(answer=1) + QUESTION + record(39, b"\x01x" + TO_QNAME)
    assert take_out(data)[0][0].rdata == b"\x01x" + NAME


def test_as_many_names_as_are_written_out() -> None:
    name = from_text(".".join(["a" * 60] * 4))
    fits = MAX_OCTETS // len(name)
    for count in (fits, fits + 1):
        data = header(answer=count) + QUESTION + record(1, b"1234", name) * count
        if count == fits:
            assert len(take_out(data)[0]) == fits
        else:
            with pytest.raises(WireError, match="longer names"):
                take_out(data)


def test_as_many_as_are_taken() -> None:
    one = record(1, b"\xc0\0\2\1")
    answers, _ = take_out(header(answer=MAX_RECORDS) + QUESTION + one * MAX_RECORDS)
    assert answers == [Loose(NAME, 1, 1, 300, b"\xc0\0\2\1")] * MAX_RECORDS
    with pytest.raises(WireError):
        take_out(header(answer=MAX_RECORDS + 1) + QUESTION + one * (MAX_RECORDS + 1))


BROKEN = {
    "nothing": b"",
    "half a header": header()[:11],
    "two questions": header(questions=2) + QUESTION * 2,
    "no question": header(),
    "no record": header(answer=1) + QUESTION,
    "half a record": header(answer=1) + QUESTION + record(1, b"\xc0\0\2\1")[:-1],
    "half a pointer": header(answer=1) + QUESTION + b"\xc0",
    "an owner that points ahead": header(answer=1) + QUESTION + record(1, b"1234", b"\xc0\xff"),
    "a name beyond its RDATA": header(answer=1) + QUESTION + record(5, b"\x3fa") + b"a" * 70,
    "RDATA without its name": header(answer=1) + QUESTION + record(15, b"\0\1") + TO_QNAME,
    "RDATA with one name of two": header(answer=1) + QUESTION + record(6, TO_QNAME) + TO_QNAME,
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_taken_out(data: bytes) -> None:
    with pytest.raises(WireError):
        take_out(data)


@pytest.mark.parametrize("data", HOSTILE_RESPONSES.values(), ids=HOSTILE_RESPONSES)
def test_a_hostile_message_is_refused_or_read(data: bytes) -> None:
    check(data)


@given(st.binary(max_size=300))
def test_any_octets(tail: bytes) -> None:
    check(tail)
    check(header(answer=2, authority=1) + QUESTION + tail)


def check(data: bytes) -> None:
    """The invariant: WireError and nothing else, and never more than is taken."""
    try:
        answers, authorities = take_out(data)
    except WireError:
        return
    assert len(answers) + len(authorities) <= MAX_RECORDS
