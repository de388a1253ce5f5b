"""Names in requests: as people write them, to the wire.

A name may come as `WWW.Example.ORG.`, `bücher.example` or `xn--bcher-kva.example`; all of the API reads it in
the same way (`resolver.dns.names.read_host`). This module must not know what the name is wanted for.
"""

from __future__ import annotations

from resolver.admin.problems import Problem, problem, register
from resolver.dns.names import Fault, read_host

register({"name-invalid": Problem(422, "The name cannot be read")})


def wire_name(text: str) -> bytes:
    """The folded name on the wire, of the parameter or member `name`. Raises RequestError (422)."""
    name = read_host(text)
    if isinstance(name, Fault):
        raise problem("name-invalid", name.sentence, parameter="name", fault=name.code)
    return name
