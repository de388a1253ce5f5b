"""Real lists through the real API: entries, bad lines, time and size; then popular names through them.

Needs the folder of real lists (`../shared/data` beside the checkout, or BELISHA_TEST_DATA); says so
and stops where it is absent. Nothing of a list is printed but counts.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import zstandard

from tests.bench.machine import megabytes, running
from tests.e2e.belisha import Belisha

POPULAR = "opendns-public-domain-lists/opendns-top-domains.txt"

NO_LISTS = ("opendns", "publicsuffix", "citizenlab", "malware.ip", "__urls", "cloaking")
"""Parts of the names of files that hold no domain list: query mixes, addresses, URLs."""

ALLOW = ("whitelist", "liste_blanche", "update")
"""Parts of the names of lists that allow."""


def data_folder() -> Path | None:
    """Where the real lists are."""
    beside = Path(__file__).parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("BELISHA_TEST_DATA", beside))
    return folder if folder.is_dir() else None


def read_list(path: Path) -> bytes:
    """The octets of a list."""
    return zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read()


def _push_all(server: Belisha, folder: Path) -> None:
    print(f"  {'list':44} {'entries':>8} {'invalid':>8} {'seconds':>8} {'octets/entry':>13}")
    for path in sorted(folder.rglob("*.zst")):
        name = str(path.relative_to(folder)).removesuffix(".zst")
        if any(part in name for part in NO_LISTS):
            continue
        list_id = name.split("/")[-1].replace("__", "-").lower()
        list_id = f"{name.split('/')[0][:12]}-{list_id}"[:60]
        if any(part in name for part in ALLOW):
            description = json.dumps({"kind": "allow"}).encode()
            server.call("PUT", f"/v1/lists/{list_id}", description, content_type="application/json")
        began = time.monotonic()
        status, answer = server.call("PUT", f"/v1/lists/{list_id}/content", read_list(path))
        took = time.monotonic() - began
        if status != 200:
            print(f"  {list_id:44} {status} {answer['title']}: {answer['detail']}")
            continue
        print(_row(server, list_id, answer, took))


def _row(server: Belisha, list_id: str, answer: dict[str, Any], took: float) -> str:
    file = server.folder / "data" / "blobs" / f"{answer['digest']}.rules"
    each = file.stat().st_size / max(1, answer["entries"])
    invalid = answer["report"]["invalid_total"]
    return f"  {list_id:44} {answer['entries']:8} {invalid:8} {took:8.2f} {each:13.1f}"


def _resolve(server: Belisha, names: list[str]) -> Counter[str]:
    """How many of the names are blocked, and by which list."""
    by_list: Counter[str] = Counter()
    for name in names:
        if server.blocked(name):
            status, answer = server.call("GET", f"/v1/explain?name={name}")
            by_list[answer["list"] if status == 200 and answer["list"] else "?"] += 1
    return by_list


def _tell(how: str, names: list[str], blocked: Counter[str], took: float) -> None:
    print(f"  {how} lists: {len(names)} names, {sum(blocked.values())} blocked, {took:.0f} s")


def main() -> None:
    """every real list pushed; popular names with and without them"""
    folder = data_folder()
    if folder is None:
        print("not measured: no folder of real lists")
        return
    names = read_list(folder / f"{POPULAR}.zst").decode().split()
    with running() as server:
        began = time.monotonic()
        blocked = _resolve(server, names)
        _tell("without", names, blocked, time.monotonic() - began)
        _push_all(server, folder)
        began = time.monotonic()
        blocked = _resolve(server, names)
        _tell("with", names, blocked, time.monotonic() - began)
        for list_id, count in blocked.most_common():
            print(f"    {count:6} {list_id}")
        for name, pid in sorted(server.children().items()):
            print("  {}: {:.0f} MB resident, {:.0f} MB proportional".format(name, *megabytes(pid)))
