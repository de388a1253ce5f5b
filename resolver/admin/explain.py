"""`/v1/explain`: why is this name blocked, or why not, and what would a client get?

The verdict comes from the same code and the same files as in a DNS worker: the generation in force
is loaded here too (mapped, so it costs addresses and not memory) and asked. The answer shown is not
described but made: the question goes through the very functions that answer it on the wire, and
the reply is read back into words.

Every rule that speaks of the name is shown, in every list that is enabled, whether or not it decided:
who wonders why an exception does not work sees the block and the exception side by side.

A name may be written as people write it: `WWW.Example.ORG.`, `bücher.example`, `xn--bcher-kva.example`.
"""

from __future__ import annotations

import asyncio
from typing import Final, Literal
from weakref import WeakKeyDictionary

import msgspec
from aiohttp import hdrs, web

from resolver.admin.http import Context, Parameter, Route, reply
from resolver.admin.problems import Problem, problem, register
from resolver.dns import registry, special
from resolver.dns.blocking import BlockAnswers
from resolver.dns.message import summarise
from resolver.dns.names import Fault, read_host, to_text
from resolver.dns.query import Query
from resolver.errors import UnknownGeneration
from resolver.generation.loader import Loaded, load
from resolver.generation.store import Store
from resolver.policy.decide import Explanation, RuleMatch, Ruleset, VerdictName
from resolver.policy.model import AnswerPolicy, Policy
from resolver.rules.model import (
    ALLOW_APEX,
    ALLOW_BELOW,
    BLOCK_APEX,
    BLOCK_BELOW,
    key_of,
)
from resolver.rules.render import render_rule

register(
    {
        "name-invalid": Problem(422, "The name cannot be read"),
        "type-invalid": Problem(422, "There is no such record type"),
    }
)

Effect = Literal["block-name", "block-below", "allow-name", "allow-below"]

_EFFECTS: Final[dict[int, Effect]] = {
    BLOCK_APEX: "block-name",
    BLOCK_BELOW: "block-below",
    ALLOW_APEX: "allow-name",
    ALLOW_BELOW: "allow-below",
}

_loaded: Final[WeakKeyDictionary[Store, Loaded]] = WeakKeyDictionary()
"""The generation that was asked last, one for each store. Lists that a new generation shares with it
stay mapped; the rest is let go. Nothing is decided by it: the pointer is read for every request."""


class MatchView(msgspec.Struct, frozen=True):
    """A rule that speaks of the name: in which list, as what text, on which line (0: on none), and
    which of its effects reach the name that was asked about."""

    list: str
    rule: str
    line: int
    effects: tuple[Effect, ...]


class ErrorView(msgspec.Struct, frozen=True):
    """An extended DNS error (RFC 8914), as a client that sends an OPT record gets it."""

    code: int
    text: str


class AnswerView(msgspec.Struct, frozen=True):
    """What a client gets. `by` says who answers: the policy (a blocked name), Belisha itself (a
    special-use name, RFC 6761), or the upstreams; of theirs nothing is known here."""

    by: Literal["policy", "special", "upstream"]
    rcode: str | None = None
    records: list[str] = msgspec.field(default_factory=list)
    extended_errors: list[ErrorView] = msgspec.field(default_factory=list)


class Explained(msgspec.Struct, frozen=True):
    """A verdict with its reasons.

    `name` is the name as it is asked on the wire (`xn--` where it was written otherwise). `list`, `rule`
    and `line` are those of the rule that decided (null: none did); `matches` is every
    rule that speaks of the name. Allow beats block. A special-use name (RFC 6761) is
    answered by Belisha, and no list blocks localhost: look at `answer`.
    """

    name: str
    type: str
    generation: int
    verdict: VerdictName
    list: str | None
    rule: str | None
    line: int | None
    matches: tuple[MatchView, ...]
    answer: AnswerView


async def get_explain(ctx: Context) -> web.StreamResponse:
    """Why a name gets what it gets."""
    folded = _name(ctx.query["name"])
    qtype = _type(ctx.query["type"])
    number, ruleset, policy = await asyncio.to_thread(_in_force, ctx)
    found = ruleset.explain(folded)
    deciding = _match_view(found.deciding, ruleset) if found.deciding else None
    return reply(
        Explained(
            to_text(folded),
            registry.type_name(qtype),
            number,
            found.verdict,
            deciding.list if deciding else None,
            deciding.rule if deciding else None,
            deciding.line if deciding else None,
            tuple(_match_view(match, ruleset) for match in found.matches),
            _answer(folded, qtype, found, policy.answer),
        )
    )


def _name(text: str) -> bytes:
    """The name asked about, on the wire. Raises RequestError (422)."""
    name = read_host(text)
    if isinstance(name, Fault):
        raise problem("name-invalid", name.sentence, parameter="name", fault=name.code)
    return name


def _type(text: str) -> int:
    """The number of a record type. Raises RequestError (422)."""
    number = registry.type_number(text)
    if number is None:
        raise problem("type-invalid", "Say A, AAAA, HTTPS, ... or TYPE65280.", parameter="type")
    return number


def _in_force(ctx: Context) -> tuple[int, Ruleset, Policy]:
    """The generation in force, loaded; blocks on the disk. Raises StoreError."""
    number = ctx.store.current()
    if number is None:
        return 0, Ruleset(), Policy()
    held = _loaded.get(ctx.store)
    if held is None or held.number != number:
        try:
            held = load(ctx.store, ctx.blobs, number, verify=True, previous=held)
        except UnknownGeneration:  # pruned in between: another one is in force by now
            return _in_force(ctx)
        _loaded[ctx.store] = held
    return number, held.ruleset, held.manifest.policy


def _answer(folded: bytes, qtype: int, found: Explanation, policy: AnswerPolicy) -> AnswerView:
    """The reply, made as the pipeline makes it and in its order: policy stands before special names."""
    question = folded + qtype.to_bytes(2, "big") + registry.CLASS_IN.to_bytes(2, "big")
    query = Query(0, registry.RD, question, folded, qtype, registry.CLASS_IN)
    query.size = registry.UDP_LIMIT  # a client with EDNS, so that extended errors are shown
    if found.verdict == "block" and not special.unblockable(folded):
        answers = BlockAnswers(policy.mode, policy.ttl, policy.ipv4, policy.ipv6)
        return _in_words("policy", answers.build(query))
    made = special.answer(query)
    return AnswerView("upstream") if made is None else _in_words("special", made)


def _in_words(by: Literal["policy", "special"], data: bytes) -> AnswerView:
    """A reply on the wire, read back."""
    summary = summarise(data)
    errors = [ErrorView(code, text) for code, text in summary.extended_errors]
    return AnswerView(by, summary.rcode, list(summary.answers), errors)


def _match_view(match: RuleMatch, ruleset: Ruleset) -> MatchView:
    """One rule for people."""
    effects = tuple(name for bit, name in _EFFECTS.items() if match.flags & bit)
    return MatchView(match.list_id, _rule_text(match, ruleset), match.line, effects)


def _rule_text(match: RuleMatch, ruleset: Ruleset) -> str:
    """The whole rule as canonical text: `||ads.example^`, also when it was met from below.

    A match has only the flags that reach the name asked about. The rule's own name and any name
    below it see all of them between them.
    """
    flags = 0
    rules = next(entry.rules for entry in ruleset.lists if entry.id == match.list_id)
    for asked in (match.name, b"\x01x" + match.name):
        for found in rules.explain(key_of(asked)):
            flags |= found.flags if found.name == match.name else 0
    return " ".join(render_rule(key_of(match.name), flags))


ROUTES: Final[list[Route]] = [
    Route(
        hdrs.METH_GET, "/v1/explain", "read", get_explain,
        "Why a name is blocked or not, and what a client gets",
        query=(
            Parameter("name", str, "The name, in any spelling.", required=True),
            Parameter("type", str, "The record type: A, AAAA, HTTPS, TYPE65280, ...", "A"),
        ),
        responses={200: Explained}, problems=("name-invalid", "type-invalid"),
    ),
]  # fmt: skip
"""The doors of this file."""
