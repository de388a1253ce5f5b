"""A list in every notation at once, asked over real sockets: docs/lists.md, line for line.

One server serves all of this file. Every list speaks of names that begin with its own letter, so what one
says cannot hide what another one does not. An answer is written in a few words: its rcode, its data, and
the extended error behind an `E`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest

from tests.e2e.belisha import SECONDS, Belisha
from tests.e2e.conftest import UPSTREAM_ADDRESS
from tests.support.behaviours import Behaviour, answer
from tests.support.client import ask, make_query, silent_udp
from tests.support.upstream import ScriptedUpstream

LISTS: dict[str, tuple[dict[str, Any], str]] = {
    "hosts": (
        {"format": "hosts"},
        "127.0.0.1 localhost\n0.0.0.0 h1.example H2.example. # both\n192.0.2.7 h3.example\n",
    ),
    "hosts-trusted": (
        {"format": "hosts", "rewrites": True},
        "192.0.2.7 ht.example\n2001:db8::7 ht.example\n192.0.2.8 ht.example\n",
    ),
    "domains": ({"format": "domains"}, "d1.example\n*.d2.example\n/^dd[0-9]/\nbücher.example\n"),
    "domains-below": ({"format": "domains", "match": "suffix"}, "ds.example\n"),
    "wildcard": (
        {"format": "wildcard"},
        "*.w1.example\n=w2.example\nwads.*\n*wbanner*\nwd?[0-9]*.example\nw5.example @work\n",
    ),
    "adblock": (
        {"format": "adblock"},
        "||a1.example^\n@@||ok.a1.example^\n|a2.example^\n||*.a3.example^\n"
        "||a4.example^$important\n@@||a4.example^\n||a5.example^\n||a5.example^$badfilter\n"
        "||a6.example^$client=127.0.0.2\n||a7.example^$client=~127.0.0.2\n||a8.example^$ctag=user_child\n"
        "||a9.example^$dnstype=AAAA|HTTPS\n||a10.example^$denyallow=ok.a10.example\n"
        "||a11.example^$dnsrewrite=REFUSED\n||a12.example^$dnsrewrite=NXDOMAIN\n"
        "||a13.example^$dnsrewrite=NOERROR\n||a14.example^$dnsrewrite=192.0.2.7\n"
        "||a15.example^$dnsrewrite=0.0.0.0\n||a16.example^$respgeo=XX\n||a17.example^$third-party\n"
        "||a18.example^$dnsrewrite=REFUSED\n@@||a18.example^$dnsrewrite\n"
        "a19.example##.banner\n||aads-\n/^aex[0-9]+\\./\n||co.uk^\nbad..line\n",
    ),
    "adblock-trusted": (
        {"format": "adblock", "rewrites": True},
        "||at1.example^$dnsrewrite=garden.example.net\n"
        "||at2.example^$dnsrewrite=NOERROR;MX;10 mx.example.net\n"
        "||at3.example^$dnsrewrite=192.0.2.7\n||at3.example^$dnsrewrite=192.0.2.8\n",
    ),
    "dnsmasq": (
        {"format": "dnsmasq"},
        "address=/m1.example/0.0.0.0\nlocal=/m2.example/m3.example/\nserver=/ok.m2.example/#\n"
        "address=/*m4.example/#\naddress=/*.m5.example/\naddress=/m6.example/192.0.2.7\n"
        "server=/m7.example/192.0.2.53\ncache-size=100\n",
    ),
    "unbound": (
        {"format": "unbound"},
        'server:\nlocal-zone: "u1.example." always_null\nlocal-zone: "u2.example." always_nxdomain\n'
        'local-zone: "ok.u2.example." transparent\nlocal-zone: "u3.example." block_a\n'
        'local-data: "u4.example. A 0.0.0.0"\ndefine-tag: "young"\nlocal-zone: "u5.example." always_null\n'
        'local-zone-tag: "u5.example." "young"\naccess-control-tag: 127.0.0.2/32 "young"\n',
    ),
    "unbound-trusted": (
        {"format": "unbound", "rewrites": True},
        'local-zone: "ut.example." redirect\nlocal-data: "ut.example. 60 A 192.0.2.7"\n',
    ),
    "rpz": (
        {"format": "rpz", "rewrites": True},
        "$TTL 300\n@ SOA ns.rpz.example. host.rpz.example. 1 2 3 4 5\n  NS ns.rpz.example.\n"
        "r1.example CNAME .\n*.r2.example CNAME .\nok.r2.example CNAME rpz-passthru.\nr3.example CNAME *.\n"
        "r4.example CNAME rpz-drop.\nr5.example CNAME rpz-tcp-only.\nr6.example A 192.0.2.6\n"
        'r6.example TXT "hello"\nr7.example CNAME garden.example.net.\n'
        "*.r8.example CNAME *.garden.example.net.\n32.99.2.0.192.rpz-ip CNAME .\n"
        "32.3.0.0.127.rpz-client-ip CNAME *.\nr9.example.rpz-nsdname CNAME .\n"
        "24.0.2.0.192.rpz-nsip CNAME .\n",
    ),
    "regex": ({"format": "regex"}, "/^x1[0-9]+\\./\n^x2\\.\n@@/^x1000\\./\n/(x)\\1/\n"),
    "pihole": (
        {"format": "pihole-regex"},
        "^p1[0-9]+\\.\n^p2\\.;querytype=AAAA\n^p3\\.;reply=nxdomain\n^p4\\.;reply=nodata\n^p5\\.;reply=refused\n"
        "^p6\\.;reply=none\n^p7\\.;reply=192.0.2.7\n^p8\\.;querytype=!A\n\\.example$;invert\n",
    ),
    "allowed": ({"kind": "allow", "format": "adblock"}, "||l.a1.example^\n/^x13\\./\n||a4.example^\n"),
}
"""List -> its description and its content."""

FORWARDED = f"NOERROR {UPSTREAM_ADDRESS}"
BLOCKED, BLOCKED_6, NO_DATA = "NOERROR 0.0.0.0 E15", "NOERROR :: E15", "NOERROR E15"
NOWHERE, REFUSED, SILENT = "NXDOMAIN E15", "REFUSED E15", "silence"
GARDEN = f"NOERROR garden.example.net. {UPSTREAM_ADDRESS} E4"

ANSWERS: dict[str, str] = {
    # hosts
    "h1.example": BLOCKED, "h1.example AAAA": BLOCKED_6, "h1.example HTTPS": NO_DATA, "h2.example": BLOCKED,
    "h3.example": BLOCKED, "below.h1.example": FORWARDED, "localhost": "NOERROR 127.0.0.1 E29",
    "ht.example": "NOERROR 192.0.2.7 192.0.2.8 E4", "ht.example AAAA": "NOERROR 2001:db8::7 E4",
    "ht.example TXT": "NOERROR E4", "below.ht.example": FORWARDED,
    # domains
    "d1.example": BLOCKED, "below.d1.example": FORWARDED, "d2.example": BLOCKED, "below.d2.example": BLOCKED,
    "dd1.example": BLOCKED, "xn--bcher-kva.example": BLOCKED, "below.ds.example": BLOCKED,
    # wildcard
    "w1.example": BLOCKED, "below.w1.example": BLOCKED, "w2.example": BLOCKED, "below.w2.example": FORWARDED,
    "wads.example": BLOCKED, "below.wads.example": FORWARDED, "my-wbanners.example": BLOCKED,
    "wdx1abc.example": BLOCKED, "wdxx.example": FORWARDED, "w5.example": FORWARDED,
    # adblock
    "a1.example": BLOCKED, "below.a1.example": BLOCKED, "ok.a1.example": FORWARDED, "l.a1.example": FORWARDED,
    "a2.example": BLOCKED, "below.a2.example": FORWARDED,
    "a3.example": FORWARDED, "below.a3.example": BLOCKED,
    "a4.example": BLOCKED, "a5.example": FORWARDED, "a6.example": FORWARDED, "a6.example @2": BLOCKED,
    "a7.example": BLOCKED, "a7.example @2": FORWARDED, "a8.example": FORWARDED, "a9.example": FORWARDED,
    "a9.example AAAA": BLOCKED_6, "a9.example HTTPS": NO_DATA, "a10.example": BLOCKED,
    "ok.a10.example": FORWARDED, "a11.example": REFUSED, "a12.example TXT": NOWHERE, "a13.example": NO_DATA,
    "a14.example": FORWARDED, "a15.example": BLOCKED, "a16.example": FORWARDED, "a17.example": FORWARDED,
    "a18.example": FORWARDED, "a19.example": FORWARDED, "x.aads-1.example": BLOCKED, "aex12.example": BLOCKED,
    "at1.example": GARDEN, "at1.example CNAME": "NOERROR garden.example.net. E4",
    "at2.example MX": "NOERROR 10 mx.example.net. E4", "at2.example": "NOERROR E4",
    "below.at3.example": "NOERROR 192.0.2.7 192.0.2.8 E4",
    "www.example.co.uk": FORWARDED,  # held back by the guard
    # dnsmasq
    "below.m1.example AAAA": BLOCKED_6, "m2.example": BLOCKED, "m3.example": BLOCKED,
    "below.ok.m2.example": FORWARDED, "xm4.example": BLOCKED, "m5.example": FORWARDED,
    "below.m5.example": BLOCKED, "m6.example": BLOCKED, "m7.example": FORWARDED,
    # unbound
    "below.u1.example": BLOCKED, "u2.example": BLOCKED, "ok.u2.example": FORWARDED, "u3.example": BLOCKED,
    "u3.example AAAA": FORWARDED, "u4.example": BLOCKED, "below.u4.example": FORWARDED,
    "u5.example": FORWARDED, "u5.example @2": BLOCKED, "below.ut.example": "NOERROR 192.0.2.7 E4",
    # rpz
    "r1.example": BLOCKED, "below.r1.example": FORWARDED,
    "r2.example": FORWARDED, "below.r2.example": BLOCKED,
    "ok.r2.example": FORWARDED, "r3.example": NO_DATA, "r4.example": SILENT, "r5.example": "NOERROR TC",
    "r5.example tcp": FORWARDED, "r6.example": "NOERROR 192.0.2.6 E4", "r6.example TXT": 'NOERROR "hello" E4',
    "r6.example AAAA": "NOERROR E4", "r6.example ANY": 'NOERROR "hello" 192.0.2.6 E4', "r7.example": GARDEN,
    "x.r8.example": f"NOERROR x.r8.example.garden.example.net. {UPSTREAM_ADDRESS} E4",
    "listed-address.example": BLOCKED, "r9.example": FORWARDED, "other.example @3": NO_DATA,
    "h1.example @3": NO_DATA, "ok.r2.example @3": NO_DATA,
    # expressions
    "x11.example": BLOCKED, "below.x11.example": FORWARDED,
    "x1000.example": FORWARDED, "x13.example": FORWARDED,
    "x2.example": BLOCKED, "p11.example": BLOCKED, "p2.example": FORWARDED, "p2.example AAAA": BLOCKED_6,
    "p3.example": NOWHERE, "p4.example": NO_DATA, "p5.example": REFUSED, "p6.example": SILENT,
    "p7.example": FORWARDED, "p8.example": FORWARDED, "p8.example AAAA": BLOCKED_6,
    # where an answer leads
    "alias-of-blocked.example": BLOCKED, "alias-of-refused.example": REFUSED,
    "alias-of-free.example": f"NOERROR free.example. {UPSTREAM_ADDRESS}",
    "other.example": FORWARDED, "other.example @2": FORWARDED,
}  # fmt: skip
"""Question -> answer. A question is a name, and where they differ from A, UDP and client 1: the type, `tcp`,
and the client behind an `@`."""

REPORTED: dict[str, dict[str, str]] = {
    "adblock": {
        "||a14.example^$dnsrewrite=192.0.2.7": "rewrite-not-trusted", "||a16.example^$respgeo=XX": "respgeo",
        "||a17.example^$third-party": "unknown-modifier", "||co.uk^": "covers-suffix",
        "bad..line": "label-empty",
    },
    "wildcard": {"w5.example @work": "schedule"},
    "regex": {"/(x)\\1/": "regex-back-reference"},
    "pihole": {"^p7\\.;reply=192.0.2.7": "rewrite-not-trusted", "/\\.example$/$invert": "covers-too-much"},
    "rpz": {
        "r9.example.rpz-nsdname CNAME .": "rpz-nsdname", "24.0.2.0.192.rpz-nsip CNAME .": "rpz-nsip",
    },
}  # fmt: skip
"""List -> every line that is not obeyed, as the report has it, and the code of the reason."""

EXPLAINED: dict[str, tuple[str, str | None, str | None]] = {
    "a4.example": ("block", "adblock", "||a4.example^$important"),
    "a6.example": ("none", None, None),
    "a6.example @2": ("block", "adblock", "||a6.example^$client=127.0.0.2/32"),
    "l.a1.example": ("allow", "allowed", "@@||l.a1.example^"),
    "www.example.co.uk": ("none", None, None),
    "r4.example": ("answer", "rpz", "|r4.example^$drop"),
    "at1.example": (
        "answer",
        "adblock-trusted",
        "||at1.example^$dnsrewrite=NOERROR;CNAME;garden.example.net",
    ),
    "x11.example": ("block", "regex", "/^x1[0-9]+\\./"),
    "other.example @3": ("answer", "rpz", "*$client=127.0.0.3/32,dnsrewrite=NOERROR"),
}
"""Question -> verdict, list and rule that decide it."""


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    """Answers every name with one address, but for some aliases and one address that is on a list."""
    script: dict[str | tuple[str, str], Behaviour] = {
        f"alias-of-{word}.example": answer(f"CNAME {target}", f"{target} 60 IN A {UPSTREAM_ADDRESS}")
        for word, target in
        (("blocked", "below.a1.example."), ("refused", "a11.example."), ("free", "free.example."))
    }  # fmt: skip
    script["listed-address.example"] = answer("A 192.0.2.99")
    with ScriptedUpstream(script, default=answer(f"A {UPSTREAM_ADDRESS}")) as made:
        yield made


@pytest.fixture(scope="module")
def reports(server: Belisha) -> dict[str, Any]:
    """The report of each list, from the one transaction that pushed them all."""
    changes = [
        {"list": name, "description": described, "content": text} for name, (described, text) in LISTS.items()
    ]
    body = json.dumps({"changes": changes}).encode()
    status, done = server.call("POST", "/v1/transactions", body, content_type="application/json")
    assert status == 200, done
    return {one["list"]: one["report"] for one in done["lists"]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, upstream: ScriptedUpstream) -> Iterator[Belisha]:
    """Two workers; all questions of this file go to them."""
    folder: Path = tmp_path_factory.mktemp("formats")
    with Belisha(folder, upstream.url) as made:
        yield made


def read_question(text: str) -> tuple[str, str, bool, str]:
    """Name, type, whether over TCP, and the address that asks."""
    name, *words = text.split()
    client = next((word[1:] for word in words if word.startswith("@")), "1")
    qtype = next((word for word in words if word.isupper()), "A")
    return name, qtype, "tcp" in words, f"127.0.0.{client}"


def in_words(reply: dns.message.Message) -> str:
    """Rcode, TC, data in ascending order of their types' names and texts, extended error."""
    data = [rdata.to_text() for rrset in reply.answer for rdata in rrset]
    errors = [f"E{int(one.code)}" for one in reply.options if isinstance(one, dns.edns.EDEOption)]
    truncated = ["TC"] if reply.flags & dns.flags.TC else []
    ordered = data if any(rrset.rdtype == dns.rdatatype.CNAME for rrset in reply.answer) else sorted(data)
    return " ".join([dns.rcode.to_text(reply.rcode()), *truncated, *ordered, *errors])


def answered(server: Belisha, question: str, tcp: bool = False) -> str:
    """The answer to a question, in words."""
    name, qtype, over_tcp, source = read_question(question)
    reply = ask(server.address(), name, qtype, tcp=tcp or over_tcp, timeout=SECONDS, source=source)
    return in_words(reply)


def test_every_question_gets_the_answer_that_the_documents_promise(
    server: Belisha, reports: dict[str, Any]
) -> None:
    spoken = {question: said for question, said in ANSWERS.items() if said != SILENT}
    for _ in range(2):  # what was remembered is the same
        assert {question: answered(server, question) for question in spoken} == spoken


def test_over_tcp_the_answers_are_the_same(server: Belisha, reports: dict[str, Any]) -> None:
    spoken = {question: said for question, said in ANSWERS.items() if said not in (SILENT, "NOERROR TC")}
    assert {question: answered(server, question, tcp=True) for question in spoken} == spoken


@pytest.mark.parametrize("question", [question for question, said in ANSWERS.items() if said == SILENT])
def test_silence(server: Belisha, reports: dict[str, Any], question: str) -> None:
    probe = make_query("h1.example").to_wire()
    assert silent_udp(server.address(), make_query(question).to_wire(), probe, SECONDS)


def test_the_reports_name_every_line_that_is_not_obeyed(reports: dict[str, Any]) -> None:
    named = {
        name: {line["text"]: line["code"] for kind in ("invalid", "unenforceable_lines", "held_lines")
               for line in report[kind]}
        for name, report in reports.items()
    }  # fmt: skip
    assert {name: lines for name, lines in named.items() if lines} == REPORTED
    assert {name: report["format"] for name, report in reports.items()} == {
        name: described["format"] for name, (described, _) in LISTS.items()
    }


@pytest.mark.parametrize(("question", "expected"), EXPLAINED.items(), ids=EXPLAINED.keys())
def test_explain_says_the_same(
    server: Belisha, reports: dict[str, Any], question: str, expected: tuple[str, str | None, str | None]
) -> None:
    name, qtype, _, client = read_question(question)
    asked = urlencode({"name": name, "type": qtype, "client": client})
    status, said = server.call("GET", f"/v1/explain?{asked}")
    assert (status, said["verdict"], said["list"], said["rule"]) == (200, *expected)
