"""Real lists through every notation that can say them, and back: the same rules, and found by their look."""

from __future__ import annotations

from typing import cast

import pytest

from resolver.rules.lines import Options
from resolver.rules.model import FLAGS_MASK, Content, Format
from resolver.rules.parse import Parsed, parse_list
from resolver.rules.writers.table import WRITERS
from resolver.rules.writers.writer import losses, spread, write
from tests.data_lists.real import needs_lists, read_list

pytestmark = needs_lists

HAGEZI = "hagezi-dns-blocklists"
LISTS = {
    "adguardteam-urlfilter/testdata__adguard_sdn_filter.txt": {"adblock"},
    "blocklistproject-lists/tiktok.txt": {"hosts", "domains", "wildcard", "adblock", "unbound", "rpz"},
    "dnscrypt-dnscrypt-proxy/dnscrypt-proxy__example-blocked-names.txt": {"wildcard", "adblock"},
    f"{HAGEZI}/adblock__personal.txt": {"wildcard", "adblock", "dnsmasq", "unbound", "rpz"},
    f"{HAGEZI}/adblock__whitelist-referral.txt": {"adblock"},
    f"{HAGEZI}/dnsmasq__personal.txt": {"wildcard", "adblock", "dnsmasq", "unbound", "rpz"},
    f"{HAGEZI}/hosts__personal.txt": {"hosts", "domains", "wildcard", "adblock", "unbound", "rpz"},
}
"""List -> the notations that can say all of it; the others must refuse."""


def read(data: bytes, notation: str = "auto") -> Parsed:
    return parse_list(data, format=cast(Format, notation), options=Options(rewrites=True), guard=None)


def same(one: Content, other: Content) -> bool:
    """Whether two contents say the same; of plain names cheaply, since there are many."""
    flags = [{key: value & FLAGS_MASK for key, value in content.names.items()} for content in (one, other)]
    sides = [spread(Content({}, content.sides)) for content in (one, other)]
    return flags[0] == flags[1] and sides[0] == sides[1]


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_the_same_in_every_notation_that_can_say_it(name: str) -> None:
    content = read(read_list(name)).content
    saying = set()
    for notation, writer in WRITERS.items():
        if next(losses(content, writer), None) is not None:
            continue
        saying.add(notation)
        again = read("".join(f"{line}\n" for line in write(content, writer)).encode())
        assert again.report.format == notation
        assert not (again.report.invalid_total or again.report.unenforceable)
        assert same(again.content, content), notation
    assert saying == LISTS[name]
