"""Unpredictable numbers for IDs and ports, taken from the kernel in bulk.

RFC 5452 9.2: a forger must guess both. `os.urandom` is a CSPRNG; asking it for 4 KB at a time makes
a number cost less than the packet it protects.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from struct import Struct
from typing import Final

_WORDS: Final = Struct(">1024I").unpack


def numbers() -> Iterator[int]:
    """Endless uniform 32-bit numbers."""
    while True:
        yield from _WORDS(os.urandom(4096))
