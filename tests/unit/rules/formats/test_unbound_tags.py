"""Tags of unbound: who a zone is for, when that is known only at the end."""

from __future__ import annotations

import pytest

from resolver.rules.formats import unbound_tags
from tests.unit.rules.formats.told import told

ZONE = 'local-zone: "a.example." always_null'
TAG = 'local-zone-tag: "a.example." "kids"'
NETWORK = 'access-control-tag: 192.0.2.7/24 "kids staff"'
DATA = 'local-data: "x.a.example. A '

CASES = {
    "in any order": (
        [NETWORK, TAG, ZONE],
        ["ignored tag", "ignored tag", "||a.example^", "3: void ||a.example^"],
        ["3: ||a.example^$client=192.0.2.0/24"],
    ),
    "an exception": (
        [NETWORK, TAG, 'local-zone: "a.example" transparent'],
        ["ignored tag", "ignored tag", "@@||a.example^", "3: void @@||a.example^"],
        ["3: @@||a.example^$client=192.0.2.0/24"],
    ),
    "one type": (
        [NETWORK, TAG, 'local-zone: "a.example" block_a'],
        ["ignored tag", "ignored tag", "||a.example^$dnstype=A", "3: void ||a.example^$dnstype=A"],
        ["3: ||a.example^$dnstype=A,client=192.0.2.0/24"],
    ),
    "several networks and tags": (
        [
            ZONE,
            'local-zone-tag: "a.example." "kids guests"',
            NETWORK,
            'access-control-tag: 2001:db8::/32 "guests"',
            'access-control-tag: 198.51.100.0/24 "other"',
        ],
        ["||a.example^", *["ignored tag"] * 4, "1: void ||a.example^"],
        ["1: ||a.example^$client=192.0.2.0/24|2001:db8::/32"],
    ),
    "no network": (
        [ZONE, TAG],
        ["||a.example^", "ignored tag", "1: void ||a.example^"],
        ["1: unenforceable tag-without-clients"],
    ),
    "no zone": ([TAG, NETWORK], ["ignored tag", "ignored tag"], ["1: invalid tag-without-zone"]),
    "no tags": (['local-zone-tag: "a.example" ""'], ["invalid not-unbound"], []),
    "no network's tag": (['access-control-tag: 192.0.2.0/33 "a"'], ["invalid bad-network"], []),
    "no name": (['local-zone-tag: "a..example" "a"'], ["invalid label-empty"], []),
    "a name that is blocked by its data": (
        [ZONE, TAG, NETWORK, f'{DATA}0.0.0.0"', 'local-data: "b.example A 0.0.0.0"'],
        [
            "||a.example^",
            "ignored tag",
            "ignored tag",
            "|x.a.example^",
            "|b.example^",
            "0: void |x.a.example^",
        ],
        ["1: void ||a.example^", "1: ||a.example^$client=192.0.2.0/24"],
    ),
}


@pytest.mark.parametrize(("lines", "first", "rest"), CASES.values(), ids=CASES)
def test_zone(lines: list[str], first: list[str], rest: list[str]) -> None:
    assert told("unbound", "\n".join(lines)) == first + rest


def test_data_that_may_rewrite_is_for_the_same_clients() -> None:
    lines = [ZONE, TAG, NETWORK, f'{DATA}192.0.2.1"', 'local-data: "y.a.example A 0.0.0.0"']
    assert told("unbound", "\n".join(lines), rewrites=True)[-2:] == [
        "4: |x.a.example^$client=192.0.2.0/24,dnsrewrite=NOERROR;A;192.0.2.1",
        "5: |y.a.example^$client=192.0.2.0/24",
    ]


def test_zones_that_are_not_remembered_are_taken_back_and_not_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unbound_tags, "MAX_ZONES", 1)
    lines = ['local-zone: "b.example" refuse', ZONE, TAG, NETWORK]
    assert told("unbound", "\n".join(lines))[4:] == [
        "3: void ||a.example^",
        "3: void @@||a.example^",
        "3: invalid too-many-records",
    ]


BOUNDS = {
    "MAX_ZONES": ['local-zone-tag: "b.example" "a"', "invalid too-many-records"],
    "MAX_NETWORKS": ['access-control-tag: 192.0.2.0/24 "b"', "invalid too-many-records"],
}


@pytest.mark.parametrize(("bound", "case"), BOUNDS.items())
def test_bounds(monkeypatch: pytest.MonkeyPatch, bound: str, case: list[str]) -> None:
    monkeypatch.setattr(unbound_tags, bound, 1)
    first = 'local-zone-tag: "a.example" "a"\naccess-control-tag: 192.0.2.0/24 "a"\n'
    assert told("unbound", first + case[0])[2] == case[1]


def test_networks_of_all_rules_together_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unbound_tags, "MAX_CLIENTS", 1)
    lines = [ZONE, TAG, NETWORK, 'local-zone: "b.example" refuse', 'local-zone-tag: "b.example" "kids"']
    assert told("unbound", "\n".join(lines))[-1] == "4: unenforceable too-many-side-rules"
