"""Which datapath serves. The asyncio one (`resolver.serving.udp`) is always there.

The native one is a distribution of its own; this file will be the only one that imports it.
"""

from __future__ import annotations

from typing import Literal

from resolver.errors import SettingsError

Name = Literal["asyncio"]


def choose(setting: str) -> Name:
    """The datapath for `dns.datapath`. Raises SettingsError for one that this version lacks."""
    if setting == "native":
        raise SettingsError('dns.datapath: this version has no native datapath; use "auto" or "asyncio"')
    return "asyncio"
