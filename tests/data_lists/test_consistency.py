"""One list in six formats must mean one thing, whatever its notation; and over-blocking is seen.

The list says exact names in two formats and covers what is below in four. So all verdicts must agree
within each of the two kinds, each exact name must be blocked by the other kind too, and read with
`match="suffix"` all six must agree about every name, listed or not.
"""

from __future__ import annotations

import random
from functools import cache

import pytest

from resolver.dns.names import from_host
from resolver.rules.compile import compile_content, content_digest
from resolver.rules.compiled import CompiledList
from resolver.rules.model import BLOCKED, FLAGS_MASK, Content, Match, Rules, key_of, name_of
from resolver.rules.parse import parse_list
from tests.data_lists.real import needs_lists, read_list

pytestmark = needs_lists

FOLDER = "hagezi-dns-blocklists"
EXACT = ("hosts__personal.txt", "domains__personal.txt")
SUFFIX = ("adblock__personal.txt", "dnsmasq__personal.txt", "unbound__personal.blacklist.conf")
WILDCARD = "wildcard__personal.txt"

SAME = [
    ("blocklistproject-lists/scam.txt", "blocklistproject-lists/alt-version__scam-nl.txt"),
    ("blocklistproject-lists/tiktok.txt", "blocklistproject-lists/alt-version__tiktok-nl.txt"),
    (
        "blocklistproject-lists/adguard__scam-ags.txt",
        "blocklistproject-lists/dnsmasq-version__scam-dnsmasq.txt",
    ),
    (
        "blocklistproject-lists/adguard__tiktok-ags.txt",
        "blocklistproject-lists/dnsmasq-version__tiktok-dnsmasq.txt",
    ),
]


@cache
def content_of(name: str, match: Match = "auto") -> Content:
    return parse_list(read_list(name), match=match).content


def rules_of(name: str, match: Match = "auto") -> Rules:
    return content_of(name, match).names


@cache
def compiled(name: str, match: Match = "auto") -> CompiledList:
    return CompiledList(compile_content(content_of(name, match)))


def lists(names: tuple[str, ...], match: Match = "auto") -> list[CompiledList]:
    return [compiled(f"{FOLDER}/{name}", match) for name in names]


def neighbours(rules: Rules, count: int) -> list[bytes]:
    """Keys beside the listed ones: parents, children, siblings, a letter more or less."""
    chance = random.Random(5)
    keys = chance.sample(sorted(rules), min(count, len(rules)))
    names = [name_of(key) for key in keys]
    below = [b"\x03www" + name for name in names]
    above = [name[name[0] + 1 :] for name in names]
    longer = [bytes([name[0] + 1]) + b"x" + name[1:] for name in names if name[0] < 63]
    siblings = [b"\x04zzzz" + name[name[0] + 1 :] for name in names]
    return [key_of(name) for name in below + above + longer + siblings if 1 < len(name) <= 255]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_same_list_in_two_notations_has_the_same_digest(one: str, other: str) -> None:
    assert content_digest(content_of(one)) == content_digest(content_of(other))


def test_formats_of_one_kind_have_the_same_digest() -> None:
    for kind in (EXACT, (*SUFFIX, WILDCARD)):
        assert len({content_digest(content_of(f"{FOLDER}/{name}")) for name in kind}) == 1


@cache
def left_out() -> tuple[bytes, ...]:
    """Exact names that the publisher himself left out of his four other formats."""
    wildcard = compiled(f"{FOLDER}/{WILDCARD}")
    return tuple(key for key in rules_of(f"{FOLDER}/{EXACT[0]}") if not wildcard.match(key))


def test_every_exact_name_is_blocked_in_all_formats() -> None:
    everything = lists((*EXACT, *SUFFIX, WILDCARD))
    assert len(left_out()) == 18 and all(name_of(key).startswith(b"\x03www") for key in left_out())
    for key in rules_of(f"{FOLDER}/{EXACT[0]}").keys() - set(left_out()):
        assert [found.match(key) for found in everything] == [BLOCKED] * 6


def test_neighbours_get_one_verdict_from_each_kind() -> None:
    exact, suffix = lists(EXACT), lists((*SUFFIX, WILDCARD))
    listed = rules_of(f"{FOLDER}/{EXACT[0]}")
    for key in neighbours(listed, 3000):
        assert {found.match(key) for found in exact} == {BLOCKED if key in listed else 0}
        assert len({found.match(key) for found in suffix}) == 1


def test_with_the_same_reach_all_six_agree() -> None:
    everything = lists((*EXACT, *SUFFIX, WILDCARD), match="suffix")
    listed = rules_of(f"{FOLDER}/{EXACT[0]}")
    for key in [*neighbours(listed, 3000), *listed]:
        if not key.startswith(left_out()):
            assert len({found.match(key) for found in everything}) == 1


def test_allow_list_never_blocks() -> None:
    rules = rules_of(f"{FOLDER}/adblock__whitelist-referral.txt")
    assert rules and all(not value & 3 and value & FLAGS_MASK for value in rules.values())


def test_few_of_the_most_queried_names_are_blocked() -> None:
    """A reader that blocks too much shows here first; the lists do block advertisers."""
    top = [
        key_of(from_host(line))
        for line in read_list("opendns-public-domain-lists/opendns-top-domains.txt").decode().split()
    ]
    personal = compiled(f"{FOLDER}/{WILDCARD}")
    blocked = sum(personal.match(key) == BLOCKED for key in top)
    assert 0 < blocked < len(top) // 20
