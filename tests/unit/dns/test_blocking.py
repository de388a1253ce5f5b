"""Blocking: every mode times every kind of question, read back by dnspython."""

from __future__ import annotations

import itertools
import json

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns import registry
from resolver.dns.answers import reply
from resolver.dns.blocking import BLOCKED_REASON, BlockAnswers, Mode, soa
from resolver.dns.edns import written
from resolver.dns.query import Query, parse_query
from resolver.policy.model import WhyPolicy
from tests.support.client import make_query
from tests.support.messages import queries

NAME = "wWw.eXample.oRg"
MODES: tuple[Mode, ...] = ("null", "address", "nxdomain", "nodata", "refused")
TYPES = (
    "A", "AAAA", "ANY", "HTTPS", "SVCB", "CNAME", "MX", "TXT", "NS", "SOA", "PTR", "SRV", "DS", "DNSKEY",
    "NULL", "TYPE65280",
)  # fmt: skip

ANSWERS: dict[Mode, BlockAnswers] = {
    mode: BlockAnswers(mode, 10, ("192.0.2.80", "192.0.2.81"), ("2001:db8::80",)) for mode in MODES
}

ADDRESSES: dict[tuple[Mode, str], list[str]] = {
    ("null", "A"): ["A 0.0.0.0"],
    ("null", "AAAA"): ["AAAA ::"],
    ("null", "ANY"): ["A 0.0.0.0", "AAAA ::"],
    ("address", "A"): ["A 192.0.2.80", "A 192.0.2.81"],
    ("address", "AAAA"): ["AAAA 2001:db8::80"],
    ("address", "ANY"): ["A 192.0.2.80", "A 192.0.2.81", "AAAA 2001:db8::80"],
}
"""What holds addresses; everything else is negative."""

RCODES: dict[Mode, dns.rcode.Rcode] = {"nxdomain": dns.rcode.NXDOMAIN, "refused": dns.rcode.REFUSED}

EDNS = {"no EDNS": (False, False), "EDNS": (True, False), "DO": (True, True)}


def query_of(message: dns.message.Message) -> Query:
    query = parse_query(message.to_wire())
    assert isinstance(query, Query)
    return query


def blocked(answers: BlockAnswers, message: dns.message.Message) -> dns.message.Message:
    """The reply, held to what is true of every reply to a blocked question."""
    query = query_of(message)
    octets = answers.build(query)
    reply = dns.message.from_wire(octets)
    assert message.is_response(reply)
    assert octets[12 : 12 + len(query.question)] == query.question, "the client's own case (RFC 4343 4.1)"
    cd = message.flags & dns.flags.CD
    rd = message.flags & dns.flags.RD
    assert reply.flags & ~registry.RCODE_MASK == dns.flags.QR | dns.flags.RA | rd | cd, "AA and AD are clear"
    assert len(octets) <= query.udp_limit
    return reply


def held(reply: dns.message.Message) -> list[str]:
    """The answer section as `TYPE DATA`."""
    return [f"{dns.rdatatype.to_text(rrset.rdtype)} {one}" for rrset in reply.answer for one in rrset]


@pytest.mark.parametrize(("edns", "dnssec"), EDNS.values(), ids=EDNS)
@pytest.mark.parametrize(("mode", "qtype"), list(itertools.product(MODES, TYPES)))
def test_every_mode_answers_every_type(mode: Mode, qtype: str, edns: bool, dnssec: bool) -> None:
    message = make_query(NAME, qtype, edns=edns, dnssec=dnssec)
    reply = blocked(ANSWERS[mode], message)
    expected = ADDRESSES.get((mode, qtype), [])
    assert held(reply) == expected and not reply.additional
    assert reply.rcode() == RCODES.get(mode, dns.rcode.NOERROR)
    # RFC 2308: an SOA in a negative answer, and only there. REFUSED is no answer at all.
    assert bool(reply.authority) == (not expected and mode != "refused")
    # RFC 8914 4.16, and only to a client that sent an OPT (RFC 6891 7).
    errors = [one.code for one in reply.options if isinstance(one, dns.edns.EDEOption)]
    assert errors == ([dns.edns.EDECode.BLOCKED] if edns else [])
    assert (reply.edns == 0) == edns and bool(reply.ednsflags & dns.flags.DO) == dnssec


@pytest.mark.parametrize("mode", ["null", "address", "nxdomain", "nodata"])
@pytest.mark.parametrize("qtype", ["HTTPS", "SVCB"])
def test_no_hints_leak(mode: Mode, qtype: str) -> None:
    """RFC 9460 7.3: an HTTPS record alone carries addresses; a blocked name has none."""
    assert blocked(ANSWERS[mode], make_query(NAME, qtype)).answer == []


@pytest.mark.parametrize("ttl", [0, 1, 10, 86_400])
@pytest.mark.parametrize("mode", ["null", "nxdomain", "nodata"])
def test_the_soa_is_that_of_the_name_alone(mode: Mode, ttl: int) -> None:
    """RFC 8020 2: a cut for one name must not be read as one for others: the owner is the qname."""
    (rrset,) = blocked(BlockAnswers(mode, ttl), make_query(NAME, "MX")).authority
    assert rrset.name.to_text() == f"{NAME}." and rrset.rdtype == dns.rdatatype.SOA
    assert rrset.ttl == rrset[0].minimum == ttl, "kept for the same time by every client (RFC 2308 5)"
    assert rrset[0].mname == rrset.name


@pytest.mark.parametrize("ttl", [0, 10, 86_400])
def test_addresses_live_as_long_as_the_policy_says(ttl: int) -> None:
    reply = blocked(BlockAnswers("null", ttl), make_query(NAME, "ANY"))
    assert [rrset.ttl for rrset in reply.answer] == [ttl, ttl]
    assert {rrset.name.to_text() for rrset in reply.answer} == {f"{NAME}."}


@pytest.mark.parametrize(
    ("ipv4", "ipv6", "answered"),
    [(("192.0.2.80",), (), {"A", "ANY"}), ((), ("2001:db8::80",), {"AAAA", "ANY"}), ((), (), set())],
)
def test_a_family_without_addresses_has_no_data(
    ipv4: tuple[str, ...], ipv6: tuple[str, ...], answered: set[str]
) -> None:
    answers = BlockAnswers("address", 10, ipv4, ipv6)
    for qtype in ("A", "AAAA", "ANY"):
        reply = blocked(answers, make_query(NAME, qtype))
        assert bool(reply.answer) == (qtype in answered) != bool(reply.authority)
        assert reply.rcode() == dns.rcode.NOERROR


def test_addresses_are_not_given_in_the_other_modes() -> None:
    for mode in ("null", "nxdomain", "nodata", "refused"):
        for qtype in ("A", "AAAA", "ANY"):
            assert not [one for one in held(blocked(ANSWERS[mode], make_query(NAME, qtype))) if "80" in one]


@pytest.mark.parametrize("name", ["example.org", ".", "a" * 63 + ".test", ".".join(["a"] * 127)])
def test_names_of_every_length(name: str) -> None:
    for answers, qtype in itertools.product(ANSWERS.values(), ("A", "HTTPS")):
        reply = blocked(answers, make_query(name, qtype))
        assert not reply.authority or reply.authority[0].name == reply.question[0].name


@given(queries(), st.sampled_from(MODES))
def test_whatever_is_asked(message: dns.message.Message, mode: Mode) -> None:
    reply = blocked(ANSWERS[mode], message)
    assert reply.answer or reply.authority or mode == "refused"


def test_another_reason() -> None:
    answers = BlockAnswers("nodata", 10, reason=(registry.EDE_PROHIBITED, "by the school"))
    (option,) = blocked(answers, make_query(NAME)).options
    assert isinstance(option, dns.edns.EDEOption) and (option.code, option.text) == (18, "by the school")


@given(st.lists(queries(), min_size=2, max_size=12), st.sampled_from(MODES))
def test_shared_parts_mix_no_two_questions(asked: list[dns.message.Message], mode: Mode) -> None:
    """Whatever was asked before, a reply is the one that fresh answers would have given."""
    seasoned = BlockAnswers(mode, 10, ("192.0.2.80",), ("2001:db8::80",))
    for message in asked:
        fresh = BlockAnswers(mode, 10, ("192.0.2.80",), ("2001:db8::80",))
        query = query_of(message)
        assert seasoned.build(query) == fresh.build(query)
        head, end, tail = seasoned.ready(query)
        octets = message.to_wire()
        assert seasoned.build(query) == octets[:2] + head + octets[12:end] + tail


def test_what_is_shared_is_one_object_for_names_of_one_length() -> None:
    answers = BlockAnswers("null", 10)
    first = answers.ready(query_of(make_query("ads.example.org", "A")))
    assert answers.ready(query_of(make_query("web.example.net", "A"))) is first
    assert answers.ready(query_of(make_query("web.example.net", "AAAA"))) is not first
    assert answers.ready(query_of(make_query("ad.example.net", "A"))) is not first
    assert answers.ready(query_of(make_query("web.example.net", "TXT"))) is answers.ready(
        query_of(make_query("web.example.net", "MX"))
    )


# Why

WHY = WhyPolicy(("mailto:help@school.example",), "Example School", "games in lessons", "en")
LONG = WhyPolicy(("mailto:" + "a" * 100,) * 2, "o" * 100, "j" * 100, "en")
FULL = {
    "c": ["mailto:help@school.example"],
    "j": "games in lessons",
    "s": 5,
    "o": "Example School",
    "l": "en",
}
ASKING = {"SDE": (26, b""), "an empty extended error": (15, b"\0\0")}


def asking(
    number: int = 26,
    data: bytes = b"",
    *,
    name: str = NAME,
    qtype: str = "A",
    payload: int = 1232,
    do: bool = False,
) -> dns.message.Message:  # fmt: skip
    """A query that asks for data instead of a sentence."""
    message = make_query(name, qtype)
    option = dns.edns.GenericOption(dns.edns.OptionType.make(number), data)
    message.use_edns(0, dns.flags.DO if do else 0, payload, options=[option])
    return message


def text_of(reply: dns.message.Message) -> str | None:
    """The text of the one extended error, which says Blocked."""
    (option,) = reply.options
    assert isinstance(option, dns.edns.EDEOption) and option.code == dns.edns.EDECode.BLOCKED
    return option.text


@pytest.mark.parametrize("do", [False, True])
@pytest.mark.parametrize(("number", "data"), ASKING.values(), ids=ASKING)
@pytest.mark.parametrize(("mode", "qtype"), list(itertools.product(MODES, ("A", "ANY", "HTTPS"))))
def test_who_asks_for_data_gets_data(mode: Mode, qtype: str, number: int, data: bytes, do: bool) -> None:
    """In every form of answer; and nothing else changes."""
    answers = BlockAnswers(mode, 10, ("192.0.2.80", "192.0.2.81"), ("2001:db8::80",), why=WHY)
    reply = blocked(answers, asking(number, data, qtype=qtype, do=do))
    assert json.loads(text_of(reply) or "") == FULL
    assert bool(reply.ednsflags & dns.flags.DO) == do
    plain = blocked(ANSWERS[mode], make_query(NAME, qtype, dnssec=do))
    assert (reply.rcode(), reply.answer, reply.authority) == (plain.rcode(), plain.answer, plain.authority)


def test_who_does_not_ask_gets_the_sentence() -> None:
    answers = BlockAnswers("null", 10, why=WHY)
    cookie = asking(10, b"12345678")
    for message in (make_query(NAME), cookie):
        assert text_of(blocked(answers, message)) == BLOCKED_REASON[1]
    assert not blocked(answers, make_query(NAME, edns=False)).options


@pytest.mark.parametrize("why", [None, WhyPolicy()])
def test_a_policy_that_says_nothing_gives_the_sentence(why: WhyPolicy | None) -> None:
    assert text_of(blocked(BlockAnswers("null", 10, why=why), asking())) == BLOCKED_REASON[1]


def test_other_reasons_have_no_data() -> None:
    """The draft knows data beside Blocked, Censored and Filtered only."""
    answers = BlockAnswers("nodata", 10, reason=(registry.EDE_PROHIBITED, "by the school"), why=WHY)
    (option,) = blocked(answers, asking()).options
    assert isinstance(option, dns.edns.EDEOption) and (option.code, option.text) == (18, "by the school")


LABEL = "n" * 63
LONG_NAME = f"{LABEL}.{LABEL}.{LABEL}.{'n' * 60}"


def test_data_shrinks_before_a_reply_is_too_long() -> None:
    """The draft: j and o go before the rest, and all of it before TC. `blocked` holds each to its limit."""
    answers = BlockAnswers("nodata", 10, why=LONG)
    full, brief = (json.loads(text_of(blocked(answers, asking(payload=size))) or "") for size in (1232, 512))
    assert brief == {"c": list(LONG.contact), "s": 5}
    assert full == brief | {"j": LONG.justification, "o": LONG.organization, "l": "en"}
    assert not text_of(blocked(answers, asking(name=LONG_NAME, payload=512)))


@pytest.mark.parametrize("name", ["a.example", LONG_NAME])
@pytest.mark.parametrize("payload", [512, 600, 800, 1232, 4096])
def test_data_never_makes_a_reply_too_long(name: str, payload: int) -> None:
    """With the longest question and as many addresses as a policy takes."""
    four, six = [f"192.0.2.{n}" for n in range(8)], [f"2001:db8::{n}" for n in range(8)]
    answers = BlockAnswers("address", 10, four, six, why=LONG)
    for message in (asking(name=name, qtype=qtype, payload=payload) for qtype in ("A", "AAAA", "TXT", "ANY")):
        query = query_of(message)
        query.extras = written(registry.OPTION_COOKIE, b"c" * 24)
        octets = answers.build(query)
        bare = 12 + len(query.question) + 11 + 6 + len(query.extras) + 8 * 16 + 8 * 28
        assert len(octets) <= max(query.udp_limit, bare), (
            "the addresses alone may be too long; the text adds nothing"
        )
        assert dns.message.from_wire(octets).question == message.question


def test_others_who_block_say_the_same() -> None:
    """For a rule that denies a name in its own way: the same text, as far as it fits beside an SOA."""
    answers = BlockAnswers("address", 10, ("192.0.2.80",), why=LONG)
    for message in (make_query(NAME), asking(10, b"12345678")):
        assert answers.opts(query_of(message)) == BlockAnswers("null", 0).opts(query_of(make_query(NAME)))
    tight = asking(name=LONG_NAME, payload=512)
    for message, size in ((asking(), 1232), (asking(payload=512), 512), (tight, 512)):
        for dnssec, opt in enumerate(answers.opts(query_of(message))):
            octets = reply(query_of(message), 3, (0, 1, 0), soa(10), opt)
            read = dns.message.from_wire(octets)
            assert len(octets) <= size and bool(read.ednsflags & dns.flags.DO) == bool(dnssec)
            text = text_of(read)
            assert text is None if message is tight else json.loads(text or "")["c"] == list(LONG.contact)


def test_what_is_one_clients_own_is_shared_with_nobody() -> None:
    """A cookie goes into the reply of the client that sent one, and into no other."""
    answers = BlockAnswers("null", 10, why=WHY)
    mine, theirs = query_of(make_query(NAME, number=7)), query_of(make_query(NAME, number=7))
    mine.extras = written(registry.OPTION_COOKIE, b"c" * 24)
    shared = answers.ready(mine)
    assert mine.extras == written(registry.OPTION_COOKIE, b"c" * 24)
    reply = dns.message.from_wire(answers.build(mine))
    assert [int(one.otype) for one in reply.options] == [registry.OPTION_EDE, registry.OPTION_COOKIE]
    assert answers.ready(theirs) is shared
    assert [int(one.otype) for one in dns.message.from_wire(answers.build(theirs)).options] == [15]


def test_the_shared_parts_differ_by_who_asks() -> None:
    answers = BlockAnswers("null", 10, why=WHY)
    plain, data = query_of(make_query(NAME)), query_of(asking())
    assert answers.ready(plain) is not answers.ready(data)
    assert answers.ready(data) is answers.ready(query_of(asking(15, b"\0\0")))
    assert answers.ready(plain) is answers.ready(query_of(asking(10, b"12345678")))
