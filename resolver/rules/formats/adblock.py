"""Adblock rules as DNS filters read them (AdGuard's DNS filtering syntax, list-formats 2.5).

    rule = ["@@"] pattern ["$" modifiers]         @@: allowed, or an answer taken back

    ||name^      name and all below               name         the name itself (also as a hosts line)
    |name^       the name itself                  ||*.name^    all below, not the name; also
    *  ||*^      every name there is              *.name^  .name^  *.name  .name
    /regex/      names in which it is found       other masks  an expression: `||ads.`, `-banner-`, `a*.name^`

A plain name without modifiers is a `Rule`, all else a `SideRule`; the modifiers are read in
`resolver.rules.formats.modifiers`. Masks that speak of more of a URL than its host (path, port, scheme,
something behind `^`) and cosmetic rules are for browsers, and counted apart.

Narrower than written, on purpose: `||name` without `^` would also match `name.evil.example`, and is read
as the name and below, as the people who forget the `^` mean it; likewise `*.name` and `.name`. Masks with
too little text (`ad`, `||x.`) would match names by chance, and are void.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from resolver.dns.names import ROOT, Fault
from resolver.rules.expressions import masks
from resolver.rules.expressions.automaton import Allowance
from resolver.rules.formats import hosts
from resolver.rules.formats.dnsrewrite import read_rewrite
from resolver.rules.formats.modifiers import NO_MODIFIERS, Modifiers, read_modifiers
from resolver.rules.lines import (
    COMMENT,
    FAST_NAME,
    NO_OPTIONS,
    Item,
    Options,
    Reader,
    Rule,
    Skip,
    Void,
    is_address,
    read_name,
    url_part,
)
from resolver.rules.model import ALLOW_APEX, BLOCK_APEX, BLOCK_BOTH, key_of
from resolver.rules.side import ALLOW, ANSWER, APEX, BELOW, BLOCK, BOTH, CANCEL, Answer, SideRule

FAST: Final = rb"\|\|" + FAST_NAME + rb"\^[ \t]*+\r?\n"
FAST_FLAGS: Final = BLOCK_BOTH

MIN_TEXT: Final = 4
"""Characters of text that the longest piece of a mask must have, a mark at its end counted as one.

`||ad.` and `-ad-` pass; `ads`, which is found in "downloads", and `||x.` do not."""

# `##`, `#@#`, `#$#`, `#?#`, `#%#` and their like, with a selector behind; `$$script`, `$@$script`.
_COSMETIC: Final = re.compile(r"#(?:@?[$?%]?\??|@)#(?=[^#\s])|\$@?\$[a-z]").search
_TRAILING_COMMENT: Final = re.compile(r"\s#.*")
# What stands in a URL and in no name; colons of ports and schemes are looked at before.
_URL_CHARACTERS: Final = re.compile(r"[?&=%~,:]").search

# `*`, `||*^`, `||`, `*.` and whatever else has no text between its marks.
_EVERY_NAME: Final = re.compile(r"(?:\|\|?)?(?:\*+\.?)?\^?\|?|\.").fullmatch
# Text behind `^`, which ends a name; `^|` says so twice, and `^*` lets nothing follow.
_BEHIND_THE_END: Final = re.compile(r"\^[^|*]|\^\|.|\^\*.").search
# `||.name`, `|.name`: no label is empty. `name.^`: no name is looked up with its last dot.
_NEVER: Final = re.compile(r"\|\|?\..*|.*\.(?:\^\|?|\|)").fullmatch
# Start mark, "below only", name, end mark: all that a plain name can have.
_SHAPE: Final = re.compile(r"(\|\|?)?(\*\.|\.)?([^|^*]+)(\^\|?|\|)?").fullmatch
# An expression to its second slash. The parts are disjoint and not given back: the time is one pass.
_SLASHED: Final = re.compile(r"/(?:[^/\\]|\\.)++/")

_REACH: Final[Mapping[tuple[str, str, bool], int]] = {
    # (start mark, below only, has an end mark) -> reach. A shape that is not here is no plain name.
    ("||", "", True): BOTH,
    ("||", "", False): BOTH,
    ("|", "", True): APEX,
    ("", "", False): APEX,
    ("||", "*.", True): BELOW,
    ("||", "*.", False): BELOW,
    ("|", "*.", True): BELOW,
    ("", "*.", True): BELOW,
    ("", "*.", False): BELOW,
    ("", ".", True): BELOW,
    ("", ".", False): BELOW,
}


class _Place(NamedTuple):
    """What names a pattern speaks of.

    wire, reach  a name, and whether it is meant itself, with all below, or all below alone
    expression   found in the name; then the other two say "every name"
    """

    wire: bytes = ROOT
    reach: int = BOTH
    expression: str = ""


_EVERYWHERE: Final = _Place()


class AdblockReader:
    """The reading of one list: its hosts lines go to a reader of their own, its expressions are counted."""

    def __init__(self, options: Options) -> None:
        self._options: Final = options
        self._hosts: Final = hosts.make(options)
        self._allowance: Final = Allowance()

    def read(self, line: str, number: int) -> Sequence[Item]:
        """See `Reader`."""
        if line.startswith("!") or (line.startswith("[") and line.endswith("]")):
            return COMMENT
        pattern, dollar, _ = line.partition("$")
        cosmetic = _COSMETIC(line)
        if cosmetic and cosmetic.start() <= len(pattern):  # what stands behind a `$` is a value
            return [Skip("not-dns", "cosmetic")]
        if line.startswith("#"):
            return COMMENT
        words = pattern.split(None, 1)
        if len(words) > 1 and is_address(words[0]):
            return self._hosts.read(line, number)
        # A blank and `#` end a rule, unless they are part of a modifier's value.
        rule = _TRAILING_COMMENT.sub("", line) if not dollar or _TRAILING_COMMENT.search(pattern) else line
        return [self._read_rule(rule.removeprefix("@@").strip(), rule.startswith("@@"))]

    def finish(self) -> Iterable[tuple[int, Item]]:
        """See `Reader`."""
        return self._hosts.finish()

    def _read_rule(self, rule: str, exception: bool) -> Item:
        """One rule without its `@@`.

        The order of judgement is that of the report: a rule for pages is counted as one whatever its
        modifiers, and a rule with modifiers that nobody knows as such whatever its pattern. What is
        costly, to try an expression, comes last.
        """
        pattern, modifiers = _divide(rule)
        part = None if _SLASHED.fullmatch(pattern) else url_part(pattern)
        if part is not None:
            return part
        said = NO_MODIFIERS if modifiers is None else read_modifiers(modifiers)
        if isinstance(said, Skip):
            return said
        if not pattern and modifiers is None:
            return Skip("invalid", "name-empty")
        place = _read_pattern(pattern)
        if isinstance(place, Skip):
            return place
        item = _rule(place, said, exception, self._options)
        if isinstance(item, Skip) or not place.expression:
            return item
        fault = self._allowance.check(place.expression)
        return item if fault is None else Skip("invalid", fault.code)


def make(options: Options) -> Reader:
    """The reader of one list."""
    return AdblockReader(options)


def read(line: str, options: Options = NO_OPTIONS) -> list[Item]:
    """One line that stands alone, as a list of one line."""
    reader = make(options)
    return [*reader.read(line, 1), *(item for _, item in reader.finish())]


def _divide(rule: str) -> tuple[str, str | None]:
    """A rule → its pattern, and its modifiers if it has any.

    An expression goes to its second slash: names have none, so `/ads/banner.` is a path. In all other
    patterns the first dollar sign begins the modifiers, since no name has one.
    """
    slashed = _SLASHED.match(rule)
    behind = rule[slashed.end() :].lstrip() if slashed else ""
    if slashed and behind[:1] in ("", "$", "#"):
        return slashed[0], behind[1:] if behind.startswith("$") else None
    pattern, dollar, modifiers = rule.partition("$")
    return pattern, modifiers if dollar else None


def _rule(place: _Place, said: Modifiers, exception: bool, options: Options) -> Item:
    """What a pattern and its modifiers say together."""
    action, answer = (ALLOW if exception else BLOCK), None
    if said.rewrite is not None:
        meant = _rewrite(said.rewrite, exception, options)
        if isinstance(meant, Skip):
            return meant
        action, answer = meant
    item: Rule | SideRule
    if said.fields or place.expression or action in (ANSWER, CANCEL):
        item = SideRule(
            action=action,
            key=key_of(place.wire),
            reach=place.reach,
            expression=place.expression,
            answer=answer,
            **said.fields,
        )
    else:
        item = Rule(place.wire, place.reach * (ALLOW_APEX if exception else BLOCK_APEX))
    return Void(item) if said.badfilter else item


def _rewrite(value: str, exception: bool, options: Options) -> tuple[int, Answer | None] | Skip:
    """The action of a rule with `dnsrewrite`, and its answer.

    `@@` takes back all answers, or the one that it names. That needs no trust, since an exception may
    take back blocks as well; only what leads people elsewhere does.
    """
    if exception and not value:
        return CANCEL, None
    answer = read_rewrite(value)
    if answer is None:
        return Skip("invalid", "bad-rewrite")
    if isinstance(answer, str):  # a sink
        # A plain block cannot be told from others that stand at the name, so it cannot be taken back alone.
        return Skip("unenforceable", "cancels-a-block") if exception else (BLOCK, None)
    if exception:
        return CANCEL, answer
    if answer.records and not options.rewrites:
        return Skip("unenforceable", "rewrite-not-trusted")
    return ANSWER, answer


def _read_pattern(pattern: str) -> _Place | Skip:
    """A pattern → the names that it speaks of."""
    if _SLASHED.fullmatch(pattern):
        return _Place(expression=pattern[1:-1])
    if _EVERY_NAME(pattern):
        return _EVERYWHERE
    if len(pattern.split()) > 1:
        return Skip("invalid", "several-words")
    if is_address(pattern.strip("|^")):
        return Skip("invalid", "ip-address")
    if _URL_CHARACTERS(pattern):
        return Skip("not-dns", "url")
    if _BEHIND_THE_END(pattern):  # only a path can follow the end of a name
        return Skip("not-dns", "path")
    if _NEVER(pattern):
        return Skip("invalid", "matches-nothing")
    pattern = pattern.rstrip("*") if "^*" in pattern else pattern
    return _read_name(pattern) or _read_mask(pattern)


def _read_name(pattern: str) -> _Place | Skip | None:
    """A pattern that can only mean one whole name; None if it is a mask of text."""
    shape = _SHAPE(pattern)
    if shape is None:
        return None
    mark, below, name, end = shape[1] or "", shape[2] or "", shape[3], shape[4]
    reach = _REACH.get((mark, below, end is not None))
    # `||ads`, `ads.` and the bare `banner` are beginnings or parts of names; lists are full of them.
    if reach is None or (end is None and ("." not in name or name.endswith("."))):
        return None
    item = read_name(name, reach)
    if isinstance(item, Rule):
        return _Place(item.wire, reach)
    return item if isinstance(item, Skip) else None


def _read_mask(pattern: str) -> _Place | Skip:
    """A mask of text → an expression.

    How much text there is decides whether it is obeyed, since a mask of two letters blocks the half
    of the net by chance. A mark counts as a letter: it binds the text to one place of the name.
    """
    pieces = pattern.lower().replace("||", "|").replace("^|", "^").split("*")
    if max(map(len, pieces)) < MIN_TEXT:
        return Skip("invalid", "pattern-too-short")
    expression = masks.from_adblock(pattern.lower())
    if isinstance(expression, Fault):
        return Skip("invalid", expression.code)
    return _Place(expression=expression)
