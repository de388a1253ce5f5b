"""Which format a list is in, from its first thousand lines that mean anything, and how surely.

Every line votes for the shape it has; the shapes are a table. A plain name is read alike by most
formats, so plain names support whichever of those leads; they decide alone only when hardly anything
else is there. Confidence is the share of lines that the winner can read. Comments have no vote:
what a list says of itself in words may be out of date.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from resolver.rules.codes import MAX_LINE

MAX_VOTES: Final = 1000
"""Lines that vote."""

_MAX_SAMPLE: Final = 1 << 20  # octets that are looked at, so that a long licence text costs no time
_LEAST_SHARE: Final = 0.02  # of all votes, for a shape to lead before plain names

# Options of dnsmasq and unbound and the records of a zone can be nothing else, so they come first. An
# expression may hold an adblock mark or a name, an adblock rule may hold a mask; so each is asked before
# the plainer one. What is left and has a dot in it may be a name.
_SHAPES: Final = tuple(
    (name, re.compile(pattern).match)
    for name, pattern in (
        ("dnsmasq", rb"(?:address|local|server)=/|(?:conf-file|cache-size|listen-address|port)="),
        ("unbound", rb"(?:local-zone|local-data)\s*:|server:\s*$"),
        (
            "rpz",
            rb"\$(?:TTL|ORIGIN)\b|@?\s*(?:[0-9]+\s+)?(?:IN\s+)?(?:SOA|NS)\s|\S+\s+(?:[0-9]+\s+)?(?:IN\s+)?CNAME\s",
        ),
        ("regex", rb"/.+/$|\^|\(\\?[.^]|\(\?|.*\\\.|.*[)\]][*+?$]"),
        ("hosts", rb"(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(?:%\S+)?)\s+[^\s#]"),
        ("adblock", rb"@@|\|.|.+\^(?:\||\$|$)|.*#[@$?%]*#[^#\s]|[^\s$]+\$[a-z~]"),
        ("wildcard", rb"[*=]?[^\s#/|^]*[*?]|=[^\s#]+"),
        ("domains", rb"[\w\x80-\xff-]+(?:\.[\w\x80-\xff-]+)+\.?\s*(?:#.*)?$"),
    )
)
"""Shape of a stripped line -> format, the most telling first. The first that matches gets the vote."""

_READS_PLAIN_NAMES: Final = frozenset(("hosts", "adblock", "wildcard"))
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
    # Of formats with as many votes the more telling one leads, which `-rank` says.
    total = votes.total()
    plain = votes["domains"]
    leaders = [(votes[name], -rank, name) for rank, (name, _) in enumerate(_SHAPES) if name != "domains"]
    count, _, leader = max(leaders)
    if (
        count == 0
        or count < _LEAST_SHARE * total
        or (plain and leader not in _READS_PLAIN_NAMES and count < plain)
    ):
        return Detected("domains", round(plain / total, 3) if total else 0.0)
    # A plain name is no vote against a format that reads plain names.
    supported = count + (plain if leader in _READS_PLAIN_NAMES else 0)
    return Detected(leader, round(supported / total, 3))


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
