"""The notations that are written, as a table. The one place to add one.

`resolver.rules.formats.table` has those that are read; whatever is written here is read there, and says the
same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from resolver.rules.writers.adblock import ADBLOCK
from resolver.rules.writers.dnsmasq import DNSMASQ
from resolver.rules.writers.expressions import PIHOLE_REGEX, REGEX
from resolver.rules.writers.plain import DOMAINS, HOSTS, WILDCARD
from resolver.rules.writers.rpz import RPZ
from resolver.rules.writers.unbound import UNBOUND
from resolver.rules.writers.writer import Writer

WRITERS: Final[Mapping[str, Writer]] = {
    one.name: one for one in (HOSTS, DOMAINS, WILDCARD, ADBLOCK, DNSMASQ, UNBOUND, RPZ, REGEX, PIHOLE_REGEX)
}
"""Format → how it is written."""
