"""One made list, written in every notation that can say it, gives one verdict for every name.

No data is needed: names come by chance, with all that names may hold, above and below each other. For each
kind of list the text of every notation is written here, by hand and not by our own writers; then the
rulings are compared for each listed name and for ten thousand neighbours (parents, children, siblings,
a letter more or less, a label that only looks like one), and with what the list plainly says.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from functools import cache

import pytest

from resolver.policy.decide import NONE, PolicyList, Ruleset
from resolver.rules.compile import compile_content
from resolver.rules.compiled import CompiledList
from resolver.rules.model import ALLOWED, BLOCKED, Format, Match
from resolver.rules.parse import parse_list
from tests.support.rules import wire

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
NEIGHBOURS = 10_000

Write = Callable[[str], str]

SUFFIX: dict[Format, Write] = {
    "wildcard": "*.{}".format,
    "adblock": "||{}^".format,
    "dnsmasq": "local=/{}/".format,
    "unbound": 'local-zone: "{}." always_nxdomain'.format,
    "rpz": "{0} CNAME .\n*.{0} CNAME .".format,
}
EXACT: dict[Format, Write] = {
    "hosts": "0.0.0.0 {}".format,
    "domains": "{}".format,
    "wildcard": "={}".format,
    "adblock": "|{}^".format,
    "rpz": "{} CNAME .".format,
}
EXCEPT: dict[Format, Write] = {
    "adblock": "@@||{}^".format,
    "dnsmasq": "server=/{}/#".format,
    "unbound": 'local-zone: "{}." always_transparent'.format,
    "rpz": "{0} CNAME rpz-passthru.\n*.{0} CNAME rpz-passthru.".format,
}
REGEX: dict[Format, Write] = {
    "regex": lambda name: rf"(^|\.){re.escape(name.lower())}$",
    "pihole-regex": lambda name: rf"(^|\.){re.escape(name.lower())}$",
    "adblock": lambda name: rf"/(^|\.){re.escape(name.lower())}$/",
}


def label(chance: random.Random) -> str:
    """One label, of a length that may look like a letter where it stands reversed (45, 48 to 57)."""
    size = chance.choice((1, 2, 3, 5, 8, 8, 45, 48, 57, 63))
    inner = "".join(chance.choice(LETTERS + "-_") for _ in range(size))
    whole = chance.choice(LETTERS) + inner[1:-1] + chance.choice(LETTERS) if size > 1 else chance.choice("ab")
    return "xn--bcher-kva" if chance.random() < 0.03 else whole.replace("--", "-x")


@cache
def listed() -> tuple[str, ...]:
    """Two thousand names of two to four labels; some are below others."""
    chance, names = random.Random(17), ["a.example"]
    while len(names) < 2000:
        parent = chance.choice((*names[-50:], "example", "test", "co.example"))
        name = f"{label(chance)}.{parent}"
        if len(name) < 180 and name.count(".") < 4:
            names.append(name.upper() if chance.random() < 0.1 else name)
    return tuple(names)


@cache
def neighbours() -> tuple[str, ...]:
    """Names beside the listed ones."""
    chance, found = random.Random(5), set[str]()
    while len(found) < NEIGHBOURS:
        name = chance.choice(listed()).lower()
        first, _, rest = name.partition(".")
        made = chance.choice((
            f"{label(chance)}.{name}",
            f"www.x.{name}",
            rest,
            f"{label(chance)}.{rest}",
            f"{chance.choice(LETTERS)}{name}",
            f"{first[1:]}.{rest}" if len(first) > 1 else f"9{name}",
            f"{first}{chance.choice(LETTERS)}.{rest}",
            f"{name}.{label(chance)}",
            f"{first}-{rest}",
        ))  # fmt: skip
        if all(0 < len(part) < 64 for part in made.split(".")) and len(made) < 240:
            found.add(made)
    return tuple(sorted(found))


def ruled(text: str, format: Format, match: Match = "auto") -> Ruleset:
    """The rulings of a list; every line of it must have been read."""
    parsed = parse_list(text.encode(), format=format, match=match)
    report = parsed.report
    assert not (report.invalid_total or report.unenforceable or report.held or report.not_dns), report
    return Ruleset([PolicyList("one", CompiledList(compile_content(parsed.content)))])


def verdicts(rules: Ruleset, names: tuple[str, ...]) -> list[int]:
    return [rules.verdict(wire(name)) for name in names]


def covers(names: frozenset[str], name: str) -> bool:
    """Whether the name, or one above it, is among these."""
    parts = name.lower().split(".")
    return any(".".join(parts[depth:]) in names for depth in range(len(parts)))


def everything() -> tuple[str, ...]:
    return (*listed(), *neighbours())


@pytest.mark.parametrize("format", SUFFIX)
def test_list_of_names_and_all_below(format: Format) -> None:
    names = frozenset(name.lower() for name in listed())
    expected = [BLOCKED if covers(names, name) else NONE for name in everything()]
    assert verdicts(ruled("\n".join(map(SUFFIX[format], listed())), format), everything()) == expected
    assert {BLOCKED, NONE} == set(expected)


@pytest.mark.parametrize("format", EXACT)
def test_list_of_names_alone(format: Format) -> None:
    names = frozenset(name.lower() for name in listed())
    expected = [BLOCKED if name.lower() in names else NONE for name in everything()]
    assert verdicts(ruled("\n".join(map(EXACT[format], listed())), format), everything()) == expected


@pytest.mark.parametrize("format", ["hosts", "domains", "wildcard", "adblock", "dnsmasq", "unbound", "rpz"])
@pytest.mark.parametrize(("match", "reach"), [("suffix", SUFFIX), ("exact", EXACT)])
def test_reach_that_the_list_is_given(format: Format, match: Match, reach: dict[Format, Write]) -> None:
    """Whatever the notation says of itself."""
    write = {**SUFFIX, **EXACT}[format]
    names = frozenset(name.lower() for name in listed())
    is_listed = covers if reach is SUFFIX else lambda names, name: name.lower() in names
    expected = [BLOCKED if is_listed(names, name) else NONE for name in everything()]
    assert verdicts(ruled("\n".join(map(write, listed())), format, match), everything()) == expected


@pytest.mark.parametrize("format", EXCEPT)
def test_list_with_exceptions(format: Format) -> None:
    """Exceptions below what is blocked, with nothing blocked below them: there all peers agree."""
    blocked = [f"b{number}.example" for number in range(500)]
    passed = [f"ok.b{number}.example" for number in range(0, 500, 3)]
    lines = [*map(SUFFIX[format], blocked), *map(EXCEPT[format], passed)]
    random.Random(3).shuffle(lines)
    names = tuple(f"{prefix}{name}" for name in (*blocked, *passed) for prefix in ("", "x.", "a.b.", "z"))
    expected = [
        ALLOWED if covers(frozenset(passed), name) else BLOCKED if covers(frozenset(blocked), name) else NONE
        for name in names
    ]
    assert verdicts(ruled("\n".join(lines), format), names) == expected
    assert {BLOCKED, ALLOWED, NONE} == set(expected)


@pytest.mark.parametrize("format", REGEX)
def test_list_of_expressions(format: Format) -> None:
    names = listed()[:200]
    rules = ruled("\n".join(map(REGEX[format], names)), format)
    asked = (*names, *(name for name in neighbours() if covers(frozenset(names), name)), *neighbours()[:2000])
    lowered = frozenset(name.lower() for name in names)
    assert verdicts(rules, asked) == [BLOCKED if covers(lowered, name) else NONE for name in asked]


def test_names_are_what_they_should_be() -> None:
    assert len({name.lower() for name in listed()}) > 1900  # some stand there twice, in other letters
    assert len(neighbours()) == NEIGHBOURS
    names = frozenset(name.lower() for name in listed())
    assert 200 < sum(covers(names, name) for name in neighbours()) < NEIGHBOURS - 200
    assert any(covers(names, name.partition(".")[2]) for name in names)
