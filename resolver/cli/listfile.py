"""Files of lists, as `belisha check` and `belisha convert` read them: plain or packed, and bounded.

What a file is packed with is seen in its first octets, so that its name does not matter and standard
input may be packed too. The bound is that of a push: what is read here can be pushed. A file that cannot be
read raises the error that the API answers with, so that both read alike.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final

import click

from resolver.errors import RequestError, UnpackError
from resolver.generation.unpack import encoding_of_octets, unpacker
from resolver.settings import Admin

MOST: Final = Admin().list_mb << 20
"""Octets of a list, unpacked: the default of `admin.list_mb`."""

LONG: Final = 2 << 20
"""Octets from which a list takes long enough for a bar."""

STANDARD_INPUT: Final = "-"

_PIECE: Final = 1 << 20

_TITLES: Final = {
    "list-too-large": "The list is too large",
    "encoding-broken": "The file cannot be unpacked",
    "body-truncated": "The file ends too early",
}


def list_argument(*, many: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """FILE, or FILE...: something that can be read, or `-`."""
    kind = click.Path(path_type=Path, exists=True, dir_okay=False, readable=True, allow_dash=True)
    name, shown = ("files", "FILE...") if many else ("file", "FILE")
    return click.argument(name, metavar=shown, type=kind, nargs=-1 if many else 1, required=True)


def read_list_file(path: Path, most: int = MOST) -> bytes:
    """The octets of a list, unpacked. Raises RequestError: too large, damaged, cut, or not readable."""
    try:
        if str(path) == STANDARD_INPUT:
            return _read(sys.stdin.buffer, most)
        with path.open("rb") as file:
            return _read(file, most)
    except UnpackError as error:
        raise RequestError(422, error.code, _TITLES[error.code], str(error)) from error
    except OSError as error:
        detail = error.strerror or str(error)
        raise RequestError(422, "file-closed", "The file cannot be read", detail) from error


def _read(file: IO[bytes], most: int) -> bytes:
    """Everything that comes out of the file. The octets exist once: they may be most of the memory here."""
    first = file.read(_PIECE)
    unpack = unpacker(encoding_of_octets(first), most)
    # `getvalue` of a BytesIO that is not written to again gives its own buffer away, not a copy.
    whole = io.BytesIO()
    piece = first
    while piece:
        unpack.feed(piece, whole.write)
        piece = file.read(_PIECE)
    if first:
        unpack.finish()
    return whole.getvalue()
