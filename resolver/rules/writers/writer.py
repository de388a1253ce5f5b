"""How rules become lines of one notation, and how it shows that some would not be the same rules there.

    Writer    a notation as data: the forms of plain names, a function for side rules, its order
    write     content → lines
    losses    the rules that the notation cannot say, each with the reason

Writing never changes a meaning: a rule has a form that says exactly it, or it is a loss, and whoever converts
refuses. Two things make that certain. The forms of plain names are held to the readers by tests. Side rules,
and names out of the ordinary, are *read back*: the lines a writer proposes go through the reader of the
notation, and are taken only if the same rule comes out. So a writer may guess, and a reader that changes
its mind makes a loss, not a lie.

Where the order of precedence differs, see `resolver.rules.writers.order`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from resolver.dns.names import to_text
from resolver.rules.formats.table import FORMATS
from resolver.rules.lines import FAST_NAME, Item, Options, Rule, Skip
from resolver.rules.model import (
    ALLOW_APEX,
    ALLOW_BOTH,
    BLOCK_BOTH,
    FLAGS_MASK,
    LINE_SHIFT,
    Content,
    key_of,
    name_of,
)
from resolver.rules.render import render_rule, render_side
from resolver.rules.side import ALLOW, APEX, BELOW, BLOCK, BOTH, SideRule, meaning
from resolver.rules.writers.order import clashes


class Loss(NamedTuple):
    """A rule that a notation cannot say: its line (0: nowhere), its text in adblock notation, and why."""

    line: int
    rule: str
    reason: str


class Writer(NamedTuple):
    """One notation, as far as it can be written.

    name      as in `resolver.rules.model.Format`
    comment   what a comment begins with
    forms     flags → the lines that say them, `{}` for the name; flags that are not there have no form
    lacks     flags → why there is none; the first entry that shares a flag is the reason
    side      proposes lines for a side rule; none if it has no idea. What it proposes is read back
    lacks_side  why a side rule has no form
    head      lines that a file of this notation begins with
    single    what several lines say of one name adds up, or is an error: no two rules may speak of one
    closest   whoever reads this notation lets the most specific rule win
    """

    name: str
    comment: str
    forms: Mapping[int, tuple[str, ...]]
    lacks: Sequence[tuple[int, str]]
    side: Callable[[SideRule], Sequence[str]]
    lacks_side: str
    head: tuple[str, ...] = ()
    single: bool = False
    closest: bool = False


_TRUSTED: Final = Options(rewrites=True)
"""A list that is converted may say all it wants; whether it is obeyed is for whoever loads it."""

_IS_ORDINARY: Final = re.compile(rb"(?!.{0,253}\.rpz-)" + FAST_NAME).fullmatch
"""The names that every reader takes for what they are. In a policy zone labels of `rpz-` are triggers."""

_ODD_NAME: Final = "The notation has no way to write this name."
_TWICE: Final = "Two rules speak of this name; the notation would make one of them, or an error."
_ORDER: Final = "Here and there it is not the same rule that wins, and this one would win or lose by it."


def write(content: Content, writer: Writer, comments: Sequence[str] = ()) -> Iterator[str]:
    """The lines of a list that says what the content says, without newlines.

    To be called only if there are no `losses`: a rule without a form is left out. `comments` come first.
    """
    yield from (f"{writer.comment} {text}".rstrip() for text in comments)
    yield from writer.head
    forms = [writer.forms.get(flags, ()) for flags in range(FLAGS_MASK + 1)]
    for key, value in content.names.items():
        name = _ordinary(key) or to_text(name_of(key))
        for form in forms[value & FLAGS_MASK]:
            yield form.format(name)
    for rule in content.sides:
        yield from writer.side(rule)


def losses(content: Content, writer: Writer) -> Iterator[Loss]:
    """Every rule that the notation cannot say as it is meant. Stop when you have enough of them."""
    yield from _plain_losses(content, writer)
    lost: set[SideRule] = set()
    for rule in content.sides:
        lines = writer.side(rule)
        if not lines or not _reads_back(writer, lines, spread_side(rule)):
            lost.add(rule)
            yield Loss(rule.line, render_side(rule), writer.lacks_side)
    # The order of whoever runs the list, and our own reading of it: neither may give another verdict.
    order = not (content.ordered == writer.closest == FORMATS[writer.name].ordered)
    for clash in clashes(content, twice=writer.single, order=order and (writer.closest or content.ordered)):
        line, text, flags = _shown(content, clash.rule)
        if flags in writer.forms if flags else clash.rule not in lost:  # else it was named above
            yield Loss(line, text, _TWICE if clash.same_name else _ORDER)


def _plain_losses(content: Content, writer: Writer) -> Iterator[Loss]:
    """The plain names that have no form."""
    without = [flags not in writer.forms for flags in range(FLAGS_MASK + 1)]
    for key, value in content.names.items():
        flags = value & FLAGS_MASK
        if without[flags]:
            yield Loss(value >> LINE_SHIFT, _rule_text(key, value), _reason(writer, flags))
            continue
        if _ordinary(key):
            continue
        name = to_text(name_of(key))
        lines = [form.format(name) for form in writer.forms[flags]]
        if not _reads_back(writer, lines, spread_plain(key, flags)):
            yield Loss(value >> LINE_SHIFT, _rule_text(key, value), _ODD_NAME)


def _ordinary(key: bytes) -> str:
    """The text of an ordinary name, "" for any other: `to_text` in a fifth of its time, for millions."""
    if b"." in key:  # within a label, or a length
        return ""
    text = bytearray(key[::-1])
    at = 0
    while at < len(text):
        length, text[at] = text[at], 46
        at += length + 1
    octets = bytes(text[1:])
    return octets.decode("ascii") if _IS_ORDINARY(octets) else ""


def _reason(writer: Writer, flags: int) -> str:
    """Why these flags have no form."""
    if flags & BLOCK_BOTH in writer.forms and flags & ALLOW_BOTH in writer.forms:
        return _TWICE
    return next((reason for mask, reason in writer.lacks if flags & mask), writer.lacks_side)


def _rule_text(key: bytes, value: int) -> str:
    return " ".join(render_rule(key, value))


def _shown(content: Content, rule: bytes | SideRule) -> tuple[int, str, int]:
    """Line, text and flags of a rule; a side rule has none."""
    if isinstance(rule, SideRule):
        return rule.line, render_side(rule), 0
    value = content.names[rule]
    return value >> LINE_SHIFT, _rule_text(rule, value), value & FLAGS_MASK


# Reading back. A rule is taken apart into what it says of a name and what of the names below: a notation
# may need a line for each.


def spread_plain(key: bytes, flags: int) -> set[bytes]:
    """What the flags of a name say, each thing once."""
    said = set()
    for action, reach in ((BLOCK, flags & BLOCK_BOTH), (ALLOW, (flags & ALLOW_BOTH) // ALLOW_APEX)):
        said |= {
            meaning(SideRule(action=action, key=key, reach=part)) for part in (APEX, BELOW) if reach & part
        }
    return said


def spread_side(rule: SideRule) -> set[bytes]:
    """What a side rule says, each thing once."""
    if rule.key and rule.reach == BOTH:
        return {meaning(msgspec.structs.replace(rule, reach=reach)) for reach in (APEX, BELOW)}
    return {meaning(rule)}


def spread(content: Content) -> set[bytes]:
    """Everything that a content says: equal for contents that say the same of every name."""
    said: set[bytes] = set()
    for key, value in content.names.items():
        said |= spread_plain(key, value & FLAGS_MASK)
    for rule in content.sides:
        said |= spread_side(rule)
    return said


def _reads_back(writer: Writer, lines: Iterable[str], meant: set[bytes]) -> bool:
    """Whether the reader of the notation makes of these lines what is meant, and nothing else."""
    reader = FORMATS[writer.name].make(_TRUSTED)
    items: list[Item] = []
    for number, line in enumerate((*writer.head, *lines), 1):
        items += reader.read(line, number)
    items += [item for _, item in reader.finish()]
    said: set[bytes] = set()
    for item in items:
        if isinstance(item, Rule):
            said |= _spread_rule(item)
        elif isinstance(item, SideRule):
            said |= spread_side(item)
        elif not isinstance(item, Skip) or item.outcome in ("invalid", "unenforceable", "not-dns"):
            return False
    return said == meant


def _spread_rule(rule: Rule) -> set[bytes]:
    """What a line says of a name; of the root, what the collector makes of it."""
    key = key_of(rule.wire)
    if key:
        return spread_plain(key, rule.flags)
    action, reach = (ALLOW, rule.flags // ALLOW_APEX) if rule.flags & ALLOW_BOTH else (BLOCK, rule.flags)
    return {meaning(SideRule(action=action, reach=reach))}
