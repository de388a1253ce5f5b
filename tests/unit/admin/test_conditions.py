"""conditions.py: which tag stands for what, and who is asked for a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from resolver.admin.conditions import (
    content_etag,
    generation_etag,
    list_etag,
    on_content,
    on_generation,
    on_list,
    on_policy,
    on_records,
    policy_etag,
    records_etag,
    unmodified,
    who_of,
)
from resolver.admin.http import Context
from resolver.admin.tokens import Caller
from resolver.errors import RequestError
from resolver.generation import manifest as manifests
from resolver.generation.manifest import ListDescription, ListEntry, Manifest
from resolver.policy.model import AnswerPolicy, Policy
from resolver.settings import Admin, Settings

ENTRY = ListEntry(ListDescription(), "a" * 64, 3, "hosts", "then")
MANIFEST = Manifest(4, None, "then", "", "", lists={"ads": ENTRY})


def context(headers: dict[str, str] | None = None, require_reason: bool = False, **query: object) -> Context:
    request = make_mocked_request("PUT", "/", headers=headers or {})
    nothing = cast("Any", None)
    return Context(
        settings=Settings(admin=Admin(require_reason=require_reason)),
        store=nothing, blobs=nothing, compilers=nothing, workers=nothing, changes=nothing, tokens=nothing,
        request=request, caller=Caller("anna", ("admin",), "192.0.2.9"), query=query,
    )  # fmt: skip


def test_tags_of_what_is_not_there() -> None:
    assert content_etag(None) is None
    assert content_etag(ListEntry(ListDescription())) is None
    assert list_etag(None) is None
    assert generation_etag(Manifest(0, None, "", "", "")) is None


def test_the_tag_of_a_content_is_the_digest_of_its_rules() -> None:
    assert content_etag(ENTRY) == "a" * 64


def test_the_tag_of_a_generation_is_its_hash() -> None:
    assert generation_etag(MANIFEST) == manifests.digest(manifests.encode(MANIFEST))


ENTRIES = [
    ENTRY,
    msgspec.structs.replace(ENTRY, rules="b" * 64),
    msgspec.structs.replace(ENTRY, entries=4),
    msgspec.structs.replace(ENTRY, updated="now"),
    msgspec.structs.replace(ENTRY, description=ListDescription("allow")),
    msgspec.structs.replace(ENTRY, description=ListDescription(title="T")),
]


def test_every_difference_makes_another_tag() -> None:
    assert len({list_etag(entry) for entry in ENTRIES}) == len(ENTRIES)
    assert policy_etag(Policy()) != policy_etag(Policy(AnswerPolicy(ttl=11)))
    assert records_etag(Policy()) == records_etag(Policy(AnswerPolicy(ttl=11)))
    assert records_etag(Policy()) != records_etag(Policy(records=("a. A 192.0.2.1",)))
    assert list_etag(ENTRY) == list_etag(msgspec.structs.replace(ENTRY))


CONDITIONS: list[tuple[Callable[[Context], Any], str | None]] = [
    (lambda ctx: on_content(ctx, "ads"), content_etag(ENTRY)),
    (lambda ctx: on_list(ctx, "ads"), list_etag(ENTRY)),
    (lambda ctx: on_policy(ctx), policy_etag(MANIFEST.policy)),
    (lambda ctx: on_records(ctx), records_etag(MANIFEST.policy)),
    (lambda ctx: on_generation(ctx), generation_etag(MANIFEST)),
]


@pytest.mark.parametrize(("condition", "tag"), CONDITIONS)
def test_a_condition_looks_at_its_own_tag(condition: Callable[[Context], Any], tag: str) -> None:
    condition(context({"If-Match": f'"{tag}"'}))(MANIFEST)
    condition(context())(MANIFEST)
    for other in [str(entry[1]) for entry in CONDITIONS if entry[1] != tag]:
        with pytest.raises(RequestError) as caught:
            condition(context({"If-Match": f'"{other}"'}))(MANIFEST)
        assert caught.value.status == 412


@pytest.mark.parametrize("condition", [on_content, on_list])
def test_a_list_that_is_not_there_has_no_tag(condition: Callable[[Context, str], Any]) -> None:
    condition(context({"If-None-Match": "*"}), "nil")(MANIFEST)
    with pytest.raises(RequestError):
        condition(context({"If-Match": "*"}), "nil")(MANIFEST)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, None),
        ({"If-None-Match": '"tag"'}, 304),
        ({"If-None-Match": 'W/"tag"'}, 304),
        ({"If-None-Match": '"other", "tag"'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"other"'}, None),
    ],
)
def test_what_the_caller_already_holds(headers: dict[str, str], status: int | None) -> None:
    found = unmodified(context(headers), "tag")
    assert (found.status if isinstance(found, web.Response) else found) == status
    if found is not None:
        assert found.headers["ETag"] == '"tag"'


def test_who_and_why() -> None:
    assert who_of(context(reason=" because ")) == ("anna", "because", "192.0.2.9")
    assert who_of(context(reason="")) == ("anna", "", "192.0.2.9")
    assert who_of(context(require_reason=True, dry_run=True)).reason == ""
    with pytest.raises(RequestError) as caught:
        who_of(context(require_reason=True, dry_run=False))
    assert caught.value.code == "reason-required"
