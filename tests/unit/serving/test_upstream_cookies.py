"""Cookies towards upstreams: what is sent, what is believed, what is learnt."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import dns.edns
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.cookies import split
from resolver.dns.edns import extended_error, written
from resolver.dns.query import option
from resolver.serving.chance import numbers
from resolver.serving.upstream_cookies import ACCEPTED, FORGED, HOUR, MISSING, UpstreamCookies

COOKIE = int(dns.edns.OptionType.COOKIE)
ONE, TWO = "192.0.2.53:53", "192.0.2.54:53"
SERVER = b"a server cookie!"


@pytest.fixture
def cookies() -> UpstreamCookies:
    return UpstreamCookies(counting())


def counting() -> Iterator[int]:
    return count(1)


def sent(cookies: UpstreamCookies, server: str = ONE, now: float = 0.0) -> tuple[bytes, bytes]:
    """Client and server cookie of the option that a query carries."""
    octets = cookies.for_query(server, now)
    data = option(octets, COOKIE)
    assert data is not None and octets == written(COOKIE, data)
    parts = split(data)
    assert parts is not None
    return parts


def echo(cookies: UpstreamCookies, server: bytes = SERVER, of: str = ONE) -> bytes:
    """The options of a reply from an upstream that knows cookies."""
    return written(COOKIE, sent(cookies, of)[0] + server)


# What is sent


def test_each_upstream_has_a_client_cookie_of_its_own(cookies: UpstreamCookies) -> None:
    """RFC 7873 4.1, RFC 9018 3: nobody can compare; and it stays the same for a while."""
    assert sent(cookies, ONE) != sent(cookies, TWO)
    assert sent(cookies, ONE) == sent(cookies, ONE, HOUR - 1)
    assert sent(cookies, ONE)[1] == b""


def test_it_is_made_of_chance() -> None:
    assert sent(UpstreamCookies(numbers())) != sent(UpstreamCookies(numbers()))


def test_what_a_server_gave_is_shown_to_it_and_to_nobody_else(cookies: UpstreamCookies) -> None:
    client, _ = sent(cookies, ONE)
    sent(cookies, TWO)
    assert cookies.check(ONE, echo(cookies)) == ACCEPTED
    assert sent(cookies, ONE) == (client, SERVER)
    assert sent(cookies, TWO)[1] == b""


def test_the_newest_server_cookie_counts(cookies: UpstreamCookies) -> None:
    """RFC 7873 5.3: it is kept whatever the rcode; after BADCOOKIE the next query has the right one."""
    for server in (SERVER, b"another " * 4, b"eight...", SERVER):
        assert cookies.check(ONE, echo(cookies, server)) == ACCEPTED
        assert sent(cookies)[1] == server


def test_after_an_hour_all_begins_anew(cookies: UpstreamCookies) -> None:
    client, _ = sent(cookies)
    cookies.check(ONE, echo(cookies))
    renewed, server = sent(cookies, now=HOUR)
    assert renewed != client and server == b""
    assert cookies.check(ONE, b"") == ACCEPTED, "an upstream that has given cookies up is asked as before"


def test_a_reply_under_way_when_it_ends_is_believed(cookies: UpstreamCookies) -> None:
    under_way = echo(cookies)
    renewed, _ = sent(cookies, now=HOUR)
    assert cookies.check(ONE, under_way) == ACCEPTED
    assert sent(cookies, now=HOUR) == (renewed, b""), "what belongs to the old cookie is not learnt"
    sent(cookies, now=2 * HOUR)
    assert cookies.check(ONE, under_way) == FORGED


# What is believed


def test_an_upstream_without_cookies(cookies: UpstreamCookies) -> None:
    sent(cookies)
    for options in (b"", extended_error(15, "blocked"), written(65_001)):
        assert cookies.check(ONE, options) == ACCEPTED


def test_an_upstream_that_only_echoes_is_expected_to_send_nothing(cookies: UpstreamCookies) -> None:
    """Some servers send unknown options back: that is no server cookie, and no promise of one."""
    assert cookies.check(ONE, written(COOKIE, sent(cookies)[0])) == ACCEPTED
    assert cookies.check(ONE, b"") == ACCEPTED
    assert sent(cookies)[1] == b""


def test_who_has_sent_cookies_must_go_on(cookies: UpstreamCookies) -> None:
    """RFC 7873 5.3: a reply without one is not to be believed."""
    cookies.check(ONE, echo(cookies))
    assert cookies.check(ONE, b"") == MISSING
    assert cookies.check(ONE, extended_error(15)) == MISSING
    assert cookies.check(ONE, echo(cookies)) == ACCEPTED
    sent(cookies, TWO)
    assert cookies.check(TWO, b"") == ACCEPTED, "the other has never sent any"


FORGERIES = {
    "another client cookie": b"guessed!" + SERVER,
    "another, alone": b"guessed!",
    "none": b"",
    "too short": b"1234567",
    "half a server cookie": b"guessed!" + b"1234567",
    "too long": b"guessed!" + b"x" * 33,
}


@pytest.mark.parametrize("data", FORGERIES.values(), ids=FORGERIES)
@pytest.mark.parametrize("knows", [False, True])
def test_forgeries(data: bytes, knows: bool, cookies: UpstreamCookies) -> None:
    """RFC 7873 5.3: a wrong client cookie or an illegal length; and nothing is learnt from it."""
    sent(cookies)
    if knows:
        cookies.check(ONE, echo(cookies))
    before = sent(cookies)
    assert cookies.check(ONE, written(COOKIE, data)) == FORGED
    assert sent(cookies) == before


@pytest.mark.parametrize("tail", [b"1234567", b"x" * 33])
def test_an_illegal_length_behind_the_right_client_cookie(tail: bytes, cookies: UpstreamCookies) -> None:
    assert cookies.check(ONE, echo(cookies, tail)) == FORGED
    assert sent(cookies)[1] == b""


def test_the_first_cookie_of_a_reply_counts(cookies: UpstreamCookies) -> None:
    good = echo(cookies)
    assert cookies.check(ONE, good + written(COOKIE, b"x")) == ACCEPTED
    assert cookies.check(ONE, written(COOKIE, b"x") + good) == FORGED


def test_the_cookie_of_another_upstream_is_a_forgery(cookies: UpstreamCookies) -> None:
    sent(cookies, ONE)
    assert cookies.check(ONE, echo(cookies, of=TWO)) == FORGED


def test_one_that_was_never_asked(cookies: UpstreamCookies) -> None:
    assert cookies.check(ONE, written(COOKIE, b"whatever")) == ACCEPTED


@given(st.binary(max_size=100))
def test_any_octets_in_a_reply(options: bytes) -> None:
    """Never raises; and without our cookie nothing is ever learnt."""
    cookies = UpstreamCookies(numbers())
    before = sent(cookies)
    assert cookies.check(ONE, options) in (FORGED, ACCEPTED)
    assert sent(cookies) == before


def test_memory_is_bounded(cookies: UpstreamCookies) -> None:
    for number in range(3_000):
        cookies.for_query(str(number), 0.0)
    assert len(cookies._upstreams) <= 1_024
