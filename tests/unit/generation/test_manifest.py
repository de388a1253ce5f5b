"""The manifest's octets are the generation: they round-trip, are canonical, and hash to one name."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.names import from_host
from resolver.generation import manifest as manifests
from resolver.generation.manifest import ListDescription, ListEntry, Manifest

AT = "2026-01-02T03:04:05Z"
DIGEST = "0" * 63 + "a"

texts = st.text(max_size=40)
digests = st.text("0123456789abcdef", min_size=64, max_size=64)
list_ids = st.from_regex(r"\A[a-z0-9][a-z0-9._-]{0,20}\Z")
entries = st.builds(
    ListEntry,
    st.builds(ListDescription, enabled=st.booleans(), title=texts),
    st.none() | digests,
    st.integers(0, 10**7),
)
any_manifest = st.builds(
    Manifest,
    st.integers(1, 10**6),
    st.none() | digests,
    st.just(AT),
    texts,
    texts,
    lists=st.dictionaries(list_ids, entries, max_size=5),
)


@given(any_manifest)
def test_what_is_written_is_read_back(manifest: Manifest) -> None:
    data = manifests.encode(manifest)
    assert manifests.decode(data) == manifest
    assert manifests.encode(manifests.decode(data)) == data


@given(any_manifest)
def test_the_order_in_which_lists_were_added_does_not_matter(manifest: Manifest) -> None:
    turned = msgspec.structs.replace(manifest, lists=dict(reversed(manifest.lists.items())))
    assert manifests.encode(turned) == manifests.encode(manifest)


def test_any_difference_makes_another_digest() -> None:
    base = Manifest(2, DIGEST, AT, "ann", "why", lists={"a": ListEntry(ListDescription(), DIGEST, 3)})
    changes: list[dict[str, object]] = [
        {"number": 3},
        {"parent": None},
        {"created": AT.replace("05Z", "06Z")},
        {"author": "bob"},
        {"reason": ""},
        {"lists": {}},
        {"lists": {"a": ListEntry(ListDescription(enabled=False), DIGEST, 3)}},
    ]
    others = [msgspec.structs.replace(base, **change) for change in changes]
    digests_seen = {manifests.digest(manifests.encode(manifest)) for manifest in (base, *others)}
    assert len(digests_seen) == 1 + len(others)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b'{"number":1,"parent":"xyz","created":"","author":"","reason":""}',
        b'{"number":1,"parent":null,"created":"","author":"","reason":"","surprise":1}',
        b'{"number":"1","parent":null,"created":"","author":"","reason":""}',
    ],
)
def test_what_is_no_manifest_is_not_read(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        manifests.decode(data)


GOOD = ["zip", ".", "a.example", "_x.example", "xn--p1ai", "x" * 63]
BAD = ["Zip", "", "a..b", ".a", "a.", "*.a", "a b", "x" * 64, ".".join(["a" * 60] * 5), "zip\n"]


@pytest.mark.parametrize(("name", "good"), [(name, True) for name in GOOD] + [(name, False) for name in BAD])
def test_names_that_a_list_may_let_through(name: str, good: bool) -> None:
    said = msgspec.json.encode({"unguarded": [name]})
    if good:
        assert msgspec.json.decode(said, type=ListDescription).unguarded == (name,)
        from_host(name)  # what is accepted here can be read by whoever needs it
        return
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(said, type=ListDescription)


def test_manifests_from_before_there_was_trust_are_read() -> None:
    data = b'{"number":1,"parent":null,"created":"","author":"","reason":"","lists":{"a":{"description":{}}}}'
    description = manifests.decode(data).lists["a"].description
    assert (description.rewrites, description.unguarded) == (False, ())
