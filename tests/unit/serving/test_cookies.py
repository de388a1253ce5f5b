"""The jar: what clients are given, what is proven, and that two workers are of one mind."""

from __future__ import annotations

import os

import dns.edns
import dns.message
import dns.rcode
import pytest

from resolver.dns import registry
from resolver.dns.answers import reply
from resolver.dns.cookies import AHEAD, LIFETIME, RENEWAL
from resolver.dns.query import CookieQuery, Query, parse_query
from resolver.inherited import SECRET_OCTETS
from resolver.serving import cookies
from resolver.serving.cookies import PERIOD, REMEMBERED, CookieJar, master_secret
from resolver.supervisor.secret import make_secret
from tests.support.client import make_query

MASTER = bytes(range(SECRET_OCTETS))
HOST, OTHER = "192.0.2.7", "192.0.2.8"
CLIENT = b"client 1"
START = 1_700_000_000.0


class Clock:
    """Seconds since 1970 that pass when they are told to."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jar(clock: Clock) -> CookieJar:
    return CookieJar(MASTER, clock)


def asked(*options: dns.edns.Option) -> Query:
    message = make_query("www.example.org")
    message.use_edns(0, options=list(options))
    query = parse_query(message.to_wire())
    assert isinstance(query, Query)
    return query


def with_cookie(data: bytes) -> Query:
    """A query with this cookie, well formed or not."""
    return asked(dns.edns.GenericOption(dns.edns.OptionType.COOKIE, data))


def server_of(jar: CookieJar, data: bytes = CLIENT, host: str = HOST) -> bytes:
    """The server cookie that the reply to this cookie brings; the reply is read by dnspython."""
    query = with_cookie(data)
    extras = jar.extras(query, host)
    assert isinstance(extras, bytes)
    query.extras = extras
    (cookie,) = dns.message.from_wire(reply(query, 0, (0, 0, 0), b"")).options
    assert isinstance(cookie, dns.edns.CookieOption) and cookie.client == data[:8]
    assert len(cookie.server) == 16
    return cookie.server


# What a client gets


def test_who_sends_no_cookie_gets_none(jar: CookieJar) -> None:
    for query in (asked(), asked(dns.edns.GenericOption(dns.edns.OptionType.make(65_001), b"x"))):
        assert jar.extras(query, HOST) == b""
        assert not jar.valid


def test_a_client_cookie_gets_a_server_cookie_that_proves_it(jar: CookieJar) -> None:
    """RFC 7873 5.2.3, then 5.2.5."""
    server = server_of(jar)
    assert not jar.valid
    assert server_of(jar, CLIENT + server) == server, "good for another half hour, so it stays"
    assert jar.valid


def test_nobody_else_can_use_it(jar: CookieJar) -> None:
    server = server_of(jar)
    for data, host in (
        (CLIENT + server, OTHER),
        (b"client 2" + server, HOST),
        (CLIENT + server, "2001:db8::1"),
    ):
        assert server_of(jar, data, host) != server
        assert not jar.valid


def test_a_query_without_a_cookie_takes_the_proof_away(jar: CookieJar) -> None:
    proof = CLIENT + server_of(jar)
    server_of(jar, proof)
    assert jar.valid
    jar.extras(asked(), HOST)
    assert not jar.valid


WRONG = [b"s" * 8, b"\1" * 16, b"\1\0\0\0" + b"\0" * 12, b"s" * 32]


@pytest.mark.parametrize("server", WRONG)
def test_a_wrong_server_cookie_is_replaced(jar: CookieJar, server: bytes) -> None:
    """RFC 7873 5.2.4: the query is answered as if there were none."""
    assert server_of(jar, CLIENT + server) == server_of(jar)
    assert not jar.valid


@pytest.mark.parametrize("length", [0, 1, 7, 9, 15, 41, 500])
def test_a_malformed_cookie_is_an_error_of_form(jar: CookieJar, length: int) -> None:
    """RFC 7873 5.2.2."""
    server_of(jar, CLIENT + server_of(jar))
    assert jar.extras(with_cookie(b"x" * length), HOST) == registry.FORMERR
    assert not jar.valid


def test_the_first_of_two_cookies_counts(jar: CookieJar) -> None:
    """RFC 7873 5.2: so a malformed one behind it does no harm."""
    code = dns.edns.OptionType.COOKIE
    both = asked(dns.edns.GenericOption(code, CLIENT), dns.edns.GenericOption(code, b"x"))
    assert jar.extras(both, HOST) == jar.extras(with_cookie(CLIENT), HOST)


def test_cookies_can_be_turned_off(clock: Clock) -> None:
    jar = CookieJar(MASTER, clock, enabled=False)
    for data in (CLIENT, b"x"):
        assert jar.extras(with_cookie(data), HOST) == b"", "an option like any other that is not known"
    assert dns.message.from_wire(jar.answer(alone(CLIENT), HOST)).rcode() == dns.rcode.FORMERR
    assert not jar.valid


@pytest.mark.parametrize("host", ["fe80::1%eth0", "::1", "", "no address"])
def test_any_host(jar: CookieJar, host: str) -> None:
    server_of(jar, CLIENT + server_of(jar, host=host), host)
    assert jar.valid


# Time

TIMES = {
    # seconds since it was made: is it proven, does the client keep it
    -AHEAD - 1: (False, False),
    -AHEAD: (True, True),
    0: (True, True),
    RENEWAL - 1: (True, True),
    RENEWAL: (True, False),
    LIFETIME: (True, False),
    LIFETIME + 1: (False, False),
    PERIOD: (False, False),
}


@pytest.mark.parametrize("seasoned", [False, True], ids=["forgotten", "remembered"])
@pytest.mark.parametrize(("passed", "expected"), TIMES.items())
def test_for_how_long_a_cookie_is_good(
    passed: int, expected: tuple[bool, bool], seasoned: bool, clock: Clock, jar: CookieJar
) -> None:
    """RFC 9018 4.3: an hour, renewed after half of it; five minutes for a clock that is ahead. What is
    remembered of it says the same as what is computed."""
    server = server_of(jar)
    proof = CLIENT + server
    if seasoned:
        server_of(jar, proof)
    clock.now += passed
    valid, kept = expected
    answerer = jar if seasoned else CookieJar(MASTER, clock)
    assert (server_of(answerer, proof) == server, answerer.valid) == (kept, valid)


def test_a_proof_that_is_remembered_ends_in_time(clock: Clock, jar: CookieJar) -> None:
    """Seen between renewal and end, it is remembered for no longer than it holds."""
    proof = CLIENT + server_of(jar)
    clock.now += LIFETIME - 1
    for later, valid in ((0, True), (1, True), (2, False)):
        clock.now = START + LIFETIME - 1 + later
        server_of(jar, proof)
        assert jar.valid is valid


def test_a_clock_that_is_set_back_harms_nobody(clock: Clock, jar: CookieJar) -> None:
    proof = CLIENT + server_of(jar)
    server_of(jar, proof)
    clock.now -= 86_400
    renewed = server_of(jar, proof)
    assert not jar.valid
    server_of(jar, CLIENT + renewed)
    assert jar.valid


# Secrets


def test_workers_with_one_secret_prove_each_others_cookies(clock: Clock) -> None:
    first, second, stranger = CookieJar(MASTER, clock), CookieJar(MASTER, clock), CookieJar(b"x" * 32, clock)
    proof = CLIENT + server_of(first)
    for jar, valid in ((second, True), (stranger, False)):
        server_of(jar, proof)
        assert jar.valid is valid


def test_the_secret_of_a_day_is_followed_by_another(clock: Clock, jar: CookieJar) -> None:
    """RFC 9018 5: cookies of the day before are still proven, and are replaced in their own time."""
    clock.now = START // PERIOD * PERIOD + PERIOD - 10
    proof = CLIENT + server_of(jar)
    clock.now += 20
    for answerer in (jar, CookieJar(MASTER, clock)):
        server_of(answerer, proof)
        assert answerer.valid
    again = server_of(jar, b"client 2")
    server_of(jar, b"client 2" + again)
    assert jar.valid


def test_every_day_has_a_secret_of_its_own(clock: Clock, jar: CookieJar) -> None:
    """The same client at the same second of two days: nothing in the hash but the secret can tell."""
    hashes = {jar._secret(int(START) + day * PERIOD) for day in range(4)}
    assert len(hashes) == 4 and MASTER not in hashes
    assert len(jar._secrets) <= 2


def test_the_secret_is_read_from_what_was_inherited() -> None:
    descriptor = make_secret()
    found = [master_secret(descriptor) for _ in range(2)]
    os.close(descriptor)
    assert found[0] == found[1] and len(found[0]) == SECRET_OCTETS


def test_without_one_a_worker_makes_its_own() -> None:
    assert master_secret(-1) != master_secret(-1)
    assert len(master_secret(1 << 20)) == SECRET_OCTETS, "a descriptor that is not open"


# Memory


def test_a_client_that_asks_often_costs_a_look_up(
    jar: CookieJar, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    proof = CLIENT + server_of(jar)
    server_of(jar, proof)

    def never(*_: object) -> bytes:
        raise AssertionError("computed again")

    monkeypatch.setattr(cookies, "server_cookie", never)
    monkeypatch.setattr(cookies, "proven", never)
    for _ in range(3):
        clock.now += 100
        server_of(jar, proof)
        assert jar.valid


def test_a_flood_of_cookies_does_not_grow_without_end(
    jar: CookieJar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cookies, "server_cookie", lambda *_: b"s" * 16)
    for number in range(3 * REMEMBERED):
        jar.extras(with_cookie_number(number), HOST)
    assert len(jar._known) <= REMEMBERED


def with_cookie_number(number: int) -> Query:
    query = Query(0, 0, b"", b"", 1, 1)
    query.options = b"\0\x0a\0\x08" + number.to_bytes(8, "big")
    return query


# A query for a cookie alone


def alone(data: bytes) -> CookieQuery:
    message = dns.message.Message(id=0xBEEF)
    message.use_edns(0, options=[dns.edns.GenericOption(dns.edns.OptionType.COOKIE, data)])
    query = parse_query(message.to_wire())
    assert isinstance(query, CookieQuery)
    return query


def answered(jar: CookieJar, data: bytes) -> tuple[dns.rcode.Rcode, bytes, bool]:
    """The rcode, the server cookie given, and whether the one shown was proven."""
    message = dns.message.from_wire(jar.answer(alone(data), HOST))
    (cookie,) = message.options
    assert isinstance(cookie, dns.edns.CookieOption) and cookie.client == CLIENT
    return message.rcode(), cookie.server, jar.valid


def test_a_query_for_a_cookie(jar: CookieJar) -> None:
    """RFC 7873 5.4: NOERROR for a client cookie alone and for a good server cookie, else BADCOOKIE."""
    rcode, server, valid = answered(jar, CLIENT)
    assert (rcode, valid) == (dns.rcode.NOERROR, False)
    assert answered(jar, CLIENT + server) == (dns.rcode.NOERROR, server, True)
    assert answered(jar, CLIENT + b"s" * 16) == (dns.rcode.BADCOOKIE, server, False)


def test_a_malformed_query_for_a_cookie(jar: CookieJar) -> None:
    message = dns.message.from_wire(jar.answer(alone(b"short"), HOST))
    assert message.rcode() == dns.rcode.FORMERR and not message.options
