"""``penstock schema``."""

from __future__ import annotations

from typing import Final

import click

from penstock.cli.console import put_json
from penstock.cli.failures import explained
from penstock.cli.options import examples, verbosely
from penstock.cli.plugged import pluggable, plugin_manager

EPILOG: Final = examples(
    "penstock schema > penstock.schema.json",
    "",
    "To have an editor complete and check penstock.yml, let its first line be:",
    "# yaml-language-server: $schema=penstock.schema.json",
)


@click.command(epilog=EPILOG)
@verbosely
@pluggable
def schema(*, verbose: bool) -> None:
    """Print the JSON Schema of penstock.yml.

    The settings of all installed and mounted plugins are in it, so that editors can complete and check the file.
    """
    with explained(verbose=verbose):
        from penstock.config.schema import json_schema

        put_json(json_schema(plugin_manager()))
