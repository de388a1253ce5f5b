"""Sending a try and knowing its answer: forgers, storms, cookies, cases, the word of the network.

Invariant: nothing is believed but what repeats all that was sent to that upstream from that port.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator

import dns.edns
import dns.flags
import pytest

from resolver.serving.exchange import STREAMED
from resolver.serving.forwarder import Terms
from resolver.serving.health import FOUND, ODD_CASES, SIEGE
from resolver.serving.hedging import MAX_TRIES
from resolver.serving.peers import Unsent
from resolver.serving.ports import MISMATCHES
from tests.support import behaviours as do
from tests.support import vices
from tests.support.behaviours import Behaviour, Reply, Seen
from tests.support.upstream import ScriptedUpstream
from tests.unit.serving.ground import until
from tests.unit.serving.upstreams import asking

NAME = "www.example.org"
GOOD = do.answer("A 192.0.2.1", ttl=60)
OTHER = do.answer("A 192.0.2.2", ttl=60)


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(default=GOOD) as running:
        yield running


@pytest.fixture
def second() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(default=OTHER) as running:
        yield running


def transports(of: ScriptedUpstream) -> list[str]:
    return [seen.transport for seen in of.queries]


# Storms


async def test_answers_that_cannot_be_read_are_no_sign_of_a_forger(upstream: ScriptedUpstream) -> None:
    """Their sender knew port, ID and question. Whoever owns a zone of such names must not drive everybody's
    questions to TCP."""
    upstream._default = vices.chain(20, "A 192.0.2.1")
    async with asking(upstream.url) as on:
        for number in range(6 * MISMATCHES):
            on.start(f"n{number}.chain.example")
        await until(lambda: on.counters.upstream_mismatches >= 6 * MISMATCHES)
        pool = on.forwarder._asker._pools[0]
        assert pool is not None and not pool._shunned
    assert set(transports(upstream)) == {"udp"}


async def test_what_was_asked_from_a_port_that_was_found_is_asked_over_tcp(
    upstream: ScriptedUpstream,
) -> None:
    upstream.set(NAME, do.over_tcp(GOOD, do.forged_first(MISMATCHES, OTHER)))
    async with asking(upstream.url) as on:
        assert await on.ask() == ["192.0.2.1"], "the right one over UDP came too late to be believed"
    assert transports(upstream) == ["udp", "tcp"]


async def test_one_less_is_no_storm(upstream: ScriptedUpstream) -> None:
    upstream.set(NAME, do.forged_first(MISMATCHES - 1, GOOD))
    async with asking(upstream.url) as on:
        assert await on.ask() == ["192.0.2.1"]
    assert transports(upstream) == ["udp"]


async def test_under_siege_everything_goes_over_streams_for_a_while(upstream: ScriptedUpstream) -> None:
    storms = [f"n{number}.example.org" for number in range(FOUND)]
    for name in storms:
        upstream.set(name, do.forged_first(MISMATCHES, GOOD, delay=0.1))
    async with asking(upstream.url) as on:
        for name in storms:
            assert await on.ask(name) == ["192.0.2.1"]
        upstream.forget()
        await on.ask("quiet.example.org")
        assert transports(upstream) == ["tcp"]
        await on.pass_time(SIEGE)
        await on.ask("later.example.org")
        assert transports(upstream) == ["tcp", "udp"]


async def test_a_siege_does_not_cut_off_an_upstream_without_tcp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as half:
        half.bind(("127.0.0.1", 0))
        async with asking(f"udp://127.0.0.1:{half.getsockname()[1]}") as on:
            only = on.forwarder.upstreams[0]
            for _ in range(FOUND):
                only.port_found(on.clock.now)
            on.start()
            half.settimeout(10)
            await until(lambda: only.by_stream == 0.0, "the end of the siege")
            assert half.recv(4096), "the next try is a packet again"


async def test_copies_of_an_answer_are_no_storm(upstream: ScriptedUpstream) -> None:
    """A network that duplicates packets must not drive everything to TCP."""
    upstream.set(NAME, lambda seen: GOOD(seen) * 30)
    async with asking(upstream.url) as on:
        assert await on.ask() == ["192.0.2.1"]
        await until(lambda: on.counters.upstream_mismatches == 29)
        assert on.forwarder.upstreams[0].by_stream == 0.0
        await on.ask("next.example.org")
    assert transports(upstream) == ["udp", "udp"]


async def test_a_late_answer_is_no_forgery_and_tells_how_slow_it_was(
    upstream: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    async with asking(upstream.url, second.url) as on:
        upstream.set(NAME, vices.held(lambda: bool(on.ended), GOOD))
        assert await on.ask(seconds=1.0) == ["192.0.2.2"]
        first = on.forwarder.upstreams[0]
        await until(lambda: first.seconds > 0)
        assert on.counters.upstream_mismatches == 0 and on.counters.upstream_timeouts == 1


# Random case


def case_of(seen: Seen) -> str:
    return seen.message.question[0].name.to_text()


async def test_questions_go_out_in_random_case_and_answers_must_repeat_it(upstream: ScriptedUpstream) -> None:
    async with asking(upstream.url, terms=Terms(randomize_case=True)) as on:
        for number in range(8):
            assert await on.ask(f"n{number}.a-long-name-of-many-letters.example.org") == ["192.0.2.1"]
    cases = [case_of(seen).partition(".")[2] for seen in upstream.queries]
    assert len(set(cases)) == 8 and transports(upstream) == ["udp"] * 8


async def test_a_forger_has_to_guess_the_case(upstream: ScriptedUpstream) -> None:
    forged = lambda seen: [*do.wrong_case(OTHER)(seen), *do.after(0.05, GOOD)(seen)]  # noqa: E731
    upstream.set(NAME, do.over_tcp(GOOD, forged))
    async with asking(upstream.url, terms=Terms(randomize_case=True)) as on:
        assert await on.ask() == ["192.0.2.1"]


def lowered(behaviour: Behaviour) -> Behaviour:
    """Answers as servers do that do not keep the case of a question."""

    def change(octets: bytes) -> bytes:
        end = octets.index(b"\0", 12)
        return octets[:12] + octets[12:end].lower() + octets[end:]

    return do.patched(change, behaviour)


async def test_a_server_that_does_not_keep_the_case_is_asked_over_tcp_and_then_left_alone(
    upstream: ScriptedUpstream,
) -> None:
    names = [f"n{number}.a-long-name-of-many-letters.example.org" for number in range(ODD_CASES + 3)]
    for name in names:
        upstream.set(name, lowered(GOOD))
    async with asking(upstream.url, terms=Terms(randomize_case=True)) as on:
        for name in names:
            assert await on.ask(name) == ["192.0.2.1"]
        assert not on.forwarder.upstreams[0].keeps_case
    assert transports(upstream) == ["udp", "tcp"] * ODD_CASES + ["udp"] * 3
    assert case_of(upstream.queries[-1]) == f"{names[-1]}."


# Cookies


def cookie_of(seen: Seen) -> bytes:
    found = [option for option in seen.message.options if option.otype == dns.edns.OptionType.COOKIE]
    return found[0].to_wire() if found else b""


def with_cookie(change: Callable[[bytes], bytes], rcode: str = "NOERROR") -> Behaviour:
    """An answer whose OPT holds what `change` makes of the client cookie."""

    def behave(seen: Seen) -> list[Reply]:
        made = do.response(seen.message, *(["A 192.0.2.1"] if rcode == "NOERROR" else []), ttl=60)
        cookie = change(cookie_of(seen)[:8])
        made.use_edns(0, 0, 1232, options=[dns.edns.GenericOption(dns.edns.OptionType.COOKIE, cookie)])
        made.set_rcode(dns.rcode.from_text(rcode))
        return [Reply(made.to_wire())]

    return behave


SERVER = b"\xa5" * 16
RIGHT = with_cookie(lambda client: client + SERVER)


async def test_every_query_has_a_cookie_and_later_ones_the_servers_too(upstream: ScriptedUpstream) -> None:
    upstream._default = RIGHT
    async with asking(upstream.url) as on:
        for name in (NAME, "next.example.org"):
            assert await on.ask(name) == ["192.0.2.1"]
    first, then = [cookie_of(seen) for seen in upstream.queries]
    assert len(first) == 8 and then == first + SERVER


async def test_without_cookies_none_is_sent(upstream: ScriptedUpstream) -> None:
    async with asking(upstream.url, terms=Terms(cookies=False)) as on:
        await on.ask()
    assert cookie_of(upstream.queries[0]) == b""


async def test_two_upstreams_get_two_cookies(upstream: ScriptedUpstream, second: ScriptedUpstream) -> None:
    async with asking(upstream.url, second.url, terms=Terms("race")) as on:
        await on.ask()
    assert cookie_of(upstream.wait_for(1)[0]) != cookie_of(second.wait_for(1)[0])


async def test_anothers_cookie_is_a_forgery_and_the_wait_goes_on(upstream: ScriptedUpstream) -> None:
    lie = with_cookie(lambda client: bytes(8) + SERVER)
    upstream.set(NAME, lambda seen: [*lie(seen), *do.after(0.05, RIGHT)(seen)])
    async with asking(upstream.url) as on:
        assert await on.ask() == ["192.0.2.1"] and on.counters.upstream_mismatches == 1
    assert transports(upstream) == ["udp"]


async def test_a_cookie_that_is_missing_is_asked_for_over_tcp(upstream: ScriptedUpstream) -> None:
    upstream.set("first.example.org", RIGHT)
    upstream.set(NAME, do.over_tcp(GOOD, OTHER))
    async with asking(upstream.url) as on:
        await on.ask("first.example.org")
        assert await on.ask() == ["192.0.2.1"], "what came over UDP without a cookie is not believed"
    assert transports(upstream) == ["udp", "udp", "tcp"]


async def test_bad_cookie_is_tried_again_with_the_right_one(upstream: ScriptedUpstream) -> None:
    bad = with_cookie(lambda client: client + SERVER, "BADCOOKIE")
    upstream.set(NAME, lambda seen: (RIGHT if cookie_of(seen)[8:] == SERVER else bad)(seen))
    async with asking(upstream.url) as on:
        assert await on.ask() == ["192.0.2.1"]
    assert transports(upstream) == ["udp", "udp"]


async def test_bad_cookie_without_end_goes_over_tcp(upstream: ScriptedUpstream) -> None:
    bad = with_cookie(lambda client: client + SERVER, "BADCOOKIE")
    upstream.set(NAME, do.over_tcp(GOOD, bad))
    async with asking(upstream.url) as on:
        assert await on.ask() == ["192.0.2.1"]
    assert transports(upstream) == ["udp", "udp", "tcp"]


async def test_bad_cookie_over_tcp_is_a_refusal(upstream: ScriptedUpstream) -> None:
    """No cookie was sent there: whoever wants one all the same is not asked again and again."""
    upstream.set(NAME, with_cookie(lambda client: client + SERVER, "BADCOOKIE"))
    async with asking(upstream.url) as on:
        assert await on.ask() == ["SERVFAIL"]
    assert transports(upstream) == ["udp", "udp", "tcp"]


async def test_a_server_that_cannot_read_a_cookie_is_asked_without_an_opt(upstream: ScriptedUpstream) -> None:
    upstream.set(NAME, do.formerr_to_edns(GOOD))
    async with asking(upstream.url) as on:
        assert await on.ask() == ["192.0.2.1"]
        await on.ask("next.example.org")
    assert [seen.message.edns for seen in upstream.queries] == [0, -1, -1]


# The word of the network


async def test_whoever_says_that_nobody_is_there_changes_nothing(upstream: ScriptedUpstream) -> None:
    """An ICMP error can be forged. The try stays open, no port retires, and nobody is set aside for it."""
    upstream.set(NAME, do.after(0.1, GOOD))
    async with asking(upstream.url) as on:
        exchange = on.start()
        (attempt,) = exchange.tries
        assert attempt.where is not None
        for _ in range(50):
            on.forwarder._asker._unreachable(attempt.where)
        await until(lambda: exchange in on.ended)
        assert on.read(exchange) == ["192.0.2.1"] and on.counters.upstream_packets == 1
        only = on.forwarder.upstreams[0]
        assert (only.aside, only.loss, attempt.where.retired) == (0.0, 0.0, False)


async def test_what_the_kernel_refuses_to_send_is_no_wait(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next try leaves at once, to whoever else there is."""
    with ScriptedUpstream(default=GOOD) as other:
        async with asking(upstream.url, other.url) as on:
            pool = on.forwarder._asker._pools[0]
            assert pool is not None
            real = pool.way.send
            refused: list[tuple[bytes, bytes]] = []

            def unwilling(sock: socket.socket, batch: list[tuple[bytes, bytes]]) -> list[Unsent]:
                if not refused:
                    refused.extend(batch)
                    return [(number, errno.ENETUNREACH) for number in range(len(batch))]
                return real(sock, batch)

            monkeypatch.setattr(pool.way, "send", unwilling)
            assert await on.ask("next.example.org") == ["192.0.2.1"]
            assert len(refused) == 1 and len(other.queries) == 1 and not upstream.queries


# Streams


@pytest.mark.parametrize("vice", [
    do.answer("A 192.0.2.9", flags=dns.flags.TC), do.wrong_question(OTHER), do.raw(b"x" * 40, with_id=True),
    do.raw(b"\0\0\x80\0\0\0\0\0\0\0\0\0", with_id=True), do.hang_up(),
], ids=["cut", "another question", "garbage", "empty", "hangs up"])  # fmt: skip
async def test_nothing_bad_is_believed_over_tcp_either(
    upstream: ScriptedUpstream, second: ScriptedUpstream, vice: Behaviour
) -> None:
    upstream._default = vice
    async with asking(upstream.url.replace("udp", "tcp"), second.url) as on:
        assert await on.ask(seconds=4.0) == ["192.0.2.2"]


async def test_an_upstream_that_takes_no_connection_is_tried_again_a_little_later(
    upstream: ScriptedUpstream,
) -> None:
    """Three tries at once would all be lost while it restarts."""
    upstream.stop()
    async with asking(upstream.url.replace("udp", "tcp")) as on:
        exchange = on.start()
        await until(lambda: not exchange.awaited, "the refusal")
        assert exchange not in on.ended and on.counters.upstream_packets == 1
        upstream.start()
        for _ in range(40):
            await on.pass_time(0.05)
        await until(lambda: exchange in on.ended)
        assert on.read(exchange) == ["192.0.2.1"]


async def test_what_goes_over_tcp_gets_time_for_it(upstream: ScriptedUpstream) -> None:
    """A cut answer is no late one: the upstream is there, and a connection takes some round trips."""
    upstream.set(NAME, do.truncated(do.after(0.1, GOOD)))
    async with asking(upstream.url) as on:
        for number in range(20):  # so that it is known to be fast
            await on.ask(f"n{number}.example.org")
        exchange = on.start()
        await until(lambda: exchange.tries[0].state == STREAMED)
        await on.pass_time(0.1)
        await until(lambda: exchange in on.ended)
        assert on.read(exchange) == ["192.0.2.1"] and on.counters.upstream_packets == 21


async def test_cut_for_ever_ends(upstream: ScriptedUpstream) -> None:
    upstream._default = do.answer(flags=dns.flags.TC)
    async with asking(upstream.url) as on:
        assert await on.ask(seconds=5.0) == []
    assert transports(upstream).count("udp") <= MAX_TRIES and transports(upstream).count("tcp") <= MAX_TRIES
