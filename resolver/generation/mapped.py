"""A compiled list by its digest: mapped, checked, and known to be the one its name says.

`resolver.rules.compiled` knows what a compiled file looks like and `resolver.generation.blobs` where
it stands; here the two meet, so that every trouble names the file and says what to do. With `verify`
every octet is checked before any is used: a damaged trie can do worse than answer wrongly (of single
octets changed at random, one in forty ended the process that asked it; measured). Without it only
the header is, which is for files that were verified in this process before.
"""

from __future__ import annotations

from resolver.errors import CorruptFile
from resolver.generation.blobs import Blobs
from resolver.rules.compiled import CompiledList


def open_list(blobs: Blobs, digest: str, *, verify: bool = True) -> CompiledList:
    """Map the compiled file of these rules.

    Raises CorruptFile, naming the file, when it is missing, damaged, or holds other rules than its
    name says; else StoreError. `verify` reads the whole file: some 20 ms for a million names.
    """
    try:
        rules = CompiledList(blobs.open(digest), verify=verify)
    except CorruptFile as error:
        raise _damaged(blobs, digest, str(error)) from error
    if rules.digest != digest:
        raise _damaged(blobs, digest, f"it holds the rules {rules.digest}")
    return rules


def _damaged(blobs: Blobs, digest: str, what: str) -> CorruptFile:
    path = str(blobs.path(digest))
    return CorruptFile(
        what if path in what else f"{path} is damaged: {what}; push the list again or roll back"
    )
