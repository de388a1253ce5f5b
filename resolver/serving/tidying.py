"""The garbage collector, kept away from the packet path.

Python frees by reference count; its collector only looks for cycles, of which there are next to none here.
But it looks whenever enough objects were made, for longer the more there are: under a flood of new
names its looks alone put the slowest known answers at 14 to 45 ms, without them at 3 to 6.

So it is switched off, and once a second a little is done by hand: if few objects are new, they are looked at,
which takes a few milliseconds at most; if many are, they are not. In either case everything alive is then
set apart for good (`gc.freeze`, which costs nothing), and is freed by its reference count as ever. What is
lost is a cycle that became garbage in a busy second: a few hundred octets, when an error was caught.
"""

from __future__ import annotations

import gc
from typing import Final

FEW: Final = 20_000
"""New objects that are looked at in one go: about two milliseconds."""


def start() -> None:
    """Switch the collector off; everything that is there stays."""
    gc.disable()
    gc.collect()
    gc.freeze()


def tidy() -> bool:
    """Do a little by hand; to be called once a second. Whether new objects were looked at."""
    looked = gc.get_count()[0] < FEW
    if looked:
        gc.collect(0)
    gc.freeze()
    return looked
