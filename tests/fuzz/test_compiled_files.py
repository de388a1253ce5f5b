"""Whatever stands in a compiled file, opening it raises CorruptFile or it answers. The process lives.

A disk may cut a file short or change octets. A file that is cut is told apart even when it is not
verified; one with changed octets is when it is. A child process asks, so that a crash inside the
library would be seen as what it is.
"""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from resolver.rules.compile import compile_content
from resolver.rules.layout import read_header
from resolver.rules.model import LINE_SHIFT, Content
from resolver.rules.side import ALLOW, ANSWER, BLOCK, Answer, Record, SideRule, canonical
from tests.unit.rules.shorthand import key

NAMES = {key(f"n{n}.{'abc'[n % 3]}.example"): n % 15 + 1 | n << LINE_SHIFT for n in range(300)}
PLAIN = Content(NAMES)
SIDES = (
    *(SideRule(action=BLOCK, key=key(f"n{n}.b.example"), types=(n,), tags=("a",), line=n) for n in range(80)),
    SideRule(action=ANSWER, clients=("192.0.2.0/24",), answer=Answer(records=(Record(1, b"\xc0\0\2\1"),))),
    *(SideRule(action=ALLOW, expression=f"^ads{n}[.]") for n in range(5)),
)
FULL = Content(NAMES, canonical(SIDES), ordered=True)
WHOLE = [compile_content(content) for content in (PLAIN, FULL)]

# Reads files from standard input, each behind its length; answers one letter for each.
CHILD = """
import sys
from resolver.errors import CorruptFile
from resolver.rules.compiled import CompiledList
source = sys.stdin.buffer
while head := source.read(5):
    data = source.read(int.from_bytes(head[:4], "big"))
    try:
        found = CompiledList(data, verify=bool(head[4]))
        found.match(b"elpmaxe\\x07a\\x01"), found.content()
        found.asides(b"elpmaxe\\x07b\\x011n\\x02"), found.found_in(b"ads1.example")
        sys.stdout.write("a")
    except CorruptFile:
        sys.stdout.write("c")
"""


def answers(files: list[tuple[bytes, bool]]) -> str:
    """What the child says of files, each to be verified or not: `a` it answers, `c` it is corrupt."""
    asked = b"".join(len(data).to_bytes(4, "big") + bytes([verify]) + data for data, verify in files)
    child = subprocess.run(
        [sys.executable, "-c", CHILD], input=asked, capture_output=True, timeout=50, check=True
    )
    return child.stdout.decode()


def test_whole_file_answers() -> None:
    empty = compile_content(Content({}))
    files = [(data, verify) for data in (*WHOLE, empty) for verify in (False, True)]
    assert answers(files) == "aaaaaa"


@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize("data", WHOLE, ids=["plain", "with side rules"])
def test_cut_file_is_corrupt(data: bytes, verify: bool) -> None:
    cuts = [(data[:size], verify) for size in {*range(200), *range(200, len(data), 61), len(data) - 1}]
    assert set(answers(cuts)) == {"c"}


@pytest.mark.parametrize("data", WHOLE, ids=["plain", "with side rules"])
def test_changed_file_is_corrupt_when_verified(data: bytes) -> None:
    chance = random.Random(3)
    files = []
    for _ in range(1000):
        changed = bytearray(data)
        for _ in range(chance.randrange(1, 20)):
            changed[chance.randrange(len(changed))] ^= chance.randrange(1, 256)
        if changed != data:
            files.append((bytes(changed), True))
    assert answers(files) == "c" * len(files)


def test_changed_side_rules_are_corrupt_or_read_when_not_verified() -> None:
    """What stands behind the trie is read by our own code, so nothing but CorruptFile may come of it."""
    chance, data = random.Random(5), WHOLE[1]
    sections = read_header(memoryview(data))
    files = []
    for _ in range(1500):
        changed = bytearray(data)
        for _ in range(chance.randrange(1, 6)):
            section = chance.choice((sections.sides, sections.automata, sections.flags, sections.values))
            changed[section.offset + chance.randrange(section.length)] = chance.randrange(256)
        files.append((bytes(changed), False))
    found = answers(files)
    assert len(found) == len(files) and set(found) <= {"a", "c"}


def test_other_octets_are_corrupt() -> None:
    chance = random.Random(4)
    files = [
        (chance.randbytes(chance.randrange(2000)), verify) for verify in (False, True) for _ in range(300)
    ]
    assert set(answers(files)) == {"c"}
