"""The guard: a table of what is held back and what passes, and that looking changes nothing else."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.rules.codes import GUARD_CODES
from resolver.rules.collector import Collector
from resolver.rules.formats.table import FORMATS
from resolver.rules.guard import PLAIN, Guard, Held, hold_back
from resolver.rules.model import FLAGS_MASK, Content, Format, Rules
from resolver.rules.parse import parse_list
from resolver.rules.side import ALLOW, ANSWER, APEX, BELOW, BLOCK, BOTH, CANCEL, Answer, SideRule
from tests.unit.rules.shorthand import NAMES, RULES, key, rules_of, written


def keys(names: str) -> frozenset[bytes]:
    return frozenset(map(key, names.split()))


GUARD = Guard(
    suffixes=keys("test co.test org.test wild.test pages.example cloud.example s3.cloud.example"),
    wild=keys("wild.test"),
    exceptions=keys("www.wild.test"),
    protected=keys("help.example line.org.test time.example state.test"),
    protected_below=keys("line.org.test state.test"),
)  # fmt: skip


def lines(text: str, guard: Guard = GUARD) -> tuple[list[str], list[tuple[str, str, str]]]:
    """Adblock lines → what is in force, and what was held: text, code, name to let through."""
    collector = Collector(FORMATS["adblock"], "auto", "block")
    collector.read("\n".join(text.split()).encode())
    content, held = hold_back(collector.content(), guard)
    return written(content.names), [(one.text, one.code, one.covers) for one in held]


HELD = [
    # a single label, whatever it reaches
    ("||com^", "covers-top-level", "com"),
    ("|com^", "covers-top-level", "com"),
    ("||*.test^", "covers-top-level", "test"),
    ("@@||test^", "covers-top-level", "test"),
    # a public suffix, or a name above one, as far as it reaches below
    ("||co.test^", "covers-suffix", "co.test"),
    ("||*.co.test^", "covers-suffix", "co.test"),
    ("@@||co.test^", "covers-suffix", "co.test"),
    ("||pages.example^", "covers-suffix", "pages.example"),
    ("||cloud.example^", "covers-suffix", "cloud.example"),
    ("||wild.test^", "covers-suffix", "wild.test"),
    ("||any.wild.test^", "covers-suffix", "any.wild.test"),
    # a protected name: itself, from above, and below where all below is protected
    ("|help.example^", "covers-protected", "help.example"),
    ("||help.example^", "covers-protected", "help.example"),
    ("||line.org.test^", "covers-protected", "line.org.test"),
    ("||*.line.org.test^", "covers-protected", "line.org.test"),
    ("|www.line.org.test^", "covers-protected", "www.line.org.test"),
    ("||a.b.state.test^", "covers-protected", "a.b.state.test"),
]

PASSES = [
    "|co.test^", "@@|co.test^", "|pages.example^", "|any.wild.test^", "||www.wild.test^", "||a.b.wild.test^",
    "||name.co.test^", "||my.pages.example^", "||x.s3.cloud.example^", "||shop.cloud.example^",
    "@@||help.example^", "@@|www.line.org.test^", "@@||line.org.test^", "|www.help.example^",
    "||*.help.example^", "||ordinary.test^", "||xhelp.example^",
]  # fmt: skip


@pytest.mark.parametrize(("line", "code", "name"), HELD)
def test_what_is_held_back(line: str, code: str, name: str) -> None:
    assert lines(f"||bad.example^ {line}") == (["||bad.example^"], [(line, code, name)])
    assert code in GUARD_CODES


@pytest.mark.parametrize("line", PASSES)
def test_what_passes(line: str) -> None:
    assert lines(line) == ([line], [])


@pytest.mark.parametrize(("line", "code", "name"), HELD)
def test_the_owner_lets_a_name_through(line: str, code: str, name: str) -> None:
    unguarded = keys(name) if code == "covers-protected" else keys(name) | GUARD.protected
    assert lines(line, GUARD._replace(unguarded=unguarded)) == ([line], [])


def test_above_a_protected_name_both_must_be_let_through() -> None:
    line = "||org.test^"
    assert lines(line)[1] == [(line, "covers-suffix", "org.test")]
    once = GUARD._replace(unguarded=keys("org.test"))
    assert lines(line, once)[1] == [(line, "covers-protected", "line.org.test")]
    twice = GUARD._replace(unguarded=keys("org.test line.org.test"))
    assert lines(line, twice) == ([line], [])


def test_of_one_name_only_the_action_that_is_too_wide_goes() -> None:
    in_force, held = lines("||co.test^ @@|co.test^")
    assert in_force == ["@@|co.test^"]
    assert held == [("||co.test^", "covers-suffix", "co.test")]


def test_held_rules_come_in_the_order_of_their_lines() -> None:
    _, held = hold_back(Content(rules_of("zz.example", "test", "a.example", "com", "co.test")), GUARD)
    assert [one.line for one in held] == [2, 4, 5]


@given(RULES)
def test_what_passes_stays_as_it_was(rules: Rules) -> None:
    before = dict(rules)
    content, held = hold_back(Content(rules), GUARD)
    assert all(before[name] == value for name, value in content.names.items() if name not in _names(held))
    assert {name for name in before if name not in content.names} <= _names(held)
    assert hold_back(content, GUARD) == (content, [])


def _names(held: list[Held]) -> set[bytes]:
    return {one.rule[0] for one in held if not isinstance(one.rule, SideRule)}


@given(RULES, st.frozensets(NAMES.map(key), max_size=4), st.frozensets(NAMES.map(key), max_size=4))
def test_bisection_finds_what_a_walk_would(
    rules: Rules, wild: frozenset[bytes], protected: frozenset[bytes]
) -> None:
    """Each rule judged alone, with nothing to bisect, gives what all give together."""
    guard = Guard(wild=wild, suffixes=wild, protected=protected, protected_below=protected)
    alone = {name for name, value in rules.items() if hold_back(Content({name: value}), guard)[1]}
    assert _names(hold_back(Content(dict(rules)), guard)[1]) == alone


def test_keys_and_singles_that_are_known_are_not_looked_for() -> None:
    rules = rules_of("test", "co.test", "any.wild.test", "a.example")
    given_them = hold_back(Content(dict(rules)), GUARD, sorted(rules), {key("test")})
    assert given_them == hold_back(Content(dict(rules)), GUARD)
    assert len(given_them[1]) == 3


SINGLE: dict[str, str] = {
    "hosts": "0.0.0.0 com", "domains": "com", "wildcard": "*.com", "adblock": "||com^",
    "dnsmasq": "address=/com/#", "unbound": 'local-zone: "com." always_null',
}  # fmt: skip


@pytest.mark.parametrize("name", SINGLE)
def test_no_format_brings_a_single_label_past(name: Format) -> None:
    assert name in get_args(Format) and name in FORMATS
    good = SINGLE[name].replace("com", "bad.example")
    parsed = parse_list(f"{good}\n{SINGLE[name]}\n".encode(), format=name)
    assert parsed.report.held_by_code == {"covers-top-level": 1}
    assert list(parsed.content.names) == list(parsed.keys) == [key("bad.example")]


# -- side rules ----------------------------------------------------------------------------------


def side(code: str, guard: Guard = GUARD, action: int = BLOCK, **fields: Any) -> None:
    """Assert what becomes of one side rule; "" is: it passes."""
    rule = SideRule(action=action, line=7, **fields)
    content, held = hold_back(Content({}, (rule,)), guard)
    assert [(one.line, one.code, one.rule) for one in held] == ([(7, code, rule)] if code else [])
    assert content.sides == (() if code else (rule,))


EVERYTHING: list[tuple[dict[str, Any], str]] = [
    ({}, "covers-root"),
    ({"types": (28,)}, "covers-root"),
    ({"outside": (key("test"),)}, "covers-root"),
    ({"tags": ("user_child",)}, "covers-root"),
    ({"not_clients": ("192.0.2.7/32",)}, "covers-root"),
    ({"clients": ("0.0.0.0/0",)}, "covers-root"),
    ({"clients": ("192.0.2.7/32", "10.0.0.0/8")}, "covers-root"),
    ({"clients": ("192.0.2.7/32",)}, ""),
    ({"clients": ("192.0.2.0/24", "2001:db8::/64", "tablet")}, ""),
    ({"clients": ("2001:db8::/48",)}, "covers-root"),
    ({"clients": ("::ffff:0:0/96",)}, "covers-root"),  # every IPv4 client (RFC 4291 2.5.5.2)
    ({"clients": ("::ffff:192.0.2.0/120",)}, ""),
    ({"addresses": ("::ffff:0:0/96",)}, "covers-root"),
    ({"addresses": ("192.0.2.0/24",)}, ""),
    ({"addresses": ("10.0.0.0/8", "fc00::/7", "240.0.0.0/4", "224.0.0.0/4")}, ""),
    ({"addresses": ("64.0.0.0/4",)}, "covers-root"),
    ({"addresses": ("0.0.0.0/0",)}, "covers-root"),
    ({"addresses": ("2000::/3",)}, "covers-root"),
]


@pytest.mark.parametrize(("fields", "code"), EVERYTHING)
@pytest.mark.parametrize("action", [BLOCK, ALLOW, CANCEL])
def test_rules_on_every_name(fields: dict[str, Any], code: str, action: int) -> None:
    side(code, action=action, **fields)


def test_the_root_is_let_through_and_still_protects() -> None:
    through = GUARD._replace(unguarded=frozenset((b"",)))
    side("covers-protected", through)
    side("", through, action=ALLOW)
    apart = (key("example"), key("test"))
    side("", through, outside=apart)
    side("covers-protected", through, outside=apart[:1])


AT_NAMES: list[tuple[dict[str, Any], str]] = [
    ({"key": key("com"), "types": (1,)}, "covers-top-level"),
    ({"key": key("com"), "reach": APEX}, "covers-top-level"),
    ({"key": key("co.test"), "types": (1,)}, "covers-suffix"),
    ({"key": key("co.test"), "clients": ("192.0.2.7/32",)}, "covers-suffix"),
    ({"key": key("co.test"), "reach": APEX}, ""),
    ({"key": key("any.wild.test"), "reach": BELOW}, "covers-suffix"),
    ({"key": key("a.example"), "important": True}, ""),
    ({"key": key("help.example"), "reach": APEX, "clients": ("192.0.2.7/32",)}, "covers-protected"),
    ({"key": key("www.state.test"), "reach": BOTH}, "covers-protected"),
]


@pytest.mark.parametrize(("fields", "code"), AT_NAMES)
def test_conditions_do_not_help(fields: dict[str, Any], code: str) -> None:
    side(code, **fields)


def test_a_protected_name_may_not_be_answered_otherwise_but_be_allowed() -> None:
    name = key("help.example")
    side("covers-protected", action=ANSWER, key=name, answer=Answer(rcode=3))
    side("", action=ALLOW, key=name, important=True)
    side("", action=CANCEL, key=name)


EXPRESSIONS = [
    (r"^ads\.", BLOCK, "", ""),
    (r".*", BLOCK, "covers-too-much", "."),
    (r".*", ALLOW, "covers-too-much", "."),
    (r"\.pages\.example$", BLOCK, "covers-suffix", "pages.example"),
    (r"(^|\.)test$", ALLOW, "covers-top-level", "test"),
    (r"help", BLOCK, "covers-protected", "help.example"),
    (r"help", ALLOW, "", ""),
    (r"^www\.state", ANSWER, "covers-protected", "state.test"),
]


@pytest.mark.parametrize(("expression", "action", "code", "name"), EXPRESSIONS)
def test_expressions(expression: str, action: int, code: str, name: str) -> None:
    side(code, action=action, expression=expression, types=(1,))
    if code:
        rule = SideRule(action=action, expression=expression)
        assert hold_back(Content({}, (rule,)), GUARD)[1][0].covers == name
        side("", GUARD._replace(unguarded=keys(name) if name != "." else frozenset((b"", *GUARD.protected))),
             action=action, expression=expression)  # fmt: skip


def test_each_expression_is_judged_by_itself() -> None:
    rules = tuple(
        SideRule(action=BLOCK, expression=text, line=line)
        for line, text in enumerate((r"^ads\.", r".*", r"^track", r"help"), 1)
    )
    content, held = hold_back(Content({}, rules), GUARD)
    assert [rule.line for rule in content.sides] == [1, 3]
    assert [one.line for one in held] == [2, 4]


def test_the_plain_guard_knows_the_root_and_single_labels() -> None:
    content, held = hold_back(Content(rules_of("test", "co.test"), (SideRule(action=BLOCK),)), PLAIN)
    assert written(content.names) == ["||co.test^"]
    assert [(one.code, one.text) for one in held][1] == ("covers-top-level", "||test^")
    assert all(value & FLAGS_MASK for value in content.names.values())
