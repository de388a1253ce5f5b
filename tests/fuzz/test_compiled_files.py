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
from resolver.rules.model import LINE_SHIFT, Content
from tests.unit.rules.shorthand import key

CONTENT = Content({key(f"n{n}.{'abc'[n % 3]}.example"): n % 15 + 1 | n << LINE_SHIFT for n in range(300)})

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
    data = compile_content(CONTENT)
    assert answers([(data, True), (data, False), (compile_content(Content({})), True)]) == "aaa"


@pytest.mark.parametrize("verify", [False, True])
def test_cut_file_is_corrupt(verify: bool) -> None:
    data = compile_content(CONTENT)
    cuts = [(data[:size], verify) for size in {*range(200), *range(200, len(data), 61), len(data) - 1}]
    assert set(answers(cuts)) == {"c"}


def test_changed_file_is_corrupt_when_verified() -> None:
    chance, data = random.Random(3), compile_content(CONTENT)
    files = []
    for _ in range(1000):
        changed = bytearray(data)
        for _ in range(chance.randrange(1, 20)):
            changed[chance.randrange(len(changed))] ^= chance.randrange(1, 256)
        if changed != data:
            files.append((bytes(changed), True))
    assert answers(files) == "c" * len(files)


def test_other_octets_are_corrupt() -> None:
    chance = random.Random(4)
    files = [
        (chance.randbytes(chance.randrange(2000)), verify) for verify in (False, True) for _ in range(300)
    ]
    assert set(answers(files)) == {"c"}
