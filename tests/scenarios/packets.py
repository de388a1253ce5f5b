"""The packets of a scenario: what `ask` sends, and how what comes back is held against what is expected."""

from __future__ import annotations

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from resolver.dns.query import name_end
from tests.scenarios.script import Line
from tests.support.client import make_query

_FLAGS = {"tcp", "do", "cd", "ad"}
"""Bare words of `ask` that are no type."""

_OURS = {dns.edns.OptionType.EDE, dns.edns.OptionType.COOKIE}
"""Options that a reply of ours may have here: keepalive and padding were not asked for."""

_CLIENT_COOKIE = b"\x11\x22\x33\x44\x55\x66\x77\x88"
_WRONG_COOKIE = _CLIENT_COOKIE + b"\1\0\0\0" + b"\x99" * 12
_PLAIN_OPT = b"\0\0\x29\x04\xd0\0\0\0\0\0\0"

OPT_LENGTH = len(_PLAIN_OPT)


def packet(line: Line, words: list[str], cookie: bytes) -> bytes:
    """The query that a line asks for. `cookie`: the one that came back last."""
    flags = _FLAGS & set(words[1:])
    qtype = next((word for word in words[1:] if word not in _FLAGS), "A")
    options = line.options
    query = make_query(
        words[0], qtype, edns=options.get("edns") != "no", dnssec="do" in flags, cd="cd" in flags,
        ad="ad" in flags, rd=options.get("rd") != "no", payload=int(options.get("payload", "1232")),
        qclass=options.get("class", "IN"),
    )  # fmt: skip
    carried = _options(options, cookie)
    if carried or "version" in options or "ednsflags" in options:
        bits = int(query.ednsflags) | int(options.get("ednsflags", "0"))
        query.use_edns(int(options.get("version", "0")), bits, query.payload, options=carried)
    octets = query.to_wire()
    if options.get("opts") == "2":
        octets = octets[:10] + b"\0\2" + octets[12:] + _PLAIN_OPT
    return octets


def _options(options: dict[str, str], last: bytes) -> list[dns.edns.Option]:
    """The EDNS options of a query."""
    carried: list[dns.edns.Option] = []
    if "option" in options:
        carried.append(dns.edns.GenericOption(dns.edns.OptionType.make(int(options["option"])), b"odd"))
    if "cookie" in options:
        octets = {
            "new": _CLIENT_COOKIE, "again": last, "wrong": _WRONG_COOKIE, "short": _CLIENT_COOKIE[:5],
        }[options["cookie"]]  # fmt: skip
        carried.append(dns.edns.GenericOption(dns.edns.OptionType.COOKIE, octets))
    return carried


def cookie_of(octets: bytes) -> bytes:
    """The cookie in a reply, b"" for none."""
    for option in dns.message.from_wire(octets).options:
        if option.otype == dns.edns.OptionType.COOKIE:
            return option.to_wire() or b""
    return b""


def check(line: Line, query: bytes, octets: bytes) -> None:
    """Hold a reply against what is written, and against what is promised for every reply."""
    expected = list(line.expected)
    if expected[0] == "header":
        assert len(octets) == 12 and octets[:2] == query[:2] and octets[2] & 0x80, f"{octets!r}"
        assert dns.rcode.to_text(dns.rcode.Rcode.make(octets[3] & 15)) == expected[1]
        return
    reply = dns.message.from_wire(octets)
    _check_echo(query, octets, reply)
    rcode, *words = expected
    assert dns.rcode.to_text(reply.rcode()) == rcode, f"rcode {dns.rcode.to_text(reply.rcode())}"
    lower = {word.split("=")[0]: word.split("=", 1)[1] for word in words if word[0].islower() and "=" in word}
    _check_errors(lower, reply)
    assert bool(reply.flags & dns.flags.TC) == ("tc" in words), "TC"
    assert "cookie" not in words or len(cookie_of(octets)) == 24, "a server cookie"
    _check_records([word for word in words if word[0].isupper()], reply)
    if "ttl" in lower:
        least, most = between(lower["ttl"])
        assert reply.answer and all(least <= rrset.ttl <= most for rrset in reply.answer), f"{reply.answer}"
    if "soa" in lower:
        (soa,) = reply.authority
        assert soa.ttl == int(lower["soa"]) and soa.name == reply.question[0].name, f"{soa}"


def _check_echo(query: bytes, octets: bytes, reply: dns.message.Message) -> None:
    """What every reply repeats of its query, and what no reply says."""
    end = name_end(query, 12) + 4
    asked_flags = int.from_bytes(query[2:4], "big")
    assert octets[:2] == query[:2] and octets[12:end] == query[12:end], "ID and question, case and all"
    assert (reply.edns >= 0) == (len(query) > end), "an OPT exactly when there was one"
    assert not reply.flags & (dns.flags.AA | dns.flags.AD) and reply.flags & dns.flags.RA
    kept = dns.flags.RD | dns.flags.CD
    assert reply.flags & kept == asked_flags & kept, "RD and CD as asked"
    assert reply.ednsflags & 0x7FFF == 0, "no flag of EDNS but DO"
    assert {int(option.otype) for option in reply.options} <= _OURS, "no option that a client made up"


def _check_errors(lower: dict[str, str], reply: dns.message.Message) -> None:
    """The extended errors, and what they say."""
    found = [option for option in reply.options if isinstance(option, dns.edns.EDEOption)]
    wanted = [int(code) for code in lower["ede"].split(",")] if "ede" in lower else []
    said = [(int(option.code), option.text) for option in found]
    assert [code for code, _ in said] == wanted, f"EDE {said}"
    if "text" in lower:
        assert lower["text"] in [text for _, text in said], f"EDE {said}"


def _check_records(words: list[str], reply: dns.message.Message) -> None:
    """The answer section holds these records and no other."""
    found = {
        f"{dns.rdatatype.to_text(rrset.rdtype)}={rdata.to_text()}"
        for rrset in reply.answer
        for rdata in rrset
    }
    for word in [word for word in words if word.endswith("=*")]:
        some = {one for one in found if one.startswith(word[:-1])}
        assert some, f"no {word} among {found}"
        found -= some
    assert found == {word for word in words if not word.endswith("=*")}, f"{found}"


def between(text: str) -> tuple[int, int]:
    """`3` → (3, 3); `0..3` → (0, 3)."""
    least, _, most = text.partition("..")
    return int(least), int(most or least)
