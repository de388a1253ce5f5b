"""Structured DNS Error: what a device may show to whoever meets a block, as data. Pure.

draft-ietf-dnsop-structured-dns-error, an update of RFC 8914, by its text of June 2026: revision 22 with
the changes after it. (IANA has assigned option 26 to it.) A client
that understands it puts an option without data into its query. Only then, and only beside the extended
errors Blocked, Censored and Filtered, EXTRA-TEXT is no text for people but one object of I-JSON (RFC
7493), without a space in it:

    {"c":["mailto:help@school.example"],"j":"games in lessons","s":5,"o":"Example School","l":"en"}

    c   URIs of whom to ask; schemes that the draft registers, `tel` and `mailto`; others are left out
    j   why, for people
    s   why, as a number: 5, the policy of whoever runs this network; for Blocked alone
    o   who filters
    l   the language of j and o, needed with either; `und` where nobody said (RFC 5646 4.1)

Up to the draft's revisions of 2025 a client asked with an empty extended error in its query (code 0, no
text). Clients of that time are understood too: nothing else can be meant by an extended error in a query.

A client should act on this only if it came over a connection whose other end it knows; we may send it
over any. It must not be what makes a reply too long for UDP: j and o go first, then all of it.
"""

from __future__ import annotations

import json
from typing import Final, Protocol

from resolver.dns import registry
from resolver.dns.query import option

MAX_OCTETS: Final = 512
"""Octets of the JSON: beside the longest question, sixteen addresses and a cookie it fits into 1232."""

CODES: Final = (registry.EDE_BLOCKED, registry.EDE_CENSORED, registry.EDE_FILTERED)
"""Extended errors whose text may be structured."""

_STRUCTURED: Final = registry.OPTION_STRUCTURED.to_bytes(2, "big")
_EDE: Final = registry.OPTION_EDE.to_bytes(2, "big")
_SCHEMES: Final = ("tel:", "mailto:")
_NETWORK_POLICY: Final = 5
_UNDETERMINED: Final = "und"


class Why(Protocol):
    """What there is to say. `contact` are URIs; "" and () mean that nothing is said."""

    @property
    def contact(self) -> tuple[str, ...]:
        """Whom to ask."""

    @property
    def organization(self) -> str:
        """Who filters."""

    @property
    def justification(self) -> str:
        """Why."""

    @property
    def language(self) -> str:
        """The language tag of both (RFC 5646 2.1)."""


def asks(options: bytes) -> bool:
    """Whether a query with these EDNS options asks for structured errors. Data of the option is ignored,
    as the draft has it."""
    # Two searches for two octets let nearly every cookie and padding pass before options are walked.
    return (_STRUCTURED in options and option(options, registry.OPTION_STRUCTURED) is not None) or (
        _EDE in options and option(options, registry.OPTION_EDE) is not None
    )


def structured(why: Why, code: int = registry.EDE_BLOCKED) -> bytes:
    """The EXTRA-TEXT for an extended error, at most MAX_OCTETS; b"" when there is nothing to say, or
    nothing that may be said beside this code."""
    return _fitting(why, code, (("j", "o"), ("o",), ()))


def brief(why: Why, code: int = registry.EDE_BLOCKED) -> bytes:
    """The same without j and o, for replies that would be too long for UDP."""
    return _fitting(why, code, ((),))


def _fitting(why: Why, code: int, forms: tuple[tuple[str, ...], ...]) -> bytes:
    """The first of these choices of texts that fits; failing all, as many contacts as fit."""
    contact = tuple(uri for uri in why.contact if uri.lower().startswith(_SCHEMES))
    said = {name: text for name, text in (("j", why.justification), ("o", why.organization)) if text}
    if code not in CODES or not (contact or said):
        return b""
    for form in forms:
        texts = {name: text for name, text in said.items() if name in form}
        made = _encoded(contact, texts, code, why.language)
        if len(made) <= MAX_OCTETS:
            return made
    while len(made := _encoded(contact, {}, code, "")) > MAX_OCTETS:
        contact = contact[:-1]
    return made


def _encoded(contact: tuple[str, ...], texts: dict[str, str], code: int, language: str) -> bytes:
    """One object, its members in the order in which the draft shows them; b"" for one without c, j and s,
    which every client discards."""
    members: dict[str, object] = {"c": contact} if contact else {}
    if "j" in texts:
        members["j"] = texts["j"]
    if code == registry.EDE_BLOCKED:
        members["s"] = _NETWORK_POLICY
    if not members:
        return b""
    if "o" in texts:
        members["o"] = texts["o"]
    if texts:
        members["l"] = language or _UNDETERMINED
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
