"""The options that several commands share, each a decorator."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Final, NamedTuple

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


class Given(NamedTuple):
    """Where the settings of a command are, as far as its options say."""

    config: Path | None
    mapping: Path | None
    sink: str | None
    catalog: Path | None


def settings_and_catalog(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say where its settings and its catalog are, as ``given``."""

    @sink_name
    @catalog_path
    @config_file
    @mapping_file
    @wraps(command)
    def with_given(
        *arguments: Any,  # noqa: ANN401 - handed on
        config: Path | None,
        mapping: Path | None,
        sink: str | None,
        catalog: Path | None,
        **options: Any,  # noqa: ANN401 - handed on
    ) -> None:
        command(*arguments, given=Given(config, mapping, sink, catalog), **options)

    return with_given


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
