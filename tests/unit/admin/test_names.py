"""Names in requests: one reading for all of the API."""

from __future__ import annotations

import pytest

from resolver.admin.names import wire_name
from resolver.errors import RequestError


@pytest.mark.parametrize("text", ["bücher.example", " BÜCHER.Example. ", "xn--bcher-kva.example"])
def test_every_spelling_is_the_same_name(text: str) -> None:
    assert wire_name(text) == b"\x0dxn--bcher-kva\x07example\0"


@pytest.mark.parametrize(
    "text", ["", " ", "a..example", "a" * 64 + ".example", "http://example.org/", "\x00"]
)
def test_what_is_no_name_is_told_with_its_fault(text: str) -> None:
    with pytest.raises(RequestError) as caught:
        wire_name(text)
    error = caught.value
    assert (error.status, error.code, error.extra["parameter"]) == (422, "name-invalid", "name")
    assert error.extra["fault"] and error.detail
