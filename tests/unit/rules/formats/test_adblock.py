"""Adblock rules: the shapes that are names, and that nothing is obeyed wider than it is written."""

from __future__ import annotations

import pytest

from resolver.rules.formats.adblock import read
from tests.unit.rules.shorthand import said

RULES = {
    "||a.example^": ["||a.example^"],
    "||A.Example^": ["||a.example^"],
    "||a.example^|": ["||a.example^"],
    "||a.example|": ["||a.example^"],
    "||a.example": ["||a.example^"],
    "@@||a.example^": ["@@||a.example^"],
    "@@||a.example^|": ["@@||a.example^"],
    "|a.example^": ["|a.example^"],
    "|a.example|": ["|a.example^"],
    "@@|a.example^": ["@@|a.example^"],
    "a.example": ["|a.example^"],
    "@@a.example": ["@@|a.example^"],
    "||*.a.example^": ["||*.a.example^"],
    "@@||*.a.example^": ["@@||*.a.example^"],
    "*.a.example^": ["||*.a.example^"],
    "*.a.example": ["||*.a.example^"],
    "||bücher.example^": ["||xn--bcher-kva.example^"],
    "||a.example^ # why": ["||a.example^"],
    "0.0.0.0 a.example": ["|a.example^"],  # AdGuard's lists mix both
    "||a.example^$important": ["||a.example^", "note important"],
    "@@||a.example^$important": ["@@||a.example^", "note important"],
}

ASIDE = {
    "! Title: x": ["comment"],
    "# x": ["comment"],
    "[Adblock Plus 2.0]": ["comment"],
    "a.example##.ad": ["not-dns cosmetic"],
    "##.ad": ["not-dns cosmetic"],
    "###id": ["not-dns cosmetic"],
    "a.example#@#.ad": ["not-dns cosmetic"],
    "a.example#?#div:has(a)": ["not-dns cosmetic"],
    "a.example#@?#div": ["not-dns cosmetic"],
    "a.example#$#body { x: y }": ["not-dns cosmetic"],
    "a.example#%#window.x = 1": ["not-dns cosmetic"],
    "a.example$$script": ["not-dns cosmetic"],
    "||a.example/ads/*": ["not-dns path"],
    "||a.example^*/ads/": ["not-dns path"],
    "/ads/banner.": ["not-dns path"],
    "|https://a.example^": ["not-dns scheme"],
    "://a.example^": ["not-dns scheme"],
    "||a.example:8080^": ["not-dns port"],
    "&ad_box_": ["not-dns url"],
    "||a.example^?id=": ["not-dns url"],
    "||localhost^": ["ignored local-name"],
}

FAULTS = {
    "||com^": ["refused rule-too-wide"],
    "@@||com^": ["refused rule-too-wide"],
    "|com^": ["refused rule-too-wide"],
    "||*.com^": ["refused rule-too-wide"],
    "||com^$important": ["refused rule-too-wide"],
    "*": ["refused rule-too-wide"],
    "||*^": ["refused rule-too-wide"],
    "||^": ["refused rule-too-wide"],
    ".": ["refused rule-too-wide"],
    "@@*": ["refused rule-too-wide"],
    # masks of text: a beginning, an end or a part of a name
    "||ads": ["invalid unsupported-pattern"],
    "||ads.": ["invalid unsupported-pattern"],
    "||ads.^": ["invalid unsupported-pattern"],
    "||.a.example^": ["invalid unsupported-pattern"],
    ".a.example^": ["invalid unsupported-pattern"],
    "a.example^": ["invalid unsupported-pattern"],
    "|a.example": ["invalid unsupported-pattern"],
    "-banner-": ["invalid unsupported-pattern"],
    "com": ["invalid unsupported-pattern"],  # "com" anywhere in a name: no name here
    "||ads*.example^": ["invalid unsupported-pattern"],
    "||a.example^*^b^": ["invalid unsupported-pattern"],
    "||a.example.*^": ["invalid unsupported-pattern"],
    "/^ads[0-9]+/": ["invalid unsupported-regex"],
    "@@/ads/$important": ["invalid unsupported-regex"],
    "||192.0.2.1^": ["invalid ip-address"],
    "192.0.2.1": ["invalid ip-address"],
    "||2001:db8::1^": ["invalid ip-address"],
    "||a..example^": ["invalid label-empty"],
    "a.example b.example": ["invalid several-words"],
}

# A rule whose modifiers are not obeyed is left out as a whole.
VOID = {
    "||a.example^$third-party": "unknown-modifier",
    "||a.example^$~third-party": "unknown-modifier",
    "||a.example^$": "unknown-modifier",
    "||a.example^$important=1": "unsupported-modifier",
    "||a.example^$importantly": "unknown-modifier",
    "||a.example^$important,script": "unknown-modifier",
    "||a.example^$client=192.0.2.1": "unsupported-modifier",
    "||a.example^$dnstype=AAAA": "unsupported-modifier",
    "||a.example^$important,dnstype=A": "unsupported-modifier",
    "*$denyallow=com|net": "unsupported-modifier",
    "||com^$dnsrewrite=192.0.2.1": "unsupported-modifier",
    "@@||a.example^$badfilter": "unsupported-modifier",
    "||a.example^$ctag=device_tv": "unsupported-modifier",
    "$script": "unknown-modifier",
}


@pytest.mark.parametrize(("line", "means"), {**RULES, **ASIDE, **FAULTS}.items(), ids=repr)
def test_line(line: str, means: list[str]) -> None:
    assert said(read(line)) == means


@pytest.mark.parametrize(("line", "code"), VOID.items(), ids=repr)
def test_modifier_that_is_not_obeyed_voids_the_rule(line: str, code: str) -> None:
    assert said(read(line)) == [f"invalid {code}"]
