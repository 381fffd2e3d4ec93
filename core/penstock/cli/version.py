"""``penstock version``."""

from __future__ import annotations

import platform

import click

from penstock.cli.console import put


@click.command()
def version() -> None:
    """Print the versions of penstock and of its Python."""
    from importlib.metadata import version as version_of

    put(f"penstock {version_of('penstock')} (Python {platform.python_version()})")
