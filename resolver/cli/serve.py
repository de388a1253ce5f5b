"""`belisha serve`: run Belisha in the foreground. Everything it does is in resolver.supervisor."""

from __future__ import annotations

from pathlib import Path

import click

from resolver.cli.options import config_option, find_config
from resolver.supervisor.start import Options
from resolver.supervisor.start import serve as run


@click.command()
@config_option
@click.option(
    "--first-token",
    is_flag=True,
    help="Print an admin token if there is none yet, also when the output is no terminal.",
)
@click.option(
    "--port-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the real addresses there (JSON) once everything is up; for ports chosen by the system.",
)
def serve(config: Path | None, first_token: bool, port_file: Path | None) -> None:
    """Run Belisha in the foreground.

    Opens the DNS and HTTP sockets, changes to the account `user` if started as root, and runs until
    SIGTERM or Ctrl-C. The very first start puts the shipped lists in force. Once everything is up it
    prints where it listens and what is in force; events go to standard error, as JSON.

    \b
    Examples:
      belisha serve --config belisha.toml
      BELISHA_DNS_LISTEN=0.0.0.0:53,[::]:53 belisha serve
    """
    run(Options(config=find_config(config), first_token=first_token, port_file=port_file))
