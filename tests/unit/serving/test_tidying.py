"""Tidying: cycles go in quiet seconds, nothing is looked at in busy ones. In a process of its own, since the
collector belongs to all tests."""

from __future__ import annotations

import subprocess
import sys

import pytest

START = "import gc, weakref\nfrom resolver.serving import tidying\n"

QUIET = """
tidying.start()
assert not gc.isenabled()
class Node: pass
one = Node(); one.itself = one
gone = weakref.ref(one)
del one
assert gone() is not None
assert tidying.tidy() is True
assert gone() is None, "a cycle of a quiet second is freed"
"""

BUSY = """
tidying.start()
class Node: pass
one = Node(); one.itself = one
gone = weakref.ref(one)
del one
many = [[number] for number in range(2 * tidying.FEW)]
assert tidying.tidy() is False
assert gone() is not None
assert tidying.tidy() is True, "what was there then is set apart and not looked at again"
before = gc.get_freeze_count()
del many
assert gc.get_freeze_count() <= before - 2 * tidying.FEW, "and is freed by its reference count"
"""


NIGHT = (
    BUSY.rpartition("before =")[0]
    + """
assert gone() is not None
tidying.tidy_up()
assert gone() is None, "what a busy second left is found in the night"
assert not gc.isenabled()
"""
)


@pytest.mark.parametrize("code", [QUIET, BUSY, NIGHT], ids=["quiet", "busy", "night"])
def test_in_a_process_of_its_own(code: str) -> None:
    subprocess.run([sys.executable, "-c", START + code], check=True, timeout=50)
