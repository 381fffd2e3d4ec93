"""The options that several commands share, each a decorator."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

PATH: Final = click.Path(path_type=Path)


def examples(*lines: str) -> str:
    """Return an epilog that shows these lines as they are, under the word Examples."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


config_file = click.option(
    "-c",
    "--config",
    metavar="FILE",
    type=PATH,
    help="Connection, sink and resources.",
    show_default="./penstock.yml if it is there",
)
mapping_file = click.option(
    "-m",
    "--mapping",
    metavar="FILE",
    type=PATH,
    help="Resources as in a port-app-config.yml, in place of the config file's.",
)
sink_name = click.option(
    "--sink", metavar="NAME", help="Where entities go: the name of a sink plugin, in place of sink.type."
)
catalog_path = click.option(
    "--catalog", metavar="PATH", type=PATH, help="The catalog's file or folder, in place of sink.path."
)
only_kinds = click.option("--only", metavar="KIND", multiple=True, help="Only this kind; may be given several times.")
full_read = click.option(
    "--full", is_flag=True, help="Read everything, also where only changes or changed pages would be asked for."
)
report_file = click.option("--report", metavar="FILE", help="Write what the run did as JSON; - is stdout.")
verbosely = click.option("-v", "--verbose", is_flag=True, help="Show every error and warning, and tracebacks.")
quietly = click.option("-q", "--quiet", is_flag=True, help="Say nothing unless something is wrong.")
waiting = click.option(
    "--wait", is_flag=True, help="Wait for another run of this source to end, rather than exit with 75."
)
table_or_json = click.option(
    "--format",
    "output",
    type=click.Choice(["table", "json"]),
    default="table",
    help="For people, or for programs.",
)
text_or_json = click.option(
    "--format", "output", type=click.Choice(["text", "json"]), default="text", help="For people, or for programs."
)
