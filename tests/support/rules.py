"""Compiled lists and rule sets from a few names, through the real doors of `resolver.rules`."""

from __future__ import annotations

from collections.abc import Mapping

from resolver.dns.names import fold, from_text
from resolver.policy.decide import PolicyList, Ruleset
from resolver.rules.compile import compile_content
from resolver.rules.compiled import CompiledList
from resolver.rules.lines import Options
from resolver.rules.model import ALLOW_BOTH, BLOCK_BOTH, LINE_SHIFT, Content, Format, Kind, key_of
from resolver.rules.parse import parse_list
from resolver.rules.side import SideRule, canonical


def wire(name: str) -> bytes:
    """A name in presentation format → lower-cased wire name, as `Ruleset.verdict` wants it."""
    return fold(from_text(name))


def compiled(rules: Mapping[str, int], *sides: SideRule, ordered: bool = False) -> CompiledList:
    """name → flags of `resolver.rules.model`; the first rule stands on line 1, and so on. Side rules are
    taken as they are."""
    names = {
        key_of(wire(name)): flags | line << LINE_SHIFT
        for line, (name, flags) in enumerate(rules.items(), start=1)
    }
    return CompiledList(compile_content(Content(names, canonical(sides), ordered)))


def ruleset(block: tuple[str, ...] = (), allow: tuple[str, ...] = ()) -> Ruleset:
    """Two lists, `blocked` and `allowed`; each name stands for itself and all below."""
    return Ruleset(
        (
            PolicyList("blocked", compiled(dict.fromkeys(block, BLOCK_BOTH))),
            PolicyList("allowed", compiled(dict.fromkeys(allow, ALLOW_BOTH))),
        )
    )


def listed(
    list_id: str, text: str, format: Format = "adblock", *, kind: Kind = "block", rewrites: bool = False
) -> PolicyList:
    """A list from its text, through every step of a push: read, compiled, opened."""
    parsed = parse_list(text.encode(), format=format, kind=kind, options=Options(rewrites=rewrites))
    return PolicyList(list_id, CompiledList(compile_content(parsed.content), verify=True))
