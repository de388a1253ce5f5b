"""Conditional forwarding: the longest suffix says who is asked, and nobody else is."""

from __future__ import annotations

from typing import Any

import pytest

from resolver.dns.names import from_text
from resolver.serving.routes import Routes
from resolver.upstreams import Upstream, UpstreamAddress, read_upstream
from tests.support import behaviours as do
from tests.support.upstream import Script, ScriptedUpstream
from tests.unit.serving.ground import addresses, extended_errors, ground, snapshot


class Asked:
    """Stands for a forwarder: which upstreams it has, and whether it was closed."""

    def __init__(self, upstreams: Any) -> None:
        self.urls = [str(one) for one in upstreams]
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


def routes(*upstreams: Upstream) -> Routes:
    return Routes([read_upstream(one) for one in upstreams], Asked)  # type: ignore[arg-type]


PLAIN = Upstream("udp://192.0.2.1")
CORP = Upstream("udp://192.0.2.2", names=("corp.example", "10.in-addr.arpa"))
LAB = Upstream("udp://192.0.2.3", names=("lab.corp.example",))
SPARE = Upstream("udp://192.0.2.4", names=("corp.example",))

WAYS = [
    ("www.example.org", None), ("example", None), (".", None), ("notcorp.example", None),
    ("corp.example", ["192.0.2.2", "192.0.2.4"]), ("a.b.corp.example", ["192.0.2.2", "192.0.2.4"]),
    ("1.0.0.10.in-addr.arpa", ["192.0.2.2"]), ("lab.corp.example", ["192.0.2.3"]),
    ("x.lab.corp.example", ["192.0.2.3"]), ("corp.example.org", None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "hosts"), WAYS)
def test_the_longest_suffix_counts(name: str, hosts: list[str] | None) -> None:
    found: Any = routes(PLAIN, CORP, LAB, SPARE).find(from_text(name))
    assert (found and found.urls) == (hosts and [f"udp://{host}:53" for host in hosts])


def test_a_suffix_is_whole_labels() -> None:
    """`x.corp` as one label with a dot in it is not below corp.example."""
    assert routes(PLAIN, CORP).find(from_text("a\\.corp.example")) is None


def test_those_with_names_are_asked_for_nothing_else() -> None:
    default: Any = routes(CORP, PLAIN, LAB).default
    assert default.urls == ["udp://192.0.2.1:53"]


def test_equal_upstreams_share_a_forwarder_and_all_are_closed_once() -> None:
    made = routes(PLAIN, CORP)
    suffixes: Any = made.suffixes
    assert len({id(one) for one in suffixes.values()}) == 1
    made.close()
    everyone: Any = {made.default, *suffixes.values()}
    assert [one.closed for one in everyone] == [1, 1]


def test_most_have_none() -> None:
    assert not routes(PLAIN) and routes(PLAIN, CORP)
    assert routes(PLAIN).find(from_text("corp.example")) is None


def named(upstream: ScriptedUpstream, *names: str) -> UpstreamAddress:
    return read_upstream(Upstream(upstream.url, names=names))


async def test_names_of_the_inside_stay_inside() -> None:
    """Special names go to an upstream of their own, private addresses may come from it, and nobody else is
    asked when it is silent. A block still wins, and localhost is localhost."""
    inner: Script = {
        "host.home.arpa": do.answer("A 192.168.7.1"),
        "1.7.168.192.in-addr.arpa": do.answer("PTR host.home.arpa."),
        "ill.home.arpa": do.failed(),
    }
    with ScriptedUpstream(inner) as inside, ScriptedUpstream(default=do.answer("A 192.0.2.1")) as outside:
        given = [named(outside), named(inside, "home.arpa", "168.192.in-addr.arpa", "localhost")]
        async with ground(*given, served=snapshot(block=("bad.home.arpa",))) as on:
            assert addresses(await on.ask("host.home.arpa")) == ["192.168.7.1"]
            assert addresses(await on.ask("host.home.arpa")) == ["192.168.7.1"], "from the cache as well"
            assert (await on.ask("1.7.168.192.in-addr.arpa", "PTR")).answer
            assert addresses(await on.ask("localhost")) == ["127.0.0.1"]
            assert (await on.ask("ill.home.arpa")).rcode() == 2
            assert addresses(await on.ask("bad.home.arpa")) == ["0.0.0.0"]
            assert addresses(await on.ask("www.example.org")) == ["192.0.2.1"]
            assert extended_errors(await on.ask("1.0.0.10.in-addr.arpa", "PTR")) == [29]
        assert {seen.qname for seen in outside.queries} == {"www.example.org"}
        assert not {"bad.home.arpa", "localhost"} & {seen.qname for seen in inside.queries}
