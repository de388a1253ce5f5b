"""`python -m tests.bench [MEASURE ...]`: measure here and print the figures; MEASURES has them all.

Nothing here is a test and nothing fails: figures are for people to compare within one run. See
README.md beside this file for what makes a figure fit to be quoted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from tests.bench import compiles, lists, lookups, peers, rates, soak, stages, swaps

MEASURES: dict[str, Callable[[], None]] = {
    "rates": rates.main,
    "peers": peers.main,
    "stages": stages.main,
    "swaps": swaps.main,
    "lists": lists.main,
    "lookups": lookups.main,
    "compiles": compiles.main,
    "soak": soak.main,
}

ON_DEMAND = {"peers", "soak"}
"""These take many minutes: they run only when they are named."""


def main() -> int:
    wanted = sys.argv[1:] or [name for name in MEASURES if name not in ON_DEMAND]
    unknown = [name for name in wanted if name not in MEASURES]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; known: {', '.join(MEASURES)}", file=sys.stderr)
        return 2
    for name in wanted:
        print(f"== {name}: {(MEASURES[name].__doc__ or '').strip()}", flush=True)
        MEASURES[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
