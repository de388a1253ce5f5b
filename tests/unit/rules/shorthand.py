"""Short ways to say names, keys and what a line means, so that tests are tables.

A rule is written in the notation of `resolver.rules.render`: `|a.example^` the name alone,
`||a.example^` with all below, `||*.a.example^` below only, `@@` before it: allowed.
"""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import strategies as st

from resolver.dns.names import from_host
from resolver.rules.compile import compile_content
from resolver.rules.compiled import CompiledList
from resolver.rules.formats.table import FORMATS
from resolver.rules.lines import NO_OPTIONS, Item, Options, Rule, Void
from resolver.rules.model import ALLOW_BOTH, BLOCK_BOTH, LINE_SHIFT, Content, Rules, key_of
from resolver.rules.render import render, render_rule, render_side
from resolver.rules.side import SideRule, canonical


def key(name: str) -> bytes:
    return key_of(from_host(name))


def said(items: Iterable[Item]) -> list[str]:
    """What a reader made of a line: rules in adblock notation, the rest as `outcome code`."""
    words: list[str] = []
    for item in items:
        if isinstance(item, Rule):
            words += render_rule(key_of(item.wire), item.flags)
        elif isinstance(item, SideRule):
            words.append(render_side(item))
        elif isinstance(item, Void):
            words += [f"void {word}" for word in said([item.rule])]
        else:
            words.append(f"{item.outcome} {item.code}".strip())
    return words


def read(name: str, line: str, options: Options = NO_OPTIONS) -> list[Item]:
    """Everything that a format makes of one line that stands alone."""
    reader = FORMATS[name].make(options)
    return [*reader.read(line, 1), *(item for _, item in reader.finish())]


def rules_of(*names: str, flags: int = BLOCK_BOTH) -> Rules:
    """Rules with these names, named by the lines 1, 2, ..."""
    return {key(name): flags | line << LINE_SHIFT for line, name in enumerate(names, 1)}


def content_of(*names: str, flags: int = BLOCK_BOTH) -> Content:
    """The same as the content of a list."""
    return Content(rules_of(*names, flags=flags))


def compiled_rules(rules: Rules, *sides: SideRule, ordered: bool = False) -> CompiledList:
    """A list of these rules, compiled and opened."""
    return CompiledList(compile_content(Content(rules, canonical(sides), ordered)), verify=True)


def written(rules: Rules) -> list[str]:
    return list(render(Content(rules)))


# Few labels of few lengths, so that names lie above, below and beside each other. Lengths 45 to 57 and
# 95 would be the hyphen, the digits and the underscore as octets; 95 is no length, 45 to 57 are.
LABELS = st.sampled_from(["a", "b", "ab", "1", "-", "_", "0" * 45, "9" * 48, "1" * 49, "5" * 53, "-" * 57])
NAMES = st.lists(LABELS, min_size=1, max_size=3).map(".".join).map(lambda text: f"{text}.test")
FLAGS = st.integers(min_value=1, max_value=BLOCK_BOTH | ALLOW_BOTH)
RULES: st.SearchStrategy[Rules] = st.dictionaries(NAMES.map(key), FLAGS, max_size=12).map(
    lambda flags: {k: f | line << LINE_SHIFT for line, (k, f) in enumerate(flags.items(), 1)}
)
