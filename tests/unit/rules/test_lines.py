"""The reading of names that all formats share, and readers without memory."""

from __future__ import annotations

import pytest

from resolver.dns.names import from_host
from resolver.rules.lines import COMMENT, LOCAL_NAMES, LineReader, Rule, Skip, is_address, read_name, url_part
from resolver.rules.model import ALLOW_BELOW

ADDRESSES = ["0.0.0.0", "192.0.2.1", "::", "::1", "2001:db8::1", "fe80::1%lo0", "::ffff:192.0.2.1"]
NO_ADDRESSES = [
    "",
    "a.example",
    "192.0.2",
    "192.0.2.256",
    "1.2.3.4.5",
    "192.0.2.1%lo0",
    ":",
    "1:2",
    "fe80::1%",
]


@pytest.mark.parametrize("text", ADDRESSES)
def test_addresses(text: str) -> None:
    assert is_address(text)
    assert isinstance(read_name(text, 1), Skip)


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_what_is_no_address(text: str) -> None:
    assert not is_address(text)


def test_a_rule_carries_the_flags_it_was_given() -> None:
    assert read_name("A.example", ALLOW_BELOW) == Rule(from_host("a.example"), ALLOW_BELOW)


@pytest.mark.parametrize("text", [".", "com", "COM.", "x", "a" * 63, "бел"])
def test_root_and_single_labels_are_names_like_others(text: str) -> None:
    """Whether they reach too far is for the guard to say."""
    assert read_name(text, 1) == Rule(from_host(text), 1)


@pytest.mark.parametrize(
    "text", ["localhost", "LOCALHOST.localdomain", "local", "ip6-allnodes", "broadcasthost."]
)
def test_names_of_the_machine_are_ignored(text: str) -> None:
    assert read_name(text, 1) == Skip("ignored", "local-name")
    assert from_host(text) in LOCAL_NAMES


URLS = {
    "https://a.example/x": "scheme",
    "a.example/x": "path",
    "a.example:53": "port",
    "a.example:53^": "port",
    "a.example": None,
    "2001:db8::1": None,  # an address, not a port
    "a:b": None,
}


@pytest.mark.parametrize(("text", "code"), URLS.items())
def test_parts_of_urls_are_told_apart(text: str, code: str | None) -> None:
    assert url_part(text) == (None if code is None else Skip("not-dns", code))


def test_reader_without_memory_says_everything_at_once() -> None:
    reader = LineReader(lambda line: COMMENT if line == "#" else [read_name(line, 1)])
    assert reader.read("a.example", 7) == [Rule(from_host("a.example"), 1)]
    assert reader.read("#", 8) == [Skip("comment")] and list(reader.finish()) == []
