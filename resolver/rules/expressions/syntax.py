"""The notation of expressions: the regular part that RE2, POSIX (TRE) and their like have in common.

    a  \\.  \\x2d  .        itself; any octet             ( )  (?: )  (?P<n> )   groups; none is captured
    [a-z]  [^.]  [[:digit:]]  \\d \\w \\s \\D \\W \\S          (?#…)  (?i)          a comment; changes nothing
    ab   a|b                series, alternatives         ^ $ \\A \\z \\Z           start and end of the name
    * + ? {2} {2,} {2,5} {,5}   repetitions              \\b \\B                  bound of a word, or none

An expression is searched, not matched as a whole, and without case. A `?` behind a repetition (lazy) changes
where a match ends and not whether there is one, so it is read over; a `+` there (possessive) can change it
and is refused. Refused as well, each by its code, is what no automaton can do or names do not need:
back-references, look-around, atomic groups, recursion, TRE's approximate matching.

The reader keeps the open groups on a list of its own and counts, as it goes, how many places the expression
takes when its repetitions are written out, so neither depth nor `((a{50}){50}){50}` costs anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from resolver.dns.names import Fault
from resolver.rules.expressions.brackets import read_brackets, read_escape
from resolver.rules.expressions.faults import Refused
from resolver.rules.expressions.octets import EVERY, without_case
from resolver.rules.expressions.tree import Assertion, Choice, Node, Repeat, Series, Symbol

MAX_EXPRESSION: Final = 1000
"""Characters of the longest expression."""

MAX_POSITIONS: Final = 2000
"""Places of an expression, its repetitions written out."""

MAX_DEPTH: Final = 50
"""Groups inside each other."""


def read_expression(text: str) -> Node | Fault:
    """What the text means, or why it cannot be used. Never raises."""
    try:
        return _Reading(text).read()
    except Refused as refused:
        return refused.fault


class _Sized(NamedTuple):
    """A node and how many places it takes, written out."""

    node: Node
    size: int


class _Group:
    """An open group: its alternatives so far, and the parts of the one that is being read."""

    def __init__(self, column: int) -> None:
        self.column = column
        self.alternatives: list[_Sized] = []
        self.parts: list[_Sized] = []

    def close_alternative(self) -> None:
        """The parts so far are one alternative."""
        size = max(1, sum(part.size for part in self.parts))
        whole = self.parts[0].node if len(self.parts) == 1 else Series(tuple(p.node for p in self.parts))
        self.alternatives.append(_Sized(whole, size))
        self.parts = []

    def close(self) -> _Sized:
        """The group as one node."""
        self.close_alternative()
        if len(self.alternatives) == 1:
            return self.alternatives[0]
        return _Sized(
            Choice(tuple(one.node for one in self.alternatives)), sum(one.size for one in self.alternatives)
        )


_ASSERTIONS: Final[Mapping[str, Assertion]] = {
    "^": Assertion("start"),
    "\\A": Assertion("start"),
    "$": Assertion("end"),
    "\\z": Assertion("end"),
    "\\Z": Assertion("end"),
    "\\b": Assertion("bound"),
    "\\B": Assertion("no-bound"),
}

_ANY: Final = _Sized(Symbol(EVERY), 1)

_FLAGS: Final = re.compile(r"\(\?i\)").match
_COMMENT: Final = re.compile(r"\(\?#[^)]*\)").match
_OPENING: Final = re.compile(r"\((?:\?i?:|\?P?<[A-Za-z_]\w{0,63}>|(?!\?))").match
_COUNT: Final = re.compile(r"\{([0-9]{0,9})(,?)([0-9]{0,9})\}").match

_STRANGE_GROUPS: Final = tuple(
    (re.compile(pattern).match, code)
    for pattern, code in (
        (r"\(\?<?[=!]", "regex-look-around"),
        (r"\(\?>", "regex-atomic"),
        (r"\(\?P=", "regex-back-reference"),
        (r"\(\?(?:R|[+-]?[0-9]|&|P>)", "regex-recursion"),
        (r"\(\?[a-zA-Z-]+[:)]", "regex-flags"),
    )
)
"""How a group can open that is none of ours -> why it is refused."""


class _Reading:
    """The reading of one expression: the text, the place in it, the groups that are open."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._groups = [_Group(0)]

    def read(self) -> Node:
        """The whole expression. Raises Refused."""
        text = self._text
        if len(text) > MAX_EXPRESSION:
            raise Refused("regex-too-long")
        if not (text.isascii() and text.isprintable()):
            raise Refused("regex-not-ascii")
        if not text:
            raise Refused("regex-empty")
        flags = _FLAGS(text)
        self._at = flags.end() if flags else 0
        while self._at < len(text):
            _STEPS.get(text[self._at], _Reading._literal)(self)
        if len(self._groups) > 1:
            raise Refused("regex-brackets", self._groups[-1].column)
        return self._groups[0].close().node

    def _add(self, part: _Sized) -> None:
        """Take a part into the alternative that is being read."""
        self._groups[-1].parts.append(part)

    def _refuse(self, code: str) -> Refused:
        """The refusal of what stands here."""
        return Refused(code, self._at + 1)

    def _literal(self) -> None:
        """A character that means itself."""
        self._add(_Sized(Symbol(without_case(1 << ord(self._text[self._at]))), 1))
        self._at += 1

    def _dot(self) -> None:
        """Any octet: names have no lines, so line ends are no exception."""
        self._add(_ANY)
        self._at += 1

    def _brackets(self) -> None:
        """A bracket expression."""
        octets, self._at = read_brackets(self._text, self._at)
        self._add(_Sized(Symbol(octets), 1))

    def _assertion(self) -> None:
        """`^` or `$`."""
        self._add(_Sized(_ASSERTIONS[self._text[self._at]], 1))
        self._at += 1

    def _backslash(self) -> None:
        """An assertion, a back-reference, or an escape."""
        pair = self._text[self._at : self._at + 2]
        if pair in _ASSERTIONS:
            self._add(_Sized(_ASSERTIONS[pair], 1))
            self._at += 2
        elif pair[1:] in tuple("123456789kg"):
            raise self._refuse("regex-back-reference")
        else:
            octets, self._at = read_escape(self._text, self._at)
            self._add(_Sized(Symbol(without_case(octets)), 1))

    def _open(self) -> None:
        """A group opens, or a comment stands here."""
        comment = _COMMENT(self._text, self._at)
        if comment:
            self._at = comment.end()
            return
        opening = _OPENING(self._text, self._at)
        if opening is None:
            strange = [code for match, code in _STRANGE_GROUPS if match(self._text, self._at)]
            raise self._refuse([*strange, "regex-group"][0])
        if len(self._groups) > MAX_DEPTH:
            raise self._refuse("regex-too-deep")
        self._groups.append(_Group(self._at + 1))
        self._at = opening.end()

    def _close(self) -> None:
        """A group ends."""
        if len(self._groups) == 1:
            raise self._refuse("regex-brackets")
        group = self._groups.pop().close()
        # An assertion alone cannot be repeated; a group can, whatever it holds.
        self._add(_Sized(Series((group.node,)), 1) if isinstance(group.node, Assertion) else group)
        self._at += 1

    def _alternative(self) -> None:
        """An alternative ends, another begins."""
        self._groups[-1].close_alternative()
        self._at += 1

    def _repeat(self) -> None:
        """`*`, `+`, `?` or `{m,n}` behind what is to be repeated."""
        least, most, end = self._count()
        parts = self._groups[-1].parts
        if not parts or isinstance(parts[-1].node, Assertion):
            raise self._refuse("regex-nothing-to-repeat")
        node, size = parts.pop()
        size *= max(1, least if most is None else most)
        if size > MAX_POSITIONS:
            raise self._refuse("regex-too-large")
        parts.append(_Sized(Repeat(node, least, most), size))
        if self._text.startswith("+", end):
            raise Refused("regex-possessive", end + 1)
        end += self._text.startswith("?", end)
        # A second repetition means nothing in POSIX, and other things elsewhere.
        if self._text.startswith(("*", "+", "?", "{"), end):
            raise Refused("regex-nothing-to-repeat", end + 1)
        self._at = end

    def _count(self) -> tuple[int, int | None, int]:
        """Least, most, and where the repetition that stands here ends."""
        sign = self._text[self._at]
        if sign in _SIGNS:
            return (*_SIGNS[sign], self._at + 1)
        if self._text.startswith(("{~", "{+", "{-", "{#"), self._at):
            raise self._refuse("regex-approximate")
        count = _COUNT(self._text, self._at)
        if count is None or not (count[1] or count[3]):
            raise self._refuse("regex-repeat")
        least = int(count[1] or 0)
        most = int(count[3]) if count[3] else None if count[2] else least
        if most is not None and most < least:
            raise self._refuse("regex-repeat")
        return least, most, count.end()


_SIGNS: Final[Mapping[str, tuple[int, int | None]]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}

_STEPS: Final[Mapping[str, Callable[[_Reading], None]]] = {
    ".": _Reading._dot,
    "[": _Reading._brackets,
    "\\": _Reading._backslash,
    "^": _Reading._assertion,
    "$": _Reading._assertion,
    "(": _Reading._open,
    ")": _Reading._close,
    "|": _Reading._alternative,
    "*": _Reading._repeat,
    "+": _Reading._repeat,
    "?": _Reading._repeat,
    "{": _Reading._repeat,
}
"""First character -> what is read there; every other means itself."""
