"""Lists that are checked together: what each shares with the others, and which of its rules are idle.

A list is kept compiled until all are read, in a tenth of what its rules take, and its rules are unpacked
again for the moment in which it is compared.
"""

from __future__ import annotations

from collections.abc import Iterator

from resolver.rules.compile import compile_content
from resolver.rules.compiled import CompiledList
from resolver.rules.model import ALLOW_BOTH, BLOCK_BOTH, Rules
from resolver.rules.overlap import Comparison, Side, compare_with
from resolver.rules.parse import Parsed


class Together:
    """The lists that were read so far."""

    def __init__(self) -> None:
        self._lists: dict[str, CompiledList] = {}

    def add(self, name: str, parsed: Parsed) -> None:
        """Keep a list."""
        self._lists[name] = CompiledList(compile_content(parsed.content, parsed.keys))

    def compare(self) -> Iterator[tuple[str, Comparison]]:
        """Each list beside all others."""
        for name, one in self._lists.items():
            names = one.content().names
            others = [(other, rules) for other, rules in self._lists.items() if other != name]
            yield name, compare_with(Side(names, sorted(names), names, _is_mixed(names)), others)


def compare_alone(parsed: Parsed) -> Comparison:
    """A list beside none: which of its own rules make others idle."""
    names = parsed.content.names
    return compare_with(Side(names, parsed.keys, names, _is_mixed(names)), ())


def _is_mixed(names: Rules) -> bool:
    """Whether a list both blocks and allows."""
    either = 0
    for value in names.values():
        either |= value
    return bool(either & BLOCK_BOTH and either & ALLOW_BOTH)
