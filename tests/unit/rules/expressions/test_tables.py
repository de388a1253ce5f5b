"""The block of tables: what is written is read, and what is damaged is said to be."""

from __future__ import annotations

import random

import pytest

from resolver.errors import CorruptFile
from resolver.rules.expressions.automaton import Matcher, build
from resolver.rules.expressions.determinise import determinise
from resolver.rules.expressions.tables import Tables, pack, unpack
from tests.unit.rules.expressions.shapes import NAMES, TYPICAL
from tests.unit.rules.expressions.test_positions import positions

BLOCK = build([*TYPICAL, ".*"])


def test_nothing_is_an_empty_block() -> None:
    assert unpack(b"") == Tables(0, (), ((), ()), (), ())
    assert unpack(pack([], [], [], 0)) == Tables(0, (), ((), ()), (), ())


def test_lists_stand_once_and_tables_in_place() -> None:
    automaton = determinise(positions("ab$|cd$"), 100, 1000)
    assert automaton is not None
    block = pack([(automaton, [(3, 1)])], [], [0], 5)
    found = unpack(block)
    assert (found.sources, found.always) == (5, (0,))
    assert found.lists == ((), (0,), (1, 3))
    (table,) = found.automata
    assert table.found_from == len(automaton.rows) * table.width  # all is found at the end
    assert isinstance(table.numbers, memoryview) and table.numbers.obj is block


def test_block_may_stand_anywhere() -> None:
    for before in range(5):
        view = memoryview(b"x" * before + BLOCK + b"y")[before : before + len(BLOCK)]
        assert Matcher(view).find(b"ads.example") == Matcher(BLOCK).find(b"ads.example")


def test_cut_block_is_corrupt() -> None:
    for size in {*range(1, 700, 7), *range(700, len(BLOCK), 997), len(BLOCK) - 1}:
        with pytest.raises(CorruptFile):
            Matcher(BLOCK[:size])


def test_longer_block_is_corrupt() -> None:
    with pytest.raises(CorruptFile):
        Matcher(BLOCK + b"\0\0\0\0")


def test_changed_block_is_corrupt_or_answers() -> None:
    chance, outcomes = random.Random(5), set()
    for _ in range(300):
        changed = bytearray(BLOCK)
        for _ in range(chance.randrange(1, 4)):
            # The heads and lists as often as the tables, which are the most of it.
            at = chance.randrange(len(changed) if chance.random() < 0.5 else 1200)
            changed[at] = chance.randrange(256)
        try:
            matcher = Matcher(bytes(changed))
            for name in NAMES:
                found = matcher.find(name.encode())
                assert list(found) == sorted(set(found)) and all(one < matcher.sources for one in found)
            outcomes.add("answers")
        except CorruptFile:
            outcomes.add("corrupt")
    assert outcomes == {"answers", "corrupt"}


def test_other_octets_are_corrupt() -> None:
    chance = random.Random(6)
    for _ in range(200):
        with pytest.raises(CorruptFile):
            Matcher(chance.randbytes(chance.randrange(1, 2000)))
