"""The folder of bases (`resolver.rules.base`), and which of them a generation is best asked with.

A base makes look-ups fast and decides nothing. So no manifest names one, whoever loads a generation
looks for one by itself, and whatever is wrong with one (missing, damaged, of another version, made for
other lists) means only that lists are asked in turn.

The folder stands beside that of the compiled lists, and its files come to be and go in the same way
(`resolver.generation.blobs`). A base is called after the lists it holds. Before one is asked it is
verified whole, for the reasons that `resolver.generation.loader` gives.

What a list costs is to be asked by itself: 0.2 µs far from its names, 1 µs and more beside them, whether
it has ten names or a million (measured). So the best base is the one that leaves the fewest lists
over, and a new one is worth its making when too many are left over, however long they are.
"""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from resolver.errors import CorruptFile, StoreError
from resolver.events import log
from resolver.generation.blobs import Blobs
from resolver.rules import base_layout, layout
from resolver.rules.base import Base

SUFFIX: Final = ".base"
_FOLDER: Final = "base"

MAX_OVERLAY: Final = 2
"""Lists that may be asked beside the base. Two, for one that is pushed by hand and one that is fetched
every hour; with a third the base is built anew. Fewer lists than this need no base at all."""


class Candidate(NamedTuple):
    """A base by its header: its name, and its lists with their names counted. Nothing of it is verified."""

    name: str
    lists: dict[str, int]


def outgrown(lists: Mapping[str, int], base: Mapping[str, int]) -> bool:
    """Whether these lists (digests, with their entries) are worth another base than one of `base`.

    Besides the overlay it counts what is dead: a base that holds more of lists that are gone than of
    lists in force wastes memory.
    """
    overlay = lists.keys() - base.keys()
    dead = sum(names for digest, names in base.items() if digest not in lists)
    return len(overlay) > MAX_OVERLAY or (len(lists) > MAX_OVERLAY and 2 * dead > sum(base.values()))


class Bases:
    """The folder. Reading never raises, and never makes it."""

    def __init__(self, folder: Path) -> None:
        self.folder: Final = folder

    @classmethod
    def beside(cls, blobs: Blobs) -> Bases:
        """The one that belongs to these compiled lists."""
        return cls(blobs.folder.with_name(_FOLDER))

    def best(self, lists: Mapping[str, int], standing: Base | None = None) -> Base | None:
        """The base to ask these lists with (digests, with their entries), verified; None: there is none.

        `standing` is one that this process has open already: it is given back if none is better.
        """
        if len(lists) <= MAX_OVERLAY:
            return None
        for found in self._ranked(lists, standing):
            if standing is not None and found.name == standing.name:
                return standing
            base = self.open(found.name)
            if base is not None:
                return base
        return None

    def open(self, name: str) -> Base | None:
        """The base of that name, verified; None, and one event in the log, when it cannot be used."""
        path = self.path(name)
        try:
            base = Base(_map(path), verify=True)
            if base.name != name:
                raise CorruptFile(f"it is the base {base.name}")
        except FileNotFoundError:  # replaced by a newer one at this moment
            return None
        except (StoreError, OSError, ValueError) as error:
            # ValueError: an empty file cannot be mapped.
            log("base left aside, lists are asked in turn", "warning", file=str(path), reason=str(error))
            return None
        return base

    def path(self, name: str) -> Path:
        """Where the base of that name stands, whether or not it does."""
        return self.folder / (name + SUFFIX)

    def write(self, name: str, data: bytes) -> None:
        """Put a base there durably. Raises StoreError."""
        Blobs(self.folder, SUFFIX).write(name, data)

    def keep(self, *names: str) -> None:
        """Delete every other base, and litter. Raises StoreError."""
        if self.folder.is_dir():
            Blobs(self.folder, SUFFIX).sweep(set(names))

    def _ranked(self, lists: Mapping[str, int], standing: Base | None = None) -> list[Candidate]:
        """The bases that hold any of these lists: first those that leave the fewest over, of those the
        ones with the least that is dead."""
        found = {one.name: one for one in self._candidates()}
        if standing is not None:  # its file may be gone; it is as good as it was
            found[standing.name] = Candidate(standing.name, standing.lists)

        def rank(one: Candidate) -> tuple[int, int, str]:
            dead = sum(names for digest, names in one.lists.items() if digest not in lists)
            return len(lists.keys() - one.lists.keys()), dead, one.name

        return sorted((one for one in found.values() if one.lists.keys() & lists.keys()), key=rank)

    def _candidates(self) -> Iterator[Candidate]:
        """What stands in the folder; files whose header says that they are none are passed over."""
        try:
            paths = sorted(self.folder.glob(f"*{SUFFIX}"))
        except OSError:
            return
        for path in paths:
            with contextlib.suppress(CorruptFile, OSError, ValueError):
                view = memoryview(_map(path))
                section = base_layout.read_header(view).sections[-1]
                yield Candidate(path.stem, dict(base_layout.read_lists(layout.octets_of(view, section))))


def _map(path: Path) -> mmap.mmap:
    """The file, mapped. Raises OSError, and ValueError when it is empty."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
