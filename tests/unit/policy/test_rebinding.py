"""Which names may lead into the private network."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.names import from_text
from resolver.policy.model import RebindingPolicy
from resolver.policy.rebinding import Rebinding

ALLOWED = ("direct.example", "Box.Example.NET.", "bücher.example", "lab")

GUARDED = {
    "www.example.org": True,
    "example": False,  # a single label: nobody has it
    "a.example": True,
    ".": True,
    "direct.example": False,
    "10-0-0-1.0a1b.direct.example": False,
    "xdirect.example": True,
    "direct.example.org": True,
    "box.example.net": False,
    "a.box.example.net": False,
    "example.net": True,
    "xn--bcher-kva.example": False,
    "a.lab": False,
    "a.home.arpa": False,
    "home.arpa": False,
    "xhome.arpa": True,
    "a.internal": False,
    "a.b.lan": False,
    "a.local": False,
    "a.localhost": False,
    "a.test": False,
    "lan.example": True,
    # One label that holds the octets of a name that is exempt (RFC 2181 11).
    r"x\006direct\007example.org": True,
    r"x\006direct\007example": False,  # a single label again
    r"a.x\003lan": True,
    r"x\.home\.arpa.example": True,
}


@pytest.mark.parametrize(("name", "guarded"), GUARDED.items())
def test_guarded(name: str, guarded: bool) -> None:
    assert Rebinding(RebindingPolicy(allow=ALLOWED)).guards(from_text(name)) is guarded


def test_protection_is_on_by_default_and_can_be_turned_off() -> None:
    assert Rebinding(RebindingPolicy()).guards(from_text("www.example.org"))
    assert not Rebinding(RebindingPolicy(protect=False)).guards(from_text("www.example.org"))


@given(
    st.lists(st.binary(min_size=1, max_size=63), max_size=4), st.sampled_from([*ALLOWED, "home.arpa", "lan"])
)
def test_all_below_an_exempt_name_is_exempt(labels: list[bytes], suffix: str) -> None:
    exempt = Rebinding(RebindingPolicy(allow=ALLOWED))
    prefix = b"".join(bytes((len(label),)) + label.lower() for label in labels)
    tail = from_text(suffix.lower()) if suffix.isascii() else from_text("xn--bcher-kva.example")
    assert not exempt.guards(prefix + tail)


@given(st.lists(st.binary(min_size=1, max_size=63), min_size=2, max_size=3))
def test_what_nobody_allowed_is_guarded(labels: list[bytes]) -> None:
    name = b"".join(bytes((len(label),)) + label.lower() for label in [*labels, b"example", b"org"]) + b"\0"
    assert Rebinding(RebindingPolicy(allow=ALLOWED)).guards(name)
