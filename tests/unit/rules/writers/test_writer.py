"""Print, then parse: the same rules; what a notation cannot say is refused, never changed."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.rules.lines import Options
from resolver.rules.model import (
    ALLOW_BOTH,
    BLOCK_APEX,
    BLOCK_BOTH,
    FLAGS_MASK,
    LINE_SHIFT,
    Content,
    Format,
    Rules,
    key_of,
)
from resolver.rules.parse import parse_list
from resolver.rules.side import ALLOW, ANSWER, APEX, BLOCK, BOTH, Answer, SideRule, canonical
from resolver.rules.writers.table import WRITERS
from resolver.rules.writers.writer import Writer, losses, spread, write
from tests.unit.rules.shorthand import NAMES, RULES, key

every_writer = pytest.mark.parametrize("writer", WRITERS.values(), ids=list(WRITERS))


WITH_NAMES = [writer for writer in WRITERS.values() if writer.forms]


def read_back(lines: list[str], writer: Writer) -> Content:
    """What the reader of the notation makes of a whole list."""
    text = "\n".join(lines).encode()
    return parse_list(
        text, format=cast(Format, writer.name), options=Options(rewrites=True), guard=None
    ).content


def plain(rules: Rules) -> Rules:
    return {one: value & FLAGS_MASK for one, value in rules.items()}


@pytest.mark.parametrize("writer", WITH_NAMES, ids=lambda writer: writer.name)
@given(data=st.data())
def test_what_can_be_said_reads_back_as_the_same_rules(writer: Writer, data: st.DataObject) -> None:
    flags = st.sampled_from(sorted(writer.forms))
    names = data.draw(st.dictionaries(NAMES.map(key), flags, min_size=1, max_size=12))
    content = Content(names)
    lost = list(losses(content, writer))
    if not lost:
        assert plain(read_back(list(write(content, writer)), writer).names) == names
    else:  # only where the order differs: a notation that takes this reach takes it alone
        assert writer.closest
        for name in names:
            alone = Content({name: names[name]})
            assert not list(losses(alone, writer))
            assert plain(read_back(list(write(alone, writer)), writer).names) == alone.names


@every_writer
@given(rules=RULES)
def test_what_cannot_be_said_is_named_with_its_line(writer: Writer, rules: Rules) -> None:
    unsayable = {value >> LINE_SHIFT for value in rules.values() if value & FLAGS_MASK not in writer.forms}
    named = {loss.line for loss in losses(Content(rules), writer)}
    assert unsayable <= named
    if not named and rules:
        assert plain(read_back(list(write(Content(rules), writer)), writer).names) == plain(rules)


SIDES = [
    SideRule(action=BLOCK),
    SideRule(action=ALLOW),
    SideRule(action=BLOCK, key=key("a.test"), reach=BOTH, important=True),
    SideRule(action=BLOCK, key=key("a.test"), reach=BOTH, types=(28,)),
    SideRule(action=ALLOW, key=key("a.test"), reach=APEX, not_types=(1, 65)),
    SideRule(action=BLOCK, key=key("a.test"), clients=("192.0.2.0/24",)),
    SideRule(action=BLOCK, clients=("192.0.2.0/24",)),
    SideRule(action=ALLOW, clients=("2001:db8:0:1::/64",)),
    SideRule(action=BLOCK, clients=("the children",)),
    SideRule(action=BLOCK, key=key("a.test"), tags=("user_child",)),
    SideRule(action=BLOCK, outside=(key("test"),)),
    SideRule(action=BLOCK, addresses=("192.0.2.0/24",)),
    SideRule(action=BLOCK, addresses=("2001:db8::/32",)),
    SideRule(action=ANSWER, key=key("a.test"), answer=Answer()),
    SideRule(action=ANSWER, key=key("a.test"), reach=APEX, answer=Answer()),
    SideRule(action=ANSWER, key=key("a.test"), answer=Answer(rcode=5)),
    SideRule(action=ANSWER, key=key("a.test"), answer=Answer(silent=True)),
    SideRule(action=ANSWER, key=key("a.test"), answer=Answer(by_tcp=True)),
    SideRule(action=BLOCK, expression=r"^ads[0-9]*\."),
    SideRule(action=ALLOW, expression=r"ads"),
    SideRule(action=BLOCK, expression=r"ads\.test$"),
    SideRule(action=BLOCK, expression=r"ads", invert=True, types=(1,)),
    SideRule(action=ANSWER, expression=r"ads", answer=Answer(rcode=3)),
]


@every_writer
@given(found=st.lists(st.sampled_from(SIDES), max_size=3), rules=RULES)
def test_side_rules_read_back_or_are_lost(writer: Writer, found: list[SideRule], rules: Rules) -> None:
    content = Content(rules, canonical(found))
    if content.entries and not list(losses(content, writer)):
        assert spread(read_back(list(write(content, writer)), writer)) == spread(
            Content(plain(rules), content.sides)
        )


@every_writer
@pytest.mark.parametrize("rule", SIDES, ids=repr)
def test_a_side_rule_alone_reads_back_or_is_lost(writer: Writer, rule: SideRule) -> None:
    content = Content({}, (rule,))
    lost = list(losses(content, writer))
    assert all(loss.reason for loss in lost)
    if not lost:
        assert spread(read_back(list(write(content, writer)), writer)) == spread(content)


ODD = ["localhost", "1.2.3.4", "com", "a_b.test", "-.test", "x.rpz-ip", "x.rpz-passthru", "local", "a.1"]


@every_writer
@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("flags", [BLOCK_APEX, BLOCK_BOTH])
def test_odd_names_read_back_or_are_lost(writer: Writer, name: str, flags: int) -> None:
    content = Content({key(name): flags})
    if not list(losses(content, writer)):
        assert read_back(list(write(content, writer)), writer).names.keys() == content.names.keys()


@every_writer
def test_comments_and_the_head_come_first(writer: Writer) -> None:
    lines = list(write(Content({}), writer, ["Title: x", ""]))
    assert lines == [f"{writer.comment} Title: x", writer.comment, *writer.head]


def test_a_rule_is_named_once() -> None:
    content = Content({key("a.test"): ALLOW_BOTH, key("x.a.test"): BLOCK_APEX})
    assert len(list(losses(content, WRITERS["dnsmasq"]))) == 1
    rules = [loss.rule for loss in losses(content, WRITERS["unbound"])]
    assert rules == ["|x.a.test^"]


@pytest.mark.parametrize("label", [b"a\xffb", b"a.b", b"a b", b"a\x00b", b'a"b', b"*"])
def test_a_name_with_octets_that_no_host_has(label: bytes) -> None:
    content = Content({key_of(bytes((len(label),)) + label + b"\4test\0"): BLOCK_BOTH})
    for writer in WRITERS.values():
        if not list(losses(content, writer)):
            assert plain(read_back(list(write(content, writer)), writer).names) == content.names
        else:
            assert writer.name != "rpz" or label == b"*"
