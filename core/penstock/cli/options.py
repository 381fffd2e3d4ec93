"""The options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer


def examples(*lines: str) -> str:
    """Return an epilog that shows these lines as they are, under the word Examples."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


ConfigFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Connection, sink and resources.",
        show_default="./penstock.yml if it is there",
    ),
]
MappingFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--mapping", "-m", metavar="FILE", help="Resources as in a port-app-config.yml, in place of the config file's."
    ),
]
SinkName: TypeAlias = Annotated[
    str | None,
    typer.Option("--sink", metavar="NAME", help="Where entities go: the name of a sink plugin, in place of sink.type."),
]
Catalog: TypeAlias = Annotated[
    Path | None, typer.Option("--catalog", metavar="PATH", help="The catalog's file or folder, in place of sink.path.")
]
Only: TypeAlias = Annotated[
    list[str] | None, typer.Option("--only", metavar="KIND", help="Only this kind; may be given several times.")
]
Full: TypeAlias = Annotated[
    bool,
    typer.Option("--full", help="Read everything, also where only changes or changed pages would be asked for."),
]
ReportFile: TypeAlias = Annotated[
    str | None,
    typer.Option("--report", metavar="FILE", help="Write what the run did as JSON; - is stdout."),
]
Verbose: TypeAlias = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show every error and warning, and tracebacks.")
]
Quiet: TypeAlias = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing unless something is wrong.")]
Wait: TypeAlias = Annotated[
    bool, typer.Option("--wait", help="Wait for another run of this source to end, rather than exit with 75.")
]
