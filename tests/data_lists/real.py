"""Where the real lists are, if they are anywhere, and how they are read.

The lists belong to others and are never part of this repository. They are looked for in the folder that
BELISHA_TEST_DATA names, else in `shared/data` beside the checkout; without them these tests skip.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest
import zstandard

_BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data"

FOLDER = Path(os.environ.get("BELISHA_TEST_DATA") or _BESIDE)

needs_lists = pytest.mark.skipif(
    not any(FOLDER.glob("*/*.zst")),
    reason="no real lists: set BELISHA_TEST_DATA to a folder with */*.zst files",
)


@cache
def read_list(name: str) -> bytes:
    """The text of one list; skips the test when this one is missing."""
    path = FOLDER / f"{name}.zst"
    if not path.is_file():
        pytest.skip(f"{name} is not among the real lists")
    return zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read()


def names() -> list[str]:
    """Every list there is."""
    return sorted(str(path.relative_to(FOLDER).with_suffix("")) for path in FOLDER.glob("*/*.zst"))
