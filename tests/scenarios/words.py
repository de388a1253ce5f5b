"""What an upstream does, in the words of a scenario.

A 192.0.2.1 / AAAA 2001:db8::1 ttl=60      records of the name asked; `NAME TTL IN TYPE DATA` of others
nxdomain   nxdomain 300 60   nodata 20 10  negative answers (TTL and MINIMUM of their SOA)
servfail   refused   silent   hang-up      no answers
big 3000   huge   chain 16 A 192.0.2.1     long ones; CNAME records one behind another
wrong-id : A 192.0.2.1                     a vice (`VICES`), and what it is done to
slow 2 : A 192.0.2.1                       two seconds of the virtual clock later
A 192.0.2.1 ttl=10 then silent             the first query gets the one, all others the other
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.support import behaviours as do
from tests.support import vices
from tests.support.behaviours import FORGED_ADDRESS, Behaviour

_FORGED: Final = do.answer(f"A {FORGED_ADDRESS}")

PLAIN: Final = {
    "nxdomain": do.nxdomain(), "nodata": do.nodata(), "servfail": do.failed(), "refused": do.refused(),
    "silent": do.silence(), "nxdomain-without-soa": do.nxdomain(with_soa=False), "hang-up": do.hang_up(),
    "nodata-without-soa": do.nodata(with_soa=False), "notimp": do.failed("NOTIMP"),
    "formerr": do.failed("FORMERR"), "empty": vices.empty(), "header-only": vices.header_only(),
    "always-cut": vices.always_cut(), "huge": vices.huge(60_000), "garbage": do.raw(bytes(range(256)) * 2),
}  # fmt: skip
"""Behaviours of one word."""

Make = Callable[[list[str], Behaviour], Behaviour]

VICES: Final[dict[str, Make]] = {
    "truncated": lambda _, inner: do.truncated(inner),
    "formerr-to-edns": lambda _, inner: do.formerr_to_edns(inner),
    "notimp-to-edns": lambda _, inner: do.without_edns("NOTIMP", inner),
    "wrong-id": lambda _, inner: do.wrong_id(inner),
    "wrong-case": lambda _, inner: do.wrong_case(inner),
    "wrong-question": lambda _, inner: do.wrong_question(inner),
    "wrong-type": lambda _, inner: do.wrong_type(inner),
    "wrong-port": lambda _, inner: do.from_elsewhere(inner),
    "wrong-address": lambda _, inner: vices.from_address("127.0.0.9", inner),
    "not-a-response": lambda _, inner: do.not_a_response(inner),
    "cut-short": lambda _, inner: do.cut_short(inner),
    "cut-at": lambda words, inner: vices.cut_at(int(words[0]), inner),
    "late": lambda words, inner: do.after(float(words[0]), inner),
    "lossy": lambda words, inner: vices.lossy(float(words[0]), int(words[1]), inner),
    "flapping": lambda words, inner: vices.flapping(int(words[0]), int(words[1]), inner),
    "lying-count": lambda words, inner: vices.lying_count(words[0], inner),  # type: ignore[arg-type]
    "two-opts": lambda _, inner: vices.two_opts(inner),
    "planted": lambda words, inner: vices.extra_records(inner, *" ".join(words).split(" / ")),
    "planted-answer": lambda words, inner: vices.extra_records(
        inner, *" ".join(words).split(" / "), section="answer"
    ),
    "explained": lambda words, inner: vices.explained(int(words[0]), " ".join(words[1:]), inner),
    "cookie": lambda words, inner: vices.with_cookie(words[0], inner),  # type: ignore[arg-type]
    "bad-cookie": lambda _, inner: vices.bad_cookie(inner),
    "forged-first": lambda words, inner: do.forged_first(int(words[0]), inner, delay=0.1),
    "forged-elsewhere": lambda words, inner: vices.right_but_elsewhere(int(words[0]), inner, delay=0.05),
    "garbage-first": lambda _, inner: vices.joined(do.raw(b"\0\0\x80\0\0\1", with_id=True), inner),
    "wrong-question-first": lambda _, inner: vices.joined(do.wrong_question(_FORGED), inner),
}  # fmt: skip
"""Behaviours that change another; their own words stand before the colon."""


def behaviour(words: list[str], clock: Callable[[], float]) -> Behaviour:
    """The behaviour that some words describe. Raises KeyError, ValueError, IndexError."""
    if "then" in words:
        at = words.index("then")
        return do.in_turn(behaviour(words[:at], clock), behaviour(words[at + 1 :], clock))
    if ":" in words:
        at = words.index(":")
        inner = behaviour(words[at + 1 :], clock)
        if words[0] == "slow":
            return vices.slow(float(words[1]), clock, inner)
        return VICES[words[0]](words[1:at], inner)
    if words[0] == "big":
        return do.big(int(words[1]))
    if words[0] in ("nxdomain", "nodata") and len(words) == 3:
        return getattr(do, words[0])(int(words[1]), int(words[2]))  # type: ignore[no-any-return]
    if words[0] == "loop":
        return vices.cname_loop(int(words[1]))
    ttl = int(words.pop().removeprefix("ttl=")) if words[-1].startswith("ttl=") else 300
    if words[0] == "chain":
        return vices.chain(int(words[1]), " ".join(words[2:]), ttl)
    if len(words) == 1:
        return PLAIN[words[0]]
    return do.answer(*" ".join(words).split(" / "), ttl=ttl)
