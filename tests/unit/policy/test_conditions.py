"""Conditions of side rules: each alone, then those that go together; and the order inside a zone."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from resolver.policy.conditions import Asked, applies, specificity
from resolver.rules.side import APEX, BELOW, BLOCK, BOTH, SideRule
from tests.support.rules import wire
from tests.unit.rules.shorthand import key

A, AAAA = 1, 28


def packed(*texts: str) -> list[bytes]:
    return [ipaddress.ip_address(text).packed for text in texts]


def holds(rule: dict[str, Any], **asked: Any) -> bool:
    """Whether a rule with these conditions applies to a.example, A, asked like this."""
    question: dict[str, Any] = {"key": key("a.example"), "qtype": A, **asked}
    return applies(SideRule(action=BLOCK, **rule), Asked(**question))


CASES: list[tuple[str, dict[str, Any], dict[str, Any], bool]] = [
    # what, the rule, the question, whether it applies
    ("no condition", {}, {}, True),
    ("the type", {"types": (A, AAAA)}, {}, True),
    ("another type", {"types": (AAAA,)}, {}, False),
    ("all types but this", {"not_types": (A,)}, {}, False),
    ("all types but another", {"not_types": (AAAA,)}, {}, True),
    ("a type and not the same", {"types": (A,), "not_types": (A,)}, {}, False),
    ("an address", {"clients": ("192.0.2.7/32",)}, {"client": "192.0.2.7"}, True),
    ("an address without its length", {"clients": ("192.0.2.7",)}, {"client": "192.0.2.7"}, True),
    ("another address", {"clients": ("192.0.2.7/32",)}, {"client": "192.0.2.8"}, False),
    ("a network", {"clients": ("192.0.2.0/24",)}, {"client": "192.0.2.8"}, True),
    ("a network by one of its hosts", {"clients": ("192.0.2.9/24",)}, {"client": "192.0.2.8"}, True),
    ("one of two networks", {"clients": ("198.51.100.0/24", "192.0.2.0/24")}, {"client": "192.0.2.8"}, True),
    ("a network of the other family", {"clients": ("::/0",)}, {"client": "192.0.2.8"}, False),
    ("everybody of a family", {"clients": ("0.0.0.0/0",)}, {"client": "192.0.2.8"}, True),
    ("an IPv6 network", {"clients": ("2001:db8::/32",)}, {"client": "2001:db8:1::2"}, True),
    ("an address with a scope", {"clients": ("fe80::/10",)}, {"client": "fe80::1%eth0"}, True),
    ("IPv4 in IPv6 clothes", {"clients": ("192.0.2.0/24",)}, {"client": "::ffff:192.0.2.8"}, True),
    ("a rule in IPv6 clothes", {"clients": ("::ffff:192.0.2.0/120",)}, {"client": "192.0.2.8"}, True),
    ("everything in IPv6 clothes", {"clients": ("::ffff:0:0/96",)}, {"client": "192.0.2.8"}, True),
    ("nobody knows who", {"clients": ("192.0.2.7/32",)}, {"client": ""}, False),
    ("a name", {"clients": ("tablet",)}, {"client": "192.0.2.7", "names": {"tablet"}}, True),
    ("another name", {"clients": ("tablet",)}, {"client": "192.0.2.7", "names": {"tv"}}, False),
    ("a name or an address", {"clients": ("tablet", "192.0.2.7/32")}, {"client": "192.0.2.7"}, True),
    ("everybody but one", {"not_clients": ("192.0.2.7/32",)}, {"client": "192.0.2.7"}, False),
    ("everybody but another", {"not_clients": ("192.0.2.7/32",)}, {"client": "192.0.2.8"}, True),
    ("everybody but one, nobody knows who", {"not_clients": ("192.0.2.7/32",)}, {}, True),
    ("everybody but a name", {"not_clients": ("tablet",)}, {"names": {"tablet"}}, False),
    (
        "a network but for one of it",
        {"clients": ("192.0.2.0/24",), "not_clients": ("192.0.2.7/32",)},
        {"client": "192.0.2.7"},
        False,
    ),
    ("a tag", {"tags": ("user_child",)}, {"tags": {"user_child"}}, True),
    ("another tag", {"tags": ("user_child",)}, {"tags": {"device_tv"}}, False),
    ("not that tag", {"not_tags": ("user_child",)}, {"tags": {"user_child"}}, False),
    ("not that tag, and none is known", {"not_tags": ("user_child",)}, {}, True),
    (
        "a client and a tag",
        {"clients": ("192.0.2.7/32",), "tags": ("user_child",)},
        {"client": "192.0.2.7", "tags": {"user_child"}},
        True,
    ),
    (
        "a client without the tag",
        {"clients": ("192.0.2.7/32",), "tags": ("user_child",)},
        {"client": "192.0.2.7"},
        False,
    ),
    (
        "the tag on another client",
        {"clients": ("192.0.2.7/32",), "tags": ("user_child",)},
        {"client": "192.0.2.8", "tags": {"user_child"}},
        False,
    ),
    ("outside of it", {"outside": (key("b.example"),)}, {}, True),
    ("inside what is apart", {"outside": (key("b.example"), key("example"))}, {}, False),
    ("just what is apart", {"outside": (key("a.example"),)}, {}, False),
    ("above what is apart", {"outside": (key("x.a.example"),)}, {}, True),
    ("an answer, and there is none", {"addresses": ("192.0.2.0/24",)}, {}, False),
    ("the answer", {"addresses": ("192.0.2.0/24",)}, {"addresses": packed("192.0.2.8")}, True),
    ("another answer", {"addresses": ("192.0.2.0/24",)}, {"addresses": packed("2001:db8::1")}, False),
    (
        "one of several addresses",
        {"addresses": ("2001:db8::/32",)},
        {"addresses": packed("192.0.2.8", "2001:db8::1")},
        True,
    ),
    ("every name", {"reach": BOTH}, {}, True),
    ("the root alone", {"reach": APEX}, {}, False),
    ("the root alone, asked", {"reach": APEX}, {"key": b""}, True),
    ("all below the root", {"reach": BELOW}, {}, True),
    ("all below the root, which is asked", {"reach": BELOW}, {"key": b""}, False),
    ("a name's reach is for the index", {"key": key("a.example"), "reach": BELOW}, {}, True),
]


@pytest.mark.parametrize(
    ("rule", "asked", "expected"), [row[1:] for row in CASES], ids=[row[0] for row in CASES]
)
def test_condition(rule: dict[str, Any], asked: dict[str, Any], expected: bool) -> None:
    assert holds(rule, **asked) == expected


COMMON: list[tuple[str, dict[str, Any], bool]] = [
    ("no condition", {}, True),
    ("a type", {"types": (AAAA,)}, True),
    ("a client that it is", {"clients": ("192.0.2.7/32",)}, False),
    ("a client that it is not", {"clients": ("192.0.2.8/32",)}, False),
    ("not a client", {"not_clients": ("192.0.2.8/32",)}, False),
    ("a tag", {"tags": ("user_child",)}, False),
    ("not a tag", {"not_tags": ("user_child",)}, False),
    ("a client, and another type", {"types": (AAAA,), "clients": ("192.0.2.7/32",)}, True),
    ("a client, and outside", {"outside": (key("a.example"),), "clients": ("192.0.2.7/32",)}, True),
]


@pytest.mark.parametrize(("rule", "common"), [row[1:] for row in COMMON], ids=[row[0] for row in COMMON])
def test_who_asks_is_remembered_to_have_counted(rule: dict[str, Any], common: bool) -> None:
    """Whether the rule applied or not: the next client might get the other ruling."""
    asked = Asked(key("a.example"), A, "192.0.2.7")
    applies(SideRule(action=BLOCK, **rule), asked)
    assert asked.common == common


ADDRESSES = packed("192.0.2.7", "192.0.3.7", "2001:db8::1")
ORDER: list[tuple[str, tuple[str, dict[str, Any] | None], tuple[str, dict[str, Any] | None]]] = [
    # what, the one that wins, the other; a rule is its name and (for a side rule) its conditions
    ("client before name", ("", {"clients": ("0.0.0.0/0",)}), ("a.example", None)),
    ("name before answer", ("example", None), ("", {"addresses": ("192.0.2.7/32",)})),
    ("client before answer", ("", {"clients": ("0.0.0.0/0",)}), ("", {"addresses": ("192.0.2.7/32",)})),
    ("exact before wildcard", ("a.example", None), ("example", None)),
    ("the closest wildcard", ("a.example", {"key": key("a.example")}), ("example", None)),
    ("a longer client", ("", {"clients": ("192.0.2.0/25",)}), ("", {"clients": ("192.0.2.0/24",)})),
    (
        "the best of several",
        ("", {"clients": ("0.0.0.0/0", "192.0.2.7/32")}),
        ("", {"clients": ("192.0.2.0/24",)}),
    ),
    ("a network that it is in", ("", {"clients": ("192.0.0.0/8",)}), ("", {"clients": ("198.51.100.0/24",)})),
    ("a longer answer", ("", {"addresses": ("192.0.2.0/25",)}), ("", {"addresses": ("192.0.3.0/24",)})),
    ("the smallest address", ("", {"addresses": ("192.0.2.0/24",)}), ("", {"addresses": ("192.0.3.0/24",)})),
    (
        "a network before a name of a client",
        ("", {"clients": ("192.0.2.0/24",)}),
        ("", {"clients": ("tablet",)}),
    ),
]


@pytest.mark.parametrize(("first", "second"), [row[1:] for row in ORDER], ids=[row[0] for row in ORDER])
def test_order_inside_a_zone(
    first: tuple[str, dict[str, Any] | None], second: tuple[str, dict[str, Any] | None]
) -> None:
    """BIND ARM, response-policy: client address, name, answer; the closest name, the longest prefix."""
    asked = Asked(key("a.example"), A, "192.0.2.7", ADDRESSES)
    weights = []
    for name, conditions in (first, second):
        rule = None if conditions is None else SideRule(action=BLOCK, **conditions)
        weights.append(specificity(wire(name) if name else b"", rule, asked))
    assert weights[0] > weights[1]
