"""Digest and compiled file: the same rules, the same digest, and everything read back."""

from __future__ import annotations

import hashlib
import random

import pytest
from hypothesis import given

from resolver.rules import compile as module
from resolver.rules.compile import canonical_keys, compile_content, content_digest
from resolver.rules.compiled import CompiledList
from resolver.rules.model import BLOCK_APEX, BLOCK_BOTH, FLAGS_MASK, LINE_SHIFT, Content, Rules
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
