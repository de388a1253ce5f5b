"""What is refused whatever the name, and what is not."""

from __future__ import annotations

import dns.message
import pytest

from resolver.dns.query import Query, parse_query
from resolver.records.counters import Counters
from resolver.serving.refusals import unserved
from tests.support.client import make_query
from tests.unit.serving.ground import extended_errors


def asked(qtype: str, qclass: str = "IN", rd: bool = True) -> Query:
    parsed = parse_query(make_query("www.example.org", qtype, qclass=qclass, rd=rd).to_wire())
    assert isinstance(parsed, Query)
    return parsed


REFUSED = [
    ("AXFR", "IN", True, 21), ("IXFR", "IN", True, 21), ("TKEY", "IN", True, 21), ("TSIG", "IN", True, 21),
    ("TXT", "CH", True, 21), ("A", "ANY", True, 21), ("ANY", "ANY", True, 21), ("ANY", "CH", True, 21),
    ("A", "IN", False, 20), ("AXFR", "IN", False, 21),
]  # fmt: skip


@pytest.mark.parametrize(("qtype", "qclass", "rd", "code"), REFUSED)
def test_refused_with_a_reason(qtype: str, qclass: str, rd: bool, code: int) -> None:
    counters = Counters()
    octets = unserved(asked(qtype, qclass, rd), counters)
    assert octets is not None
    reply = dns.message.from_wire(octets)
    assert (reply.rcode(), extended_errors(reply), counters.refused) == (5, [code], 1)


@pytest.mark.parametrize("rd", [True, False])
def test_any_is_answered_minimally_and_counts_as_no_refusal(rd: bool) -> None:
    counters = Counters()
    octets = unserved(asked("ANY", rd=rd), counters)
    assert octets is not None and len(octets) < 120
    assert dns.message.from_wire(octets).answer[0][0].to_text() == '"RFC8482" ""'
    assert counters.refused == 0


@pytest.mark.parametrize("qtype", ["A", "HTTPS", "TYPE65280", "DS", "NS"])
@pytest.mark.parametrize("qclass", ["IN", "HS", "CLASS999"])
def test_everything_else_is_served(qtype: str, qclass: str) -> None:
    assert unserved(asked(qtype, qclass), Counters()) is None
