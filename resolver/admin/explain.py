"""`/v1/explain`: why is this name blocked, or why not, and what would a client get?

The verdict comes from the same code and the same files as in a DNS worker: the generation in force
is loaded here too (mapped, so it costs addresses and not memory) and asked. The answer shown is not
described but made: the question goes through the very functions that answer it on the wire, and
the reply is read back into words.

Every rule that speaks of the question is shown, in every list that is enabled, whether or not it decided:
who wonders why an exception does not work sees the block and the exception side by side. A rule whose
conditions this type or this client does not meet does not speak of the question. What depends on the
upstreams' answer (where its CNAME records lead, which addresses it holds) is not known here, and `answer`
says so.

A name may be written as people write it: `WWW.Example.ORG.`, `bücher.example`, `xn--bcher-kva.example`.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterator
from typing import Final, Literal
from weakref import WeakKeyDictionary

import msgspec
from aiohttp import hdrs, web

from resolver.admin.http import Context, Parameter, Route, reply
from resolver.admin.names import wire_name
from resolver.admin.problems import Problem, problem, register
from resolver.dns import registry, special
from resolver.dns.answers import truncated
from resolver.dns.blocking import BlockAnswers
from resolver.dns.message import summarise
from resolver.dns.names import to_text
from resolver.dns.query import Query
from resolver.errors import UnknownGeneration, WireError
from resolver.generation.loader import Loaded, load
from resolver.generation.store import Store
from resolver.policy.decide import ANSWERED, VERDICT_NAMES, RuleMatch, Ruleset, Ruling, VerdictName
from resolver.policy.local import LocalData
from resolver.policy.model import Policy
from resolver.policy.replies import FORGED, OWN, cname_of, compose, follow, forge, settled
from resolver.rules import side
from resolver.rules.model import (
    ALLOW_APEX,
    ALLOW_BELOW,
    ALLOWED,
    BLOCK_APEX,
    BLOCK_BELOW,
    BLOCKED,
    key_of,
    name_of,
)
from resolver.rules.render import render_rule, render_side
from resolver.rules.side import Answer, SideRule

register(
    {
        "type-invalid": Problem(422, "There is no such record type"),
        "client-invalid": Problem(422, "The client's address cannot be read"),
    }
)

Effect = Literal[
    "block-name", "block-below", "allow-name", "allow-below",
    "block", "allow", "answer", "cancel-answer", "important",
]  # fmt: skip

_EFFECTS: Final[dict[int, Effect]] = {
    BLOCK_APEX: "block-name",
    BLOCK_BELOW: "block-below",
    ALLOW_APEX: "allow-name",
    ALLOW_BELOW: "allow-below",
}

_NAMED: Final = 5
"""Values of one condition that are named."""

_ACTIONS: Final[dict[int, Effect]] = {
    side.BLOCK: "block",
    side.ALLOW: "allow",
    side.ANSWER: "answer",
    side.CANCEL: "cancel-answer",
}

_loaded: Final[WeakKeyDictionary[Store, Loaded]] = WeakKeyDictionary()
"""The generation that was asked last, one for each store. Lists that a new generation shares with it
stay mapped; the rest is let go. Nothing is decided by it: the pointer is read for every request."""


class MatchView(msgspec.Struct, frozen=True):
    """A rule that speaks of the question: in which list, as what text, on which line (0: on none), and
    which of its effects reach the name that was asked about.

    `conditions` are those that it has beside the name, in words; the question meets all of them.
    """

    list: str
    rule: str
    line: int
    effects: tuple[Effect, ...]
    conditions: tuple[str, ...] = ()


class ErrorView(msgspec.Struct, frozen=True):
    """An extended DNS error (RFC 8914), as a client that sends an OPT record gets it."""

    code: int
    text: str


class AnswerView(msgspec.Struct, frozen=True):
    """What a client gets over UDP. `by` says who answers: the policy (a blocked name, or one that a rule
    answers itself), the records of our own, Belisha itself (a special-use name, RFC 6761), or the upstreams;
    of theirs nothing is known here. `note` says what the rest does not: no reply at all, records that come
    from upstreams."""

    by: Literal["policy", "records", "special", "upstream"]
    rcode: str | None = None
    records: list[str] = msgspec.field(default_factory=list)
    extended_errors: list[ErrorView] = msgspec.field(default_factory=list)
    note: str = ""


class Explained(msgspec.Struct, frozen=True):
    """A verdict with its reasons.

    `name` is the name as it is asked on the wire (`xn--` where it was written otherwise), `client` the
    address that asks (null: one that no rule is about). `list`, `rule` and `line` are those of the rule that
    decided (null: none did); `matches` is every rule that speaks of the question. Of them, highest first:
    important allow, important answer, important block, allow, answer, block. `for_everybody` is false when
    another client may get another verdict. A name of our own and a special-use name (RFC 6761) are answered
    by Belisha, and no list blocks localhost: look at `answer`.
    """

    name: str
    type: str
    client: str | None
    generation: int
    verdict: VerdictName
    for_everybody: bool
    list: str | None
    rule: str | None
    line: int | None
    matches: tuple[MatchView, ...]
    answer: AnswerView


async def get_explain(ctx: Context) -> web.StreamResponse:
    """Why a name gets what it gets."""
    folded = wire_name(ctx.query["name"])
    qtype = _type(ctx.query["type"])
    client = _client(ctx.query["client"])
    number, ruleset, policy = await asyncio.to_thread(_in_force, ctx)
    ruling = ruleset.rule(folded, qtype, client)
    found = ruleset.explain(folded, qtype, client)
    deciding = _match_view(found.deciding, ruleset) if found.deciding else None
    ruling = settled(ruling, folded, udp=True)
    return reply(
        Explained(
            to_text(folded),
            registry.type_name(qtype),
            client or None,
            number,
            VERDICT_NAMES[ruling.verdict],
            ruling.common,
            deciding.list if deciding else None,
            deciding.rule if deciding else None,
            deciding.line if deciding else None,
            tuple(_match_view(match, ruleset) for match in found.matches),
            _answer(folded, qtype, ruling, policy, ruleset.watches_addresses),
        )
    )


def _type(text: str) -> int:
    """The number of a record type. Raises RequestError (422)."""
    number = registry.type_number(text)
    if number is None:
        raise problem("type-invalid", "Say A, AAAA, HTTPS, ... or TYPE65280.", parameter="type")
    return number


def _client(text: str) -> str:
    """A client's address, "" for none. Raises RequestError (422)."""
    if not text:
        return ""
    try:
        return str(ipaddress.ip_address(text.strip().partition("%")[0]))
    except ValueError:
        raise problem(
            "client-invalid", "Say an address: 192.0.2.7 or 2001:db8::7.", parameter="client"
        ) from None


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


def _answer(
    folded: bytes, qtype: int, ruling: Ruling, policy: Policy, addresses_are_judged: bool
) -> AnswerView:
    """The reply to a ruling that was settled, made as the pipeline makes it and in its order: rules stand
    before our own records, and those before special names."""
    question = folded + qtype.to_bytes(2, "big") + registry.CLASS_IN.to_bytes(2, "big")
    query = Query(0, registry.RD, question, folded, qtype, registry.CLASS_IN)
    query.size = registry.UDP_LIMIT  # a client with EDNS, so that extended errors are shown
    local, how = LocalData(policy.records), policy.answer
    if not special.unblockable(folded):
        if ruling.verdict == BLOCKED:
            answers = BlockAnswers(how.mode, how.ttl, how.ipv4, how.ipv6)
            return _in_words("policy", query, answers.build(query))
        if ruling.verdict == ANSWERED and ruling.answer is not None:
            return _by_rule(query, ruling.answer, how.ttl, local)
    own = local.find(folded, qtype)
    if own is not None:
        return _given("records", query, own, how.ttl, local)
    made = special.answer(query)
    if made is not None:
        return _in_words("special", query, made)
    judged = addresses_are_judged and ruling.verdict != ALLOWED
    return AnswerView("upstream", note="rules on the addresses in the answer apply too" if judged else "")


def _by_rule(query: Query, answer: Answer, ttl: int, local: LocalData) -> AnswerView:
    """What a rule answers itself."""
    if answer.silent:
        return AnswerView("policy", note="no reply at all")
    if answer.by_tcp:
        note = "truncated over UDP; over TCP what the upstreams say"
        return _in_words("policy", query, truncated(query), note)
    return _given("policy", query, answer, ttl, local)


def _given(
    by: Literal["policy", "records"], query: Query, answer: Answer, ttl: int, local: LocalData
) -> AnswerView:
    """The records of an answer; where it leads elsewhere, with what is there, if that is known here."""
    opts = OWN if by == "records" else FORGED
    led = follow(answer, query)
    here = None
    if led is not None:
        own = local.find(led.folded, led.qtype)
        here = special.answer(led) if own is None else forge(led, own, ttl, 0.0, OWN).render(led, 0)
    if here is not None:
        whole = compose(query, answer, ttl, here, 0.0, opts)
        if whole is not None:
            return _in_words(by, query, whole.render(query, 0))
    reply = forge(query, answer, ttl, 0.0, opts).render(query, 0)
    target = cname_of(answer)
    note = f"and what the upstreams say of {to_text(target)}" if led is not None and target else ""
    return _in_words(by, query, reply, note)


def _in_words(
    by: Literal["policy", "records", "special"], query: Query, data: bytes, note: str = ""
) -> AnswerView:
    """A reply on the wire, read back."""
    if len(data) > query.udp_limit:
        data, note = truncated(query), note or "too long for UDP; whole over TCP"
    try:
        summary = summarise(data)
    except WireError:
        # Records of a type that the reader for people does not know well enough.
        return AnswerView(by, note="records that cannot be put into words")
    errors = [ErrorView(code, text) for code, text in summary.extended_errors]
    return AnswerView(by, summary.rcode, list(summary.answers), errors, note)


def _match_view(match: RuleMatch, ruleset: Ruleset) -> MatchView:
    """One rule for people."""
    rule = match.side
    if rule is None:
        effects = tuple(name for bit, name in _EFFECTS.items() if match.flags & bit)
        return MatchView(match.list_id, _rule_text(match, ruleset), match.line, effects)
    effects = (_ACTIONS[rule.action], *(("important",) if rule.important else ()))
    return MatchView(match.list_id, render_side(rule), match.line, effects, tuple(_conditions(rule)))


def _conditions(rule: SideRule) -> Iterator[str]:
    """The conditions of a rule beside its name, in a few words each; long ones are counted."""
    types, others = map(registry.type_name, rule.types), map(registry.type_name, rule.not_types)
    for words, values in (
        ("types", types),
        ("types other than", others),
        ("clients", rule.clients),
        ("clients other than", rule.not_clients),
        ("client tags", rule.tags),
        ("client tags other than", rule.not_tags),
        ("names outside", (to_text(name_of(key)) for key in rule.outside)),
        ("answers with an address in", rule.addresses),
    ):
        listed = list(values)
        if listed:
            more = f" and {len(listed) - _NAMED} more" if len(listed) > _NAMED else ""
            yield f"{words} {', '.join(listed[:_NAMED])}{more}"
    if rule.expression:
        yield "names in which the expression is not found" if rule.invert else "names with the expression"


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
            Parameter("client", str, "The address that asks, for rules that are about some clients.", ""),
        ),
        responses={200: Explained}, problems=("name-invalid", "type-invalid", "client-invalid"),
    ),
]  # fmt: skip
"""The doors of this file."""
