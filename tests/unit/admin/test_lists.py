"""/v1/lists over a real server: what is answered, what is refused, and what stays in force then."""

from __future__ import annotations

import asyncio
import gzip
import os
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import zstandard

from resolver.admin import lists
from resolver.generation.messages import Commit, ToAdmin, ToWorker
from tests.unit.admin.api import Api, serving
from tests.unit.admin.peers import good

LIST = "/v1/lists/ads"
CONTENT = f"{LIST}/content"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with serving(tmp_path) as api:
        yield api


async def test_a_push_and_its_repetition(api: Api) -> None:
    first = await api.push("ads", "ads.example\nnot a name!\n", reason="because")
    assert first.status == 200
    assert {key: first.json[key] for key in ("list", "generation", "changed", "created", "entries")} == {
        "list": "ads", "generation": 1, "changed": True, "created": True, "entries": 1,
    }  # fmt: skip
    assert first.etag == f'"{first.json["digest"]}"'
    assert first.json["report"] is not None
    assert api.road.store.manifest(1)[0].reason == "because"
    again = await api.push("ads", "ads.example\nnot a name!\n")
    assert (again.status, again.json["changed"], again.json["generation"]) == (200, False, 1)
    assert again.etag == first.etag


async def test_what_a_pushed_list_is_by_default(api: Api) -> None:
    await api.push("ads", "ads.example\n")
    got = (await api.call("GET", LIST)).json
    assert (got["kind"], got["format"], got["match"]) == ("block", "auto", "auto")
    assert (got["id"], got["enabled"], got["title"], got["entries"]) == ("ads", True, "", 1)


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "text/plain",
        "text/plain; charset=utf-8",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
    ],
)
async def test_any_content_type_that_curl_sends(api: Api, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    assert (await api.push("ads", "ads.example\n", headers=headers)).status == 200


@pytest.mark.parametrize(("name", "pack"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
async def test_packed_bodies(api: Api, name: str, pack: Any) -> None:
    answer = await api.push("ads", pack(b"ads.example\n"), headers={"Content-Encoding": name})
    assert (answer.status, answer.json["entries"]) == (200, 1)


BAD_BODIES: dict[str, tuple[bytes, dict[str, str], int]] = {
    "empty": (b"", {}, 400),
    "blank": (b" \n\n", {}, 422),
    "html": (
        b"<!DOCTYPE html>\n<html><head><title>404</title></head><body>Not found</body></html>\n",
        {},
        422,
    ),
    "binary": (bytes(range(256)) * 8, {}, 422),
    "nothing valid": (b"not a name!\nneither is this!\n" * 20, {}, 422),
    "top-level domain": (b"com\n", {}, 422),
    "everything": (b".\n", {}, 422),
    "adblock everything": (b"||com^\n", {}, 422),
    "gzip bomb": (gzip.compress(b"\0" * (32 << 20)), {"Content-Encoding": "gzip"}, 413),
    "too large": (os.urandom(2 << 20), {}, 413),
    "half a gzip": (gzip.compress(b"ads.example\n" * 99)[:-12], {"Content-Encoding": "gzip"}, 400),
    "not packed": (b"ads.example\n", {"Content-Encoding": "gzip"}, 400),
    "unknown packing": (b"ads.example\n", {"Content-Encoding": "br"}, 415),
    "unknown type": (b"{}", {"Content-Type": "application/json"}, 415),
}


@pytest.mark.parametrize("case", BAD_BODIES)
async def test_a_bad_body_leaves_the_old_list_in_force(api: Api, case: str) -> None:
    await api.push("ads", "ads.example\n")
    await api.road.changes.close()
    before = api.road.snapshot()
    body, headers, status = BAD_BODIES[case]
    answer = await api.push("ads", body, headers=headers)
    assert answer.status == status, answer.json
    assert answer.code
    assert answer.json["detail"]
    assert api.road.snapshot() == before
    assert api.road.verdict("ads.example") == "block"


async def raw_push(api: Api, head: str, body: bytes) -> bytes:
    """Send octets as they are, close the sending side, and read what comes back."""
    reader, writer = await asyncio.open_connection(*api.address)
    writer.write(
        f"PUT {CONTENT} HTTP/1.1\r\nHost: x.example\r\nAuthorization: Bearer {api.token('admin')}\r\n"
        f"{head}\r\n\r\n".encode()
        + body
    )
    with suppress(ConnectionError):
        await writer.drain()
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    with suppress(ConnectionError):
        return await reader.read()
    return b""


async def test_half_a_body_is_none(api: Api) -> None:
    await api.push("ads", "ads.example\n")
    await api.road.changes.close()
    before = api.road.snapshot()
    await raw_push(api, "Content-Length: 1000", b"other.example\n")
    await raw_push(api, "Transfer-Encoding: chunked", b"e\r\nother.example\n\r\n")
    # A whole request afterwards is answered only when the halves have been dealt with.
    assert (await api.push("ads", "ads.example\n")).json["changed"] is False
    assert api.road.snapshot() == before


async def test_a_stream_without_end_is_cut_off(api: Api) -> None:
    await api.push("ads", "ads.example\n")

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"name.example\n" * 1000

    answer = await api.call("PUT", CONTENT, endless())
    assert answer.status == 413
    assert api.road.numbers() == [1]
    assert list((api.road.folder / "spool").iterdir()) == []


BAD_CALLS: list[tuple[str, str, object, int]] = [
    ("PUT", "/v1/lists/UPPER/content", "a.example\n", 400),
    ("PUT", "/v1/lists/..%2fads/content", "a.example\n", 400),
    ("PUT", f"/v1/lists/{'x' * 64}/content", "a.example\n", 400),
    ("GET", "/v1/lists/nil", None, 404),
    ("GET", "/v1/lists/nil/content", None, 404),
    ("DELETE", "/v1/lists/nil", None, 404),
    ("PATCH", "/v1/lists/nil/content", {"add": ["a.example"]}, 404),
    ("PUT", LIST, {"kind": "maybe"}, 422),
    ("PUT", LIST, {"format": "csv"}, 422),
    ("PUT", LIST, {"colour": "red"}, 422),
    ("PUT", LIST, {"title": "x" * 201}, 422),
    ("PUT", LIST, [], 422),
    ("PUT", LIST, "{", 415),
    ("PATCH", CONTENT, {"add": "a.example"}, 422),
    ("PATCH", CONTENT, {"plus": []}, 422),
    ("PUT", f"{CONTENT}?dryrun=1", "a.example\n", 400),
    ("PUT", f"{CONTENT}?dry_run=perhaps", "a.example\n", 400),
    ("POST", CONTENT, "a.example\n", 405),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), BAD_CALLS)
async def test_bad_calls(api: Api, method: str, path: str, body: object, status: int) -> None:
    answer = await api.call(method, path, body)
    assert answer.status == status
    assert answer.code
    assert api.road.store.current() is None


@pytest.mark.parametrize(
    ("scopes", "method", "path", "status"),
    [
        (("read",), "PUT", CONTENT, 403),
        (("lists:push:other",), "PUT", CONTENT, 403),
        (("lists:push:ads",), "PUT", CONTENT, 200),
        (("lists:push:*",), "PUT", CONTENT, 200),
        (("lists:push:ads",), "DELETE", LIST, 403),
        (("lists:push:ads",), "PUT", LIST, 403),
        (("lists:push:ads",), "GET", LIST, 404),
        (("lists:push:ads",), "GET", "/v1/lists", 403),
        (("read",), "GET", "/v1/lists", 200),
    ],
)
async def test_scopes(api: Api, scopes: tuple[str, ...], method: str, path: str, status: int) -> None:
    body: object = "ads.example\n" if path == CONTENT else {} if method == "PUT" else None
    assert (await api.call(method, path, body, scopes=scopes)).status == status


async def test_a_reason_where_one_is_demanded(tmp_path: Path) -> None:
    async with serving(tmp_path, require_reason=True) as api:
        assert (await api.push("ads", "ads.example\n")).code == "reason-required"
        assert (await api.push("ads", "ads.example\n", dry_run=1)).status == 200
        assert (await api.push("ads", "ads.example\n", reason="because")).status == 200
        for method, path, body in [
            ("PUT", LIST, {}), ("DELETE", LIST, None), ("PATCH", CONTENT, {"add": ["x.example"]}),
        ]:  # fmt: skip
            assert (await api.call(method, path, body)).code == "reason-required"
        assert api.road.numbers() == [1]


async def test_a_description_creates_and_changes(api: Api) -> None:
    made = await api.call("PUT", LIST, {"kind": "allow", "title": "Ours"})
    assert (made.status, made.json["created"], made.json["generation"]) == (201, True, 1)
    assert made.json["list"]["kind"] == "allow"
    assert (await api.call("GET", LIST)).etag == made.etag
    again = await api.call("PUT", LIST, {"kind": "allow", "title": "Ours"})
    assert (again.status, again.json["changed"], again.json["created"]) == (200, False, False)
    assert (await api.call("GET", CONTENT)).code == "content-missing"
    other = await api.call("PUT", LIST, {"kind": "allow", "title": "Theirs"})
    assert (other.status, other.json["changed"]) == (200, True)
    assert other.etag != made.etag


async def test_kind_cannot_change_without_the_content(api: Api) -> None:
    await api.push("ads", "ads.example\n")
    assert (await api.call("PUT", LIST, {"kind": "allow"})).code == "content-needed"
    assert (await api.call("PUT", LIST, {"match": "exact"})).code == "content-needed"
    assert (await api.call("PUT", LIST, {"rewrites": True})).code == "content-needed"
    assert (await api.call("PUT", LIST, {"format": "hosts", "enabled": False})).status == 200
    assert api.road.verdict("ads.example") == "none"


WIDE = "||ads.example^\n||co.uk^\n||childline.org.uk^\n||bad.example.co.uk^\n"


async def test_rules_that_reach_too_far_are_held_back_and_told(api: Api) -> None:
    pushed = await api.push("ads", WIDE)
    assert (pushed.status, pushed.json["entries"]) == (200, 2)
    report = pushed.json["report"]
    assert [(one["number"], one["text"], one["code"]) for one in report["held_lines"]] == [
        (2, "||co.uk^", "covers-suffix"), (3, "||childline.org.uk^", "covers-protected"),
    ]  # fmt: skip
    assert report["held_by_code"] == {"covers-protected": 1, "covers-suffix": 1}
    for name, verdict in (("ads.example", "block"), ("bad.example.co.uk", "block"),
                          ("www.example.co.uk", "none"), ("www.childline.org.uk", "none")):  # fmt: skip
        assert api.road.verdict(name) == verdict


async def test_a_patch_that_reaches_too_far_says_how_to_let_it_through(api: Api) -> None:
    await api.push("ads", "||ads.example^\n")
    refused = await api.call("PATCH", CONTENT, {"add": ["||zip^", "||more.example^"]})
    assert (refused.status, refused.code) == (422, "rule-too-wide")
    assert "add `zip` to `unguarded`" in refused.json["detail"]
    assert api.road.numbers() == [1]
    described = await api.call("PUT", LIST, {"unguarded": ["zip"]})
    assert (described.status, described.json["list"]["unguarded"]) == (200, ["zip"])
    assert (await api.call("PATCH", CONTENT, {"add": ["||zip^"]})).status == 200
    assert api.road.verdict("any.zip") == "block"


BAD_NAMES = [
    ["Zip"],
    [""],
    ["*.zip"],
    ["a..b"],
    ["x" * 64],
    ["bücher.example"],
    ["zip."],
    ["zip"] * 1001,
    "zip",
]


@pytest.mark.parametrize("names", BAD_NAMES, ids=str)
async def test_what_is_no_name_is_not_let_through(api: Api, names: object) -> None:
    assert (await api.call("PUT", LIST, {"unguarded": names})).code == "body-invalid"


async def test_trust_to_rewrite_comes_with_the_content(api: Api) -> None:
    await api.push("ads", "192.0.2.7 moved.example\n0.0.0.0 ads.example\n")
    change = {"list": "ads", "content": "192.0.2.7 moved.example\n0.0.0.0 ads.example\n",
              "description": {"rewrites": True}}  # fmt: skip
    done = await api.call("POST", "/v1/transactions", {"changes": [change]})
    assert done.status == 200
    assert (await api.call("GET", LIST)).json["rewrites"] is True


async def test_a_push_is_compared_with_the_other_lists(api: Api) -> None:
    await api.push("one", "||ads.example^\n||more.example^\n")
    await api.push("ours", "@@||fine.example^\n", reason="x")
    pushed = await api.push("ads", "||ads.example^\n||x.more.example^\n||www.fine.example^\n")
    assert pushed.json["report"]["comparison"] == {
        "overlaps": [
            {"list": "one", "same": 1, "covered": 1}, {"list": "ours", "same": 0, "covered": 0},
        ],
        "shadowed": 1, "shadowed_sample": ["||www.fine.example^"], "not_compared": [],
    }  # fmt: skip
    patched = await api.call("PATCH", CONTENT, {"add": ["||more.example^"]})
    assert patched.json["report"]["comparison"]["overlaps"][0] == {"list": "one", "same": 1, "covered": 0}


async def test_lists_are_shown(api: Api) -> None:
    assert (await api.call("GET", "/v1/lists")).json == {"generation": 0, "lists": []}
    await api.push("b", "b.example\n")
    await api.push("a", "a.example\nb.example\n")
    got = await api.call("GET", "/v1/lists")
    assert got.json["generation"] == 2
    assert [(one["id"], one["entries"]) for one in got.json["lists"]] == [("a", 2), ("b", 1)]


async def test_a_deleted_list_is_gone(api: Api) -> None:
    await api.push("ads", "ads.example\n")
    assert (await api.call("DELETE", LIST, dry_run=1)).json["dry_run"] is True
    assert (await api.call("GET", LIST)).status == 200
    gone = await api.call("DELETE", LIST)
    assert gone.json == {"list": "ads", "generation": 2, "changed": True, "dry_run": False}
    assert (await api.call("GET", LIST)).status == 404


async def test_a_patch(api: Api) -> None:
    await api.push("ads", "ads.example\nold.example\n")
    done = await api.call(
        "PATCH", CONTENT, {"add": ["new.example"], "remove": ["old.example", "nil.example"]}
    )
    assert (done.status, done.json["not_found"], done.json["entries"]) == (200, ["nil.example"], 2)
    assert api.road.verdict("new.example") == "block"


async def test_content_read_back_is_the_same_content(api: Api) -> None:
    text = "".join(f"||name{number}.example^\n" for number in range(9_000)) + "@@|only.example^\n"
    pushed = await api.push("ads", text)
    got = await api.call("GET", CONTENT)
    assert (got.status, got.etag) == (200, pushed.etag)
    assert got.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert len(got.body.splitlines()) == pushed.json["entries"] == 9_001
    assert (await api.call("GET", CONTENT, headers={"If-None-Match": got.etag})).status == 304
    copied = await api.push("copy", got.body)
    assert copied.json["digest"] == pushed.json["digest"]


async def test_rules_that_are_no_plain_names_are_read_back_as_well(api: Api) -> None:
    lines = [
        "@@||only.example^", "/^ads[0-9]/", "@@/^ads7/", "||a.example^$important", "|b.example^$dnstype=AAAA",
        "||a.example^$client=192.0.2.7/32", "||*.c.example^$dnsrewrite=REFUSED",
        "||d.example^$denyallow=x.d.example", "||e.example^$dnsrewrite=NOERROR;A;192.0.2.7",
    ]  # fmt: skip
    described = {"format": "adblock", "rewrites": True}
    text = "\n".join(lines).encode()
    for name in ("ads", "copy"):
        assert (await api.call("PUT", f"/v1/lists/{name}", described)).status == 201
        pushed = await api.push(name, text)
        assert (pushed.json["report"]["invalid_total"], pushed.json["entries"]) == (0, len(lines))
        got = await api.call("GET", f"/v1/lists/{name}/content")
        text = got.body
        assert sorted(text.decode().splitlines()) == sorted(lines)
        assert got.etag == pushed.etag
    assert (await api.call("GET", CONTENT)).etag == pushed.etag


async def test_what_adblock_has_no_words_for_is_shown(api: Api) -> None:
    assert (await api.call("PUT", LIST, {"format": "rpz"})).status == 201
    await api.push("ads", "a.example CNAME rpz-drop.\n24.0.2.0.192.rpz-ip CNAME .\nb.example CNAME .\n")
    got = await api.call("GET", CONTENT)
    assert got.body.decode().splitlines() == ["|b.example^", "*$addresses=192.0.2.0/24", "|a.example^$drop"]


async def test_the_head_of_a_content_is_its_head(api: Api) -> None:
    pushed = await api.push("ads", "ads.example\n")
    for _ in range(2):  # the second time on the same connection: nothing was left over on it
        got = await api.call("HEAD", CONTENT)
        assert (got.status, got.etag, got.body) == (200, pushed.etag, b"")


async def test_a_damaged_file_is_told_before_the_first_octet(api: Api) -> None:
    pushed = await api.push("ads", "ads.example\n")
    path = api.road.blobs.path(pushed.json["digest"])
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.unlink()
    path.write_bytes(damaged)
    assert (await api.call("GET", CONTENT)).code == "store-failed"


def read_late(address: tuple[str, int], request: bytes, go_on: threading.Event) -> bytes:
    """Send a request, read nothing until told to, then read to the end of the connection."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(30)
        sock.connect(address)
        sock.sendall(request)
        go_on.wait(30)
        got = b""
        with suppress(ConnectionError):
            while data := sock.recv(1 << 20):
                got += data
        return got


async def test_a_reader_that_stops_reading_is_hung_up_on(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    send = lists._send

    async def watched(*args: Any) -> None:
        try:
            await send(*args)
        finally:
            go_on.set()

    monkeypatch.setattr(lists, "_send", watched)
    monkeypatch.setattr(lists, "STALL_SECONDS", 0.1)
    text = "".join(f"{'x' * 60}{number % 1000}.{number // 1000}.example\n" for number in range(150_000))
    packed = {"Content-Encoding": "gzip"}
    assert (await api.push("ads", gzip.compress(text.encode(), 1), headers=packed)).status == 200
    head = f"GET {CONTENT} HTTP/1.1\r\nHost: x.example\r\nAuthorization: Bearer {api.token('admin')}\r\n\r\n"
    got = await asyncio.to_thread(read_late, api.address, head.encode(), go_on)
    assert got.startswith(b"HTTP/1.1 200")
    assert not got.endswith(b"\r\n0\r\n\r\n")
    assert got.count(b"HTTP/1.1") == 1


async def test_a_dry_run_writes_nothing(api: Api) -> None:
    await api.push("ads", "ads.example\n")
    await api.road.changes.close()
    before = api.road.snapshot()
    calls: list[tuple[str, str, object]] = [
        ("PUT", CONTENT, "more.example\n"),
        ("PATCH", CONTENT, {"add": ["more.example"]}),
        ("PUT", LIST, {"title": "New"}),
        ("PUT", "/v1/lists/new", {"title": "New"}),
        ("PUT", "/v1/lists/new/content", "new.example\n"),
        ("DELETE", LIST, None),
    ]
    for method, path, body in calls:
        answer = await api.call(method, path, body, dry_run=1)
        assert (answer.status, answer.json["dry_run"], answer.json["changed"]) == (200, True, True)
        assert answer.json["generation"] == 1
        assert "ETag" not in answer.headers
    assert api.road.snapshot() == before


TAGS: list[tuple[str, str, str, int]] = [
    # resource, header, value ("=" is the tag in force), status
    ("PUT " + CONTENT, "If-Match", "=", 200),
    ("PUT " + CONTENT, "If-Match", '"other", =', 200),
    ("PUT " + CONTENT, "If-Match", "*", 200),
    ("PUT " + CONTENT, "If-Match", '"other"', 412),
    ("PUT " + CONTENT, "If-Match", "W/=", 412),
    ("PUT " + CONTENT, "If-Match", "nonsense", 400),
    ("PUT " + CONTENT, "If-None-Match", "*", 412),
    ("PUT " + CONTENT, "If-None-Match", "=", 412),
    ("PUT " + CONTENT, "If-None-Match", '"other"', 200),
    ("PUT /v1/lists/new/content", "If-None-Match", "*", 200),
    ("PUT /v1/lists/new/content", "If-Match", "*", 412),
    ("PATCH " + CONTENT, "If-Match", "=", 200),
    ("PATCH " + CONTENT, "If-Match", '"other"', 412),
    ("PUT " + LIST, "If-Match", "=", 200),
    ("PUT " + LIST, "If-Match", '"other"', 412),
    ("PUT " + LIST, "If-None-Match", "*", 412),
    ("PUT /v1/lists/new", "If-None-Match", "*", 201),
    ("PUT /v1/lists/new", "If-Match", "*", 412),
    ("DELETE " + LIST, "If-Match", "=", 200),
    ("DELETE " + LIST, "If-Match", '"other"', 412),
    ("GET " + LIST, "If-None-Match", "=", 304),
    ("GET " + CONTENT, "If-None-Match", "=", 304),
    ("GET " + CONTENT, "If-None-Match", '"other"', 200),
]


@pytest.mark.parametrize(("resource", "header", "value", "status"), TAGS)
async def test_entity_tags(api: Api, resource: str, header: str, value: str, status: int) -> None:
    await api.push("ads", "ads.example\n")
    method, path = resource.split()
    tag = (await api.call("GET", path)).headers.get("ETag", '"none"')
    bodies: dict[str, object] = {
        "PUT content": "more.example\n", "PATCH content": {"add": ["more.example"]},
        "PUT ads": {"title": "New"}, "PUT new": {"title": "New"},
    }  # fmt: skip
    body = bodies.get(f"{method} {path.rpartition('/')[2]}")
    answer = await api.call(method, path, body, headers={header: value.replace("=", tag)})
    assert answer.status == status
    if status >= 400:
        assert api.road.numbers() == [1]


async def test_a_tag_changes_with_what_it_names_and_not_otherwise(api: Api) -> None:
    await api.push("ads", "ads.example\n")
    content, described = (await api.call("GET", CONTENT)).etag, (await api.call("GET", LIST)).etag
    await api.push("other", "other.example\n")
    assert (await api.call("GET", LIST)).etag == described
    await api.call("PUT", LIST, {"title": "New"})
    assert (await api.call("GET", CONTENT)).etag == content
    assert (await api.call("GET", LIST)).etag != described


async def test_no_success_unless_every_worker_serves(tmp_path: Path) -> None:
    def silent(message: ToWorker) -> list[ToAdmin]:
        return [] if isinstance(message, Commit) else good(1)(message)

    async with serving(tmp_path, good(0), silent) as api:
        api.road.changes.commit_seconds = 0.1
        answer = await api.push("ads", "ads.example\n")
        assert (answer.status, answer.code) == (503, "process-failed")
        assert "worker 1" in answer.json["detail"] and "generation 1" in answer.json["detail"]
        assert int(answer.headers["Retry-After"]) > 0
