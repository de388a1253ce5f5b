"""What a worker serves at one moment: one generation, ready to be asked, and its ready-made answers.

Immutable; a swap replaces the whole object in one assignment, so a query sees one generation from
start to end. Without any valid generation (`number` 0) nothing is blocked: the fail mode is open,
and the admin process reports it as critical.
"""

from __future__ import annotations

from typing import Final

from resolver.dns.blocking import BlockAnswers
from resolver.generation.loader import Loaded
from resolver.policy.decide import Ruleset
from resolver.policy.local import LocalData
from resolver.policy.model import Policy
from resolver.policy.rebinding import Rebinding


class Snapshot:
    """One generation as the pipeline uses it. `loaded` is None in the open fail mode.

    rule     `Ruleset.rule`, at hand
    watches  whether addresses in answers must be judged; most generations need not look at them
    ttl      seconds, for answers of rules that name none
    local    our own records; None when there are none
    """

    __slots__ = ("blocks", "loaded", "local", "number", "rebinding", "rule", "ruleset", "ttl", "watches")

    def __init__(self, loaded: Loaded | None) -> None:
        policy = loaded.manifest.policy if loaded else Policy()
        self.loaded: Final = loaded
        self.number: Final = loaded.number if loaded else 0
        self.ruleset: Final = loaded.ruleset if loaded else Ruleset()
        self.rule: Final = self.ruleset.rule
        self.watches: Final = self.ruleset.watches_addresses
        answer = policy.answer
        self.ttl: Final = answer.ttl
        local = LocalData(policy.records)
        self.local: Final = local if local else None
        self.rebinding: Final = Rebinding(policy.rebinding)
        self.blocks: Final = BlockAnswers(answer.mode, answer.ttl, answer.ipv4, answer.ipv6, why=policy.why)
