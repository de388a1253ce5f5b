"""What is no list at all is refused before it is read."""

from __future__ import annotations

import gzip

import pytest
import zstandard

from resolver.errors import ListRefused
from resolver.rules import screening
from resolver.rules.screening import screen

TEXT = b"# a list\n0.0.0.0 a.example\n0.0.0.0 b.example\n"

REFUSED = {
    "nothing": (b"", "list-empty"),
    "blanks": (b" \r\n\t\n" * 50_000, "list-empty"),
    "a mark alone": (b"\xef\xbb\xbf\n", "list-empty"),
    "html": (b"\n<!DOCTYPE html><html><body>Please log in</body></html>", "list-is-html"),
    "html without doctype": (b"<HTML>\n", "list-is-html"),
    "html behind a mark": (b"\xef\xbb\xbf<html lang=en>", "list-is-html"),
    "xml": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "list-is-html"),
    "gzip": (gzip.compress(TEXT), "list-is-binary"),
    "zstd": (zstandard.compress(TEXT), "list-is-binary"),
    "zip": (b"PK\x03\x04 rest", "list-is-binary"),
    "a NUL far down": (TEXT * 3000 + b"\0", "list-is-binary"),
    "control characters": (b"\x01\x02\x03\x04 a.example\n", "list-is-binary"),
    "UTF-16 with a mark": (TEXT.decode().encode("utf-16"), "list-is-utf16"),
    "UTF-16, little": (TEXT.decode().encode("utf-16-le"), "list-is-utf16"),
    "UTF-16, big": (TEXT.decode().encode("utf-16-be"), "list-is-utf16"),
}

TAKEN = {
    "ascii": (TEXT, 0),
    "a mark": (b"\xef\xbb\xbf" + TEXT, 3),
    "utf-8": ("# für\nbücher.example\n".encode(), 0),
    "latin-1 comment": (b"# f\xfcr\na.example\n", 0),
    "one stray control": (TEXT * 5 + b"\x07\n", 0),
    "a DOS end-of-file": (TEXT + b"\x1a", 0),
    "less-than later": (b"a.example\n<html>\n", 0),
    "a name that begins like a packing": (b"BZh.example\n", 0),
}


@pytest.mark.parametrize(("data", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(data: bytes, code: str) -> None:
    with pytest.raises(ListRefused) as refused:
        screen(data)
    assert refused.value.code == code and refused.value.status == 422
    assert refused.value.detail.endswith(".") and "  " not in refused.value.detail


@pytest.mark.parametrize(("data", "start"), TAKEN.values(), ids=TAKEN.keys())
def test_taken(data: bytes, start: int) -> None:
    assert screen(data) == start


def test_too_many_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screening, "MAX_LINES", 3)
    assert screen(TEXT) == 0
    with pytest.raises(ListRefused, match="has 6 lines; 3 are read") as refused:
        screen(TEXT * 2)
    assert refused.value.code == "too-many-lines"
