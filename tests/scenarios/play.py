"""Plays a scenario (`tests.scenarios.script`) on a real pipeline with real upstream sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

import dns.message
import dns.rcode

from resolver.serving.waiter import SILENCE
from tests.scenarios import stage
from tests.scenarios.packets import between, check, cookie_of, packet
from tests.scenarios.script import SETTING, Line, Script
from tests.scenarios.words import behaviour
from tests.support.client import make_query
from tests.support.rules import wire
from tests.support.upstream import ScriptedUpstream
from tests.unit.serving.ground import CLIENT, Ground, ground, until

_STEP = 0.25
"""Seconds of the virtual clock between looks at whether a reply has come."""

_GRACE_LOOKS = 15
_GRACE_LOOK = 0.002
"""Looks, and real seconds between them: what an upstream has to answer before the virtual clock moves on."""


class Asked:
    """A question on its way: its octets, whom a late reply is for, and the reply if it came at once."""

    def __init__(self, line: Line, octets: bytes, peer: object, said: bytes | None, began: float) -> None:
        self.line = line
        self.octets = octets
        self.peer = peer
        self.said = said
        self.began = began


class Player:
    """One scenario being played."""

    def __init__(self, script: Script, on: Ground, upstreams: list[ScriptedUpstream]) -> None:
        self.script = script
        self.on = on
        self.upstreams = upstreams
        self.sent: dict[str, Asked] = {}
        self.generation = 1
        self.cookie = b""
        self.policy = stage.policy(script)
        self.lists = stage.lists(script)

    async def play(self) -> int:
        """Do every line; how many expectations there were."""
        expectations = 0
        for line in self.script.lines:
            if line.verb in SETTING:
                continue
            try:
                done = getattr(self, f"_{line.verb}")(line)
                if asyncio.iscoroutine(done):
                    await done
            except (AssertionError, TimeoutError) as error:
                raise AssertionError(f"{self.script.path.name}:{line.number}: {error}") from error
            except (KeyError, ValueError, TypeError, IndexError) as error:
                raise self.script.error(line, f"cannot be played: {error!r}") from error
            expectations += bool(line.expected) or line.verb.startswith(("seen", "packets"))
        return expectations

    # What upstreams do

    def _upstream(self, line: Line, which: int = 0) -> None:
        """`NAME [TYPE] = BEHAVIOUR`, now or from the middle on."""
        at = line.words.index("=")
        name, *qtype = line.words[:at]
        doing = behaviour(line.words[at + 1 :], self.on.clock)
        if name == "*":
            self.upstreams[which]._default = doing
        else:
            self.upstreams[which].set(name, doing, *qtype)

    def _upstream2(self, line: Line) -> None:
        self._upstream(line, 1)

    def _upstream3(self, line: Line) -> None:
        self._upstream(line, 2)

    async def _kill(self, line: Line) -> None:
        await asyncio.to_thread(self.upstreams[int(line.words[0]) - 1].stop)

    async def _revive(self, line: Line) -> None:
        await asyncio.to_thread(self.upstreams[int(line.words[0]) - 1].start)

    def _seen(self, line: Line, which: int = 0) -> None:
        name, count = line.words
        upstream = self.upstreams[which]
        seen = len(upstream.queries) if name == "*" else len(upstream.asked(name))
        least, most = between(count)
        assert least <= seen <= most, f"upstream {which + 1} was asked {seen} times"

    def _seen2(self, line: Line) -> None:
        self._seen(line, 1)

    def _seen3(self, line: Line) -> None:
        self._seen(line, 2)

    def _packets(self, line: Line) -> None:
        """What one name has cost all upstreams together."""
        name, count = line.words
        seen = sum(len(upstream.asked(name)) for upstream in self.upstreams)
        least, most = between(count)
        assert least <= seen <= most, f"{seen} packets were sent"

    # What is done to us

    async def _pass(self, line: Line) -> None:
        await self.on.pass_time(float(line.words[0]))

    def _swap(self, line: Line) -> None:
        self.generation += 1
        block, allow = (
            tuple(filter(None, line.options.get(kind, "").split(","))) for kind in ("block", "allow")
        )
        names = filter(None, line.options.get("lists", "").split(","))
        more = [self.lists[name] for name in names]
        self.on.pipeline.swap(stage.generation(self.generation, block, allow, more, self.policy))

    def _flush(self, line: Line) -> None:
        name = wire(line.words[0]) if line.words else None
        gone = self.on.pipeline.flush(name, "below" in line.words[1:])
        assert [str(gone)] == line.expected, f"{gone} answers were forgotten"

    # Asking

    async def _ask(self, line: Line) -> None:
        for _ in range(int(line.options.get("times", "1"))):
            together = [self._give(line, line.words) for _ in range(int(line.options.get("together", "1")))]
            for asked in together:
                await self._expect(line, asked)

    def _send(self, line: Line) -> None:
        """`LABEL NAME [TYPE]`: the reply is looked at by `reply LABEL`."""
        label, *words = line.words
        self.sent[label] = self._give(line, words)

    async def _reply(self, line: Line) -> None:
        await self._expect(line, self.sent.pop(line.words[0]))

    async def _echo(self, line: Line) -> None:
        """`NAME`: upstream 1 asks us what we have asked it, octet for octet."""
        upstream = self.upstreams[0]
        await until(lambda: upstream.asked(line.words[0]), "a query to send back")
        octets, peer = upstream.asked(line.words[0])[-1].octets, object()
        said = self.on.give(octets, peer=peer, host=upstream.host)
        await self._expect(line, Asked(line, octets, peer, said, self.on.clock.now))

    async def _questions(self, line: Line) -> None:
        """A packet with several questions."""
        body = b""
        for name, qtype in zip(line.words[::2], line.words[1::2], strict=True):
            body += make_query(name, qtype, edns=False).to_wire()[12:]
        head = b"\0\7\1\0" + (len(line.words) // 2).to_bytes(2, "big") + b"\0" * 6
        reply = dns.message.from_wire(await self.on.octets(head + body))
        assert [dns.rcode.to_text(reply.rcode())] == line.expected

    def _give(self, line: Line, words: list[str]) -> Asked:
        """Hand a question over, as a listener does: over UDP the known flows are looked at first."""
        octets, peer, host = packet(line, words, self.cookie), object(), line.options.get("from", CLIENT)
        udp = "tcp" not in words
        said = self._replayed(octets) if udp and host in self.on.pipeline.admission.known else None
        if said is None:
            said = self.on.give(octets, udp=udp, peer=peer, host=host)
        return Asked(line, octets, peer, said, self.on.clock.now)

    def _replayed(self, octets: bytes) -> bytes | None:
        """The answer of a known flow (`resolver.serving.udp`)."""
        flows, now, key = self.on.pipeline.flows, self.on.clock.now, octets[2:]
        entry = flows.young.get(key) or flows.promote(key)
        if isinstance(entry, tuple):
            head, end, tail = entry
            return octets[:2] + head + octets[12:end] + tail
        if entry is None or not (now < entry.until or entry.renew(now)):
            return None
        return octets[:2] + entry.tail

    async def _expect(self, line: Line, asked: Asked) -> None:
        """Wait for the reply, `within=` virtual seconds if that is written, and look at it."""
        if line.expected == ["shed"]:
            assert asked.said is None and not self._awaited(asked), "a reply, or a question that goes on"
            return
        said = await self._reply_to(asked, float(line.options.get("within", "0")))
        if line.expected == ["silence"]:
            assert said == SILENCE, "a reply"
            return
        assert said != SILENCE, "silence"
        check(line, asked.octets, said)
        words = [word for word in line.expected if word == "now" or word.startswith("late=")]
        for word in words:
            passed = self.on.clock.now - asked.began
            assert word != "now" or asked.said is not None, "the reply did not come at once"
            assert word == "now" or passed >= float(word.removeprefix("late=")), f"{passed} s passed"
        if "cookie" in asked.line.options:
            self.cookie = cookie_of(said) or self.cookie

    async def _reply_to(self, asked: Asked, seconds: float) -> bytes:
        """What comes back within so many seconds of the virtual clock."""
        if asked.said is not None:
            return asked.said
        limit = self.on.clock.now + seconds
        for _ in range(_GRACE_LOOKS):
            if self.on.replies_to(asked.peer):
                break
            await asyncio.sleep(_GRACE_LOOK)
        while not self.on.replies_to(asked.peer) and self.on.clock.now < limit:
            await self.on.pass_time(_STEP)
        await until(lambda: self.on.replies_to(asked.peer), "a reply")
        (said,) = self.on.replies_to(asked.peer)
        return said

    def _awaited(self, asked: Asked) -> bool:
        """Whether some exchange still owes this question an answer."""
        exchanges = self.on.pipeline.resolution._in_flight.values()
        return any(waiter.peer is asked.peer for one in exchanges for waiter in one.waiters)


@asynccontextmanager
async def _staged(script: Script) -> AsyncIterator[Player]:
    """Upstreams, pipeline and player of a scenario."""
    used = {line.verb[-1] for line in script.lines if line.verb.startswith(("upstream", "seen"))}
    block, allow, more = script.words("block"), script.words("allow"), list(stage.lists(script).values())
    with ExitStack() as stack:
        count = max((int(digit) for digit in used if digit.isdigit()), default=1)
        upstreams = [stack.enter_context(ScriptedUpstream()) for _ in range(count)]
        addresses = stage.addresses(script, [upstream.url for upstream in upstreams])
        served = stage.generation(1, block, allow, more, stage.policy(script))
        async with ground(
            *addresses, served=served, networks=stage.networks(script), settings=stage.settings(script)
        ) as on:
            yield Player(script, on, upstreams)


async def play(script: Script) -> int:
    """Play a scenario; how many expectations held. Raises AssertionError naming file and line."""
    async with _staged(script) as player:
        return await player.play()
