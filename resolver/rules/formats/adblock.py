"""Adblock rules as DNS filters read them (AdGuard's DNS filtering syntax, list-formats 2.5).

    ||name^      name and all below        @@||name^   the same, allowed
    |name^       the name itself           name        the name itself (also as a hosts line)
    ||*.name^    all below, not the name   *.name^     the same

Everything else is a mask that is no plain name, a rule for browsers (cosmetic, path, port, scheme),
or has modifiers. **A modifier that is not obeyed voids the rule** (normative in the syntax): a rule for
one kind of page would otherwise block a name for all. `$important` alone only strengthens a rule, so
it is obeyed as an ordinary one, and noted. `||name` without `^` would also match `name.evil.example`;
it is read as the name and below, which is narrower.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from resolver.dns.names import ROOT
from resolver.rules.formats import hosts
from resolver.rules.lines import COMMENT, FAST_NAME, Item, Rule, Skip, is_address, read_name, url_part
from resolver.rules.model import BLOCK_APEX, BLOCK_BELOW, BLOCK_BOTH

FAST: Final = rb"\|\|" + FAST_NAME + rb"\^[ \t]*+\r?\n"
FAST_FLAGS: Final = BLOCK_BOTH

_COSMETIC: Final = re.compile(r"#(?:@?[$?%]?\??|@)#(?=[^#\s])|\$@?\$[a-z]").search
_TRAILING_COMMENT: Final = re.compile(r"\s#.*")
_SHAPE: Final = re.compile(r"(\|\|?)?(\*\.)?([^|^*]+)(\^\|?|\|)?").fullmatch
_URL_CHARACTERS: Final = re.compile(r"[?&=%~,:]").search

_TO_ALLOW: Final = 2
"""How far a block flag is shifted to become the allow flag of the same reach."""

_REACH: Final[Mapping[tuple[str, str, bool], int]] = {
    # (start mark, mask, has an end mark) -> flags. A shape that is not here is a mask of text.
    ("||", "", True): BLOCK_BOTH,
    ("||", "", False): BLOCK_BOTH,
    ("|", "", True): BLOCK_APEX,
    ("", "", False): BLOCK_APEX,
    ("||", "*.", True): BLOCK_BELOW,
    ("||", "*.", False): BLOCK_BELOW,
    ("", "*.", True): BLOCK_BELOW,
    ("", "*.", False): BLOCK_BELOW,
}

# Modifiers of DNS filters. None but `important` is obeyed yet; all others belong to browsers.
_DNS_MODIFIERS: Final = frozenset(
    ("important", "badfilter", "client", "ctag", "denyallow", "dnsrewrite", "dnstype", "respgeo")
)


def read(line: str) -> list[Item]:
    """One line of an adblock list."""
    if line.startswith("!") or (line.startswith("[") and line.endswith("]")):
        return COMMENT
    if _COSMETIC(line):
        return [Skip("not-dns", "cosmetic")]
    if line.startswith("#"):
        return COMMENT
    rule = _TRAILING_COMMENT.sub("", line)
    words = rule.split()
    if len(words) > 1:
        return hosts.read(line) if is_address(words[0]) else [Skip("invalid", "several-words")]
    if rule.startswith("@@"):
        return _read_rule(rule[2:], _TO_ALLOW)
    return _read_rule(rule, 0)


def _read_rule(rule: str, shift: int) -> list[Item]:
    """One rule without its `@@`; `shift` moves the flags from block to allow."""
    if rule.startswith("/") and (rule.endswith("/") or "/$" in rule) and len(rule) > 2:
        return [Skip("invalid", "unsupported-regex")]
    # A name has no dollar sign, so the first one begins the modifiers of whatever could become a rule.
    pattern, dollar, modifiers = rule.partition("$")
    # Before the modifiers: a rule for pages is no fault of a DNS list, whatever else it says.
    part = url_part(pattern)
    if part is not None:
        return [part]
    if not dollar:
        return [_read_pattern(pattern, shift)]
    void = _void_by(modifiers)
    if void is not None:
        return [void]
    item = _read_pattern(pattern, shift)
    return [item] if isinstance(item, Skip) else [item, Skip("note", "important")]


def _void_by(modifiers: str) -> Skip | None:
    """Why these modifiers void their rule; None when they do not."""
    names = {modifier.partition("=")[0].strip() for modifier in modifiers.split(",")}
    if names == {"important"} and "=" not in modifiers:
        return None
    known = names <= _DNS_MODIFIERS
    return Skip("invalid", "unsupported-modifier" if known else "unknown-modifier")


def _read_pattern(pattern: str, shift: int) -> Item:
    """A pattern without modifiers → a rule, if it is a plain name between marks."""
    if pattern.strip("|^") in ("", "*", "*.", "."):  # matches every name there is
        return Rule(ROOT, BLOCK_BOTH << shift)
    if is_address(pattern.strip("|^")):
        return Skip("invalid", "ip-address")
    if _URL_CHARACTERS(pattern):
        return Skip("not-dns", "url")
    shape = _SHAPE(pattern)
    if shape is None:
        return Skip("invalid", "unsupported-pattern")
    mark, mask, name, end = (shape[1] or "", shape[2] or "", shape[3], shape[4])
    reach = _REACH.get((mark, mask, end is not None))
    if reach is None or not _is_closed(name, end):
        return Skip("invalid", "unsupported-pattern")
    return read_name(name, reach << shift)


def _is_closed(name: str, end: str | None) -> bool:
    """Whether the text can only mean a whole name.

    `||ads`, `||ads.^` and the bare `-banner-` are beginnings or parts of names; lists are full of them.
    """
    if name.startswith(".") or name.endswith("."):
        return False
    return end is not None or "." in name
