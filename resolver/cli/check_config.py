"""`belisha check-config`: would `belisha serve` take these settings? Nothing is opened or written."""

from __future__ import annotations

from pathlib import Path

import click

from resolver.cli.options import config_option, find_config
from resolver.supervisor.start import check


@click.command()
@config_option
def check_config(config: Path | None) -> None:
    """Check the settings without starting anything.

    Reads the file and the variables that override it, and prints what would be in force. Exits
    with 2 and a sentence that names the place and the key when something is wrong.

    \b
    Example:
      belisha check-config --config /etc/belisha/belisha.toml
    """
    found = find_config(config)
    settings = check(found)
    click.echo("No settings file; the defaults are:" if found is None else f"{found} is right:")
    rows = {
        "DNS": ", ".join(settings.dns.listen),
        "workers": settings.dns.workers,
        "served": ", ".join(settings.dns.allow) or "nobody",
        "upstreams": ", ".join(one.url for one in settings.upstream),
        "admin API": settings.admin.listen,
        "data": settings.data_dir,
    }
    for name, value in rows.items():
        click.echo(f"  {name:10} {value}")
