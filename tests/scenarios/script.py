"""A scenario as text: what is in force, what upstreams do, what is asked and what must come back.

    set strategy=race stale=0 prefetch=no      keys of the section [dns] of the settings
    networks 127.0.0.0/8                       who is served
    block bad.example ads.example.org          lists in force at the start
    allow good.bad.example
    list mine adblock rewrites                 a list of its own, in its own notation ...
      | ||shop.example^$dnsrewrite=192.0.2.80  ... which are the lines that follow it
    record printer.lan. 60 IN A 192.168.7.9    a record of our own
    rebinding protect=no allow=lan.example     the policy against rebinding
    answer nxdomain ttl=10                     how blocked names are answered
    answer address 192.0.2.80 2001:db8::80
    names 2 lan.example                        what upstream 2 is asked for, and nothing else
    upstream www.example.org A = A 192.0.2.1 / A 192.0.2.2 ttl=60
    upstream slow.example.org = late 0.1 : A 192.0.2.3
    upstream2 * = refused                      a second upstream, or a third; `*` is every other name

    ask www.example.org A edns=no => NOERROR A=192.0.2.1 A=192.0.2.2 ttl=60
    pass 5                                     seconds of the virtual clock
    swap block=bad.example allow=x.example     another generation, these names and nothing else
    swap lists=mine,other                      another generation, these of the lists written above
    flush www.example.org below => 2           forget answers (without a name: all); how many there were
    kill 1                                     upstream 1 dies: its port is closed ...
    revive 1                                   ... and is there again
    send q1 www.example.org A                  ask, and do not wait ...
    reply q1 => NOERROR A=192.0.2.1            ... until here
    echo www.example.org => REFUSED ede=0      upstream 1 asks us what it was asked, octet for octet
    questions bad.example A www.example.org A => FORMERR
    seen www.example.org 1                     queries that upstream 1 has had (seen2: upstream 2)
    seen * 0                                   `0..3`: between them, both included
    packets www.example.org 1..3               the same for all upstreams together

Lines are read in order; `#` begins a comment. What an upstream does is written as in
`tests.scenarios.words`. A name is in presentation format (RFC 1035 5.1), asked in the case it is written in.

Options of `ask` and `send`: tcp, do, cd, ad, rd=no, edns=no, payload=512, class=CH, from=ADDRESS (of the
client), within=SECONDS (virtual time that may pass before the reply), times=N (ask so often), together=N (so
many at once, each of which must be answered so), version=1, opts=2, option=65001 and ednsflags=16384 (an OPT
that is odd), cookie=new, again, wrong or short (again: the one that came back last). A list's `rewrites` and
`allow` are what its description would say; all lists are in force at the start. A line of a list and a record
are taken as they stand, `#` and all.

Expected after `=>`: `silence` (no reply, now or later), `shed` (no reply, and nothing is asked), `header` (a
bare header with the rcode behind it), or the rcode, then every record of the answer section as TYPE=RDATA
(`TYPE=*`: some record of it), and of what else is written: ttl=N or ttl=N..M, soa=N (the TTL of the one SOA
in the authority section, owned by the qname), ede=N,M (none when not written), text='...' (of the extended
error), tc (not set when not written), cookie (a server's cookie came back), now (without waiting), late=S
(after so many virtual seconds at least). Checked for every reply: ID, RD, CD and the question in its own case
are echoed, an OPT is there exactly when asked with one, AA and AD are clear.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path


class ScriptError(Exception):
    """A line that cannot be read; the text names file and line."""


@dataclass(frozen=True)
class Line:
    """One line: its verb, its bare words, its `key=value` words, and what stands behind `=>`."""

    number: int
    verb: str
    words: list[str]
    options: dict[str, str]
    expected: list[str]


@dataclass(frozen=True)
class Script:
    """A whole file."""

    path: Path
    lines: list[Line] = field(default_factory=list)

    def error(self, line: Line, text: str) -> ScriptError:
        """An error that names where it is."""
        return ScriptError(f"{self.path.name}:{line.number}: {text}")

    def words(self, verb: str) -> list[str]:
        """The bare words of every line of a verb."""
        return [word for line in self.lines if line.verb == verb for word in line.words]

    def options(self, verb: str) -> dict[str, str]:
        """The `key=value` words of every line of a verb."""
        return {key: value for line in self.lines if line.verb == verb for key, value in line.options.items()}


SETTING = {"set", "networks", "block", "allow", "list", "|", "record", "rebinding", "answer", "names"}
"""Verbs that say how things are at the start, wherever they stand."""

VERBS = SETTING | {
    "upstream", "upstream2", "upstream3", "ask", "send", "reply", "echo", "questions", "pass", "swap",
    "flush", "kill", "revive", "packets", "seen", "seen2", "seen3",
}  # fmt: skip

_COMMENT = re.compile(r"(?<!\\)#")
"""What begins a comment; unknown types are written with `\\#` (RFC 3597 5)."""

_RAW = {"|": "| ", "record": "record "}
"""Verbs whose line is one word, as it stands."""


def read(path: Path) -> Script:
    """Read a scenario. Raises ScriptError."""
    script = Script(path)
    for number, text in enumerate(path.read_text("utf-8").splitlines(), 1):
        raw = next((verb for verb, start in _RAW.items() if text.lstrip().startswith(start)), None)
        if raw is not None:
            script.lines.append(Line(number, raw, [text.lstrip()[len(_RAW[raw]) :]], {}, []))
            continue
        # A name may hold a backslash, which a shell would take away.
        text = _COMMENT.split(text)[0].replace("\\", "\\\\")
        if not text.strip():
            continue
        before, _, after = text.partition("=>")
        verb, *words = shlex.split(before)
        line = Line(number, verb, *_sorted(words, verb), _expected(after))
        if verb not in VERBS:
            raise script.error(line, f"no such verb: {verb}")
        script.lines.append(line)
    return script


def _expected(text: str) -> list[str]:
    """The words behind `=>`; inside quotes a shell leaves backslashes alone, so they are still double."""
    return [word.replace("\\\\", "\\") for word in shlex.split(text)]


def _sorted(words: list[str], verb: str) -> tuple[list[str], dict[str, str]]:
    """Bare words and `key=value` words; a behaviour keeps its words in their order."""
    if verb.startswith("upstream"):
        return words, {}
    pairs = dict(word.split("=", 1) for word in words if "=" in word)
    return [word for word in words if "=" not in word], pairs
