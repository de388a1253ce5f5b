"""/v1/explain: the verdict, its reasons, and the answer as a client would get it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.admin.api import Api, serving


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with serving(tmp_path) as api:
        yield api


async def explain(api: Api, name: str, **query: Any) -> dict[str, Any]:
    answer = await api.call("GET", "/v1/explain", name=name, **query)
    assert answer.status == 200, answer.json
    found: dict[str, Any] = answer.json
    return found


async def test_before_the_first_generation_nothing_is_blocked(api: Api) -> None:
    found = await explain(api, "ads.example")
    assert (found["verdict"], found["generation"], found["matches"]) == ("none", 0, [])
    assert found["answer"]["by"] == "upstream"


async def test_a_blocked_name_with_list_rule_line_and_answer(api: Api) -> None:
    await api.push("ads", "# first line\n||ads.example^\n")
    found = await explain(api, "www.ads.example")
    assert {key: found[key] for key in ("name", "type", "verdict", "list", "line", "generation")} == {
        "name": "www.ads.example", "type": "A", "verdict": "block", "list": "ads", "line": 2, "generation": 1,
    }  # fmt: skip
    assert found["rule"] == "||ads.example^"
    assert found["matches"][0]["effects"] == ["block-below"]
    assert found["answer"]["by"] == "policy"
    assert found["answer"]["rcode"] == "NOERROR"
    assert any("0.0.0.0" in record for record in found["answer"]["records"])
    assert found["answer"]["extended_errors"][0]["code"] == 15


async def test_allow_beats_block_and_both_are_shown(api: Api) -> None:
    await api.push("ads", "ads.example\n")
    await api.call("PUT", "/v1/lists/ours", {"kind": "allow"})
    await api.push("ours", "ads.example\n")
    found = await explain(api, "ads.example")
    assert (found["verdict"], found["list"]) == ("allow", "ours")
    assert {match["list"] for match in found["matches"]} == {"ads", "ours"}
    assert found["answer"] == {
        "by": "upstream", "rcode": None, "records": [], "extended_errors": [], "note": "",
    }  # fmt: skip


SPELLINGS = ["bücher.example", "BÜCHER.Example.", "xn--bcher-kva.example", " XN--BCHER-KVA.EXAMPLE. "]


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_any_spelling(api: Api, spelling: str) -> None:
    await api.push("ads", "xn--bcher-kva.example\n")
    found = await explain(api, spelling)
    assert (found["verdict"], found["name"]) == ("block", "xn--bcher-kva.example")


async def test_the_answer_follows_the_policy_and_the_type(api: Api) -> None:
    await api.push("ads", "ads.example\n")
    assert (await explain(api, "ads.example", type="https"))["answer"]["records"] == []
    await api.call("PUT", "/v1/policy", {"answer": {"mode": "nxdomain"}})
    assert (await explain(api, "ads.example"))["answer"]["rcode"] == "NXDOMAIN"
    await api.call("PUT", "/v1/policy", {"answer": {"mode": "address", "ipv6": ["2001:db8::7"]}})
    assert "2001:db8::7" in (await explain(api, "ads.example", type="AAAA"))["answer"]["records"][0]
    assert (await explain(api, "ads.example", type="TYPE65280"))["type"] == "TYPE65280"


async def test_special_names_are_answered_here(api: Api) -> None:
    found = await explain(api, "localhost")
    assert found["answer"]["by"] == "special"
    assert "127.0.0.1" in found["answer"]["records"][0]


async def test_a_special_name_can_be_blocked_but_localhost_cannot(api: Api) -> None:
    """As the pipeline has it: a list may block `ads.test`, which would get NXDOMAIN without it."""
    await api.push("ads", "||ads.test^\n||x.localhost^\n")
    blocked = (await explain(api, "ads.test"))["answer"]
    assert blocked["by"] == "policy"
    local = await explain(api, "www.x.localhost")
    assert (local["verdict"], local["answer"]["by"]) == ("block", "special")


async def test_it_follows_every_swap(api: Api) -> None:
    await api.push("ads", "one.example\n")
    assert (await explain(api, "one.example"))["verdict"] == "block"
    await api.push("ads", "two.example\n")
    assert (await explain(api, "one.example"))["verdict"] == "none"
    await api.call("POST", "/v1/generations/1/activate")
    assert (await explain(api, "one.example"))["generation"] == 1


BAD: list[tuple[dict[str, Any], int, str]] = [
    ({}, 400, "parameter-invalid"),
    ({"name": ""}, 422, "name-invalid"),
    ({"name": "a..example"}, 422, "name-invalid"),
    ({"name": "exa mple.org"}, 422, "name-invalid"),
    ({"name": "<script>.example"}, 422, "name-invalid"),
    ({"name": "x" * 64 + ".example"}, 422, "name-invalid"),
    ({"name": ".".join(["label"] * 60)}, 422, "name-invalid"),
    ({"name": "ads.example", "type": "nonsense"}, 422, "type-invalid"),
    ({"name": "ads.example", "type": "TYPE70000"}, 422, "type-invalid"),
    ({"name": "ads.example", "client": "pupil"}, 422, "client-invalid"),
    ({"name": "ads.example", "client": "192.0.2.0/24"}, 422, "client-invalid"),
    ({"name": "ads.example", "group": "pupils"}, 400, "parameter-unknown"),
]


@pytest.mark.parametrize(("query", "status", "code"), BAD)
async def test_bad_names_and_types(api: Api, query: dict[str, Any], status: int, code: str) -> None:
    answer = await api.call("GET", "/v1/explain", **query)
    assert (answer.status, answer.code) == (status, code)


ZONE = """
@                            SOA localhost. root.localhost. 1 3600 600 86400 60
@                            NS localhost.
nodata.example               CNAME *.
drop.example                 CNAME rpz-drop.
tcp.example                  CNAME rpz-tcp-only.
data.example                 A 192.0.2.80
*.walled.example             CNAME *.garden.example.net.
local.example                CNAME localhost.
32.7.2.0.192.rpz-client-ip   CNAME rpz-drop.
24.0.113.0.203.rpz-ip        CNAME .
"""
WALLED = "and what the upstreams say of www.walled.example.garden.example.net"
JUDGED = "rules on the addresses in the answer apply too"

# name, type -> verdict, who answers, rcode, beginning of the records, extended errors, note
ANSWERS: list[tuple[str, str, str, str, str | None, list[str], list[int], str]] = [
    ("nodata.example", "A", "answer", "policy", "NOERROR", [], [15], ""),
    ("drop.example", "A", "answer", "policy", None, [], [], "no reply at all"),
    ("tcp.example", "A", "answer", "policy", "NOERROR", [], [],
     "truncated over UDP; over TCP what the upstreams say"),
    ("data.example", "A", "answer", "policy", "NOERROR", ["A 192.0.2.80"], [4], ""),
    ("data.example", "MX", "answer", "policy", "NOERROR", [], [4], ""),
    ("www.walled.example", "A", "answer", "policy", "NOERROR",
     ["CNAME www.walled.example.garden.example.net."], [4], WALLED),
    ("www.walled.example", "CNAME", "answer", "policy", "NOERROR",
     ["CNAME www.walled.example.garden.example.net."], [4], ""),
    ("local.example", "A", "answer", "policy", "NOERROR", ["CNAME localhost.", "A 127.0.0.1"], [4], ""),
    ("www.example.org", "A", "none", "upstream", None, [], [], JUDGED),
]  # fmt: skip


async def rewriting(api: Api, text: str, format: str) -> None:
    """Put a list that is trusted to rewrite in force."""
    made = await api.call("PUT", "/v1/lists/zone", {"format": format, "rewrites": True})
    assert made.status in (200, 201), made.json
    await api.push("zone", text)


async def test_an_answer_of_a_rule_is_the_one_on_the_wire(api: Api) -> None:
    await rewriting(api, ZONE, "rpz")
    for name, qtype, verdict, by, rcode, records, errors, note in ANSWERS:
        found = await explain(api, name, type=qtype)
        answer = found["answer"]
        assert (found["verdict"], answer["by"], answer["rcode"], answer["note"]) == (verdict, by, rcode, note)
        assert len(answer["records"]) == len(records), name
        for one, expected in zip(answer["records"], records, strict=True):
            assert " ".join(one.split()[3:]) == expected
        assert [one["code"] for one in answer["extended_errors"]] == errors


async def test_the_rule_that_is_named_is_the_one_that_is_obeyed(api: Api) -> None:
    """An alias is given alone, whatever addresses there are; one to the name itself lets the name pass."""
    rules = ("||a.example^$dnsrewrite=192.0.2.7", "||a.example^$dnsrewrite=b.example",
             "||c.example^$dnsrewrite=c.example")  # fmt: skip
    await rewriting(api, "\n".join(rules), "adblock")
    alias = await explain(api, "a.example")
    assert (alias["verdict"], alias["line"]) == ("answer", 2)
    assert alias["answer"]["records"] == ["a.example. 10 IN CNAME b.example."]
    itself = await explain(api, "c.example")
    assert (itself["verdict"], itself["line"], itself["answer"]["by"]) == ("allow", 3, "upstream")


async def test_who_asks_is_said_with_client(api: Api) -> None:
    await rewriting(api, ZONE, "rpz")
    other = await explain(api, "www.example.org", client="192.0.2.8")
    assert (other["verdict"], other["client"], other["for_everybody"]) == ("none", "192.0.2.8", False)
    meant = await explain(api, "www.example.org", client="192.0.2.7")
    assert (meant["verdict"], meant["answer"]["note"]) == ("answer", "no reply at all")
    assert (await explain(api, "www.example.org"))["client"] is None


async def test_rules_with_conditions_are_shown_as_they_are_written(api: Api) -> None:
    rules = [
        "||games.example^$important,client=192.0.2.0/24|~192.0.2.9/32",
        "||games.example^$dnstype=A|AAAA",
        "/^games[0-9]*\\./$denyallow=example.net",
    ]
    await api.push("ads", "\n".join(rules) + "\n")
    found = await explain(api, "games.example", client="192.0.2.7")
    assert (found["verdict"], found["rule"], found["line"]) == ("block", rules[0], 1)
    assert not found["for_everybody"]
    shown = {one["line"]: (one["rule"], one["effects"], one["conditions"]) for one in found["matches"]}
    assert shown == {
        1: (rules[0], ["block", "important"], ["clients 192.0.2.0/24", "clients other than 192.0.2.9/32"]),
        2: (rules[1], ["block"], ["types A, AAAA"]),
        3: (rules[2], ["block"], ["names outside example.net", "names with the expression"]),
    }
    elsewhere = await explain(api, "games.example", client="192.0.2.9", type="TXT")
    assert [one["line"] for one in elsewhere["matches"]] == [3]


async def test_long_conditions_are_counted(api: Api) -> None:
    clients = "|".join(f"192.0.2.{n}" for n in range(1, 9))
    await api.push("ads", f"||games.example^$client={clients}\n")
    (match,) = (await explain(api, "games.example", client="192.0.2.1"))["matches"]
    assert match["conditions"][0].endswith("192.0.2.5/32 and 3 more")


async def test_an_answer_too_long_for_udp_is_shown_as_cut(api: Api) -> None:
    rules = "".join(f"||many.example^$dnsrewrite=192.0.2.{n}\n" for n in range(1, 200))
    await rewriting(api, rules, "adblock")
    answer = (await explain(api, "many.example"))["answer"]
    assert (answer["records"], answer["note"]) == ([], "too long for UDP; whole over TCP")


async def test_the_root_is_a_name(api: Api) -> None:
    assert (await explain(api, "."))["verdict"] == "none"


RECORDS = [
    "printer.home.arpa. 60 A 192.0.2.9",
    "files.home.arpa. 60 CNAME printer.home.arpa.",
    "far.home.arpa. 60 CNAME www.example.org.",
    "ads.example. 60 A 192.0.2.10",
]

# Name -> who answers, with which records, and what is said beside them.
OWN_ANSWERS: dict[str, tuple[str, list[str], str]] = {
    "printer.home.arpa": ("records", ["printer.home.arpa. 60 IN A 192.0.2.9"], ""),
    "files.home.arpa": (
        "records",
        ["files.home.arpa. 60 IN CNAME printer.home.arpa.", "printer.home.arpa. 60 IN A 192.0.2.9"],
        "",
    ),
    "far.home.arpa": (
        "records",
        ["far.home.arpa. 60 IN CNAME www.example.org."],
        "and what the upstreams say of www.example.org",
    ),
    "other.home.arpa": ("special", [], ""),
    "ads.example": ("policy", ["ads.example. 10 IN A 0.0.0.0"], ""),
    "www.example.org": ("upstream", [], ""),
}


@pytest.mark.parametrize(("name", "expected"), OWN_ANSWERS.items())
async def test_records_of_our_own(api: Api, name: str, expected: tuple[str, list[str], str]) -> None:
    await api.call("PUT", "/v1/policy", {"records": RECORDS})
    await api.push("ads", "ads.example\n")
    answer = (await explain(api, name))["answer"]
    assert (answer["by"], answer["records"], answer["note"]) == expected
    assert bool(answer["extended_errors"]) == (expected[0] in ("special", "policy"))
