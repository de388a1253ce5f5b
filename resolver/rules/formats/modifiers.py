"""The modifiers of AdGuard's DNS filtering syntax: `$name=value,name` → conditions of a side rule.

    important         beats every rule without it
    badfilter         takes back the rule that is the same line without it
    client=a|~b       who asks: address, network or name of a client     (not: `~`)
    ctag=a|~b         what kind of client asks; a fixed vocabulary        (not: `~`)
    dnstype=A|~B      the type asked for; with both kinds, only those without `~` count
    denyallow=a|b     not these names, and none below them
    dnsrewrite=value  an answer of its own (`resolver.rules.formats.dnsrewrite`)
    respgeo=value     the country of the answer: understood, and nothing here could tell it

A comma ends a modifier and `|` a value, unless a backslash stands before it, within quotation marks too
(the syntax says so). **One modifier that is not known voids the whole rule**: the syntax demands it, since
what it narrows down would otherwise be a rule for all. Those that only browsers know (`third-party`,
`image`, `domain`, ...) are no class of their own: the list of them never ends, and a rule is left out just
the same. A modifier that stands twice, lacks its value or has one that it cannot have voids the rule too.

Where peers and the syntax leave room: `dnstype` is the type of the question (AdGuard Home compares it with
the records of an answer too, from 0.108 on); names of modifiers are in lower case, those of clients in any;
an empty modifier (`a,,b`) is a slip, and slips are reported, not read over.

Values are canonical when they leave: sorted, each once, so that two ways to say the same are one rule.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from resolver.dns.names import ROOT, Fault, read_host
from resolver.dns.registry import type_number
from resolver.rules.lines import Skip
from resolver.rules.model import key_of

MAX_VALUES: Final = 1000
"""Values of one modifier."""

MAX_CLIENT_NAME: Final = 128
"""Characters of the longest name of a client."""

CLIENT_TAGS: Final = frozenset(
    "device_audio device_camera device_gameconsole device_laptop device_nas device_other device_pc "
    "device_phone device_printer device_securityalarm device_tablet device_tv os_android os_ios os_linux "
    "os_macos os_other os_windows user_admin user_child user_regular".split()
)
"""Every tag that a client can have (AdGuard Home, "ctag")."""

Fields = dict[str, Any]
"""Some fields of a SideRule."""


class Modifiers(NamedTuple):
    """What the modifiers of one rule say.

    fields     fields of the SideRule
    rewrite    the value of `dnsrewrite`, "" if it has none; None without it
    badfilter  the rule is not obeyed but taken back
    """

    fields: Fields
    rewrite: str | None = None
    badfilter: bool = False


NO_MODIFIERS: Final = Modifiers({})

_UNKNOWN: Final = Skip("invalid", "unknown-modifier")
_TWICE: Final = Skip("invalid", "modifier-twice")
_BAD: Final = Skip("invalid", "bad-modifier")
_UNKNOWN_TAG: Final = Skip("invalid", "unknown-tag")
_TOO_MANY: Final = Skip("invalid", "too-many-values")

# The end of a modifier or a value, or an escape that may hide one.
_COMMAS: Final = re.compile(r"\\.|,", re.S).finditer
_BARS: Final = re.compile(r"\\.|\|", re.S).finditer


def read_modifiers(text: str) -> Modifiers | Skip:
    """Everything behind the `$` of a rule, or why it voids the rule. Never raises."""
    parts = [part.partition("=") for part in _split(_COMMAS, text)]
    found = {name.strip(): value.strip() if equals else None for name, equals, value in parts}
    if not found.keys() <= _READERS.keys() | {""}:
        return _UNKNOWN
    if "" in found:  # `$` with nothing behind it, or two commas in a row
        return _BAD
    if len(found) != len(parts):
        return _TWICE
    fields: Fields = {}
    for name, value in found.items():
        said = _READERS[name](value)
        if isinstance(said, Skip):
            return said
        fields |= said
    return Modifiers(fields, fields.pop("rewrite", None), fields.pop("badfilter", False))


def _split(ends: Callable[[str], Iterable[re.Match[str]]], text: str) -> list[str]:
    """Text at its separators, those behind a backslash left alone; escapes stay as they are."""
    parts, start = [], 0
    for found in ends(text):
        if len(found[0]) == 1:
            parts.append(text[start : found.start()])
            start = found.end()
    return [*parts, text[start:]]


def _values(text: str | None) -> list[tuple[str, str]] | Skip:
    """`a|~b` → each value with its mark, `~` or "". A bad modifier has none, or an empty one."""
    values = [value.strip() for value in _split(_BARS, text or "")]
    if len(values) > MAX_VALUES:
        return _TOO_MANY
    marked = [("~", value[1:].strip()) if value.startswith("~") else ("", value) for value in values]
    return marked if all(value for _, value in marked) else _BAD


def _read_each(text: str | None, name: str, read: Callable[[str], Any], fault: Skip) -> Fields | Skip:
    """A modifier with values of two kinds → the fields `name` and `not_name`; `read` says None: `fault`."""
    values = _values(text)
    if isinstance(values, Skip):
        return values
    chosen: dict[str, set[Any]] = {"": set(), "~": set()}
    for mark, value in values:
        meant = read(value)
        if meant is None:
            return fault
        chosen[mark].add(meant)
    return {name: tuple(sorted(chosen[""])), f"not_{name}": tuple(sorted(chosen["~"]))}


# One reader for each modifier: its value, or None if it has none → fields, or why the rule is void.


def _read_important(text: str | None) -> Fields | Skip:
    """Without a value: `important=0` is not what it may look like."""
    return {"important": True} if text is None else _BAD


def _read_badfilter(text: str | None) -> Fields | Skip:
    """Without a value; taken out of the fields again in the end."""
    return {"badfilter": True} if text is None else _BAD


def _read_client(text: str | None) -> Fields | Skip:
    """Who asks. Those without `~` and those with it may stand together: "of these, but not these"."""
    return _read_each(text, "clients", _client, _BAD)


def _read_ctag(text: str | None) -> Fields | Skip:
    """What kind of client asks. A tag that no client can have would make a rule for nobody, or for all."""
    return _read_each(text, "tags", lambda tag: tag if tag in CLIENT_TAGS else None, _UNKNOWN_TAG)


def _read_dnstype(text: str | None) -> Fields | Skip:
    """The types asked for, by name in either case or as TYPE65280."""
    fields = _read_each(text, "types", type_number, _BAD)
    if not isinstance(fields, Skip) and fields["types"]:
        fields["not_types"] = ()  # the syntax: `~A|B` is the same as `B`
    return fields


def _read_denyallow(text: str | None) -> Fields | Skip:
    """Plain names only; a `~` would exclude from what is excluded."""
    fields = _read_each(text, "outside", _outside, _BAD)
    return _BAD if not isinstance(fields, Skip) and fields.pop("not_outside") else fields


def _read_dnsrewrite(text: str | None) -> Fields | Skip:
    """Kept as it is: what it means depends on `@@`, and on whether the list is trusted."""
    return {"rewrite": text or ""}


def _read_respgeo(text: str | None) -> Fields | Skip:
    """A rule for answers from some countries: without the country it would be one for all answers."""
    return Skip("unenforceable", "respgeo") if text else _BAD


_READERS: Final[Mapping[str, Callable[[str | None], Fields | Skip]]] = {
    "important": _read_important,
    "badfilter": _read_badfilter,
    "client": _read_client,
    "ctag": _read_ctag,
    "dnstype": _read_dnstype,
    "denyallow": _read_denyallow,
    "dnsrewrite": _read_dnsrewrite,
    "respgeo": _read_respgeo,
}
"""Every modifier there is."""


# Values.

# The escapes of the syntax; a backslash before anything else is one.
_ESCAPE: Final = re.compile(r"""\\([\\'",|])""")
_QUOTED: Final = re.compile(r"""(['"])((?:[^\\]|\\.)*)\1""", re.S).fullmatch
# What nobody calls a device: digits and dots, or hexadecimal digits and colons, with a prefix length or not.
_LIKE_AN_ADDRESS: Final = re.compile(
    r"[0-9]*\.[0-9.]*(?:/.*)?|[0-9a-f]*:[0-9a-f:.]*(?:[/%].*)?", re.S
).fullmatch


def _client(value: str) -> str | None:
    """An address or network in CIDR notation, or the folded name of a client; None if it is neither.

    Host bits of a network are dropped. What can only be meant as an address must be one.
    """
    quoted = _QUOTED(value)
    if quoted is None and value[0] in "'\"~":
        return None
    name = _ESCAPE.sub(r"\1", quoted[2] if quoted else value).strip()
    try:
        network = str(ipaddress.ip_network(name, strict=False))
        return None if "%" in network else network  # a scope means something on one machine only
    except ValueError:
        return fold_client_name(name)


def fold_client_name(name: str) -> str | None:
    """A client's name as rules compare it: NFC, blanks around it dropped, upper and lower case the same.

    None: it is empty, longer than MAX_CLIENT_NAME, not printable, or would be taken for an address.
    """
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name.strip()).casefold())
    if not folded or len(folded) > MAX_CLIENT_NAME or not folded.isprintable():
        return None
    return None if _LIKE_AN_ADDRESS(folded) else folded


def _outside(value: str) -> bytes | None:
    """The index key of a name that a rule does not speak of."""
    wire = read_host(value)
    return None if isinstance(wire, Fault) or wire == ROOT else key_of(wire)
