"""unbound local zones: the type decides."""

from __future__ import annotations

import pytest

from resolver.rules.formats.unbound import ALLOW_TYPES, BLOCK_TYPES, OTHER_TYPES, read
from tests.unit.rules.shorthand import said

TYPES = {
    **dict.fromkeys(sorted(BLOCK_TYPES), "||a.example^"),
    **dict.fromkeys(sorted(ALLOW_TYPES), "@@||a.example^"),
    **dict.fromkeys(sorted(OTHER_TYPES), "ignored other-option"),
    "always_never": "invalid unknown-zone-type",
}

LINES = {
    'local-zone: "a.example" always_nxdomain': ["||a.example^"],
    "local-zone: a.example. static": ["||a.example^"],
    "local-zone: 'A.Example.' 'always_null'": ["||a.example^"],
    'local-zone:"a.example."   REFUSE # why': ["||a.example^"],
    'local-data: "a.example. A 0.0.0.0"': ["ignored other-option"],
    "server:": ["ignored other-option"],
    "interface: 127.0.0.1": ["ignored other-option"],
    "# local-zone: x": ["comment"],
    'local-zone: "localhost." static': ["ignored local-name"],
    'local-zone: "." refuse': ["refused rule-too-wide"],
    'local-zone: "com." refuse': ["refused rule-too-wide"],
    'local-zone: "com." transparent': ["refused rule-too-wide"],
    'local-zone: "a..example." static': ["invalid label-empty"],
    'local-zone: "a.example."': ["invalid not-unbound"],
    'local-zone: "a.example. static': ["invalid not-unbound"],
    "local-zone:": ["invalid not-unbound"],
    "a.example": ["invalid not-unbound"],
    "address=/a.example/#": ["invalid not-unbound"],
}


@pytest.mark.parametrize(("zone_type", "means"), TYPES.items())
def test_type(zone_type: str, means: str) -> None:
    assert said(read(f'local-zone: "a.example." {zone_type}')) == [means]


@pytest.mark.parametrize(("line", "means"), LINES.items(), ids=repr)
def test_line(line: str, means: list[str]) -> None:
    assert said(read(line)) == means
