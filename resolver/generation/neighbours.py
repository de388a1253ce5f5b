"""The comparison of a list with the others in force, within the time that there is.

It belongs to the report of a push, and nobody waits longer for a push because of it: before a list is opened
it is known how many steps the comparison takes, and how many octets of its file must be checked first. The
cheapest come first; what no longer fits is named and left out. Short pushes get little time, so that one name
is in force in milliseconds beside any number of others; the longest well below a second. Who asks for the
comparison itself (`GET /v1/lists/{id}/overlap`) gets all of it.

A file is checked once in the life of this process. One that is damaged spoils no push: it is left out, and
whoever serves it will say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from resolver.errors import StoreError
from resolver.generation.blobs import Blobs
from resolver.generation.jobs import Neighbour
from resolver.generation.mapped import open_list
from resolver.rules.compiled import CompiledList
from resolver.rules.overlap import Comparison, Side, compare_with, steps

LEAST_STEPS: Final = 10_000
"""Steps that every push may take, besides two for each of its names: 6 to 28 ms."""
MOST_STEPS: Final = 300_000
"""Steps that the longest push may take: 0.2 s as a rule, and 0.8 s if all lists are alike."""
_OCTETS_PER_STEP: Final = 600
"""Octets of a file that are checked in the time of a step."""

_checked: Final[set[str]] = set()
"""Files that this process has checked."""


def compare_in_force(
    blobs: Blobs, mine: Side, neighbours: Sequence[Neighbour], *, bounded: bool = True
) -> Comparison:
    """Compare with the lists in force; unless it is `bounded`, with every one whatever it takes."""
    chosen, left_out = _choose(blobs, mine, neighbours) if bounded else (list(neighbours), [])
    return compare_with(mine, _opened(blobs, chosen, left_out), left_out)


def _choose(blobs: Blobs, mine: Side, neighbours: Sequence[Neighbour]) -> tuple[list[Neighbour], list[str]]:
    """Those that there is time for, and the names of the others."""
    left = min(LEAST_STEPS + 2 * len(mine.keys), MOST_STEPS)
    chosen: list[Neighbour] = []
    left_out: list[str] = []
    for cost, neighbour in sorted(((_cost(blobs, mine, one), one) for one in neighbours), key=lambda x: x[0]):
        left -= cost
        if left >= 0:
            chosen.append(neighbour)
        else:
            left_out.append(neighbour.id)
    return chosen, left_out


def _cost(blobs: Blobs, mine: Side, neighbour: Neighbour) -> int:
    """The steps that this comparison takes, those of checking the file among them."""
    looking = steps(len(mine.keys), neighbour.entries)
    if neighbour.rules in _checked:
        return looking
    try:
        return looking + blobs.path(neighbour.rules).stat().st_size // _OCTETS_PER_STEP
    except OSError:  # it is missing, which will show when it is opened
        return looking


def _opened(
    blobs: Blobs, neighbours: Sequence[Neighbour], left_out: list[str]
) -> Iterator[tuple[str, CompiledList]]:
    """Each list, opened when its turn comes. Those that cannot be are added to `left_out`."""
    for neighbour in neighbours:
        try:
            rules = open_list(blobs, neighbour.rules, verify=neighbour.rules not in _checked)
        except (StoreError, FileNotFoundError):
            left_out.append(neighbour.id)
            continue
        _checked.add(neighbour.rules)
        yield neighbour.id, rules
