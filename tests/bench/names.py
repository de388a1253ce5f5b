"""The names that are asked, and the list of names to block: the same for every server.

    known blocked       100 000 listed names, asked over and over
    known allowed       10 000 names that upstreams know, asked over and over
    mixed               both, 20 % blocked, popular names far more often than others (Zipf)
    first-seen blocked  below listed names, never asked before
    first-seen          names that upstreams know, never asked before

Each is a file for load.c, whose head says what a line means. Everything comes from a seed, so that two
runs ask the same.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Final

NAMES: Final = int(os.environ.get("BELISHA_BENCH_NAMES", "1000000"))
BLOCKED: Final = 100_000
ALLOWED: Final = 10_000
MIXED: Final = 200_000
FRESH: Final = "########"
"""load.c puts a number here that it never used before."""

KNOWN: Final = ("known blocked", "known allowed", "mixed")
KINDS: Final = (*KNOWN, "first-seen blocked", "first-seen")


def listed() -> list[str]:
    """The names to block: 20 octets of text on average, thirteen or so below each of 70 000 domains."""
    chance = random.Random(1)
    return [f"{chance.choice(('ads', 'track', 'cdn'))}{n}.site{n % 70_000}.example" for n in range(NAMES)]


def _popular(names: Sequence[str], count: int, chance: random.Random) -> list[str]:
    """So many draws, the n-th name 1/n as often as the first."""
    weights = list(accumulate(1 / rank for rank in range(1, len(names) + 1)))
    return chance.choices(names, cum_weights=weights, k=count)


def _mixed(blocked: Sequence[str], allowed: Sequence[str], chance: random.Random) -> Iterator[str]:
    yield from (f"{name} A blocked" for name in _popular(blocked, MIXED // 5, chance))
    yield from (f"{name} A forwarded" for name in _popular(allowed, MIXED - MIXED // 5, chance))


class Names:
    """The list and the files of questions, in a folder."""

    def __init__(self, folder: Path) -> None:
        chance = random.Random(2)
        self.listed = listed()
        blocked = chance.sample(self.listed, min(BLOCKED, len(self.listed)))
        allowed = [f"www.ok{number}.example" for number in range(ALLOWED)]
        mixed = list(_mixed(blocked, allowed, chance))
        chance.shuffle(mixed)
        lines = {
            "known blocked": (f"{name} A blocked" for name in blocked),
            "known allowed": (f"{name} A forwarded" for name in allowed),
            "mixed": mixed,
            "first-seen blocked": (f"{FRESH}.{name} A blocked" for name in blocked),
            "first-seen": (f"{FRESH}.new{number}.example A forwarded" for number in range(5_000)),
        }
        self.files: dict[str, Path] = {}
        for kind in KINDS:
            self.files[kind] = folder / kind.replace(" ", "-")
            self.files[kind].write_text("".join(f"{line}\n" for line in lines[kind]))
        self.probes = self.listed[:: max(1, len(self.listed) // 20)] + self.listed[-1:]
        """Names that are asked to learn whether a server has read the whole list."""
