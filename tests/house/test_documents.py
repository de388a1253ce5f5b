"""The documents say what the code does: commands, variables, settings, links, examples.

A reader copies what stands in a fenced block. So every `belisha` command there must exist with the
options it is given, every `make` target must be one, and every variable must be read by somebody.
"""

from __future__ import annotations

import ast
import ipaddress
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import cast, get_args

import click
import msgspec
import pytest

from docs import make_api
from resolver import settings
from resolver.cli import main as command_line
from resolver.rules import model
from resolver.rules.formats import table as formats
from resolver.rules.parse import parse_list
from resolver.rules.render import render
from tests.house.tree import ROOT, modules, text_files

DOCUMENTS = [path for path in text_files() if path.suffix == ".md"]
FENCE = re.compile(r"(?ms)^```(\w*)\n(.*?)^```")
SHELL = {"sh", "console"}
VARIABLE = re.compile(r"\bBELISHA_[A-Z_]+\b")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")

# Addresses that documents may name although they belong to somebody, and why.
PUBLIC_ADDRESSES = {
    "9.9.9.9": "the default upstream (Quad9)",
    "149.112.112.112": "the default upstream's second address",
}

every_document = pytest.mark.parametrize("path", DOCUMENTS, ids=[str(p.relative_to(ROOT)) for p in DOCUMENTS])


def _commands(path: Path) -> Iterator[list[str]]:
    """The words of every shell command in the fenced blocks of a document, prompts taken off."""
    for language, block in FENCE.findall(path.read_text("utf-8")):
        if language not in SHELL:
            continue
        for line in block.replace("\\\n", " ").splitlines():
            if language == "console" and not line.startswith(("$ ", "# ")):
                continue  # what a command prints
            text = line.removeprefix("$ ").removeprefix("# ") if language == "console" else line
            yield from _split(text.strip())


def _split(line: str) -> Iterator[list[str]]:
    """One line may hold several commands: `a && b`, `a | b`. What is quoted is no operator."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in lexer:
        if word in {"|", "||", "&&", ";", "&"}:
            yield words
            words = []
        else:
            words.append(word)
    if words:
        yield words


def _check_command(words: list[str]) -> None:
    """Follow `belisha verb sub-verb --option` through the command line's own definition."""
    command: click.Command = command_line
    context = click.Context(command, info_name="belisha")
    rest = list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        found = command.get_command(context, rest[0])
        assert found is not None, f"`belisha` has no command `{rest[0]}`: {' '.join(words)}"
        command, rest = found, rest[1:]
    known = {option for parameter in command.params for option in parameter.opts + parameter.secondary_opts}
    given = {word.split("=")[0] for word in rest if word.startswith("--")}
    assert given <= known | {"--help"}, f"unknown options in: belisha {' '.join(words)}"


@every_document
def test_commands_exist(path: Path) -> None:
    for words in _commands(path):
        while words and re.fullmatch(r"sudo|-u|-g|[A-Z_]+=\S*", words[0]):
            words = words[2:] if words[0] in {"-u", "-g"} else words[1:]
        if (
            "belisha" in words[:1]
            or words[:1] == [".venv/bin/belisha"]
            or words[:1] == ["/opt/belisha/bin/belisha"]
        ):
            _check_command(words[1:])
        elif words[:4] == ["docker", "compose", "exec", "belisha"]:
            assert words[4] == "belisha"
            _check_command(words[5:])


@every_document
def test_make_targets_exist(path: Path) -> None:
    targets = set(re.findall(r"(?m)^([a-z]+):.*## ", (ROOT / "Makefile").read_text("utf-8")))
    named = set(re.findall(r"`make ([a-z]+)", path.read_text("utf-8")))
    named |= {words[1] for words in _commands(path) if words[0] == "make" and len(words) > 1}
    assert named <= targets


def _variables_read() -> set[str]:
    """Every variable that some file spells out, and those of the settings."""
    literals = {
        node.value
        for module in modules() + modules("tests")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and VARIABLE.fullmatch(node.value)
    }
    return literals | set(settings._OVERRIDES)


@pytest.mark.parametrize(
    "path",
    [p for p in text_files() if p.suffix in {".md", ".toml", ".yml", ".service"} or p.name == "Dockerfile"],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_variables_are_read_by_somebody(path: Path) -> None:
    named = {name for name in VARIABLE.findall(path.read_text("utf-8")) if not name.endswith("_")}
    assert named <= _variables_read()


def _settings_rows() -> dict[str, tuple[str, str]]:
    """docs/settings.md: key → default as written there, variable ("" where there is none)."""
    text = (ROOT / "docs" / "settings.md").read_text("utf-8")
    rows = re.findall(r"(?m)^\| `([a-z0-9_.]+)` \| (.+?) \| (?:`(BELISHA_[A-Z0-9_]+)`)? ?\|", text)
    return {key: (default.replace("`", ""), variable) for key, default, variable in rows}


def _settings_keys() -> dict[str, tuple[str, str]]:
    """The settings as the code has them, in the form of the table."""
    variables = {key: name for name, (key, _) in settings._OVERRIDES.items()}
    defaults = msgspec.to_builtins(settings.Settings())
    upstreams = defaults.pop("upstream")
    found: dict[str, object] = {f"upstream.{key}": value for key, value in upstreams[0].items()}
    found["upstream.url"] = [upstream["url"] for upstream in upstreams]
    for key, value in defaults.items():
        if isinstance(value, dict):
            found |= {f"{key}.{inner}": one for inner, one in value.items()}
        else:
            found[key] = value
    variables["upstream.url"] = variables.pop("upstream")
    return {key: (_toml(key, value), variables.get(key, "")) for key, value in found.items()}


def _toml(key: str, value: object) -> str:
    if key == "upstream.url" and isinstance(value, list):
        return ", ".join(f'"{url}"' for url in value)
    return msgspec.json.encode(value).decode().replace('","', '", "')


def test_settings_page_names_every_key_default_and_variable() -> None:
    assert _settings_rows() == _settings_keys()


SETTINGS_EXAMPLES = [
    text for kind, text in FENCE.findall((ROOT / "docs" / "settings.md").read_text("utf-8")) if kind == "toml"
]


@pytest.mark.parametrize("text", SETTINGS_EXAMPLES)
def test_examples_of_settings_can_be_read(text: str, tmp_path: Path) -> None:
    path = tmp_path / "belisha.toml"
    path.write_text(text, "utf-8")
    assert settings.load(path, {}).upstream


@every_document
def test_links_lead_somewhere(path: Path) -> None:
    dead = []
    for target in LINK.findall(path.read_text("utf-8")):
        if re.match(r"[a-z]+:|#", target):
            continue
        if not (path.parent / target.split("#")[0]).exists():
            dead.append(target)
    assert not dead


@every_document
def test_examples_use_documentation_addresses(path: Path) -> None:
    allowed = [
        *settings.PRIVATE_NETWORKS,
        *map(ipaddress.ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "0.0.0.0/32")),
    ]
    named = set(re.findall(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.]*\d)", path.read_text("utf-8")))
    foreign = {
        text
        for text in named - set(PUBLIC_ADDRESSES)
        if not any(ipaddress.ip_address(text) in network for network in allowed)
    }
    assert not foreign, "RFC 5737: 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24"


def test_changelog_has_a_place_for_the_next_change() -> None:
    headings = re.findall(r"(?m)^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"))
    assert headings[0] == "Unreleased"


def test_decisions_are_listed_and_numbered_in_one_row() -> None:
    folder = ROOT / "docs" / "decisions"
    notes = sorted(path.name for path in folder.glob("[0-9]*.md"))
    listed = re.findall(r"\]\((\d{4}-[a-z0-9-]+\.md)\)", (folder / "README.md").read_text("utf-8"))
    assert listed == notes
    assert [int(name[:4]) for name in notes] == list(range(1, len(notes) + 1))
    for name in notes:
        assert (folder / name).read_text("utf-8").startswith(f"# {int(name[:4])}. ")


def test_generated_pages_are_current() -> None:
    stale = [
        str(path.relative_to(ROOT)) for path, text in make_api.pages() if path.read_text("utf-8") != text
    ]
    assert not stale, "run `make docs`"


MEANINGS = {
    "alone": model.BLOCK_APEX,
    "below only": model.BLOCK_BELOW,
    "with all below": model.BLOCK_BOTH,
    "allowed, alone": model.ALLOW_APEX,
    "allowed, with all below": model.ALLOW_BOTH,
}
LISTS_PAGE = (ROOT / "docs" / "lists.md").read_text("utf-8")
LINE_ROWS = re.findall(
    r"(?m)^\| `([^`]+)` \| ([a-z-]+) \| ([a-z, ]+) \| ([a-z, ]+) \| ([a-z, ]+) \|$", LISTS_PAGE
)
SIDE_ROWS = re.findall(r"(?m)^\| `([^`]+)` \| ([a-z-]+) \| `([^`]+)` \|$", LISTS_PAGE)


def _content(line: str, notation: str, match: str = "auto") -> model.Content:
    """What a line of a table means, by the parser."""
    data = line.replace("\\|", "|").encode() + b"\n"
    return parse_list(
        data, format=cast(model.Format, notation), match=cast(model.Match, match), guard=None
    ).content


def test_every_notation_that_is_read_has_its_row() -> None:
    assert {row[1] for row in LINE_ROWS + SIDE_ROWS} == set(formats.FORMATS)


@pytest.mark.parametrize("row", LINE_ROWS, ids=lambda row: row[0])
def test_lines_mean_what_the_page_says(row: tuple[str, str, str, str, str]) -> None:
    line, notation, *meanings = row
    for match, meaning in zip(get_args(model.Match), meanings, strict=True):
        content = _content(line, notation, match)
        assert [value & model.FLAGS_MASK for value in content.names.values()] == [MEANINGS[meaning]], match


@pytest.mark.parametrize("row", SIDE_ROWS, ids=lambda row: row[0])
def test_side_rules_mean_what_the_page_says(row: tuple[str, str, str]) -> None:
    line, notation, meaning = row
    assert list(render(_content(line, notation))) == [meaning.replace("\\|", "|")]
