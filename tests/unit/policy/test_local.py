"""Own records: what each name answers, which names are not ours, and what cannot be kept."""

from __future__ import annotations

import dns.reversename
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns import rdata, registry
from resolver.dns.names import ROOT, from_text
from resolver.dns.zonefile import DEFAULT_TTL, read_zone
from resolver.policy.local import MAX_OWNED, LocalData, RecordFault, check

HOME = (
    "printer.home.example. 60 A 192.0.2.9",
    "printer.home.example. 90 A 192.0.2.10",
    "printer.home.example. AAAA 2001:db8::9",
    'printer.home.example. TXT "second floor"',
    "nas.home.example. A 192.0.2.9",
    "files.home.example. CNAME nas.home.example.",
    "far.home.example. CNAME www.example.org.",
    "_ldap._tcp.home.example. SRV 0 5 389 nas.home.example.",
    "home.example. HTTPS 1 . alpn=h2",
    "x.home.example. TYPE65280 \\# 2 abcd",
)

# name type -> what is answered: the records with their TTL, "nodata", or "" for what is not ours.
ANSWERS = {
    "printer.home.example A": "60 A 192.0.2.9, A 192.0.2.10",
    "printer.home.example AAAA": "300 AAAA 2001:db8::9",
    "printer.home.example TXT": r"300 TXT second\032floor",
    "printer.home.example MX": "nodata",
    "printer.home.example HTTPS": "nodata",
    "printer.home.example ANY": "60 A 192.0.2.9, A 192.0.2.10",  # RFC 8482 4.1: one RRset, the smallest
    "files.home.example A": "300 CNAME nas.home.example",
    "files.home.example CNAME": "300 CNAME nas.home.example",
    "files.home.example MX": "300 CNAME nas.home.example",
    "files.home.example ANY": "300 CNAME nas.home.example",
    "far.home.example A": "300 CNAME www.example.org",
    "_ldap._tcp.home.example SRV": "300 SRV 0 5 389 nas.home.example",
    "home.example HTTPS": "300 HTTPS 1 . alpn=h2",
    "home.example A": "nodata",
    "x.home.example TYPE65280": "300 TYPE65280 abcd",
    # names beside, above and between
    "other.home.example A": "",
    "a.printer.home.example A": "",
    "_tcp.home.example A": "",
    "example A": "",
    ". NS": "",
}

# RFC 4592 2.2.1: the zone of the example there, and what it says of each question.
WILD = (
    "*.example.net. 3600 TXT wild",
    "*.example.net. 3600 MX 10 host1.example.net.",
    "sub.*.example.net. TXT odd",
    "host1.example.net. A 192.0.2.1",
    "_ssh._tcp.host1.example.net. SRV 0 5 22 host1.example.net.",
    "*.deep.host2.example.net. A 192.0.2.7",
)
WILD_ANSWERS = {
    "host3.example.net MX": "3600 MX 10 host1.example.net",
    "host3.example.net A": "nodata",
    "foo.bar.example.net TXT": "3600 TXT wild",
    "*.example.net TXT": "3600 TXT wild",
    "host1.example.net MX": "nodata",
    "example.net TXT": "",
    "ghost.host1.example.net MX": "",  # the closest name that exists has no wildcard
    "_telnet._tcp.host1.example.net SRV": "",
    "_tcp.host1.example.net MX": "nodata",  # exists without records
    "host2.example.net TXT": "nodata",
    "deep.host2.example.net TXT": "nodata",
    "a.deep.host2.example.net A": "300 A 192.0.2.7",
    "a.deep.host2.example.net TXT": "nodata",
    "xexample.net TXT": "",
    "net TXT": "",
    ". TXT": "",
}


def said(data: LocalData, question: str) -> str:
    """What is answered to `name type`, as the tables write it."""
    name, _, word = question.partition(" ")
    rtype = registry.type_number(word)
    assert rtype is not None
    answer = data.find(from_text(name), rtype)
    if answer is None:
        return ""
    assert not answer.rcode and not answer.silent and not answer.by_tcp and answer.ttl > 0
    if not answer.records:
        return "nodata"
    texts = [
        " ".join([registry.type_name(rtype), *(rdata.to_words(rtype, octets) or [octets.hex()])])
        for rtype, octets in ((one.rtype, one.rdata) for one in answer.records)
    ]
    return f"{answer.ttl} {', '.join(texts)}"


@pytest.mark.parametrize(("question", "expected"), ANSWERS.items())
def test_answer(question: str, expected: str) -> None:
    assert said(LocalData(HOME), question) == expected


@pytest.mark.parametrize(("question", "expected"), WILD_ANSWERS.items())
def test_wildcard(question: str, expected: str) -> None:
    assert said(LocalData(WILD[:2] + WILD[3:]), question) == expected


def test_an_asterisk_stands_first_or_for_itself() -> None:
    with pytest.raises(RecordFault, match=r"records\[2\]"):
        LocalData(WILD)


def test_nothing_is_falsy_and_knows_nothing() -> None:
    assert not LocalData() and LocalData().find(from_text("a.example"), 1) is None
    assert LocalData(HOME)


POINTERS = {
    "9.2.0.192.in-addr.arpa PTR": f"{DEFAULT_TTL} PTR printer.home.example",  # the first that has it
    "10.2.0.192.in-addr.arpa PTR": f"{DEFAULT_TTL} PTR printer.home.example",
    "10.2.0.192.in-addr.arpa ANY": f"{DEFAULT_TTL} PTR printer.home.example",
    "10.2.0.192.in-addr.arpa A": "nodata",
    "11.2.0.192.in-addr.arpa PTR": "",
    "2.0.192.in-addr.arpa PTR": "",
}


@pytest.mark.parametrize(("question", "expected"), POINTERS.items())
def test_addresses_point_back(question: str, expected: str) -> None:
    assert said(LocalData(HOME), question) == expected


@pytest.mark.parametrize("address", ["2001:db8::9", "2001:db8:0:ff::1", "192.0.2.255", "198.51.100.0"])
def test_reverse_names_are_those_of_everybody(address: str) -> None:
    data = LocalData([f"a.example. {'AAAA' if ':' in address else 'A'} {address}"])
    reverse = dns.reversename.from_address(address).to_text(omit_final_dot=True)
    assert said(data, f"{reverse} PTR") == f"{DEFAULT_TTL} PTR a.example"


@pytest.mark.parametrize(
    "lines",
    [
        ("9.2.0.192.in-addr.arpa. PTR other.example.", "a.example. A 192.0.2.9"),
        ("a.example. A 192.0.2.9", "9.2.0.192.in-addr.arpa. PTR other.example."),
    ],
)
def test_a_pointer_that_is_written_stands(lines: tuple[str, ...]) -> None:
    assert said(LocalData(lines), "9.2.0.192.in-addr.arpa PTR") == "300 PTR other.example"


def test_some_addresses_belong_to_no_name() -> None:
    data = LocalData(
        [
            "a.example. A 127.0.0.1",
            "a.example. A 0.0.0.0",
            "a.example. AAAA ::1",
            "a.example. AAAA ::",
            "*.b.example. A 192.0.2.1",
        ]
    )
    for address in ("127.0.0.1", "0.0.0.0", "::1", "::", "192.0.2.1"):
        assert said(data, f"{dns.reversename.from_address(address).to_text(omit_final_dot=True)} PTR") == ""


CHAINS = {
    ("a. CNAME b.", "b. CNAME c.", "c. A 192.0.2.1"): "300 CNAME c",
    ("b. CNAME c.", "a. CNAME b."): "300 CNAME c",
    ("a. 90 CNAME b.", "b. 30 CNAME c.", "c. 60 CNAME d."): "30 CNAME d",
    ("a. CNAME x.b.", "*.b. CNAME c."): "300 CNAME c",
    ("a. CNAME b.", "b. CNAME www.example."): "300 CNAME www.example",
}


@pytest.mark.parametrize(("lines", "expected"), CHAINS.items())
def test_an_alias_leads_to_the_end(lines: tuple[str, ...], expected: str) -> None:
    """So whoever follows it needs to do so once."""
    assert said(LocalData(lines), "a A") == expected


def test_the_alias_below_a_wildcard_leads_to_the_end_too() -> None:
    data = LocalData(["*.a. CNAME b.", "b. CNAME c."])
    assert said(data, "x.a A") == said(data, "*.a A") == "300 CNAME c"


# Records, and why they cannot be kept: the position and the beginning of the sentence.
REFUSED = {
    "an alias beside an address": (("a. A 192.0.2.1", "a. CNAME b."), "[1]: a is an alias"),
    "an address beside an alias": (("a. CNAME b.", "a. A 192.0.2.1"), "[1]: a is an alias"),
    "two aliases": (("a. CNAME b.", "a. CNAME c."), "[1]: a is an alias"),
    "an alias of itself": (("x. A 192.0.2.1", "a. CNAME a."), "[1]: The alias a leads to itself"),
    "a ring": (("a. CNAME b.", "b. CNAME c.", "c. CNAME a."), "[0]: The alias a leads to itself"),
    "a wildcard that leads below itself": (("*.a. CNAME x.a.",), "[0]: The alias *.a leads to itself"),
    "an alias of a wildcard": (("a. CNAME *.b.",), "[0]: An alias leads to one name"),
    "a long chain": (
        tuple(f"a{number}. CNAME a{number + 1}." for number in range(20)),
        "[0]: The alias a0 leads to itself, or over more than 16",
    ),
    "localhost": (("localhost. A 192.0.2.1",), "[0]: `localhost` is this machine"),
    "below localhost": (("a. A 192.0.2.1", "x.localhost. TXT x"), "[1]: `localhost`"),
    "all of localhost": (("*.localhost. TXT x",), "[0]: `localhost`"),
    "the root": ((". A 192.0.2.1",), "[0]: A record for the root"),
    "every name": (("*. A 192.0.2.1",), "[0]: A record for the root"),
    "too many": (
        tuple(f"a. A 192.0.2.{number}" for number in range(MAX_OWNED + 1)),
        "[100]: a has more than",
    ),
    "too much": (
        tuple(f"a. TXT {number} {'x' * 250}" + f" {'y' * 250}" * 15 for number in range(9)),
        "[4]: a has",
    ),
    "what is no record": (("a. A 192.0.2.1", "a A 192.0.2.1"), "[1]: `a A 192.0.2.1`: A name must be whole"),
    "a type of servers": (("a. NS b.",), "[0]: `a. NS b.`: Records of this type are for servers"),
}


@pytest.mark.parametrize(("lines", "expected"), REFUSED.values(), ids=REFUSED)
def test_refused(lines: tuple[str, ...], expected: str) -> None:
    with pytest.raises(RecordFault) as caught:
        LocalData(lines)
    assert str(caught.value).startswith(f"records{expected}")


def test_the_same_record_twice_is_one() -> None:
    data = LocalData(["a. 60 A 192.0.2.1", "A. 30 IN A 192.0.2.1", "b. CNAME a.", "b. 9 CNAME A."])
    assert said(data, "a A") == "30 A 192.0.2.1" and said(data, "b A") == "9 CNAME a"


def test_a_ttl_of_nothing_is_a_second() -> None:
    assert said(LocalData(["a. 0 A 192.0.2.1"]), "a A") == "1 A 192.0.2.1"


def test_records_that_stand_in_a_file_are_checked_by_its_lines() -> None:
    check(read_zone("a. A 192.0.2.1\nb. CNAME a.").records)
    with pytest.raises(RecordFault) as caught:
        check(read_zone("a. A 192.0.2.1\n\nb. CNAME a.\nb. TXT x").records)
    assert caught.value.position == 4 and caught.value.sentence.startswith("b is an alias")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a.", "*.a.", "b.a.", "*.b.a.", "c.b.a.", "d.", "*.d."]),
            st.sampled_from(["A 192.0.2.1", "TXT x", "CNAME b.a.", "CNAME x.d.", "CNAME e."]),
        ),
        max_size=6,
    ),
    st.sampled_from("a b.a x.a x.b.a c.b.a x.c.b.a y.x.a d x.d e".split()),
)
def test_every_set_is_refused_or_answers_like_a_zone(lines: list[tuple[str, str]], name: str) -> None:
    """Against the definition of RFC 4592 3.3.1, written the long way."""
    try:
        data = LocalData([f"{owner} {rest}" for owner, rest in lines])
    except RecordFault:
        return
    owners = {from_text(owner) for owner, _ in lines}
    answer = data.find(from_text(name), registry.MX)
    source = _source(owners, from_text(name))
    assert (answer is not None) == (source is not None)
    if answer is not None:
        aliased = any(from_text(owner) == source and rest.startswith("CNAME") for owner, rest in lines)
        assert [one.rtype for one in answer.records] == ([registry.CNAME] if aliased else [])


def _source(owners: set[bytes], name: bytes) -> bytes | None:
    """Which owner answers a name: itself, a wildcard, or itself without records below a wildcard."""
    if name in owners:
        return name
    above = _above(name)
    wild = [one for one in above if b"\1*" + one in owners]
    existing = {way for owner in owners for way in [owner, *_above(owner)]}
    if name in existing and wild:
        return name
    closest = next((one for one in above if one in existing), ROOT)
    return b"\1*" + closest if b"\1*" + closest in owners else None


def _above(name: bytes) -> list[bytes]:
    found = []
    while (name := name[1 + name[0] :]) != ROOT:
        found.append(name)
    return found
