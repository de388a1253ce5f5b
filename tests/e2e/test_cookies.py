"""A cookie that one worker gave is good with every other, also with one that was started again."""

from __future__ import annotations

import os
import signal

import dns.edns
import dns.message
import dns.rcode

from tests.e2e.belisha import Belisha, wait_for
from tests.support.client import exchange_tcp, exchange_udp, make_query

CLIENT = b"client!!"
ROUNDS = 24
"""Queries, each from a port of its own: that one worker gets them all has a chance of one to millions."""


def given(server: Belisha, cookie: bytes, tcp: bool = False) -> bytes:
    """The server cookie that comes with the reply to this cookie; the one shown, if it was proven."""
    message = make_query("localhost")
    message.use_edns(0, options=[dns.edns.GenericOption(dns.edns.OptionType.COOKIE, cookie)])
    exchange = exchange_tcp if tcp else exchange_udp
    reply = dns.message.from_wire(exchange(server.address(), message.to_wire()))
    assert reply.rcode() == dns.rcode.NOERROR and reply.answer
    (option,) = (one for one in reply.options if isinstance(one, dns.edns.CookieOption))
    assert option.client == CLIENT
    return option.server


def test_every_worker_proves_what_any_worker_gave(server: Belisha) -> None:
    shown = given(server, CLIENT)
    assert {given(server, CLIENT + shown) for _ in range(ROUNDS)} == {shown}
    assert given(server, CLIENT + shown, tcp=True) == shown
    stolen = shown[:-1] + bytes([shown[-1] ^ 1])
    assert stolen not in {given(server, CLIENT + stolen) for _ in range(4)}


def test_a_worker_that_was_started_again_proves_it_too(server: Belisha) -> None:
    shown = given(server, CLIENT)
    lives = server.log().count("worker serves")
    for name in ("worker-0", "worker-1"):
        os.kill(server.children()[name], signal.SIGKILL)
    wait_for(lambda: server.log().count("worker serves") == lives + 2, "the next lives")
    assert {given(server, CLIENT + shown) for _ in range(ROUNDS)} == {shown}


def test_a_query_for_a_cookie_alone(server: Belisha) -> None:
    """RFC 7873 5.4."""
    message = dns.message.Message(id=7)
    message.use_edns(0, options=[dns.edns.CookieOption(CLIENT, b"")])
    reply = dns.message.from_wire(exchange_udp(server.address(), message.to_wire()))
    assert reply.rcode() == dns.rcode.NOERROR and not reply.question
    (option,) = reply.options
    assert isinstance(option, dns.edns.CookieOption) and len(option.server) == 16
    assert given(server, CLIENT + option.server) == option.server
