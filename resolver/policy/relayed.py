"""Policy again, on the answer: where its CNAME records lead, and which addresses it holds.

A name that is left alone may still lead to one that is not (CNAME cloaking), so every target is judged
as the question was, in order, with the question's type and client. The first ruling counts and is given
to the question as if it had been asked for the target: allowed ends the search, blocked blocks, and what
a rule answers itself is answered. So a walled garden cannot be gone around by an alias. (Response policy
zones keep the chain up to the target and put their data behind it; what a client reaches is the same.)

Then, if no name said anything, the addresses (RPZ-IP). They come last, as inside a response policy zone.
Policy is not applied to what a rule answers itself. This module must not know messages or caches.
"""

from __future__ import annotations

from collections.abc import Sequence

from resolver.policy.decide import NONE, Ruleset, Ruling


def rule_targets(
    ruleset: Ruleset, asked: Ruling, qtype: int, client: str, targets: Sequence[bytes]
) -> Ruling:
    """The ruling on a question that was left alone (`asked`), now that its targets are known.

    Targets are lower-cased wire names. What comes back is `common` only if every ruling on the way was.
    """
    ruling = asked
    for target in targets:
        found = ruleset.rule(target, qtype, client)
        if not ruling.common:
            found = found._replace(common=False)
        if found.verdict != NONE:
            return found
        ruling = found
    return ruling


def rule_addresses(
    ruleset: Ruleset, asked: Ruling, folded: bytes, qtype: int, client: str, addresses: Sequence[bytes]
) -> Ruling:
    """The ruling on a question that was left alone so far (`asked`), now that its addresses are known."""
    found = ruleset.rule_answer(folded, qtype, client, addresses)
    return found if asked.common else found._replace(common=False)
