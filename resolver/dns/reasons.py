"""What an upstream says about its answer in an extended error (RFC 8914), and what of it a client is told.

The OPT is hop-by-hop, so an upstream's reason reaches a client only if we say it again. We do so

    for a failure       always; one without a reason gets EDE 0, "Other", so that it is seen whose word it is
    for other answers   where the reason is that they are not what the internet says: forged, blocked,
                        censored, filtered, prohibited (RFC 8914 4.5, 4.16 to 4.19). What an upstream says of
                        its own cache is no longer true when ours answers

The code is kept as it is. The text is for people, comes over an unprotected path and goes into their
programs: it must be UTF-8 and printable, or it is left out; `edns.MAX_TEXT` bounds it.
"""

from __future__ import annotations

from typing import Final

from resolver.dns import registry
from resolver.dns.edns import PLAIN_OPT, extended_error, opt
from resolver.dns.query import option

_LASTING: Final = (
    registry.EDE_FORGED,
    registry.EDE_BLOCKED,
    registry.EDE_CENSORED,
    registry.EDE_FILTERED,
    registry.EDE_PROHIBITED,
)

_GOOD: Final = (registry.NOERROR, registry.NXDOMAIN)

EDE: Final = registry.OPTION_EDE.to_bytes(2, "big")
"""How an extended error begins: without these octets, options hold none."""


def read_reason(options: bytes) -> tuple[int, str] | None:
    """Code and text of the first extended error in the RDATA of an OPT; None when there is none.

    RFC 8914 2: the text may end in a NUL, which is no part of it. Text that is not fit to be shown is "".
    """
    if EDE not in options:
        return None
    data = option(options, registry.OPTION_EDE)
    if data is None or len(data) < 2:
        return None
    try:
        text = data[2:].rstrip(b"\0").decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    return int.from_bytes(data[:2], "big"), text if text.isprintable() else ""


def opts_for(rcode: int, options: bytes) -> tuple[bytes, bytes]:
    """The OPT records, without and with DO, for an upstream's answer that had these options in its own."""
    reason = read_reason(options)
    if rcode in _GOOD:
        if reason is None or reason[0] not in _LASTING:
            return PLAIN_OPT
    elif reason is None:
        reason = registry.EDE_OTHER, f"an upstream answered {registry.rcode_name(rcode)}"
    error = extended_error(*reason)
    return opt(False, error), opt(True, error)
