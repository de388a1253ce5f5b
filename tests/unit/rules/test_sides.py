"""The section of side rules: each key finds its own, and a section that is none is told apart."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.errors import CorruptFile
from resolver.rules import sides as module
from resolver.rules.side import ALLOW, ANSWER, BLOCK, Answer, SideRule
from resolver.rules.sides import Sides, pack
from tests.unit.rules.shorthand import key


def rule(number: int) -> SideRule:
    return SideRule(action=BLOCK, key=key("a.example"), types=(number,), line=number)


EVERYWHERE = (SideRule(action=ALLOW, clients=("192.0.2.7/32",)), SideRule(action=BLOCK, expression="^a"))
KEYED = {7: [rule(1), rule(2)], 3: [rule(3)], 100_000: [SideRule(action=ANSWER, answer=Answer(rcode=3))]}


def test_layout_is_what_the_module_says() -> None:
    section = pack({7: [rule(1)], 3: [rule(3)]}, EVERYWHERE)
    count, whole, *numbers = struct.unpack_from("<II4I", section)
    assert (count, numbers[:2]) == (2, [3, 7])
    assert len(section) == 8 + 16 + whole + numbers[3]


def test_each_key_finds_its_rules() -> None:
    found = Sides(memoryview(pack(KEYED, EVERYWHERE)))
    assert found.everywhere == EVERYWHERE and len(found) == 3
    assert {key_id: list(found.at(key_id)) for key_id in KEYED} == KEYED
    assert list(found.all()) == [*EVERYWHERE, *KEYED[3], *KEYED[7], *KEYED[100_000]]


@given(
    st.dictionaries(st.integers(0, 1 << 32 - 1), st.lists(st.builds(rule, st.integers(1, 9)), min_size=1)),
    st.booleans(),
)
def test_any_rules_come_back(keyed: dict[int, list[SideRule]], native: bool) -> None:
    """Also where the machine's numbers are not those of the file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_NATIVE", native)
        found = Sides(memoryview(pack(keyed, ())))
    assert {key_id: list(found.at(key_id)) for key_id in keyed} == keyed


def test_no_rules_take_no_room() -> None:
    assert pack({}, ()) == b""
    empty = Sides(memoryview(b""))
    assert (empty.everywhere, len(empty), list(empty.all())) == ((), 0, [])


@pytest.mark.parametrize("key_id", [0, 4, 8, 100_001])
@pytest.mark.parametrize("section", [b"", pack(KEYED, ())])
def test_key_without_rules_is_a_fault_of_the_file(section: bytes, key_id: int) -> None:
    """Nobody asks unless the flags of the name said that rules stand there."""
    with pytest.raises(CorruptFile, match="has no side rules"):
        Sides(memoryview(section)).at(key_id)


def test_cut_section_is_told_apart_or_reads_what_is_whole() -> None:
    section = pack(KEYED, EVERYWHERE)
    for size in range(1, len(section)):
        with pytest.raises(CorruptFile, match="cannot be read"):
            list(Sides(memoryview(section[:size])).all())


def test_changed_octets_raise_nothing_else() -> None:
    section = pack(KEYED, EVERYWHERE)
    for place in range(len(section)):
        for change in (0x01, 0x80, 0xFF):
            changed = bytearray(section)
            changed[place] ^= change
            try:
                found = Sides(memoryview(bytes(changed)))
                assert all(isinstance(one, SideRule) for one in found.all())
            except CorruptFile:
                pass
