"""DNS rebinding: public names that lead into the private network.

A page from `evil.example` runs in a browser at home. If that name then resolves to 192.168.1.1, the browser
lets the page talk to the router as if it were its own server. So an answer from outside that holds an
address of a private network (`Walk.private` says so, hints of HTTPS and SVCB records included) is not given
for a name that `Rebinding.guards`.

Some names are meant to lead inside, and are not guarded:

* what the policy's `rebinding.allow` names, and all below: services that give every customer's box a public
  name with a private address, so that it can have a certificate;
* names that nobody on the internet can have, so that no attacker has one: those set aside for private
  networks (RFC 8375, RFC 6762 appendix G), and names of one label.

Names that we answer ourselves, and those asked of an upstream that the settings name for them, are no
business of this module; whoever knows where an answer came from does not ask. It must not know messages or
answers.
"""

from __future__ import annotations

from typing import Final

from resolver.dns.names import from_host
from resolver.policy.model import RebindingPolicy

_PRIVATE: Final = (
    "home.arpa",  # RFC 8375 3
    "internal",  # reserved by ICANN for private networks, 2024
    *("intranet", "private", "corp", "home", "lan"),  # RFC 6762 appendix G: in use, and never delegated
    "local",  # RFC 6762 3
    *("localhost", "test"),  # RFC 6761 6.3, 6.2
)


class Rebinding:
    """Which names are guarded. Immutable; made once for each policy."""

    __slots__ = ("_protects", "_suffixes", "_tails")

    def __init__(self, policy: RebindingPolicy) -> None:
        self._protects: Final = policy.protect
        self._suffixes: Final = frozenset(map(from_host, (*_PRIVATE, *policy.allow)))
        self._tails: Final = tuple(self._suffixes)

    def guards(self, folded: bytes) -> bool:
        """Whether addresses of private networks must not be answered for this lower-cased wire name."""
        if not self._protects or folded[0] + 2 == len(folded):  # one label
            return False
        # `endswith` may stop in the middle of a label, so a hit is looked at label by label.
        return not folded.endswith(self._tails) or not self._is_exempt(folded)

    def _is_exempt(self, folded: bytes) -> bool:
        """Whether the name, or one above it, leads inside on purpose."""
        at = 0
        while folded[at]:
            if folded[at:] in self._suffixes:
                return True
            at += 1 + folded[at]
        return False
