"""Digest and compiled file: the same rules, the same digest, and everything read back."""

from __future__ import annotations

import hashlib
import random

import msgspec
import pytest
from hypothesis import given

from resolver.rules import compile as module
from resolver.rules.compile import canonical_keys, compile_content, content_digest
from resolver.rules.compiled import CompiledList
from resolver.rules.model import BLOCK_APEX, BLOCK_BOTH, FLAGS_MASK, LINE_SHIFT, Content, Rules
from resolver.rules.side import BLOCK, Answer, SideRule, canonical, meaning
from tests.support.contents import SEEDS, Made
from tests.unit.rules.shorthand import RULES, key, rules_of


def test_digest_is_promised_for_ever() -> None:
    """Stored manifests name these digests: if this test fails, the program is wrong, not the test."""
    rules = {key("b.example"): BLOCK_BOTH, key("a.example"): BLOCK_APEX | 7 << LINE_SHIFT}
    keys = [b"elpmaxe\x07a\x01", b"elpmaxe\x07b\x01"]
    expected = hashlib.sha256(b"belisha rules 1\n" + b"\x0a\x0a" + b"\x01\x03" + b"".join(keys))
    assert content_digest(Content(rules)) == expected.hexdigest()
    assert content_digest(Content({})) == hashlib.sha256(b"belisha rules 1\n").hexdigest()


@given(RULES)
def test_digest_knows_neither_order_nor_lines(rules: Rules) -> None:
    other = dict(reversed([(k, value & FLAGS_MASK | 99 << LINE_SHIFT) for k, value in rules.items()]))
    assert content_digest(Content(other)) == content_digest(Content(rules), canonical_keys(rules))
    assert len(content_digest(Content(rules))) == 64


@given(RULES)
def test_digest_sees_every_name_and_flag(rules: Rules) -> None:
    digest = content_digest(Content(rules))
    assert content_digest(Content({**rules, key("another.example"): 1})) != digest
    for k, value in rules.items():
        assert content_digest(Content({**rules, k: value ^ 1})) != digest
        assert content_digest(Content({other: v for other, v in rules.items() if other != k})) != digest


def test_batches_do_not_show_in_uniform_and_mixed_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BATCH", 2)
    uniform = rules_of("a.example", "b.example", "c.example", flags=BLOCK_APEX)
    mixed = {**uniform, key("b.example"): BLOCK_BOTH}
    assert len({content_digest(Content(rules)) for rules in (uniform, mixed, {}, rules_of("a.example"))}) == 4


@given(RULES)
def test_everything_comes_back(rules: Rules) -> None:
    data = compile_content(Content(rules))
    compiled = CompiledList(data, verify=True)
    assert compiled.content() == Content(rules)
    assert list(compiled.content().names) == sorted(rules)
    assert (len(compiled), compiled.digest) == (len(rules), content_digest(Content(rules)))


def test_many_names_come_back_with_their_lines() -> None:
    chance = random.Random(7)
    names = {f"{chance.randrange(1 << 40):x}.{chance.choice('abcd')}.example" for _ in range(20_000)}
    rules = rules_of(*sorted(names, key=hash), flags=BLOCK_APEX)
    data = compile_content(Content(rules), canonical_keys(rules))
    assert CompiledList(data, verify=True).content().names == rules
    assert len(data) < 20 * len(rules)


def test_same_rules_and_lines_make_the_same_file() -> None:
    rules = rules_of("a.example", "b.example", "c.a.example")
    assert compile_content(Content(rules)) == compile_content(Content(dict(reversed(rules.items()))))


def test_flags_take_no_room_when_all_are_the_same() -> None:
    names = [f"n{n}.example" for n in range(1000)]
    uniform = rules_of(*names)
    assert (
        len(compile_content(Content({**uniform, key("n1.example"): 1})))
        - len(compile_content(Content(uniform)))
        == 1000
    )


@pytest.mark.parametrize("keys", [["b.example", "a.example"], ["a.example"], ["a.example", "c.example"]])
def test_keys_of_others_are_refused(keys: list[str]) -> None:
    rules = rules_of("a.example", "b.example")
    with pytest.raises((ValueError, KeyError)):
        compile_content(Content(rules), [key(name) for name in keys])


# Side rules


def contents(seed: int) -> list[Content]:
    return Made(seed).lists


def test_digest_of_side_rules_is_promised_as_well() -> None:
    rule = SideRule(action=BLOCK, key=key("a.example"), types=(28,), line=7)
    octets = bytes.fromhex("dc0010") + b"\x01" + b"\xc4\x0a" + key("a.example") + b"\x03\xa0\xc2\xc2"
    octets += b"\x91\x1c" + b"\x90" * 7 + b"\xc0" + b"\x00"
    assert meaning(rule) == octets
    names = b"belisha rules 1\n"
    sides = b"\0side rules\n" + b"\0\0\0\1" + len(octets).to_bytes(4, "big") + octets
    assert content_digest(Content({}, (rule,))) == hashlib.sha256(names + sides).hexdigest()
    ordered = hashlib.sha256(names + sides + b"\0ordered\n").hexdigest()
    assert content_digest(Content({}, (rule,), ordered=True)) == ordered


@given(SEEDS)
def test_digest_sees_every_part_of_a_side_rule_and_not_its_line(seed: int) -> None:
    for content in contents(seed):
        digest = content_digest(content)
        assert content_digest(Content(content.names, content.sides, not content.ordered)) != digest
        moved = tuple(msgspec.structs.replace(rule, line=rule.line + 9) for rule in content.sides)
        assert content_digest(Content(content.names, moved, content.ordered)) == digest
        for place, rule in enumerate(content.sides):
            others = content.sides[:place] + content.sides[place + 1 :]
            assert content_digest(Content(content.names, others, content.ordered)) != digest
            for change in ({"important": not rule.important}, {"types": (99,)}, {"answer": Answer(ttl=77)}):
                changed = canonical([*others, msgspec.structs.replace(rule, **change)])
                assert content_digest(Content(content.names, changed, content.ordered)) != digest


@given(SEEDS)
def test_same_content_is_the_same_file_in_whatever_order_it_was_found(seed: int) -> None:
    for content in contents(seed):
        turned = Content(
            dict(reversed(content.names.items())), canonical(reversed(content.sides)), content.ordered
        )
        assert compile_content(turned) == compile_content(content)
        keys = canonical_keys(content.names)
        assert compile_content(content, keys, content_digest(content, keys)) == compile_content(content)


def test_many_side_rules_come_back() -> None:
    sides = canonical(
        SideRule(action=BLOCK, key=key(f"n{n % 4000}.example"), types=(n % 7 + 1,), line=n)
        for n in range(20_000)
    )
    content = Content(rules_of(*(f"n{n}.example" for n in range(0, 8000, 2))), sides)
    compiled = CompiledList(compile_content(content), verify=True)
    assert compiled.content() == content and len(compiled) == 4000 + 20_000
    assert [rule.types for rule in compiled.asides(key("n5.example"))] == [(n,) for n in (1, 2, 4, 5, 6)]
    assert compiled.asides(key("n9000.example")) == []


@given(rules=RULES)
def test_consuming_the_content_makes_the_same_file(rules: Rules) -> None:
    whole = compile_content(Content(rules))
    content, keys = Content(dict(rules)), canonical_keys(rules)
    assert compile_content(content, keys, content_digest(content, keys), consume=True) == whole
    assert not content.names and not keys
    assert compile_content(Content(dict(rules)), tuple(canonical_keys(rules)), consume=True) == whole


def test_consuming_a_content_of_side_rules_and_more_than_one_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resolver.rules.compile._BATCH", 3)
    sides = canonical(
        [SideRule(action=BLOCK, key=key(name), types=(28,)) for name in ("n2.example", "x.test")]
    )
    rules = rules_of(*(f"n{number}.example" for number in range(10)))
    whole = compile_content(Content(rules, sides))
    assert compile_content(Content(dict(rules), sides), consume=True) == whole
    assert len(CompiledList(whole, verify=True)) == 12
