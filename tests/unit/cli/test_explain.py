"""`belisha explain`: the verdict first, then why, then what a client gets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.cli.api import Api, problem

BLOCKED: dict[str, Any] = {
    "name": "www.example.com",
    "type": "A",
    "generation": 7,
    "verdict": "block",
    "list": "adult",
    "rule": "||example.com^",
    "line": 12,
    "matches": [
        {"list": "adult", "rule": "||example.com^", "line": 12, "effects": ["block-below"]},
        {"list": "other", "rule": "|www.example.com^", "line": 0, "effects": ["block-name", "block-below"]},
    ],
    "answer": {
        "by": "policy",
        "rcode": "NOERROR",
        "records": ["www.example.com. 10 IN A 0.0.0.0"],
        "extended_errors": [{"code": 15, "text": ""}],
    },
}
FREE = {"name": "example.org", "type": "A", "generation": 7, "verdict": "none", "list": None, "rule": None,
        "line": None, "matches": [], "answer": {"by": "upstream"}}  # fmt: skip
OWN = FREE | {"answer": {"by": "records", "rcode": "NOERROR", "records": ["a.example. 60 IN A 192.0.2.9"]}}
SPECIAL = FREE | {"name": "localhost", "answer": {"by": "special", "rcode": "NOERROR", "records": []}}
ALLOWED = BLOCKED | {"verdict": "allow", "list": "needed", "matches": [], "answer": {"by": "upstream"}}

FOR_SOME = BLOCKED | {
    "verdict": "answer",
    "for_everybody": False,
    "rule": "||example.com^$client=192.0.2.7/32,drop",
    "matches": [
        {
            "list": "other", "rule": "||example.com^$dnstype=A,important", "line": 3,
            "effects": ["block", "important"], "conditions": ["types A", "clients 192.0.2.7/32"],
        },
    ],
    "answer": {"by": "policy", "rcode": None, "records": [], "note": "no reply at all"},
}  # fmt: skip
LED = FREE | {
    "verdict": "answer",
    "answer": {"by": "policy", "rcode": "NOERROR", "records": ["x. 10 IN CNAME y."], "note": "and more of y"},
}
WATCHED = FREE | {"answer": {"by": "upstream", "note": "rules on addresses apply too"}}

CASES = [
    (
        BLOCKED,
        [
            "www.example.com: blocked",
            "  decided by  list adult, line 12: ||example.com^",
            "  also        list other: |www.example.com^ (blocks the name, blocks what is below)",
            "  a client gets  NOERROR, www.example.com. 10 IN A 0.0.0.0, extended error 15",
            "  generation  7",
        ],
    ),
    (FREE, ["example.org: not listed", "  a client gets  what the upstreams say", "  generation  7"]),
    (
        SPECIAL,
        [
            "localhost: not listed",
            "  a client gets  NOERROR, no records (a special name, answered by Belisha whatever lists say)",
            "  generation  7",
        ],
    ),
    (
        OWN,
        [
            "example.org: not listed",
            "  a client gets  NOERROR, a.example. 60 IN A 192.0.2.9 (a record of your own)",
            "  generation  7",
        ],
    ),
    (
        ALLOWED,
        [
            "www.example.com: allowed",
            "  decided by  list needed, line 12: ||example.com^",
            "  a client gets  what the upstreams say",
            "  generation  7",
        ],
    ),
    (
        FOR_SOME,
        [
            "www.example.com: answered by a rule",
            "  decided by  list adult, line 12: ||example.com^$client=192.0.2.7/32,drop",
            "  depends on the client: others may get another answer",
            "  also        list other, line 3: ||example.com^$dnstype=A,important"
            " (blocks, important; for types A; clients 192.0.2.7/32)",
            "  a client gets  no reply at all",
            "  generation  7",
        ],
    ),
    (
        LED,
        [
            "example.org: answered by a rule",
            "  a client gets  NOERROR, x. 10 IN CNAME y.; and more of y",
            "  generation  7",
        ],
    ),
    (
        WATCHED,
        [
            "example.org: not listed",
            "  a client gets  what the upstreams say; rules on addresses apply too",
            "  generation  7",
        ],
    ),
]


IDS = ["blocked", "free", "special", "own", "allowed", "for some", "led", "watched"]


@pytest.mark.parametrize(("answer", "lines"), CASES, ids=IDS)
def test_an_explanation(api: Api, answer: dict[str, Any], lines: list[str]) -> None:
    api.answers["GET", "/v1/explain"] = (200, answer)
    result = api.run("explain", "www.example.com", "--type", "HTTPS")
    assert result.output.splitlines() == lines
    assert api.asked[0].query == {"name": "www.example.com", "type": "HTTPS"}


def test_who_asks_is_passed_on(api: Api) -> None:
    api.answers["GET", "/v1/explain"] = (200, FOR_SOME)
    api.run("explain", "www.example.com", "--client", "192.0.2.7")
    assert api.asked[0].query == {"name": "www.example.com", "type": "A", "client": "192.0.2.7"}


def test_many_rules_are_counted(api: Api) -> None:
    matches = [{"list": f"l{n}", "rule": "x", "line": n, "effects": []} for n in range(1, 15)]
    api.answers["GET", "/v1/explain"] = (200, BLOCKED | {"matches": matches})
    assert "  and 4 more rules\n" in api.run("explain", "x").output


def test_json(api: Api) -> None:
    api.answers["GET", "/v1/explain"] = (200, BLOCKED)
    assert json.loads(api.run("explain", "x", "--json").output) == BLOCKED


def test_a_name_that_is_none(api: Api) -> None:
    api.answers["GET", "/v1/explain"] = problem(
        422, "name-invalid", "The name cannot be read", "a label is empty"
    )
    result = api.run("explain", "a..b")
    assert result.exit_code == 1
    assert result.stderr == "belisha: The name cannot be read: a label is empty\n"
