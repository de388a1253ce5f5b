"""What a scenario says about the start: settings, upstreams, lists and policy, in a pipeline's own types."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import cast

import msgspec

from resolver.generation.loader import Loaded
from resolver.generation.manifest import Manifest
from resolver.policy.decide import PolicyList, Ruleset
from resolver.policy.model import AnswerPolicy, Policy, RebindingPolicy
from resolver.rules.model import Format
from resolver.serving.snapshot import Snapshot
from resolver.settings import Dns, Network
from resolver.upstreams import Upstream, UpstreamAddress, read_upstream
from tests.scenarios.script import Script
from tests.support.rules import listed, ruleset
from tests.unit.serving.ground import LOOPBACK

_WORDS = {"yes": True, "no": False}


def settings(script: Script) -> Dns:
    """The section [dns] that the lines `set` make. A cache of one megabyte unless they say otherwise."""
    given = {key: _WORDS.get(value, value) for key, value in script.options("set").items()}
    return msgspec.convert({"cache_mb": 1, **given}, Dns, strict=False)


def networks(script: Script) -> tuple[Network, ...]:
    """Who is served."""
    return tuple(ipaddress.ip_network(text) for text in script.words("networks")) or LOOPBACK


def addresses(script: Script, urls: Sequence[str]) -> list[UpstreamAddress]:
    """The upstreams at these URLs, with the names that each is there for."""
    names = {line.words[0]: tuple(line.words[1:]) for line in script.lines if line.verb == "names"}
    return [read_upstream(Upstream(url, names.get(str(number), ()))) for number, url in enumerate(urls, 1)]


def lists(script: Script) -> dict[str, PolicyList]:
    """The lists that are written out: read, compiled, opened, as a push would have it."""
    texts: dict[str, list[str]] = {}
    for line in script.lines:
        if line.verb == "list":
            texts[line.words[0]] = []
        elif line.verb == "|":
            texts[list(texts)[-1]] += line.words
    return {
        line.words[0]: listed(
            line.words[0], "\n".join(texts[line.words[0]]), cast(Format, line.words[1]),
            kind="allow" if "allow" in line.words[2:] else "block", rewrites="rewrites" in line.words[2:],
        )
        for line in script.lines
        if line.verb == "list"
    }  # fmt: skip


def policy(script: Script) -> Policy:
    """What the lines `answer`, `record` and `rebinding` say."""
    guard = script.options("rebinding")
    allowed = tuple(filter(None, guard.get("allow", "").split(",")))
    return Policy(
        answer=_answer(script),
        records=tuple(script.words("record")),
        rebinding=RebindingPolicy(protect=guard.get("protect") != "no", allow=allowed),
    )


def _answer(script: Script) -> AnswerPolicy:
    for line in script.lines:
        if line.verb == "answer":
            mode, *hosts = line.words
            ipv4 = tuple(host for host in hosts if ":" not in host)
            ipv6 = tuple(host for host in hosts if ":" in host)
            return AnswerPolicy(mode, int(line.options.get("ttl", "10")), ipv4, ipv6)  # type: ignore[arg-type]
    return AnswerPolicy()


def generation(
    number: int, block: Sequence[str], allow: Sequence[str], more: Sequence[PolicyList], policy: Policy
) -> Snapshot:
    """A generation that blocks and allows these names and all below them, and has these lists as well."""
    manifest = Manifest(number, None, "2026-01-02T03:04:05Z", "ann", "why", policy=policy)
    rules = Ruleset((*ruleset(tuple(block), tuple(allow)).lists, *more))
    return Snapshot(Loaded(number, "", manifest, (), rules))
