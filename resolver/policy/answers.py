"""Several answers of rules for one question → the one that is given.

The rules of AdGuard's $dnsrewrite, which are also right for local data of a response policy zone, where
there is only ever one: what is no data (an rcode, NODATA, silence, TCP only) wins over records, a CNAME
over other records, and else all records are added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from resolver.rules.side import Answer, SideRule

_CNAME: Final = 5


def combine(rules: Sequence[SideRule]) -> Answer:
    """The answer of these rules, in their order of precedence; each must have one."""
    answers = [rule.answer for rule in rules if rule.answer is not None]
    for answer in answers:
        if not answer.records:
            return answer
    for answer in answers:
        if any(record.rtype == _CNAME for record in answer.records):
            return answer
    records = dict.fromkeys(record for answer in answers for record in answer.records)
    ttls = [answer.ttl for answer in answers if answer.ttl]
    return Answer(records=tuple(records), ttl=min(ttls, default=0))
