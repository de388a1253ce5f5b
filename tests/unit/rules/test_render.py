"""What is rendered reads back as the same content; what cannot be said is shown, and refused when read."""

from __future__ import annotations

from collections import ChainMap
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns import rdata
from resolver.rules.collector import Collector
from resolver.rules.expressions.masks import from_adblock
from resolver.rules.formats import adblock
from resolver.rules.formats.modifiers import CLIENT_TAGS, fold_client_name
from resolver.rules.formats.table import FORMATS
from resolver.rules.lines import Options, Skip
from resolver.rules.model import FLAGS_MASK, Content, Rules
from resolver.rules.render import render, render_side
from resolver.rules.side import (
    ALLOW,
    ANSWER,
    APEX,
    BELOW,
    BLOCK,
    BOTH,
    CANCEL,
    Answer,
    Record,
    SideRule,
    canonical,
)
from tests.unit.rules.shorthand import NAMES, RULES, key

TRUSTED = Options(rewrites=True)
A = Record(1, bytes((192, 0, 2, 1)))
B = Record(1, bytes((192, 0, 2, 2)))
HOME = key("a.example")

FORMS = {
    1: ["|a.example^"],
    2: ["||*.a.example^"],
    3: ["||a.example^"],
    4: ["@@|a.example^"],
    8: ["@@||*.a.example^"],
    12: ["@@||a.example^"],
    3 | 4: ["||a.example^", "@@|a.example^"],
    2 | 4: ["||*.a.example^", "@@|a.example^"],
    15: ["||a.example^", "@@||a.example^"],
}

SIDES = {
    "||a.example^$important": SideRule(action=BLOCK, key=HOME, important=True),
    "@@|a.example^$important": SideRule(action=ALLOW, key=HOME, reach=APEX, important=True),
    "||*.a.example^$important": SideRule(action=BLOCK, key=HOME, reach=BELOW, important=True),
    "*$dnstype=AAAA": SideRule(action=BLOCK, types=(28,)),
    "||a.example^$dnstype=~A|~TYPE65280": SideRule(action=BLOCK, key=HOME, not_types=(1, 65280)),
    "*$client=192.0.2.0/24|kid|~'frank\\'s laptop'": SideRule(
        action=BLOCK, clients=("192.0.2.0/24", "kid"), not_clients=("frank's laptop",)
    ),
    r"*$client='a\\b\,c\|d\"e ~'": SideRule(action=BLOCK, clients=('a\\b,c|d"e ~',)),
    "*$client=2001:db8::/32|'~x'": SideRule(action=BLOCK, clients=("2001:db8::/32", "~x")),
    "*$ctag=user_child|~os_ios": SideRule(action=BLOCK, tags=("user_child",), not_tags=("os_ios",)),
    "@@*$denyallow=com|net": SideRule(action=ALLOW, outside=(key("com"), key("net"))),
    "/ads/": SideRule(action=BLOCK, expression="ads"),
    "@@/^ads$/$important": SideRule(action=ALLOW, expression="^ads$", important=True),
    "||a.example^$dnsrewrite=REFUSED": SideRule(action=ANSWER, key=HOME, answer=Answer(5)),
    "||a.example^$dnsrewrite=NOERROR": SideRule(action=ANSWER, key=HOME, answer=Answer()),
    "||a.example^$dnsrewrite=NOERROR;A;192.0.2.1": SideRule(
        action=ANSWER, key=HOME, answer=Answer(records=(A,))
    ),
    "@@||a.example^$dnsrewrite": SideRule(action=CANCEL, key=HOME),
    "@@||a.example^$dnsrewrite=NOERROR;A;192.0.2.1": SideRule(
        action=CANCEL, key=HOME, answer=Answer(records=(A,))
    ),
    "*$important,dnstype=A,client=a,ctag=user_child,denyallow=com,dnsrewrite=NXDOMAIN": SideRule(
        action=ANSWER, important=True, types=(1,), clients=("a",), tags=("user_child",),
        outside=(key("com"),), answer=Answer(3),
    ),
}  # fmt: skip

# Shown to people, and refused when read: the notation has no form for it.
SHOWN = {
    "||a.example^$drop": SideRule(action=ANSWER, key=HOME, answer=Answer(silent=True)),
    "||a.example^$tcp-only": SideRule(action=ANSWER, key=HOME, answer=Answer(by_tcp=True)),
    "||a.example^$ttl=300,dnsrewrite=NOERROR": SideRule(action=ANSWER, key=HOME, answer=Answer(ttl=300)),
    "||a.example^$dnsrewrite=NOERROR;A;192.0.2.1,dnsrewrite=NOERROR;A;192.0.2.2": SideRule(
        action=ANSWER, key=HOME, answer=Answer(records=(A, B))
    ),
    "||a.example^$dnsrewrite=REFUSED,dnsrewrite=NOERROR;A;192.0.2.1": SideRule(
        action=ANSWER, key=HOME, answer=Answer(5, records=(A,))
    ),
    "||a.example^$dnsrewrite=RCODE24;;": SideRule(action=ANSWER, key=HOME, answer=Answer(24)),
    "*$addresses=192.0.2.0/24|2001:db8::/32": SideRule(
        action=BLOCK, addresses=("192.0.2.0/24", "2001:db8::/32")
    ),
    "/ads/$invert": SideRule(action=BLOCK, expression="ads", invert=True),
    "||a.example^$dnsrewrite": SideRule(action=ANSWER, key=HOME),
    "||*..^": SideRule(action=BLOCK, reach=BELOW),
    "@@|.^": SideRule(action=ALLOW, reach=APEX),
    r"||a\.b.example^$important": SideRule(action=BLOCK, key=b"elpmaxe\x07b.a\x03", important=True),
    r"|\009.example^$important": SideRule(action=BLOCK, key=b"elpmaxe\x07\t\x01", reach=APEX, important=True),
}


@pytest.mark.parametrize(("flags", "lines"), FORMS.items())
def test_forms(flags: int, lines: list[str]) -> None:
    assert list(render(Content({HOME: flags}))) == lines


@pytest.mark.parametrize(("line", "rule"), SIDES.items(), ids=repr)
def test_side_rule(line: str, rule: SideRule) -> None:
    assert render_side(rule) == line
    assert adblock.read(line, TRUSTED) == [rule]


@pytest.mark.parametrize(("line", "rule"), SHOWN.items(), ids=repr)
def test_what_the_notation_cannot_say_is_shown_and_refused(line: str, rule: SideRule) -> None:
    assert render_side(rule) == line
    (read,) = adblock.read(line, TRUSTED)
    assert isinstance(read, Skip) and read.outcome == "invalid"


def test_slash_of_an_expression_does_not_end_it() -> None:
    for expression in ("a/b", r"a\/b", r"a\\/b", "/", "[/]", "//"):
        text = render_side(SideRule(action=BLOCK, expression=expression))
        assert text.startswith("/") and text.endswith("/")
        assert not [
            place for place in range(1, len(text) - 1) if text[place] == "/" and text[place - 1] != "\\"
        ]


def read_back(content: Content) -> Content:
    """What the reader makes of the lines of a content, before any guard; without line numbers."""
    collector = Collector(FORMATS["adblock"], "auto", "block", TRUSTED)
    collector.read("\n".join(render(content)).encode())
    found = collector.content()
    names = {k: value & FLAGS_MASK for k, value in found.names.items()}
    sides = canonical(msgspec.structs.replace(rule, line=0) for rule in found.sides)
    return Content(names, sides, found.ordered)


@pytest.mark.parametrize("flags", range(1, FLAGS_MASK + 1))
def test_every_combination_of_flags_reads_back(flags: int) -> None:
    content = Content({HOME: flags, key("x--y.a.example"): flags})
    assert read_back(content) == content


def test_nothing_renders_as_nothing() -> None:
    assert list(render(Content({}))) == []


# Side rules that the notation can say. Whatever stands in a list is canonical: sorted, each once.

T = TypeVar("T", int, str, bytes)


def several(values: st.SearchStrategy[T], least: int = 0) -> st.SearchStrategy[tuple[T, ...]]:
    return st.sets(values, min_size=least, max_size=4).map(lambda chosen: tuple(sorted(chosen)))


def client_names(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return texts.map(fold_client_name).filter(bool).map(str)


CLIENTS = st.one_of(
    st.ip_addresses().map(lambda address: f"{address}/{address.max_prefixlen}"),
    client_names(st.text(max_size=12)),
    client_names(st.lists(st.sampled_from("a'\"\\,|~ $/#="), max_size=6).map("".join)),
)
TYPES = st.integers(min_value=0, max_value=0xFFFF)
RECORDS = st.one_of(
    st.binary(min_size=1, max_size=255).map(lambda text: Record(16, rdata.pack_strings([text]))),
    st.sampled_from(
        [
            (1, "192.0.2.1"),
            (28, "2001:db8::1"),
            (5, "b.example"),
            (12, "b.example"),
            (15, "10 mail.example"),
            (33, "1 2 3 ."),
            (64, "1 . alpn=h2,h3"),
            (65, "0 b.example"),
        ]
    ).map(lambda one: Record(one[0], rdata.from_words(one[0], one[1].split()) or b"")),
)
ANSWERS = st.one_of(
    st.integers(min_value=0, max_value=5).map(Answer), RECORDS.map(lambda one: Answer(records=(one,)))
)
EXPRESSIONS = st.sampled_from(
    [
        "ads",
        "^ads[0-9]+",
        r"\.ads\.",
        "a1|b2|c3",
        "^ads$",
        "(ads|bads)x{2,3}",
        str(from_adblock("||ads*.example^")),
    ]
)
PLACES: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.builds(dict, key=NAMES.map(key), reach=st.sampled_from([APEX, BELOW, BOTH])),
    st.builds(dict, expression=EXPRESSIONS),
    st.just({}),
)
CONDITIONS = st.one_of(
    st.builds(dict, important=st.just(True)),
    st.builds(dict, types=several(TYPES, 1)),
    st.builds(dict, not_types=several(TYPES, 1)),
    st.builds(dict, clients=several(CLIENTS, 1), not_clients=several(CLIENTS)),
    st.builds(dict, not_clients=several(CLIENTS, 1)),
    st.builds(dict, tags=several(st.sampled_from(sorted(CLIENT_TAGS)), 1)),
    st.builds(dict, not_tags=several(st.sampled_from(sorted(CLIENT_TAGS)), 1)),
    st.builds(dict, outside=several(NAMES.map(key), 1), important=st.booleans()),
)
ACTIONS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.sampled_from([{"action": BLOCK}, {"action": ALLOW}, {"action": CANCEL}]),
    st.builds(dict, action=st.sampled_from([ANSWER, CANCEL]), answer=ANSWERS),
)
SIDE_RULES = st.builds(
    lambda *parts: SideRule(**dict(ChainMap(*parts))), ACTIONS, PLACES, CONDITIONS, CONDITIONS
)


def is_sayable(rule: SideRule) -> bool:
    """With types of both kinds, the notation forgets the excluded ones."""
    return not (rule.types and rule.not_types)


@given(RULES, st.lists(SIDE_RULES.filter(is_sayable), max_size=4))
def test_content_reads_back(rules: Rules, sides: list[SideRule]) -> None:
    names = {k: value & FLAGS_MASK for k, value in rules.items()}
    content = Content(names, canonical(sides))
    assert read_back(content) == content


@given(SIDE_RULES)
def test_a_line_is_one_printable_line(rule: SideRule) -> None:
    line = render_side(rule)
    assert line.isprintable() and line == line.strip()
