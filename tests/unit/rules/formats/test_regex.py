"""Lists of expressions."""

from __future__ import annotations

import pytest

from resolver.rules.formats.regex import read_slashed
from resolver.rules.side import ALLOW, BLOCK, SideRule
from tests.unit.rules.formats.told import told

LINES = {
    "^ads[0-9]+": ["/^ads[0-9]+/"],
    "/^ads[0-9]+/": ["/^ads[0-9]+/"],
    "@@/^ads/": ["@@/^ads/"],
    "@@^ads": ["@@/^ads/"],
    "/ads": [r"/\/ads/"],  # one slash is a character, which no name has
    "# ads": ["comment"],
    "! ads": ["comment"],
    "//": ["invalid regex-empty"],
    "/(ads/": ["invalid regex-brackets"],
    r"/(ads)\1/": ["invalid regex-back-reference"],
    "/(?=ads)/": ["invalid regex-look-around"],
    "(a|b)*a(a|b){20}": ["invalid regex-too-complex"],
    "bücher": ["invalid regex-not-ascii"],
}


@pytest.mark.parametrize(("line", "means"), LINES.items(), ids=repr)
def test_line(line: str, means: list[str]) -> None:
    assert told("regex", line) == means


def test_slashed_lines_of_other_formats() -> None:
    assert read_slashed("/ads/", BLOCK) == SideRule(action=BLOCK, expression="ads")
    assert read_slashed(r"/a\/b/", ALLOW) == SideRule(action=ALLOW, expression=r"a\/b")


def test_lines_of_one_list_share_an_allowance() -> None:
    said = told("regex", "(a|b)*a(a|b){20}\n" * 300 + "ads")
    assert said[0] == "invalid regex-too-complex"
    assert said[-1] == "invalid regex-too-many"
