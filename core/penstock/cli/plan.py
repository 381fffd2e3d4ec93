"""``penstock plan``."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import typer

from penstock.cli.failures import explained, misuse
from penstock.cli.options import Catalog, ConfigFile, Full, MappingFile, Only, Quiet, SinkName, Verbose, examples

EPILOG: Final = examples(
    "penstock plan",
    "penstock plan --format markdown > comment.md",
    "penstock plan --format json | jq '.changes[] | select(.action == \"delete\")'",
    "penstock plan --out plan.jsonl && penstock apply plan.jsonl",
)


def plan(
    *,
    output: Annotated[
        Literal["text", "json", "markdown"],
        typer.Option("--format", help="For a terminal, for programs (complete), or for a comment in a pull request."),
    ] = "text",
    out: Annotated[
        str | None, typer.Option("--out", metavar="FILE", help="Also write the plan for `penstock apply` to do.")
    ] = None,
    only: Only = None,
    full: Full = False,
    report: Annotated[
        str | None, typer.Option("--report", metavar="FILE", help="Write the report a sync would write, as JSON.")
    ] = None,
    sink: SinkName = None,
    catalog: Catalog = None,
    config: ConfigFile = None,
    mapping: MappingFile = None,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Show what a sync would change, and change nothing.

    Reads all that a sync reads and does all that a sync does, to copies of the catalog and of the run journal. Prints
    what would be created, updated (field by field) and deleted, and which deletions would be held. Exits as the sync
    would: 0 when the plan is complete, with or without changes, 1 when something is incomplete, 2 when a setting is
    wrong and nothing was fetched, 3 when deletions would wait for approval.
    """
    with explained(verbose=verbose) as context:
        from penstock.cli.mapped import settings_to_look
        from penstock.cli.planning import Wanted, make_plan
        from penstock.cli.running import Manner
        from penstock.cli.settings import inputs

        for option, target in (("--report", report), ("--out", out)):
            if target == "-":
                raise misuse(option, "name a file: stdout has the plan")
        settings = settings_to_look(context, inputs(config, mapping, sink=sink, catalog=catalog)).settings._replace(
            anew=full
        )
        context.settings = settings
        wanted = Wanted(output, only or (), out, report)
        code = make_plan(settings, context.secrets, Manner(verbose=verbose, quiet=quiet), wanted)
    raise SystemExit(code)
