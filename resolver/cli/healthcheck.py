"""`belisha healthcheck`: a real DNS query and `GET /readyz`, for Docker and for monitoring.

Any well-formed answer to the query counts, also a refusal: whether an upstream is down, or this
address is served, says nothing about the health of this process, and a container that is restarted
because the internet is away helps nobody. `localhost` is asked because the answer is made here
(RFC 6761 6.3).
"""

from __future__ import annotations

import secrets
import socket
import struct
from pathlib import Path
from typing import Final

import click

from resolver import settings as settings_file
from resolver.cli.access import find_url
from resolver.cli.client import Client
from resolver.cli.options import config_option, find_config
from resolver.errors import ProcessError, SettingsError
from resolver.settings import Endpoint, parse_endpoint

_SECONDS: Final = 2.0
_QUESTION: Final = b"\x09localhost\x00" + struct.pack("!HH", 1, 1)  # A, IN
_RECURSION_DESIRED: Final = 0x0100
_RESPONSE: Final = 0x8000


@click.command()
@config_option
@click.option("--url", envvar="BELISHA_URL", metavar="URL", help="Where the admin API is.")
@click.option("--dns", metavar="ADDRESS:PORT", help="Where DNS is. [default: the first of dns.listen]")
def healthcheck(config: Path | None, url: str | None, dns: str | None) -> None:
    """Ask the running server whether it is well.

    Sends one DNS query, and asks the admin API whether every worker serves the lists in force. Exits
    with 0 when all is well, else with 1 and a sentence about what is not.

    \b
    Example:
      belisha healthcheck --config /etc/belisha/belisha.toml
    """
    endpoint = parse_endpoint(dns or settings_file.load(find_config(config)).dns.listen[0], 53).reachable()
    if endpoint.port == 0:
        raise SettingsError("dns.listen has port 0, so nobody knows where DNS is; name it with --dns")
    ask_dns(endpoint)
    Client(find_url(url, config)).ask("GET", "/readyz", seconds=_SECONDS)
    click.echo("well")


def ask_dns(endpoint: Endpoint) -> None:
    """Send one query over UDP. Raises ProcessError when no answer to it comes."""
    number = secrets.randbelow(1 << 16)
    query = struct.pack("!6H", number, _RECURSION_DESIRED, 1, 0, 0, 0) + _QUESTION
    family = socket.AF_INET6 if endpoint.family == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as one:
            one.settimeout(_SECONDS)
            one.connect((endpoint.host, endpoint.port))
            one.send(query)
            answer = one.recv(4096)
    except OSError as error:
        raise ProcessError(f"DNS does not answer at {endpoint} ({error.strerror or error})") from error
    if len(answer) < 12 or struct.unpack_from("!HH", answer)[0] != number or not answer[2] & _RESPONSE >> 8:
        raise ProcessError(f"what answers at {endpoint} is no DNS server")
