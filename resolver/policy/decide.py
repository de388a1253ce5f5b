"""`decide`: what the rules in force say of one name.

Precedence, today one step deep: **allow beats block**, at any depth and across lists, as users of
AdGuard Home and Technitium know it (a school that allows example.org is not surprised by a list
that blocks ads.example.org). What neither allows nor blocks is left alone.

`verdict` is asked for every first-seen question and returns bits; `explain` is asked by people and
returns the whole story. Both read the same compiled lists, and a test holds them to one answer.
This module must not know generations, clients, time or how a verdict is turned into a reply.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple

from resolver.rules.compiled import CompiledList
from resolver.rules.model import (
    ALLOW_BOTH,
    ALLOWED,
    BLOCK_BOTH,
    BLOCKED,
    key_of,
)

NONE: Final = 0
"""Verdict: no rule speaks of the name."""

VerdictName = Literal["none", "block", "allow"]

VERDICT_NAMES: Final[dict[int, VerdictName]] = {NONE: "none", BLOCKED: "block", ALLOWED: "allow"}


class PolicyList(NamedTuple):
    """One list of a policy: its id and its compiled rules (of an allow list, all of them allow)."""

    id: str
    rules: CompiledList


class RuleMatch(NamedTuple):
    """A rule that speaks of the name asked.

    `name` is the rule's own name on the wire; `flags` the bits of `resolver.rules.model` that apply
    to the name asked; `line` where the list says so (0: not from a line).
    """

    list_id: str
    name: bytes
    flags: int
    line: int

    @property
    def allows(self) -> bool:
        """Whether this rule allows the name (it may block it as well)."""
        return bool(self.flags & ALLOW_BOTH)

    @property
    def blocks(self) -> bool:
        """Whether this rule blocks the name (it may allow it as well)."""
        return bool(self.flags & BLOCK_BOTH)


class Explanation(NamedTuple):
    """A verdict with its reasons: the rule that decided, and every rule that speaks of the name."""

    verdict: VerdictName
    deciding: RuleMatch | None
    matches: tuple[RuleMatch, ...]


class Ruleset:
    """The lists of a policy, ready to be asked. Immutable; a swap replaces the whole object."""

    __slots__ = ("_matchers", "lists")

    def __init__(self, lists: Sequence[PolicyList] = ()) -> None:
        self.lists: Final = tuple(lists)
        self._matchers: Final[tuple[Callable[[bytes], int], ...]] = tuple(
            entry.rules.match for entry in self.lists
        )

    def verdict(self, folded: bytes) -> int:
        """BLOCKED, ALLOWED or NONE for a lower-cased wire name that ends in the root label."""
        key = folded[-2::-1]
        found = 0
        for match in self._matchers:
            found |= match(key)
        if not found:
            return NONE
        return ALLOWED if found & ALLOWED else BLOCKED

    def explain(self, folded: bytes) -> Explanation:
        """Why `verdict` says what it says.

        Among the rules that decide, the most specific name is named first, then the list order.
        """
        key = key_of(folded)
        matches = tuple(
            RuleMatch(entry.id, found.name, found.flags, found.line)
            for entry in self.lists
            for found in entry.rules.explain(key)
        )
        allowing = [match for match in matches if match.allows]
        blocking = [match for match in matches if match.blocks]
        deciding = allowing or blocking
        if not deciding:
            return Explanation(VERDICT_NAMES[NONE], None, matches)
        most_specific = max(deciding, key=lambda match: len(match.name))
        verdict = ALLOWED if allowing else BLOCKED
        return Explanation(VERDICT_NAMES[verdict], most_specific, matches)
