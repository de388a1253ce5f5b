"""What a list says of itself: `! Title: …` and the like in its first comments.

Only comments before and among the first lines are looked at, with the marks of all formats (`!`,
`#`, `;`). The number of entries is a free check that the list arrived whole. Values come from
outside: they are cut and made safe to print, and nothing but the report uses them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from resolver.rules.report import Header, safe_text

_MAX_SAMPLE: Final = 1 << 16
"""Octets from the start of a list in which its header is looked for."""

_FIELD: Final = re.compile(
    rb"^[ \t]*[!#;][!#;| \t]*(title|expires|version|last modified|number of entries|entries|domains)"
    rb"[ \t]*:[ \t]*([^\r\n]{1,1000})",
    re.I | re.M,
)

# Four publishers, three ways to say how many entries there are.
_NAMES: Final[Mapping[str, str]] = {
    "title": "title",
    "expires": "expires",
    "version": "version",
    "last modified": "last_modified",
    "number of entries": "number",
    "entries": "number",
    "domains": "number",
}

# Thousands are set apart by a comma, a point, a blank or an apostrophe, as the publisher's country does.
_NUMBER: Final = re.compile(r"([0-9]{1,3}(?:[,. '][0-9]{3})+|[0-9]{1,12})\s*$").match


def read_header(data: bytes) -> Header:
    """The header of a list; the first of several equal fields counts."""
    found: dict[str, str] = {}
    for field, value in _FIELD.findall(data[:_MAX_SAMPLE]):
        text = value.decode("utf-8", "replace").strip()
        found.setdefault(_NAMES[field.decode("ascii").lower()], safe_text(text))
    number = _NUMBER(found.get("number", ""))
    return Header(
        title=found.get("title"),
        expires=found.get("expires"),
        version=found.get("version"),
        last_modified=found.get("last_modified"),
        number_of_entries=int(re.sub(r"\D", "", number[1])) if number else None,
    )
