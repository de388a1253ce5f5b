"""A secret that all workers of one run share: random octets in memory that only a descriptor leads to.

Cookies made by one worker must be proven by every other (RFC 9018 5), so none of them may invent the secret
alone. It is never on disk, in a variable or on a command line: a child of this account reads it through the
descriptor that it inherits, as often as it is started, and nobody can change it. It is as new as the run.
"""

from __future__ import annotations

import fcntl
import os
from typing import Final

from resolver.events import log
from resolver.inherited import SECRET_OCTETS

_NAME: Final = "belisha-secret"
_SEALS: Final = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


def make_secret() -> int:
    """A descriptor from which SECRET_OCTETS random octets can be read, or -1 where the kernel grants none:
    each worker then has one of its own, which costs some clients a proof and is no reason not to start."""
    try:
        descriptor = os.memfd_create(_NAME, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except OSError as error:
        log("workers have no secret in common", "warning", reason=error.strerror or str(error))
        return -1
    os.write(descriptor, os.urandom(SECRET_OCTETS))
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    return descriptor
