"""Adblock lines: what a pattern speaks of, what is not DNS, and that nothing is obeyed wider than written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.names import Fault
from resolver.rules.codes import MAX_LINE, SENTENCES
from resolver.rules.expressions.automaton import MAX_EXPRESSIONS, check
from resolver.rules.expressions.masks import from_adblock
from resolver.rules.formats.adblock import MIN_TEXT, make, read
from resolver.rules.lines import NO_OPTIONS, Options, Rule, Skip, Void
from resolver.rules.model import ALLOW_BOTH, BLOCK_BOTH
from resolver.rules.side import ALLOW, ANSWER, BELOW, BLOCK, CANCEL, Answer, Record, SideRule
from tests.unit.rules.shorthand import key, said

TRUSTED = Options(rewrites=True)

RULES = {
    "||a.example^": ["||a.example^"],
    "||A.Example^": ["||a.example^"],
    "||a.example^|": ["||a.example^"],
    "||a.example|": ["||a.example^"],
    "||a.example": ["||a.example^"],
    "||a.example^*": ["||a.example^"],
    "@@||a.example^": ["@@||a.example^"],
    "@@||a.example^|": ["@@||a.example^"],
    "|a.example^": ["|a.example^"],
    "|a.example|": ["|a.example^"],
    "@@|a.example^": ["@@|a.example^"],
    "a.example": ["|a.example^"],
    "@@a.example": ["@@|a.example^"],
    "||*.a.example^": ["||*.a.example^"],
    "||*.a.example": ["||*.a.example^"],
    "|*.a.example^": ["||*.a.example^"],
    "@@||*.a.example^": ["@@||*.a.example^"],
    "*.a.example^": ["||*.a.example^"],
    "*.a.example": ["||*.a.example^"],
    ".a.example^": ["||*.a.example^"],
    ".a.example": ["||*.a.example^"],
    "||bücher.example^": ["||xn--bcher-kva.example^"],
    "||a.example^ # why": ["||a.example^"],
    "||a.example^\t# costs $5": ["||a.example^"],
    "0.0.0.0 a.example": ["|a.example^"],  # AdGuard's lists mix both
    "::1 a.example b.example # why": ["|a.example^", "|b.example^"],
    # single labels are the guard's business
    "||com^": ["||com^"],
    "@@||com^": ["@@||com^"],
    "|com^": ["|com^"],
    "||*.com^": ["||*.com^"],
}

# Conditions make a side rule of a plain name; `important` is one.
SIDES = {
    "||a.example^$important": ["||a.example^$important"],
    "@@||a.example^$important": ["@@||a.example^$important"],
    "|a.example^$important # no comment: modifiers end the line": ["invalid unknown-modifier"],
    "a.example$dnstype=AAAA": ["|a.example^$dnstype=AAAA"],
    "||*.a.example^$ctag=os_ios": ["||*.a.example^$ctag=os_ios"],
    "||com^$important": ["||com^$important"],
    # every name there is
    "*$client=192.0.2.1": ["*$client=192.0.2.1/32"],
    "||*^$client=192.0.2.1": ["*$client=192.0.2.1/32"],
    "@@||*^$client=192.0.2.1": ["@@*$client=192.0.2.1/32"],
    "*$denyallow=com|net": ["*$denyallow=com|net"],
    "@@*$denyallow=com|net": ["@@*$denyallow=com|net"],
    "$dnstype=AAAA,denyallow=example.org,dnsrewrite=NOERROR;;": [
        "*$dnstype=AAAA,denyallow=example.org,dnsrewrite=NOERROR"
    ],
    "||a.example^$denyallow=sub.a.example": ["||a.example^$denyallow=sub.a.example"],
    # expressions
    "/^ads[0-9]+/": ["/^ads[0-9]+/"],
    "@@/ads/$important": ["@@/ads/$important"],
    "/^ads$/$dnstype=A": ["/^ads$/$dnstype=A"],
    "/^ads$/ # why": ["/^ads$/"],
    "/^ads$/": ["/^ads$/"],
    "/ads/$client='/$x/'": ["/ads/$client='/$x/'"],
    # an answer taken back, a rule taken back
    "@@||a.example^$dnsrewrite": ["@@||a.example^$dnsrewrite"],
    "@@||a.example^$dnsrewrite=": ["@@||a.example^$dnsrewrite"],
    "@@||a.example^$dnsrewrite=192.0.2.1": ["@@||a.example^$dnsrewrite=NOERROR;A;192.0.2.1"],
    "||a.example$badfilter": ["void ||a.example^"],
    "@@||a.example^$badfilter": ["void @@||a.example^"],
    "||a.example^$important,badfilter": ["void ||a.example^$important"],
    "||a.example^$badfilter,dnstype=A": ["void ||a.example^$dnstype=A"],
    "/ads/$badfilter": ["void /ads/"],
    "*$badfilter": ["void ||.^"],
}

# Masks of text: their expression is that of `masks`.
MASKS = [
    "||ads.", "||ads", "-banner-", "banner", "||ads*.example^", "a.example^", "a.example|", "|a.example",
    "|ads.*", "||a.example.*^", "|*.a.example", "||a-*.b.example^", "||192.0.", "ads.*.example^", "b*nner",
    "||an.a.", "-logging.a.example^", "||a.*.b.example^", "||Ads*.Example^", "||a.example*", "_ads_", "com^",
]  # fmt: skip

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
    "||a.example/*": ["not-dns path"],
    "/ads/banner.": ["not-dns path"],
    "/banner/ads/": ["not-dns path"],
    "/ads": ["not-dns path"],
    "||a.example^ads": ["not-dns path"],
    "||a.example^*_gtm": ["not-dns path"],
    "||a.example^*^b^": ["not-dns path"],
    "^ads^": ["not-dns path"],
    ".az^*frame": ["not-dns path"],
    "||a.example/ads$third-party": ["not-dns path"],
    "|https://a.example^": ["not-dns scheme"],
    "://a.example^": ["not-dns scheme"],
    "||a.example:8080^": ["not-dns port"],
    "&ad_box_": ["not-dns url"],
    "||a.example^?id=": ["not-dns url"],
    "||localhost^": ["ignored local-name"],
}

FAULTS = {
    # nothing is there, or nothing can match
    "@@": ["invalid name-empty"],
    "||.a.example^": ["invalid matches-nothing"],
    "||ads.^": ["invalid matches-nothing"],
    "ads.|": ["invalid matches-nothing"],
    "|.a.example": ["invalid matches-nothing"],
    "||.^": ["invalid matches-nothing"],
    "|.^": ["invalid matches-nothing"],
    # too little text
    "ads": ["invalid pattern-too-short"],  # found in "downloads"
    "com": ["invalid pattern-too-short"],
    "a*b*c*d*e": ["invalid pattern-too-short"],
    "||x.": ["invalid pattern-too-short"],
    "||a*^": ["invalid pattern-too-short"],
    "-a-": ["invalid pattern-too-short"],
    "@@ad.": ["invalid pattern-too-short"],
    "ads$important": ["invalid pattern-too-short"],
    # no names
    "||192.0.2.1^": ["invalid ip-address"],
    "192.0.2.1": ["invalid ip-address"],
    "||2001:db8::1^": ["invalid ip-address"],
    "||a..example^": ["invalid label-empty"],
    "||a!b.example^": ["invalid bad-character"],
    "a.example b.example": ["invalid several-words"],
    "a.example b.example$important": ["invalid several-words"],
    # badfilter is no affair of hosts lines
    "0.0.0.0 a.example$badfilter": ["invalid bad-character"],
}

# A rule with a modifier that is not known, or not right, is left out as a whole.
VOID = {
    "||a.example^$third-party": "unknown-modifier",
    "||a.example^$~third-party": "unknown-modifier",
    "||a.example^$domain=b.example": "unknown-modifier",
    "||a.example^$importantly": "unknown-modifier",
    "||a.example^$important,script": "unknown-modifier",
    "||a.example^$badfilter,popup": "unknown-modifier",
    "$script": "unknown-modifier",
    "-banner-$image": "unknown-modifier",
    "/ads/$image": "unknown-modifier",
    "||a.example^$": "bad-modifier",
    "||a.example^$important=1": "bad-modifier",
    "||a.example^$dnstype": "bad-modifier",
    "||a.example^$ctag=device_toaster": "unknown-tag",
    "||a.example^$important,important": "modifier-twice",
    "||a.example^$dnsrewrite": "bad-rewrite",
    "||a.example^$dnsrewrite=NOTHING": "bad-rewrite",
    "@@||a.example^$dnsrewrite=NOERROR;A": "bad-rewrite",
}

UNTRUSTED = {
    "||a.example^$dnsrewrite=192.0.2.1": "unenforceable rewrite-not-trusted",
    "||a.example^$dnsrewrite=2001:db8::1": "unenforceable rewrite-not-trusted",
    "||a.example^$dnsrewrite=b.example": "unenforceable rewrite-not-trusted",
    "||a.example^$dnsrewrite=NOERROR;TXT;x": "unenforceable rewrite-not-trusted",
    "||a.example^$dnsrewrite=192.0.2.1,badfilter": "unenforceable rewrite-not-trusted",
    "||a.example^$respgeo=xx": "unenforceable respgeo",
    "@@||a.example^$dnsrewrite=0.0.0.0": "unenforceable cancels-a-block",
    # what sends nobody anywhere needs no trust
    "||a.example^$dnsrewrite=0.0.0.0": "||a.example^",
    "||a.example^$dnsrewrite=::": "||a.example^",
    "||a.example^$dnsrewrite=NOERROR;A;127.0.0.1,important": "||a.example^$important",
    "||a.example^$dnsrewrite=REFUSED": "||a.example^$dnsrewrite=REFUSED",
    "||a.example^$dnsrewrite=NXDOMAIN;;": "||a.example^$dnsrewrite=NXDOMAIN",
    "||a.example^$dnsrewrite=NOERROR": "||a.example^$dnsrewrite=NOERROR",
    "@@||a.example^$dnsrewrite=192.0.2.1": "@@||a.example^$dnsrewrite=NOERROR;A;192.0.2.1",
}


@pytest.mark.parametrize(("line", "means"), {**RULES, **SIDES, **ASIDE, **FAULTS}.items(), ids=repr)
def test_line(line: str, means: list[str]) -> None:
    assert said(read(line)) == means


@pytest.mark.parametrize(("line", "code"), VOID.items(), ids=repr)
def test_modifier_that_is_not_obeyed_voids_the_rule(line: str, code: str) -> None:
    assert said(read(line, TRUSTED)) == [f"invalid {code}"]


@pytest.mark.parametrize(("line", "means"), UNTRUSTED.items(), ids=repr)
def test_list_that_is_not_trusted_sends_nobody_elsewhere(line: str, means: str) -> None:
    assert said(read(line)) == [means]


@pytest.mark.parametrize("pattern", MASKS)
def test_mask_is_an_expression(pattern: str) -> None:
    expression = from_adblock(pattern.lower())
    assert not isinstance(expression, Fault)
    assert read(pattern) == [SideRule(action=BLOCK, expression=expression)]
    assert read(f"@@{pattern}$important") == [SideRule(action=ALLOW, expression=expression, important=True)]


@pytest.mark.parametrize("pattern", ["*", "**", "||*^", "||^", "||", "|", "^", "*.", "||*.^", ".", "*|"])
def test_pattern_without_text_is_every_name(pattern: str) -> None:
    assert read(pattern) == [Rule(b"\0", BLOCK_BOTH)]
    assert read("@@" + pattern) == [Rule(b"\0", ALLOW_BOTH)]


def test_fields_of_a_rule_with_everything() -> None:
    who = r"client='Kid\'s'|~192.0.2.9/8,ctag=user_child"
    assert read(f"@@||*.a.example^$important,{who},dnstype=aaaa|a,denyallow=b.example") == [
        SideRule(
            action=ALLOW,
            key=key("a.example"),
            reach=BELOW,
            important=True,
            types=(1, 28),
            clients=("kid's",),
            not_clients=("192.0.0.0/8",),
            tags=("user_child",),
            outside=(key("b.example"),),
        )
    ]


def test_rewrites_of_a_trusted_list() -> None:
    answer = Answer(records=(Record(1, bytes((192, 0, 2, 1))),))
    line, a_example = "||a.example^$dnsrewrite", key("a.example")
    assert read(f"{line}=192.0.2.1", TRUSTED) == [SideRule(action=ANSWER, key=a_example, answer=answer)]
    assert read(f"@@{line}=192.0.2.1", TRUSTED) == [SideRule(action=CANCEL, key=a_example, answer=answer)]
    assert read(f"@@{line}", TRUSTED) == [SideRule(action=CANCEL, key=a_example)]


@pytest.mark.parametrize("line", SIDES)
def test_badfilter_takes_back_what_the_line_means_without_it(line: str) -> None:
    (plain,) = read(line)
    if "$" in line and isinstance(plain, (Rule, SideRule)) and " " not in line and not line.endswith("/"):
        assert read(f"{line},badfilter") == [Void(plain)]


def test_a_name_with_a_modifier_is_the_same_name() -> None:
    for line in RULES:
        (rule, *others) = read(line)
        if " " not in line and not others and isinstance(rule, Rule):
            (side,) = read(f"{line}$important")
            assert isinstance(side, SideRule) and side.important
            assert said([side]) == [f"{said([rule])[0]}$important"]


def test_reader_of_a_list() -> None:
    reader = make(NO_OPTIONS)
    assert said(reader.read("127.0.0.1 a.example", 7)) == ["|a.example^"]
    assert said(reader.read("192.0.2.1 a.example", 7)) == ["|a.example^", "note foreign-address"]
    assert isinstance(reader.read("||a.example^$dnsrewrite=192.0.2.1", 8)[0], Skip)
    assert list(reader.finish()) == []


def test_expressions_of_a_list_are_counted() -> None:
    reader = make(NO_OPTIONS)
    for n in range(MAX_EXPRESSIONS):
        assert isinstance(reader.read(f"||a{n}*.example^", n)[0], SideRule)
    assert said(reader.read("/ads/", 1)) == ["invalid regex-too-many"]
    assert said(reader.read("||b*.example^$third-party", 1)) == ["invalid unknown-modifier"]
    assert said(reader.read("||a.example^", 1)) == ["||a.example^"]
    assert said(make(NO_OPTIONS).read("/ads/", 1)) == ["/ads/"]


@pytest.mark.parametrize("expression", ["(", "[", "a{", r"(a)\1", "(?=a)", "(a{100}){100}", "ü", "x" * 2000])
def test_expression_that_cannot_be_used(expression: str) -> None:
    (item,) = read(f"/{expression}/")
    fault = check(expression)
    assert fault is not None and item == Skip("invalid", fault.code)


def test_reader_of_a_trusted_list() -> None:
    reader = make(TRUSTED)
    assert said(reader.read("127.0.0.1 b.example", 7)) == ["|b.example^"]
    assert isinstance(reader.read("||a.example^$dnsrewrite=192.0.2.1", 8)[0], SideRule)
    assert list(reader.read("192.0.2.1 a.example", 9)) == []
    ((line, item),) = reader.finish()
    assert line == 9 and said([item]) == ["|a.example^$dnsrewrite=NOERROR;A;192.0.2.1"]


def test_least_text_of_a_mask() -> None:
    assert MIN_TEXT == 4
    for text in ("x" * MIN_TEXT, f"*{'x' * MIN_TEXT}*y"):
        assert isinstance(read(text)[0], SideRule)


# What lines are made of, and what must not confuse them.
PIECES = st.sampled_from(
    [
        *"@@ || | ^ * . / $ , = ~ ' \" \\ # ## ! [ ] ; : ? % ( ) + { } a ads a.example 192.0.2.1 ü".split(),
        *"important badfilter client= ctag= dnstype= denyallow= dnsrewrite= respgeo= script".split(),
        *"NOERROR; A; TXT; HTTPS; user_child AAAA \udc80".split(),
        *("\x00", " ", "\t", " # "),
    ]
)
TEXTS = st.one_of(st.lists(PIECES, max_size=14).map("".join), st.text(max_size=80))


@given(text=TEXTS, rewrites=st.booleans())
def test_any_text_is_read(text: str, rewrites: bool) -> None:
    if text.strip():
        items = read(text.strip(), Options(rewrites))
        assert items and {type(item) for item in items} <= {Rule, SideRule, Void, Skip}
        assert {item.code for item in items if isinstance(item, Skip)} <= SENTENCES.keys() | {""}


@pytest.mark.parametrize(
    "piece",
    [
        "|", "||", "$", ",", "^", "*", ".", "/", "@", "'", '"', "\\", "#", " ", "[", "~", "=", "^*", "a.",
        "*a", "/a", "\\/", "$$", "#@", " #", "a,", "'\"", "\\,", "{1,9}", "(", "(a*)*", "1.", "::", "ü",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "line", ["{}", "@@{}", "||{}^", "||a.example^${}", "||a.example^$client={}", "||a.example^$client='{}'",
             "||a.example^$dnsrewrite=NOERROR;TXT;{}", "*$denyallow={}", "/{}/", "/{}/$important"],
)  # fmt: skip
def test_hostile_line_is_read(line: str, piece: str) -> None:
    """The longest line there is, of one thing; what is not linear takes minutes here, and the test ends."""
    text = line.format(piece * ((MAX_LINE - len(line)) // len(piece.encode()))).strip()
    assert not text or read(text, TRUSTED)
