"""``penstock version``."""

from __future__ import annotations

import platform

import click

from penstock.cli.console import put
from penstock.cli.failures import explained
from penstock.version import VERSION


@click.command()
def version() -> None:
    """Print the versions of penstock and of its Python."""
    with explained(verbose=False):
        put(f"penstock {VERSION} (Python {platform.python_version()})")
