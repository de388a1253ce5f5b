"""Expressions and names for tests: what public lists of expressions look like, and random small ones."""

from __future__ import annotations

from hypothesis import strategies as st

# The shapes of public lists, with words of our own: beginnings, parts, ends, runs, counted characters.
TYPICAL = (
    r"^ads?[0-9]*[_.-]",
    r"^(.+[_.-])?banners?[0-9]*[_.-]",
    r"^ad([sxv]?[0-9]*|system)[_.-]([^.[:space:]]+\.){1,}|[_.-]ad([sxv]?[0-9]*|system)[_.-]",
    r"(^|\.)track(er|ing)?\.",
    r"(\.|^)casino\.(example|test)$",
    r"^([a-z0-9-]+\.)*telemetry\.example$",
    r"^[a-z0-9]{8,12}\.click\.example$",
    r"^stat(s|istics)?[0-9]*[.-].*\.example$",
    r"beacon[a-z0-9-]*\.test$",
    r"^(?:www|m)\.poker[^.]*\.[a-z]{2,7}$",
    r"\bpixel\b",
    r"^count(ers?)?[0-9]*\.|\.count(ers?)?[0-9]*\.",
    r"xn--.*example$",
    r"pop.*under",
)

NAMES = (
    "ads.example",
    "ads12.example",
    "www.banner-1.example",
    "banner.example",
    "a.ad7.example",
    "adsystem.a.example",
    "tracking.example",
    "mytracking.example",
    "casino.test",
    "xcasino.test",
    "a.b.telemetry.example",
    "abcdefgh9.click.example",
    "stats.a.example",
    "beacon-9.test",
    "m.poker-1.example",
    "my.pixel.example",
    "mypixels.example",
    "a.counters5.example",
    "xn--bcher-kva.example",
    "popunder.example",
    "pop.a.under.example",
    "www.example.org",
    "localhost",
    "",
)

_ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "-", r"\.", r"\w", r"[^.]", "a-", "[a-z0-9-]"])
_PLACES = st.sampled_from(["^", "$", r"\b", r"\B"])
_TIMES = st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{2,}", "{0,2}", "*?", "+?"])


def _extend(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.lists(inner, min_size=2, max_size=3).map("".join),
        st.tuples(inner, inner).map("(?:{0[0]}|{0[1]})".format),
        st.tuples(inner, _TIMES).map("(?:{0[0]}){0[1]}".format),
        st.tuples(inner, inner).map("{0[0]}|{0[1]}".format),
    )


EXPRESSIONS = st.recursive(st.one_of(_ATOMS, _ATOMS, _PLACES), _extend, max_leaves=8)
"""Small expressions that the standard library's engine understands in the same way, `$` aside."""

SUBJECTS = st.text("ab-.", min_size=1, max_size=12)
"""Short names, or nearly, over the octets that the expressions speak of."""
