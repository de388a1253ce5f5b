"""Endpoints and upstream URLs: text into types, and one sentence for what is neither."""

from __future__ import annotations

import base64
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.names import from_host
from resolver.errors import SettingsError
from resolver.upstreams import (
    Endpoint,
    Upstream,
    UpstreamAddress,
    bootstraps,
    faults,
    parse_bootstrap,
    parse_endpoint,
    parse_pin,
    parse_suffix,
    parse_upstream,
    read_upstream,
)

ENDPOINTS = [
    ("127.0.0.1:53", None, Endpoint("127.0.0.1", 53, 4), "127.0.0.1:53"),
    ("[::1]:53", None, Endpoint("::1", 53, 6), "[::1]:53"),
    ("[2001:DB8:0::1]:0", None, Endpoint("2001:db8::1", 0, 6), "[2001:db8::1]:0"),
    ("[fe80::1%eth0]:53", None, Endpoint("fe80::1%eth0", 53, 6), "[fe80::1%eth0]:53"),
    ("192.0.2.1", 53, Endpoint("192.0.2.1", 53, 4), "192.0.2.1:53"),
    ("192.0.2.1:5353", 53, Endpoint("192.0.2.1", 5353, 4), "192.0.2.1:5353"),
    ("2001:db8::1", 53, Endpoint("2001:db8::1", 53, 6), "[2001:db8::1]:53"),
    ("[2001:db8::1]", 53, Endpoint("2001:db8::1", 53, 6), "[2001:db8::1]:53"),
]


@pytest.mark.parametrize(("text", "default", "endpoint", "shown"), ENDPOINTS)
def test_an_endpoint(text: str, default: int | None, endpoint: Endpoint, shown: str) -> None:
    assert parse_endpoint(text, default) == endpoint
    assert str(endpoint) == shown


BAD_ENDPOINTS = ["", ":", ":53", "53", "127.0.0.1:", "127.0.0.1:+5", "127.0.0.1: 5", "127.0.0.1:-1", "[::1]"]
BAD_ENDPOINTS += ["127.0.0.1:\u0665", "127.0.0.1:99999", "[::1:53", "::1]:53", "1.2.3:53", "[::g]:53", "*:53"]


@pytest.mark.parametrize("text", BAD_ENDPOINTS)
def test_no_endpoint(text: str) -> None:
    with pytest.raises(SettingsError):
        parse_endpoint(text)


@pytest.mark.parametrize(
    ("host", "family", "wildcard"),
    [("0.0.0.0", 4, True), ("::", 6, True), ("127.0.0.1", 4, False), ("::1", 6, False)],
)
def test_wildcard_addresses_are_known(host: str, family: int, wildcard: bool) -> None:
    assert Endpoint(host, 53, family).wildcard is wildcard


@given(st.ip_addresses(), st.integers(0, 65_535))
def test_an_endpoint_reads_back_as_itself(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int
) -> None:
    endpoint = Endpoint(str(address), port, address.version)
    assert parse_endpoint(str(endpoint)) == endpoint


@given(st.text(max_size=40))
def test_any_text_is_an_endpoint_or_a_settings_error(text: str) -> None:
    for default in (None, 53):
        try:
            endpoint = parse_endpoint(text, default)
        except SettingsError:
            continue
        assert parse_endpoint(str(endpoint)) == endpoint


UPSTREAMS = [
    ("udp://192.0.2.53", UpstreamAddress("udp", Endpoint("192.0.2.53", 53, 4))),
    ("udp://192.0.2.53:5300", UpstreamAddress("udp", Endpoint("192.0.2.53", 5300, 4))),
    ("tcp://[2001:db8::53]", UpstreamAddress("tcp", Endpoint("2001:db8::53", 53, 6))),
    ("tcp://[2001:db8::53]:5300", UpstreamAddress("tcp", Endpoint("2001:db8::53", 5300, 6))),
    ("tls://192.0.2.53", UpstreamAddress("tls", Endpoint("192.0.2.53", 853, 4), (), "192.0.2.53")),
    (
        "tls://[2001:db8::53]:8853",
        UpstreamAddress("tls", Endpoint("2001:db8::53", 8853, 6), (), "2001:db8::53"),
    ),
    ("tls://dns.example", UpstreamAddress("tls", Endpoint("dns.example", 853, 0), (), "dns.example")),
    ("tls://DNS.Example.:8853", UpstreamAddress("tls", Endpoint("dns.example", 8853, 0), (), "dns.example")),
]


@pytest.mark.parametrize(("url", "address"), UPSTREAMS)
def test_an_upstream(url: str, address: UpstreamAddress) -> None:
    assert parse_upstream(url) == address
    assert parse_upstream(str(address)) == address


BAD_UPSTREAMS = [
    ("192.0.2.1", "is not udp://"),
    ("udp://", "is not ADDRESS:PORT"),
    ("udp://dns.example", "is not ADDRESS:PORT"),
    ("udp://192.0.2.1/path", "is not udp://"),
    ("udp://192.0.2.1?x=1", "is not udp://"),
    ("udp://someone@192.0.2.1", "is not ADDRESS:PORT"),
    ("udp://192.0.2.1:0", "names no server"),
    ("udp://0.0.0.0", "names no server"),
    ("udp://[::1", "is not udp://"),
    ("tcp://dns.example", "is not ADDRESS:PORT"),
    ("tls://192.0.2", "is not ADDRESS:PORT"),
    ("tls://dns.example:0", "names no server"),
    ("tls://dns.example:99999", "names no server"),
    ("tls://-dns.example", "is not ADDRESS:PORT"),
    ("tls://b\u00fccher.example", "is not ADDRESS:PORT"),
    ("tls://" + "a" * 64 + ".example", "is not ADDRESS:PORT"),
    ("tls://" + "a." * 127 + "a", "is not ADDRESS:PORT"),
    ("tls://someone@dns.example", "is not ADDRESS:PORT"),
    ("tls://::", "names no server"),
    ("https://192.0.2.1", "https:// is not in this version; use udp://"),
    ("quic://192.0.2.1", "quic:// is not in this version"),
    ("ftp://192.0.2.1", "is not udp://"),
]


@pytest.mark.parametrize(("url", "message"), BAD_UPSTREAMS)
def test_no_upstream(url: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_upstream(url)
    assert message in str(caught.value)


@given(st.text(max_size=40))
def test_any_text_is_an_upstream_or_a_settings_error(text: str) -> None:
    for url in (text, f"udp://{text}", f"tls://{text}"):
        try:
            parse_upstream(url)
        except SettingsError:
            continue


@pytest.mark.parametrize(
    ("endpoint", "reachable"),
    [
        (Endpoint("0.0.0.0", 53, 4), Endpoint("127.0.0.1", 53, 4)),
        (Endpoint("::", 53, 6), Endpoint("::1", 53, 6)),
        (Endpoint("192.0.2.1", 53, 4), Endpoint("192.0.2.1", 53, 4)),
    ],
)
def test_where_this_machine_reaches_what_listens(endpoint: Endpoint, reachable: Endpoint) -> None:
    assert endpoint.reachable() == reachable


# --- What else an upstream says ----------------------------------------------------------------

PIN = bytes(range(32))
WRITTEN_PIN = base64.b64encode(PIN).decode()


def test_an_upstream_with_all_that_it_may_say() -> None:
    one = Upstream("tls://192.0.2.53", ("Corp.Example", "10.in-addr.arpa."), "DNS.example.", (WRITTEN_PIN,))
    assert read_upstream(one) == UpstreamAddress(
        "tls",
        Endpoint("192.0.2.53", 853, 4),
        (b"\4corp\7example\0", b"\x0210\7in-addr\4arpa\0"),
        "dns.example",
        (PIN,),
    )


@pytest.mark.parametrize(("url", "named"), [("tls://dns.example", True), ("tls://192.0.2.53", False)])
def test_who_must_be_looked_up(url: str, named: bool) -> None:
    assert read_upstream(Upstream(url, opportunistic=True)).opportunistic
    assert read_upstream(Upstream(url)).named is named


@given(st.lists(st.text("abcXYZ019_-", min_size=1, max_size=70), min_size=1, max_size=6), st.booleans())
def test_a_suffix_is_read_as_names_are_read_elsewhere(labels: list[str], dot: bool) -> None:
    text = ".".join(labels) + "." * dot
    try:
        wire = parse_suffix(text)
    except SettingsError:
        return
    assert wire == from_host(text)


@pytest.mark.parametrize(
    "text", ["", ".", "a..b", ".a", "*.a", "a b", "a:53", "b\u00fccher.example", "-a", "a" * 64]
)
def test_no_suffix(text: str) -> None:
    with pytest.raises(SettingsError, match="is no name such as"):
        parse_suffix(text)


BAD_PINS = [
    "",
    "x",
    WRITTEN_PIN[:-1],
    WRITTEN_PIN + "\n",
    base64.b64encode(PIN[1:]).decode(),
    PIN.hex(),
    "\u00fc",
]


@pytest.mark.parametrize("text", BAD_PINS)
def test_no_pin(text: str) -> None:
    with pytest.raises(SettingsError, match="is no pin"):
        parse_pin(text)


@given(st.binary(min_size=32, max_size=32))
def test_a_pin(digest: bytes) -> None:
    assert parse_pin(base64.b64encode(digest).decode()) == digest


FAULTS = [
    (Upstream("udp://192.0.2.1", ("corp.example",)), []),
    (Upstream("tls://192.0.2.1", certificate="dns.example", pins=(WRITTEN_PIN,)), []),
    (Upstream("tls://192.0.2.1", certificate="2001:db8::1", opportunistic=True), []),
    (Upstream("udp://192.0.2.1", certificate="dns.example"), ["certificate"]),
    (
        Upstream("tcp://192.0.2.1", pins=(WRITTEN_PIN,), opportunistic=True),
        ["pins", "opportunistic", "opportunistic"],
    ),
    (Upstream("tls://192.0.2.1", certificate="dns.example:853"), ["certificate"]),
    (Upstream("tls://192.0.2.1", pins=(WRITTEN_PIN,), opportunistic=True), ["opportunistic"]),
]


@pytest.mark.parametrize(("one", "keys"), FAULTS)
def test_keys_that_do_not_go_together(one: Upstream, keys: list[str]) -> None:
    assert [key for key, _ in faults(one)] == keys


def test_who_looks_up_the_names_of_upstreams() -> None:
    plain, named, own = (
        read_upstream(one)
        for one in (
            Upstream("udp://192.0.2.1"),
            Upstream("tls://dns.example"),
            Upstream("udp://192.0.2.2", ("corp.example",)),
        )
    )
    assert bootstraps((), (plain, named, own)) == (plain,)
    assert bootstraps((), (named, own)) == ()
    assert bootstraps(("tcp://192.0.2.3",), (plain, named)) == (parse_upstream("tcp://192.0.2.3"),)


def test_bootstrapping_needs_no_certificate_and_no_name() -> None:
    assert parse_bootstrap("udp://192.0.2.1") == parse_upstream("udp://192.0.2.1")
    for url in ("tls://192.0.2.1", "tls://dns.example", "udp://dns.example"):
        with pytest.raises(SettingsError):
            parse_bootstrap(url)
