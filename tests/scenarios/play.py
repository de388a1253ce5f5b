"""Plays a scenario (`tests.scenarios.script`) on a real pipeline with real upstream sockets."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import cast

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

from resolver.dns.query import name_end
from resolver.policy.decide import PolicyList
from resolver.policy.model import AnswerPolicy
from resolver.rules.model import Format
from resolver.serving.waiter import SILENCE
from tests.scenarios.script import Line, Script, behaviour
from tests.support.client import make_query
from tests.support.rules import listed
from tests.support.upstream import ScriptedUpstream
from tests.unit.serving.ground import CLIENT, LOOPBACK, Ground, extended_errors, ground, snapshot, until

_STEP = 0.25
"""Seconds of the virtual clock between looks at whether a reply has come."""

_SETTING = {"block", "allow", "list", "|", "answer", "networks"}


class Player:
    """One scenario being played."""

    def __init__(self, script: Script, on: Ground, upstreams: list[ScriptedUpstream]) -> None:
        self.script = script
        self.on = on
        self.upstreams = upstreams
        self.sent: dict[str, tuple[bytes, object]] = {}
        self.generation = 1
        self.answer = _policy(script)
        self.lists = _lists(script)

    async def play(self) -> int:
        """Do every line; how many expectations there were."""
        expectations = 0
        for line in self.script.lines:
            if line.verb in _SETTING:
                continue
            try:
                done = getattr(self, f"_{line.verb}")(line)
                if asyncio.iscoroutine(done):
                    await done
            except (AssertionError, TimeoutError) as error:
                raise AssertionError(f"{self.script.path.name}:{line.number}: {error}") from error
            except (KeyError, ValueError, TypeError) as error:
                raise self.script.error(line, f"cannot be played: {error!r}") from error
            expectations += bool(line.expected) or line.verb.startswith("seen")
        return expectations

    # Verbs

    def _upstream(self, line: Line, which: int = 0) -> None:
        """`NAME [TYPE] = BEHAVIOUR`, now or from the middle on."""
        at = line.words.index("=")
        name, *qtype = line.words[:at]
        doing = behaviour(line.words[at + 1 :])
        if name == "*":
            self.upstreams[which]._default = doing
        else:
            self.upstreams[which].set(name, doing, *qtype)

    def _upstream2(self, line: Line) -> None:
        self._upstream(line, 1)

    async def _ask(self, line: Line) -> None:
        for _ in range(int(line.options.get("times", "1"))):
            query, peer, said = self._give(line, line.words)
            await self._expect(line, query, peer, said)

    def _send(self, line: Line) -> None:
        """`LABEL NAME [TYPE]`: the reply is looked at by `reply LABEL`."""
        label, *words = line.words
        query, peer, said = self._give(line, words)
        if said is not None:
            self.on.later.append((peer, said))
        self.sent[label] = (query, peer)

    async def _reply(self, line: Line) -> None:
        query, peer = self.sent.pop(line.words[0])
        await self._expect(line, query, peer, None)

    async def _questions(self, line: Line) -> None:
        """A packet with several questions."""
        packet = b""
        for name, qtype in zip(line.words[::2], line.words[1::2], strict=True):
            packet += make_query(name, qtype, edns=False).to_wire()[12:]
        head = b"\0\7\1\0" + (len(line.words) // 2).to_bytes(2, "big") + b"\0" * 6
        reply = dns.message.from_wire(await self.on.octets(head + packet))
        assert [dns.rcode.to_text(reply.rcode())] == line.expected

    async def _pass(self, line: Line) -> None:
        await self.on.pass_time(float(line.words[0]))

    def _swap(self, line: Line) -> None:
        self.generation += 1
        block, allow = (
            tuple(filter(None, line.options.get(kind, "").split(","))) for kind in ("block", "allow")
        )
        names = filter(None, line.options.get("lists", "").split(","))
        lists = [self.lists[name] for name in names]
        self.on.pipeline.swap(snapshot(block, allow, self.generation, self.answer, lists))

    def _seen(self, line: Line, which: int = 0) -> None:
        name, count = line.words
        upstream = self.upstreams[which]
        seen = len(upstream.queries) if name == "*" else len(upstream.asked(name))
        assert seen == int(count), f"upstream {which + 1} was asked {seen} times"

    def _seen2(self, line: Line) -> None:
        self._seen(line, 1)

    # Asking

    def _give(self, line: Line, words: list[str]) -> tuple[bytes, object, bytes | None]:
        """Hand a question over: its octets, whom a late reply is for, and the reply if it came at once."""
        flags = set(words[2:]) | ({words[1]} & {"tcp", "do", "cd"} if len(words) > 1 else set())
        qtype = words[1] if len(words) > 1 and words[1] not in flags else "A"
        options = line.options
        query = make_query(
            words[0], qtype, edns=options.get("edns") != "no", dnssec="do" in flags, cd="cd" in flags,
            rd=options.get("rd") != "no", payload=int(options.get("payload", "1232")),
            qclass=options.get("class", "IN"),
        )  # fmt: skip
        octets, peer = query.to_wire(), object()
        host = options.get("from", CLIENT)
        return octets, peer, self.on.give(octets, udp="tcp" not in flags, peer=peer, host=host)

    async def _expect(self, line: Line, query: bytes, peer: object, said: bytes | None) -> None:
        """Wait for the reply, `within=` virtual seconds if that is written, and look at it."""
        limit = self.on.clock.now + float(line.options.get("within", "0"))
        while said is None and not self.on.replies_to(peer) and self.on.clock.now < limit:
            await self.on.pass_time(_STEP)
        if said is None:
            await until(lambda: self.on.replies_to(peer), "a reply")
            (said,) = self.on.replies_to(peer)
        _check(line, query, said)


def _check(line: Line, query: bytes, octets: bytes) -> None:
    """Hold a reply against what is written, and against what is promised for every reply."""
    if line.expected == ["silence"]:
        assert octets == SILENCE, "a reply"
        return
    assert octets != SILENCE, "silence"
    asked, reply = dns.message.from_wire(query), dns.message.from_wire(octets)
    end = name_end(query, 12) + 4
    assert octets[:2] == query[:2] and octets[12:end] == query[12:end], "ID and question, case and all"
    assert (reply.edns >= 0) == (asked.edns >= 0), "an OPT exactly when there was one"
    assert not reply.flags & (dns.flags.AA | dns.flags.AD) and reply.flags & dns.flags.RA
    assert reply.flags & dns.flags.RD == asked.flags & dns.flags.RD
    rcode, *words = line.expected
    assert dns.rcode.to_text(reply.rcode()) == rcode, f"rcode {dns.rcode.to_text(reply.rcode())}"
    lower = {word.split("=")[0]: word.split("=", 1)[1] for word in words if word[0].islower() and "=" in word}
    wanted = [int(lower["ede"])] if "ede" in lower else []
    assert extended_errors(reply) == wanted, f"EDE {extended_errors(reply)}"
    assert bool(reply.flags & dns.flags.TC) == ("tc" in words), "TC"
    _check_records([word for word in words if word[0].isupper()], reply)
    if "ttl" in lower:
        assert {rrset.ttl for rrset in reply.answer} == {int(lower["ttl"])}, f"{reply.answer}"
    if "soa" in lower:
        (soa,) = reply.authority
        assert soa.ttl == int(lower["soa"]) and soa.name == reply.question[0].name, f"{soa}"


def _check_records(words: list[str], reply: dns.message.Message) -> None:
    """The answer section holds these records and no other."""
    found = {
        f"{dns.rdatatype.to_text(rrset.rdtype)}={rdata.to_text()}"
        for rrset in reply.answer
        for rdata in rrset
    }
    for word in [word for word in words if word.endswith("=*")]:
        some = {one for one in found if one.startswith(word[:-1])}
        assert some, f"no {word} among {found}"
        found -= some
    assert found == {word for word in words if not word.endswith("=*")}, f"{found}"


def _words(script: Script, verb: str) -> list[str]:
    return [word for line in script.lines if line.verb == verb for word in line.words]


def _lists(script: Script) -> dict[str, PolicyList]:
    """The lists that are written out: read, compiled, opened, as a push would have it."""
    texts: dict[str, list[str]] = {}
    for line in script.lines:
        if line.verb == "list":
            texts[line.words[0]] = []
        elif line.verb == "|":
            texts[list(texts)[-1]] += line.words
    return {
        line.words[0]: listed(
            line.words[0], "\n".join(texts[line.words[0]]), cast(Format, line.words[1]),
            kind="allow" if "allow" in line.words[2:] else "block", rewrites="rewrites" in line.words[2:],
        )
        for line in script.lines
        if line.verb == "list"
    }  # fmt: skip


def _policy(script: Script) -> AnswerPolicy:
    """What the `answer` line says."""
    for line in script.lines:
        if line.verb == "answer":
            mode, *hosts = line.words
            ipv4 = tuple(host for host in hosts if ":" not in host)
            ipv6 = tuple(host for host in hosts if ":" in host)
            return AnswerPolicy(mode, int(line.options.get("ttl", "10")), ipv4, ipv6)  # type: ignore[arg-type]
    return AnswerPolicy()


@asynccontextmanager
async def _stage(script: Script) -> AsyncIterator[Player]:
    """Upstreams, pipeline and player of a scenario."""
    count = 2 if any(line.verb in ("upstream2", "seen2") for line in script.lines) else 1
    networks = tuple(ipaddress.ip_network(text) for text in _words(script, "networks")) or LOOPBACK
    block, allow = tuple(_words(script, "block")), tuple(_words(script, "allow"))
    served = snapshot(block, allow, answer=_policy(script), lists=list(_lists(script).values()))
    with ExitStack() as stack:
        upstreams = [stack.enter_context(ScriptedUpstream()) for _ in range(count)]
        urls = [upstream.url for upstream in upstreams]
        async with ground(*urls, served=served, networks=networks) as on:
            yield Player(script, on, upstreams)


async def play(script: Script) -> int:
    """Play a scenario; how many expectations held. Raises AssertionError naming file and line."""
    async with _stage(script) as player:
        return await player.play()
