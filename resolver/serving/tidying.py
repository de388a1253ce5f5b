"""The garbage collector, kept away from the packet path.

Python frees by reference count; its collector only looks for cycles, of which there are next to none here.
But it looks whenever enough objects were made, for longer the more there are: under a flood of new
names its looks alone put the slowest known answers at 14 to 45 ms, without them at 3 to 6.

So it is switched off, and once a second a little is done by hand: if few objects are new, they are looked at,
which takes a few milliseconds at most; if many are, they are not. In either case everything alive is then
set apart for good (`gc.freeze`, which costs nothing), and is freed by its reference count as ever. What is
lost is a cycle that became garbage in a busy second: a few hundred octets, when an error was caught. And a
cycle that was alive at one look and ends later is found only when everything is looked at, in a quiet second
some hours later, so what lives for a while and ends often must not be in one: `untie` is for connections.
"""

from __future__ import annotations

import gc
from asyncio import BaseTransport
from typing import Final

FEW: Final = 20_000
"""New objects that are looked at in one go: about two milliseconds."""

SELDOM: Final = 6 * 3600.0
"""Seconds between two looks at everything: a tenth of a second with a full cache, more on a small board."""


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


def tidy_up() -> None:
    """Look at everything; to be called seldom, in a second in which nobody asks."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def untie(transport: BaseTransport | None) -> None:
    """Let the transport of a connection that has ended be freed; to be called when the connection is lost.

    Before Python 3.13 a transport over a socket keeps the method of its own that reads: a cycle of a kilobyte
    for each connection. Under TLS it is the transport beneath (`beneath`) that does.
    """
    if getattr(transport, "_read_ready_cb", None) is not None:
        transport._read_ready_cb = None  # type: ignore[union-attr]


def beneath(transport: BaseTransport) -> BaseTransport:
    """The transport over the socket itself, while the connection stands; where there is no TLS, the same."""
    below = getattr(getattr(transport, "_ssl_protocol", None), "_transport", None)
    return below if isinstance(below, BaseTransport) else transport
