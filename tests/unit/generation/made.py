"""Compiled lists and generations for tests, made by the real doors of `resolver.rules`."""

from __future__ import annotations

from pathlib import Path

from resolver.generation.blobs import Blobs
from resolver.generation.manifest import ListDescription, ListEntry, Manifest
from resolver.generation.store import FILE_NAME, Store
from resolver.rules.compile import compile_content, content_digest
from resolver.rules.model import Kind
from resolver.rules.parse import parse_list

AT = "2026-01-02T03:04:05Z"


def wire(name: str) -> bytes:
    """The lower-cased wire form of a name, as `Ruleset.verdict` wants it."""
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def list_entry(blobs: Blobs, *names: str, kind: Kind = "block", enabled: bool = True) -> ListEntry:
    """A list of these names, compiled and stored."""
    parsed = parse_list("\n".join(names).encode() + b"\n", format="domains", match="suffix", kind=kind)
    digest = content_digest(parsed.content)
    blobs.write(digest, compile_content(parsed.content))
    description = ListDescription(kind=kind, format="domains", match="suffix", enabled=enabled)
    return ListEntry(description, digest, parsed.content.entries, "domains", AT)


def put_in_force(store: Store, **lists: ListEntry) -> int:
    """Commit a generation of these lists; its number."""
    manifest = following(store, **lists)
    store.commit(manifest)
    return manifest.number


def following(store: Store, **lists: ListEntry) -> Manifest:
    """A manifest of these lists that may be committed next."""
    current = store.current()
    parent = None if current is None else store.manifest(current)[1]
    return Manifest(store.next_number(), parent, AT, "ann", "why", lists=dict(lists))


def data_folder(folder: Path) -> tuple[Store, Blobs]:
    """An empty data directory's store and blobs."""
    return Store(folder / FILE_NAME), Blobs(folder / "blobs")
