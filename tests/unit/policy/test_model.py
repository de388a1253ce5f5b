"""The policy document: its defaults, and what it refuses because it could not be answered."""

from __future__ import annotations

import typing

import msgspec
import pytest

from resolver.dns import blocking
from resolver.dns.query import Query, parse_query
from resolver.policy import model
from resolver.policy.model import AnswerPolicy, Policy, RebindingPolicy
from tests.support.client import make_query

GOOD: dict[str, AnswerPolicy] = {
    "{}": AnswerPolicy("null", 10, (), ()),
    '{"mode": "nxdomain", "ttl": 0}': AnswerPolicy("nxdomain", 0),
    '{"mode": "nodata", "ttl": 86400}': AnswerPolicy("nodata", 86_400),
    '{"mode": "refused"}': AnswerPolicy("refused"),
    '{"mode": "address", "ipv4": ["192.0.2.1"]}': AnswerPolicy("address", ipv4=("192.0.2.1",)),
    '{"mode": "address", "ipv6": ["2001:db8::1"]}': AnswerPolicy("address", ipv6=("2001:db8::1",)),
    '{"mode": "null", "ipv4": ["192.0.2.1"]}': AnswerPolicy(ipv4=("192.0.2.1",)),
    '{"ipv4": [' + ", ".join(['"192.0.2.1"'] * 8) + "]}": AnswerPolicy(ipv4=("192.0.2.1",) * 8),
    '{"ipv6": [' + ", ".join(['"::1"'] * 8) + "]}": AnswerPolicy(ipv6=("::1",) * 8),
}

BAD: dict[str, tuple[str, str]] = {
    "a mode there is not": ('{"mode": "drop"}', r"\$\.mode"),
    "a negative TTL": ('{"ttl": -1}', r">= 0.*\$\.ttl"),
    "a TTL of more than a day": ('{"ttl": 86401}', r"<= 86400.*\$\.ttl"),
    "a TTL that is no number": ('{"ttl": "10"}', r"\$\.ttl"),
    "a key there is not": ('{"mod": "null"}', "unknown field `mod`"),
    "no address to answer with": ('{"mode": "address"}', "needs at least one address"),
    "a name for an address": ('{"mode": "address", "ipv4": ["example.org"]}', "example.org"),
    "an IPv6 address among IPv4": ('{"ipv4": ["::1"]}', "::1"),
    "an IPv4 address among IPv6": ('{"ipv6": ["192.0.2.1"]}', "192.0.2.1"),
    "an address with a length": ('{"ipv4": ["192.0.2.0/24"]}', "192.0.2.0/24"),
    "too many addresses": ('{"ipv4": [' + ", ".join(['"192.0.2.1"'] * 9) + "]}", "at most 8"),
    "a scoped IPv6 address": ('{"ipv6": ["fe80::1%eth0"]}', "scope means nothing"),
    "too many IPv6 addresses": ('{"ipv6": [' + ", ".join(['"::1"'] * 9) + "]}", "at most 8"),
}


# The rest of the document, and where it is said to be wrong.
REFUSED: dict[str, tuple[str, str]] = {
    "a record that is none": (
        '{"records": ["a. A 192.0.2.1", "printer"]}',
        r"records\[1\]: `printer`: This is no",
    ),
    "records that contradict": (
        '{"records": ["a. A 192.0.2.1", "a. CNAME b."]}',
        r"records\[1\]: a is an alias",
    ),
    "a record that is a number": ('{"records": [1]}', r"\$\.records\[0\]"),
    "an empty record": ('{"records": [""]}', r"\$\.records\[0\]"),
    "a name that is none": ('{"rebinding": {"allow": ["a.example", "a..b"]}}', r"allow\[1\].*\$\.rebinding"),
    "a wildcard for a name": ('{"rebinding": {"allow": ["*.example"]}}', r"without `\*\.`"),
    "every name": ('{"rebinding": {"allow": ["."]}}', r"set `protect` to false.*\$\.rebinding"),
    "a contact without a scheme": ('{"why": {"contact": ["x@example.org"]}}', r"\$\.why\.contact\[0\]"),
}


@pytest.mark.parametrize(("text", "says"), REFUSED.values(), ids=REFUSED)
def test_refused_with_its_place(text: str, says: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=says):
        msgspec.json.decode(text, type=Policy)


def test_own_records_and_names_that_lead_inside() -> None:
    text = '{"records": ["printer.home.arpa. A 192.0.2.9"], "rebinding": {"allow": ["direct.example"]}}'
    policy = msgspec.json.decode(text, type=Policy)
    assert policy.records == ("printer.home.arpa. A 192.0.2.9",)
    assert policy.rebinding == RebindingPolicy(protect=True, allow=("direct.example",))


@pytest.mark.parametrize(("text", "policy"), GOOD.items())
def test_what_can_be_answered(text: str, policy: AnswerPolicy) -> None:
    assert msgspec.json.decode(text, type=AnswerPolicy) == policy


@pytest.mark.parametrize(("text", "says"), BAD.values(), ids=BAD)
def test_what_cannot_is_refused_and_says_where(text: str, says: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=says):
        msgspec.json.decode(text, type=AnswerPolicy)
    with pytest.raises(msgspec.ValidationError, match=r"\$\.answer"):
        msgspec.json.decode(f'{{"answer": {text}}}', type=Policy)


def test_a_key_there_is_not_is_refused_at_the_top_too() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `answers`"):
        msgspec.json.decode('{"answers": {}}', type=Policy)


def test_nothing_is_a_whole_policy() -> None:
    assert msgspec.json.decode("{}", type=Policy) == Policy() == Policy(AnswerPolicy())


def test_every_field_is_written_out() -> None:
    """A manifest must mean the same after a default has changed: so defaults stand in it."""
    assert msgspec.json.decode(msgspec.json.encode(Policy())) == {
        "answer": {"mode": "null", "ttl": 10, "ipv4": [], "ipv6": []},
        "why": {"contact": [], "organization": "", "justification": "", "language": ""},
        "rebinding": {"protect": True, "allow": []},
        "records": [],
    }


def test_it_comes_back_as_it_was_written() -> None:
    for answer in GOOD.values():
        policy = Policy(answer)
        assert msgspec.json.decode(msgspec.json.encode(policy), type=Policy) == policy


def test_every_mode_can_be_built() -> None:
    """The document and the wire name the same modes, and each makes answers."""
    query = parse_query(make_query("example.org", number=0xBEEF).to_wire())
    assert isinstance(query, Query)
    modes = typing.get_args(model.AnswerMode)
    assert modes == typing.get_args(blocking.Mode)
    for mode in modes:
        policy = AnswerPolicy(mode, ipv4=("192.0.2.1",))
        answers = blocking.BlockAnswers(policy.mode, policy.ttl, policy.ipv4, policy.ipv6)
        assert answers.build(query)[:2] == b"\xbe\xef"


def test_a_policy_does_not_change() -> None:
    with pytest.raises(AttributeError):
        Policy().answer = AnswerPolicy("refused")  # type: ignore[misc] # that is what is tried
    with pytest.raises(AttributeError):
        AnswerPolicy().ttl = 0  # type: ignore[misc] # that is what is tried
