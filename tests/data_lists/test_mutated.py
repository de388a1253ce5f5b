"""Real lists, damaged: cut off anywhere, mutated, read as what they are not. Parsing never raises.

Only a refusal may come of it; what goes into force compiles, comes back whole, and its report is small.
"""

from __future__ import annotations

import random
from typing import get_args

import msgspec
import pytest

from resolver.errors import ListRefused
from resolver.rules.codes import REFUSALS
from resolver.rules.compile import compile_content
from resolver.rules.compiled import CompiledList
from resolver.rules.model import Content, Format
from resolver.rules.parse import parse_list
from tests.data_lists.real import names, needs_lists, read_list

pytestmark = needs_lists

FORMATS: tuple[Format, ...] = get_args(Format)
PIECE = 2500
"""Octets that are looked at of each list: its head, or a part from somewhere."""


def pushed(data: bytes, format: Format) -> Content | None:
    """What goes into force, or None when the list is refused as it should be."""
    try:
        parsed = parse_list(data, format=format)
    except ListRefused as refused:
        assert refused.code in REFUSALS
        msgspec.json.encode(refused.extra)
        return None
    assert len(msgspec.json.encode(parsed.report)) < 100_000
    assert CompiledList(compile_content(parsed.content), verify=True).content() == parsed.content
    return parsed.content


def part(name: str, chance: random.Random) -> bytes:
    """Some lines of a list."""
    data = read_list(name)
    start = chance.choice((0, data.find(b"\n", chance.randrange(len(data))) + 1))
    return data[start : start + PIECE]


@pytest.mark.parametrize("name", names())
def test_list_cut_off_anywhere(name: str) -> None:
    """Together more than a thousand places; a cut takes nothing from the lines before it but the last."""
    chance = random.Random(name)
    data = part(name, chance)
    for _ in range(40):
        size = chance.randrange(len(data) + 1)
        cut = pushed(data[:size], "auto")
        assert cut is None or cut.entries <= 2 * data[:size].count(b"\n") + 2 or b" " in data


@pytest.mark.parametrize("name", names())
def test_list_declared_as_what_it_is_not(name: str) -> None:
    chance = random.Random(name)
    for format in FORMATS:
        pushed(part(name, chance), format)


@pytest.mark.parametrize("name", names())
def test_mutated_list(name: str) -> None:
    chance = random.Random(name)
    for _ in range(8):
        data = bytearray(part(name, chance))
        for _ in range(chance.randrange(1, 30)):
            at = chance.randrange(len(data) + 1)
            to = min(len(data), at + chance.randrange(20))
            kind = chance.randrange(4)
            if kind == 0:
                data[at:to] = b""
            elif kind == 1:
                data[at:to] = chance.randbytes(to - at)
            elif kind == 2:
                data[at:at] = data[at:to] * chance.randrange(1, 9)
            else:
                data[at:at] = chance.choice((b"*", b"$", b"|", b"^", b"/", b".", b"\\", b"(", b"\xff", b"\n"))
        pushed(bytes(data), chance.choice(FORMATS))
