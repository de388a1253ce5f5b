"""From a generation's number to something that can be asked: manifest, mapped lists, ruleset.

**Every compiled file is verified whole before it is asked**, when a generation is prepared and when
a worker starts. That costs some 20 ms for a million names (measured; 0.2 ms for the header alone),
far inside the half second that a restart may take, and it reads pages that answers will need. The
alternative, the header alone at restart, would be right for all damage but one: an octet that the
disk changed at rest, inside the trie. One in forty of those ends the process that looks a name up
(measured), so every worker would die at its first query, be started again, and die: no answer for
anybody, where the generation before could have served. `verify=False` stays for files that this
process has verified already.

A base (`resolver.generation.bases`), if there is one, makes the look-ups fast and changes no verdict. It is
looked for here, and may be there a moment later: `with_better_base` gives the same generation, asked
in another way.

Lists that the generation before already had mapped are taken over as they are (`previous`), so that
the cost of a swap is that of the lists that changed. Everything here blocks on the disk: an event
loop calls it in a thread. This module must not know processes, sockets or the clock.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from resolver.errors import StoreError
from resolver.generation.bases import Bases
from resolver.generation.blobs import Blobs
from resolver.generation.manifest import Manifest
from resolver.generation.mapped import open_list
from resolver.generation.store import Store
from resolver.policy.decide import PolicyList, Ruleset
from resolver.rules.base import Base
from resolver.rules.compiled import CompiledList
from resolver.rules.model import Kind

_PAGE: Final = 100
"""How many generations to look through at a time for one that can be loaded."""


class LoadedList(NamedTuple):
    """One enabled list with content: its id, what it is for, its mapped rules and their digest."""

    id: str
    kind: Kind
    rules: CompiledList
    digest: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """A generation in memory. `digest` is the manifest's hash, `base` what its lists are asked with, if
    anything; immutable like all of its parts."""

    number: int
    digest: str
    manifest: Manifest
    lists: tuple[LoadedList, ...]
    ruleset: Ruleset
    base: Base | None = None


def load(store: Store, blobs: Blobs, number: int, *, verify: bool, previous: Loaded | None = None) -> Loaded:
    """Read the manifest of a generation (a staged one too) and map its lists.

    Raises UnknownGeneration when the number is not kept, CorruptFile when the manifest or a
    compiled file is missing or damaged (the text names it), else StoreError.
    """
    manifest, digest = store.manifest(number)
    mapped = {entry.digest: entry.rules for entry in previous.lists} if previous else {}
    lists = tuple(_lists(blobs, manifest, mapped, verify))
    base = Bases.beside(blobs).best(_sizes(lists), previous.base if previous else None)
    return Loaded(number, digest, manifest, lists, _ruleset(lists, base), base)


def with_better_base(blobs: Blobs, loaded: Loaded) -> Loaded | None:
    """The same generation with a better base than it has; None: there is none. Never raises for what is
    on the disk."""
    base = Bases.beside(blobs).best(_sizes(loaded.lists), loaded.base)
    if base is None or base is loaded.base:
        return None
    return replace(loaded, ruleset=_ruleset(loaded.lists, base), base=base)


def _sizes(lists: Sequence[LoadedList]) -> dict[str, int]:
    """The lists by digest, with their entries."""
    return {entry.digest: len(entry.rules) for entry in lists}


def _ruleset(lists: Sequence[LoadedList], base: Base | None) -> Ruleset:
    """The lists, ready to be asked: with the base, or in turn."""
    match = base.matcher((entry.digest, entry.rules) for entry in lists) if base else None
    return Ruleset([PolicyList(entry.id, entry.rules) for entry in lists], match)


def load_last_good(store: Store, blobs: Blobs, *, verify: bool = True) -> tuple[Loaded | None, str]:
    """The generation in force; if it cannot be loaded, the newest older one that can.

    Never raises for what is on the disk. The sentence is "" when all is well; otherwise it says
    what is wrong, and which generation serves instead (None: there is none to serve).
    """
    try:
        current = store.current()
    except StoreError as error:
        return None, f"{error}; no generation can be loaded"
    if current is None:
        return None, "no generation is in force yet"
    trouble = ""
    for number in _newest_first(store, current):
        try:
            loaded = load(store, blobs, number, verify=verify)
        except StoreError as error:
            trouble = trouble or str(error)
            continue
        return loaded, trouble and f"{trouble}; generation {number} serves instead of {current}"
    return None, f"{trouble}; no older generation can be loaded either"


def _newest_first(store: Store, current: int) -> Iterator[int]:
    """The number in force, then the older ones that are kept, as far as the store can be read."""
    yield current
    before = current
    with contextlib.suppress(StoreError):
        while page := store.generations(_PAGE, before):
            yield from (found.number for found in page if found.kept)
            before = page[-1].number


def _lists(
    blobs: Blobs, manifest: Manifest, mapped: Mapping[str, CompiledList], verify: bool
) -> Iterator[LoadedList]:
    """The lists that take part in answers, in the manifest's order."""
    for list_id, entry in manifest.lists.items():
        if not entry.description.enabled or entry.rules is None:
            continue
        rules = mapped.get(entry.rules) or open_list(blobs, entry.rules, verify=verify)
        yield LoadedList(list_id, entry.description.kind, rules, entry.rules)
