"""The compiled list against a reference that is too simple to be wrong."""

from __future__ import annotations

import mmap
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.names import from_host, labels
from resolver.errors import CorruptFile
from resolver.rules.compile import compile_content
from resolver.rules.compiled import CompiledList, Found
from resolver.rules.layout import HEADER_SIZE
from resolver.rules.model import (
    ALLOW_APEX,
    ALLOW_BELOW,
    ALLOW_BOTH,
    ALLOWED,
    ASIDE,
    BLOCK_APEX,
    BLOCK_BELOW,
    BLOCK_BOTH,
    BLOCKED,
    CONDITIONAL,
    FLAGS_MASK,
    LINE_SHIFT,
    Content,
    Rules,
    key_of,
    name_of,
)
from resolver.rules.networks import Address
from resolver.rules.side import APEX, BELOW, BLOCK, BOTH, SideRule, canonical
from tests.unit.rules.shorthand import NAMES, RULES, compiled_rules, content_of, key, rules_of


def asked(rules: Rules, name: bytes) -> int:
    """What `match` must say: walk up from the name label by label."""
    verdict, parts = 0, labels(name)
    for depth in range(len(parts)):
        ancestor = b"".join(bytes([len(part)]) + part for part in parts[depth:]) + b"\0"
        flags = rules.get(key_of(ancestor), 0)
        block, allow = (BLOCK_APEX, ALLOW_APEX) if depth == 0 else (BLOCK_BELOW, ALLOW_BELOW)
        verdict |= (BLOCKED if flags & block else 0) | (ALLOWED if flags & allow else 0)
    return verdict


@given(rules=RULES, names=st.lists(NAMES, max_size=20))
def test_match_and_explain_agree_with_the_reference(rules: Rules, names: list[str]) -> None:
    compiled = compiled_rules(rules)
    for name in [*map(from_host, names), *map(name_of, rules)]:
        expected = asked(rules, name)
        assert compiled.match(key_of(name)) == expected
        reasons = compiled.explain(key_of(name))
        explained = 0
        for reason in reasons:
            assert reason.line == rules[key_of(reason.name)] >> LINE_SHIFT
            explained |= BLOCKED if reason.flags & BLOCK_BOTH else 0
            explained |= ALLOWED if reason.flags & ALLOW_BOTH else 0
        assert explained == expected
        assert [len(reason.name) for reason in reasons] == sorted(
            (len(r.name) for r in reasons), reverse=True
        )


# A label of 45 octets ends, reversed, in a hyphen; of 48 to 57 in a digit. A stored name may then look
# like the beginning of a longer label.
LOOK_ALIKES = [
    (f"{'x' * 49}.test", f"{'x' * 49}1{'y' * 3}.test"),
    (f"{'x' * 45}.test", f"{'y' * 3}-{'x' * 45}.test"),
    (f"{'x' * 57}.test", f"y9{'x' * 57}.test"),
    (f"{'x' * 48}.test", f"0{'x' * 48}.test"),
]


@pytest.mark.parametrize(("listed", "other"), LOOK_ALIKES)
def test_length_that_looks_like_a_character_ends_no_label(listed: str, other: str) -> None:
    compiled = compiled_rules(rules_of(listed))
    assert compiled.match(key(listed)) == BLOCKED
    assert compiled.match(key(f"www.{listed}")) == BLOCKED
    assert compiled.match(key(other)) == 0
    assert compiled.match(key(f"www.{other}")) == 0
    assert compiled.explain(key(other)) == []


FLAG_TABLE = [
    (BLOCK_APEX, BLOCKED, 0),
    (BLOCK_BELOW, 0, BLOCKED),
    (BLOCK_BOTH, BLOCKED, BLOCKED),
    (ALLOW_APEX, ALLOWED, 0),
    (ALLOW_BELOW, 0, ALLOWED),
    (ALLOW_BOTH, ALLOWED, ALLOWED),
    (BLOCK_BOTH | ALLOW_APEX, BLOCKED | ALLOWED, BLOCKED),
    (FLAGS_MASK, BLOCKED | ALLOWED, BLOCKED | ALLOWED),
]


@pytest.mark.parametrize("company", [{}, rules_of("b.example", flags=BLOCK_BELOW | ALLOW_APEX)])
@pytest.mark.parametrize(("flags", "apex", "below"), FLAG_TABLE)
def test_flags_decide_what_is_covered(flags: int, apex: int, below: int, company: Rules) -> None:
    compiled = compiled_rules({key("a.example"): flags, **company})
    assert compiled.match(key("a.example")) == apex
    assert compiled.match(key("x.a.example")) == compiled.match(key("x.y.a.example")) == below
    assert compiled.match(key("example")) == compiled.match(key("xa.example")) == compiled.match(b"") == 0


def test_explain_names_the_rule_its_part_and_its_line() -> None:
    rules = {
        key("example.org"): BLOCK_BOTH | 5 << LINE_SHIFT,
        key("b.example.org"): BLOCK_APEX | ALLOW_BELOW | 9 << LINE_SHIFT,
    }
    compiled = compiled_rules(rules)
    assert compiled.explain(key("a.b.example.org")) == [
        Found(from_host("b.example.org"), ALLOW_BELOW, 9),
        Found(from_host("example.org"), BLOCK_BELOW, 5),
    ]
    assert compiled.explain(key("example.org")) == [Found(from_host("example.org"), BLOCK_APEX, 5)]
    assert compiled.explain(key("example.net")) == []


def test_empty_list_has_an_answer() -> None:
    compiled = compiled_rules({})
    assert (len(compiled), compiled.entries, compiled.content()) == (0, 0, Content({}))
    assert compiled.match(key("a.example")) == 0 and compiled.explain(key("a.example")) == []


def test_list_is_asked_in_a_mapped_file(tmp_path: Path) -> None:
    path = tmp_path / "x.rules"
    path.write_bytes(compile_content(content_of("a.example")))
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    compiled = CompiledList(mapped, verify=True)
    assert compiled.match(key("a.example")) == BLOCKED
    assert list(compiled.items()) == [(key("a.example"), BLOCK_BOTH | 1 << LINE_SHIFT)]


WHOLE = compile_content(content_of(*(f"n{n}.example" for n in range(50)), "a.b"))


@pytest.mark.parametrize("verify", [False, True])
def test_truncated_file_is_told_apart(verify: bool) -> None:
    for size in [*range(0, HEADER_SIZE + 8), *range(HEADER_SIZE, len(WHOLE), 97), len(WHOLE) - 1]:
        with pytest.raises(CorruptFile):
            CompiledList(WHOLE[:size], verify=verify)


def test_every_flipped_bit_is_found_when_asked_to() -> None:
    chance = random.Random(11)
    for _ in range(2000):
        data = bytearray(WHOLE)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        with pytest.raises(CorruptFile, match=r"^it"):
            CompiledList(bytes(data), verify=True)


@pytest.mark.parametrize("data", [b"", b"We love Marisa.\0" * 100, bytes(5000), b"BELISHA\n" * 100])
def test_other_files_are_told_apart(data: bytes) -> None:
    with pytest.raises(CorruptFile):
        CompiledList(data)


# Side rules


def aside(name: str, reach: int = BOTH, **more: Any) -> SideRule:
    return SideRule(**{"action": BLOCK, "key": key(name), "reach": reach, **more})


CLIENT = Address(4, 0xC0000207)
"""192.0.2.7"""

ASIDES: list[tuple[str, list[int]]] = [
    # name asked -> lines of the rules that it leads to, the most specific first
    ("example.org", [2, 1]),
    ("a.example.org", [4, 3, 1]),
    ("b.a.example.org", [5, 3, 1]),
    ("xa.example.org", [3, 1]),
    ("example.net", []),
    ("org", []),
]
STANDING = [
    aside("example.org", line=1),
    aside("example.org", APEX, line=2),
    aside("example.org", BELOW, line=3),
    aside("a.example.org", APEX, line=4),
    aside("a.example.org", BELOW, line=5),
]


@pytest.mark.parametrize(("name", "lines"), ASIDES)
@pytest.mark.parametrize("names", [{}, rules_of("example.org", "a.example.org", "zz.example")])
def test_name_leads_to_the_side_rules_that_reach_it(names: Rules, name: str, lines: list[int]) -> None:
    compiled = compiled_rules(names, *STANDING)
    assert [rule.line for rule in compiled.asides(key(name))] == lines
    conditional = bool(compiled.match(key(name)) & CONDITIONAL)
    assert conditional or not lines  # whoever has to ask is told so
    assert not compiled.searches and compiled.met_by(CLIENT, ()) == []


def test_names_with_side_rules_are_no_plain_names() -> None:
    compiled = compiled_rules(rules_of("b.example"), aside("a.example"), aside("b.example", types=(1,)))
    assert compiled.match(key("a.example")) == CONDITIONAL
    assert compiled.match(key("b.example")) == CONDITIONAL | BLOCKED
    assert dict(compiled.items()) == rules_of("b.example") and len(compiled) == 3
    assert compiled.explain(key("a.example")) == []
    assert list(compiled.flags()) == [(key("a.example"), ASIDE), (key("b.example"), ASIDE | BLOCK_BOTH)]


def test_rules_that_no_name_leads_to() -> None:
    client = SideRule(action=BLOCK, clients=("192.0.2.7/32",))
    odd, even = (SideRule(action=BLOCK, expression=one, line=7) for one in ("^a[0-9]", "example$"))
    other = SideRule(action=BLOCK, expression="example$", invert=True)
    compiled = compiled_rules({}, client, odd, even, other)
    assert compiled.searches and compiled.met_by(CLIENT, ()) == [client]
    assert compiled.met_by(Address(4, CLIENT.value + 1), ()) == compiled.met_by(None, ()) == []
    assert set(compiled.found_in(b"a7.example")) == {odd, even}
    assert compiled.found_in(b"b.test") == [other]
    assert compiled_rules({}, client).searches and compiled_rules({}, client).found_in(b"a7") == []
    assert not compiled_rules(rules_of("a.example")).searches


@given(rules=RULES, names=st.lists(NAMES, max_size=20))
def test_longest_name_alone_decides_in_an_ordered_list(rules: Rules, names: list[str]) -> None:
    compiled = compiled_rules(rules, ordered=True)
    for name in [*map(from_host, names), *map(name_of, rules)]:
        reasons = compiled.explain(key_of(name))
        flags = reasons[0].flags if reasons else 0
        block, allow = flags & BLOCK_BOTH, flags & ALLOW_BOTH
        assert compiled.match(key_of(name)) == (BLOCKED if block else 0) | (ALLOWED if allow else 0)


@pytest.mark.parametrize("verify", [False, True])
def test_truncated_file_with_side_rules_is_told_apart(verify: bool) -> None:
    whole = compile_content(Content(rules_of("b.example"), canonical([*STANDING, SideRule(action=BLOCK)])))
    for size in [*range(HEADER_SIZE, len(whole), 7), len(whole) - 1]:
        with pytest.raises(CorruptFile):
            CompiledList(whole[:size], verify=verify)


def test_every_flipped_bit_of_side_rules_is_found_when_asked_to() -> None:
    whole = compile_content(Content(rules_of("b.example"), canonical([*STANDING, SideRule(action=BLOCK)])))
    for place in range(HEADER_SIZE, len(whole)):
        data = bytearray(whole)
        data[place] ^= 1 << place % 8
        with pytest.raises(CorruptFile, match="does not match its checksum"):
            CompiledList(bytes(data), verify=True)
