"""`belisha version`: the version, and what it runs on; the first line of every bug report."""

from __future__ import annotations

import platform

import click

from resolver import __version__


@click.command()
def version() -> None:
    """Show the version.

    Also names the Python it runs on, because a report of a fault needs both.
    """
    click.echo(f"belisha {__version__} ({platform.python_implementation()} {platform.python_version()})")
