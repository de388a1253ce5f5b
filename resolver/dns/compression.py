"""Names in a message: labels, and pointers back to labels that stand there already (RFC 1035 4.1.4).

Reading one is bounded whatever the octets are: pointers go backwards only, each further back than the last,
so there is no loop; they are at most `MAX_HOPS`, and labels are bounded by the 255 octets of a name.
"""

from __future__ import annotations

from typing import Final

from resolver.errors import WireError

MAX_HOPS: Final = 16
"""Pointers followed for one name. Who writes a message needs one for each name that ends as an earlier one
does, which itself ends as an earlier one does; the resolvers that programs bring along follow ten."""

_MAX_LABELS: Final = 254
"""Octets of a name without its root (RFC 1035 2.3.4)."""


def name_at(data: bytes, offset: int) -> tuple[bytes, int]:
    """The wire name at an offset, pointers followed, and the offset behind it. Raises WireError.

    A pointer must lead to "a prior occurrence" (RFC 1035 4.1.4). One into the header is refused: the header
    is written anew for each client, so the client would not read the name that was judged.
    """
    runs: list[bytes] = []
    total, hops, end = 0, 0, 0
    begin = position = offset
    last = offset + _MAX_LABELS
    try:
        while length := data[position]:
            if length < 64:
                position += length + 1
                if position > last:
                    raise WireError("a name that is too long", position)
            elif length >= 0xC0:
                target = (length & 0x3F) << 8 | data[position + 1]
                if target >= begin or target < 12 or hops == MAX_HOPS:
                    raise WireError("a pointer that does not lead back to a name", position)
                runs.append(data[begin:position])
                total += position - begin
                end = end or position + 2
                hops += 1
                begin = position = target
                last = target + _MAX_LABELS - total
            else:
                raise WireError("a label of a type not in use", position)
    except IndexError:
        raise WireError("a name runs out of the message", position) from None
    if not runs:
        return data[begin : position + 1], position + 1
    return b"".join((*runs, data[begin : position + 1])), end


def read_name(data: bytes, offset: int) -> bytes:
    """The wire name at an offset, pointers followed. Raises WireError."""
    return name_at(data, offset)[0]
