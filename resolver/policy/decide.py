"""`Ruleset`: what the rules in force say of one question.

Precedence, over all lists, highest first (docs/lists.md has the table with its peers):

    important allow > important answer > important block > allow > answer > block > only by TCP

Allow wins at any depth and across lists, as users of AdGuard Home and Technitium know it (a school that
allows example.org is not surprised by a list that blocks ads.example.org). Within a level the most
specific name is the one that is named as the reason, then the list order. Inside an ordered list (a
response policy zone) only its own winner takes part: client address before name before answer address, of
names the most specific, of networks the longest prefix (BIND ARM, response-policy).

`rule` is asked for every first-seen question. Plain names are bits of the index, combined in one step;
only where side rules stand in the way (a condition, an expression) are candidates collected and ranked.
`explain` is asked by people and ranks the same candidates; a test holds both to one answer.

This module must not know generations, sockets, time, or how a ruling becomes a reply.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple

from resolver.policy.answers import combine
from resolver.policy.conditions import Asked, applies, specificity
from resolver.rules import side
from resolver.rules.compiled import CompiledList, Match, together
from resolver.rules.expressions.subject import subject_of
from resolver.rules.model import (
    ALLOW_BOTH,
    ALLOWED,
    BLOCK_BOTH,
    BLOCKED,
    CONDITIONAL,
    key_of,
    name_of,
)
from resolver.rules.side import Answer, SideRule

NONE: Final = 0
"""Verdict: no rule speaks of the name."""
ANSWERED: Final = 8
"""Verdict: a rule says itself what is answered."""

VerdictName = Literal["none", "block", "allow", "answer"]

VERDICT_NAMES: Final[dict[int, VerdictName]] = {
    NONE: "none",
    BLOCKED: "block",
    ALLOWED: "allow",
    ANSWERED: "answer",
}


class Ruling(NamedTuple):
    """What is to be done with a question.

    verdict  NONE, BLOCKED, ALLOWED or ANSWERED; with ANSWERED, `answer` says what
    common   every client gets this ruling, so it may be remembered for the question whoever asks
    """

    verdict: int
    answer: Answer | None = None
    common: bool = True


LEFT_ALONE: Final = Ruling(NONE)
BLOCK: Final = Ruling(BLOCKED)
ALLOW: Final = Ruling(ALLOWED)

# Bits of the index -> ruling: allow beats block. Only these three objects come from plain names, so that
# whoever compares by identity is right.
_PLAIN: Final = (LEFT_ALONE, BLOCK, ALLOW, ALLOW)
_PRIVATE: Final = {id(ruling): ruling._replace(common=False) for ruling in (LEFT_ALONE, BLOCK, ALLOW)}


class PolicyList(NamedTuple):
    """One list of a policy: its id and its compiled rules (of an allow list, all of them allow)."""

    id: str
    rules: CompiledList


class RuleMatch(NamedTuple):
    """A rule that speaks of the question asked.

    `name` is the rule's own name on the wire (b"" for an expression or a rule on every name); `flags` the
    bits of `resolver.rules.model` that apply to the name asked, 0 for a side rule; `line` where the list
    says so (0: not from a line); `side` the side rule, None for a plain one.
    """

    list_id: str
    name: bytes
    flags: int
    line: int
    side: SideRule | None = None

    @property
    def allows(self) -> bool:
        """Whether this rule allows the name (it may block it as well)."""
        return self.side.action == side.ALLOW if self.side else bool(self.flags & ALLOW_BOTH)

    @property
    def blocks(self) -> bool:
        """Whether this rule blocks the name (it may allow it as well)."""
        return self.side.action == side.BLOCK if self.side else bool(self.flags & BLOCK_BOTH)

    @property
    def answers(self) -> bool:
        """Whether this rule says itself what is answered."""
        return self.side is not None and self.side.action == side.ANSWER and not self.by_tcp

    @property
    def by_tcp(self) -> bool:
        """Whether this rule asks to come again over TCP, and says nothing there (RPZ: TCP-ONLY)."""
        return bool(self.side and self.side.answer and self.side.answer.by_tcp)

    @property
    def important(self) -> bool:
        """Whether it beats every rule that is not important."""
        return self.side is not None and self.side.important


class Explanation(NamedTuple):
    """A ruling with its reasons: the rule that decided, and every rule that speaks of the question."""

    verdict: VerdictName
    deciding: RuleMatch | None
    matches: tuple[RuleMatch, ...]
    answer: Answer | None = None


class Ruleset:
    """The lists of a policy, ready to be asked. Immutable; a swap replaces the whole object.

    `match` is the index over the plain names of all these lists (`CompiledList.match`, for many lists);
    without it the lists are asked in turn, which is the same and slower.
    """

    __slots__ = ("_match", "_searching", "lists", "watches_addresses")

    def __init__(self, lists: Sequence[PolicyList] = (), match: Match | None = None) -> None:
        self.lists: Final = tuple(lists)
        self._match: Final = match or together(entry.rules.match for entry in self.lists)
        self._searching: Final = tuple(entry.rules for entry in self.lists if entry.rules.searches)
        self.watches_addresses: Final = any(entry.rules.watches for entry in self.lists)

    def rule(self, folded: bytes, qtype: int, client: str = "") -> Ruling:
        """The ruling for a lower-cased wire name, a type, and a client's address as text ("": unknown)."""
        found = self._match(folded[-2::-1])
        if found < CONDITIONAL and not self._searching:
            return _PLAIN[found]
        return self._weigh(folded, qtype, client, found)

    def rule_answer(self, folded: bytes, qtype: int, client: str, addresses: Sequence[bytes]) -> Ruling:
        """The ruling when the answer holds these addresses (packed): what RPZ-IP rules add. Asked only of
        what `rule` left alone."""
        if not self.watches_addresses or not addresses:
            return LEFT_ALONE
        asked = Asked(key_of(folded), qtype, client, tuple(addresses))
        return _ruling(*_decide(self._everything(folded, asked)), asked)

    def verdict(self, folded: bytes, qtype: int = 1, client: str = "") -> int:
        """The verdict alone."""
        return self.rule(folded, qtype, client).verdict

    def explain(self, folded: bytes, qtype: int = 1, client: str = "") -> Explanation:
        """Why `rule` says what it says."""
        matches = self._everything(folded, Asked(key_of(folded), qtype, client))
        verdict, deciding = _decide(matches)
        answer = _answer(verdict, deciding)
        # Of answers that do not add up one is given, and the rule that gives it is the reason.
        giving = [match for match in deciding if match.side and match.side.answer == answer]
        first = next(iter(giving if answer is not None and giving else deciding), None)
        return Explanation(VERDICT_NAMES[verdict], first, tuple(matches), answer)

    def _weigh(self, folded: bytes, qtype: int, client: str, found: int) -> Ruling:
        """The slow road: side rules stand in the way, or somewhere."""
        key = key_of(folded)
        asked = Asked(key, qtype, client)
        if found < CONDITIONAL and not self._is_sought(folded, asked):
            ruling = _PLAIN[found]
            return ruling if asked.common else _PRIVATE[id(ruling)]
        return _ruling(*_decide(self._everything(folded, asked)), asked)

    def _is_sought(self, folded: bytes, asked: Asked) -> bool:
        """Whether a rule that no name leads to applies."""
        subject = subject_of(folded)
        for rules in self._searching:
            candidates = [*rules.met_by(asked.client, ()), *rules.found_in(subject)]
            if any(applies(rule, asked) for rule in candidates):
                return True
            asked.common = asked.common and not rules.tells_clients_apart
        return False

    def _aside(self, rules: CompiledList, subject: bytes, asked: Asked) -> list[SideRule]:
        """The side rules of one list that apply, in no order."""
        candidates = [
            *rules.asides(asked.key),
            *rules.met_by(asked.client, asked.addresses),
            *rules.found_in(subject),
        ]
        asked.common = asked.common and not rules.tells_clients_apart
        return [rule for rule in candidates if applies(rule, asked)]

    def _everything(self, folded: bytes, asked: Asked) -> list[RuleMatch]:
        """Every rule that speaks of the question, list by list; of an ordered list its winner alone first."""
        matches: list[RuleMatch] = []
        subject = subject_of(folded)
        for list_id, rules in self.lists:
            found = [RuleMatch(list_id, one.name, one.flags, one.line) for one in rules.explain(asked.key)]
            found += [
                RuleMatch(list_id, name_of(rule.key) if rule.key else b"", 0, rule.line, rule)
                for rule in self._aside(rules, subject, asked)
            ]
            matches += _winner(found, asked) if rules.ordered else found
        return matches


def _winner(found: list[RuleMatch], asked: Asked) -> list[RuleMatch]:
    """Of an ordered list the rule that counts."""
    return [max(found, key=lambda match: specificity(match.name, match.side, asked))] if found else []


# The levels of the precedence, highest first: what a rule must be to decide, and the verdict it gives.
_LEVELS: Final[tuple[tuple[Callable[[RuleMatch], bool], int], ...]] = (
    (lambda match: match.important and match.allows, ALLOWED),
    (lambda match: match.important and match.answers, ANSWERED),
    (lambda match: match.important and match.blocks, BLOCKED),
    (lambda match: match.allows, ALLOWED),
    (lambda match: match.answers, ANSWERED),
    (lambda match: match.blocks, BLOCKED),
    # Last: over TCP it says nothing, and must not open there what another rule blocks.
    (lambda match: match.by_tcp, ANSWERED),
)


def _decide(matches: Sequence[RuleMatch]) -> tuple[int, list[RuleMatch]]:
    """The verdict, and the rules that give it, the most specific first."""
    cancelled = [match.side for match in matches if match.side and match.side.action == side.CANCEL]
    for is_it, verdict in _LEVELS:
        deciding = [match for match in matches if is_it(match)]
        if verdict == ANSWERED and cancelled:
            deciding = [match for match in deciding if not _is_cancelled(match.side, cancelled)]
        if deciding:
            # Stable: rules of one name stay in the order of their lists.
            return verdict, sorted(deciding, key=lambda match: -len(match.name))
    return NONE, []


def _is_cancelled(rule: SideRule | None, cancelled: Sequence[SideRule]) -> bool:
    """Whether an answer is taken back by a rule that names it, or that names none."""
    return rule is not None and any(
        (one.answer is None or one.answer == rule.answer) and one.important >= rule.important
        for one in cancelled
    )


def _answer(verdict: int, deciding: Sequence[RuleMatch]) -> Answer | None:
    """What the deciding rules answer. Those of the first one's own list are added up."""
    if verdict != ANSWERED:
        return None
    first = deciding[0].list_id
    return combine([match.side for match in deciding if match.side and match.list_id == first])


def _ruling(verdict: int, deciding: Sequence[RuleMatch], asked: Asked) -> Ruling:
    """The ruling that these rules make."""
    if verdict != ANSWERED and asked.common:
        return {NONE: LEFT_ALONE, BLOCKED: BLOCK, ALLOWED: ALLOW}[verdict]
    return Ruling(verdict, _answer(verdict, deciding), asked.common)
