"""`belisha healthcheck`: a real DNS query and `GET /readyz`, for Docker and for monitoring.

Any well-formed answer to the query counts, also a refusal: whether an upstream is down, or this
address is served, says nothing about the health of this process, and a container that is restarted
because the internet is away helps nobody. `localhost` is asked because the answer is made here
(RFC 6761 6.3).
"""

from __future__ import annotations

import secrets
import socket
from pathlib import Path
from typing import Final

import click

from resolver import settings as settings_file
from resolver.cli.access import find_url
from resolver.cli.client import Client
from resolver.cli.options import config_option, find_config
from resolver.dns import registry
from resolver.dns.message import build_query
from resolver.errors import ProcessError, SettingsError
from resolver.upstreams import Endpoint, parse_endpoint

_SECONDS: Final = 2.0


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
    query = build_query(number, "localhost", registry.A, edns=False)
    family = socket.AF_INET6 if endpoint.family == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as one:
            one.settimeout(_SECONDS)
            one.connect((endpoint.host, endpoint.port))
            one.send(query)
            answer = one.recv(4096)
    except OSError as error:
        raise ProcessError(f"DNS does not answer at {endpoint} ({error.strerror or error})") from error
    if len(answer) < 12 or answer[:2] != query[:2] or not answer[2] & registry.QR >> 8:
        raise ProcessError(f"what answers at {endpoint} is no DNS server")
