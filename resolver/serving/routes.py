"""Which upstreams are asked for a name: those for its suffix, or those for everything else.

A company's zone is answered by the company's server, a private reverse zone by the router that gave out
the addresses (conditional forwarding). The longest suffix counts, as everywhere in DNS. What is asked by
such a route never leaves by another one, so a name of the inside is not told to the outside when the
inside does not answer. This module must not know what a forwarder does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from resolver.serving.forwarder import Forwarder
from resolver.upstreams import UpstreamAddress


class Routes:
    """`default` is asked for every name that no suffix fits.

    `make` builds a forwarder for some upstreams; suffixes that name the same upstreams share one, with
    its ports and what it knows of their health.
    """

    __slots__ = ("_by_suffix", "_forwarders", "default")

    def __init__(
        self,
        upstreams: Sequence[UpstreamAddress],
        make: Callable[[Sequence[UpstreamAddress]], Forwarder],
    ) -> None:
        self.default: Final = make([one for one in upstreams if not one.names])
        suffixes = sorted({name for one in upstreams for name in one.names})
        groups: dict[tuple[UpstreamAddress, ...], Forwarder] = {}
        self._by_suffix: dict[bytes, Forwarder] = {}
        for suffix in suffixes:
            group = tuple(one for one in upstreams if suffix in one.names)
            if group not in groups:
                groups[group] = make(group)
            self._by_suffix[suffix] = groups[group]
        self._forwarders: Final = (self.default, *groups.values())

    def __bool__(self) -> bool:
        """Whether any name has a way of its own."""
        return bool(self._by_suffix)

    @property
    def suffixes(self) -> Mapping[bytes, Forwarder]:
        """The ways of their own, by folded wire name."""
        return self._by_suffix

    def find(self, folded: bytes) -> Forwarder | None:
        """The way of its own that a lower-cased wire name has; None: it goes where all others go."""
        by_suffix, position = self._by_suffix, 0
        if not by_suffix:
            return None
        while True:
            found = by_suffix.get(folded[position:])
            if found is not None or not folded[position]:
                return found
            position += folded[position] + 1

    def close(self) -> None:
        """Stop asking."""
        for forwarder in self._forwarders:
            forwarder.close()
