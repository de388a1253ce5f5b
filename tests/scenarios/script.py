"""A scenario as text: what is in force, what upstreams do, what is asked and what must come back.

    block bad.example ads.example.org          lists in force at the start
    allow good.bad.example
    list mine adblock rewrites                 a list of its own, in its own notation ...
      | ||shop.example^$dnsrewrite=192.0.2.80  ... which are the lines that follow it
    answer nxdomain ttl=10                     how blocked names are answered
    answer address 192.0.2.80 2001:db8::80
    networks 127.0.0.0/8                       who is served
    upstream www.example.org A = A 192.0.2.1 / A 192.0.2.2 ttl=60
    upstream slow.example.org = late 0.1 : A 192.0.2.3
    upstream2 * = refused                      a second upstream; `*` is every other name

    ask www.example.org A edns=no => NOERROR A=192.0.2.1 A=192.0.2.2 ttl=60
    pass 5                                     seconds of the virtual clock
    swap block=bad.example allow=x.example     another generation, these names and nothing else
    swap lists=mine,other                      another generation, these of the lists written above
    send q1 www.example.org A                  ask, and do not wait ...
    reply q1 => NOERROR A=192.0.2.1            ... until here
    questions bad.example A www.example.org A => FORMERR
    seen www.example.org 1                     queries that upstream 1 has had (seen2: upstream 2)
    seen * 0

Lines are read in order; `#` begins a comment. A name is in presentation format (RFC 1035 5.1), asked
in the case it is written in. Options of `ask` and `send`: tcp, do, cd, rd=no, edns=no, payload=512,
class=CH, from=ADDRESS (of the client), within=SECONDS (virtual time that may pass before the reply),
times=N (ask so often). A list's `rewrites` and `allow` are what its description would say; all lists are
in force at the start. A line of a list is taken as it stands, `#` and all.

Expected after `=>`: `silence` (no reply, now or later), or the rcode, then every record of the answer
section as TYPE=RDATA (`TYPE=*`: some record of it), and of what else is written: ttl=N, soa=N (the TTL of
the one SOA in the authority section, owned by the qname), ede=N (none when not written), tc (not set when
not written). Checked for every reply: ID, RD and the question in its own case are echoed, an OPT is there
exactly when asked with one, AA and AD are clear.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import behaviours as do
from tests.support.behaviours import Behaviour


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


VERBS = {
    "block", "allow", "list", "|", "answer", "networks", "upstream", "upstream2", "ask", "send", "reply",
    "questions", "pass", "swap", "seen", "seen2",
}  # fmt: skip


def read(path: Path) -> Script:
    """Read a scenario. Raises ScriptError."""
    script = Script(path)
    for number, text in enumerate(path.read_text("utf-8").splitlines(), 1):
        if text.lstrip().startswith("| "):
            script.lines.append(Line(number, "|", [text.lstrip()[2:]], {}, []))
            continue
        # A name may hold a backslash, which a shell would take away.
        text = text.partition("#")[0].replace("\\", "\\\\")
        if not text.strip():
            continue
        before, _, after = text.partition("=>")
        verb, *words = shlex.split(before)
        line = Line(number, verb, *_sorted(words, verb), shlex.split(after))
        if verb not in VERBS:
            raise script.error(line, f"no such verb: {verb}")
        script.lines.append(line)
    return script


def _sorted(words: list[str], verb: str) -> tuple[list[str], dict[str, str]]:
    """Bare words and `key=value` words; a behaviour keeps its words in their order."""
    if verb.startswith("upstream"):
        return words, {}
    pairs = dict(word.split("=", 1) for word in words if "=" in word)
    return [word for word in words if "=" not in word], pairs


_PLAIN = {
    "nxdomain": do.nxdomain(), "nodata": do.nodata(), "servfail": do.failed(), "refused": do.refused(),
    "silent": do.silence(), "nxdomain-without-soa": do.nxdomain(with_soa=False), "hang-up": do.hang_up(),
}  # fmt: skip

_AROUND = {
    "truncated": do.truncated,
    "formerr-to-edns": do.formerr_to_edns,
    "wrong-id": do.wrong_id,
    "wrong-case": do.wrong_case,
    "wrong-question": do.wrong_question,
}


def behaviour(words: list[str]) -> Behaviour:
    """`A 192.0.2.1 / AAAA 2001:db8::1 ttl=60`, `late 0.1 : …`, `big 3000`, `nxdomain`. Raises KeyError."""
    if ":" in words:
        at = words.index(":")
        inner = behaviour(words[at + 1 :])
        if words[0] == "late":
            return do.after(float(words[1]), inner)
        return _AROUND[words[0]](inner)
    if words[0] == "big":
        return do.big(int(words[1]))
    if words[0] in ("nxdomain", "nodata") and len(words) == 3:
        return getattr(do, words[0])(int(words[1]), int(words[2]))  # type: ignore[no-any-return]
    if len(words) == 1:
        return _PLAIN[words[0]]
    ttl = int(words.pop().removeprefix("ttl=")) if words[-1].startswith("ttl=") else 300
    records = " ".join(words).split(" / ")
    return do.answer(*records, ttl=ttl)
