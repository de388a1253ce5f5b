"""Which format a list is in, from its first thousand lines that mean anything, and how surely.

Every line votes for the shape it has; the shapes are a table. Formats whose readers take lines of
another shape in the same sense get those votes too, so a list of plain names with some hosts lines is
read as hosts. A shape that hardly any line has is a slip and does not stand for election. Confidence
is the share of lines that the winner can read. Comments have no vote: what a list says of itself in
words may be out of date.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from resolver.rules.codes import MAX_LINE

MAX_VOTES: Final = 1000
"""Lines that vote."""

_MAX_SAMPLE: Final = 1 << 20  # octets that are looked at, so that a long licence text costs no time
_LEAST_SHARE: Final = 0.02  # of all votes, for a shape to lead before plain names

# A record of a zone, or a part of one. Types that are words of one letter count in capitals only: a hosts
# line may name a machine `a`.
_RECORD: Final = (
    rb"\$(?:TTL|ORIGIN)\b"
    rb"|(?:\S+\s+)?(?:[0-9]+[smhdw]?\s+)?(?:(?i:IN)\s+)?(?:[0-9]+[smhdw]?\s+)?"
    rb"(?:(?i:CNAME|SOA|NS)|A|AAAA|TXT|MX|PTR|SRV|HTTPS|SVCB|TYPE[0-9]+)\s+[^\s#|^]"
    # The numbers of an SOA record that spans several lines.
    rb"|(?:[0-9]++[smhdw]?+\s*+){1,5}+\)?\s*(?:;.*)?$|\)"
)
# Options of dnsmasq and unbound and the records of a zone can be nothing else, so they come first. An
# expression between slashes is read by several formats, a bare one by Pi-hole alone. An expression may hold
# an adblock mark or a name, an adblock rule may hold a mask; so each is asked before the plainer one. What
# is left and has a dot in it may be a name.
_SHAPES: Final = tuple(
    (name, re.compile(pattern).match)
    for name, pattern in (
        ("dnsmasq", rb"(?:address|local|server)=/|(?:conf-file|cache-size|listen-address|port)="),
        (
            "unbound",
            rb"(?:local-(?:zone|data)(?:-[a-z]+)?|access-control-[a-z]+|define-tag|(?:server|view)(?=:\s*$))\s*:",
        ),
        ("rpz", _RECORD),
        ("pihole-regex", rb"(?!/).*;(?:querytype=|invert\b|reply=)"),
        ("regex", rb"/.+/$"),
        ("pihole-regex", rb"\^|\(\?#|\(\\?[.^]|\(\?|.*\\\.|.*[)\]][*+?$]"),
        ("hosts", rb"(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(?:%\S+)?)\s+[^\s#]"),
        ("adblock", rb"@@|\|.|.+\^(?:\||\$|$)|.*#[@$?%]*#[^#\s]|[^\s$]+\$[a-z~]"),
        ("wildcard", rb"[*=]?[^\s#/|^]*[*?]|=[^\s#]+|[\w.-]*\[[^\s\]]+\][\w.-]*(?:\s|$)"),
        ("domains", rb"[\w\x80-\xff-]+(?:\.[\w\x80-\xff-]+)+\.?\s*(?:#.*)?$"),
    )
)
"""Shape of a stripped line -> format, the most telling first. The first that matches gets the vote."""

_READS_TOO: Final[Mapping[str, tuple[str, ...]]] = {
    "hosts": ("domains",),
    "domains": ("regex",),
    "wildcard": ("domains",),
    "adblock": ("domains", "hosts", "regex"),
}
"""Format -> the other shapes that its reader takes in the same sense: lists do mix them."""

_NO_VOTE: Final = (b"#", b"!", b";", b"[")


class Detected(NamedTuple):
    """The likeliest format, and the share of voting lines that fit it (0 to 1)."""

    format: str
    confidence: float


def detect(data: bytes) -> Detected:
    """Look at the octets of a list. Without any line that looks like anything: plain names, at 0."""
    votes: Counter[str] = Counter()
    for line in _voters(data):
        votes[next((name for name, match in _SHAPES if match(line)), "")] += 1
    total = votes.total()
    readable = {
        name: votes[name] + sum(votes[other] for other in _READS_TOO.get(name, ()))
        for name, _ in _SHAPES
        if votes[name] > _LEAST_SHARE * total
    }
    if not readable:
        return Detected("domains", 0.0)
    # Of formats that read as many lines the one with more lines of its own shape leads.
    leader = max(readable, key=lambda name: (readable[name], votes[name]))
    return Detected(leader, round(readable[leader] / total, 3))


def _voters(data: bytes) -> Iterator[bytes]:
    """The first lines that are neither empty nor comments, stripped."""
    left = MAX_VOTES
    for line in data[:_MAX_SAMPLE].split(b"\n"):
        stripped = line.strip()
        cosmetic = stripped.startswith(b"##") and len(stripped) > 2 and stripped[2:3] not in b"# "
        if not stripped or len(stripped) > MAX_LINE or (stripped.startswith(_NO_VOTE) and not cosmetic):
            continue
        yield stripped
        left -= 1
        if left == 0:
            return
