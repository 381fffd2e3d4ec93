"""``penstock version``."""

from __future__ import annotations

import platform

import click

from penstock.cli.console import put
from penstock.version import VERSION


@click.command()
def version() -> None:
    """Print the versions of penstock and of its Python."""
    put(f"penstock {VERSION} (Python {platform.python_version()})")
