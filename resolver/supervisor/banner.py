"""What is told to people once everything is up: where it listens, what is in force, the first token.

A one-shot process (`python -m resolver.supervisor.banner ANNOUNCEMENT first-token|no-token`), so that
the supervisor itself never opens the store. It writes to standard output and exits.

The first token is made here because it must be seen exactly once: by whoever started Belisha at a
terminal or asked for it, and never by a log file that happens to be the standard output.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import msgspec

from resolver import __version__
from resolver import settings as settings_file
from resolver.admin import tokens
from resolver.errors import BelishaError, RequestError
from resolver.generation.manifest import ListEntry, Manifest
from resolver.generation.store import FILE_NAME, Store
from resolver.supervisor.announcement import Announcement

_NAME: Final = "first"
"""The name of the token that is made at the first start."""
_LISTS_SHOWN: Final = 20
"""More would push the addresses off the screen; `belisha lists` shows them all."""


def compose(announcement: Announcement, manifest: Manifest | None, token: str | None) -> str:
    """The text. `manifest` None: nothing is in force; `token` None: none is shown."""
    workers = "1 worker" if announcement.workers == 1 else f"{announcement.workers} workers"
    lines = [
        f"Belisha {__version__} is up.",
        f"  DNS        {', '.join(announcement.dns)} (UDP and TCP, {workers})",
        f"  Admin API  http://{announcement.admin}",
        *_in_force(manifest),
    ]
    if token:
        lines += [
            "",
            "  The first admin token. It is shown this once and kept nowhere; keep it safe:",
            f"  {token}",
        ]
    return "\n".join(lines) + "\n"


def _in_force(manifest: Manifest | None) -> list[str]:
    """The generation and its lists, the first ones by name."""
    if manifest is None:
        return ["  Lists      none in force: nothing is blocked"]
    lists = sorted(manifest.lists.items())
    head = f"  Lists      generation {manifest.number}, {_count(len(lists), 'list')} in force"
    shown = [f"             {name}: {_describe(entry)}" for name, entry in lists[:_LISTS_SHOWN]]
    rest = [f"             and {len(lists) - _LISTS_SHOWN} more"] if len(lists) > _LISTS_SHOWN else []
    return [head + (":" if shown else ""), *shown, *rest]


def _describe(entry: ListEntry) -> str:
    """One list in some words: `blocks, 2 entries (Names to try)`."""
    what = {"block": "blocks", "allow": "allows"}[entry.description.kind]
    parts = [what if entry.description.enabled else "switched off", _count(entry.entries, "entry", "entries")]
    # A title is somebody's text, and a terminal obeys escape sequences.
    title = "".join(c for c in entry.description.title if c.isprintable())
    return ", ".join(parts) + (f" ({title})" if title else "")


def _count(number: int, one: str, many: str = "") -> str:
    """A number and its noun: `1 list`, `1,234 lists`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def read_manifest(data: Path) -> Manifest | None:
    """The manifest in force. Raises StoreError."""
    store = Store(data / FILE_NAME, read_only=True)
    try:
        number = store.current()
        return None if number is None else store.manifest(number)[0]
    finally:
        store.close()


def first_token(data: Path) -> str | None:
    """A new admin token if there is no token at all, else None. Raises StoreError."""
    kept = tokens.Tokens(data / tokens.FILE)
    try:
        return None if kept.any() else kept.create(_NAME, ["admin"])
    except RequestError:  # somebody made it at the same moment
        return None
    finally:
        kept.close()


def main(arguments: list[str]) -> int:
    """Show the banner. Returns 0, or 1 after a sentence on standard error."""
    announcement = msgspec.json.decode(arguments[0], type=Announcement)
    wanted = arguments[1] == "first-token" or sys.stdout.isatty()
    try:
        data = Path(settings_file.load(None).data_dir)
        token = first_token(data) if wanted else None
        sys.stdout.write(compose(announcement, read_manifest(data), token))
        sys.stdout.flush()
    except BelishaError as error:
        sys.stderr.write(f"belisha: the lists in force cannot be shown: {error}\n")
        return 1
    except OSError:  # nobody reads any more
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
