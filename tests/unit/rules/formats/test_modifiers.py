"""Modifiers: each of them, what voids a rule, and that two ways to say the same give the same fields."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.registry import type_number
from resolver.rules.codes import LINE_CODES, UNENFORCEABLE_CODES
from resolver.rules.formats.modifiers import (
    CLIENT_TAGS,
    MAX_CLIENT_NAME,
    MAX_VALUES,
    Fields,
    Modifiers,
    fold_client_name,
    read_modifiers,
)
from resolver.rules.lines import Outcome, Skip
from tests.unit.rules.shorthand import key


def clients(*only: str, without: tuple[str, ...] = ()) -> Fields:
    return {"clients": only, "not_clients": without}


def types(*only: int, without: tuple[int, ...] = ()) -> Fields:
    return {"types": only, "not_types": without}


def tags(*only: str, without: tuple[str, ...] = ()) -> Fields:
    return {"tags": only, "not_tags": without}


SAID = {
    "important": {"important": True},
    " important ": {"important": True},
    # client: the examples of the syntax's own page, and what its words leave open
    "client=127.0.0.1": clients("127.0.0.1/32"),
    "client=192.168.0.0/24": clients("192.168.0.0/24"),
    "client=192.168.0.7/24": clients("192.168.0.0/24"),
    "client=2001:DB8:0::1": clients("2001:db8::1/128"),
    "client=2001:db8::/32": clients("2001:db8::/32"),
    "client='192.0.2.1'": clients("192.0.2.1/32"),
    r"client='Frank\'s laptop'": clients("frank's laptop"),
    r"client=~'Mary\'s\, John\'s\, and Boris\'s laptops'": clients(
        without=("mary's, john's, and boris's laptops",)
    ),
    "client=~Mom|~Dad|Kids": clients("kids", without=("dad", "mom")),
    'client="Frank\'s laptop"': clients("frank's laptop"),
    "client=Frank's laptop": clients("frank's laptop"),
    r'client="say \"hi\""': clients('say "hi"'),
    r"client='a\|b'|c": clients("a|b", "c"),
    r"client=a\|b": clients("a|b"),
    r"client=a\,b": clients("a,b"),
    r"client='a\\b'": clients(r"a\b"),
    r"client='a\b'": clients(r"a\b"),
    r"client=a\\,important": {**clients("a\\"), "important": True},
    "client='~Mom'": clients("~mom"),
    "client=~'~Mom'": clients(without=("~mom",)),
    "client=b|a|B|~c": clients("a", "b", without=("c",)),
    "client= a | ~ b ": clients("a", without=("b",)),
    "client=a=b": clients("a=b"),
    "client=100%": clients("100%"),
    "client=42": clients("42"),
    "client=Jürgen's Straße": clients("jürgen's strasse"),
    "client=Ju\u0308rgen": clients("jürgen"),
    # ctag
    "ctag=user_child": tags("user_child"),
    "ctag=~device_tv|~device_pc": tags(without=("device_pc", "device_tv")),
    "ctag=user_child|~os_ios|user_child": tags("user_child", without=("os_ios",)),
    # dnstype
    "dnstype=AAAA": types(28),
    "dnstype=aaaa|Https|A": types(1, 28, 65),
    "dnstype=~A|~CNAME": types(without=(1, 5)),
    "dnstype=~A|AAAA": types(28),  # the same as dnstype=AAAA, the syntax says
    "dnstype=A|~A": types(1),
    "dnstype=CAA|TYPE65280": types(257, 65280),
    # denyallow
    "denyallow=com|net": {"outside": (key("com"), key("net"))},
    "denyallow=sub.Example.org.": {"outside": (key("sub.example.org"),)},
    "denyallow=net|com|net": {"outside": (key("com"), key("net"))},
    # together
    "important,dnstype=A,client=a": {"important": True, **types(1), **clients("a")},
    "client=a,dnstype=A,important": {"important": True, **types(1), **clients("a")},
}

VOID = {
    "unknown-modifier": [
        "third-party", "~third-party", "script", "image", "popup", "document", "domain=a.example", "all",
        "Important", "IMPORTANT", "~important", "important1", "client=a,b", "client='a,b'", "csp=x", "ü",
        "important,script", "script,important=1", ",script", "important,important,script", "x=y", "drop",
        "tcp-only", "ttl=300", "invert", "addresses=192.0.2.1/32",
    ],
    "modifier-twice": [
        "important,important", "client=a,client=b", "dnstype=A,important,dnstype=A", "badfilter,badfilter",
        "dnsrewrite=192.0.2.1,dnsrewrite=192.0.2.2",
    ],
    "bad-modifier": [
        "", " ", ",", "important,", ",important", "important,,dnstype=A", "=", "=important",
        "important=", "important=1", "important=true", "badfilter=", "badfilter=1",
        "client", "client=", "client=~", "client=a|", "client=|a", "client=a||b", "client=''", "client=' '",
        "client='a", "client=\"a'", r"client='a\'", "client=~~''", "client=192.0.2.0/33", "client=192.0.2",
        "client=256.0.2.1", "client=2001:db8::/129", "client=fe80::1%eth0", "client=::1/x", "client=a\x00b",
        "client=" + "x" * (MAX_CLIENT_NAME + 1),
        "ctag", "ctag=", "ctag=~",
        "dnstype", "dnstype=", "dnstype=A|", "dnstype=~", "dnstype=~~A", "dnstype=NOTHING", "dnstype=A AAAA",
        "dnstype=TYPE65536", "dnstype='A'", "dnstype=1",
        "denyallow", "denyallow=", "denyallow=com|", "denyallow=~com", "denyallow=.", "denyallow=*.com",
        "denyallow=a..b", "denyallow=com|~net", "denyallow=" + "x" * 64,
        "respgeo", "respgeo=",
    ],
    "unknown-tag": ["ctag=device_toaster", "ctag=USER_CHILD", "ctag=user_child|x", "ctag=~x", "ctag=child"],
    "too-many-values": [
        "client=" + "|".join("a" * (MAX_VALUES + 1)), "dnstype=" + "|".join(["A"] * (MAX_VALUES + 1)),
    ],
    "respgeo": ["respgeo=xx", "respgeo=xx|64496", "important,respgeo=xx"],
}  # fmt: skip


@pytest.mark.parametrize(("text", "fields"), SAID.items(), ids=repr)
def test_what_modifiers_say(text: str, fields: Fields) -> None:
    assert read_modifiers(text) == Modifiers(fields)


@pytest.mark.parametrize(("text", "rewrite"), [
    ("dnsrewrite", ""), ("dnsrewrite=", ""), ("dnsrewrite=192.0.2.1", "192.0.2.1"),
    ("dnsrewrite=NOERROR;TXT;a=b", "NOERROR;TXT;a=b"), (r"dnsrewrite=NOERROR;TXT;a\,b", r"NOERROR;TXT;a\,b"),
])  # fmt: skip
def test_a_rewrite_is_kept_for_its_own_reader(text: str, rewrite: str) -> None:
    assert read_modifiers(text) == Modifiers({}, rewrite)
    assert read_modifiers(f"{text},important") == Modifiers({"important": True}, rewrite)


def test_badfilter_stands_beside_the_others() -> None:
    assert read_modifiers("badfilter") == Modifiers({}, None, True)
    assert read_modifiers("important,badfilter,dnsrewrite") == Modifiers({"important": True}, "", True)


@pytest.mark.parametrize(("code", "text"), [(code, text) for code, texts in VOID.items() for text in texts])
def test_what_voids_a_rule(code: str, text: str) -> None:
    known = code in (UNENFORCEABLE_CODES if code == "respgeo" else LINE_CODES)
    outcome: Outcome = "unenforceable" if code == "respgeo" else "invalid"
    assert known and read_modifiers(text) == Skip(outcome, code)


def test_as_many_values_as_there_may_be() -> None:
    said = read_modifiers("client=" + "|".join(f"c{n}" for n in range(MAX_VALUES)))
    assert isinstance(said, Modifiers) and len(said.fields["clients"]) == MAX_VALUES


def test_tags_are_those_of_the_syntax() -> None:
    kinds = [tag.partition("_")[0] for tag in CLIENT_TAGS]
    assert {kind: kinds.count(kind) for kind in kinds} == {"device": 12, "os": 6, "user": 3}
    for tag in CLIENT_TAGS:
        assert read_modifiers(f"ctag={tag}") == Modifiers(tags(tag))


NAMES = {
    "Kid": "kid",
    " Kid ": "kid",
    "KİD": "ki\u0307d",
    "x" * MAX_CLIENT_NAME: "x" * MAX_CLIENT_NAME,
    "": None,
    " ": None,
    "x" * (MAX_CLIENT_NAME + 1): None,
    "a\nb": None,
    "a\u200bb": None,
    "192.0.2.1": None,
    "10.": None,
    "::1": None,
    "fe80::1%eth0": None,
    "a.b": "a.b",
    "PC-1": "pc-1",
}


@pytest.mark.parametrize(("name", "folded"), NAMES.items(), ids=repr)
def test_names_of_clients(name: str, folded: str | None) -> None:
    assert fold_client_name(name) == folded


@given(st.text(max_size=20))
def test_a_folded_name_is_folded(name: str) -> None:
    folded = fold_client_name(name)
    assert folded is None or fold_client_name(folded) == folded


@given(st.sets(st.sampled_from("A NS CNAME SOA PTR MX TXT AAAA SRV HTTPS CAA".split()), min_size=1))
def test_order_and_case_say_nothing(names: set[str]) -> None:
    one = "|".join(sorted(names))
    other = "|".join(sorted(names, reverse=True)).lower()
    numbers = tuple(sorted(number for number in map(type_number, names) if number is not None))
    assert (
        read_modifiers(f"dnstype={one}") == read_modifiers(f"dnstype={other}") == Modifiers(types(*numbers))
    )


PIECES = st.sampled_from(
    ["important", "badfilter", "client", "ctag", "dnstype", "denyallow", "dnsrewrite", "respgeo", "x", "=",
     ",", "|", "~", "'", '"', "\\", " ", "a", "A", "192.0.2.1", "user_child", "ü", "\x00", "\udc80",
     "/", "::"]
)  # fmt: skip


@given(st.one_of(st.lists(PIECES, max_size=12).map("".join), st.text(max_size=60)))
def test_any_text_is_read(text: str) -> None:
    said = read_modifiers(text)
    assert isinstance(said, (Modifiers, Skip))
    if isinstance(said, Skip):
        assert said.code in {**LINE_CODES, **UNENFORCEABLE_CODES}
